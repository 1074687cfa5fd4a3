/* ring/cells.c - from sorted points to the lines that lookups read.
 *
 * The owners behind each point are found in one sweep from the last point to the first: in front of
 * a list comes the point's own slot, and out falls whoever had its zone. */
#include "ring/ring_internal.h"

enum { SECOND_SHIFT = 16, THIRD_SHIFT = 32 };

static void fill_starts(const struct henge_ring *ring, uint32_t *starts) {
    const size_t cells = ring_cells_count(ring);
    uint32_t next = 0;
    for (size_t cell = 0; cell < cells; cell++) {
        while (next < ring->points_count && ring->points[next] >> ring->shift < cell) {
            next++;
        }
        starts[cell] = next;
    }
    starts[cells] = ring->points_count;
}

/* A list that begins one point earlier. With two zones the third owner depends on more than three
 * owners tell, so that is left to the walk. */
static struct ring_list list_from(const struct henge_ring *ring, uint16_t slot,
                                  const struct ring_list *behind) {
    struct ring_list list = {{slot, HENGE_NO_SLOT, HENGE_NO_SLOT}};
    const uint16_t *zones = ring->zone_of_slot;
    const bool is_one_zone = ring->zones_count == 1;
    for (size_t i = 0, count = 1; i < LIST_OWNERS && count < LIST_OWNERS; i++) {
        const uint16_t other = behind->slots[i];
        if (other != HENGE_NO_SLOT && other != slot &&
            (is_one_zone || zones[other] != zones[slot])) {
            list.slots[count++] = other;
        }
    }
    return list;
}

/* words[i] = the owners behind point i, packed. */
static void fill_lists(const struct henge_ring *ring, uint64_t *words) {
    struct ring_list list;
    ring_exact_list(ring, 0, &list);
    for (size_t i = ring->points_count; i-- > 0;) {
        if (ring->zones_count == 2) {
            ring_exact_list(ring, i, &list);
        } else {
            list = list_from(ring, (uint16_t)point_slot(ring->points[i]), &list);
        }
        words[i] = (uint64_t)list.slots[1] << SECOND_SHIFT | (uint64_t)list.slots[2] << THIRD_SHIFT;
    }
}

static void fill_cell(const struct henge_ring *ring, const uint64_t *words, size_t number,
                      struct ring_cell *cell, struct ring_list_line *line) {
    const size_t start = ring->starts[number];
    const size_t count = ring->starts[number + 1] - start;
    for (size_t entry = 0; entry < CELL_ENTRIES; entry++) {
        const bool is_own = entry < count;
        /* Behind the last own point the next one's owner; what follows is never looked at. */
        size_t index = start + (is_own ? entry : count);
        index = index < ring->points_count ? index : 0;
        cell->thresholds[entry] = is_own ? ring_key(ring, ring->points[index]) : INT16_MAX;
        cell->owners[entry] = (uint16_t)point_slot(ring->points[index]);
        line->seconds[entry] = (uint16_t)(words[index] >> SECOND_SHIFT);
        line->thirds[entry] = (uint16_t)(words[index] >> THIRD_SHIFT);
    }
    cell->thresholds[CELL_THRESHOLDS] = INT16_MAX;
    if (count > CELL_THRESHOLDS) {
        cell->owners[CELL_THRESHOLDS] = SLOT_SEE_POINTS;
    }
}

static void fill_empty(struct ring_cell *cell, struct ring_list_line *line) {
    for (size_t entry = 0; entry < CELL_ENTRIES; entry++) {
        cell->thresholds[entry] = INT16_MAX;
        cell->owners[entry] = line->seconds[entry] = line->thirds[entry] = HENGE_NO_SLOT;
    }
}

void cells_fill(const struct ring_arrays *arrays, const struct henge_ring *ring,
                uint64_t *scratch) {
    fill_starts(ring, arrays->starts);
    if (ring->points_count > 0) {
        fill_lists(ring, scratch);
    }
    for (size_t cell = 0; cell < ring_cells_count(ring); cell++) {
        if (ring->points_count > 0) {
            fill_cell(ring, scratch, cell, &arrays->cells[cell], &arrays->lists[cell]);
        } else {
            fill_empty(&arrays->cells[cell], &arrays->lists[cell]);
        }
    }
}
