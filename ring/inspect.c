/* ring/inspect.c - what a ring says about itself. */
#include "ring/ring_internal.h"

uint64_t henge_ring_fingerprint(const struct henge_ring *ring) {
    return ring->fingerprint;
}

uint64_t henge_ring_version(const struct henge_ring *ring) {
    return ring->version;
}

size_t henge_ring_members_count(const struct henge_ring *ring) {
    return ring->members_count;
}

size_t henge_ring_points_count(const struct henge_ring *ring) {
    return ring->points_count;
}

static uint64_t token_before(const struct henge_ring *ring, size_t index) {
    const size_t before = index == 0 ? (size_t)ring->points_count - 1 : index - 1;
    return point_token(ring->points[before]);
}

double henge_ring_ownership(const struct henge_ring *ring, uint32_t slot) {
    const uint64_t circle = UINT64_C(1) << TOKEN_BITS;
    uint64_t owned = 0;
    for (size_t i = 0; i < ring->points_count; i++) {
        if (point_slot(ring->points[i]) == slot) {
            uint64_t width = (point_token(ring->points[i]) - token_before(ring, i)) & (circle - 1);
            /* Only if all points stand on one token does the first follow itself. */
            owned += i == 0 && width == 0 ? circle : width;
        }
    }
    return (double)owned / (double)circle;
}

/* All 2^16 hashes that share a token's upper bits go to that token, hence the low bits. */
static uint64_t last_hash_of(uint64_t token) {
    return token << POINT_SLOT_BITS | ~POINT_TOKEN_MASK;
}

enum henge_status henge_ring_range_at(const struct henge_ring *ring, size_t index,
                                      struct henge_ring_range *range_out) {
    if (index >= ring->points_count) {
        return HENGE_NOT_FOUND;
    }
    *range_out = (struct henge_ring_range){.after = last_hash_of(token_before(ring, index)),
                                           .until = last_hash_of(point_token(ring->points[index])),
                                           .slot = point_slot(ring->points[index])};
    return HENGE_OK;
}
