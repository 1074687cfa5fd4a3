/* Stories of coming back, in virtual time: restarts, clocks that went backwards, halves that meet.
 * Some are defects of others that must not come up here (protocol.md, section 8). */
#include "tests/sim/stage.h"
#include <criterion/criterion.h>

static struct stage stage;

static void form(uint32_t hosts, uint64_t seed) {
    stage_init(&stage, hosts, seed);
    stage.settings.builds_views = false;
    cr_assert(stage_form(&stage));
    stage_run(&stage, 5 * STAGE_SECOND);
    stage_reset(&stage);
}

static bool is_back(const struct stage *play) {
    return stage_count(play, 3, HENGE_ALIVE) == play->settings.hosts - 1 &&
           member_generation(sim_look(play->sim, 0, 3)) ==
               member_generation(sim_look(play->sim, 3, 3));
}

static bool is_suspected(const struct stage *play) {
    return stage_count(play, 3, HENGE_SUSPECT) > 20;
}

/* Whoever takes its generation from the wall clock alone cannot refute after a step back. */
Test(returning, a_clock_that_went_back_an_hour_hinders_neither_a_restart_nor_a_refutation) {
    const uint8_t ways[] = {0, SIM_RESTART_FORGETS, SIM_RESTART_OTHER_ADDRESS,
                            SIM_RESTART_FORGETS | SIM_RESTART_OTHER_ADDRESS};
    for (size_t i = 0; i < sizeof ways; i++) {
        form(24, i + 1);
        uint64_t generation = member_generation(sim_look(stage.sim, 0, 3));
        stage_act(&stage, SIM_CLOCK_STEP, 3, 1, 0, -3600 * 1000);
        stage_restart(&stage, 3, STAGE_SECOND, 0, ways[i]);
        stage_run(&stage, STAGE_SECOND);
        cr_assert(stage_run_until(&stage, STAGE_SECOND, is_back), "way %d", (int)i);
        cr_assert_gt(member_generation(sim_look(stage.sim, 0, 3)), generation);
        stage_mute(&stage, 3, 6 * STAGE_SECOND);
        cr_assert(stage_run_until(&stage, 6 * STAGE_SECOND, is_suspected));
        stage_heal(&stage);
        cr_assert(stage_run_until(&stage, 4 * STAGE_SECOND, is_back));
        cr_assert_eq(stage_end(&stage), 0);
    }
}

/* At the same address the old incarnation is gone with the first word of the new one, not after a
 * suspicion. */
Test(returning, a_quick_restart_is_never_suspected) {
    form(24, 1);
    for (int round = 0; round < 10; round++) {
        stage_restart(&stage, 3, 50 * STAGE_MS, 0, 0);
        stage_run(&stage, 50 * STAGE_MS);
        cr_assert(stage_run_until(&stage, 500 * STAGE_MS, is_back), "round %d", round);
        stage_run(&stage, 3 * STAGE_SECOND);
    }
    cr_assert_eq(stage.tally.verdicts[HENGE_SUSPECT], 0);
    cr_assert_eq(stage_end(&stage), 0);
}

static bool are_all_back(const struct stage *play) {
    for (uint32_t host = 0; host < play->settings.hosts; host++)
        if (stage_count(play, host, HENGE_ALIVE) != play->settings.hosts - 1)
            return false;
    return true;
}

/* Versions have risen, many are held DEAD; then they all come again, at version 0. */
Test(returning, after_a_mass_restart_no_verdict_at_a_high_version_outlives_it) {
    form(48, 1);
    for (int round = 0; round < 3; round++) {
        stage_act(&stage, SIM_PAUSE, 8, 40, 3 * STAGE_SECOND, 0);
        stage_run(&stage, 8 * STAGE_SECOND);
    }
    cr_assert_gt(sim_look(stage.sim, 0, 20)->version, 1);
    stage_act(&stage, SIM_CRASH, 8, 40, 0, 0);
    stage_run(&stage, 60 * STAGE_SECOND);
    cr_assert_eq(stage_count(&stage, 20, HENGE_DEAD), 8);
    stage_act(&stage, SIM_START, 8, 40, 0, 0);
    cr_assert(stage_run_until(&stage, 10 * STAGE_SECOND, are_all_back));
    cr_assert_eq(stage_end(&stage), 0);
}

/* All at once, each through its neighbour: no seed is spared. */
Test(returning, a_cluster_of_which_every_node_restarts_within_seconds_is_whole_again) {
    form(48, 1);
    for (uint32_t host = 0; host < 48; host++) {
        stage_restart(&stage, host, 200 * STAGE_MS, (host + 1) % 48, 0);
        stage_run(&stage, 50 * STAGE_MS);
    }
    cr_assert(stage_run_until(&stage, 20 * STAGE_SECOND, are_all_back));
    cr_assert_eq(stage_end(&stage), 0);
}

