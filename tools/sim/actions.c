/* tools/sim/actions.c - what a scenario orders: of nodes, of hosts, of the network. */
#include "core/base/assert.h"
#include "core/runtime/node/own_record.h"
#include "membership/state.h"
#include "tools/sim/sim_internal.h"
#include "tools/sim/trace.h"
#include <stdio.h>

/* What is asked of a node that stands still is asked again. */
#define ORDER_RETRY_NS (100 * NS_PER_MS)
/* Until a name leads to a new address at everybody: as often as henged resolves its seeds. */
#define RESOLVE_NS (60 * NS_PER_S)

bool hosts_have(const struct sim_hosts *hosts, uint32_t host) {
    uint32_t step = hosts->step > 0 ? hosts->step : 1;
    return host >= hosts->first && (host - hosts->first) % step == 0 &&
           (host - hosts->first) / step < hosts->count;
}

/* The next host of the set that there is, from `at` on; NULL after the last. */
static struct host *next_host(struct sim *sim, const struct sim_hosts *hosts, uint32_t *at) {
    ASSERT(sim != NULL);
    uint64_t step = hosts->step > 0 ? hosts->step : 1;
    uint64_t number = hosts->first + step * *at;
    if (*at >= hosts->count || number >= sim->settings.hosts) {
        return NULL;
    }
    (*at)++;
    return &sim->hosts[number];
}

static bool has_all(const struct sim *sim, const struct sim_hosts *hosts) {
    return hosts_have(hosts, 0) && hosts->step <= 1 && hosts->count >= sim->settings.hosts;
}

/* What is asked of nodes. */

static void set_metadata(struct host *host, uint64_t now_ns) {
    struct membership *membership = host->gossip->membership;
    struct record_fields fields;
    char value[16];
    snprintf(value, sizeof(value), "%u", ++host->metadata_sets);
    record_fields_of(membership_member(membership, 0)->record, &fields);
    if (own_record_set_pair(&fields, "sim", value) == HENGE_OK &&
        membership_set_payload(membership, &fields, now_ns) == HENGE_OK) {
        gossip_node_publish_members(host->gossip, now_ns);
    }
}

static void evict(struct host *host, int64_t whom, uint64_t now_ns) {
    struct sim *sim = host->sim;
    struct membership *membership = host->gossip->membership;
    if (whom >= 0 && whom < sim->settings.hosts && whom != host->number) {
        uint32_t slot = table_find(&membership->table, sim->hosts[whom].name_hash);
        if (slot != NO_SLOT && membership_evict(membership, slot, now_ns)) {
            gossip_node_publish_members(host->gossip, now_ns);
        }
    }
}

void action_order(struct host *host, const struct ordered *ordered) {
    struct sim *sim = host->sim;
    uint64_t now_ns = host_node_ns(host, sim->now_ns);
    if (!host->is_up) {
        return;
    }
    if (turn_is_still(host, HOST_GOSSIP)) {
        sim_push(sim, sim->now_ns + ORDER_RETRY_NS, EVENT_ORDER, host->number,
                 (void *)(uintptr_t)ordered);
        return;
    }
    host->gossip->now_ns = now_ns;
    switch (ordered->action.kind) {
    case SIM_LEAVE:
        host->is_leaving = true;
        membership_leave(host->gossip->membership, now_ns, now_ns + SIM_LEAVE_NS);
        break;
    case SIM_JOIN:
        host_join(host, ordered->action.amount, now_ns);
        break;
    case SIM_METADATA:
        set_metadata(host, now_ns);
        break;
    case SIM_EVICT:
        evict(host, ordered->action.amount, now_ns);
        break;
    default:
        break;
    }
    host->roles[HOST_GOSSIP].is_dirty = true;
    turn_touch(host);
}

void action_restart(struct host *host, const struct ordered *ordered) {
    const struct sim_action *action = &ordered->action;
    if (host->is_up) {
        return;
    }
    if (action->flag & SIM_RESTART_FORGETS) {
        host->generation_kept = 0;
        host->peers_kept_count = 0;
    }
    if (action->flag & SIM_RESTART_OTHER_ADDRESS) {
        host_move(host);
        sim_push(host->sim, host->sim->now_ns + RESOLVE_NS, EVENT_RESOLVED, host->number, NULL);
    }
    host_boot(host, action->amount);
}

static void order_host(struct host *host, const struct ordered *ordered) {
    const struct sim_action *action = &ordered->action;
    struct sim *sim = host->sim;
    switch (action->kind) {
    case SIM_START:
        if (!host->is_up) {
            host_boot(host, action->amount);
        }
        break;
    case SIM_CRASH:
    case SIM_RESTART:
        if (host->is_up) {
            host_end(host);
        }
        if (action->kind == SIM_RESTART) {
            sim_push(sim, sim->now_ns + action->duration_ns, EVENT_RESTART, host->number,
                     (void *)(uintptr_t)ordered);
        }
        break;
    default:
        action_order(host, ordered);
    }
}

/* Faults of hosts. */

