/* tools/sim/henge_sim.h - what the command line asks for, and doing it. */
#ifndef TOOLS_SIM_HENGE_SIM_H
#define TOOLS_SIM_HENGE_SIM_H

#include "tools/sim/scenario.h"

/* And SIM_EXIT_ERROR (sim.h). */
enum { SIM_EXIT_OK = 0, SIM_EXIT_VIOLATION = 1, SIM_EXIT_SIGNAL = 128 /* and its number */ };

enum { ORDER_PAIRS_MAX = 64, ORDER_SEEDS_MAX = 1000000, ORDER_REPLAY_BYTES = 16384 };

struct order {
    uint64_t seed, seeds;
    uint64_t duration_ns; /* 0: the scenario's */
    uint64_t shrink_ms;
    uint32_t nodes; /* 0: the scenario's */
    uint32_t fixed; /* enum scenario_fixed */
    const struct profile *profile;
    const char *scenario, *timeline;
    bool is_swarm, is_settling, is_unchecked, is_json, is_showing;
    /* --set and --var, in order. */
    struct order_pair {
        const char *text; /* NAME=VALUE */
        size_t name_bytes;
        bool is_variable;
    } pairs[ORDER_PAIRS_MAX];
    size_t pairs_count;
};

/* False: scenario->reason says why. */
bool order_prepare(const struct order *order, uint64_t seed, struct scenario *scenario);
/* The command that does one seed of this order again, as a shell reads it; "..." in the end: too
 * long. */
void order_replay(const struct order *order, uint64_t seed, char text[ORDER_REPLAY_BYTES]);
/* Returns an exit code. */
int order_carry_out(const struct order *order);

#endif
