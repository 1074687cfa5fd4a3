/* Stories of failure detection, in virtual time: who is found, how soon, and who is left in peace.
 * Some are defects of others that must not come up here (protocol.md, section 8). */
#include "membership/message.h"
#include "tests/sim/stage.h"
#include <criterion/criterion.h>

static struct stage stage;

static void form(uint32_t hosts, uint64_t seed) {
    stage_init(&stage, hosts, seed);
    cr_assert(stage_form(&stage));
    stage_run(&stage, 5 * STAGE_SECOND);
    stage_reset(&stage);
}

static uint64_t indirect_probes(void) {
    uint64_t sum = 0;
    for (uint32_t host = 0; host < stage.settings.hosts; host++)
        if (sim_is_up(stage.sim, host)) {
            const struct detector_node_counters *counters =
                &sim_detector(stage.sim, host)->counters;
            sum += atomic_load_explicit(&counters->probes_indirect, memory_order_relaxed);
        }
    return sum;
}

static bool is_buried(const struct stage *play) {
    return stage_count(play, 7, HENGE_DEAD) == play->settings.hosts - 1;
}

Test(detecting, a_crash_is_suspected_within_periods_and_buried_after_the_shortest_suspicion) {
    form(32, 1);
    stage_act(&stage, SIM_CRASH, 7, 1, 0, 0);
    stage_run(&stage, 40 * STAGE_MS);
    cr_assert_eq(stage.tally.changes[HENGE_SUSPECT], 0, "no probe can have failed yet");
    stage_run(&stage, 2900 * STAGE_MS);
    cr_assert_eq(stage_count(&stage, 7, HENGE_SUSPECT), 31);
    cr_assert_eq(stage.tally.changes[HENGE_DEAD], 0, "the shortest suspicion takes three periods");
    cr_assert(stage_run_until(&stage, 5 * STAGE_SECOND, is_buried));
    cr_assert_eq(stage.tally.changes[HENGE_SUSPECT], 31, "nobody else was doubted");
    cr_assert_eq(stage_end(&stage), 0);
}

/* A lone accuser would need six times the shortest suspicion: 18 s and more. */
Test(detecting, a_second_accuser_is_news_and_shortens_the_suspicion) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        form(16, seed);
        stage_act(&stage, SIM_CRASH, 7, 1, 0, 0);
        cr_assert(stage_run_until(&stage, 10 * STAGE_SECOND, is_buried), "seed %d", (int)seed);
        cr_assert_eq(stage_end(&stage), 0);
    }
}

Test(detecting, helpers_are_three_and_not_everybody) {
    form(64, 1);
    uint64_t before = indirect_probes();
    stage_act(&stage, SIM_CRASH, 7, 1, 0, 0);
    stage_run(&stage, 20 * STAGE_SECOND);
    uint64_t probes = indirect_probes() - before;
    cr_assert_gt(probes, 0);
    cr_assert_leq(stage.tally.packets[MESSAGE_PING_REQ], 3 * probes);
    cr_assert_eq(stage_end(&stage), 0);
}

/* Of two helpers' places one candidate is left: whoever samples by random offsets misses it in
 * 2.6 % of probes, and then suspects. */
Test(detecting, in_a_cluster_of_three_the_only_helper_is_never_missed) {
    form(3, 1);
    struct sim_action there = {.kind = SIM_CUT,
                               .duration_ns = 600 * STAGE_SECOND,
                               .who = {.first = 0, .count = 1},
                               .other = {.first = 1, .count = 1}};
    struct sim_action back = there;
    back.who.first = 1;
    back.other.first = 0;
    sim_act(stage.sim, &there);
    sim_act(stage.sim, &back);
    stage_run(&stage, 600 * STAGE_SECOND);
    cr_assert_gt(stage.tally.packets[MESSAGE_PING_REQ], 400, "they ask the third one all the time");
    cr_assert_eq(stage.tally.changes[HENGE_SUSPECT], 0);
    cr_assert_eq(stage_end(&stage), 0);
}

Test(detecting, one_bad_edge_changes_nobodys_view) {
    form(24, 1);
    struct sim_action cut = {.kind = SIM_CUT,
                             .duration_ns = 300 * STAGE_SECOND,
                             .who = {.first = 3, .count = 1},
                             .other = {.first = 4, .count = 1}};
    sim_act(stage.sim, &cut);
    stage_run(&stage, 300 * STAGE_SECOND);
    cr_assert_eq(stage.tally.changes[HENGE_SUSPECT], 0);
    cr_assert_eq(stage.tally.events[HENGE_TOPOLOGY_CHANGED], 0);
    cr_assert_eq(stage_end(&stage), 0);
}

