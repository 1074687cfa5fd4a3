/* Stories of choosing a place in the ring, in virtual time: one at a time, all at once, after a
 * restart. */
#include "tests/sim/stage.h"
#include <criterion/criterion.h>
#include <string.h>

static struct stage stage;

static void form(uint32_t hosts, uint64_t seed) {
    stage_init(&stage, hosts, seed);
    stage.settings.config.ring_token_choices = 16;
    stage.settings.config.vnodes = 100;
    stage.settings.zones = 3;
    cr_assert(stage_form(&stage)); /* all others start at one moment */
}

static const struct record *record_at(const struct stage *play, uint32_t at, uint32_t subject) {
    return sim_look(play->sim, at, subject)->record;
}

static bool are_all_active(const struct stage *play) {
    for (uint32_t host = 0; host < play->settings.hosts; host++)
        if (record_at(play, host, host)->ring_state != HENGE_RING_ACTIVE)
            return false;
    return stage_agrees(play);
}

static uint32_t count_chosen(void) {
    uint32_t count = 0;
    for (uint32_t host = 0; host < stage.settings.hosts; host++)
        count += record_at(&stage, host, host)->choices_bytes > 0;
    return count;
}

static const struct henge_ring *ring_of(uint32_t host) {
    return sim_gossip(stage.sim, host)->ring->ring;
}

static double peak_of(const struct henge_ring *ring, uint32_t hosts) {
    double peak = 0;
    for (uint32_t slot = 0; slot < hosts; slot++) {
        const double share = henge_ring_ownership(ring, slot) * hosts;
        peak = share > peak ? share : peak;
    }
    return peak;
}

/* Each sees the choices of those before it: side by side, the fullest would hold half as much again
 * as the mean. */
Test(placing, those_that_come_together_take_turns) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        form(32, seed);
        cr_assert(stage_run_until(&stage, 4 * STAGE_SECOND, are_all_active));
        cr_assert_eq(count_chosen(), 31, "all but the first, who had nobody to choose among");
        stage_run(&stage, 5 * STAGE_SECOND);
        cr_assert_eq(henge_ring_members_count(ring_of(7)), 32);
        cr_assert_lt(peak_of(ring_of(7), 32), 1.03);
        cr_assert_eq(stage_end(&stage), 0);
    }
}

/* Two hundred would take too long: those far back in the row stay at their first places. */
Test(placing, a_crowd_does_not_wait_for_long) {
    form(200, 1);
    cr_assert(stage_run_until(&stage, 6 * STAGE_SECOND, are_all_active));
    cr_assert_gt(count_chosen(), 40);
    cr_assert_lt(count_chosen(), 100);
    cr_assert_eq(stage_end(&stage), 0);
}

static bool is_active_everywhere(const struct stage *play) {
    for (uint32_t host = 0; host < play->settings.hosts; host++)
        if (record_at(play, host, 3)->ring_state != HENGE_RING_ACTIVE)
            return false;
    return stage_agrees(play);
}

Test(placing, who_comes_again_stands_where_it_stood) {
    form(24, 1);
    cr_assert(stage_run_until(&stage, 4 * STAGE_SECOND, are_all_active));
    stage_run(&stage, 5 * STAGE_SECOND);
    const uint64_t ring = henge_ring_fingerprint(ring_of(7));
    stage_restart(&stage, 3, STAGE_SECOND, 0, SIM_RESTART_FORGETS);
    stage_run(&stage, 1100 * STAGE_MS);
    cr_assert(stage_run_until(&stage, 500 * STAGE_MS, is_active_everywhere),
              "it does not choose anew");
    stage_run(&stage, 5 * STAGE_SECOND);
    cr_assert_eq(henge_ring_fingerprint(ring_of(7)), ring);
    cr_assert_eq(stage_end(&stage), 0);
}

/* The one before it in the row is gone for good, or does not get on: nobody waits for ever. */
Test(placing, who_does_not_get_on_holds_up_nobody_for_long) {
    stage_init(&stage, 8, 1);
    stage.settings.config.ring_token_choices = 16;
    stage.settings.config.vnodes = 100;
    stage_open(&stage);
    stage_act(&stage, SIM_START, 0, 1, 0, -1);
    stage_act(&stage, SIM_START, 1, 7, 0, 0);
    stage_run(&stage, 100 * STAGE_MS);
    stage_act(&stage, SIM_STALL_GOSSIP, 1, 3, 20 * STAGE_SECOND, 0);
    stage_run(&stage, 12 * STAGE_SECOND);
    for (uint32_t host = 4; host < 8; host++)
        cr_assert_eq(record_at(&stage, host, host)->ring_state, HENGE_RING_ACTIVE);
    stage_run(&stage, 20 * STAGE_SECOND);
    cr_assert(are_all_active(&stage));
    cr_assert_eq(stage_end(&stage), 0);
}
