/* ring/kernel_plain.c - a look into a cell without vector instructions. */
#include "ring/kernel.h"

/* Counts instead of branching: which threshold is the first is a toss that no predictor learns. */
static inline unsigned cell_entry(const struct ring_cell *cell, int16_t key) {
    unsigned below = 0;
    for (unsigned i = 0; i < CELL_THRESHOLDS; i++) {
        below += (cell->thresholds[i] < key) * (unsigned)sizeof(cell->thresholds[0]);
    }
    return below;
}

#define KERNEL kernel_plain
#define KERNEL_NAME "plain"
#include "ring/kernel_body.h"
