/* tests/unit/membership/test_detector.c - stories of the failure detector in virtual time. */
#include "core/base/random.h"
#include "henge/members.h"
#include "membership/detector/local_health.h"
#include "membership/detector/relay.h"
#include "tests/unit/membership/detector_world.h"
#include <criterion/criterion.h>
#include <string.h>

static bool drops_ack_from_1_to_0(const struct world_sent *sent) {
    return sent->message.head.type == MESSAGE_ACK && sent->from == 1 && sent->to == 0;
}

static bool drops_all_between_0_and_1(const struct world_sent *sent) {
    return (sent->from == 1 && sent->to == 0) || (sent->from == 0 && sent->to == 1);
}

static bool drops_nacks(const struct world_sent *sent) {
    return sent->message.head.type == MESSAGE_NACK;
}

static uint32_t failures_of(uint32_t node) {
    uint32_t sum = 0;
    for (uint32_t slot = 0; slot <= world.count; slot++) {
        sum += world.nodes[node].failed[slot];
    }
    return sum;
}

/* Runs until node has begun a probe of a given peer; its ping. */
static const struct world_sent *run_to_ping(uint32_t node, uint32_t peer) {
    for (int i = 0; i < 200000; i++) {
        uint32_t since = world.log_count;
        uint64_t probes = world_counters(node).probes_sent;
        world_run(NS_PER_MS);
        bool has_begun = world_counters(node).probes_sent > probes;
        for (uint32_t k = since; has_begun && k < world.log_count; k++) {
            const struct world_sent *sent = &world.log[k];
            if (sent->from == node && sent->to == peer && sent->message.head.type == MESSAGE_PING) {
                return sent;
            }
        }
    }
    cr_assert_fail("no ping of %u by %u", peer, node);
    return NULL;
}

static struct probe_message ping_for(uint32_t from, uint32_t to) {
    return (struct probe_message){.head = world_head(from, MESSAGE_PING),
                                  .as.ping = {.sequence = 4711,
                                              .target_name_hash = world_name(to),
                                              .target_generation = world.nodes[to].generation}};
}

static struct probe_message request_for(uint32_t from, uint32_t target, uint32_t sequence,
                                        uint32_t remaining_us) {
    return (struct probe_message){
        .head = world_head(from, MESSAGE_PING_REQ),
        .as.ping_req = {.sequence = sequence,
                        .target_name_hash = world_name(target),
                        .target_generation = world.nodes[target].generation,
                        .remaining_us = remaining_us}};
}

/* -- Good days -- */

Test(detector, healthy_pair_never_fails_over_1000_periods) {
    world_create(2, 2);
    detector_fingerprint_set(world.nodes[1].detector, 0xabcdef, world.now_ns);
    world_run(1001 * PERIOD);
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert_eq(failures_of(i), 0);
        cr_assert_eq(detector_health(world.nodes[i].detector), 0);
        cr_assert_eq(detector_version(world.nodes[i].detector), 0, "equal ALIVE is not answered");
        cr_assert(world_counters(i).probes_sent >= 1000 && world_counters(i).probes_sent <= 1002);
        cr_assert_eq(world_counters(i).probes_indirect, 0);
        cr_assert_eq(world_counters(i).pauses, 0);
        cr_assert_eq(world.nodes[i].rtt_us[2 - i], 2 * LATENCY / NS_PER_US);
        cr_assert_eq(world.nodes[i].contacts[2 - i], 2 * world_counters(i).probes_sent);
    }
    cr_assert_eq(world.nodes[0].fingerprint, 0xabcdef);
    uint64_t age_ns = world.nodes[0].fingerprint_age_ns;
    cr_assert(age_ns > 998 * PERIOD && age_ns < 1001 * PERIOD);
    world_destroy();
}

/* No polling: a probe that goes well is one turn, and nobody to probe is none. */
Test(detector, idle_node_sleeps) {
    world_create(3, 3);
    world_run(200 * PERIOD);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_leq(world.nodes[i].steps, 202);
    }
    world_destroy();
    world_create(1, 1);
    cr_assert_eq(detector_deadline(world.nodes[0].detector), TIME_NEVER);
    world_run(50 * PERIOD);
    cr_assert_eq(world.nodes[0].steps, 0);
    world.count =
        2; /* a ghost appears after a long time alone: no pause, a probe within a period */
    world.nodes[1].address = world_address(1);
    world_know(0, 1, 1, 0, HENGE_ALIVE);
    world_run(PERIOD);
    cr_assert_eq(world_counters(0).pauses, 0);
    cr_assert_eq(world_counters(0).probes_sent, 1);
    detector_peer_remove(world.nodes[0].detector, 2);
    world_run(2 * PERIOD);
    cr_assert_eq(detector_deadline(world.nodes[0].detector), TIME_NEVER);
    world_destroy();
}

