/* tests/unit/membership/test_detector_self.c - stories in virtual time of a node about itself: its
 * pauses, its refutations, its incarnations. */
#include "henge/members.h"
#include "membership/detector/local_health.h"
#include "membership/limits.h"
#include "tests/unit/membership/detector_world.h"
#include <criterion/criterion.h>

/* -- Pauses -- */

Test(detector, pause_of_20_s_accuses_nobody_and_raises_the_version) {
    for (uint32_t seed = 0; seed < 20; seed++) {
        world_create(5, 5);
        world_run(10 * PERIOD + seed * 53 * NS_PER_MS);
        world.nodes[0].is_paused = true;
        world_run(20 * NS_PER_S);
        world.nodes[0].is_paused = false;
        world_run(PERIOD / 2);
        cr_assert_eq(world_failures(0), 0);
        cr_assert_eq(world_counters(0).pauses, 1);
        cr_assert_geq(detector_version(world.nodes[0].detector), 1);
        cr_assert_eq(world.nodes[0].self_version, detector_version(world.nodes[0].detector));
        world_run(30 * PERIOD);
        cr_assert_eq(world_failures(0), 0);
        cr_assert_eq(world_counters(0).pauses, 1);
        cr_assert_eq(detector_health(world.nodes[0].detector), 0, "trusts itself again");
        cr_assert_gt(world.nodes[1].alive[1], 0, "the others hear of the new version");
        for (uint32_t i = 1; i < 5; i++) {
            cr_assert_eq(world_failures(i), world.nodes[i].failed[1], "only it was missed");
        }
        world_destroy();
    }
}

Test(detector, pause_costs_two_of_local_health) {
    world_create(2, 2);
    world_run(3 * PERIOD);
    for (uint32_t expected = 2; expected < 14; expected += 2) {
        world.nodes[0].is_paused = true;
        world_run(30 * PERIOD);
        world.nodes[0].is_paused = false;
        world_run(0);
        cr_assert_eq(detector_health(world.nodes[0].detector),
                     expected < LOCAL_HEALTH_MAX ? expected : LOCAL_HEALTH_MAX);
        cr_assert_eq(detector_version(world.nodes[0].detector), expected / 2);
    }
    world_destroy();
}

/* The ghost's silence was half judged before the pause. */
Test(detector, probe_under_way_is_not_judged_on_waking) {
    world_create(2, 1);
    (void)world_run_to_ping(0, 1);
    world_run(PERIOD * 3 / 4);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, 0), 2, "its second try is out");
    world.nodes[0].is_paused = true;
    world_run(20 * PERIOD);
    world.nodes[0].is_paused = false;
    world_run(0);
    cr_assert_eq(world_failures(0), 0);
    cr_assert_eq(world_counters(0).pauses, 1);
    world_destroy();
}

/* 1 + local health periods long: 3, 2, 1. */
Test(detector, periods_after_a_pause_are_stretched) {
    world_create(2, 2);
    world_run(3 * PERIOD);
    world.nodes[0].is_paused = true;
    world_run(30 * PERIOD);
    world.nodes[0].is_paused = false;
    uint64_t before_ns = world_run_to_ping(0, 1)->time_ns;
    for (uint64_t length = 3; length > 0; length--) {
        uint64_t begun_ns = world_run_to_ping(0, 1)->time_ns;
        cr_assert_eq(begun_ns - before_ns, length * PERIOD);
        before_ns = begun_ns;
    }
    world_destroy();
}

/* A probe that waited for the horizon ends long after its period, by an ack or by a change of the
 * peer: that is no pause. */
Test(detector, waiting_for_the_horizon_is_no_pause) {
    for (int end = 0; end < 2; end++) {
        world_create(3, 1);
        struct world_node *node = &world.nodes[0];
        const struct world_sent *sent = world_run_to_ping(0, 1);
        struct probe_message ack = {.head = world_head(1, MESSAGE_ACK),
                                    .as.ack = {.sequence = sent->message.as.ping.sequence,
                                               .subject_name_hash = world_name(1),
                                               .subject_generation = world.nodes[1].generation}};
        node->horizon_frozen_ns = world.now_ns;
        world_run(5 * PERIOD + PERIOD * 9 / 10);
        cr_assert(detector_wants_horizon(node->detector));
        if (end == 0) {
            world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ack);
        } else {
            detector_peer_remove(node->detector, 2);
        }
        cr_assert_not(detector_wants_horizon(node->detector));
        node->horizon_frozen_ns = TIME_NEVER;
        world_run(PERIOD);
        cr_assert_eq(world_counters(0).pauses, 0);
        cr_assert_eq(world_failures(0), 0);
        cr_assert_eq(world_counters(0).probes_sent, 2, "and it goes on");
        world_destroy();
    }
}

