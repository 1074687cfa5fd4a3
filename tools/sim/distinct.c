/* tools/sim/distinct.c - see distinct.h. */
#include "tools/sim/distinct.h"
#include <stdlib.h>

bool distinct_init(struct distinct *distinct) {
    *distinct = (struct distinct){.cells = calloc(DISTINCT_CELLS, sizeof(uint64_t)),
                                  .scratch = calloc(DISTINCT_KEPT + 1, sizeof(uint64_t))};
    if (distinct->cells && distinct->scratch) {
        return true;
    }
    distinct_deinit(distinct);
    return false;
}

void distinct_deinit(struct distinct *distinct) {
    free(distinct->cells);
    free(distinct->scratch);
    *distinct = (struct distinct){.cells = NULL};
}

static bool stands_for_others(const struct distinct *distinct, uint64_t value) {
    return (value & ((UINT64_C(1) << distinct->bits) - 1)) == 0;
}

static void put(struct distinct *distinct, uint64_t value) {
    uint32_t place = (uint32_t)(value >> 32) % DISTINCT_CELLS;
    while (distinct->cells[place] != 0 && distinct->cells[place] != value) {
        place = (place + 1) % DISTINCT_CELLS;
    }
    distinct->count += distinct->cells[place] == 0;
    distinct->cells[place] = value;
}

/* About half of them stay: all are taken out, and those put again. */
static void thin_out(struct distinct *distinct) {
    uint32_t count = 0;
    distinct->bits++;
    for (uint32_t place = 0; place < DISTINCT_CELLS; place++) {
        uint64_t value = distinct->cells[place];
        distinct->cells[place] = 0;
        if (value != 0 && stands_for_others(distinct, value)) {
            distinct->scratch[count++] = value;
        }
    }
    distinct->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        put(distinct, distinct->scratch[i]);
    }
}

void distinct_note(struct distinct *distinct, uint64_t value) {
    if (value == 0) {
        distinct->has_zero = true;
    } else if (stands_for_others(distinct, value)) {
        put(distinct, value);
        while (distinct->count > DISTINCT_KEPT) {
            thin_out(distinct);
        }
    }
}

uint64_t distinct_count(const struct distinct *distinct) {
    return ((uint64_t)distinct->count << distinct->bits) + distinct->has_zero;
}
