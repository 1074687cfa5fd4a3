/* tools/sim/summary.c - see summary.h. */
#include "tools/sim/summary.h"
#include "core/base/clock.h"
#include <inttypes.h>
#include <stdlib.h>

static const struct {
    const char *name;
    const char *unit;
    uint64_t divisor;
} figures[SUMMARY_FIGURES] = {
    [SUMMARY_FALSE_POSITIVES] = {"false positives (FP)", "", 1},
    [SUMMARY_FALSE_POSITIVES_HEALTHY] = {"of healthy nodes (FP-)", "", 1},
    [SUMMARY_DETECT_NS] = {"crash known, per node", " ms", NS_PER_MS},
    [SUMMARY_DETECT_ALL_NS] = {"crash known, last node", " ms", NS_PER_MS},
    [SUMMARY_OUTAGE_NS] = {"outage: first verdict", " ms", NS_PER_MS},
    [SUMMARY_DISSEMINATION_NS] = {"update known, 99th percentile", " ms", NS_PER_MS},
    [SUMMARY_CONVERGED_NS] = {"all agree, after the last action", " ms", NS_PER_MS},
    [SUMMARY_RING_VERSIONS] = {"ring versions, most at a well node", "", 1},
    [SUMMARY_BYTES] = {"bytes per node and second", "", 1},
    [SUMMARY_WALL_MS] = {"wall time", " ms", 1},
};

bool summary_init(struct summary *summary, uint64_t runs) {
    *summary = (struct summary){0};
    for (size_t i = 0; i < SUMMARY_FIGURES; i++) {
        summary->values[i] = calloc(runs, sizeof(*summary->values[i]));
        if (!summary->values[i]) {
            return false;
        }
    }
    return true;
}

void summary_deinit(struct summary *summary) {
    for (size_t i = 0; i < SUMMARY_FIGURES; i++) {
        free(summary->values[i]);
    }
}

static void keep(struct summary *summary, enum summary_figure figure, uint64_t value) {
    if (value != UINT64_MAX) {
        summary->values[figure][summary->counts[figure]++] = value;
    }
}

void summary_add(struct summary *summary, uint64_t seed, const struct run_result *result) {
    const struct figures *run = &result->figures;
    if (result->violations_count > 0 && summary->failed++ == 0) {
        summary->first_failed_seed = seed;
    }
    if (!result->is_done) {
        return;
    }
    summary->runs++;
    summary->unjudged += result->liveness_unjudged != NULL;
    summary->not_converged += !result->is_converged;
    keep(summary, SUMMARY_FALSE_POSITIVES, result->counts.false_positives);
    keep(summary, SUMMARY_FALSE_POSITIVES_HEALTHY, result->counts.false_positives_healthy);
    keep(summary, SUMMARY_DETECT_NS, run->detect.median_ns);
    keep(summary, SUMMARY_DETECT_ALL_NS, run->detect_all.median_ns);
    keep(summary, SUMMARY_OUTAGE_NS, run->outage_first.median_ns);
    keep(summary, SUMMARY_DISSEMINATION_NS, run->dissemination.p99_ns);
    if (result->is_converged) {
        keep(summary, SUMMARY_CONVERGED_NS, result->converged_ms * NS_PER_MS);
    }
    keep(summary, SUMMARY_RING_VERSIONS, run->ring_versions_max);
    keep(summary, SUMMARY_BYTES, run->bytes_per_node_s_mean);
    keep(summary, SUMMARY_WALL_MS, result->wall_ms);
}

static int by_value(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

void summary_print(struct summary *summary, const char *replay, FILE *out) {
    fprintf(out,
            "\n%" PRIu64 " seeds, %" PRIu64 " with violations, %" PRIu64 " without agreement\n",
            summary->runs, summary->failed, summary->not_converged);
    if (summary->unjudged > 0) {
        fprintf(out, "liveness: not judged in %" PRIu64 " of them\n", summary->unjudged);
    }
    if (summary->failed > 0) {
        fprintf(out, "first failure: %s\n", replay);
    }
    fprintf(out, "  %-34s %12s %12s %12s %8s\n", "", "median", "least", "most", "runs");
    for (size_t i = 0; i < SUMMARY_FIGURES; i++) {
        uint64_t *values = summary->values[i];
        uint64_t count = summary->counts[i];
        uint64_t divisor = figures[i].divisor;
        if (count == 0) {
            continue;
        }
        qsort(values, count, sizeof(*values), by_value);
        fprintf(out, "  %-34s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %8" PRIu64 "%s\n",
                figures[i].name, values[(count - 1) / 2] / divisor, values[0] / divisor,
                values[count - 1] / divisor, count, figures[i].unit);
    }
}