/* What gossip causes between two turns is dated by the last turn, long ago at a stretched period.
 */
Test(detector, report_that_waits_is_no_pause) {
    world_create(2, 1);
    struct world_node *node = &world.nodes[0];
    for (uint32_t version = 0; version < LOCAL_HEALTH_MAX; version++) {
        detector_accused(node->detector, FIRST_GENERATION, version);
    }
    (void)world_run_to_ping(0, 1);
    world_run(3 * PERIOD);
    node->is_refusing = true;
    detector_accused(node->detector, FIRST_GENERATION, LOCAL_HEALTH_MAX);
    node->is_refusing = false;
    world_run(0);
    cr_assert_eq(node->self_version, LOCAL_HEALTH_MAX + 1);
    cr_assert_eq(world_counters(0).pauses, 0);
    world_destroy();
}

/* The limit is min(period, 500 ms) after the deadline. */
Test(detector, turn_that_is_half_a_second_late_is_no_pause_yet) {
    for (uint64_t late_ms = 500; late_ms <= 501; late_ms++) {
        world_create(2, 1);
        world_run(0);
        uint64_t deadline_ns = detector_deadline(world.nodes[0].detector);
        world.nodes[0].is_paused = true;
        world_run(deadline_ns + late_ms * NS_PER_MS - world.now_ns);
        world.nodes[0].is_paused = false;
        world_run(0);
        cr_assert_eq(world_counters(0).pauses, late_ms - 500);
        world_destroy();
    }
}

/* An accusation that was refused before the pause is as stale as a probe under way. */
Test(detector, refused_accusation_is_forgotten_over_a_pause) {
    world_create(2, 1);
    world.nodes[0].is_refusing = true;
    world_run(4 * PERIOD);
    cr_assert_gt(world.nodes[0].refusals, 1);
    world.nodes[0].is_paused = true;
    world_run(20 * PERIOD);
    world.nodes[0].is_paused = false;
    world.nodes[0].is_refusing = false;
    world_run(0);
    cr_assert_eq(world_counters(0).pauses, 1);
    cr_assert_eq(world_failures(0), 0);
    cr_assert_eq(world.nodes[0].self_version, 1);
    world_destroy();
}

/* The machine slept, and no clock of ours moved meanwhile. */
Test(detector, suspend_is_a_pause) {
    world_create(3, 1);
    (void)world_run_to_ping(0, 1);
    world_run(PERIOD * 3 / 4);
    struct detector *detector = world.nodes[0].detector;
    detector_suspended(detector, 500 * NS_PER_MS);
    cr_assert_gt(detector_deadline(detector), world.now_ns, "too short");
    detector_suspended(detector, 500 * NS_PER_MS + 1);
    cr_assert_leq(detector_deadline(detector), world.now_ns);
    cr_assert_eq(detector_version(detector), 0, "not before the inbox is read");
    world_run(0);
    cr_assert_eq(world_counters(0).pauses, 1);
    cr_assert_eq(detector_version(detector), 1);
    cr_assert_eq(detector_health(detector), 2);
    world_run(PERIOD / 2 - NS_PER_MS);
    cr_assert_eq(world_failures(0), 0, "the probe under way is not judged");
    world_destroy();
}

/* -- Strain -- */

