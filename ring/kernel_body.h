/* ring/kernel_body.h - the lookups, written once and compiled for each instruction set: by
 * kernel_plain.c, kernel_sse2.c and kernel_avx2.c, which bring cell_entry() and KERNEL.
 *
 * The one branch is for ties and crowded cells, a lookup in some thousands; nothing here waits for
 * anybody, and the number of steps is bounded: the points of one cell are searched by halves. */
#ifndef RING_KERNEL_BODY_H
#define RING_KERNEL_BODY_H

#include "ring/ring_internal.h"
#include <string.h>

/* Lookups that are prefetched ahead of the one that is answered: enough to cover a miss of the last
 * cache, few enough for the load buffers of any processor. */
enum { MANY_AHEAD = 12 };

static inline const struct ring_cell *cell_of(const struct henge_ring *ring, uint64_t hash) {
    return &ring->cells[hash >> ring->shift];
}

/* What stands at an entry of one of a line's arrays. Entries are told in bytes, as the vector
 * compares count them: to halve and to double again would cost two steps of a chain of ten. */
static inline uint16_t at_entry(const void *array, unsigned entry) {
    uint16_t value;
    memcpy(&value, (const uint8_t *)array + entry, sizeof(value));
    return value;
}

static inline bool is_told(const struct ring_cell *cell, unsigned entry, int16_t key) {
    return at_entry(cell->thresholds, entry) != (uint16_t)key &&
           at_entry(cell->owners, entry) != SLOT_SEE_POINTS;
}

static uint32_t owner(const struct henge_ring *ring, uint64_t hash) {
    const struct ring_cell *cell = cell_of(ring, hash);
    const int16_t key = ring_key(ring, hash);
    const unsigned entry = cell_entry(cell, key);
    if (__builtin_expect(!is_told(cell, entry, key), 0)) {
        return ring_exact_owner(ring, hash);
    }
    return at_entry(cell->owners, entry);
}

/* Two stores: put together in a register, the slot would wait for the flags. */
static inline void put_owner(const struct henge_ring *ring, uint16_t slot, bool is_repeat,
                             struct henge_route_owner *owner_out) {
    owner_out->slot = slot;
    owner_out->flags =
        (uint16_t)((is_repeat ? HENGE_OWNER_ZONE_REPEAT : 0) | ring_up_flag(ring, slot));
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
    put_owner(ring, at_entry(cell->owners, entry), false, &route_out->owners[0]);
    if (route_out->owners_count > 1) {
        put_owner(ring, at_entry(line->seconds, entry), zones < 2, &route_out->owners[1]);
    }
    if (route_out->owners_count > 2) {
        put_owner(ring, at_entry(line->thirds, entry), zones < 3, &route_out->owners[2]);
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
