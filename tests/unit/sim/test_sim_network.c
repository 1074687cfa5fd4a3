/* The network: loss, cuts, delay, capacity, copies, streams. */
#include "henge/members.h"
#include "membership/outbox.h"
#include "tests/unit/sim/world.h"

TestSuite(sim_network, .fini = world_close);

static uint64_t packets_of(uint32_t host) {
    return sim_traffic(world.sim, host)->packets;
}

Test(sim_network, loss_is_lost_and_counted) {
    world_form(10, 1);
    uint64_t sent = 0;
    for (uint32_t host = 0; host < 10; host++) {
        sent -= packets_of(host);
    }
    world_act_all(SIM_LOSS, 200000, SECONDS(60));
    world_run(SECONDS(60));
    for (uint32_t host = 0; host < 10; host++) {
        sent += packets_of(host);
    }
    uint64_t lost = sim_counts(world.sim)->lost;
    cr_assert(lost > sent * 17 / 100 && lost < sent * 23 / 100, "%lu of %lu", (unsigned long)lost,
              (unsigned long)sent);
    world_run(SECONDS(10));
    cr_assert_lt(sim_counts(world.sim)->lost, lost + 10);
}

Test(sim_network, loss_at_one_host_is_of_its_own_direction) {
    world_form(5, 1);
    world_act(SIM_LOSS_OUT, 3, SIM_MILLION, SECONDS(1));
    world_act(SIM_METADATA, 3, 0, 0);
    world_act(SIM_METADATA, 2, 0, 0);
    world_run(SECONDS(1) - 1);
    cr_assert_eq(sim_look(world.sim, 0, 3)->record->metadata_count, 0);
    cr_assert_eq(sim_look(world.sim, 3, 2)->record->metadata_count, 1);
    world_run(SECONDS(10));
    world_act(SIM_LOSS_IN, 3, SIM_MILLION, SECONDS(1));
    world_act(SIM_METADATA, 3, 0, 0);
    world_act(SIM_METADATA, 4, 0, 0);
    world_run(SECONDS(1) - 1);
    cr_assert_str_eq(sim_look(world.sim, 0, 3)->record->metadata[1], "2");
    cr_assert_eq(sim_look(world.sim, 3, 4)->record->metadata_count, 0);
}

Test(sim_network, a_cut_is_one_way_and_cuts_add_up) {
    world_form(4, 1);
    struct sim_action action = {
        .kind = SIM_CUT, .who = {1, 1, 1}, .other = {0, 4, 1}, .duration_ns = SECONDS(2)};
    sim_act(world.sim, &action);
    world_cut(2, 0, SECONDS(1));
    cr_assert(sim_is_cut(world.sim, 1, 0));
    cr_assert(sim_is_cut(world.sim, 2, 0));
    cr_assert_not(sim_is_cut(world.sim, 0, 1));
    cr_assert_not(sim_is_cut(world.sim, 2, 3));
    world_act(SIM_METADATA, 1, 0, 0);
    world_act(SIM_METADATA, 0, 0, 0);
    world_run(SECONDS(1));
    cr_assert_eq(sim_look(world.sim, 3, 1)->record->metadata_count, 0);
    cr_assert_eq(sim_look(world.sim, 1, 0)->record->metadata_count, 1);
    cr_assert_gt(sim_counts(world.sim)->cut, 0);
    cr_assert_not(sim_is_cut(world.sim, 2, 0));
    cr_assert(sim_is_cut(world.sim, 1, 0));
    world_run(SECONDS(10));
    cr_assert_not(sim_is_cut(world.sim, 1, 0));
    cr_assert(world_agrees());
}

Test(sim_network, healing_some_mends_what_they_send) {
    world_form(6, 1);
    struct sim_action halves[2] = {{.kind = SIM_CUT, .who = {0, 3, 1}, .other = {3, 3, 1}},
                                   {.kind = SIM_CUT, .who = {3, 3, 1}, .other = {0, 3, 1}}};
    sim_act(world.sim, &halves[0]);
    sim_act(world.sim, &halves[1]);
    world_act(SIM_HEAL, 1, 0, 0);
    cr_assert_not(sim_is_cut(world.sim, 1, 4));
    cr_assert(sim_is_cut(world.sim, 4, 1));
    cr_assert(sim_is_cut(world.sim, 2, 4));
    world_act(SIM_HEAL, 4, 0, 0);
    cr_assert_not(sim_is_cut(world.sim, 4, 1));
}

Test(sim_network, a_split_heals) {
    world_form(12, 1);
    struct sim_action halves[2] = {
        {.kind = SIM_CUT, .who = {0, 6, 1}, .other = {6, 6, 1}, .duration_ns = SECONDS(60)},
        {.kind = SIM_CUT, .who = {6, 6, 1}, .other = {0, 6, 1}, .duration_ns = SECONDS(60)}};
    sim_act(world.sim, &halves[0]);
    sim_act(world.sim, &halves[1]);
    world_run(SECONDS(60) - 1);
    cr_assert_neq(world_status(0, 7), HENGE_ALIVE);
    cr_assert_eq(world_status(0, 5), HENGE_ALIVE);
    world_run(SECONDS(90));
    cr_assert(world_agrees());
}