Test(detector, strain_worsens_local_health_before_any_ack_is_missed) {
    const struct {
        uint64_t lateness_ns, drops;
        uint32_t inbox_permille, worse;
    } cases[] = {
        {50 * NS_PER_MS - 1, 0, 499, 0}, {50 * NS_PER_MS, 0, 0, 1}, {0, 0, 500, 1}, {0, 1, 0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_create(3, 3);
        world_run(5 * PERIOD);
        detector_strain(world.nodes[0].detector, cases[i].lateness_ns, cases[i].inbox_permille,
                        cases[i].drops);
        cr_assert_eq(detector_health(world.nodes[0].detector), cases[i].worse);
        world_destroy();
    }
}

Test(detector, strain_counts_once_a_period_and_passes) {
    world_create(3, 3);
    world_run(5 * PERIOD);
    struct detector *detector = world.nodes[0].detector;
    (void)world_run_to_ping(0, 1);
    world_run(2 * LATENCY);
    for (int i = 0; i < 100; i++) {
        detector_strain(detector, NS_PER_S, 1000, 1);
    }
    cr_assert_eq(detector_health(detector), 1);
    cr_assert_eq(world_counters(0).strains, 1);
    world_run(3 * PERIOD);
    cr_assert_eq(detector_health(detector), 0);
    detector_strain(detector, NS_PER_S, 1000, 1);
    cr_assert_eq(detector_health(detector), 1);
    world_destroy();
}

/* -- Refuting -- */

Test(detector, suspicion_is_told_by_the_ping_and_refuted_in_the_ack) {
    world_create(2, 2);
    world_run(5 * PERIOD);
    world_know(0, 1, FIRST_GENERATION + 1, 0, HENGE_SUSPECT);
    (void)world_run_to_ping(0, 1);
    world_run(2 * LATENCY);
    cr_assert_eq(detector_version(world.nodes[1].detector), 1);
    cr_assert_eq(world.nodes[1].self_version, 1);
    cr_assert_eq(world_counters(1).refutations, 1);
    cr_assert_eq(world_sent_last(1, MESSAGE_ACK, 0)->message.as.ack.vitals.version, 1);
    cr_assert_geq(world.nodes[0].alive[2], 1);
    cr_assert_eq(world.nodes[0].last_generation, FIRST_GENERATION + 1);
    cr_assert_eq(world.nodes[0].last_version, 1);
    world_run(10 * PERIOD);
    cr_assert_eq(detector_version(world.nodes[1].detector), 1, "told again at 0: below its own");
    cr_assert_eq(world_counters(1).refutations, 1);
    world_destroy();
}

/* The accused pings its accuser: the ack tells it. */
Test(detector, verdict_is_told_by_the_ack_too) {
    world_create(2, 2);
    world_know(0, 1, FIRST_GENERATION + 1, 6, HENGE_DEAD);
    struct probe_message ping = world_ping(1, 0);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ping);
    world_run(LATENCY);
    cr_assert_eq(detector_version(world.nodes[1].detector), 7);
    world_destroy();
}

Test(detector, ack_for_an_earlier_incarnation_accuses_nobody) {
    world_create(2, 2);
    struct probe_message ack = {.head = world_head(1, MESSAGE_ACK),
                                .as.ack = {.sequence = 1,
                                           .subject_name_hash = world_name(1),
                                           .subject_generation = world.nodes[1].generation,
                                           .held = {.flags = HELD_SUSPECT, .version = 3}}};
    world_forge(0, &world.nodes[1].address, 0, &ack);
    cr_assert_eq(detector_version(world.nodes[0].detector), 0, "whom it means is not known");
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION - 1, &ack);
    cr_assert_eq(detector_version(world.nodes[0].detector), 0);
    cr_assert_eq(world_counters(0).misdirected, 1);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ack);
    cr_assert_eq(detector_version(world.nodes[0].detector), 4);
    world_destroy();
}

Test(detector, refutation_is_above_what_was_heard) {
    world_create(2, 2);
    struct detector *detector = world.nodes[0].detector;
    detector_accused(detector, FIRST_GENERATION, 41);
    cr_assert_eq(detector_version(detector), 42);
    cr_assert_eq(world.nodes[0].self_version, 42);
    cr_assert_eq(detector_health(detector), 1);
    detector_accused(detector, FIRST_GENERATION - 1, 77);
    detector_accused(detector, FIRST_GENERATION + 1, 77);
    cr_assert_eq(detector_version(detector), 42, "not this incarnation");
    detector_accused(detector, FIRST_GENERATION, 41);
    cr_assert_eq(detector_version(detector), 42, "refuted already");
    cr_assert_eq(world.nodes[0].self_versions, 2, "but told again: gossip had not heard");
    detector_accused(detector, FIRST_GENERATION, 42);
    cr_assert_eq(detector_version(detector), 43);
    detector_accused(detector, FIRST_GENERATION, UINT32_MAX);
    cr_assert_eq(detector_version(detector), VERSION_MAX, "does not wrap");
    world.nodes[0].generation = FIRST_GENERATION + 5;
    detector_generation_set(detector, FIRST_GENERATION + 5);
    cr_assert_eq(detector_version(detector), 0);
    detector_accused(detector, FIRST_GENERATION + 5, 0);
    cr_assert_eq(detector_version(detector), 1);
    detector_generation_set(detector, FIRST_GENERATION + 5);
    cr_assert_eq(detector_version(detector), 1, "the same generation is no new one");
    world_destroy();
}

/* The helper passes on how the asker holds the target, so that the target can refute through it. */
Test(detector, suspicion_reaches_its_subject_through_a_helper) {
    world_create(3, 3);
    world_run(5 * PERIOD);
    world.drops = world_drops_all_between_0_and_1;
    world_know(0, 1, FIRST_GENERATION + 1, 0, HENGE_SUSPECT);
    world_run(5 * PERIOD);
    cr_assert_eq(detector_version(world.nodes[1].detector), 1);
    cr_assert_gt(world.nodes[0].alive[2], 0);
    cr_assert_eq(world_failures(0), 0);
    world_destroy();
}

