/* ring/ring_internal.h - the ring's own shape, shared by the files of this folder, its tests and
 * bench/lookup.
 *
 *     hash      |<------- 48 bits: place on the circle ------->|<- 16 bits ->|
 *     point     |<------- token48 --------------------------->|<- slot16 -->|
 *     bucket    |<- 64 - shift ->|
 *
 * A ring is one block of memory: this struct, then `points` in clockwise order, then `buckets`,
 * then `zone_of_slot`. Nothing in it is written after the build.
 *
 * buckets[b] is the index of the first point that lies in bucket b or behind it. There is at least
 * one bucket per point, so the owner of a hash is one of the next few points. SENTINELS copies of
 * "the first point, seen from the end of the circle" stand behind the last one, so that neither the
 * end nor the wrap needs a test. In a ring without points they say HENGE_NO_SLOT. */
#ifndef RING_RING_INTERNAL_H
#define RING_RING_INTERNAL_H

#include "ring/ring.h"

#define POINT_TOKEN_MASK (~UINT64_C(0xffff))

enum {
    TOKEN_BITS = 48,
    POINT_SLOT_BITS = 16,
    POINTS_MAX = 1 << 24,
    BUCKET_BITS_MIN = 1, /* a shift by 64 would be undefined */
    SENTINELS = 3        /* as many as ring_first_point looks at without a branch */
};

struct henge_ring {
    const uint64_t *points;
    const uint32_t *buckets;
    uint32_t shift; /* hash >> shift = bucket */
    uint32_t points_count;
    const uint16_t *zone_of_slot; /* equal values = equal zones; good for slots that own points */
    const _Atomic uint8_t *up_by_slot; /* or NULL: all are up */
    uint32_t members_count;            /* those that own points */
    uint32_t zones_count;              /* distinct zones among them */
    uint64_t fingerprint;
    uint64_t version;
    size_t block_bytes;
};

/* Writes the `count` tokens of one member, each below 2^48. The tests put their own in here. */
struct token_source {
    const void *context;
    void (*fill)(const void *context, const struct ring_member *member, uint64_t *tokens_out,
                 size_t count);
};

/* The source ring_build uses; `salt` has 16 bytes and must outlive it. */
struct token_source token_source_of_salt(const uint8_t *salt);

enum henge_status ring_build_from(struct memory *memory, const struct ring_parameters *parameters,
                                  const struct ring_member *members, size_t count,
                                  const struct token_source *source, struct henge_ring **ring_out);

/* Ascending by token; points with equal tokens keep their order. `scratch` has `count` words. */
void sort_points(uint64_t *points, uint64_t *scratch, size_t count);

static inline uint64_t point_token(uint64_t point) {
    return point >> POINT_SLOT_BITS;
}

static inline uint32_t point_slot(uint64_t point) {
    return (uint32_t)(point & ~POINT_TOKEN_MASK);
}

/* How many points the member owns in the current ring. */
static inline uint32_t member_points(const struct ring_member *member) {
    bool owns =
        member->ring_state == HENGE_RING_ACTIVE || member->ring_state == HENGE_RING_DRAINING;
    return owns ? (uint32_t)member->vnodes * member->weight : 0;
}

/* The first point at or behind the hash, possibly a sentinel.
 *
 * How many of the next points lie before the hash is a coin toss that no branch predictor learns,
 * so the first few are counted instead of branched on; the loop behind is for crowded buckets.
 * Bounded: it stops at a sentinel at the latest. */
static inline const uint64_t *ring_first_point(const struct henge_ring *ring, uint64_t hash) {
    const uint64_t target = hash & POINT_TOKEN_MASK; /* a point of this token is not below it */
    const uint64_t *point = ring->points + ring->buckets[hash >> ring->shift];
    point +=
        (size_t)(point[0] < target) + (size_t)(point[1] < target) + (size_t)(point[2] < target);
    while (*point < target) {
        point++;
    }
    return point;
}

#endif
