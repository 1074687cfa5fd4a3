/* The engine from inside: what no run shows by itself. */
#include "membership/message.h"
#include "membership/outbox.h"
#include "tests/unit/sim/world.h"
#include "tools/sim/sim_internal.h"
#include <signal.h>
#include <string.h>

TestSuite(sim_inside, .fini = world_close);

enum { UNKNOWN_TYPE = 250 };

/* A message of a type that nobody knows: it changes nothing, and its receiver counts it. */
static void send_unknown(uint32_t from, uint32_t to) {
    struct outbox outbox = network_outbox(&world.sim->hosts[from]);
    struct packet_target target = {.address = sim_address(world.sim, to), .lane = LANE_GOSSIP};
    size_t room;
    uint8_t *message = outbox.begin(outbox.context, &room);
    memset(message, 0, MESSAGE_HEAD_BYTES);
    message[0] = UNKNOWN_TYPE;
    outbox.commit(outbox.context, &target, MESSAGE_HEAD_BYTES);
}

static void form(uint32_t hosts, uint64_t delay_ns) {
    struct sim_settings settings;
    sim_settings_init(&settings, hosts, 1);
    settings.network.delay_ns = delay_ns;
    settings.network.delay_random_ns = 0;
    world_open(&settings);
    world_act_all(SIM_START, 0, 0);
    world_run(SECONDS(20));
    cr_assert(world_agrees());
    world_forget();
}

/* To an instant at which nothing else is about to happen for a while. */
static void find_quiet(uint64_t quiet_ns) {
    while (event_queue_time(&world.sim->queue) < world.sim->now_ns + quiet_ns) {
        sim_run(world.sim, event_queue_time(&world.sim->queue));
    }
}

Test(sim_inside, packets_of_one_instant_make_one_step) {
    form(3, MILLISECONDS(1));
    find_quiet(MILLISECONDS(2));
    world_forget();
    send_unknown(0, 1);
    send_unknown(2, 1);
    world_run(MILLISECONDS(1) - 1);
    cr_assert_eq(world.steps[1], 0);
    world_run(1);
    cr_assert_eq(world.steps[1], 1);
    cr_assert_eq(world_counters(1).unknown_type, 2);
}

Test(sim_inside, a_cut_takes_what_is_under_way_and_what_is_sent) {
    form(3, MILLISECONDS(100));
    send_unknown(0, 1);
    world_run(MILLISECONDS(50));
    uint64_t cut = sim_counts(world.sim)->cut;
    world_cut(0, 1, MILLISECONDS(80));
    send_unknown(0, 1);
    cr_assert_eq(sim_counts(world.sim)->cut, cut + 1);
    world_run(MILLISECONDS(300));
    cr_assert_eq(world_counters(1).unknown_type, 0);
    cr_assert_geq(sim_counts(world.sim)->cut, cut + 2);
    send_unknown(0, 1);
    world_run(MILLISECONDS(100));
    cr_assert_eq(world_counters(1).unknown_type, 1);
}

Test(sim_inside, the_horizon_is_what_has_been_read) {
    form(3, MILLISECONDS(1));
    struct host *host = &world.sim->hosts[1];
    find_quiet(MILLISECONDS(20));
    cr_assert_eq(inbox_horizon_ns(host), sim_node_now_ns(world.sim, 1));
    world_act(SIM_PAUSE, 1, 0, MILLISECONDS(10));
    send_unknown(0, 1);
    world_run(MILLISECONDS(1));
    uint64_t arrived_ns = sim_node_now_ns(world.sim, 1);
    world_run(MILLISECONDS(5));
    send_unknown(0, 1);
    world_run(MILLISECONDS(4) - 1);
    cr_assert_eq(host->inbox.count, 2);
    cr_assert_eq(host->inbox_datagrams, 2);
    cr_assert_eq(inbox_horizon_ns(host), arrived_ns - 1);
    world_run(1);
    cr_assert_eq(host->inbox.count, 0);
    cr_assert_eq(host->inbox_datagrams, 0);
    cr_assert_eq(inbox_horizon_ns(host), sim_node_now_ns(world.sim, 1));
}

