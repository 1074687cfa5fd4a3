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

/* Publication waits for the suspicions that are left, at most one shortest suspicion; who is probed
 * for the first time only then makes a second version, which is rare in a big cluster. */
Test(publishing, ten_crashes_at_once_are_one_ring_version_or_two) {
    enum { HOSTS = 100, LIVE = 90, SEEDS = 5 };
    uint32_t ones = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t before[LIVE], most = 0;
        form(HOSTS, seed);
        for (uint32_t host = 0; host < LIVE; host++)
            before[host] = ring_version(host);
        stage_act(&stage, SIM_CRASH, LIVE, HOSTS - LIVE, 0, 0);
        stage_run(&stage, 30 * STAGE_SECOND);
        for (uint32_t host = 0; host < LIVE; host++) {
            uint64_t more = ring_version(host) - before[host];
            most = more > most ? more : most;
            cr_assert(more == 1 || more == 2, "host %u: %d versions", host, (int)more);
            cr_assert_eq(stage_status(&stage, host, LIVE), HENGE_DEAD);
        }
        ones += most == 1;
        cr_assert_eq(stage_end(&stage), 0);
    }
    cr_assert_geq(ones, 3, "one version in %u runs of %d", ones, SEEDS);
}

static bool is_suspected(const struct stage *play) {
    return stage_count(play, 3, HENGE_SUSPECT) > 20;
}

Test(publishing, suspicion_and_refutation_leave_the_ring_as_it_is) {
    form(24, 1);
    stage_mute(&stage, 3, 6 * STAGE_SECOND);
    cr_assert(stage_run_until(&stage, 6 * STAGE_SECOND, is_suspected));
    stage_heal(&stage);
    stage_run(&stage, 10 * STAGE_SECOND);
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

/* What the ring keeps for so long is not forgotten before, and its slot is nobody else's. */
Test(publishing, a_dead_member_is_known_as_long_as_it_owns_keys) {
    stage_init(&stage, 12, 5);
    stage.settings.config.dead_shown_s = 2;
    stage.settings.config.ring_removal_delay_ms = 60000;
    cr_assert(stage_form(&stage));
    uint64_t version = sim_gossip(stage.sim, 0)->ring_version;
    stage_act(&stage, SIM_CRASH, 1, 4, 0, 0);
    stage_run(&stage, 40 * STAGE_SECOND);
    cr_assert_eq(stage_status(&stage, 0, 2), HENGE_DEAD);
    cr_assert_eq(sim_gossip(stage.sim, 0)->ring_version, version);
    stage_restart(&stage, 5, STAGE_SECOND, 0, SIM_RESTART_OTHER_ADDRESS);
    stage_run(&stage, 30 * STAGE_SECOND);
    cr_assert_gt(sim_gossip(stage.sim, 0)->ring_version, version);
    stage_run(&stage, 60 * STAGE_SECOND);
    cr_assert_eq(stage_status(&stage, 0, 2), -1);
    cr_assert_eq(stage_end(&stage), 0);
}

/* The ring kept it for a while; an operator's verdict ends that. */
Test(publishing, a_dead_one_that_is_evicted_owns_nothing_any_more) {
    stage_init(&stage, 8, 6);
    stage.settings.config.ring_removal_delay_ms = 60000;
    cr_assert(stage_form(&stage));
    uint64_t version = sim_gossip(stage.sim, 0)->ring_version;
    stage_act(&stage, SIM_CRASH, 3, 1, 0, 0);
    stage_run(&stage, 20 * STAGE_SECOND);
    cr_assert_eq(sim_gossip(stage.sim, 0)->ring_version, version);
    stage_act(&stage, SIM_EVICT, 5, 1, 0, 3);
    stage_run(&stage, 3 * STAGE_SECOND);
    cr_assert_eq(sim_gossip(stage.sim, 0)->ring_version, version + 1);
    cr_assert_eq(stage_end(&stage), 0);
}