static bool is_five_suspected_by_six(const struct stage *play) {
    return stage_status(play, 6, 5) == HENGE_SUSPECT;
}

/* Host 5 is silent until host 6 has heard that it is suspected; then 6 is stopped, and 5 refutes.
 * When 6 goes on, the suspicion it holds would have run out long ago; but the refutation lies in
 * its inbox, and nothing is judged before that is read. */
Test(detecting, a_suspicion_that_ran_out_in_a_pause_is_not_judged_before_the_inbox_is_read) {
    for (uint64_t seed = 1; seed <= 8; seed++) {
        form(12, seed);
        stage_mute(&stage, 5, 6 * STAGE_SECOND);
        cr_assert(stage_run_until(&stage, 6 * STAGE_SECOND, is_five_suspected_by_six));
        stage_act(&stage, SIM_PAUSE, 6, 1, 60 * STAGE_SECOND, 0);
        stage_act(&stage, SIM_HEAL, 5, 1, 0, 0);
        stage_run(&stage, 60 * STAGE_SECOND);
        stage_reset(&stage);
        stage_run(&stage, 30 * STAGE_SECOND);
        cr_assert_eq(stage.tally.verdicts[HENGE_DEAD], 0, "seed %d", (int)seed);
        cr_assert_eq(stage.tally.verdicts[HENGE_SUSPECT], 0, "seed %d", (int)seed);
        cr_assert_eq(stage_status(&stage, 6, 5), HENGE_ALIVE);
        cr_assert_eq(stage_end(&stage), 0);
    }
}

static bool is_suspected(const struct stage *play) {
    return stage_count(play, 7, HENGE_SUSPECT) > 20;
}

/* The accused refutes at once, and what it says wins over its accusation everywhere. */
Test(detecting, who_was_silent_for_a_while_refutes_and_is_not_buried) {
    form(24, 1);
    stage_mute(&stage, 7, 6 * STAGE_SECOND);
    cr_assert(stage_run_until(&stage, 6 * STAGE_SECOND, is_suspected));
    stage_heal(&stage);
    stage_run(&stage, 2 * STAGE_SECOND);
    cr_assert_eq(stage_count(&stage, 7, HENGE_ALIVE), 23);
    cr_assert_eq(stage.tally.changes[HENGE_DEAD], 0);
    const struct member *held = sim_look(stage.sim, 0, 7);
    cr_assert_gt(held->version, 0);
    cr_assert_eq(stage_end(&stage), 0);
}

/* One that hears nothing is cut off itself: it says PARTITIONED, and buries nobody meanwhile. */
Test(detecting, who_hears_nothing_freezes_instead_of_burying_the_others) {
    form(24, 1);
    stage_act(&stage, SIM_LOSS_IN, 7, 1, 15 * STAGE_SECOND, SIM_MILLION);
    stage_run(&stage, 15 * STAGE_SECOND);
    cr_assert_gt(stage.tally.events[HENGE_PARTITIONED], 0);
    uint32_t buried_by_it = 0;
    for (uint32_t subject = 0; subject < 24; subject++)
        buried_by_it += stage_status(&stage, 7, subject) == HENGE_DEAD;
    cr_assert_eq(buried_by_it, 0);
    cr_assert_eq(stage_end(&stage), 0);
}

static bool is_suspected_by_six(const struct stage *play) {
    return stage_status(play, 6, 7) == HENGE_SUSPECT;
}

/* "Due at once" is not "due since the beginning of time": else the next step takes itself to be
 * late by the age of the machine, and all suspicions move as far into the future. */
Test(detecting, a_deadline_is_never_before_the_last_call) {
    form(12, 1);
    stage_act(&stage, SIM_CRASH, 7, 1, 0, 0);
    cr_assert(stage_run_until(&stage, 10 * STAGE_SECOND, is_suspected_by_six));
    struct gossip_node *node = (struct gossip_node *)(uintptr_t)sim_gossip(stage.sim, 6);
    const struct member *held = sim_look(stage.sim, 6, 7);
    uint64_t now_ns = sim_node_now_ns(stage.sim, 6);
    struct role_message failed = {.kind = ROLE_PROBE_FAILED, .node = 6};
    failed.as.incarnation.slot = (uint32_t)(held - membership_member(node->membership, 0));
    failed.as.incarnation.generation = member_generation(held);
    failed.as.incarnation.version = held->version;
    gossip_node_message(node, &failed, now_ns);
    cr_assert_geq(gossip_node_deadline(node), now_ns);
    stage_act(&stage, SIM_METADATA, 6, 1, 0, 0); /* gives it a turn */
    cr_assert(stage_run_until(&stage, 10 * STAGE_SECOND, is_buried));
    cr_assert_eq(stage_end(&stage), 0);
}