/* The bound of SWIM, as seen from outside: pings on the wire. */
Test(detector, every_member_is_pinged_within_2n_minus_1_periods) {
    struct random random = random_of_seed(5);
    for (int round = 0; round < 6; round++) {
        uint32_t count = 3 + (uint32_t)random_below(&random, 18);
        uint64_t last_ns[WORLD_NODES_MAX] = {0};
        world_create(count, count);
        world_run(10 * count * PERIOD);
        uint32_t peers = count - 1;
        for (uint32_t i = 0; i < world.log_count; i++) {
            const struct world_sent *sent = &world.log[i];
            if (sent->from != 0 || sent->message.head.type != MESSAGE_PING) {
                continue;
            }
            uint64_t since_ns = sent->time_ns - last_ns[sent->to];
            cr_assert(last_ns[sent->to] == 0 || since_ns <= (2 * peers - 1) * PERIOD);
            last_ns[sent->to] = sent->time_ns;
        }
        for (uint32_t peer = 1; peer < count; peer++) {
            cr_assert_gt(last_ns[peer] + (2 * peers - 1) * PERIOD, world.now_ns);
        }
        world_destroy();
    }
}

/* Nodes that start together do not probe together. */
Test(detector, first_period_has_a_random_phase) {
    world_create(20, 20);
    uint32_t early = 0;
    uint64_t started_ns = world.now_ns;
    world_run(PERIOD);
    for (uint32_t i = 0; i < 20; i++) {
        const struct world_sent *sent = NULL;
        for (uint32_t k = 0; sent == NULL && k < world.log_count; k++) {
            bool is_first =
                world.log[k].from == i && world.log[k].message.head.type == MESSAGE_PING;
            sent = is_first ? &world.log[k] : NULL;
        }
        cr_assert_not_null(sent);
        early += sent->time_ns - started_ns < PERIOD / 2;
    }
    cr_assert(early >= 3 && early <= 17, "%u", early);
    world_destroy();
}

/* -- Loss, and help -- */

Test(detector, lost_ack_is_made_up_by_a_helper) {
    world_create(3, 3);
    world.drops = drops_ack_from_1_to_0;
    world_run(200 * PERIOD);
    cr_assert_eq(failures_of(0) + failures_of(1) + failures_of(2), 0);
    cr_assert_gt(world_counters(0).probes_indirect, 90);
    cr_assert_eq(world_counters(0).probes_failed, 0);
    cr_assert_eq(world_counters(1).probes_indirect, 0);
    cr_assert_eq(world.nodes[0].rtt_us[2], 0, "an ack by way of a helper measures nothing");
    cr_assert_gt(world.nodes[0].contacts[2], 0, "its own pings are contact");
    cr_assert_eq(detector_health(world.nodes[0].detector), 0);
    world_destroy();
}

Test(detector, hearsay_is_no_contact) {
    world_create(3, 3);
    world.drops = drops_all_between_0_and_1;
    world_run(100 * PERIOD);
    cr_assert_eq(failures_of(0) + failures_of(1), 0);
    cr_assert_eq(world.nodes[0].contacts[2], 0);
    cr_assert_eq(world.nodes[1].contacts[1], 0);
    cr_assert_gt(world.nodes[0].fingerprints[2], 0, "the target's fingerprint came along");
    world_destroy();
}

/* Helper sampling by random offsets misses the only candidate in 2.6 % of probes. */
Test(detector, cluster_of_three_always_finds_its_only_helper) {
    world_create(3, 3);
    world.nodes[1].is_crashed = true;
    world_run(2000 * PERIOD);
    struct detector_counters counters = world_counters(0);
    cr_assert_gt(counters.probes_failed, 500);
    cr_assert_leq(counters.probes_indirect - counters.probes_failed, 1);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING_REQ, 0), counters.probes_indirect);
    world_destroy();
}

/* No O(N) burst: as many helpers as configured, distinct, never the target, never a SUSPECT. */
Test(detector, exactly_three_helpers_are_asked) {
    world_create(20, 20);
    world.nodes[7].is_crashed = true;
    world_know(0, 8, FIRST_GENERATION + 8, 0, HENGE_SUSPECT);
    world_run(200 * PERIOD);
    uint32_t asked[WORLD_NODES_MAX] = {0}, sequence = 0, probes = 0, in_this = 3;
    for (uint32_t i = 0; i < world.log_count; i++) {
        const struct world_sent *sent = &world.log[i];
        if (sent->from != 0 || sent->message.head.type != MESSAGE_PING_REQ) {
            continue;
        }
        const struct ping_req *request = &sent->message.as.ping_req;
        if (request->sequence != sequence) {
            cr_assert_eq(in_this, 3);
            memset(asked, 0, sizeof asked);
            sequence = request->sequence;
            in_this = 0;
            probes++;
        }
        in_this++;
        cr_assert_eq(++asked[sent->to], 1);
        cr_assert(sent->to != 7 && sent->to != 8 && sent->to != 0);
        cr_assert_eq(request->target_name_hash, world_name(7));
        cr_assert_eq(sent->destination_generation, world.nodes[sent->to].generation);
    }
    cr_assert_gt(probes, 5);
    cr_assert_eq(in_this, 3);
    world_destroy();
}

