/* tools/sim/timeline_internal.h - what timeline.c gathers; timeline_svg.c and timeline_text.c draw
 * it. */
#ifndef TOOLS_SIM_TIMELINE_INTERNAL_H
#define TOOLS_SIM_TIMELINE_INTERNAL_H

#include "tools/sim/timeline.h"

/* How others hold a host. */
enum timeline_status {
    TIMELINE_UNKNOWN = 0, /* nobody else is up, or knows of it */
    TIMELINE_ALIVE,
    TIMELINE_SUSPECT,
    TIMELINE_DEAD,
    TIMELINE_LEFT,
    TIMELINE_STATUSES
};

struct timeline_cell {
    uint8_t most;  /* how most of the others hold it, at the end of the column */
    uint8_t worst; /* the worst that one of them thought, at any second of it */
    bool is_down;  /* at the end of the column */
};

/* A fault while it lasts, or a moment (to = from). Host SIM_NOBODY: the whole network. */
struct timeline_bar {
    uint64_t from_ns, to_ns;
    int64_t amount;
    uint32_t host;
    uint8_t kind; /* enum sim_action_kind */
};

struct timeline {
    struct sim *sim; /* NULL: detached */
    uint32_t hosts;
    uint32_t columns;
    uint32_t seconds_per_column, seconds_pending;
    uint64_t end_ns;
    struct timeline_cell *cells;  /* by host and column */
    struct timeline_cell *column; /* being gathered */
    struct timeline_bar *bars;
    uint32_t bars_count, bars_lost;
};

static inline struct timeline_cell timeline_cell(const struct timeline *timeline, uint32_t host,
                                                 uint32_t column) {
    return timeline->cells[(size_t)host * TIMELINE_COLUMNS_MAX + column];
}

/* Moments are drawn as marks, faults as bars. */
static inline bool timeline_is_moment(uint8_t kind) {
    return kind < SIM_PAUSE || kind == SIM_CLOCK_STEP || kind == SIM_HEAL;
}

#endif
