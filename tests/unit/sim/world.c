/* tests/unit/sim/world.c - see world.h. */
#include "tests/unit/sim/world.h"
#include "henge/members.h"
#include "tools/sim/sim_internal.h"
#include <string.h>

struct world world;

static void on_change(void *context, struct sim *sim, uint32_t host,
                      const struct member_change *change) {
    (void)context;
    (void)host;
    if (change->origin == CHANGE_VERDICT && change->status == HENGE_DEAD) {
        const struct member *member =
            membership_member(sim_gossip(sim, host)->membership, change->slot);
        world.verdicts[sim_host_of_name_hash(sim, member->record->name_hash)]++;
    }
}

static void on_event(void *context, struct sim *sim, uint32_t host,
                     const struct henge_event *event) {
    (void)context;
    (void)sim;
    (void)host;
    (void)event;
    world.events++;
}

static void on_step(void *context, struct sim *sim, uint32_t host) {
    (void)context;
    world.steps[host]++;
    world.steps_all++;
    if (world.steps_all == world.stop_after_steps) {
        sim_stop(sim);
    }
}

static void on_send(void *context, struct sim *sim, uint32_t from, uint32_t to, uint8_t lane,
                    const uint8_t *message, size_t bytes) {
    (void)context;
    (void)sim;
    cr_assert_not_null(message);
    cr_assert_gt(bytes, 0);
    world.sends[from][lane]++;
    world.sends_to_nobody += to == SIM_NOBODY;
}

static void on_action(void *context, struct sim *sim, const struct sim_action *action,
                      bool is_end) {
    (void)context;
    (void)sim;
    (void)action;
    world.begun += !is_end;
    world.ended += is_end;
}

static void on_boot(void *context, struct sim *sim, uint32_t host, bool is_end) {
    (void)context;
    cr_assert(sim_is_up(sim, host));
    cr_assert_not_null(sim_gossip(sim, host));
    world.boots[host] += !is_end;
    world.ends[host] += is_end;
}

void world_open(const struct sim_settings *settings) {
    struct sim_observer observer = {.on_change = on_change,
                                    .on_event = on_event,
                                    .on_step = on_step,
                                    .on_send = on_send,
                                    .on_action = on_action,
                                    .on_boot = on_boot};
    memset(&world, 0, sizeof(world));
    cr_assert_leq(settings->hosts, WORLD_HOSTS_MAX);
    world.hosts = settings->hosts;
    world.sim = sim_create(settings);
    cr_assert_not_null(world.sim);
    sim_observe(world.sim, &observer);
}

void world_close(void) {
    sim_destroy(world.sim);
    world.sim = NULL;
}

void world_form(uint32_t hosts, uint64_t seed) {
    struct sim_settings settings;
    sim_settings_init(&settings, hosts, seed);
    world_open(&settings);
    world_act(SIM_START, 0, -1, 0);
    world_act_all(SIM_START, 0, 0);
    world_run(SECONDS(10));
    cr_assert(world_agrees());
    world_forget();
}

void world_forget(void) {
    struct world kept = {.sim = world.sim, .hosts = world.hosts};
    world = kept;
}

void world_run(uint64_t duration_ns) {
    sim_run(world.sim, sim_now_ns(world.sim) + duration_ns);
}

void world_act(enum sim_action_kind kind, uint32_t host, int64_t amount, uint64_t duration_ns) {
    struct sim_action action = {
        .kind = (uint8_t)kind, .who = {host, 1, 1}, .amount = amount, .duration_ns = duration_ns};
    sim_act(world.sim, &action);
}

void world_act_all(enum sim_action_kind kind, int64_t amount, uint64_t duration_ns) {
    struct sim_action action = {.kind = (uint8_t)kind,
                                .who = {0, world.hosts, 1},
                                .amount = amount,
                                .duration_ns = duration_ns};
    sim_act(world.sim, &action);
}

void world_cut(uint32_t from, uint32_t to, uint64_t duration_ns) {
    struct sim_action action = {
        .kind = SIM_CUT, .who = {from, 1, 1}, .other = {to, 1, 1}, .duration_ns = duration_ns};
    sim_act(world.sim, &action);
}

bool world_has_fault(uint32_t host) {
    for (int kind = SIM_PAUSE; kind < SIM_ACTION_KINDS; kind++) {
        if (host_has(&world.sim->hosts[host], (enum sim_action_kind)kind)) {
            return true;
        }
    }
    return false;
}

int world_status(uint32_t at, uint32_t subject) {
    const struct member *member = sim_look(world.sim, at, subject);
    return member ? member->status : -1;
}

bool world_all_hold(uint32_t subject, int status) {
    for (uint32_t host = 0; host < world.hosts; host++) {
        if (host != subject && sim_is_up(world.sim, host) &&
            world_status(host, subject) != status) {
            return false;
        }
    }
    return true;
}

bool world_agrees(void) {
    uint32_t up = 0;
    for (uint32_t host = 0; host < world.hosts; host++) {
        up += sim_is_up(world.sim, host);
    }
    for (uint32_t host = 0; host < world.hosts; host++) {
        if (sim_is_up(world.sim, host) &&
            (!world_all_hold(host, HENGE_ALIVE) || world_counters(host).alive != up)) {
            return false;
        }
    }
    return true;
}

struct membership_counters world_counters(uint32_t host) {
    struct membership_counters counters;
    membership_counters_get(sim_gossip(world.sim, host)->membership, &counters);
    return counters;
}
