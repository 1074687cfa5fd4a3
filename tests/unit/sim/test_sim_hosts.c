/* What is asked of hosts, and their clocks: restarts, places, leaving, metadata, drift. */
#include "henge/members.h"
#include "membership/state.h"
#include "tests/unit/sim/world.h"
#include <string.h>

TestSuite(sim_hosts, .fini = world_close);

static uint64_t generation(uint32_t host) {
    return member_generation(membership_member(sim_gossip(world.sim, host)->membership, 0));
}

static void restart(uint32_t host, uint64_t after_ns, uint8_t flag) {
    struct sim_action action = {
        .kind = SIM_RESTART, .who = {host, 1, 1}, .duration_ns = after_ns, .flag = flag};
    sim_act(world.sim, &action);
}

static bool same_address(struct henge_address left, struct henge_address right) {
    return memcmp(&left, &right, sizeof(left)) == 0;
}

Test(sim_hosts, a_start_of_one_that_is_up_is_nothing) {
    world_form(5, 1);
    uint64_t booted_ns = sim_booted_ns(world.sim, 3);
    world_act(SIM_START, 3, 0, 0);
    cr_assert_eq(world.boots[3] + world.ends[3], 0);
    cr_assert_eq(sim_booted_ns(world.sim, 3), booted_ns);
}

Test(sim_hosts, a_restart_ends_and_begins_after_its_time) {
    world_form(5, 1);
    uint64_t before = generation(3);
    struct henge_address address = sim_address(world.sim, 3);
    restart(3, SECONDS(2), 0);
    cr_assert_not(sim_is_up(world.sim, 3));
    world_run(SECONDS(2) - 1);
    cr_assert_not(sim_is_up(world.sim, 3));
    world_run(1);
    cr_assert(sim_is_up(world.sim, 3));
    cr_assert_eq(sim_booted_ns(world.sim, 3), sim_now_ns(world.sim));
    cr_assert_gt(generation(3), before);
    cr_assert(same_address(sim_address(world.sim, 3), address));
    world_run(SECONDS(5));
    cr_assert(world_agrees());
    cr_assert_eq(world.boots[3], 1);
    cr_assert_eq(world.ends[3], 1);
}

Test(sim_hosts, the_generation_is_kept_when_the_wall_clock_goes_back) {
    world_form(5, 1);
    uint64_t before = generation(3);
    world_act(SIM_CLOCK_STEP, 3, -3600 * 1000, 0);
    restart(3, SECONDS(1), 0);
    world_run(SECONDS(1));
    cr_assert_eq(generation(3), before + 1);
    /* Without what was kept, only the wall clock is left; the others tell it better. */
    restart(3, SECONDS(1), SIM_RESTART_FORGETS);
    world_run(SECONDS(1));
    cr_assert_lt(generation(3), before - 3500 * 1000);
    world_run(SECONDS(10));
    cr_assert_gt(generation(3), before + 1);
    cr_assert(world_agrees());
}

Test(sim_hosts, a_restart_may_move_to_another_address) {
    world_form(10, 1);
    struct henge_address before = sim_address(world.sim, 3);
    restart(3, SECONDS(1), SIM_RESTART_OTHER_ADDRESS);
    world_run(SECONDS(1));
    cr_assert_not(same_address(sim_address(world.sim, 3), before));
    world_run(SECONDS(5));
    cr_assert(world_agrees());
    for (uint32_t host = 0; host < 10; host++) {
        struct henge_address known = sim_look(world.sim, host, 3)->record->address;
        cr_assert(same_address(known, sim_address(world.sim, 3)));
    }
    cr_assert_gt(sim_counts(world.sim)->nobody, 0);
    /* In time somebody moves to where another has lived, and no two live in one place. */
    bool has_moved_in = false;
    for (int i = 0; i < 400 && !has_moved_in; i++) {
        restart(4, MILLISECONDS(100), SIM_RESTART_OTHER_ADDRESS);
        world_run(SECONDS(1));
        has_moved_in |= same_address(sim_address(world.sim, 4), before);
        for (uint32_t host = 0; host < 10; host++) {
            cr_assert(host == 4 ||
                      !same_address(sim_address(world.sim, 4), sim_address(world.sim, host)));
        }
    }
    cr_assert(has_moved_in);
    world_run(SECONDS(10));
    cr_assert(world_agrees());
}

Test(sim_hosts, one_that_leaves_ends_and_is_known_to_have_left) {
    world_form(10, 1);
    world_act(SIM_LEAVE, 3, 0, 0);
    cr_assert(sim_is_up(world.sim, 3));
    world_run(SECONDS(2));
    cr_assert_not(sim_is_up(world.sim, 3));
    cr_assert_eq(world.ends[3], 1);
    cr_assert(world_all_hold(3, HENGE_LEFT));
    cr_assert_eq(world.verdicts[3], 0);
}

Test(sim_hosts, an_evicted_one_is_held_left_and_falls_silent) {
    world_form(10, 1);
    world_act(SIM_EVICT, 4, 3, 0);
    world_run(SECONDS(5));
    cr_assert(world_all_hold(3, HENGE_LEFT));
    cr_assert(sim_is_up(world.sim, 3));
    world_forget();
    world_run(SECONDS(5));
    cr_assert_eq(world.sends[3][LANE_GOSSIP], 0);
    world_act(SIM_JOIN, 3, 0, 0);
    world_run(SECONDS(10));
    cr_assert(world_agrees());
}

