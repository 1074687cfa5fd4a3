/* tests/unit/membership/test_detector.c - stories of probing in virtual time: good days, loss,
 * crashes. */
#include "core/base/random.h"
#include "henge/members.h"
#include "tests/unit/membership/detector_world.h"
#include <criterion/criterion.h>
#include <string.h>

static bool drops_ack_from_1_to_0(const struct world_sent *sent) {
    return sent->message.head.type == MESSAGE_ACK && sent->from == 1 && sent->to == 0;
}

/* -- Good days -- */

#define PROBE (6 * 50 * NS_PER_MS) /* round trips are known, and short */

Test(detector, healthy_pair_never_fails_over_1000_periods) {
    world_create(2, 2);
    detector_fingerprint_set(world.nodes[1].detector, 0xabcdef, world.now_ns);
    world_run(1001 * PERIOD);
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert_eq(world_failures(i), 0);
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
    world_know(0, 1, 1, 0, HENGE_DEAD);
    world_run(PERIOD);
    cr_assert_eq(world_counters(0).probes_sent, 1);
    cr_assert_eq(world_sent_last(0, MESSAGE_PING, 0)->message.as.ping.held.flags, HELD_DEAD);
    world_know(0, 1, 1, 1, HENGE_ALIVE); /* it does not sleep out the ten periods of a dead one */
    world_run(PERIOD);
    cr_assert_eq(world_counters(0).probes_sent, 2);
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
    cr_assert_eq(world_failures(0) + world_failures(1) + world_failures(2), 0);
    cr_assert_gt(world_counters(0).probes_indirect, 90);
    cr_assert_eq(world_counters(0).probes_failed, 0);
    cr_assert_eq(world_counters(1).probes_indirect, 0);
    cr_assert_eq(world.nodes[0].rtt_us[2], 0, "an ack by way of a helper measures nothing");
    cr_assert_gt(world.nodes[0].contacts[2], 0, "its own pings are contact");
    cr_assert_eq(detector_health(world.nodes[0].detector), 0);
    world_destroy();
}

static bool drops_every_first_ping(const struct world_sent *sent) {
    static uint32_t count;
    return sent->message.head.type == MESSAGE_PING && sent->from == 0 && count++ % 2 == 0;
}

/* Each ping has its own number: the answer to the second is not timed from the first (Karn). */
Test(detector, round_trip_of_the_second_ping_is_its_own) {
    world_create(2, 2);
    world.nodes[1].is_paused = true; /* asks nothing itself */
    world_run(0);
    world.drops = drops_every_first_ping;
    uint64_t begun_ns = world_run_to_ping(0, 1)->time_ns;
    world.nodes[1].is_paused = false;
    world_run(begun_ns + PERIOD / 2 - world.now_ns);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, 0), 2, "half of the period at the latest");
    world_run(2 * LATENCY);
    cr_assert_eq(world.nodes[0].rtt_us[2], 2 * LATENCY / NS_PER_US);
    cr_assert_eq(world_failures(0), 0);
    world_destroy();
}

/* A turn that is late, but no pause, must not cut the second chance short. */
Test(detector, second_chance_gets_its_time_after_a_late_turn) {
    world_create(2, 1);
    uint64_t begun_ns = world_run_to_ping(0, 1)->time_ns;
    world.nodes[0].is_paused = true;
    world_run(begun_ns + PERIOD - 10 * NS_PER_MS - world.now_ns);
    world.nodes[0].is_paused = false;
    world_run(PERIOD / 2 - 1);
    cr_assert_eq(world_counters(0).pauses, 0);
    cr_assert_eq(world_failures(0), 0);
    world_run(1);
    cr_assert_eq(world_failures(0), 1);
    world_destroy();
}

