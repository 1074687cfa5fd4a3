/* ring/cells.c - from sorted points to the lines that lookups read.
 *
 * Cells are filled from the last to the first, and so are their entries: in front of the list of
 * owners behind a point comes the slot of the point before it, and out falls whoever had its zone.
 * All that a cell has to know of what lies behind it is one list: the one at the next cell's first
 * point, which is what that cell's first entry tells. So one that is like before leaves the cells
 * before it as they are; change.c rests on that. */
#include "ring/ring_internal.h"
#include <string.h>

static void fill_starts(const struct henge_ring *ring, uint32_t *starts) {
    const size_t cells = ring_cells_count(ring);
    size_t cell = 0;
    for (uint32_t i = 0; i < ring->points_count; i++) {
        for (; cell <= ring->points[i] >> ring->shift; cell++) {
            starts[cell] = i;
        }
    }
    for (; cell <= cells; cell++) {
        starts[cell] = ring->points_count;
    }
}

bool list_decides(const struct henge_ring *ring, const struct ring_list *list) {
    const uint16_t *zones = ring->zone_of_slot;
    return ring->zones_count != 2 || list->slots[2] == HENGE_NO_SLOT ||
           zones[list->slots[2]] == zones[list->slots[1]];
}

/* A slot, and above it what it is told apart by: its zone, or itself while there is but one. */
static uint32_t keyed(const struct henge_ring *ring, uint32_t slot) {
    const bool is_itself = ring->zones_count == 1 || slot == HENGE_NO_SLOT;
    return slot | (is_itself ? slot : (uint32_t)ring->zone_of_slot[slot]) << 16;
}

/* All ones or none. */
static uint32_t have_one_key(uint32_t one, uint32_t other) {
    return 0u - (uint32_t)(one >> 16 == other >> 16);
}

static uint32_t either(uint32_t mask, uint32_t one, uint32_t other) {
    return (one & mask) | (other & ~mask);
}

/* The owners behind a point, by those behind the next one. No branch, as nobody can foresee zones;
 * with any number of them but two. */
static void step_back(uint32_t owners[LIST_OWNERS], uint32_t own) {
    const uint32_t has_first = have_one_key(owners[0], own);
    const uint32_t has_either = has_first | have_one_key(owners[1], own);
    owners[2] = either(has_either, owners[2], owners[1]);
    owners[1] = either(has_first, owners[1], owners[0]);
    owners[0] = own;
}

/* With two zones the third owner is the first member that was passed over, from either. */
static void step_back_of_two(const struct henge_ring *ring, size_t index,
                             uint32_t owners[LIST_OWNERS], uint32_t own) {
    const uint32_t first = owners[0];
    const uint32_t other = owners[1];
    if (own == first) {
        return;
    }
    if (have_one_key(own, first)) {
        owners[2] = first;
    } else {
        owners[1] = first;
        if (own != other && have_one_key(owners[2], other)) {
            owners[2] = other;
        } else if (own != other) { /* which of the two comes first, only the points tell */
            struct ring_list list;
            ring_exact_list(ring, index, &list);
            owners[2] = keyed(ring, list.slots[2]);
        }
    }
    owners[0] = own;
}

static void fill_sixteen(void *to, uint16_t value) {
    const uint64_t four = value * UINT64_C(0x0001000100010001);
    for (size_t i = 0; i < CELL_ENTRIES / 4; i++) {
        memcpy((char *)to + i * sizeof(four), &four, sizeof(four));
    }
}

void cell_fill(const struct ring_arrays *arrays, const struct henge_ring *ring, size_t number,
               struct ring_list *list) {
    struct ring_cell *cell = &arrays->cells[number];
    struct ring_list_line *line = &arrays->lists[number];
    const size_t start = ring->starts[number];
    const size_t count = ring->starts[number + 1] - start;
    /* Behind the last own point the next one's owner; what follows is never looked at. */
    fill_sixteen(cell->thresholds, INT16_MAX);
    fill_sixteen(cell->owners, list->slots[0]);
    fill_sixteen(line->seconds, list->slots[1]);
    fill_sixteen(line->thirds, list->slots[2]);
    uint32_t owners[LIST_OWNERS];
    for (size_t i = 0; i < LIST_OWNERS; i++) {
        owners[i] = keyed(ring, list->slots[i]);
    }
    for (size_t entry = count; entry-- > 0;) {
        const uint64_t point = ring->points[start + entry];
        const uint32_t own = keyed(ring, point_slot(point));
        if (ring->zones_count == 2) {
            step_back_of_two(ring, start + entry, owners, own);
        } else {
            step_back(owners, own);
        }
        if (entry < CELL_ENTRIES) {
            cell->thresholds[entry] = ring_key(ring, point);
            cell->owners[entry] = (uint16_t)owners[0];
            line->seconds[entry] = (uint16_t)owners[1];
            line->thirds[entry] = (uint16_t)owners[2];
        }
    }
    for (size_t i = 0; i < LIST_OWNERS; i++) {
        list->slots[i] = (uint16_t)owners[i];
    }
    cell->thresholds[CELL_THRESHOLDS] = INT16_MAX;
    if (count > CELL_THRESHOLDS) {
        cell->owners[CELL_THRESHOLDS] = SLOT_SEE_POINTS;
    }
}

void cells_fill(const struct ring_arrays *arrays, const struct henge_ring *ring) {
    fill_starts(ring, arrays->starts);
    struct ring_list list;
    ring_exact_list(ring, 0, &list);
    for (size_t cell = ring_cells_count(ring); cell-- > 0;) {
        cell_fill(arrays, ring, cell, &list);
    }
}
