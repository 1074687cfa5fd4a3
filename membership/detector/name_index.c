/* membership/detector/name_index.c - see name_index.h. */
#include "membership/detector/name_index.h"

#include "membership/detector/peers.h"

uint32_t name_index_cells(uint32_t peers) {
    return peers + peers / 3 + 1;
}

/* The upper half of the product is random; scaled to the number of cells without a division. */
static uint32_t home_of(const struct name_index *index, uint64_t name_hash) {
    return (uint32_t)((name_hash * index->multiplier >> 32) * index->cells_count >> 32);
}

static uint32_t next_cell(const struct name_index *index, uint32_t cell) {
    return cell + 1 == index->cells_count ? 0 : cell + 1;
}

static uint32_t distance(const struct name_index *index, uint32_t from, uint32_t to) {
    return to >= from ? to - from : to + index->cells_count - from;
}

/* The cell of the name, or the free one where it belongs. */
static uint32_t cell_of(const struct name_index *index, const struct peer *by_slot,
                        uint64_t name_hash) {
    uint32_t cell = home_of(index, name_hash);
    while (index->cells[cell] != NAME_INDEX_NONE &&
           by_slot[index->cells[cell]].name_hash != name_hash) {
        cell = next_cell(index, cell);
    }
    return cell;
}

void name_index_move(struct name_index *index, const struct peer *by_slot, uint16_t *cells,
                     uint32_t cells_count) {
    struct name_index old = *index;
    index->cells = cells;
    index->cells_count = cells_count;
    for (uint32_t i = 0; i < cells_count; i++) {
        cells[i] = NAME_INDEX_NONE;
    }
    for (uint32_t i = 0; i < old.cells_count; i++) {
        if (old.cells[i] != NAME_INDEX_NONE) {
            name_index_put(index, by_slot, old.cells[i]);
        }
    }
}

uint32_t name_index_find(const struct name_index *index, const struct peer *by_slot,
                         uint64_t name_hash) {
    if (index->cells_count == 0) {
        return NAME_INDEX_NONE;
    }
    return index->cells[cell_of(index, by_slot, name_hash)];
}

void name_index_put(struct name_index *index, const struct peer *by_slot, uint32_t slot) {
    index->cells[cell_of(index, by_slot, by_slot[slot].name_hash)] = (uint16_t)slot;
}

void name_index_remove(struct name_index *index, const struct peer *by_slot, uint32_t slot) {
    uint32_t gap = cell_of(index, by_slot, by_slot[slot].name_hash);
    if (index->cells[gap] != slot) {
        return;
    }
    /* A later cell of the run moves into the gap unless its home lies between the two. */
    for (uint32_t at = next_cell(index, gap); index->cells[at] != NAME_INDEX_NONE;
         at = next_cell(index, at)) {
        uint32_t home = home_of(index, by_slot[index->cells[at]].name_hash);
        if (distance(index, home, at) >= distance(index, gap, at)) {
            index->cells[gap] = index->cells[at];
            gap = at;
        }
    }
    index->cells[gap] = NAME_INDEX_NONE;
}
