/* Drawing scenarios: the seed decides all, within the ranges; and what is drawn can be run. */
#include "tests/unit/sim_runs/reading.h"
#include "tools/sim/run.h"
#include "tools/sim/swarm.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(swarm, .fini = reading_close, .timeout = 120);

static void draw(uint64_t seed, uint32_t hosts) {
    struct sim_settings settings;
    scenario_deinit(&reading);
    sim_settings_init(&settings, 5, seed);
    scenario_init(&reading, &settings);
    cr_assert(swarm_draw(&reading, hosts));
}

Test(swarm, the_seed_decides) {
    draw(11, 0);
    char *first = reading_written();
    draw(11, 0);
    char *again = reading_written();
    draw(12, 0);
    char *other = reading_written();
    cr_expect_str_eq(first, again);
    cr_expect_str_neq(first, other);
    free(first);
    free(again);
    free(other);
}

Test(swarm, a_given_size_is_kept) {
    draw(3, 33);
    cr_expect_eq(reading.settings.hosts, 33);
}

/* Over many seeds every kind of fault appears, most seeds leave most kinds out, and no amount
 * leaves the ranges of reliability.md. */
Test(swarm, kinds_and_ranges) {
    uint32_t seen[SIM_ACTION_KINDS] = {0};
    uint32_t small = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        bool here[SIM_ACTION_KINDS] = {false};
        draw(seed, 0);
        small += reading.settings.hosts <= 12;
        cr_expect(reading.settings.hosts >= 3 && reading.settings.hosts <= 40);
        cr_expect_leq(reading.settings.network.loss_ppm, 300000);
        cr_expect_leq(reading.settings.network.delay_random_ns, 100 * NS_PER_MS);
        for (size_t i = 0; i < reading.count; i++) {
            const struct sim_action *action = &reading.actions[i];
            cr_expect_leq(action->at_ns, reading.duration_ns);
            here[action->kind] = true;
            if (action->kind == SIM_LOSS) {
                cr_expect(action->amount > 0 && action->amount <= 300000);
            } else if (action->kind == SIM_DUPLICATE || action->kind == SIM_REPLAY) {
                cr_expect(action->amount > 0 && action->amount <= 500000);
            }
        }
        for (size_t kind = 0; kind < SIM_ACTION_KINDS; kind++) {
            seen[kind] += here[kind];
        }
    }
    for (size_t kind = SIM_START; kind < SIM_ACTION_KINDS; kind++) {
        bool is_always = kind == SIM_START || kind == SIM_HEAL;
        cr_expect_gt(seen[kind], 10, "kind %zu in %u of 300 seeds", kind, seen[kind]);
        cr_expect(is_always || seen[kind] < 200, "kind %zu in %u of 300 seeds", kind, seen[kind]);
    }
    cr_expect_gt(small, 200);
}

static uint64_t run_hash(bool is_checked) {
    struct run_options options = {.mask = is_checked ? CHECKERS_ALL : 0};
    struct run_result *result = malloc(sizeof(*result));
    cr_assert(result);
    run_scenario(&reading, &options, result);
    cr_assert(result->is_done);
    uint64_t hash = result->trace_hash;
    free(result);
    return hash;
}

/* One seed, one run: drawn again, written and read back, checked or not. */
Test(swarm, one_seed_one_trace) {
    for (uint64_t seed = 20; seed < 26; seed++) {
        draw(seed, 0);
        uint64_t first = run_hash(true);
        draw(seed, 0);
        cr_expect_eq(run_hash(true), first, "seed %lu again", seed);
        cr_expect_eq(run_hash(false), first, "seed %lu unchecked", seed);
        char *text = reading_written();
        cr_assert(reading_open(text), "%s", reading.reason);
        cr_assert(scenario_complete(&reading));
        cr_expect_eq(run_hash(true), first, "seed %lu from its text", seed);
        free(text);
        draw(seed + 1, 0);
        cr_expect_neq(run_hash(true), first);
    }
}
