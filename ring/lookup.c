/* ring/lookup.c - from a key to its owners: a hash, and what the ring's kernel finds in one cell;
 * or, where the cell does not tell, what the points themselves say. */
#include "ring/ring_internal.h"
#include "core/base/hash.h"

uint64_t henge_ring_hash(const void *key, size_t key_bytes) {
    return hash64(key, key_bytes);
}

uint32_t henge_ring_owner_hash(const struct henge_ring *ring, uint64_t hash) {
    return ring->kernel->owner(ring, hash);
}

uint32_t henge_ring_owner(const struct henge_ring *ring, const void *key, size_t key_bytes) {
    return ring->kernel->owner(ring, hash64(key, key_bytes));
}

void henge_ring_owner_many(const struct henge_ring *ring, const uint64_t *hashes, size_t count,
                           uint16_t *slots_out) {
    ring->kernel->owner_many(ring, hashes, count, slots_out);
}

bool henge_ring_is_mine(const struct henge_ring *ring, uint64_t hash, uint32_t slot) {
    return slot != HENGE_NO_SLOT && ring->kernel->owner(ring, hash) == slot;
}

enum henge_status henge_fence(const struct henge_ring *ring, uint64_t fingerprint, uint64_t hash,
                              uint32_t *owner_out) {
    *owner_out = ring->kernel->owner(ring, hash);
    return fingerprint == ring->fingerprint ? HENGE_OK : HENGE_STALE;
}

size_t ring_point_index(const struct henge_ring *ring, uint64_t hash) {
    const uint64_t target = hash & POINT_TOKEN_MASK; /* a point of this token is not below it */
    size_t low = ring->starts[hash >> ring->shift];
    size_t high = ring->starts[(hash >> ring->shift) + 1];
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (ring->points[middle] < target) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < ring->points_count ? low : 0;
}

uint32_t ring_exact_owner(const struct henge_ring *ring, uint64_t hash) {
    return ring->points_count == 0 ? (uint32_t)HENGE_NO_SLOT
                                   : point_slot(ring->points[ring_point_index(ring, hash)]);
}
