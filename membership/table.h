/* membership/table.h - the slots: who is known, found by name hash, listed, summed up.
 *
 * Slots are numbers that stay while a member is known; slot 0 is this node. A forgotten member's
 * slot waits until table_slot_free before it is given out again. The arrays double up to `max` when
 * a new member comes; nothing else allocates. What a member *is* changes only through merge.c,
 * which calls table_counted_out, changes it, and calls table_counted_in. */
#ifndef MEMBERSHIP_TABLE_H
#define MEMBERSHIP_TABLE_H

#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "membership/limits.h"
#include "membership/membership.h"

enum slot_use { SLOT_FREE = 0, SLOT_USED, SLOT_FORGOTTEN };

struct slot {
    uint64_t changed;       /* table.changes at the last change: what a snapshot lacks */
    uint32_t live_position; /* index in live, NO_SLOT when not there */
    uint32_t suspicion;     /* id, NO_SLOT when not suspected */
    uint32_t next_free;
    uint8_t use; /* enum slot_use */
};

struct table {
    struct memory *memory;
    struct member *members;
    struct slot *slots;
    uint32_t *live; /* slots ALIVE or SUSPECT, own one left out */
    uint32_t live_count;
    uint32_t near_count; /* live[0..near_count) are in this node's zone, the rest in others */
    bool is_zone_blind;  /* all are near */
    uint32_t count;      /* slots ever given out */
    uint32_t capacity, max;
    uint32_t free_first;
    struct map names;            /* name hash -> slot */
    uint32_t statuses[4];        /* members by status, own included */
    uint64_t sums[SYNC_BUCKETS]; /* fingerprint by bucket of the name hash */
    uint64_t fingerprint;
    uint64_t fingerprint_since_ns; /* kept by merge.c */
    uint64_t highest_generation;
    uint64_t changes;
};

bool table_init(struct table *table, struct memory *memory, uint32_t max, uint64_t now_ns);
void table_deinit(struct table *table);

uint32_t table_find(const struct table *table, uint64_t name_hash); /* NO_SLOT */
/* A fresh slot under this name, without a record yet; NO_SLOT when full or out of memory. */
uint32_t table_take(struct table *table, uint64_t name_hash);
/* The member is not known any more; its slot waits for table_slot_free. */
void table_forget(struct table *table, uint32_t slot);
void table_slot_free(struct table *table, uint32_t slot);

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
uint32_t table_sum_folded(const struct table *table, uint32_t bucket);
/* True if a member other than this node is held ALIVE or SUSPECT at the address. O(n). */
bool table_is_live_address(const struct table *table, const struct henge_address *address);

#endif