Test(detector, hearsay_is_no_contact) {
    world_create(3, 3);
    world.drops = world_drops_all_between_0_and_1;
    world_run(100 * PERIOD);
    cr_assert_eq(world_failures(0) + world_failures(1), 0);
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

Test(detector, crash_is_reported_at_the_end_of_the_probe) {
    world_create(4, 4);
    world_run(20 * PERIOD);
    world.nodes[3].is_crashed = true;
    const struct world_sent *ping = world_run_to_ping(0, 3);
    uint64_t begun_ns = ping->time_ns;
    world_run(begun_ns + PROBE - 1 - world.now_ns);
    cr_assert_eq(world_failures(0), 0, "not before the end of its probe");
    world_run(1);
    cr_assert_eq(world.nodes[0].failed[4], 1);
    cr_assert_eq(world.nodes[0].failed_ns, begun_ns + PROBE);
    cr_assert_eq(world.nodes[0].last_generation, FIRST_GENERATION + 3);
    cr_assert_eq(world.nodes[0].last_version, 0);
    world_run(6 * PERIOD);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_geq(world.nodes[i].failed[4], 1, "node %u within 2N-1 periods", i);
        cr_assert_eq(world_failures(i), world.nodes[i].failed[4], "and nobody else");
    }
    world_destroy();
}

/* ECONNREFUSED: the helpers are asked at once, with all the time that is left; it is no verdict. */
Test(detector, refused_ping_goes_indirect_at_once) {
    world_create(4, 4);
    world_run(20 * PERIOD);
    world.nodes[3].is_crashed = true;
    uint64_t begun_ns = world_run_to_ping(0, 3)->time_ns;
    uint32_t since = world.log_count;
    detector_refused(world.nodes[0].detector, &world.nodes[2].address, world.now_ns);
    world_run(0);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING_REQ, since), 0, "another address");
    detector_refused(world.nodes[0].detector, &world.nodes[3].address, world.now_ns);
    world_run(0);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING_REQ, since), 2);
    cr_assert_eq(world_sent_last(0, MESSAGE_PING_REQ, 0)->message.as.ping_req.remaining_us,
                 (begun_ns + PROBE - world.now_ns) / NS_PER_US);
    detector_refused(world.nodes[0].detector, &world.nodes[3].address, world.now_ns);
    cr_assert_eq(world_counters(0).refused, 3);
    world_run(begun_ns + PROBE - 1 - world.now_ns);
    cr_assert_eq(world_failures(0), 0);
    world_run(1);
    cr_assert_eq(world.nodes[0].failed[4], 1);
    world_destroy();
}

Test(detector, nothing_is_judged_before_the_horizon) {
    world_create(3, 3);
    world_run(10 * PERIOD);
    world.nodes[2].is_crashed = true;
    uint64_t begun_ns = world_run_to_ping(0, 2)->time_ns;
    struct world_node *node = &world.nodes[0];
    cr_assert_not(detector_wants_horizon(node->detector));
    node->horizon_frozen_ns = begun_ns + PROBE - 1;
    world_run(10 * PERIOD);
    cr_assert_eq(world_failures(0), 0);
    cr_assert(detector_wants_horizon(node->detector));
    cr_assert_eq(world_counters(0).pauses, 0);
    node->horizon_frozen_ns = begun_ns + PROBE;
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
    node->horizon_frozen_ns = world_run_to_ping(0, 1)->time_ns;
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
    cr_assert_eq(world_failures(0), 0);
    world_destroy();
}

/* A failure accuses the version it was about. */
Test(detector, version_that_rose_during_the_probe_is_not_accused) {
    world_create(2, 1);
    (void)world_run_to_ping(0, 1);
    world_know(0, 1, FIRST_GENERATION + 1, 1, HENGE_ALIVE);
    world_run(PERIOD);
    cr_assert_eq(world_failures(0), 0);
    world_run(PERIOD * 3);
    cr_assert_gt(world_failures(0), 0);
    cr_assert_eq(world.nodes[0].last_version, 1);
    world_destroy();
}

Test(detector, probe_of_a_peer_that_changed_is_abandoned) {
    for (int change = 0; change < 4; change++) {
        world_create(3, 1);
        (void)world_run_to_ping(0, 1);
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
        cr_assert_eq(world_failures(0), 0);
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