Test(sim_hosts, former_peers_are_kept_unless_forgotten) {
    world_form(10, 1);
    struct sim_action action = {
        .kind = SIM_RESTART, .who = {3, 1, 1}, .duration_ns = SECONDS(1), .amount = -1};
    sim_act(world.sim, &action);
    world_run(SECONDS(1));
    cr_assert_eq(sim_gossip(world.sim, 3)->membership->contact.former_count, 9);
    world_run(SECONDS(60));
    cr_assert(world_agrees(), "found again without a seed");
    action.flag = SIM_RESTART_FORGETS;
    sim_act(world.sim, &action);
    world_run(SECONDS(1));
    cr_assert_eq(sim_gossip(world.sim, 3)->membership->contact.former_count, 0);
}

Test(sim_hosts, where_a_process_has_ended_its_machine_says_so) {
    uint64_t refused = 0;
    uint32_t silent = 0;
    world_form(20, 1);
    for (uint32_t host = 1; host < 9; host++) {
        uint64_t before = refused;
        world_act(SIM_CRASH, host, 0, 0);
        world_run(SECONDS(20));
        refused = 0;
        for (uint32_t other = 0; other < 20; other++) {
            struct detector_counters counters = {0};
            if (sim_is_up(world.sim, other)) {
                detector_counters_get(sim_detector(world.sim, other)->detector, &counters);
            }
            refused += counters.refused;
        }
        silent += refused == before;
    }
    cr_assert_gt(refused, 0);
    cr_assert(silent > 0 && silent < 8, "every second time: %u of 8", silent);
}

Test(sim_hosts, metadata_reaches_all) {
    world_form(10, 1);
    uint32_t before = sim_look(world.sim, 0, 3)->record->payload_version;
    world_act(SIM_METADATA, 3, 0, 0);
    world_act(SIM_METADATA, 3, 0, 0);
    world_run(SECONDS(2));
    for (uint32_t host = 0; host < 10; host++) {
        const struct record *record = sim_look(world.sim, host, 3)->record;
        cr_assert_eq(record->payload_version, before + 2);
        cr_assert_str_eq(record->metadata[1], "2");
    }
}

Test(sim_hosts, one_that_stands_still_is_asked_again) {
    world_form(5, 1);
    world_act(SIM_PAUSE, 3, 0, SECONDS(1));
    world_act(SIM_METADATA, 3, 0, 0);
    world_run(MILLISECONDS(900));
    cr_assert_eq(sim_look(world.sim, 3, 3)->record->payload_version,
                 sim_look(world.sim, 0, 3)->record->payload_version);
    uint32_t before = sim_look(world.sim, 3, 3)->record->payload_version;
    world_run(SECONDS(2));
    cr_assert_eq(sim_look(world.sim, 0, 3)->record->payload_version, before + 1);
}

Test(sim_hosts, two_clusters_become_one_by_a_join) {
    struct sim_settings settings;
    sim_settings_init(&settings, 8, 4);
    world_open(&settings);
    world_act(SIM_START, 0, -1, 0);
    world_act(SIM_START, 1, -1, 0);
    for (uint32_t host = 2; host < 8; host++) {
        world_act(SIM_START, host, host % 2, 0);
    }
    world_run(SECONDS(10));
    cr_assert_eq(world_status(0, 1), -1);
    cr_assert_eq(world_counters(0).alive, 4);
    world_act(SIM_JOIN, 6, 3, 0);
    world_run(SECONDS(10));
    cr_assert(world_agrees());
}

Test(sim_hosts, clocks_differ_and_a_drift_makes_timers_run_faster) {
    world_form(6, 1);
    cr_assert_neq(sim_node_now_ns(world.sim, 1), sim_node_now_ns(world.sim, 2));
    uint64_t one_ns = sim_node_now_ns(world.sim, 1);
    uint64_t two_ns = sim_node_now_ns(world.sim, 2);
    uint64_t three_ns = sim_node_now_ns(world.sim, 3);
    world_act(SIM_CLOCK_DRIFT, 2, 100000, SECONDS(10));
    world_act(SIM_CLOCK_DRIFT, 3, -500000, SECONDS(10));
    cr_assert_eq(sim_node_now_ns(world.sim, 2), two_ns);
    world_run(SECONDS(20));
    cr_assert_eq(sim_node_now_ns(world.sim, 1) - one_ns, SECONDS(20));
    cr_assert_eq(sim_node_now_ns(world.sim, 2) - two_ns, SECONDS(21));
    cr_assert_eq(sim_node_now_ns(world.sim, 3) - three_ns, SECONDS(15));
    world_forget();
    world_act(SIM_CLOCK_DRIFT, 2, 1000000, 0);
    world_run(SECONDS(20));
    cr_assert_gt(world.sends[2][LANE_DETECTOR], world.sends[1][LANE_DETECTOR] * 5 / 4);
}

Test(sim_hosts, those_of_a_later_version_are_understood) {
    world_form(6, 1);
    world_act(SIM_LATER_VERSION, 2, 0, 0);
    world_act(SIM_METADATA, 2, 0, 0);
    world_act(SIM_RESTART, 3, 2, SECONDS(1));
    world_run(SECONDS(30));
    cr_assert(world_agrees());
    cr_assert_str_eq(sim_look(world.sim, 4, 2)->record->metadata[1], "1");
    uint64_t unknown = 0;
    for (uint32_t host = 0; host < 6; host++) {
        unknown += world_counters(host).unknown_type;
        cr_assert_eq(world_counters(host).malformed, 0);
    }
    cr_assert_gt(unknown, 0);
}
