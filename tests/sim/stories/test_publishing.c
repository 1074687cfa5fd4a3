/* Stories of views and rings, in virtual time: how many, when, of whom. */
#include "tests/sim/stage.h"
#include <criterion/criterion.h>

static struct stage stage;

static void form(uint32_t hosts, uint64_t seed) {
    stage_init(&stage, hosts, seed);
    cr_assert(stage_form(&stage));
    stage_run(&stage, 5 * STAGE_SECOND);
    stage_reset(&stage);
}

static uint64_t ring_version(uint32_t host) {
    return atomic_load_explicit(&sim_gossip(stage.sim, host)->counters.ring_version,
                                memory_order_relaxed);
}

Test(publishing, ten_crashes_at_once_are_one_ring_version) {
    uint64_t before[64];
    form(64, 1);
    for (uint32_t host = 0; host < 54; host++)
        before[host] = ring_version(host);
    stage_act(&stage, SIM_CRASH, 54, 10, 0, 0);
    stage_run(&stage, 30 * STAGE_SECOND);
    for (uint32_t host = 0; host < 54; host++) {
        cr_assert_eq(ring_version(host), before[host] + 1, "host %u: %d versions", host,
                     (int)(ring_version(host) - before[host]));
        cr_assert_eq(stage_status(&stage, host, 60), HENGE_DEAD);
    }
    cr_assert_eq(stage_end(&stage), 0);
}

Test(publishing, suspicion_and_refutation_leave_the_ring_as_it_is) {
    form(24, 1);
    stage_act(&stage, SIM_LOSS_OUT, 3, 1, 4 * STAGE_SECOND, SIM_MILLION);
    stage_run(&stage, 10 * STAGE_SECOND);
    cr_assert_gt(stage.tally.events[HENGE_MEMBER_SUSPECTED], 20);
    cr_assert_eq(stage.tally.events[HENGE_TOPOLOGY_CHANGED], 0);
    cr_assert_eq(stage_end(&stage), 0);
}

Test(publishing, a_lone_change_is_published_at_once) {
    form(24, 1);
    stage_act(&stage, SIM_LEAVE, 3, 1, 0, 0);
    stage_run(&stage, 100 * STAGE_MS);
    cr_assert_geq(stage.tally.events[HENGE_TOPOLOGY_CHANGED], 23);
    cr_assert_eq(stage_end(&stage), 0);
}

/* Between two views of a burst lie at least 250 ms; and none waits for more than 2 s. */
Test(publishing, a_burst_of_joins_is_a_few_ring_versions) {
    stage_init(&stage, 64, 1);
    stage_open(&stage);
    stage_act(&stage, SIM_START, 0, 1, 0, -1);
    stage_run(&stage, 5 * STAGE_SECOND);
    for (uint32_t host = 1; host < 64; host++) {
        stage_act(&stage, SIM_START, host, 1, 0, 0);
        stage_run(&stage, 50 * STAGE_MS);
    }
    stage_run(&stage, 5 * STAGE_SECOND);
    cr_assert_leq(ring_version(0), 8, "%d versions for 3.2 s of joins", (int)ring_version(0));
    cr_assert_eq(stage_end(&stage), 0);
}
