/* ring/ring.h - building the immutable ring that henge/ring.h looks up.
 *
 * Pure: members in, ring out; no clock, no thread, no global. Points are the sorted canonical
 * u64 = token48 << 16 | slot16; ties of token48 are broken by member name, never by slot. The owner
 * of a hash is the slot of the first point whose token is at or behind its upper 48 bits, and past
 * the last point the first one. Lookups read one cache line (ring_internal.h). */
#ifndef RING_RING_H
#define RING_RING_H

#include "core/base/epoch.h"
#include "core/base/memory.h"
#include "henge/ring.h"
#include <stdatomic.h>

/* Each virtual node stands at one of RING_CANDIDATES places; which one, its member chooses when it
 * joins (placement.c) and tells in 4 bits. Of more virtual nodes than RING_CHOSEN_MAX the rest
 * stands at the first place, which is called plain. */
enum {
    RING_CANDIDATES = 16,
    RING_CHOICES_BYTES = HENGE_RING_CHOICES_BYTES,
    RING_CHOSEN_MAX = 2 * RING_CHOICES_BYTES,
    RING_POINTS_MAX = 1 << 24 /* of all members */
};

/* What the ring needs to know of one member. The strings are read during the build only. */
struct ring_member {
    const char *name;
    const char *zone;
    const char *region;
    const char *role;
    uint64_t hash;   /* ring_member_hash of what is here, if it is known; or 0 */
    uint16_t slot;   /* unique, < 0xfffe */
    uint16_t vnodes; /* at weight 1 */
    uint16_t weight; /* 0 owns nothing; points = vnodes * weight */
    uint8_t ring_state;
    /* Two virtual nodes a byte, the lower half first; those behind the last byte are plain. */
    uint8_t choices_bytes; /* 0..RING_CHOICES_BYTES */
    const uint8_t *choices;
};

struct ring_parameters {
    uint8_t salt[16]; /* of the cluster; zero without a key */
    uint64_t version; /* this node's counter, carried along */
    /* by slot: 1 = up. May be NULL: then all are up. Read relaxed at lookup time; it must outlive
     * the ring and cover every slot. */
    const _Atomic uint8_t *up_by_slot;
};

/* Builds; members in any order. Those that are JOINING or of weight 0 count for the fingerprint but
 * own nothing. HENGE_NO_MEMORY, or HENGE_INVALID for a slot used twice, a name used twice by
 * owners, a name that is empty or over HENGE_NAME_BYTES - 1, or points over RING_POINTS_MAX.
 * The result is freed with ring_destroy (NULL is ignored). */
enum henge_status ring_build(struct memory *memory, const struct ring_parameters *parameters,
                             const struct ring_member *members, size_t count,
                             struct henge_ring **ring_out);
void ring_destroy(struct memory *memory, struct henge_ring *ring);
/* False: the members have more than RING_POINTS_MAX points. */
bool ring_fits(const struct ring_member *members, size_t count);

/* Another head of the same table: the version and the liveness of one of those who share it. It is
 * freed with ring_destroy before the table. NULL: no memory. */
struct henge_ring *ring_head_of(struct memory *memory, const struct henge_ring *table,
                                const struct ring_parameters *parameters);

/* The same, by bringing up to date a ring that was built with the same salt, of whatever members:
 * the work is proportional to what differs (change.c). The members' slots must mean the same in
 * both. The result is byte for byte the ring that ring_build would make.
 *
 * ring_apply changes the ring itself: nobody may read it. HENGE_FULL says that it has no room, or
 * that so much differs that building is as fast; it is as before then, and so it is without memory.
 * After HENGE_INVALID it is good for nothing but to be destroyed. ring_copy_changed makes a copy
 * and leaves `old` alone, which others may read. */
enum henge_status ring_apply(struct memory *memory, struct henge_ring *ring,
                             const struct ring_parameters *parameters,
                             const struct ring_member *members, size_t count);
enum henge_status ring_copy_changed(struct memory *memory, const struct henge_ring *old,
                                    const struct ring_parameters *parameters,
                                    const struct ring_member *members, size_t count,
                                    struct henge_ring **ring_out);

/* Adds to a route of `count` owners by the current ring what the next one makes of it: who is
 * leaving, who is pending. The first pending one takes the place of the first that leaves, and so
 * on. */
void ring_route_pending(const struct henge_ring *next, size_t count, struct henge_route *route);

/* The fingerprint a ring of these members would have, without building it: an order-free hash of
 * (name, vnodes, weight, zone, region, role, ring state, choices) and of the parameters. */
uint64_t ring_fingerprint_of(const struct ring_parameters *parameters,
                             const struct ring_member *members, size_t count);
/* The same by parts, for who has no array of them: the sum of all members' hashes, and how many. */
uint64_t ring_member_hash(const struct ring_member *member);
uint64_t ring_fingerprint_of_sum(const struct ring_parameters *parameters, uint64_t sum,
                                 size_t count);

struct ring_choice {
    const struct ring_parameters *parameters;
    const struct henge_ring *ring;     /* what is there, */
    const struct ring_member *members; /* built of these */
    size_t count;
    const struct ring_member *self; /* who chooses: new, or one of them; slot, vnodes > 0 */
    uint32_t candidates;            /* 1..RING_CANDIDATES: how many it has for each virtual node */
    uint32_t kept; /* so many of its virtual nodes stay as self->choices has them */
};

/* Chooses so that primaries are spread evenly over all members, and replicas over those of its
 * zone: see placement.c. Writes RING_CHOICES_BYTES; HENGE_NO_MEMORY, and then nothing is written.
 */
enum henge_status ring_choose(struct memory *memory, const struct ring_choice *choice,
                              uint8_t *choices_out);

#endif
