/* tools/sim/summary.h - many seeds of one order in a few lines: medians of the runs' figures. */
#ifndef TOOLS_SIM_SUMMARY_H
#define TOOLS_SIM_SUMMARY_H

#include "tools/sim/run.h"
#include <stdio.h>

/* What is kept of each run. */
enum summary_figure {
    SUMMARY_FALSE_POSITIVES,
    SUMMARY_FALSE_POSITIVES_HEALTHY,
    SUMMARY_DETECT_NS,        /* median over crashes and nodes */
    SUMMARY_DETECT_ALL_NS,    /* the last node, over crashes: median */
    SUMMARY_OUTAGE_NS,        /* the first verdict on a host that does not answer: median */
    SUMMARY_DISSEMINATION_NS, /* 99th percentile */
    SUMMARY_CONVERGED_NS,
    SUMMARY_RING_VERSIONS,
    SUMMARY_BYTES, /* per node and second, mean */
    SUMMARY_WALL_MS,
    SUMMARY_FIGURES
};

struct summary {
    uint64_t *values[SUMMARY_FIGURES]; /* of each run that has this figure */
    uint64_t counts[SUMMARY_FIGURES];
    uint64_t runs, failed, not_converged, unjudged, first_failed_seed;
};

/* For up to `runs`. False: no memory. */
bool summary_init(struct summary *summary, uint64_t runs);
void summary_deinit(struct summary *summary);
/* What a run found that was interrupted counts, its figures do not. */
void summary_add(struct summary *summary, uint64_t seed, const struct run_result *result);
/* `replay`: of the first that failed. */
void summary_print(struct summary *summary, const char *replay, FILE *out);

#endif
