/* ring/inspect.c - what a ring says about itself. */
#include "ring/ring_internal.h"
#include <string.h>

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

size_t henge_ring_range_of(const struct henge_ring *ring, uint64_t hash) {
    return ring->points_count == 0 ? SIZE_MAX : ring_point_index(ring, hash);
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

const char *henge_ring_name(const struct henge_ring *ring, uint32_t slot) {
    const char *name = slot < ring->slots_count ? ring_name(ring, slot) : "";
    return name[0] == '\0' ? NULL : name;
}

uint32_t henge_ring_slot_of(const struct henge_ring *ring, const char *name) {
    for (uint32_t slot = 0; slot < ring->slots_count && name[0] != '\0'; slot++) {
        if (strcmp(ring_name(ring, slot), name) == 0) {
            return slot;
        }
    }
    return HENGE_NO_SLOT;
}

size_t henge_ring_ranges_of(const struct henge_ring *ring, uint32_t slot, uint32_t *ranges_out,
                            size_t room) {
    size_t count = 0;
    for (uint32_t i = 0; i < ring->points_count; i++) {
        if (point_slot(ring->points[i]) == slot) {
            if (count < room) {
                ranges_out[count] = i;
            }
            count++;
        }
    }
    return count;
}
