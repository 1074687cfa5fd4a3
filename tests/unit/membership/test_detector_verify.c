/* tests/unit/membership/test_detector_verify.c - stories in virtual time of suspects that are
 * probed at once, and of the word how many of the last probes failed. */
#include "henge/members.h"
#include "tests/unit/membership/detector_world.h"
#include <criterion/criterion.h>

/* The round trip is 4 ms, so each timeout is the least one. */
#define TIMEOUT (50 * NS_PER_MS)
#define VERIFICATION (6 * TIMEOUT)

static void verify(uint32_t node, uint32_t suspect, uint32_t version) {
    detector_verify(world.nodes[node].detector, suspect + 1, world.nodes[suspect].generation,
                    version);
}

/* Round trips are known, and node 0 has just begun to probe node 1. */
static void settle(uint32_t count) {
    world_create(count, count);
    world_run((uint64_t)3 * count * PERIOD);
    (void)world_run_to_ping(0, 1);
    world_run(10 * NS_PER_MS);
}

Test(verify, silence_is_told_after_a_few_timeouts_instead_of_a_period) {
    settle(6);
    world.nodes[5].is_crashed = true;
    world_know(0, 5, FIRST_GENERATION + 5, 0, HENGE_SUSPECT);
    uint32_t since = world.log_count;
    verify(0, 5, 0);
    uint64_t probes = world_counters(0).probes_sent;
    world_run(0);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, since), 1, "at once");
    world_run(TIMEOUT - 1);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING_REQ, since), 0);
    world_run(1);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING_REQ, since), 3);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, since), 2);
    world_run(VERIFICATION - TIMEOUT - 1);
    cr_assert_eq(world_failures(0), 0);
    world_run(1);
    cr_assert_eq(world.nodes[0].failed[6], 1);
    cr_assert_eq(world.nodes[0].last_generation, FIRST_GENERATION + 5);
    cr_assert_eq(world.nodes[0].last_version, 0);
    cr_assert_eq(detector_health(world.nodes[0].detector), 0,
                 "all helpers said that they are well");
    cr_assert_eq(world_counters(0).verifications_sent, 1);
    cr_assert_eq(world_counters(0).verifications_failed, 1);
    cr_assert_eq(world_counters(0).probes_sent, probes);
    cr_assert_eq(world.nodes[0].probes_failed_of_8, 0, "no periodic probe");
    world_destroy();
}

Test(verify, suspect_that_lives_hears_of_it_and_refutes) {
    settle(4);
    verify(0, 3, 0); /* ahead of gossip's word: the detector still holds it ALIVE */
    world_run(0);
    const struct ping *ping = &world_sent_last(0, MESSAGE_PING, 0)->message.as.ping;
    cr_assert_eq(ping->held.flags, HELD_SUSPECT);
    cr_assert_eq(ping->held.version, 0);
    world_run(2 * LATENCY);
    cr_assert_eq(detector_version(world.nodes[3].detector), 1);
    cr_assert_eq(world.nodes[0].alive[4], 1);
    cr_assert_eq(world.nodes[0].last_version, 1);
    cr_assert_eq(world.nodes[0].rtt_us[4], 2 * LATENCY / NS_PER_US);
    world_run(5 * PERIOD);
    cr_assert_eq(world_failures(0), 0);
    world_destroy();
}

/* The suspect's answers come by way of a helper only. */
Test(verify, helper_saves_the_suspect) {
    settle(4);
    world.drops = world_drops_all_between_0_and_1;
    verify(0, 1, 0);
    world_run(VERIFICATION);
    cr_assert_eq(world_failures(0), 0);
    cr_assert_eq(world.nodes[0].alive[2], 1, "and carried the suspicion to it");
    world_destroy();
}