Test(sim_inside, a_deaf_host_has_read_all_that_reached_it) {
    form(3, MILLISECONDS(1));
    world_act(SIM_DEAF, 1, 0, MILLISECONDS(20));
    send_unknown(0, 1);
    world_run(MILLISECONDS(10));
    cr_assert_geq(world.sim->hosts[1].held.count, 1);
    cr_assert_eq(inbox_horizon_ns(&world.sim->hosts[1]), sim_node_now_ns(world.sim, 1));
    world_run(MILLISECONDS(10));
    cr_assert_eq(world.sim->hosts[1].held.count, 0);
    cr_assert_eq(world_counters(1).unknown_type, 1);
}

Test(sim_inside, a_role_that_stands_still_has_a_bounded_queue) {
    form(3, MILLISECONDS(1));
    struct host *host = &world.sim->hosts[1];
    struct role_message message = {.kind = ROLE_FINGERPRINT};
    uint32_t taken = 0;
    world_act(SIM_STALL_DETECTOR, 1, 0, MILLISECONDS(10));
    while (taken <= SIM_FEED_MAX && turn_to_detector(host, &message)) {
        taken++;
    }
    cr_assert_leq(taken, SIM_FEED_MAX);
    cr_assert_eq(host->roles[HOST_DETECTOR].messages, SIM_FEED_MAX);
    world_run(MILLISECONDS(10));
    cr_assert_eq(host->roles[HOST_DETECTOR].messages, 0);
    cr_assert(turn_to_detector(host, &message));
}

Test(sim_inside, nobody_lives_where_somebody_has_left) {
    form(3, MILLISECONDS(1));
    struct henge_address before = sim_address(world.sim, 1);
    uint32_t place;
    cr_assert_eq(host_at(world.sim, &before, &place), 1);
    host_move(&world.sim->hosts[1]);
    cr_assert_eq(host_at(world.sim, &before, &place), SIM_NOBODY);
    struct henge_address after = sim_address(world.sim, 1);
    cr_assert_eq(host_at(world.sim, &after, &place), 1);
    after.port++;
    cr_assert_eq(host_at(world.sim, &after, &place), SIM_NOBODY);
}

Test(sim_inside, streams_are_counted_off_at_both_ends) {
    form(100, MILLISECONDS(1));
    cr_assert_gt(sim_counts(world.sim)->streams, 0);
    world_run(SECONDS(10));
    for (uint32_t host = 0; host < 100; host++) {
        cr_assert_eq(world.sim->hosts[host].streams, 0);
    }
}

Test(sim_inside, clocks_turn_back_exactly) {
    form(2, MILLISECONDS(1));
    struct host *host = &world.sim->hosts[1];
    static const int64_t drifts[] = {0, 1, -1, 999, 100000, -500000, 3000000};
    for (size_t i = 0; i < sizeof(drifts) / sizeof(drifts[0]); i++) {
        host_drift_set(host, drifts[i]);
        for (uint64_t ahead_ns = 1; ahead_ns < SECONDS(1000); ahead_ns = ahead_ns * 3 + 1) {
            uint64_t node_ns = sim_node_now_ns(world.sim, 1) + ahead_ns;
            uint64_t virtual_ns = host_virtual_ns(host, node_ns);
            cr_assert_geq(host_node_ns(host, virtual_ns), node_ns);
            cr_assert_lt(host_node_ns(host, virtual_ns - 1), node_ns);
        }
        cr_assert_eq(host_virtual_ns(host, TIME_NEVER), TIME_NEVER);
    }
}

/* Whoever is not heard by all that should hear it measures something else. */
Test(sim_inside, one_observer_too_many_is_refused_aloud, .signal = SIGABRT) {
    struct sim_observer observer = {.context = NULL};
    world_form(3, 1);
    while (world.sim->observers_count < SIM_OBSERVERS_MAX) {
        sim_observe(world.sim, &observer);
    }
    sim_observe(world.sim, &observer);
}
