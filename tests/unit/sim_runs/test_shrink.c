/* Making a failing run smaller, with runs of our own: what fails is a rule of the test. */
#include "tools/sim/shrink.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct scenario scenario;
static bool (*fails)(const struct scenario *scenario);
static uint32_t runs;
static uint32_t interrupted_after; /* so many; 0: never */

/* Stands for tools/sim/run.c. */
void run_scenario(const struct scenario *tried, const struct run_options *options,
                  struct run_result *result) {
    (void)options;
    runs++;
    bool is_interrupted = interrupted_after > 0 && runs > interrupted_after;
    *result = (struct run_result){
        .is_done = !is_interrupted, .is_interrupted = is_interrupted, .trace_hash = runs};
    if (fails(tried)) {
        result->violations_count = result->violations_kept = 1;
        result->violations[0].invariant = 12;
    }
}

static void close_scenario(void) {
    scenario_deinit(&scenario);
}

TestSuite(shrink, .fini = close_scenario);

/* 32 hosts, 100 faults of a minute each, half an hour. */
static void open_scenario(void) {
    struct sim_settings settings;
    sim_settings_init(&settings, 32, 1);
    settings.network.loss_ppm = 20000;
    settings.zones = 3;
    scenario_init(&scenario, &settings);
    scenario.duration_ns = 1800 * NS_PER_S;
    for (uint32_t i = 0; i < 100; i++) {
        struct sim_action action = {.at_ns = i * NS_PER_S,
                                    .duration_ns = 60 * NS_PER_S,
                                    .kind = i % 10 == 3 ? SIM_PAUSE : SIM_DEAF,
                                    .who = {i % 16, 8, 2}};
        cr_assert(scenario_add(&scenario, &action));
    }
}

static struct run_result shrunk(uint64_t budget_ms) {
    struct run_options options = {0};
    static struct run_result result;
    runs = 0;
    shrink_scenario(&scenario, &options, 12, budget_ms, &result);
    return result;
}

/* Needs two certain actions, host 5 in one of them, two seconds of it, and six hosts. */
static bool two_actions(const struct scenario *tried) {
    bool has_33 = false;
    bool has_71 = false;
    for (size_t i = 0; i < tried->count; i++) {
        const struct sim_action *action = &tried->actions[i];
        bool has_host_5 = action->who.first <= 5 && (5 - action->who.first) % 2 == 0 &&
                          (5 - action->who.first) / 2 < action->who.count;
        has_33 |=
            action->at_ns == 33 * NS_PER_S && has_host_5 && action->duration_ns >= 2 * NS_PER_S;
        has_71 |= action->at_ns == 71 * NS_PER_S && tried->settings.hosts > 7;
    }
    return has_33 && has_71 && tried->duration_ns > 75 * NS_PER_S;
}

Test(shrink, what_does_not_matter_goes) {
    open_scenario();
    fails = two_actions;
    struct run_result result = shrunk(60000);
    cr_expect_eq(scenario.count, 2);
    cr_expect_eq(scenario.settings.hosts, 8);
    cr_expect_eq(scenario.actions[0].who.count, 1);
    cr_expect_eq(scenario.actions[0].who.first, 5);
    cr_expect_lt(scenario.actions[0].duration_ns, 4 * NS_PER_S);
    cr_expect_lt(scenario.actions[1].duration_ns, 4 * NS_PER_MS);
    cr_expect_lt(scenario.duration_ns, 110 * NS_PER_S);
    cr_expect_eq(scenario.settings.network.loss_ppm, 0);
    cr_expect_eq(scenario.settings.zones, 0);
    cr_expect(two_actions(&scenario), "it still fails");
    cr_expect_eq(result.violations_kept, 1);
    cr_expect_lt(runs, 1000);
}

Test(shrink, the_same_run_gives_the_same_smaller_one) {
    char *texts[2] = {NULL, NULL};
    fails = two_actions;
    for (int i = 0; i < 2; i++) {
        size_t bytes = 0;
        scenario_deinit(&scenario);
        open_scenario();
        (void)shrunk(60000);
        FILE *out = open_memstream(&texts[i], &bytes);
        cr_assert(out);
        scenario_write(&scenario, out);
        fclose(out);
    }
    cr_expect_str_eq(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

static bool all_matter(const struct scenario *tried) {
    return tried->count == 100 && tried->settings.hosts == 32 &&
           tried->duration_ns == 1800 * NS_PER_S;
}

Test(shrink, what_matters_stays) {
    open_scenario();
    fails = all_matter;
    (void)shrunk(60000);
    cr_expect_eq(scenario.count, 100);
    cr_expect_eq(scenario.settings.hosts, 32);
    cr_expect_eq(scenario.duration_ns, 1800 * NS_PER_S);
}

static bool always(const struct scenario *tried) {
    (void)tried;
    return true;
}

Test(shrink, time_that_is_over_ends_it) {
    open_scenario();
    fails = always;
    (void)shrunk(0);
    cr_expect_leq(runs, 1);
    cr_expect_eq(scenario.count, 100);
}

Test(shrink, an_interruption_ends_it) {
    open_scenario();
    fails = always;
    interrupted_after = 1;
    struct run_result result = shrunk(60000);
    interrupted_after = 0;
    cr_expect_leq(runs, 4);
    cr_expect_eq(scenario.count, 50, "the first half went in the one run that was done");
    cr_expect_eq(result.trace_hash, 1);
}

Test(shrink, nothing_at_all_may_be_enough) {
    open_scenario();
    fails = always;
    (void)shrunk(60000);
    cr_expect_eq(scenario.count, 0);
    cr_expect_eq(scenario.settings.hosts, 2);
}

/* Hosts that went are not spoken of any more. */
Test(shrink, actions_are_tidied) {
    open_scenario();
    fails = two_actions;
    (void)shrunk(60000);
    for (size_t i = 0; i < scenario.count; i++) {
        const struct sim_hosts *who = &scenario.actions[i].who;
        cr_expect_lt(who->first + (who->count - 1) * who->step, scenario.settings.hosts);
    }
}