Test(sim_network, a_delay_is_seen_in_round_trips) {
    world_form(6, 1);
    const struct overlay *overlay = sim_gossip(world.sim, 1)->overlay;
    cr_assert_lt(overlay_read(overlay, 1).rtt_us, 2000);
    cr_assert_gt(overlay_read(overlay, 1).rtt_us, 400);
    world_act_all(SIM_DELAY, (int64_t)MILLISECONDS(10), 0);
    world_run(SECONDS(60));
    cr_assert_gt(overlay_read(overlay, 1).rtt_us, 12000); /* smoothed, a dozen samples */
    cr_assert_lt(overlay_read(overlay, 1).rtt_us, 23000);
}

Test(sim_network, a_narrow_link_lets_so_much_through) {
    world_form(6, 1);
    uint64_t before = sim_counts(world.sim)->link_full;
    world_act(SIM_CAPACITY, 3, 20, 0);
    world_run(SECONDS(3600));
    cr_assert_gt(sim_counts(world.sim)->link_full, before);
    world_act_all(SIM_HEAL, 0, 0);
    world_run(SECONDS(30));
    cr_assert(world_agrees());
}

Test(sim_network, copies_and_replays_do_no_harm) {
    world_form(10, 1);
    world_act_all(SIM_DUPLICATE, 300000, 0);
    world_act_all(SIM_REPLAY, 300000, 0);
    world_act(SIM_METADATA, 4, 0, 0);
    world_run(SECONDS(30));
    cr_assert_gt(sim_counts(world.sim)->duplicated, 100);
    cr_assert_gt(sim_counts(world.sim)->replayed, 100);
    cr_assert(world_agrees());
}

static uint64_t packets_of_all(void) {
    uint64_t sum = 0;
    for (uint32_t host = 0; host < world.hosts; host++) {
        sum += packets_of(host);
    }
    return sum;
}

Test(sim_network, what_was_sent_arrives_or_is_accounted_for) {
    world_form(10, 1);
    world_act_all(SIM_DUPLICATE, 300000, 0);
    world_act_all(SIM_REPLAY, 300000, 0);
    world_act_all(SIM_LOSS, 100000, 0);
    world_act(SIM_CAPACITY, 3, 100, 0);
    world_cut(1, 2, SECONDS(10));
    world_run(SECONDS(30));
    world_act(SIM_CRASH, 5, 0, 0);
    world_run(SECONDS(600));
    world_act_all(SIM_CRASH, 0, 0);
    world_run(SECONDS(3600));
    const struct sim_counts *counts = sim_counts(world.sim);
    cr_assert_eq(packets_of_all() + counts->duplicated + counts->replayed,
                 counts->arrived + counts->lost + counts->cut + counts->nobody + counts->link_full);
    cr_assert(counts->duplicated > 0 && counts->replayed > 0 && counts->cut > 0 &&
              counts->nobody > 0 && counts->arrived > 0);
}

Test(sim_network, traffic_is_counted_by_lane_with_the_sealing) {
    world_form(10, 1);
    const struct sim_traffic *traffic = sim_traffic(world.sim, 2);
    cr_assert_eq(traffic->packets,
                 traffic->packets_lane[LANE_GOSSIP] + traffic->packets_lane[LANE_DETECTOR]);
    cr_assert_eq(traffic->bytes,
                 traffic->bytes_lane[LANE_GOSSIP] + traffic->bytes_lane[LANE_DETECTOR]);
    cr_assert_gt(traffic->bytes_lane[LANE_DETECTOR],
                 traffic->packets_lane[LANE_DETECTOR] * SIM_PACKET_OVERHEAD);
    uint64_t before = traffic->packets_lane[LANE_DETECTOR];
    world_run(SECONDS(10));
    cr_assert_eq(traffic->packets_lane[LANE_DETECTOR] - before, world.sends[2][LANE_DETECTOR]);
}

/* Joining needs a stream: from 30 members on a snapshot does not fit into a reply. */
static void join_the_last(uint32_t hosts) {
    struct sim_settings settings;
    sim_settings_init(&settings, hosts, 3);
    world_open(&settings);
    struct sim_action action = {.kind = SIM_START, .who = {0, hosts - 1, 1}};
    world_act(SIM_START, 0, -1, 0);
    sim_act(world.sim, &action);
    world_run(SECONDS(10));
    cr_assert_eq(sim_counts(world.sim)->streams_failed, 0);
    world_act(SIM_START, hosts - 1, 0, 0);
}

