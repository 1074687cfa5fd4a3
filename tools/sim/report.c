/* tools/sim/report.c - see report.h. */
#include "tools/sim/report.h"
#include <inttypes.h>

static double thousandths(uint64_t count) {
    return (double)count / 1000;
}

static json_t *milliseconds(uint64_t ns) {
    return ns == UINT64_MAX ? json_null() : json_real(thousandths(ns / NS_PER_US));
}

static json_t *spread_json(const struct spread *spread) {
    return json_pack("{s:o, s:o, s:o, s:I}", "median", milliseconds(spread->median_ns), "p99",
                     milliseconds(spread->p99_ns), "max", milliseconds(spread->max_ns), "count",
                     (json_int_t)spread->count);
}

static json_t *host_json(uint32_t host) {
    return host == SIM_NOBODY ? json_null() : json_sprintf("n%" PRIu32, host);
}

static json_t *violations_json(const struct run_result *result) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < result->violations_kept; i++) {
        const struct violation *violation = &result->violations[i];
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:o, s:o, s:s}", "invariant",
                            checkers_invariants[violation->invariant - 1].name, "at_ms",
                            milliseconds(violation->at_ns), "node", host_json(violation->host),
                            "about", host_json(violation->subject), "text", violation->text));
    }
    return list;
}

