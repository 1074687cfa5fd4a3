/* ring/lookup.c - from a key to its primary owner: a hash, one probe of the bucket index, and the
 * next few points. */
#include "ring/ring_internal.h"
#include "core/base/hash.h"

uint64_t henge_ring_hash(const void *key, size_t key_bytes) {
    return hash64(key, key_bytes);
}

uint32_t henge_ring_owner_hash(const struct henge_ring *ring, uint64_t hash) {
    return point_slot(*ring_first_point(ring, hash));
}

uint32_t henge_ring_owner(const struct henge_ring *ring, const void *key, size_t key_bytes) {
    return point_slot(*ring_first_point(ring, hash64(key, key_bytes)));
}

bool henge_ring_is_mine(const struct henge_ring *ring, uint64_t hash, uint32_t slot) {
    return slot != HENGE_NO_SLOT && point_slot(*ring_first_point(ring, hash)) == slot;
}
