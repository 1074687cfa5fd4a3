/* Faults of hosts: what stands still, what goes on, and what is found afterwards. */
#include "henge/members.h"
#include "membership/outbox.h"
#include "tests/unit/sim/world.h"

TestSuite(sim_faults, .fini = world_close);

Test(sim_faults, a_paused_host_does_nothing_and_its_packets_wait) {
    world_form(10, 1);
    uint64_t before_ns = sim_node_now_ns(world.sim, 3);
    world_act(SIM_PAUSE, 3, 0, SECONDS(3));
    cr_assert(sim_is_up(world.sim, 3));
    world_run(SECONDS(3) - 1);
    cr_assert_eq(world.steps[3], 0);
    cr_assert_eq(world.sends[3][LANE_GOSSIP] + world.sends[3][LANE_DETECTOR], 0);
    cr_assert_eq(sim_node_now_ns(world.sim, 3) - before_ns, SECONDS(3) - 1, "clocks run on");
    world_run(MILLISECONDS(1));
    cr_assert_gt(world.sends[3][LANE_DETECTOR], 0, "the pings that waited are answered");
    world_run(SECONDS(10));
    cr_assert(world_agrees());
}

Test(sim_faults, a_socket_holds_only_so_much) {
    struct sim_settings settings;
    sim_settings_init(&settings, 10, 1);
    settings.inbox_packets = 16;
    world_open(&settings);
    world_act(SIM_START, 0, -1, 0);
    world_act_all(SIM_START, 0, 0);
    world_run(SECONDS(10));
    cr_assert_eq(sim_counts(world.sim)->inbox_full, 0);
    for (int i = 0; i < 50; i++) {
        world_act(SIM_PAUSE, 3, 0, MILLISECONDS(100));
        world_run(MILLISECONDS(500));
    }
    cr_assert_eq(sim_counts(world.sim)->inbox_full, 0, "what has been read makes room");
    world_act(SIM_PAUSE, 3, 0, SECONDS(60));
    world_run(SECONDS(60));
    cr_assert_gt(sim_counts(world.sim)->inbox_full, 0);
}

Test(sim_faults, a_long_pause_is_death_and_return) {
    world_form(10, 1);
    world_act(SIM_PAUSE, 3, 0, SECONDS(60));
    world_run(SECONDS(60) - 1);
    cr_assert(world_all_hold(3, HENGE_DEAD));
    world_run(SECONDS(15));
    cr_assert(world_agrees());
    for (uint32_t host = 0; host < 10; host++) {
        cr_assert(host == 3 || world.verdicts[host] == 0, "who was stopped accuses nobody");
    }
}

Test(sim_faults, a_stalled_gossip_half_leaves_the_detector_answering) {
    world_form(10, 1);
    world_act(SIM_METADATA, 5, 0, 0);
    world_act(SIM_STALL_GOSSIP, 3, 0, SECONDS(20));
    world_run(SECONDS(20) - 1);
    cr_assert_eq(world.sends[3][LANE_GOSSIP], 0);
    cr_assert_gt(world.sends[3][LANE_DETECTOR], 10);
    cr_assert(world_all_hold(3, HENGE_ALIVE));
    cr_assert_eq(sim_look(world.sim, 3, 5)->record->metadata_count, 0);
    world_run(SECONDS(1));
    cr_assert_eq(sim_look(world.sim, 3, 5)->record->metadata_count, 1);
    cr_assert(world_agrees());
}

Test(sim_faults, a_stalled_detector_half_leaves_gossip_running) {
    world_form(10, 1);
    world_act(SIM_STALL_DETECTOR, 3, 0, SECONDS(5));
    world_act(SIM_METADATA, 5, 0, 0);
    world_run(SECONDS(1));
    cr_assert_eq(world.sends[3][LANE_DETECTOR], 0);
    cr_assert_eq(sim_look(world.sim, 3, 5)->record->metadata_count, 1);
    world_run(SECONDS(15));
    cr_assert(world_agrees());
}

