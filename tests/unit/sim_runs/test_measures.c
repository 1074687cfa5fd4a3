/* The figures of small runs whose truth is known beforehand. */
#include "tests/unit/sim_runs/reading.h"
#include "tools/sim/run.h"
#include "tools/sim/summary.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(measures, .fini = reading_close, .timeout = 120);

static struct run_result result;

static void run(const char *text) {
    struct run_options options = {.mask = CHECKERS_ALL};
    reading_whole(text);
    run_scenario(&reading, &options, &result);
    cr_assert(result.is_done);
    cr_expect_eq(result.violations_count, 0, "%s", result.violations[0].text);
}

Test(measures, a_quiet_run_has_nothing_to_tell) {
    run("nodes 10\nduration 40\nat 10 mark\n");
    cr_expect_eq(result.virtual_ns, 40 * NS_PER_S);
    cr_expect_eq(result.figures.crashes, 0);
    cr_expect_eq(result.figures.detect.count, 0);
    cr_expect_eq(result.figures.detect.median_ns, UINT64_MAX);
    cr_expect_eq(result.figures.updates, 0);
    cr_expect_eq(result.figures.ring_versions_max, 0);
    cr_expect_eq(result.figures.views_at_end, 1);
    cr_expect_eq(result.counts.verdicts, 0);
    cr_expect(result.is_converged);
    /* A ping, its ack, and a bit of healing. */
    cr_expect_geq(result.figures.packets_per_node_s_milli, 2000);
    cr_expect_leq(result.figures.packets_per_node_s_milli, 4000);
}

Test(measures, two_crashes_are_learnt_by_all_others) {
    run("nodes 10\nduration 60\nat 10 mark\nat 10 crash 3\nat 30 crash 7\n");
    const struct figures *figures = &result.figures;
    cr_expect_eq(figures->crashes, 2);
    cr_expect_eq(figures->detect.count, 9 + 8);
    cr_expect_eq(figures->detect_first.count, 2);
    cr_expect_eq(figures->detect_all.count, 2);
    cr_expect_eq(figures->undetected, 0);
    cr_expect_leq(figures->detect_first.median_ns, figures->detect.median_ns);
    cr_expect_eq(figures->detect_all.max_ns, figures->detect.max_ns);
    cr_expect_gt(figures->detect_first.median_ns, NS_PER_S);
    cr_expect_lt(figures->detect_all.max_ns, 20 * NS_PER_S);
    cr_expect_eq(result.counts.false_positives, 0);
    cr_expect_geq(result.counts.verdicts_about_down, 2);
    cr_expect_eq(figures->dead_seen_faulty + figures->dead_seen_healthy, 0);
}

Test(measures, a_crash_at_the_end_is_not_yet_known) {
    run("nodes 10\nduration 30\nat 10 mark\nat 29.9 crash 3\n");
    cr_expect_eq(result.figures.crashes, 1);
    cr_expect_eq(result.figures.detect.count, 0);
    cr_expect_eq(result.figures.undetected, 9);
    cr_expect_not(result.is_converged);
}

Test(measures, what_was_before_the_mark_is_not_told) {
    run("nodes 10\nduration 60\nat 10 crash 3\nat 12 metadata 4\nat 40 mark\n");
    cr_expect_eq(result.figures.crashes, 0);
    cr_expect_eq(result.figures.updates, 0);
    cr_expect_eq(result.figures.detect.count, 0);
}

Test(measures, an_update_reaches_all_others) {
    run("nodes 20\nduration 40\nat 10 mark\nat 20 metadata 4\nat 30 metadata 5\n");
    const struct figures *figures = &result.figures;
    cr_expect_eq(figures->updates, 2);
    cr_expect_eq(figures->dissemination.count, 38);
    cr_expect_eq(figures->undelivered, 0);
    cr_expect_gt(figures->dissemination.median_ns, 0);
    cr_expect_lt(figures->dissemination.max_ns, NS_PER_S);
    cr_expect_gt(figures->update_bytes, 19 * 40);
}

Test(measures, an_update_that_nobody_hears_is_missed) {
    run("nodes 5\nduration 30\nat 10 mark\nat 20 loss-out 4 100%\nat 21 metadata 4\n");
    cr_expect_eq(result.figures.dissemination.count, 0);
    cr_expect_eq(result.figures.undelivered, 4);
}

Test(measures, an_outage_is_noticed_while_it_lasts) {
    run("nodes 20\nduration 80\nat 10 mark\nat 20 deaf 4 for 20\nat 20.5 deaf 5 for 200ms\n");
    const struct figures *figures = &result.figures;
    cr_expect_eq(figures->outages, 2);
    cr_expect_eq(figures->outage_first.count, 1, "the short one is not noticed");
    cr_expect_gt(figures->outage_first.median_ns, NS_PER_S);
    cr_expect_lt(figures->outage_first.median_ns, 20 * NS_PER_S);
    cr_expect_eq(figures->outage.count, 18, "all that never were at fault");
    cr_expect_geq(figures->dead_seen_faulty, 18);
    cr_expect_eq(figures->dead_seen_healthy, 0);
    cr_expect_gt(result.counts.verdicts_about_faulty, 0);
    cr_expect_eq(result.counts.false_positives, 0);
}

Test(measures, settling_goes_on_until_all_agree) {
    run("nodes 12\nduration 40\nsettle\nat 10 mark\nat 20 cut lower from upper\n");
    cr_expect_gt(result.virtual_ns, 40 * NS_PER_S);
    cr_expect(result.is_converged);
    cr_expect_gt(result.converged_ms, 0);
}

