/* tests/unit/membership/test_detector_profile.c - stories in virtual time of what the profiles do
 * and leave out. */
#include "henge/members.h"
#include "membership/detector/local_health.h"
#include "tests/unit/membership/detector_world.h"
#include <criterion/criterion.h>

static bool drops_nacks(const struct world_sent *sent) {
    return sent->message.head.type == MESSAGE_NACK;
}

/* Plain SWIM: no nacks, no local health, one timeout for all, no word to the suspect. */
Test(profile, classic_is_plain_swim) {
    world_create_as(&profile_classic, 6, 6);
    world_run(20 * PERIOD);
    world.nodes[5].is_crashed = true;
    world_know(0, 4, FIRST_GENERATION + 4, 0, HENGE_SUSPECT);
    uint64_t begun_ns = world_run_to_ping(0, 5)->time_ns;
    uint32_t since = world.log_count;
    world_run(begun_ns + PERIOD / 2 - 1 - world.now_ns);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING_REQ, since), 0, "the largest timeout, always");
    world_run(1);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING_REQ, since), 3);
    world_run(PERIOD / 2);
    cr_assert_eq(world.nodes[0].failed[6], 1);
    world_run(60 * PERIOD);
    for (uint32_t i = 0; i < world.log_count; i++) {
        const struct probe_message *message = &world.log[i].message;
        cr_assert_neq(message->head.type, MESSAGE_NACK);
        cr_assert(message->head.type != MESSAGE_PING || message->as.ping.held.flags == 0);
        cr_assert(message->head.type != MESSAGE_ACK || message->as.ack.held.flags == 0);
        cr_assert(message->head.type != MESSAGE_PING_REQ || message->as.ping_req.held.flags == 0);
    }
    cr_assert_eq(detector_version(world.nodes[4].detector), 0, "it never heard of it");
    cr_assert_eq(detector_health(world.nodes[0].detector), 0);
    detector_accused(world.nodes[0].detector, FIRST_GENERATION, 0);
    cr_assert_eq(detector_health(world.nodes[0].detector), 0);
    cr_assert_eq(detector_version(world.nodes[0].detector), 1);
    world_destroy();
}

/* The dead are told in every profile. */
Test(profile, classic_tells_the_dead) {
    world_create_as(&profile_classic, 2, 2);
    world_know(0, 1, FIRST_GENERATION + 1, 3, HENGE_DEAD);
    world_run(11 * PERIOD);
    cr_assert_eq(detector_version(world.nodes[1].detector), 4);
    world_destroy();
}

/* Without a guard the deadlines of a pause are judged on waking, once the inbox is read. */
Test(profile, only_henge_guards_against_pauses) {
    const struct profile *profiles[] = {&profile_henge, &profile_lifeguard, &profile_classic};
    for (int i = 0; i < 3; i++) {
        world_create_as(profiles[i], 2, 1);
        (void)world_run_to_ping(0, 1);
        world_run(PERIOD * 3 / 4);
        world.nodes[0].is_paused = true;
        world_run(20 * PERIOD);
        world.nodes[0].is_paused = false;
        world_run(0);
        cr_assert_eq(world_counters(0).pauses, i == 0);
        cr_assert_eq(world_failures(0), i > 0);
        cr_assert_eq(detector_version(world.nodes[0].detector), i == 0);
        world_destroy();
    }
}

Test(profile, each_missing_nack_costs_lifeguard_one) {
    const struct profile *profiles[] = {&profile_henge, &profile_lifeguard, &profile_classic};
    const uint32_t costs[] = {1, 3, 0};
    for (int i = 0; i < 3; i++) {
        world_create_as(profiles[i], 5, 5);
        world_run(20 * PERIOD);
        world.nodes[4].is_crashed = true;
        world.drops = drops_nacks;
        uint64_t begun_ns = world_run_to_ping(0, 4)->time_ns;
        world_run(begun_ns + PERIOD + NS_PER_MS - world.now_ns);
        cr_assert_eq(world.nodes[0].failed[5], 1);
        cr_assert_eq(detector_health(world.nodes[0].detector), costs[i]);
        world_destroy();
    }
}

Test(profile, lifeguard_tells_the_suspect_and_stretches_its_largest_timeout) {
    world_create_as(&profile_lifeguard, 3, 3);
    world_run(10 * PERIOD);
    world_know(0, 1, FIRST_GENERATION + 1, 0, HENGE_SUSPECT);
    (void)world_run_to_ping(0, 1);
    world_run(2 * LATENCY);
    cr_assert_eq(detector_version(world.nodes[1].detector), 1);
    detector_accused(world.nodes[0].detector, FIRST_GENERATION, 0);
    world.nodes[1].is_crashed = true;
    uint64_t begun_ns = world_run_to_ping(0, 1)->time_ns;
    uint32_t since = world.log_count;
    uint64_t half_ns = PERIOD / 2 * (1 + detector_health(world.nodes[0].detector));
    world_run(begun_ns + half_ns - 1 - world.now_ns);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING_REQ, since), 0);
    world_run(1);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING_REQ, since), 1);
    world_destroy();
}

static uint32_t pings_to_1;

static bool drops_all_to_1_but_the_fifth_ping(const struct world_sent *sent) {
    bool is_ping = sent->from == 0 && sent->to == 1 && sent->message.head.type == MESSAGE_PING;
    pings_to_1 += is_ping;
    return sent->to == 1 && !(is_ping && pings_to_1 == 5);
}

/* Where many packets are lost, the fifth ping may be the first that arrives. */
Test(profile, henge_asks_a_silent_target_again_each_timeout) {
    world_create(2, 2);
    world_run(20 * PERIOD + PERIOD / 2);
    pings_to_1 = 0;
    world.drops = drops_all_to_1_but_the_fifth_ping;
    uint32_t since = world.log_count;
    uint64_t last_ns = world_run_to_ping(0, 1)->time_ns - PERIOD;
    world_run(PERIOD / 2);
    cr_assert_eq(pings_to_1, 5, "answered: no more");
    for (uint32_t i = since; i < world.log_count; i++) {
        const struct world_sent *sent = &world.log[i];
        if (sent->from != 0 || sent->to != 1 || sent->message.head.type != MESSAGE_PING)
            continue;
        cr_assert_geq(sent->time_ns - last_ns, 2 * LATENCY, "time for an answer between them");
        last_ns = sent->time_ns;
    }
    cr_assert_eq(world.nodes[0].failed[2], 0);
    world_destroy();
}

static uint32_t pings_of_a_failed_probe(const struct profile *profile) {
    world_create_as(profile, 2, 2);
    world_run(20 * PERIOD + PERIOD / 2);
    world.nodes[1].is_crashed = true;
    uint32_t since = world.log_count;
    uint32_t pings = 0;
    for (uint32_t i = 0; i < 20000 && world_failures(0) == 0; i++)
        world_run(NS_PER_MS);
    for (uint32_t i = since; i < world.log_count; i++)
        pings += world.log[i].from == 0 && world.log[i].to == 1 &&
                 world.log[i].message.head.type == MESSAGE_PING &&
                 world.log[i].time_ns < world.nodes[0].failed_ns;
    cr_assert_eq(world.nodes[0].failed[2], 1);
    world_destroy();
    return pings;
}

Test(profile, only_henge_asks_more_than_twice) {
    cr_expect_eq(pings_of_a_failed_probe(&profile_henge), 6);
    cr_expect_eq(pings_of_a_failed_probe(&profile_lifeguard), 2);
    cr_expect_eq(pings_of_a_failed_probe(&profile_classic), 2);
}
