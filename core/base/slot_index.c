/* core/base/slot_index.c - see slot_index.h. */
#include "core/base/slot_index.h"

enum { CAPACITY_FIRST = 16 };

uint32_t slot_index_cells(uint32_t slots) {
    return slots + slots / 3 + 1;
}

/* The upper half of the product is random; scaled to the number of cells without a division. */
static uint32_t home_of(const struct slot_index *index, uint64_t hash) {
    return (uint32_t)((hash * index->multiplier >> 32) * index->cells_count >> 32);
}

static uint32_t next_cell(const struct slot_index *index, uint32_t cell) {
    return cell + 1 == index->cells_count ? 0 : cell + 1;
}

static uint32_t distance(const struct slot_index *index, uint32_t from, uint32_t to) {
    return to >= from ? to - from : to + index->cells_count - from;
}

/* The cell of the name, or the free one where it belongs. */
static uint32_t cell_of(const struct slot_index *index, const void *slots, uint64_t hash) {
    uint32_t cell = home_of(index, hash);
    while (index->cells[cell] != SLOT_INDEX_NONE &&
           index->hash_of(slots, index->cells[cell]) != hash) {
        cell = next_cell(index, cell);
    }
    return cell;
}

/* All names differ, so nothing has to be compared. */
static void put_again(struct slot_index *index, const void *slots, uint16_t slot) {
    uint32_t cell = home_of(index, index->hash_of(slots, slot));
    while (index->cells[cell] != SLOT_INDEX_NONE) {
        cell = next_cell(index, cell);
    }
    index->cells[cell] = slot;
}

void slot_index_move(struct slot_index *index, const void *slots, uint16_t *cells,
                     uint32_t cells_count) {
    struct slot_index old = *index;
    index->cells = cells;
    index->cells_count = cells_count;
    for (uint32_t i = 0; i < cells_count; i++) {
        cells[i] = SLOT_INDEX_NONE;
    }
    for (uint32_t i = 0; i < old.cells_count; i++) {
        if (old.cells[i] != SLOT_INDEX_NONE) {
            put_again(index, slots, old.cells[i]);
        }
    }
}

uint32_t slot_index_find(const struct slot_index *index, const void *slots, uint64_t hash) {
    if (index->cells_count == 0) {
        return SLOT_INDEX_NONE;
    }
    return index->cells[cell_of(index, slots, hash)];
}

void slot_index_put(struct slot_index *index, const void *slots, uint64_t hash, uint32_t slot) {
    index->cells[cell_of(index, slots, hash)] = (uint16_t)slot;
}

void slot_index_remove(struct slot_index *index, const void *slots, uint64_t hash, uint32_t slot) {
    uint32_t gap = cell_of(index, slots, hash);
    if (index->cells[gap] != slot) {
        return;
    }
    /* A later cell of the run moves into the gap unless its home lies between the two. */
    for (uint32_t at = next_cell(index, gap); index->cells[at] != SLOT_INDEX_NONE;
         at = next_cell(index, at)) {
        uint32_t home = home_of(index, index->hash_of(slots, index->cells[at]));
        if (distance(index, home, at) >= distance(index, gap, at)) {
            index->cells[gap] = index->cells[at];
            gap = at;
        }
    }
    index->cells[gap] = SLOT_INDEX_NONE;
}

uint32_t slot_index_capacity(uint32_t before, uint32_t slot, uint32_t max) {
    uint32_t capacity = before;
    while (capacity <= slot) {
        capacity += capacity / 8 + CAPACITY_FIRST;
    }
    return capacity < max ? capacity : max;
}
