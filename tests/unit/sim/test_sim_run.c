/* Whole runs: one seed one run; clusters form and notice; what is looked at stands still. */
#include "henge/members.h"
#include "tests/unit/sim/world.h"
#include <stdio.h>
#include <string.h>

TestSuite(sim_run, .fini = world_close);

/* Every kind of action, some of them several times. */
static void everything(struct sim *sim, uint32_t hosts) {
    struct sim_action actions[2 * SIM_ACTION_KINDS];
    size_t count = 0;
    actions[count++] = (struct sim_action){.kind = SIM_START, .who = {0, 1, 1}, .amount = -1};
    actions[count++] = (struct sim_action){.kind = SIM_START, .who = {1, hosts - 1, 1}};
    static const int64_t amounts[SIM_ACTION_KINDS] = {
        [SIM_SLOW] = 1000000,      [SIM_LOSS_IN] = 300000,  [SIM_LOSS_OUT] = 300000,
        [SIM_DELAY] = 20000000,    [SIM_CAPACITY] = 20000,  [SIM_CLOCK_STEP] = -5000,
        [SIM_CLOCK_DRIFT] = 20000, [SIM_DUPLICATE] = 50000, [SIM_REPLAY] = 50000,
        [SIM_LOSS] = 50000};
    for (uint8_t kind = SIM_CRASH; kind < SIM_HEAL; kind++) {
        actions[count++] = (struct sim_action){.at_ns = SECONDS(2) + MILLISECONDS(300) * kind,
                                               .duration_ns = SECONDS(3),
                                               .amount = amounts[kind],
                                               .who = {kind % hosts, 2, 3},
                                               .other = {0, 2, 1},
                                               .kind = kind,
                                               .flag = kind % 4};
    }
    actions[count++] = (struct sim_action){.at_ns = SECONDS(9),
                                           .duration_ns = MILLISECONDS(500),
                                           .who = {3, 2, 5},
                                           .kind = SIM_RESTART,
                                           .flag = SIM_RESTART_OTHER_ADDRESS | SIM_RESTART_FORGETS};
    actions[count++] =
        (struct sim_action){.at_ns = SECONDS(11), .who = {0, hosts, 1}, .kind = SIM_HEAL};
    sim_schedule(sim, actions, count);
}

static uint64_t hash_of(uint64_t seed, bool is_observed) {
    struct sim_settings settings;
    sim_settings_init(&settings, 20, seed);
    settings.zones = 3;
    if (is_observed) {
        world_open(&settings);
    } else {
        world.sim = sim_create(&settings);
    }
    everything(world.sim, 20);
    sim_run(world.sim, SECONDS(15));
    uint64_t hash = sim_trace_hash(world.sim);
    world_close();
    return hash;
}

/* Nodes that nobody reads keep the numbers of their views and rings without the objects: nothing
 * that a node says or counts may differ. */
static uint64_t hash_of_reading(uint64_t seed, bool builds_views, uint64_t *rings_out) {
    struct sim_settings settings;
    sim_settings_init(&settings, 20, seed);
    settings.builds_views = builds_views;
    world.sim = sim_create(&settings);
    everything(world.sim, 20);
    sim_run(world.sim, SECONDS(40));
    *rings_out = 0;
    for (uint32_t host = 0; host < 20; host++) {
        if (sim_is_up(world.sim, host)) {
            const struct gossip_node *node = sim_gossip(world.sim, host);
            *rings_out += node->ring_fingerprint * 31 + node->ring_version;
        }
    }
    uint64_t hash = sim_trace_hash(world.sim);
    world_close();
    return hash;
}

Test(sim_run, a_node_that_nobody_reads_lives_as_one_that_is_read) {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint64_t rings, rings_unread;
        uint64_t hash = hash_of_reading(seed, true, &rings);
        cr_assert_eq(hash_of_reading(seed, false, &rings_unread), hash);
        cr_assert_eq(rings_unread, rings);
    }
}

Test(sim_run, one_seed_is_one_run_with_every_action_there_is) {
    uint64_t hash = hash_of(42, false);
    cr_assert_eq(hash_of(42, false), hash);
    cr_assert_eq(hash_of(42, true), hash, "being looked at changes nothing");
    cr_assert_neq(hash_of(43, false), hash);
}