/* -- Crashes and judgement -- */

Test(detector, crash_is_reported_at_the_end_of_the_period) {
    world_create(4, 4);
    world_run(20 * PERIOD);
    world.nodes[3].is_crashed = true;
    const struct world_sent *ping = run_to_ping(0, 3);
    uint64_t begun_ns = ping->time_ns;
    world_run(begun_ns + PERIOD - 1 - world.now_ns);
    cr_assert_eq(failures_of(0), 0, "not before the end of its period");
    world_run(1);
    cr_assert_eq(world.nodes[0].failed[4], 1);
    cr_assert_eq(world.nodes[0].failed_ns, begun_ns + PERIOD);
    cr_assert_eq(world.nodes[0].last_generation, FIRST_GENERATION + 3);
    cr_assert_eq(world.nodes[0].last_version, 0);
    world_run(6 * PERIOD);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_geq(world.nodes[i].failed[4], 1, "node %u within 2N-1 periods", i);
        cr_assert_eq(failures_of(i), world.nodes[i].failed[4], "and nobody else");
    }
    world_destroy();
}

Test(detector, nothing_is_judged_before_the_horizon) {
    world_create(3, 3);
    world_run(10 * PERIOD);
    world.nodes[2].is_crashed = true;
    uint64_t begun_ns = run_to_ping(0, 2)->time_ns;
    struct world_node *node = &world.nodes[0];
    cr_assert_not(detector_wants_horizon(node->detector));
    node->horizon_frozen_ns = begun_ns + PERIOD - 1;
    world_run(10 * PERIOD);
    cr_assert_eq(failures_of(0), 0);
    cr_assert(detector_wants_horizon(node->detector));
    cr_assert_eq(world_counters(0).pauses, 0);
    node->horizon_frozen_ns = begun_ns + PERIOD;
    world_run(PERIOD);
    cr_assert_eq(node->failed[3], 1);
    node->horizon_frozen_ns = TIME_NEVER;
    world_run(PERIOD);
    cr_assert_not(detector_wants_horizon(node->detector));
    world_destroy();
}

/* An ack that lay in the inbox while the judgement waited counts. */
Test(detector, ack_read_before_the_judgement_saves) {
    world_create(2, 2);
    world_run(10 * PERIOD);
    struct world_node *node = &world.nodes[0];
    node->horizon_frozen_ns = run_to_ping(0, 1)->time_ns;
    world.nodes[1].is_crashed = true;
    world_run(2 * PERIOD);
    cr_assert(detector_wants_horizon(node->detector));
    struct probe_message ack = {
        .head = world_head(1, MESSAGE_ACK),
        .as.ack = {.sequence = world_sent_last(0, MESSAGE_PING, 0)->message.as.ping.sequence,
                   .subject_name_hash = world_name(1),
                   .subject_generation = world.nodes[1].generation}};
    world_forge(0, &world.nodes[1].address, node->generation, &ack);
    cr_assert_not(detector_wants_horizon(node->detector));
    node->horizon_frozen_ns = TIME_NEVER;
    world.nodes[1].is_crashed = false;
    world_run(5 * PERIOD);
    cr_assert_eq(failures_of(0), 0);
    world_destroy();
}

/* A failure accuses the version it was about. */
Test(detector, version_that_rose_during_the_probe_is_not_accused) {
    world_create(2, 1);
    (void)run_to_ping(0, 1);
    world_know(0, 1, FIRST_GENERATION + 1, 1, HENGE_ALIVE);
    world_run(PERIOD);
    cr_assert_eq(failures_of(0), 0);
    world_run(PERIOD * 3);
    cr_assert_gt(failures_of(0), 0);
    cr_assert_eq(world.nodes[0].last_version, 1);
    world_destroy();
}

Test(detector, probe_of_a_peer_that_changed_is_abandoned) {
    for (int change = 0; change < 4; change++) {
        world_create(3, 1);
        (void)run_to_ping(0, 1);
        switch (change) {
        case 0:
            detector_peer_remove(world.nodes[0].detector, 2);
            break;
        case 1:
            world_know(0, 1, FIRST_GENERATION + 9, 0, HENGE_ALIVE);
            break;
        case 2:
            world_know(0, 1, FIRST_GENERATION + 1, 0, HENGE_LEFT);
            break;
        default:
            world_know(0, 1, FIRST_GENERATION + 1, 0, HENGE_DEAD);
        }
        cr_assert_eq(world_counters(0).probes_abandoned, 1);
        world_run(PERIOD - 2 * NS_PER_MS);
        cr_assert_eq(failures_of(0), 0);
        world_run(20 * PERIOD);
        cr_assert(change == 1 ? world.nodes[0].failed[2] > 0 : world.nodes[0].failed[2] == 0);
        cr_assert_gt(world.nodes[0].failed[3], 0);
        world_destroy();
    }
}

