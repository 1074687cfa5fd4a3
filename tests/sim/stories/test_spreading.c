/* Stories of dissemination, in virtual time: what is said reaches all, soon and once in a while.
 * Some are defects of others that must not come up here (protocol.md, section 8). */
#include "membership/message.h"
#include "tests/sim/stage.h"
#include <criterion/criterion.h>

static struct stage stage;

static void form_as(uint32_t hosts, uint64_t seed, const struct profile *profile) {
    stage_init(&stage, hosts, seed);
    stage.settings.profile = profile;
    stage.settings.builds_views = false;
    cr_assert(stage_form(&stage));
    stage_run(&stage, 20 * STAGE_SECOND);
    stage_reset(&stage);
}

/* Do all hold host 3's payload as it holds it itself? */
static bool has_spread(const struct stage *play) {
    uint32_t wanted = sim_look(play->sim, 3, 3)->record->payload_version;
    for (uint32_t host = 0; host < play->settings.hosts; host++)
        if (sim_look(play->sim, host, 3)->record->payload_version != wanted)
            return false;
    return true;
}

/* Elsewhere ids of broadcasts begin anew when the queue has run empty, and the next is taken for
 * one that is done. */
Test(spreading, what_is_said_after_a_silence_is_not_lost) {
    form_as(24, 1, &profile_henge);
    for (int round = 0; round < 30; round++) {
        stage_act(&stage, SIM_METADATA, 3, 1, 0, 0);
        cr_assert(stage_run_until(&stage, STAGE_SECOND, has_spread), "round %d", round);
        stage_run(&stage, 5 * STAGE_SECOND);
    }
    cr_assert_eq(stage.tally.packets[MESSAGE_PULL], 0, "nothing had to be repaired");
    cr_assert_eq(stage_end(&stage), 0);
}

Test(spreading, an_update_reaches_a_hundred_nodes_in_tens_of_milliseconds) {
    form_as(100, 1, &profile_henge);
    for (int round = 0; round < 10; round++) {
        stage_act(&stage, SIM_METADATA, 3, 1, 0, 0);
        cr_assert(stage_run_until(&stage, 100 * STAGE_MS, has_spread), "round %d", round);
        stage_run(&stage, 3 * STAGE_SECOND);
    }
    cr_assert_eq(stage_end(&stage), 0);
}

static double gossip_per_node(uint32_t hosts, const struct profile *profile) {
    enum { ROUNDS = 5 };
    form_as(hosts, 1, profile);
    for (int round = 0; round < ROUNDS; round++) {
        stage_act(&stage, SIM_METADATA, 3, 1, 0, 0);
        stage_run(&stage, 15 * STAGE_SECOND);
    }
    double packets = (double)stage.tally.packets[MESSAGE_GOSSIP];
    cr_assert_eq(stage_end(&stage), 0);
    return packets / hosts / ROUNDS;
}

/* Elsewhere the limit is a multiple of ceil(log10(N + 1)), so the hundredth node, or the
 * thousandth, makes every update a third or a half dearer. */
Test(spreading, the_limit_of_transmissions_has_no_steps) {
    double below = gossip_per_node(98, &profile_henge);
    double above = gossip_per_node(102, &profile_henge);
    cr_assert_gt(below, 1);
    cr_assert_lt(above, 1.1 * below);
    cr_assert_gt(gossip_per_node(102, &profile_lifeguard),
                 1.3 * gossip_per_node(98, &profile_lifeguard), "the profile has the step");
}

static double packets_per_node_and_second(uint32_t hosts) {
    form_as(hosts, 1, &profile_henge);
    stage_run(&stage, 30 * STAGE_SECOND);
    stage_reset(&stage);
    stage_run(&stage, 60 * STAGE_SECOND);
    double packets = (double)stage.tally.packets_all / 60 / hosts;
    cr_assert_eq(stage_end(&stage), 0);
    return packets;
}

Test(spreading, a_quiet_node_sends_the_same_in_a_cluster_of_ten_and_of_two_hundred) {
    double few = packets_per_node_and_second(10);
    double many = packets_per_node_and_second(200);
    cr_assert_gt(few, 1.9);
    cr_assert_lt(many, 1.1 * few);
    cr_assert_gt(many, 0.9 * few);
}

Test(spreading, a_leave_is_known_everywhere_before_anybody_can_miss_the_leaver) {
    form_as(48, 1, &profile_henge);
    stage_act(&stage, SIM_LEAVE, 3, 1, 0, 0);
    stage_run(&stage, 200 * STAGE_MS);
    cr_assert_eq(stage_count(&stage, 3, HENGE_LEFT), 47);
    cr_assert_not(sim_is_up(stage.sim, 3), "three acks, and it is done");
    stage_run(&stage, 20 * STAGE_SECOND);
    cr_assert_eq(stage.tally.changes[HENGE_SUSPECT] + stage.tally.changes[HENGE_DEAD], 0);
    stage_act(&stage, SIM_START, 3, 1, 0, 9);
    stage_run(&stage, STAGE_SECOND);
    cr_assert_eq(stage_count(&stage, 3, HENGE_ALIVE), 47, "and comes again");
    cr_assert_eq(stage_end(&stage), 0);
}

/* A leaver that nobody acknowledges still ends, and is then missed like any other. */
Test(spreading, a_leave_that_nobody_hears_ends_all_the_same) {
    form_as(12, 1, &profile_henge);
    stage_mute(&stage, 3, 30 * STAGE_SECOND);
    stage_act(&stage, SIM_LEAVE, 3, 1, 0, 0);
    stage_run(&stage, 20 * STAGE_SECOND);
    cr_assert_not(sim_is_up(stage.sim, 3));
    stage_run(&stage, 20 * STAGE_SECOND);
    cr_assert_eq(stage_count(&stage, 3, HENGE_DEAD), 11);
    cr_assert_eq(stage_end(&stage), 0);
}

Test(spreading, an_eviction_ends_the_generation_everywhere_and_is_not_refuted) {
    form_as(24, 1, &profile_henge);
    stage_act(&stage, SIM_EVICT, 5, 1, 0, 3);
    stage_run(&stage, STAGE_SECOND);
    cr_assert_eq(stage_count(&stage, 3, HENGE_LEFT), 23);
    stage_run(&stage, 30 * STAGE_SECOND);
    cr_assert_eq(stage_count(&stage, 3, HENGE_LEFT), 23);
    cr_assert_eq(stage.tally.events[HENGE_MEMBER_EVICTED], 24);
    cr_assert_eq(stage.tally.changes[HENGE_SUSPECT], 0);
}

/* A rolling upgrade: some speak a later version, with more bytes and unknown messages. */
Test(spreading, nodes_of_a_later_version_are_members_like_all_others) {
    form_as(24, 1, &profile_henge);
    stage_act(&stage, SIM_LATER_VERSION, 0, 12, 0, 0);
    for (int round = 0; round < 10; round++) {
        stage_act(&stage, SIM_METADATA, 3, 1, 0, 0);
        cr_assert(stage_run_until(&stage, STAGE_SECOND, has_spread));
        stage_run(&stage, 2 * STAGE_SECOND);
    }
    cr_assert_eq(stage.tally.changes[HENGE_SUSPECT], 0);
    stage_act(&stage, SIM_CRASH, 7, 1, 0, 0);
    stage_run(&stage, 15 * STAGE_SECOND);
    cr_assert_eq(stage_count(&stage, 7, HENGE_DEAD), 23);
    stage_heal(&stage);
    cr_assert_eq(stage_end(&stage), 0);
}