Test(sim_run, running_in_pieces_is_running_at_once) {
    struct sim_settings settings;
    sim_settings_init(&settings, 20, 42);
    settings.zones = 3;
    world_open(&settings);
    everything(world.sim, 20);
    for (uint64_t at_ns = 0; at_ns < SECONDS(15); at_ns += 333 * NS_PER_US) {
        sim_run(world.sim, at_ns);
    }
    sim_run(world.sim, SECONDS(15));
    cr_assert_eq(sim_now_ns(world.sim), SECONDS(15));
    uint64_t pieces = sim_trace_hash(world.sim);
    world_close();
    cr_assert_eq(pieces, hash_of(42, false));
}

Test(sim_run, a_run_may_be_stopped_and_goes_on) {
    struct sim_settings settings;
    sim_settings_init(&settings, 20, 42);
    settings.zones = 3;
    world_open(&settings);
    everything(world.sim, 20);
    world.stop_after_steps = 100;
    sim_run(world.sim, SECONDS(15));
    cr_assert_lt(sim_now_ns(world.sim), SECONDS(15));
    cr_assert_lt(world.steps_all, 200);
    sim_run(world.sim, SECONDS(15));
    uint64_t hash = sim_trace_hash(world.sim);
    world_close();
    cr_assert_eq(hash, hash_of(42, false));
}

Test(sim_run, fifty_join_through_one_and_agree) {
    world_form(50, 1);
    for (uint32_t host = 0; host < 50; host++) {
        cr_assert_eq(sim_host_of_name_hash(world.sim, sim_name_hash(world.sim, host)), host);
        cr_assert_eq(membership_join_state(sim_gossip(world.sim, host)->membership),
                     host == 0 ? JOIN_IDLE : JOIN_DONE);
    }
    cr_assert_eq(sim_host_of_name_hash(world.sim, 1), SIM_NOBODY);
    cr_assert_gt(sim_memory_bytes(world.sim), 50000);
}

Test(sim_run, a_crash_is_declared_everywhere_by_verdict) {
    world_form(20, 2);
    world_act(SIM_CRASH, 7, 0, 0);
    cr_assert_not(sim_is_up(world.sim, 7));
    cr_assert_eq(world.ends[7], 1);
    world_run(SECONDS(30));
    cr_assert(world_all_hold(7, HENGE_DEAD));
    cr_assert_gt(world.verdicts[7], 0);
    for (uint32_t host = 0; host < 20; host++) {
        cr_assert(host == 7 || world.verdicts[host] == 0);
    }
}

Test(sim_run, profiles_are_handed_to_both_halves) {
    struct sim_settings settings;
    sim_settings_init(&settings, 8, 2);
    settings.profile = &profile_classic;
    world_open(&settings);
    world_act(SIM_START, 0, -1, 0);
    world_act_all(SIM_START, 0, 0);
    world_run(SECONDS(10));
    cr_assert(world_agrees());
    cr_assert_eq(sim_gossip(world.sim, 3)->settings.membership.profile, &profile_classic);
}

Test(sim_run, settings_that_break_a_limit_make_none) {
    struct sim_settings settings;
    sim_settings_init(&settings, 1, 2);
    settings.hosts = 0;
    cr_assert_null(sim_create(&settings));
    settings.hosts = SIM_HOSTS_MAX + 1;
    cr_assert_null(sim_create(&settings));
    settings.hosts = 1;
    settings.config.members_max = 1;
    cr_assert_null(sim_create(&settings));
    sim_settings_init(&settings, 1, 2);
    snprintf(settings.config.metadata, sizeof(settings.config.metadata), "no pair");
    cr_assert_null(sim_create(&settings));
    sim_destroy(NULL);
}

/* However many nodes there are in one process, and in whatever order each learnt of the others. */
Test(sim_run, nodes_that_agree_hold_one_table_of_the_ring) {
    world_form(20, 1);
    const struct shared_ring *first = sim_gossip(world.sim, 0)->ring;
    for (uint32_t host = 1; host < 20; host++) {
        const struct shared_ring *ring = sim_gossip(world.sim, host)->ring;
        cr_assert_eq(ring->table, first->table, "host %u", host);
        cr_assert_neq(ring->ring, first->ring, "its head is its own");
    }
    cr_assert_geq(first->table->references, 20);
}
