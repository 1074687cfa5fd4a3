/* membership/tombstones.h - what is remembered of members that are not in the table any more.
 *
 * A tombstone keeps a dead or departed incarnation from coming back on old hearsay: only an ALIVE
 * above it is admitted. Retention is the same for all, so the list in order of entry is in order
 * of expiry. Full: the oldest makes room. The address of a DEAD one that ends is handed to
 * the caller, as a former peer. */
#ifndef MEMBERSHIP_TOMBSTONES_H
#define MEMBERSHIP_TOMBSTONES_H

#include "core/base/map.h"
#include "core/base/memory.h"
#include "membership/wire.h"

struct tombstone {
    uint64_t name_hash;
    uint64_t expires_ns;
    struct liveness liveness;
    struct proof proof;           /* LEFT: who said so; DEAD: what a LEFT would have to match */
    struct henge_address address; /* family 0 when it was never known */
    uint32_t next, previous;      /* by entry; also the free list (next) */
    uint8_t is_used;
    uint8_t is_hearsay; /* learnt after the fact: not handed on, or it would live for ever */
};

struct tombstones {
    struct memory *memory;
    struct tombstone *stones;
    struct map by_name;
    uint32_t count;   /* used */
    uint32_t reached; /* ever used: the rest is untouched */
    uint32_t capacity, max;
    uint32_t oldest, newest, free_first;
    uint64_t retention_ns;
};

bool tombstones_init(struct tombstones *tombstones, struct memory *memory, uint32_t max,
                     uint64_t retention_ns);
void tombstones_deinit(struct tombstones *tombstones);
/* NULL when there is none; good until the next put. */
struct tombstone *tombstones_find(const struct tombstones *tombstones, uint64_t name_hash);
/* Puts or renews. *dropped_out (may not be NULL) is the address of one that had to make room
 * (family 0: none). */
void tombstones_put(struct tombstones *tombstones, uint64_t name_hash,
                    const struct liveness *liveness, const struct henge_address *address,
                    bool is_hearsay, uint64_t now_ns, struct henge_address *dropped_out);
/* What becomes of the proof of one that was put: it stays while the generation does. */
void tombstones_prove(struct tombstones *tombstones, uint64_t name_hash, const struct proof *proof);
/* As it is handed on. */
struct update tombstone_update(const struct tombstone *stone);
void tombstones_remove(struct tombstones *tombstones, uint64_t name_hash);
/* Ends the oldest if its time is over; false when there is nothing to end. */
bool tombstones_expire(struct tombstones *tombstones, uint64_t now_ns,
                       struct henge_address *address_out);
uint64_t tombstones_deadline(const struct tombstones *tombstones);

#endif