Test(detector, left_is_never_probed_and_dead_now_and_then) {
    world_create(4, 1);
    world_know(0, 2, FIRST_GENERATION + 2, 3, HENGE_DEAD);
    world_know(0, 3, FIRST_GENERATION + 3, 0, HENGE_LEFT);
    world_run(3 * PERIOD);
    world.nodes[1].is_crashed = true; /* node 1 is a ghost, so health is bad: count by periods */
    world_run(400 * PERIOD);
    uint32_t dead_pings = 0, pings = 0;
    for (uint32_t i = 0; i < world.log_count; i++) {
        const struct world_sent *sent = &world.log[i];
        bool is_ping = sent->message.head.type == MESSAGE_PING;
        cr_assert_neq(sent->to, 3);
        cr_assert(sent->to != 2 || is_ping);
        dead_pings += sent->to == 2;
        pings += is_ping && sent->to == 1;
        if (sent->to == 2) {
            cr_assert_eq(sent->message.as.ping.held.flags, HELD_DEAD);
            cr_assert_eq(sent->message.as.ping.held.version, 3);
        }
    }
    uint64_t probes = world_counters(0).probes_sent;
    cr_assert_eq(pings, 2 * probes, "a direct one and a second one each");
    cr_assert(dead_pings >= probes / 10 - 1 && dead_pings <= probes / 10 + 1);
    cr_assert_eq(world.nodes[0].failed[3] + world.nodes[0].failed[4], 0,
                 "their silence is no news");
    world_destroy();
}

Test(detector, with_only_dead_peers_it_wakes_every_tenth_period) {
    world_create(2, 1);
    world_know(0, 1, FIRST_GENERATION + 1, 0, HENGE_DEAD);
    world_run(101 * PERIOD);
    uint32_t pings = world_sent_count(0, MESSAGE_PING, 0);
    cr_assert(pings >= 10 && pings <= 11);
    cr_assert_leq(world.nodes[0].steps, 13);
    world_destroy();
}

/* -- Pauses -- */

Test(detector, pause_of_20_s_accuses_nobody_and_raises_the_version) {
    for (uint32_t seed = 0; seed < 20; seed++) {
        world_create(5, 5);
        world_run(10 * PERIOD + seed * 53 * NS_PER_MS);
        world.nodes[0].is_paused = true;
        world_run(20 * NS_PER_S);
        world.nodes[0].is_paused = false;
        world_run(PERIOD / 2);
        cr_assert_eq(failures_of(0), 0);
        cr_assert_eq(world_counters(0).pauses, 1);
        cr_assert_geq(detector_version(world.nodes[0].detector), 1);
        cr_assert_eq(world.nodes[0].self_version, detector_version(world.nodes[0].detector));
        world_run(30 * PERIOD);
        cr_assert_eq(failures_of(0), 0);
        cr_assert_eq(world_counters(0).pauses, 1);
        cr_assert_eq(detector_health(world.nodes[0].detector), 0, "trusts itself again");
        cr_assert_gt(world.nodes[1].alive[1], 0, "the others hear of the new version");
        for (uint32_t i = 1; i < 5; i++) {
            cr_assert_eq(failures_of(i), world.nodes[i].failed[1], "only it was missed");
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
    cr_assert_eq(failures_of(0), 0);
    cr_assert_eq(world.nodes[0].self_version, 1);
    world_destroy();
}

/* -- Refuting -- */

Test(detector, suspicion_is_told_by_the_ping_and_refuted_in_the_ack) {
    world_create(2, 2);
    world_run(5 * PERIOD);
    world_know(0, 1, FIRST_GENERATION + 1, 0, HENGE_SUSPECT);
    (void)run_to_ping(0, 1);
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
    struct probe_message ping = ping_for(1, 0);
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
    cr_assert_eq(detector_version(detector), PROBE_WIRE_VERSION_MAX, "does not wrap");
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
    world.drops = drops_all_between_0_and_1;
    world_know(0, 1, FIRST_GENERATION + 1, 0, HENGE_SUSPECT);
    world_run(5 * PERIOD);
    cr_assert_eq(detector_version(world.nodes[1].detector), 1);
    cr_assert_gt(world.nodes[0].alive[2], 0);
    cr_assert_eq(failures_of(0), 0);
    world_destroy();
}

Test(detector, higher_generation_in_a_ping_is_news) {
    world_create(2, 2);
    struct probe_message ping = ping_for(1, 0);
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
    (void)run_to_ping(0, 1);
    world_run(2 * LATENCY);
    cr_assert_eq(world.nodes[0].not_me[2], 1);
    cr_assert_eq(world.nodes[0].last_generation, FIRST_GENERATION + 1);
    cr_assert_eq(failures_of(0), 0);
    world_know(0, 1, FIRST_GENERATION + 500, 0, HENGE_ALIVE);
    world_know(2, 1, FIRST_GENERATION + 500, 0, HENGE_ALIVE);
    uint32_t before = world.nodes[0].not_me[2];
    world_run(20 * PERIOD);
    cr_assert_eq(world.nodes[0].not_me[2], before);
    cr_assert_eq(failures_of(0) + failures_of(2), 0);
    world_destroy();
}

Test(detector, another_name_at_the_address_answers_not_me) {
    world_create(2, 2);
    struct probe_message ping = ping_for(1, 0);
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
    struct probe_message ping = ping_for(1, 0);
    ping.as.ping.target_generation = FIRST_GENERATION - 5;
    ping.as.ping.held = (struct held){HELD_SUSPECT, 8};
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION - 5, &ping);
    cr_assert_eq(world_sent_count(0, MESSAGE_NOT_ME, 0), 1);
    cr_assert_eq(detector_version(world.nodes[0].detector), 0);
    struct probe_message request = request_for(1, 2, 5, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION - 5, &request);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, 0), 0);
    cr_assert_eq(world_counters(0).misdirected, 1);
    cr_assert_eq(world.nodes[0].contacts[2], 0);
    world_destroy();
}