Test(verify, runs_beside_the_periodic_probe) {
    settle(5);
    uint64_t begun_ns = world_run_to_ping(0, 1)->time_ns;
    world.nodes[1].is_crashed = world.nodes[4].is_crashed = true;
    verify(0, 4, 0);
    world_run(VERIFICATION / 2); /* the periodic one is ahead by as much as it began earlier */
    cr_assert_eq(world.nodes[0].failed[5], 0);
    cr_assert_eq(world.nodes[0].failed[2], 0);
    world_run(begun_ns + VERIFICATION - world.now_ns);
    cr_assert_eq(world.nodes[0].failed[2], 1);
    world_run(VERIFICATION / 2);
    cr_assert_eq(world.nodes[0].failed[5], 1);
    world_destroy();
}

Test(verify, unwell_node_is_no_witness) {
    for (uint32_t health = 1; health <= 2; health++) {
        settle(4);
        world.nodes[3].is_crashed = true;
        for (uint32_t i = 0; i < health; i++) {
            detector_accused(world.nodes[0].detector, FIRST_GENERATION, i);
        }
        verify(0, 3, 0);
        world_run(2 * VERIFICATION - NS_PER_MS);
        cr_assert_eq(world_failures(0), 0);
        world_run(NS_PER_MS);
        cr_assert_eq(world.nodes[0].failed[4], health == 1 ? 1 : 0, "stretched by health");
        cr_assert_eq(world_counters(0).verifications_dropped, health == 1 ? 0 : 1);
        world_destroy();
    }
}

Test(verify, no_more_than_eight_at_once_and_each_suspect_once) {
    settle(14);
    verify(0, 2, 0);
    verify(0, 2, 0);
    cr_assert_eq(world_counters(0).verifications_dropped, 1);
    for (uint32_t i = 3; i < 12; i++) {
        verify(0, i, 0);
    }
    cr_assert_eq(world_counters(0).verifications_dropped, 3);
    world_run(2 * LATENCY);
    cr_assert_eq(world_counters(0).verifications_sent, 8);
    verify(0, 12, 0);
    world_run(2 * LATENCY);
    cr_assert_eq(world_counters(0).verifications_sent, 9, "room again");
    world_destroy();
}

Test(verify, what_was_overtaken_is_dropped) {
    settle(4);
    struct detector *detector = world.nodes[0].detector;
    world_know(0, 2, FIRST_GENERATION + 2, 4, HENGE_ALIVE);
    verify(0, 2, 3);
    detector_verify(detector, 3, FIRST_GENERATION + 1, 4);
    detector_verify(detector, 77, FIRST_GENERATION, 4);
    world_know(0, 3, FIRST_GENERATION + 3, 0, HENGE_DEAD);
    verify(0, 3, 0);
    cr_assert_eq(world_counters(0).verifications_dropped, 4);
    verify(0, 2, 4);
    world_know(0, 2, FIRST_GENERATION + 2, 5, HENGE_ALIVE); /* before its turn came */
    world_run(0);
    cr_assert_eq(world_counters(0).verifications_dropped, 5);
    verify(0, 2, 5);
    detector_peer_remove(detector, 3);
    world_run(2 * PERIOD);
    cr_assert_eq(world_counters(0).verifications_sent, 0);
    world_destroy();
}

Test(verify, version_that_rose_meanwhile_is_not_accused) {
    settle(4);
    world.nodes[3].is_crashed = true;
    verify(0, 3, 0);
    world_run(VERIFICATION / 2);
    world_know(0, 3, FIRST_GENERATION + 3, 1, HENGE_ALIVE);
    world_run(VERIFICATION / 2);
    cr_assert_eq(world_counters(0).verifications_failed, 1);
    cr_assert_eq(world_failures(0), 0);
    world_destroy();
}

Test(verify, nothing_is_judged_before_the_horizon) {
    settle(4);
    struct world_node *node = &world.nodes[0];
    world.nodes[3].is_crashed = true;
    verify(0, 3, 0);
    node->horizon_frozen_ns = world.now_ns + VERIFICATION - 1;
    world_run(VERIFICATION + NS_PER_MS);
    cr_assert_eq(world_failures(0), 0);
    cr_assert(detector_wants_horizon(node->detector));
    node->horizon_frozen_ns = TIME_NEVER;
    world_run(PERIOD / 10);
    cr_assert_eq(node->failed[4], 1);
    cr_assert_eq(world_counters(0).pauses, 0);
    world_destroy();
}