Test(sim_network, a_stream_brings_a_snapshot) {
    join_the_last(100);
    uint64_t streams = sim_counts(world.sim)->streams;
    uint64_t bytes = sim_traffic(world.sim, 0)->stream_bytes;
    world_run(MILLISECONDS(20));
    cr_assert_eq(sim_counts(world.sim)->streams, streams + 1);
    cr_assert_gt(sim_traffic(world.sim, 0)->stream_bytes, bytes + 5000);
    cr_assert_eq(world_counters(99).alive, 100);
    cr_assert_eq(sim_counts(world.sim)->streams_failed, 0);
}

static void run_until_stream(void) {
    uint64_t streams = sim_counts(world.sim)->streams;
    while (sim_counts(world.sim)->streams == streams) {
        world_run(10 * NS_PER_US);
    }
    world_run(600 * NS_PER_US);
    cr_assert_lt(world_counters(99).alive, 100);
}

Test(sim_network, a_stream_whose_server_crashes_fails) {
    join_the_last(100);
    run_until_stream();
    world_act(SIM_CRASH, 0, 0, 0);
    world_run(MILLISECONDS(5));
    cr_assert_eq(sim_counts(world.sim)->streams_failed, 1);
}

Test(sim_network, a_stream_whose_client_crashes_gives_the_script_back) {
    join_the_last(100);
    run_until_stream();
    world_act(SIM_CRASH, 99, 0, 0);
    world_run(MILLISECONDS(5));
    cr_assert_eq(sim_counts(world.sim)->streams_failed, 1);
    world_act(SIM_START, 99, 0, 0);
    world_run(SECONDS(5));
    cr_assert(world_agrees());
}

Test(sim_network, a_stream_through_a_cut_fails_when_its_time_is_over) {
    join_the_last(100);
    run_until_stream();
    uint64_t bytes = sim_traffic(world.sim, 0)->stream_bytes;
    world_cut(0, 99, SECONDS(10));
    world_run(MILLISECONDS(900)); /* no probe of those that are cut has gone over a stream yet */
    cr_assert_eq(sim_counts(world.sim)->streams_failed, 0);
    cr_assert_lt(sim_traffic(world.sim, 0)->stream_bytes, bytes + 2000, "one record at most");
    world_run(SECONDS(6));
    cr_assert_geq(sim_counts(world.sim)->streams_failed, 1);
    world_run(SECONDS(30));
    cr_assert(world_agrees());
}

Test(sim_network, scripts_and_streams_come_back) {
    join_the_last(100);
    for (int i = 0; i < 40; i++) {
        world_run(SECONDS(2));
        cr_assert_eq(world_counters(99).alive, 100);
        world_act(SIM_RESTART, 99, 0, MILLISECONDS(100));
    }
    cr_assert_geq(sim_counts(world.sim)->streams, 40);
    cr_assert_lt(sim_counts(world.sim)->streams_failed * 5, sim_counts(world.sim)->streams);
}

/* A frame waits for the client, and the script that it was copied from is gone with its owner. */
Test(sim_network, a_frame_outlives_the_server_that_sent_it) {
    join_the_last(100);
    uint64_t bytes = sim_traffic(world.sim, 0)->stream_bytes;
    while (sim_traffic(world.sim, 0)->stream_bytes == bytes) {
        world_run(10 * NS_PER_US);
    }
    world_act(SIM_PAUSE, 99, 0, SECONDS(1));
    world_run(MILLISECONDS(500));
    world_act(SIM_CRASH, 0, 0, 0);
    world_run(SECONDS(2));
    cr_assert_geq(sim_counts(world.sim)->streams_failed, 1);
}

Test(sim_network, a_short_cut_only_slows_a_stream) {
    join_the_last(100);
    run_until_stream();
    world_cut(0, 99, MILLISECONDS(500));
    world_run(SECONDS(2));
    cr_assert_eq(sim_counts(world.sim)->streams_failed, 0);
    cr_assert_eq(world_counters(99).alive, 100);
}

/* But for those, of the few probes that go over streams too, whose first packets are all lost. */
Test(sim_network, loss_slows_streams_and_tears_none) {
    join_the_last(100);
    world_act_all(SIM_LOSS, 100000, 0);
    world_run(SECONDS(20));
    cr_assert_gt(sim_traffic(world.sim, 0)->stream_bytes, 10000);
    cr_assert_eq(world_counters(99).alive, 100);
    uint64_t failed = sim_counts(world.sim)->streams_failed;
    cr_assert_lt(failed * 10, sim_counts(world.sim)->streams, "%lu", (unsigned long)failed);
}

Test(sim_network, probes_go_over_streams_too_where_datagrams_are_lost) {
    world_form(10, 1);
    uint64_t streamed = 0;
    world_act(SIM_LOSS_IN, 3, 700000, 0);
    world_run(SECONDS(120));
    for (uint32_t host = 0; host < 10; host++) {
        struct detector_counters counters;
        detector_counters_get(sim_detector(world.sim, host)->detector, &counters);
        streamed += counters.probes_streamed;
    }
    cr_assert_gt(streamed, 0);
    cr_assert_gt(sim_counts(world.sim)->streams, streamed);
}