static void fault_ended(struct host *host, enum sim_action_kind kind) {
    host->faults[kind] = (struct fault){0};
    switch (kind) {
    case SIM_PAUSE:
        turn_resume(host);
        /* The threads of a process that goes on do so in any order: its roles may look at their
         * deadlines before io has read what has come meanwhile. */
        if (random_below(&host->sim->random, 2) == 0) {
            turn_host(host);
        }
        inbox_resume(host);
        break;
    case SIM_STALL_GOSSIP:
    case SIM_STALL_DETECTOR:
        turn_resume(host);
        break;
    case SIM_DEAF:
        inbox_release_held(host);
        break;
    case SIM_SLOW:
        inbox_resume(host);
        break;
    case SIM_CAPACITY:
        host->link_free_ns = 0;
        break;
    case SIM_CLOCK_DRIFT:
        host_drift_set(host, 0);
        turn_resume(host);
        break;
    default:
        break;
    }
}

static void fault_begins(struct host *host, const struct ordered *ordered) {
    const struct sim_action *action = &ordered->action;
    host->faults[action->kind] = (struct fault){action->amount, ordered->number};
    if (action->kind == SIM_CLOCK_DRIFT) {
        host_drift_set(host, action->amount);
        turn_resume(host);
    }
}

/* Faults of the network: its settings, replaced. */

static uint32_t *network_rate(struct sim_network *network, enum sim_action_kind kind) {
    switch (kind) {
    case SIM_DUPLICATE:
        return &network->duplicate_ppm;
    case SIM_REPLAY:
        return &network->replay_ppm;
    case SIM_LOSS:
        return &network->loss_ppm;
    default:
        return NULL;
    }
}

static void network_set(struct sim *sim, enum sim_action_kind kind, struct fault fault) {
    sim->network_faults[kind] = fault;
    *network_rate(&sim->network, kind) =
        fault.order != 0 ? (uint32_t)fault.amount : *network_rate(&sim->settings.network, kind);
}

static void heal(struct sim *sim, const struct sim_hosts *who) {
    struct host *host;
    for (uint32_t at = 0; (host = next_host(sim, who, &at)) != NULL;) {
        for (int kind = SIM_PAUSE; kind < SIM_ACTION_KINDS; kind++) {
            if (host->faults[kind].order != 0) {
                fault_ended(host, (enum sim_action_kind)kind);
            }
        }
    }
    cut_heal(sim, who);
    if (has_all(sim, who)) {
        network_set(sim, SIM_DUPLICATE, (struct fault){0});
        network_set(sim, SIM_REPLAY, (struct fault){0});
        network_set(sim, SIM_LOSS, (struct fault){0});
    }
}

static void step_clocks(struct sim *sim, const struct sim_action *action) {
    struct host *host;
    for (uint32_t at = 0; (host = next_host(sim, &action->who, &at)) != NULL;) {
        host->wall_step_ms += action->amount;
    }
}

static void end_later(struct sim *sim, const struct ordered *ordered) {
    if (ordered->action.duration_ns > 0) {
        sim_push(sim, sim->now_ns + ordered->action.duration_ns, EVENT_ACTION_ENDS, 0,
                 (void *)(uintptr_t)ordered);
    }
}

void action_begin(struct sim *sim, const struct ordered *ordered) {
    const struct sim_action *action = &ordered->action;
    struct host *host;
    trace_action(sim, action, false);
    switch (action->kind) {
    case SIM_HEAL:
        heal(sim, &action->who);
        return;
    case SIM_CLOCK_STEP:
        step_clocks(sim, action);
        return;
    case SIM_CUT:
        cut_begin(sim, ordered);
        end_later(sim, ordered);
        return;
    case SIM_DUPLICATE:
    case SIM_REPLAY:
    case SIM_LOSS:
        network_set(sim, (enum sim_action_kind)action->kind,
                    (struct fault){action->amount, ordered->number});
        end_later(sim, ordered);
        return;
    default:
        break;
    }
    for (uint32_t at = 0; (host = next_host(sim, &action->who, &at)) != NULL;) {
        if (action->kind >= SIM_PAUSE) {
            fault_begins(host, ordered);
        } else {
            order_host(host, ordered);
        }
    }
    if (action->kind >= SIM_PAUSE) {
        end_later(sim, ordered);
    }
}

void action_end(struct sim *sim, const struct ordered *ordered) {
    const struct sim_action *action = &ordered->action;
    enum sim_action_kind kind = (enum sim_action_kind)action->kind;
    struct host *host;
    if (kind == SIM_CUT) {
        cut_end(sim, ordered->number);
    } else if (network_rate(&sim->network, kind)) {
        if (sim->network_faults[kind].order == ordered->number) {
            network_set(sim, kind, (struct fault){0});
        }
    } else {
        for (uint32_t at = 0; (host = next_host(sim, &action->who, &at)) != NULL;) {
            if (host->faults[kind].order == ordered->number) {
                fault_ended(host, kind);
            }
        }
    }
    trace_action(sim, action, true);
}
