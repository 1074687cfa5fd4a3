/* ring/merge.c - points taken out of a sorted array and put into it, in place.
 *
 * What lies between two of them moves as a whole, once: a change of one member moves no more than
 * the array. Where the points of each cell start is kept up with it, and the cells that lost or got
 * a point are marked. */
#include "ring/merge.h"
#include <string.h>

void cells_mark(uint64_t *marks, size_t cell) {
    marks[cell / 64] |= UINT64_C(1) << (cell % 64);
}

static size_t cell_of(const struct henge_ring *ring, uint64_t point) {
    return (size_t)(point >> ring->shift);
}

/* The points of these cells begin later by that much; modulo 2^32, so earlier as well. */
static void shift_starts(uint32_t *starts, size_t cell, size_t end, uint32_t by) {
    for (; cell < end; cell++) {
        starts[cell] += by;
    }
}

void points_take_out(struct henge_ring *ring, const struct ring_arrays *arrays,
                     const uint32_t *indices, size_t count, uint64_t *marks) {
    size_t to = count > 0 ? indices[0] : 0;
    for (size_t i = 0; i < count; i++) {
        const bool is_last = i + 1 == count;
        const size_t from = (size_t)indices[i] + 1;
        const size_t end = is_last ? ring->points_count : indices[i + 1];
        const size_t cell = cell_of(ring, ring->points[indices[i]]);
        const size_t cell_end =
            is_last ? ring_cells_count(ring) : cell_of(ring, ring->points[indices[i + 1]]);
        cells_mark(marks, cell);
        shift_starts(arrays->starts, cell + 1, cell_end + 1, (uint32_t) - (i + 1));
        memmove(arrays->points + to, arrays->points + from, (end - from) * sizeof(uint64_t));
        to += end - from;
    }
    ring->points_count -= (uint32_t)count;
}

/* Where each of them belongs, as an index into the points that are there. */
static bool find_places(const struct henge_ring *ring, const uint64_t *points, size_t count,
                        uint32_t *places) {
    uint32_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t cell = cell_of(ring, points[i]);
        at = at < ring->starts[cell] ? ring->starts[cell] : at;
        for (; at < ring->starts[cell + 1]; at++) {
            if (points_conflict(ring, points[i], ring->points[at])) {
                return false;
            }
            if (point_is_before(ring, points[i], ring->points[at])) {
                break;
            }
        }
        places[i] = at;
    }
    return true;
}

bool points_put_in(struct henge_ring *ring, const struct ring_arrays *arrays,
                   const uint64_t *points, size_t count, uint32_t *places, uint64_t *marks) {
    if (!find_places(ring, points, count, places)) {
        return false;
    }
    size_t end = ring->points_count;
    size_t cell_end = ring_cells_count(ring);
    for (size_t i = count; i-- > 0;) {
        const size_t cell = cell_of(ring, points[i]);
        uint64_t *place = arrays->points + places[i];
        memmove(place + i + 1, place, (end - places[i]) * sizeof(uint64_t));
        place[i] = points[i];
        cells_mark(marks, cell);
        shift_starts(arrays->starts, cell + 1, cell_end + 1, (uint32_t)(i + 1));
        end = places[i];
        cell_end = cell;
    }
    ring->points_count += (uint32_t)count;
    return true;
}
