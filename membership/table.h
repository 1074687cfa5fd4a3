/* membership/table.h - the slots: who is known, found by name hash, listed, summed up.
 *
 * Slots are numbers that stay while a member is known; slot 0 is this node. A forgotten member's
 * slot waits until table_slot_free before it is given out again. The arrays grow by an eighth, up
 * to `max`, when a new member comes; nothing else allocates. What a member *is* changes only
 * through merge.c, which calls table_counted_out, changes it, and calls table_counted_in.
 *
 * It is small on purpose, since ten thousand nodes in one simulation hold 10^8 members: 24 bytes
 * and 6 beside them, and 5 of the index. So slots are 16 bits wide in memory; outside NO_SLOT is
 * "none".
 */
#ifndef MEMBERSHIP_TABLE_H
#define MEMBERSHIP_TABLE_H

#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/base/slot_index.h"
#include "membership/limits.h"
#include "membership/membership.h"

enum slot_use { SLOT_FREE = 0, SLOT_USED, SLOT_FORGOTTEN };

enum { TABLE_SLOTS_MAX = SLOT_INDEX_MAX, TABLE_NONE = SLOT_INDEX_NONE };

/* In struct member are slot_use (enum slot_use), live_position (index in live, TABLE_NONE when not
 * there), and changed: table.changes at the last change, its lower half, which tells what a
 * snapshot lacks. */
struct slot {
    uint16_t link; /* used: id of the suspicion; free: the next free slot; or TABLE_NONE */
    uint16_t news; /* gossip.h's: id of the entry about it, TABLE_NONE when there is none */
};
_Static_assert(sizeof(struct member) == 24 && sizeof(struct slot) == 4,
               "the memory of a simulation hangs on it");

struct table {
    struct memory *memory;
    struct member *members;
    struct slot *slots;
    uint16_t *live; /* slots ALIVE or SUSPECT, own one left out */
    uint32_t live_count;
    uint32_t near_count; /* live[0..near_count) are in this node's zone, the rest in others */
    bool is_zone_blind;  /* all are near */
    uint32_t count;      /* slots ever given out */
    uint32_t capacity, max;
    uint32_t expected; /* slots, 0: not known; set after table_init */
    uint32_t free_first;
    struct slot_index names;
    uint32_t statuses[4];        /* members by status, own included */
    uint64_t sums[SYNC_BUCKETS]; /* fingerprint by bucket of the name hash */
    uint64_t fingerprint;
    uint64_t fingerprint_since_ns; /* kept by merge.c */
    uint64_t highest_generation;
    uint64_t changes;
};

/* `secret` makes it impossible to choose names that collide. */
void table_init(struct table *table, struct memory *memory, uint32_t max, uint64_t secret,
                uint64_t now_ns);
void table_deinit(struct table *table);

uint32_t table_find(const struct table *table, uint64_t name_hash); /* NO_SLOT */
/* A fresh slot under this name; NO_SLOT when full or out of memory. Its record has to be there
 * before the next look at the table. */
uint32_t table_take(struct table *table, uint64_t name_hash);
/* The member is not known any more; its slot waits for table_slot_free. */
void table_forget(struct table *table, uint32_t slot);
void table_slot_free(struct table *table, uint32_t slot);

/* The id of the suspicion of a used slot; NO_SLOT when there is none. */
uint32_t table_suspicion(const struct table *table, uint32_t slot);
void table_suspicion_set(struct table *table, uint32_t slot, uint32_t id);
/* Has the member changed since table.changes was `before`? May be true though it has not. */
bool table_is_changed(const struct table *table, uint32_t slot, uint64_t before);

/* Takes the member as it is out of, or into, counts, live list and fingerprint. */
void table_counted_out(struct table *table, uint32_t slot);
void table_counted_in(struct table *table, uint32_t slot);

/* ALIVE and SUSPECT members, own included: the N of every formula. */
uint32_t table_size(const struct table *table);
/* Up to `count` distinct slots of the live list, at random; returns how many. */
uint32_t table_pick(struct table *table, struct random *random, uint32_t *slots_out,
                    uint32_t count);
/* The same, within this node's zone and outside of it. */
uint32_t table_pick_near(struct table *table, struct random *random, uint32_t *slots_out,
                         uint32_t count);
uint32_t table_pick_far(struct table *table, struct random *random, uint32_t *slots_out,
                        uint32_t count);
/* Is a live member in this node's zone? */
bool table_is_near(const struct table *table, uint32_t slot);
/* This node's own zone is another one. */
void table_rezone(struct table *table);
uint32_t table_bucket(uint64_t name_hash);
/* A member's share of the sums; 0: it has none. */
uint64_t table_share(const struct table *table, uint32_t slot);
uint32_t table_sum_folded(const struct table *table, uint32_t bucket);
/* True if a member other than this node is held ALIVE or SUSPECT at the address. O(n). */
bool table_is_live_address(const struct table *table, const struct henge_address *address);

#endif