/* Dialled one after the other they would take a minute. */
Test(returning, ten_dead_seeds_do_not_hold_up_a_join_through_the_eleventh) {
    enum { DEAD_SEEDS = 10, LIVE = 11, JOINER = 12 };
    stage_init(&stage, 16, 1);
    stage_open(&stage);
    stage_act(&stage, SIM_START, LIVE, 1, 0, -1);
    stage_act(&stage, SIM_START, JOINER, 1, 0, -1);
    stage_run(&stage, STAGE_SECOND);
    struct henge_address seeds[DEAD_SEEDS + 1];
    for (uint32_t i = 0; i <= DEAD_SEEDS; i++)
        seeds[i] = sim_address(stage.sim, i < DEAD_SEEDS ? i : LIVE);
    /* The simulator's own orders know one seed only; the order for metadata gives it a turn. */
    struct gossip_node *node = (struct gossip_node *)(uintptr_t)sim_gossip(stage.sim, JOINER);
    membership_join(node->membership, seeds, DEAD_SEEDS + 1, sim_node_now_ns(stage.sim, JOINER));
    stage_act(&stage, SIM_METADATA, JOINER, 1, 0, 0);
    stage_run(&stage, 100 * STAGE_MS);
    cr_assert_eq(stage_status(&stage, LIVE, JOINER), HENGE_ALIVE);
    cr_assert_eq(stage_status(&stage, JOINER, LIVE), HENGE_ALIVE);
    (void)stage_end(&stage);
}

/* Apart for longer than anybody is shown as DEAD: only tombstones and old addresses are left. */
Test(returning, two_halves_that_have_forgotten_each_other_meet_again) {
    stage_init(&stage, 24, 1);
    stage.settings.config.dead_shown_s = 10;
    stage.settings.builds_views = false;
    cr_assert(stage_form(&stage));
    stage_split(&stage, 10, 600 * STAGE_SECOND);
    stage_run(&stage, 600 * STAGE_SECOND);
    cr_assert_eq(stage_status(&stage, 0, 20), -1);
    cr_assert_eq(stage_status(&stage, 20, 0), -1);
    cr_assert(stage_run_until(&stage, 60 * STAGE_SECOND, are_all_back));
    cr_assert_eq(stage_end(&stage), 0);
}

Test(returning, two_halves_meet_again_when_every_tombstone_has_expired) {
    stage_init(&stage, 16, 1);
    stage.settings.config.dead_shown_s = 10;
    stage.settings.config.tombstone_hours = 1;
    stage.settings.builds_views = false;
    cr_assert(stage_form(&stage));
    stage_split(&stage, 8, 2 * 3600 * STAGE_SECOND);
    stage_run(&stage, 2 * 3600 * STAGE_SECOND);
    cr_assert(stage_run_until(&stage, 60 * STAGE_SECOND, are_all_back));
    cr_assert_eq(stage_end(&stage), 0);
}

Test(returning, who_was_buried_alive_refutes_and_is_back_at_a_higher_version) {
    form(24, 1);
    stage_mute(&stage, 3, 40 * STAGE_SECOND);
    stage_run(&stage, 40 * STAGE_SECOND);
    cr_assert_eq(stage_count(&stage, 3, HENGE_DEAD), 23);
    uint32_t version = sim_look(stage.sim, 0, 3)->version;
    cr_assert(stage_run_until(&stage, 20 * STAGE_SECOND, is_back));
    cr_assert_gt(sim_look(stage.sim, 0, 3)->version, version);
    cr_assert_eq(stage_end(&stage), 0);
}

/* Halves of seventy, too many for all to have room among the addresses that are kept: whoever is
 * not here has a place of his own there. Nobody is left in the end who ever met the others. */
Test(returning, two_halves_meet_again_though_each_of_them_has_restarted_meanwhile, .timeout = 120) {
    enum { HALF = 70 };
    stage_init(&stage, 2 * HALF, 1);
    stage.settings.config.dead_shown_s = 10;
    stage.settings.builds_views = false;
    cr_assert(stage_form(&stage));
    stage_split(&stage, HALF, 600 * STAGE_SECOND);
    stage_run(&stage, 120 * STAGE_SECOND);
    for (uint32_t i = 0; i < HALF; i++) {
        stage_restart(&stage, i, 200 * STAGE_MS, (i + 1) % HALF, 0);
        stage_restart(&stage, HALF + i, 200 * STAGE_MS, HALF + (i + 1) % HALF, 0);
        stage_run(&stage, 2 * STAGE_SECOND);
    }
    cr_assert_eq(stage_status(&stage, 0, HALF), -1);
    stage_run(&stage, 340 * STAGE_SECOND);
    cr_assert(stage_run_until(&stage, 120 * STAGE_SECOND, are_all_back));
    cr_assert_eq(stage_end(&stage), 0);
}