/* -- Answers that fit no question -- */

Test(detector, late_and_foreign_acks_are_contact_but_no_answer) {
    world_create(3, 1);
    (void)run_to_ping(0, 1);
    uint32_t sequence = world_sent_last(0, MESSAGE_PING, 0)->message.as.ping.sequence;
    struct probe_message ack = {.head = world_head(1, MESSAGE_ACK),
                                .as.ack = {.sequence = sequence + 1000,
                                           .subject_name_hash = world_name(1),
                                           .subject_generation = FIRST_GENERATION + 1}};
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ack);
    cr_assert_eq(world.nodes[0].contacts[2], 1);
    ack.as.ack.sequence = sequence;
    ack.as.ack.subject_generation++;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ack);
    ack.as.ack.subject_name_hash = world_name(2);
    ack.as.ack.subject_generation = FIRST_GENERATION + 2;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ack);
    cr_assert_eq(world_counters(0).answers_late, 3);
    world_run(PERIOD);
    cr_assert_eq(world.nodes[0].failed[2], 1, "none of them was the answer");
    world_destroy();
}

Test(detector, answers_go_where_the_packet_came_from) {
    world_create(3, 3);
    struct probe_message ping = ping_for(1, 0);
    world_forge(0, &world.nodes[2].address, FIRST_GENERATION, &ping);
    const struct world_sent *reply = world_sent_last(0, MESSAGE_ACK, 0);
    cr_assert_eq(reply->to, 2);
    cr_assert_eq(reply->destination_generation, FIRST_GENERATION + 1);
    cr_assert_eq(world.nodes[0].contacts[2], 0, "contact is from its own address");
    world_destroy();
}

Test(detector, strangers_are_answered_too) {
    world_create(2, 2);
    struct probe_message ping = ping_for(1, 0);
    detector_peer_remove(world.nodes[0].detector, 2);
    world_forge(0, &world.nodes[1].address, 0, &ping);
    cr_assert_eq(world_sent_count(0, MESSAGE_ACK, 0), 1);
    cr_assert_eq(world_counters(0).acks_sent, 1);
    world_destroy();
}

/* -- Helping others -- */