Test(detector, higher_generation_in_a_ping_is_news) {
    world_create(2, 2);
    struct probe_message ping = world_ping(1, 0);
    ping.head.source_generation = FIRST_GENERATION + 100;
    ping.as.ping.vitals.version = 3;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ping);
    cr_assert_eq(world.nodes[0].alive[2], 1);
    cr_assert_eq(world.nodes[0].last_generation, FIRST_GENERATION + 100);
    cr_assert_eq(world.nodes[0].last_version, 3);
    cr_assert_eq(world.nodes[0].contacts[2], 0, "not the incarnation we hold");
    ping.head.source_generation = FIRST_GENERATION - 1;
    ping.as.ping.vitals.version = 9;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ping);
    cr_assert_eq(world.nodes[0].alive[2], 1, "an old incarnation is none");
    world_destroy();
}

/* -- Other incarnations -- */

Test(detector, restart_ends_the_old_incarnation_at_once) {
    world_create(3, 3);
    world_run(5 * PERIOD);
    world_restart(1, FIRST_GENERATION + 500);
    (void)world_run_to_ping(0, 1);
    world_run(2 * LATENCY);
    cr_assert_eq(world.nodes[0].not_me[2], 1);
    cr_assert_eq(world.nodes[0].last_generation, FIRST_GENERATION + 1);
    cr_assert_eq(world_failures(0), 0);
    world_know(0, 1, FIRST_GENERATION + 500, 0, HENGE_ALIVE);
    world_know(2, 1, FIRST_GENERATION + 500, 0, HENGE_ALIVE);
    uint32_t before = world.nodes[0].not_me[2];
    world_run(20 * PERIOD);
    cr_assert_eq(world.nodes[0].not_me[2], before);
    cr_assert_eq(world_failures(0) + world_failures(2), 0);
    world_destroy();
}

Test(detector, another_name_at_the_address_answers_not_me) {
    world_create(2, 2);
    struct probe_message ping = world_ping(1, 0);
    ping.as.ping.target_name_hash = world_name(17);
    world_forge(0, &world.nodes[1].address, 0, &ping);
    const struct world_sent *reply = world_sent_last(0, MESSAGE_NOT_ME, 0);
    cr_assert_not_null(reply);
    cr_assert_eq(reply->message.as.not_me.sequence, 4711);
    cr_assert_eq(reply->message.as.not_me.asked_name_hash, world_name(17));
    cr_assert_eq(reply->message.as.not_me.asked_generation, FIRST_GENERATION);
    cr_assert_eq(reply->message.head.source_name_hash, world_name(0));
    cr_assert_eq(world_sent_count(0, MESSAGE_ACK, 0), 0);
    world_destroy();
}

Test(detector, not_me_is_believed_only_from_the_address_and_about_the_generation_held) {
    world_create(3, 3);
    struct probe_message not_me = {.head = {.type = MESSAGE_NOT_ME,
                                            .source_name_hash = world_name(1),
                                            .source_generation = FIRST_GENERATION + 50},
                                   .as.not_me = {.sequence = 1,
                                                 .asked_name_hash = world_name(1),
                                                 .asked_generation = FIRST_GENERATION + 1}};
    world_forge(0, &world.nodes[2].address, FIRST_GENERATION, &not_me);
    not_me.as.not_me.asked_generation = FIRST_GENERATION;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &not_me);
    not_me.as.not_me.asked_generation = FIRST_GENERATION + 1;
    not_me.head.source_generation = FIRST_GENERATION;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &not_me);
    cr_assert_eq(world.nodes[0].not_me[2], 0, "older self: its detector is behind its gossip");
    not_me.head.source_generation = FIRST_GENERATION + 50;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &not_me);
    cr_assert_eq(world.nodes[0].not_me[2], 1);
    world_destroy();
}

Test(detector, what_is_meant_for_another_incarnation_is_not_taken) {
    world_create(3, 3);
    struct probe_message ping = world_ping(1, 0);
    ping.as.ping.target_generation = FIRST_GENERATION - 5;
    ping.as.ping.held = (struct held){HELD_SUSPECT, 8};
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION - 5, &ping);
    cr_assert_eq(world_sent_count(0, MESSAGE_NOT_ME, 0), 1);
    cr_assert_eq(detector_version(world.nodes[0].detector), 0);
    struct probe_message request = world_request(1, 2, 5, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION - 5, &request);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, 0), 0);
    cr_assert_eq(world_counters(0).misdirected, 1);
    cr_assert_eq(world.nodes[0].contacts[2], 0);
    world_destroy();
}
