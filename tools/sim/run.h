/* tools/sim/run.h - one scenario run from beginning to end, checked and measured. */
#ifndef TOOLS_SIM_RUN_H
#define TOOLS_SIM_RUN_H

#include "tests/sim/checkers.h"
#include "tools/sim/measures.h"
#include "tools/sim/scenario.h"
#include "tools/sim/timeline.h"

struct run_options {
    uint32_t mask;             /* of invariants, see checkers.h */
    struct timeline *timeline; /* may be NULL */
    /* Some thousand times a second, also within one instant of the run; may be NULL. False ends
     * the run at the end of this instant. */
    bool (*on_progress)(void *context, const struct sim *sim, uint64_t until_ns);
    void *context;
};

struct run_result {
    bool is_done;        /* false: interrupted; or settings that break a limit, or more hosts than a
                            timeline shows, and then there is nothing else */
    bool is_interrupted; /* by on_progress: all is of the time until then */
    uint64_t trace_hash, events, virtual_ns, wall_ms;
    const char *liveness_unjudged; /* why not; NULL: it was judged */
    bool is_converged;             /* all up hosts hold the same members and rings at the end */
    uint64_t converged_ms;         /* after the last action and the mark */
    struct figures figures;
    struct checkers_counts counts;
    struct violation violations[CHECKERS_KEPT];
    size_t violations_kept;
    uint64_t violations_count;
};

void run_scenario(const struct scenario *scenario, const struct run_options *options,
                  struct run_result *result_out);

#endif