Test(detector, nack_leaves_at_four_fifths_of_the_time_remaining) {
    world_create(4, 4);
    world.nodes[3].is_crashed = true;
    uint64_t asked_ns = world.now_ns;
    struct probe_message request = request_for(1, 3, 88, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    const struct world_sent *ping = world_sent_last(0, MESSAGE_PING, 0);
    cr_assert_eq(ping->to, 3);
    cr_assert_eq(ping->time_ns, asked_ns);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    cr_assert_eq(world_sent_last(0, MESSAGE_PING, 0), ping, "a doubled request is served once");
    world_run(400 * NS_PER_MS - 1);
    cr_assert_null(world_sent_last(0, MESSAGE_NACK, 0));
    world_run(1);
    const struct world_sent *nack = world_sent_last(0, MESSAGE_NACK, 0);
    cr_assert_not_null(nack);
    cr_assert_eq(nack->to, 1);
    cr_assert_eq(nack->message.as.nack.sequence, 88);
    /* An ack between the nack and the end is still worth passing on. */
    struct probe_message ack = {.head = world_head(3, MESSAGE_ACK),
                                .as.ack = {.sequence = ping->message.as.ping.sequence,
                                           .subject_name_hash = world_name(3),
                                           .subject_generation = FIRST_GENERATION + 3,
                                           .held = {HELD_SUSPECT, 0},
                                           .vitals = {.version = 2, .fingerprint = 99}}};
    world_forge(0, &world.nodes[3].address, FIRST_GENERATION, &ack);
    const struct world_sent *passed = world_sent_last(0, MESSAGE_ACK, 0);
    cr_assert_not_null(passed);
    cr_assert_eq(passed->to, 1);
    cr_assert_eq(passed->message.as.ack.sequence, 88);
    cr_assert_eq(passed->message.as.ack.subject_name_hash, world_name(3));
    cr_assert_eq(passed->message.as.ack.vitals.version, 2);
    cr_assert_eq(passed->message.as.ack.vitals.fingerprint, 99);
    cr_assert_eq(passed->message.as.ack.held.flags, 0, "not what the target says of the helper");
    world_forge(0, &world.nodes[3].address, FIRST_GENERATION, &ack);
    cr_assert_eq(world_sent_last(0, MESSAGE_ACK, 0), passed, "once");
    world_destroy();
}

Test(detector, unknown_targets_are_not_pinged) {
    world_create(5, 5);
    world_know(0, 3, FIRST_GENERATION + 3, 0, HENGE_LEFT);
    detector_peer_remove(world.nodes[0].detector, 3);
    struct probe_message request = request_for(1, 2, 1, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    request = request_for(1, 3, 2, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    request = request_for(1, 4, 3, 500000);
    request.as.ping_req.target_generation++;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    request = request_for(1, 0, 4, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    cr_assert_eq(world_counters(0).relays_unknown, 4);
    request = request_for(1, 4, 5, 0);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    cr_assert_eq(world_counters(0).relays_dropped, 1, "no time left");
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, 0), 0);
    world_destroy();
}

Test(detector, full_relay_table_is_counted_and_empties_itself) {
    world_create(3, 1);
    for (uint32_t i = 0; i < RELAYS_MAX + 10; i++) {
        struct probe_message request = request_for(1, 2, i + 1, UINT32_MAX);
        world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    }
    cr_assert_eq(world_counters(0).relays_dropped, 10);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, 0), RELAYS_MAX);
    world_run(10 * PERIOD); /* the time asked for is cut to 9 periods */
    cr_assert_eq(world_sent_count(0, MESSAGE_NACK, 0), RELAYS_MAX);
    uint32_t since = world.log_count;
    struct probe_message request = request_for(1, 2, 999, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, since), 1, "room again");
    cr_assert_eq(world_counters(0).relays_dropped, 10);
    world_destroy();
}

/* -- Local health -- */

Test(detector, full_nacks_leave_local_health_alone_and_missing_ones_do_not) {
    for (int round = 0; round < 2; round++) {
        world_create(5, 5);
        world_run(20 * PERIOD);
        world.nodes[4].is_crashed = true;
        world.drops = round == 0 ? NULL : drops_nacks;
        uint64_t begun_ns = run_to_ping(0, 4)->time_ns;
        world_run(begun_ns + PERIOD + NS_PER_MS - world.now_ns);
        cr_assert_eq(world.nodes[0].failed[5], 1);
        cr_assert_eq(world_counters(0).nacks_received, round == 0 ? 3 : 0);
        cr_assert_eq(detector_health(world.nodes[0].detector), round == 0 ? 0 : 1);
        world_destroy();
    }
}

Test(detector, foreign_and_doubled_nacks_do_not_count) {
    world_create(5, 1);
    (void)run_to_ping(0, 4);
    uint32_t since = world.log_count;
    while (world_sent_count(0, MESSAGE_PING_REQ, since) == 0) {
        world_run(NS_PER_MS);
    }
    const struct world_sent *request = world_sent_last(0, MESSAGE_PING_REQ, 0);
    cr_assert_not_null(request);
    struct probe_message nack = {.head = world_head(request->to, MESSAGE_NACK),
                                 .as.nack = {request->message.as.ping_req.sequence}};
    struct henge_address helper = world_address(request->to);
    world_forge(0, &helper, FIRST_GENERATION, &nack);
    world_forge(0, &helper, FIRST_GENERATION, &nack);
    cr_assert_eq(world_counters(0).nacks_received, 1);
    nack.head = world_head(4, MESSAGE_NACK);
    world_forge(0, &world.nodes[4].address, FIRST_GENERATION, &nack);
    nack.head = world_head(request->to, MESSAGE_NACK);
    nack.as.nack.sequence += 5;
    world_forge(0, &helper, FIRST_GENERATION, &nack);
    cr_assert_eq(world_counters(0).nacks_received, 1);
    world_destroy();
}

/* Alone with silence on all sides, a node slows down nine-fold instead of accusing in a hurry. */
Test(detector, cut_off_node_stretches_its_period) {
    world_create(6, 1);
    world_run(60 * PERIOD);
    cr_assert_eq(detector_health(world.nodes[0].detector), LOCAL_HEALTH_MAX);
    uint64_t before = world_counters(0).probes_sent;
    world_run(90 * PERIOD);
    cr_assert_eq(world_counters(0).probes_sent - before, 10);
    world_destroy();
}

