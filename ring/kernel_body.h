/* ring/kernel_body.h - the lookups, written once and compiled for each instruction set: by
 * kernel_plain.c, kernel_sse2.c and kernel_avx2.c, which bring cell_entry() and KERNEL.
 *
 * The one branch is for ties and crowded cells, a lookup in some thousands; nothing here waits for
 * anybody, and the number of steps is bounded: the points of one cell are searched by halves. */
#ifndef RING_KERNEL_BODY_H
#define RING_KERNEL_BODY_H

#include "ring/ring_internal.h"

/* Lookups that are prefetched ahead of the one that is answered: enough to cover a miss of the last
 * cache, few enough for the load buffers of any processor. */
enum { MANY_AHEAD = 12 };

static inline const struct ring_cell *cell_of(const struct henge_ring *ring, uint64_t hash) {
    return &ring->cells[hash >> ring->shift];
}

static inline bool is_told(const struct ring_cell *cell, unsigned entry, int16_t key) {
    return cell->thresholds[entry] != key && cell->owners[entry] != SLOT_SEE_POINTS;
}

static uint32_t owner(const struct henge_ring *ring, uint64_t hash) {
    const struct ring_cell *cell = cell_of(ring, hash);
    const int16_t key = ring_key(ring, hash);
    const unsigned entry = cell_entry(cell, key);
    if (__builtin_expect(!is_told(cell, entry, key), 0)) {
        return ring_exact_owner(ring, hash);
    }
    return cell->owners[entry];
}

static inline struct henge_route_owner route_owner(const struct henge_ring *ring, uint32_t slot,
                                                   bool is_repeat) {
    const unsigned flags = is_repeat ? HENGE_OWNER_ZONE_REPEAT : 0;
    return (struct henge_route_owner){.slot = (uint16_t)slot,
                                      .flags = (uint16_t)(flags | ring_up_flag(ring, slot))};
}

/* At most LIST_OWNERS; beyond them the ring's own zones and members set the number. */
static void route(const struct henge_ring *ring, uint64_t hash, uint32_t count,
                  struct henge_route *route_out) {
    const struct ring_list_line *line = &ring->lists[hash >> ring->shift];
    __builtin_prefetch(line);
    const struct ring_cell *cell = cell_of(ring, hash);
    const int16_t key = ring_key(ring, hash);
    const unsigned entry = cell_entry(cell, key);
    if (__builtin_expect(!is_told(cell, entry, key), 0)) {
        ring_exact_route(ring, hash, count, route_out);
        return;
    }
    ring_route_head(ring, hash, count, route_out);
    const uint32_t zones = route_out->zones_count;
    route_out->owners[0] = route_owner(ring, cell->owners[entry], false);
    if (route_out->owners_count > 1) {
        route_out->owners[1] = route_owner(ring, line->seconds[entry], zones < 2);
    }
    if (route_out->owners_count > 2) {
        route_out->owners[2] = route_owner(ring, line->thirds[entry], zones < 3);
    }
}

static void owner_many(const struct henge_ring *ring, const uint64_t *hashes, size_t count,
                       uint16_t *slots_out) {
    for (size_t i = 0; i < count && i < MANY_AHEAD; i++) {
        __builtin_prefetch(cell_of(ring, hashes[i]));
    }
    for (size_t i = 0; i < count; i++) {
        if (i + MANY_AHEAD < count) {
            __builtin_prefetch(cell_of(ring, hashes[i + MANY_AHEAD]));
        }
        slots_out[i] = (uint16_t)owner(ring, hashes[i]);
    }
}

const struct ring_kernel KERNEL = {
    .name = KERNEL_NAME, .owner = owner, .route = route, .owner_many = owner_many};

#endif
