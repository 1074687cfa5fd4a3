/* core/base/slot_index.c - see slot_index.h. */
#include "core/base/slot_index.h"

enum { CAPACITY_FIRST = 16, EXPECTED_PART = 16 };

#define CELL_FREE UINT32_MAX /* slot 65535, which nobody has */

uint32_t slot_index_cells(uint32_t slots) {
    return slots + slots / 8 + 1;
}

/* The upper bits of the product are the random ones. */
static uint32_t bits_of(const struct slot_index *index, uint64_t hash) {
    return (uint32_t)(hash * index->multiplier >> 48);
}

static uint32_t cell_make(uint32_t bits, uint32_t slot) {
    return bits << 16 | slot;
}

static uint32_t cell_bits(uint32_t cell) {
    return cell >> 16;
}

static uint32_t cell_slot(uint32_t cell) {
    return cell & 0xffff;
}

/* Scaled to the number of cells without a division. */
static uint32_t home_of(const struct slot_index *index, uint32_t bits) {
    return (uint32_t)((uint64_t)bits * index->cells_count >> 16);
}

static uint32_t next_place(const struct slot_index *index, uint32_t place) {
    return place + 1 == index->cells_count ? 0 : place + 1;
}

static uint32_t distance(const struct slot_index *index, uint32_t from, uint32_t to) {
    return to >= from ? to - from : to + index->cells_count - from;
}

/* Where the name stands, or the free place where it belongs. */
static uint32_t place_of(const struct slot_index *index, const void *slots, uint64_t hash) {
    uint32_t bits = bits_of(index, hash);
    uint32_t place = home_of(index, bits);
    for (;; place = next_place(index, place)) {
        uint32_t cell = index->cells[place];
        if (cell == CELL_FREE ||
            (cell_bits(cell) == bits && index->hash_of(slots, cell_slot(cell)) == hash)) {
            return place;
        }
    }
}

/* All names differ, so nothing has to be compared. */
static void put_again(struct slot_index *index, uint32_t cell) {
    uint32_t place = home_of(index, cell_bits(cell));
    while (index->cells[place] != CELL_FREE) {
        place = next_place(index, place);
    }
    index->cells[place] = cell;
}

void slot_index_move(struct slot_index *index, uint32_t *cells, uint32_t cells_count) {
    struct slot_index old = *index;
    index->cells = cells;
    index->cells_count = cells_count;
    for (uint32_t i = 0; i < cells_count; i++) {
        cells[i] = CELL_FREE;
    }
    for (uint32_t i = 0; i < old.cells_count; i++) {
        if (old.cells[i] != CELL_FREE) {
            put_again(index, old.cells[i]);
        }
    }
}

uint32_t slot_index_find(const struct slot_index *index, const void *slots, uint64_t hash) {
    if (index->cells_count == 0) {
        return SLOT_INDEX_NONE;
    }
    return cell_slot(index->cells[place_of(index, slots, hash)]);
}

void slot_index_put(struct slot_index *index, const void *slots, uint64_t hash, uint32_t slot) {
    index->cells[place_of(index, slots, hash)] = cell_make(bits_of(index, hash), slot);
}

void slot_index_remove(struct slot_index *index, uint64_t hash, uint32_t slot) {
    uint32_t bits = bits_of(index, hash);
    uint32_t gap = home_of(index, bits);
    while (index->cells[gap] != CELL_FREE && index->cells[gap] != cell_make(bits, slot)) {
        gap = next_place(index, gap);
    }
    if (index->cells[gap] == CELL_FREE) {
        return;
    }
    /* A later cell of the run moves into the gap unless its home lies between the two. */
    for (uint32_t at = next_place(index, gap); index->cells[at] != CELL_FREE;
         at = next_place(index, at)) {
        uint32_t home = home_of(index, cell_bits(index->cells[at]));
        if (distance(index, home, at) >= distance(index, gap, at)) {
            index->cells[gap] = index->cells[at];
            gap = at;
        }
    }
    index->cells[gap] = CELL_FREE;
}

uint32_t slot_index_capacity(uint32_t before, uint32_t slot, uint32_t max, uint32_t expected) {
    uint32_t capacity = before;
    while (capacity <= slot) {
        capacity += capacity / 8 + CAPACITY_FIRST;
    }
    if (capacity < expected && slot >= expected / EXPECTED_PART) {
        capacity = expected;
    }
    return capacity < max ? capacity : max;
}