Test(verify, what_could_not_be_sent_accuses_nobody) {
    for (uint64_t is_begun = 0; is_begun < 2; is_begun++) {
        settle(4);
        world.nodes[3].is_crashed = true;
        verify(0, 3, 0);
        world_run(is_begun * NS_PER_MS);
        world.nodes[0].is_muted = true;
        if (is_begun == 0) {
            verify(0, 2, 0);
        }
        world_run(VERIFICATION + NS_PER_MS);
        cr_assert_eq(world_failures(0), 0);
        cr_assert_geq(world_counters(0).probes_abandoned, 1);
        world_destroy();
    }
}

/* Asked for long after the last turn: that is nobody's delay. */
Test(verify, asking_is_no_pause_and_a_pause_ends_what_is_asked) {
    settle(4);
    world.nodes[3].is_crashed = true;
    world_run(PERIOD * 8 / 10);
    verify(0, 3, 0);
    cr_assert_leq(detector_deadline(world.nodes[0].detector), world.now_ns);
    world_run(0);
    cr_assert_eq(world_counters(0).pauses, 0);
    cr_assert_eq(world_counters(0).verifications_sent, 1);
    world.nodes[0].is_paused = true;
    world_run(20 * PERIOD);
    world.nodes[0].is_paused = false;
    world_run(0);
    cr_assert_eq(world_counters(0).pauses, 1);
    cr_assert_eq(world_failures(0), 0);
    world_destroy();
}

/* -- How many of the last eight failed -- */

Test(probes, failures_of_the_last_eight_are_told_when_their_number_changes) {
    world_create(5, 5);
    world_run(20 * PERIOD);
    struct world_node *node = &world.nodes[0];
    cr_assert_eq(node->probes_told, 0);
    for (uint32_t i = 1; i < 5; i++) {
        world.nodes[i].is_crashed = true;
    }
    uint64_t failed = world_counters(0).probes_failed;
    while (world_counters(0).probes_failed < failed + 5) {
        world_run(PERIOD / 10);
    }
    cr_assert_eq(node->probes_failed_of_8, 5);
    world_run(100 * PERIOD);
    cr_assert_eq(node->probes_failed_of_8, 8);
    cr_assert_eq(node->probes_told, 8, "and no more");
    for (uint32_t i = 1; i < 5; i++) {
        world.nodes[i].is_crashed = false;
    }
    world_run(60 * PERIOD);
    cr_assert_eq(node->probes_failed_of_8, 0);
    cr_assert_eq(node->probes_told, 16);
    world_destroy();
}

/* Verifications are of suspects, no sample of the cluster: they say nothing about us. */
Test(probes, verifications_do_not_count) {
    settle(10);
    struct world_node *node = &world.nodes[0];
    world.nodes[9].is_crashed = true;
    while (node->probes_told == 0) {
        world_run(PERIOD / 10);
    }
    cr_assert_eq(node->probes_failed_of_8, 1);
    for (uint32_t i = 1; i < 9; i++) {
        verify(0, i, 0);
    }
    world_run(2 * LATENCY);
    cr_assert_eq(world_counters(0).verifications_sent, 8);
    cr_assert_eq(node->probes_failed_of_8, 1, "all eight were answered");
    world_destroy();
}

Test(probes, number_that_was_refused_is_told_again_unless_it_went_back) {
    world_create(3, 3);
    world_run(20 * PERIOD);
    struct world_node *node = &world.nodes[0];
    node->is_refusing = true;
    world.nodes[1].is_crashed = world.nodes[2].is_crashed = true;
    world_run(10 * PERIOD);
    cr_assert_eq(node->probes_told, 0);
    node->is_refusing = false;
    world_run(PERIOD / 5);
    cr_assert_eq(node->probes_told, 1);
    cr_assert_geq(node->probes_failed_of_8, 2);
    world_destroy();
}