/* -- Refusals of the caller -- */

Test(detector, what_the_observer_refused_is_told_again) {
    world_create(4, 1);
    struct world_node *node = &world.nodes[0];
    node->is_refusing = true;
    detector_accused(node->detector, FIRST_GENERATION, 0);
    struct probe_message ping = ping_for(2, 0);
    ping.as.ping.vitals.version = 7;
    world_forge(0, &world.nodes[2].address, FIRST_GENERATION, &ping);
    ping.as.ping.vitals.version = 6; /* the later word is the older one */
    world_forge(0, &world.nodes[2].address, FIRST_GENERATION, &ping);
    struct probe_message not_me = {
        .head = {.type = MESSAGE_NOT_ME,
                 .source_name_hash = world_name(30),
                 .source_generation = 1},
        .as.not_me = {.asked_name_hash = world_name(3), .asked_generation = FIRST_GENERATION + 3}};
    world_forge(0, &world.nodes[3].address, FIRST_GENERATION, &not_me);
    world_run(30 * PERIOD);
    cr_assert_eq(failures_of(0) + node->alive[3] + node->not_me[4] + node->self_versions, 0);
    cr_assert_leq(node->steps, 30 * 15, "retried, not polled");
    node->is_refusing = false;
    world_run(PERIOD / 5);
    cr_assert_eq(node->self_versions, 1);
    cr_assert_eq(node->self_version, 1);
    cr_assert_eq(node->alive[3], 1);
    cr_assert_eq(node->not_me[4], 1);
    cr_assert(node->failed[2] >= 1 && node->failed[3] >= 1 && node->failed[4] >= 1);
    world_run(PERIOD / 5);
    cr_assert_eq(node->alive[3] + node->not_me[4] + node->self_versions, 3, "once");
    world_destroy();
}

Test(detector, refused_report_that_was_overtaken_is_not_told) {
    world_create(2, 1);
    struct world_node *node = &world.nodes[0];
    node->is_refusing = true;
    world_run(2 * PERIOD);
    struct probe_message ping = ping_for(1, 0);
    ping.as.ping.vitals.version = 4;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ping);
    world_know(0, 1, FIRST_GENERATION + 1, 4, HENGE_ALIVE); /* gossip had it from elsewhere */
    node->is_refusing = false;
    world_run(0);
    detector_peer_remove(node->detector, 2);
    world_run(3 * PERIOD);
    cr_assert_eq(failures_of(0) + node->alive[2], 0);
    world_destroy();
}

/* A contact makes an accusation that was not told yet void. */
Test(detector, contact_takes_a_refused_accusation_back) {
    world_create(2, 1);
    struct world_node *node = &world.nodes[0];
    node->is_refusing = true;
    world_run(2 * PERIOD);
    cr_assert_gt(node->refusals, 0);
    struct probe_message ping = ping_for(1, 0);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ping);
    detector_peer_remove(node->detector, 9); /* nobody: changes nothing */
    node->is_refusing = false;
    uint64_t probes_failed = world_counters(0).probes_failed;
    world_run(PERIOD / 5);
    cr_assert_eq(failures_of(0), world_counters(0).probes_failed - probes_failed);
    world_destroy();
}

/* What could not be sent is nobody's fault but ours. */
Test(detector, without_send_buffers_nobody_is_accused) {
    world_create(3, 3);
    world_run(10 * PERIOD);
    world.nodes[0].is_muted = true;
    world_run(100 * PERIOD);
    cr_assert_eq(failures_of(0), 0);
    cr_assert_gt(world_counters(0).probes_abandoned, 5);
    cr_assert_eq(detector_health(world.nodes[0].detector), LOCAL_HEALTH_MAX);
    cr_assert_leq(world.nodes[0].steps, 1400);
    world.nodes[0].is_muted = false;
    world_run(60 * PERIOD);
    cr_assert_eq(failures_of(0), 0);
    cr_assert_eq(detector_health(world.nodes[0].detector), 0);
    world_destroy();
}

/* The direct ping left, all that follows could not: no judgement either. */
Test(detector, second_chance_that_could_not_be_sent_is_no_failure) {
    world_create(4, 1);
    (void)run_to_ping(0, 1);
    world.nodes[0].is_muted = true;
    world_run(PERIOD + NS_PER_MS);
    cr_assert_eq(failures_of(0), 0);
    cr_assert_eq(world_counters(0).probes_abandoned, 1);
    world_destroy();
}