static void set(json_t *object, const char *key, uint64_t value) {
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_counts(json_t *object, const struct run_result *result) {
    const struct checkers_counts *counts = &result->counts;
    const struct figures *figures = &result->figures;
    set(object, "verdicts", counts->verdicts);
    set(object, "false_positives", counts->false_positives);
    set(object, "false_positives_healthy", counts->false_positives_healthy);
    set(object, "verdicts_on_faulty", counts->verdicts_about_faulty);
    set(object, "verdicts_on_down", counts->verdicts_about_down);
    set(object, "dead_seen_healthy", figures->dead_seen_healthy);
    set(object, "dead_seen_faulty", figures->dead_seen_faulty);
    set(object, "outages", figures->outages);
    set(object, "crashes", figures->crashes);
    set(object, "undetected", figures->undetected);
    set(object, "updates", figures->updates);
    set(object, "undelivered", figures->undelivered);
    json_object_set_new(object, "update_bytes",
                        figures->update_bytes == UINT64_MAX
                            ? json_null()
                            : json_integer((json_int_t)figures->update_bytes));
    set(object, "ring_versions_max", figures->ring_versions_max);
    set(object, "ring_versions_max_faulty", figures->ring_versions_max_faulty);
    set(object, "faulty_owners", figures->faulty_owners);
    set(object, "views_distinct", figures->views_distinct);
    set(object, "views_at_end", figures->views_at_end);
    set(object, "stream_bytes", figures->stream_bytes);
    set(object, "memory_bytes", figures->memory_bytes);
    set(object, "bytes_per_member", figures->bytes_per_member);
}

json_t *report_json(const struct report_head *head, const struct run_result *result) {
    const struct sim_settings *settings = head->settings;
    const struct figures *figures = &result->figures;
    json_t *object = json_object();
    if (!object) {
        return NULL;
    }
    json_object_set_new(object, "seed", json_integer((json_int_t)settings->seed));
    json_object_set_new(object, "replay", json_string(head->replay));
    json_object_set_new(object, "trace_hash", json_sprintf("%016" PRIx64, result->trace_hash));
    set(object, "nodes", settings->hosts);
    json_object_set_new(object, "profile", json_string(settings->profile->name));
    json_object_set_new(object, "scenario", json_string(head->scenario));
    json_object_set_new(object, "virtual_s",
                        json_real(thousandths(result->virtual_ns / NS_PER_MS)));
    json_object_set_new(object, "interrupted", json_boolean(result->is_interrupted));
    json_object_set_new(object, "wall_s", json_real((double)result->wall_ms / 1000));
    set(object, "events", result->events);
    set(object, "violations_count", result->violations_count);
    json_object_set_new(object, "violations", violations_json(result));
    json_object_set_new(object, "liveness_unjudged",
                        result->liveness_unjudged ? json_string(result->liveness_unjudged)
                                                  : json_null());
    json_object_set_new(object, "converged", json_boolean(result->is_converged));
    json_object_set_new(object, "converged_ms",
                        result->is_converged ? json_integer((json_int_t)result->converged_ms)
                                             : json_null());
    set_counts(object, result);
    json_object_set_new(object, "detect_ms", spread_json(&figures->detect));
    json_object_set_new(object, "detect_first_ms", spread_json(&figures->detect_first));
    json_object_set_new(object, "detect_all_ms", spread_json(&figures->detect_all));
    json_object_set_new(object, "outage_ms", spread_json(&figures->outage));
    json_object_set_new(object, "outage_first_ms", spread_json(&figures->outage_first));
    json_object_set_new(object, "dissemination_ms", spread_json(&figures->dissemination));
    json_object_set_new(object, "packets_per_node_s",
                        json_real((double)figures->packets_per_node_s_milli / 1000));
    json_object_set_new(object, "bytes_per_node_s",
                        json_pack("{s:I, s:I}", "mean", (json_int_t)figures->bytes_per_node_s_mean,
                                  "max", (json_int_t)figures->bytes_per_node_s_max));
    return object;
}

static void row(FILE *out, const char *what, uint64_t value) {
    fprintf(out, "  %-34s %14" PRIu64 "\n", what, value);
}

static void row_spread(FILE *out, const char *what, const struct spread *spread) {
    if (spread->count > 0) {
        fprintf(out,
                "  %-34s %11" PRIu64 " ms median, %" PRIu64 " ms p99, %" PRIu64 " ms max (%zu)\n",
                what, spread->median_ns / NS_PER_MS, spread->p99_ns / NS_PER_MS,
                spread->max_ns / NS_PER_MS, spread->count);
    }
}

void report_violations(const struct report_head *head, const struct run_result *result, FILE *out) {
    fprintf(out, "seed %" PRIu64 " FAILS: %" PRIu64 " violations\n  %s\n", head->settings->seed,
            result->violations_count, head->replay);
    for (size_t i = 0; i < result->violations_kept; i++) {
        const struct violation *violation = &result->violations[i];
        fprintf(out, "  %10.3f s  %s", thousandths(violation->at_ns / NS_PER_MS),
                checkers_invariants[violation->invariant - 1].name);
        if (violation->host != SIM_NOBODY) {
            fprintf(out, "  at n%" PRIu32, violation->host);
        }
        if (violation->subject != SIM_NOBODY) {
            fprintf(out, " about n%" PRIu32, violation->subject);
        }
        fprintf(out, ": %s\n", violation->text);
    }
}

static void text_figures(const struct run_result *result, FILE *out) {
    const struct figures *figures = &result->figures;
    const struct checkers_counts *counts = &result->counts;
    row(out, "false positives (FP)", counts->false_positives);
    row(out, "of healthy nodes (FP-)", counts->false_positives_healthy);
    row(out, "verdicts on faulty ones", counts->verdicts_about_faulty);
    row(out, "healthy ones held dead, by nodes", figures->dead_seen_healthy);
    row(out, "verdicts on those that are down", counts->verdicts_about_down);
    row_spread(out, "crash known, per node", &figures->detect);
    row_spread(out, "crash known, first node", &figures->detect_first);
    row_spread(out, "crash known, last node", &figures->detect_all);
    if (figures->undetected > 0) {
        row(out, "never learnt (crash, node)", figures->undetected);
    }
    row_spread(out, "outage held dead, per node", &figures->outage);
    row_spread(out, "outage held dead, first node", &figures->outage_first);
    row_spread(out, "update known, per node", &figures->dissemination);
    if (figures->updates > 0) {
        if (figures->update_bytes != UINT64_MAX) {
            row(out, "bytes per update", figures->update_bytes);
        }
        row(out, "never delivered (update, node)", figures->undelivered);
    }
    row(out, "ring versions, most at a well node", figures->ring_versions_max);
    if (figures->ring_versions_max_faulty > 0) {
        row(out, "and at one in the fault set", figures->ring_versions_max_faulty);
        row(out, "faulty ones that own keys at the end", figures->faulty_owners);
    }
    row(out, "different rings on the way", figures->views_distinct);
    row(out, "different tables at the end", figures->views_at_end);
    fprintf(out, "  %-34s %14.2f\n", "packets per node and second",
            (double)figures->packets_per_node_s_milli / 1000);
    fprintf(out, "  %-34s %14" PRIu64 " (most: %" PRIu64 ")\n", "bytes per node and second",
            figures->bytes_per_node_s_mean, figures->bytes_per_node_s_max);
    row(out, "bytes of memory per member and node", figures->bytes_per_member);
}

void report_text(const struct report_head *head, const struct run_result *result, FILE *out) {
    const struct sim_settings *settings = head->settings;
    if (result->violations_count > 0) {
        report_violations(head, result, out);
    }
    fprintf(out, "%s%s%" PRIu32 " nodes, profile %s, seed %" PRIu64 "\n", head->scenario,
            head->scenario[0] != '\0' ? ": " : "", settings->hosts, settings->profile->name,
            settings->seed);
    fprintf(out, "  %-34s %11.3f s in %.2f s (%" PRIu64 " events)\n", "virtual time",
            thousandths(result->virtual_ns / NS_PER_MS), (double)result->wall_ms / 1000,
            result->events);
    if (result->is_interrupted) {
        fprintf(out, "  interrupted: all figures are of this time\n");
    }
    fprintf(out, "  %-34s %016" PRIx64 "\n", "trace hash", result->trace_hash);
    if (result->is_converged) {
        fprintf(out, "  %-34s %11" PRIu64 " ms\n", "all agree, after the last action",
                result->converged_ms);
    } else {
        fprintf(out, "  %-34s %14s\n", "all agree", "no");
    }
    if (result->liveness_unjudged) {
        fprintf(out, "  liveness: not judged: %s\n", result->liveness_unjudged);
    }
    text_figures(result, out);
    row(out, "violations", result->violations_count);
}

void report_line_head(FILE *out) {
    fprintf(out, "%8s %6s %9s %8s %6s %6s %10s %10s %7s  %s\n", "seed", "nodes", "virtual s",
            "wall s", "FP", "FP-", "detect ms", "all ms", "agree", "violations");
}

static void put_ms(FILE *out, uint64_t ns) {
    if (ns == UINT64_MAX) {
        fprintf(out, " %10s", "-");
    } else {
        fprintf(out, " %10" PRIu64, ns / NS_PER_MS);
    }
}

void report_line(const struct report_head *head, const struct run_result *result, FILE *out) {
    fprintf(out, "%8" PRIu64 " %6" PRIu32 " %9.1f %8.2f %6" PRIu64 " %6" PRIu64,
            head->settings->seed, head->settings->hosts,
            thousandths(result->virtual_ns / NS_PER_MS), (double)result->wall_ms / 1000,
            result->counts.false_positives, result->counts.false_positives_healthy);
    put_ms(out, result->figures.detect.median_ns);
    put_ms(out, result->figures.detect_all.median_ns);
    fprintf(out, " %7s  %" PRIu64 "\n", result->is_converged ? "yes" : "no",
            result->violations_count);
}