Test(sim_faults, what_is_sent_to_a_deaf_host_waits_and_it_goes_on) {
    world_form(10, 1);
    world_act(SIM_DEAF, 3, 0, SECONDS(2));
    world_act(SIM_METADATA, 5, 0, 0);
    world_run(SECONDS(2) - 1);
    cr_assert_gt(world.sends[3][LANE_DETECTOR], 1);
    cr_assert_eq(sim_look(world.sim, 3, 5)->record->metadata_count, 0);
    cr_assert_eq(sim_look(world.sim, 4, 5)->record->metadata_count, 1);
    world_run(MILLISECONDS(1));
    cr_assert_eq(sim_look(world.sim, 3, 5)->record->metadata_count, 1, "nothing was lost");
    cr_assert_eq(sim_counts(world.sim)->lost, 0);
    world_run(SECONDS(10));
    cr_assert(world_agrees());
}

Test(sim_faults, a_deaf_host_that_crashes_has_heard_nothing) {
    world_form(10, 1);
    world_act(SIM_DEAF, 3, 0, SECONDS(4));
    world_run(SECONDS(2));
    world_act(SIM_CRASH, 3, 0, 0);
    world_run(SECONDS(4));
    cr_assert_not(sim_is_up(world.sim, 3));
}

Test(sim_faults, a_slow_host_is_late) {
    world_form(10, 1);
    world_act(SIM_SLOW, 3, (int64_t)MILLISECONDS(100), 0);
    world_act(SIM_METADATA, 5, 0, 0);
    world_run(MILLISECONDS(99));
    cr_assert_eq(sim_look(world.sim, 4, 5)->record->metadata_count, 1);
    cr_assert_eq(sim_look(world.sim, 3, 5)->record->metadata_count, 0);
    world_run(SECONDS(3));
    cr_assert_eq(sim_look(world.sim, 3, 5)->record->metadata_count, 1);
    world_act(SIM_HEAL, 3, 0, 0);
    world_run(SECONDS(10));
    cr_assert(world_agrees());
}

Test(sim_faults, a_second_fault_of_a_kind_replaces_the_first) {
    world_form(5, 1);
    world_act(SIM_PAUSE, 3, 0, SECONDS(1));
    world_act(SIM_PAUSE, 3, 0, SECONDS(3));
    world_run(SECONDS(2));
    cr_assert_eq(world.steps[3], 0);
    world_run(SECONDS(2));
    cr_assert_gt(world.steps[3], 0);
    cr_assert_eq(world.begun, 2);
}

Test(sim_faults, healing_ends_what_has_no_end) {
    world_form(6, 1);
    world_act_all(SIM_LOSS, 500000, 0);
    for (uint8_t kind = SIM_PAUSE; kind < SIM_DUPLICATE; kind++) {
        if (kind != SIM_CUT) {
            world_act((enum sim_action_kind)kind, 3, 1000, 0);
        }
    }
    world_cut(3, 4, 0);
    world_run(SECONDS(1));
    cr_assert(world_has_fault(3));
    cr_assert(sim_is_cut(world.sim, 3, 4));
    world_act(SIM_HEAL, 3, 0, 0);
    cr_assert_not(world_has_fault(3));
    cr_assert_not(sim_is_cut(world.sim, 3, 4));
    uint64_t lost = sim_counts(world.sim)->lost;
    world_run(SECONDS(1));
    cr_assert_gt(sim_counts(world.sim)->lost, lost, "the network's own faults are of all hosts");
    world_act_all(SIM_HEAL, 0, 0);
    lost = sim_counts(world.sim)->lost;
    world_run(SECONDS(15));
    cr_assert_eq(sim_counts(world.sim)->lost, lost);
    cr_assert(world_agrees());
}

Test(sim_faults, hosts_that_do_not_exist_are_not_looked_for) {
    world_form(5, 1);
    struct sim_action action = {.kind = SIM_CRASH, .who = {3, UINT32_MAX, 3}};
    sim_act(world.sim, &action);
    cr_assert_not(sim_is_up(world.sim, 3));
    cr_assert(sim_is_up(world.sim, 4));
    action = (struct sim_action){.kind = SIM_ACTION_KINDS, .who = {0, 5, 1}};
    sim_act(world.sim, &action);
    sim_schedule(world.sim, &action, 1);
    world_run(SECONDS(1));
    cr_assert(sim_is_up(world.sim, 4));
}