Test(detector, refusal_of_memory_is_counted) {
    world_create(2, 2);
    memory_fail_after(&world.memory, 0);
    struct detector_peer far = {.name_hash = 5, .generation = 1, .status = HENGE_ALIVE};
    detector_peer_set(world.nodes[0].detector, 200, &far);
    detector_peer_set(world.nodes[0].detector, 301, &far);
    cr_assert_eq(world_counters(0).peers_refused, 2);
    far.name_hash = world_name(0);
    detector_peer_set(world.nodes[0].detector, 20, &far);
    cr_assert_eq(world_counters(0).peers_refused, 2, "this node knows itself");
    struct detector_settings settings = {.period_ns = PERIOD, .peers_max = 10};
    struct detector_observer observer = {0};
    for (int64_t allowed = 0; allowed < 2; allowed++) {
        memory_fail_after(&world.memory, allowed);
        cr_assert_null(detector_create(&settings, &observer, &world.memory, 0));
    }
    world_destroy();
}

/* -- Anything from the network -- */

Test(detector, truncated_and_random_bytes_change_nothing) {
    world_create(3, 1);
    struct probe_message ping = ping_for(1, 0);
    uint8_t bytes[PROBE_WIRE_BYTES_MAX];
    struct bytes_writer writer = bytes_writer_of(bytes, sizeof bytes);
    probe_wire_put(&writer, &ping);
    for (size_t cut = 0; cut < sizeof bytes; cut++) {
        world_forge_bytes(0, 1, bytes, cut);
    }
    cr_assert_eq(world_counters(0).malformed, sizeof bytes);
    cr_assert_eq(world.nodes[0].contacts[2], 0);
    struct random random = random_of_seed(99);
    for (int round = 0; round < 50000; round++) {
        uint8_t noise[80];
        size_t size = (size_t)random_below(&random, sizeof noise + 1);
        for (size_t i = 0; i < size; i++) {
            noise[i] = (uint8_t)random_u64(&random);
        }
        if (size > 0 && round % 2 == 0) {
            noise[0] = (uint8_t)(MESSAGE_PING + round / 2 % 7);
        }
        world_forge_bytes(0, 1, noise, size);
        world.log_count = 0;
    }
    struct detector_counters counters = world_counters(0);
    cr_assert_gt(counters.malformed, 1000);
    cr_assert_gt(counters.unknown_type, 1000);
    cr_assert_eq(counters.relays_dropped, 0);
    cr_assert_eq(detector_version(world.nodes[0].detector), 0);
    cr_assert_eq(world.nodes[0].not_me[2] + world.nodes[0].not_me[3] + world.nodes[0].alive[2], 0);
    world_destroy();
}

/* True heads, random bodies and generations: every handler is entered; memory stays whole. */
Test(detector, random_bodies_behind_true_heads_do_no_harm) {
    world_create(4, 4);
    struct random random = random_of_seed(5);
    for (int round = 0; round < 20000; round++) {
        struct probe_message message = {
            .head = world_head(1 + (uint32_t)random_below(&random, 3),
                               (uint8_t)(MESSAGE_PING + random_below(&random, 5)))};
        uint8_t *body = (uint8_t *)&message.as;
        for (size_t i = 0; i < sizeof message.as; i++) {
            body[i] = random_below(&random, 3) == 0 ? (uint8_t)random_u64(&random) : 0;
        }
        if (random_below(&random, 2) == 0 && message.head.type == MESSAGE_PING_REQ) {
            message =
                request_for(1, 2, (uint32_t)random_u64(&random), message.as.ping_req.remaining_us);
        }
        struct henge_address from = world_address((uint32_t)random_below(&random, 4));
        world_forge(0, &from, random_below(&random, 2) == 0 ? 0 : FIRST_GENERATION, &message);
        if (round % 16 == 0) {
            world_run(NS_PER_MS * random_below(&random, 50));
        }
        world.log_count = 0;
    }
    world_run(100 * PERIOD);
    cr_assert_eq(world_counters(0).pauses, 0);
    cr_assert_eq(detector_health(world.nodes[0].detector), 0);
    world_destroy();
}

static struct random loss;

static bool drops_one_in_ten(const struct world_sent *sent) {
    (void)sent;
    return random_below(&loss, 10) == 0;
}

/* At 10 % loss each way a probe fails with 0.19 * 0.19 * (1 - 0.9^4)^3 = 0.15 %. */
Test(detector, ten_per_cent_loss_rarely_fails_a_probe) {
    uint64_t probes = 0, indirect = 0, failed = 0;
    world_create(10, 10);
    loss = random_of_seed(8);
    world.drops = drops_one_in_ten;
    for (int i = 0; i < 500; i++) {
        world.log_count = 0;
        world_run(PERIOD);
    }
    for (uint32_t i = 0; i < 10; i++) {
        probes += world_counters(i).probes_sent;
        indirect += world_counters(i).probes_indirect;
        failed += world_counters(i).probes_failed;
        cr_assert_eq(failures_of(i), world_counters(i).probes_failed);
    }
    cr_assert_gt(probes, 4000);
    cr_assert(indirect * 100 > probes * 14 && indirect * 100 < probes * 24);
    cr_assert_lt(failed * 100, probes);
    world_destroy();
}