Test(measures, convergence_counts_from_the_last_thing_that_happened) {
    run("nodes 12\nduration 60\nsettle\nat 10 mark\nat 20 crash 3\n");
    uint64_t settled_ms = result.converged_ms;
    run("nodes 12\nduration 60\nat 10 mark\nat 20 crash 3\n");
    cr_expect_eq(result.converged_ms, settled_ms);
    cr_expect_geq(result.converged_ms, result.figures.detect_all.max_ns / NS_PER_MS);
    cr_expect_lt(result.converged_ms, 20000);
    cr_expect_gt(result.figures.ring_versions_max, 0);
    cr_expect_eq(result.figures.ring_versions_max_faulty, 0, "the one that crashed is down");
}

/* Whoever reads "0 violations" must know what was not asked. */
Test(measures, liveness_that_was_not_judged_says_why) {
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"nodes 6\nduration 40\n", NULL},
        {"nodes 6\nduration 40\nat 30 crash 3\n", "the run ended before it was due"},
        {"nodes 6\nduration 40\nsettle\nat 30 crash 3\n", NULL},
        {"nodes 6\nduration 40\nat 30 deaf 3\n", "a fault goes on at the end"},
        {"nodes 6\nduration 40\nsettle\nat 30 deaf 3\n", NULL},
        {"nodes 6\nduration 40\nsettle\nloss 11%\n", "the network itself loses or delays too much"},
        {"nodes 6\nduration 40\nsettle\nlatency 101ms\n",
         "the network itself loses or delays too much"},
        {"nodes 6\nduration 40\nprofile classic\n", "this profile does not promise it"},
        {"nodes 2\nduration 40\nat 20 crash all\n", "nobody is up at the end"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        run(cases[i].text);
        const char *why = result.liveness_unjudged;
        cr_expect(why == cases[i].why || (why && cases[i].why && strcmp(why, cases[i].why) == 0),
                  "%s: %s", cases[i].text, why ? why : "judged");
    }
}

Test(measures, settings_out_of_limits_are_no_run) {
    struct run_options options = {.mask = CHECKERS_ALL};
    reading_whole("nodes 4\nduration 10\n");
    reading.settings.hosts = SIM_HOSTS_MAX + 1;
    run_scenario(&reading, &options, &result);
    cr_expect_not(result.is_done);
}

static bool stop_at_5(void *context, const struct sim *sim, uint64_t until_ns) {
    (void)context;
    (void)until_ns;
    return sim_now_ns(sim) < 5 * NS_PER_S;
}

Test(measures, a_run_can_be_stopped) {
    struct run_options options = {.mask = CHECKERS_ALL, .on_progress = stop_at_5};
    reading_whole("nodes 4\nduration 1000\n");
    run_scenario(&reading, &options, &result);
    cr_expect_not(result.is_done);
    cr_expect(result.is_interrupted);
    cr_expect_geq(result.virtual_ns, 5 * NS_PER_S);
    cr_expect_lt(result.virtual_ns, 25 * NS_PER_S, "soon");
    cr_expect_gt(result.figures.packets_per_node_s_milli, 0, "what there is is told");
}

static uint32_t looks;

static bool stop_at_once(void *context, const struct sim *sim, uint64_t until_ns) {
    (void)context;
    cr_expect_lt(sim_now_ns(sim), NS_PER_S);
    cr_expect_eq(until_ns, 1000 * NS_PER_S);
    return ++looks < 10;
}

/* Real time passes between two virtual seconds, too. */
Test(measures, a_large_run_is_stopped_within_its_first_second) {
    struct run_options options = {.mask = 0, .on_progress = stop_at_once};
    reading_whole("nodes 500\nduration 1000\n");
    run_scenario(&reading, &options, &result);
    cr_expect(result.is_interrupted);
    cr_expect_lt(result.virtual_ns, NS_PER_S);
}

Test(measures, a_summary_knows_the_first_failure_and_the_median) {
    struct summary summary;
    char text[4096] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");
    cr_assert(out && summary_init(&summary, 3));
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct run_result run = {.is_done = true, .wall_ms = seed * 100};
        run.figures.detect.median_ns = seed == 2 ? UINT64_MAX : seed * NS_PER_S;
        run.violations_count = seed >= 2;
        summary_add(&summary, seed, &run);
    }
    cr_expect_eq(summary.failed, 2);
    cr_expect_eq(summary.first_failed_seed, 2);
    summary_print(&summary, "do it again", out);
    fclose(out);
    cr_expect(strstr(text, "3 seeds, 2 with violations, 3 without agreement"));
    cr_expect(strstr(text, "first failure: do it again"));
    cr_expect(strstr(text, "         200          100          300        3 ms"), "%s", text);
    cr_expect(strstr(text, "        1000         1000         3000        2 ms"), "%s", text);
    summary_deinit(&summary);
}

Test(measures, who_crashed_near_the_end_counts_for_the_time_it_was_up) {
    run("nodes 20\nduration 100\nat 10 mark\nat 98 crash 1..18\n");
    cr_expect_leq(result.figures.bytes_per_node_s_mean, result.figures.bytes_per_node_s_max);
    cr_expect_leq(result.figures.packets_per_node_s_milli, 4000);
    cr_expect_eq(result.figures.update_bytes, UINT64_MAX, "there was no update");
}
