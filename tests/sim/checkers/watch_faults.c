/* tests/sim/checkers/watch_faults.c - the fault set: whom a fault befell, and until when.
 *
 * Read off the actions themselves: an action says whom it befalls and for how long, a second one of
 * a kind replaces the first, HEAL ends all. Being down begins and ends with the node. */
#include "tests/sim/checkers/watch.h"

enum effect { EFFECT_NONE, EFFECT_HOST, EFFECT_NETWORK, EFFECT_DOWN };

static enum effect effect_of(const struct sim_action *action) {
    switch (action->kind) {
    case SIM_CRASH:
    case SIM_RESTART:
    case SIM_LEAVE:
        return EFFECT_DOWN;
    case SIM_LOSS_IN:
    case SIM_LOSS_OUT:
    case SIM_PAUSE:
    case SIM_STALL_GOSSIP:
    case SIM_STALL_DETECTOR:
    case SIM_DEAF:
    case SIM_SLOW:
    case SIM_CUT:
    case SIM_DELAY:
    case SIM_CAPACITY:
        return EFFECT_HOST;
    case SIM_CLOCK_DRIFT:
        return action->amount > WATCH_DRIFT_LIGHT_PPM || action->amount < -WATCH_DRIFT_LIGHT_PPM
                   ? EFFECT_HOST
                   : EFFECT_NONE;
    case SIM_LOSS:
    case SIM_DUPLICATE:
    case SIM_REPLAY:
        return EFFECT_NETWORK;
    default:
        return EFFECT_NONE;
    }
}

static uint64_t end_of(const struct watch *watch, const struct sim_action *action) {
    return action->duration_ns == 0 ? WATCH_NEVER : watch->now_ns + action->duration_ns;
}

static bool is_pause(uint8_t kind) {
    return kind == SIM_PAUSE || kind == SIM_STALL_GOSSIP || kind == SIM_STALL_DETECTOR;
}

static void befalls(struct watch *watch, const struct sim_hosts *hosts, uint8_t kind,
                    uint64_t end_ns) {
    for (uint32_t i = 0; i < hosts->count; i++) {
        uint32_t host = hosts->first + i * (hosts->step == 0 ? 1 : hosts->step);
        if (host >= watch->hosts_count)
            return;
        struct host_facts *facts = &watch->hosts[host];
        /* Several cuts add up; of another kind the second replaces the first. */
        if (kind != SIM_CUT || end_ns > facts->fault_ns[kind])
            facts->fault_ns[kind] = end_ns;
        facts->was_faulty = true;
        if (is_pause(kind))
            facts->wakes_ns = end_ns;
        if (is_pause(kind) && kind != SIM_STALL_GOSSIP)
            facts->probes_ns = end_ns;
    }
}

static void heal(struct watch *watch, const struct sim_hosts *hosts) {
    for (uint32_t i = 0; i < hosts->count; i++) {
        uint32_t host = hosts->first + i * (hosts->step == 0 ? 1 : hosts->step);
        if (host >= watch->hosts_count)
            break;
        struct host_facts *facts = &watch->hosts[host];
        for (uint8_t kind = 0; kind < SIM_ACTION_KINDS; kind++)
            if (facts->fault_ns[kind] > watch->now_ns)
                facts->fault_ns[kind] = watch->now_ns;
        if (facts->wakes_ns > watch->now_ns)
            facts->wakes_ns = watch->now_ns;
        if (facts->probes_ns > watch->now_ns)
            facts->probes_ns = watch->now_ns;
    }
    if (hosts->count < watch->hosts_count)
        return;
    for (uint8_t kind = 0; kind < SIM_ACTION_KINDS; kind++)
        if (watch->network_ns[kind] > watch->now_ns)
            watch->network_ns[kind] = watch->now_ns;
    if (watch->heavy_ns > watch->now_ns)
        watch->heavy_ns = watch->now_ns;
}

static void note_order(struct watch *watch, const struct sim_action *action) {
    bool is_restart = action->kind == SIM_RESTART;
    bool is_host = action->amount >= 0 && action->amount < (int64_t)watch->hosts_count;
    struct ordered_boot ordered = {
        .at_ns = watch->now_ns + (is_restart ? action->duration_ns : 0),
        .through = is_host ? (uint32_t)action->amount : SIM_NOBODY,
        .moves = is_restart && (action->flag & SIM_RESTART_OTHER_ADDRESS) != 0,
        .forgets = is_restart && (action->flag & SIM_RESTART_FORGETS) != 0};
    for (uint32_t i = 0; i < action->who.count; i++) {
        uint32_t host = action->who.first + i * (action->who.step == 0 ? 1 : action->who.step);
        if (host >= watch->hosts_count)
            return;
        struct host_facts *facts = &watch->hosts[host];
        facts->ordered[facts->ordered_next++ % WATCH_BOOTS_MAX] = ordered;
    }
}

/* The order that this boot, at this moment, follows. */
static struct ordered_boot order_of(const struct watch *watch, const struct host_facts *facts) {
    for (uint32_t i = 0; i < WATCH_BOOTS_MAX; i++) {
        uint32_t index = (facts->ordered_next + WATCH_BOOTS_MAX - 1 - i) % WATCH_BOOTS_MAX;
        if (facts->ordered[index].at_ns == watch->now_ns)
            return facts->ordered[index];
    }
    return (struct ordered_boot){.through = SIM_NOBODY};
}

void watch_action(struct watch *watch, const struct sim_action *action) {
    uint64_t end_ns = end_of(watch, action);
    if (action->kind == SIM_START || action->kind == SIM_RESTART)
        note_order(watch, action);
    watch->last_act_ns = watch->now_ns;
    if (action->kind == SIM_JOIN)
        watch->last_join_ns = watch->now_ns;
    if (action->kind == SIM_HEAL)
        heal(watch, &action->who);
    if (action->kind == SIM_EVICT && action->amount >= 0 &&
        action->amount < (int64_t)watch->hosts_count) {
        struct host_facts *facts = &watch->hosts[action->amount];
        facts->is_evicted = true;
        facts->was_faulty = true;
        facts->fault_ns[SIM_EVICT] = watch->now_ns;
    }
    switch (effect_of(action)) {
    case EFFECT_NONE:
        return;
    case EFFECT_HOST:
        befalls(watch, &action->who, action->kind, end_ns);
        if (action->kind == SIM_CUT) {
            befalls(watch, &action->other, action->kind, end_ns);
            watch->had_cut = watch->had_cut || action->duration_ns == 0 ||
                             action->duration_ns > watch->suspicion_min_ns;
        }
        break;
    case EFFECT_NETWORK:
        watch->network_ns[action->kind] = end_ns;
        if (action->kind == SIM_LOSS && action->amount > WATCH_LOSS_LIGHT_PPM)
            watch->heavy_ns = end_ns;
        break;
    case EFFECT_DOWN: /* the end is the next boot; the beginning may be now, leaving takes time */
        befalls(watch, &action->who, action->kind, watch->now_ns);
        break;
    }
    if (effect_of(action) != EFFECT_DOWN)
        watch->calm_ns = WATCH_NEVER; /* until it is looked at again */
    watch->is_healed = false;
}

void watch_boot(struct watch *watch, uint32_t host, bool is_end) {
    struct host_facts *facts = &watch->hosts[host];
    watch->last_act_ns = watch->now_ns;
    if (is_end) {
        watch->up_count -= facts->is_up && !facts->is_leaving;
        facts->is_up = false;
        facts->down_ns = watch->now_ns;
        facts->was_faulty = true;
        facts->fault_ns[SIM_CRASH] = WATCH_NEVER;
        return;
    }
    struct ordered_boot ordered = order_of(watch, facts);
    if (facts->boots > 0 && facts->through != SIM_NOBODY && facts->joined_ns == WATCH_NEVER)
        watch_acquaint(watch, host, facts->through, false); /* a seed that never answered */
    facts->through = ordered.through == host ? SIM_NOBODY : ordered.through;
    watch_begin_anew(watch, host, ordered.moves, ordered.forgets);
    if (facts->through != SIM_NOBODY)
        watch_acquaint(watch, host, facts->through, true);
    watch->up_count++;
    watch->last_boot_ns = watch->now_ns;
    facts->is_up = true;
    facts->is_leaving = false;
    facts->boots++;
    facts->booted_ns = watch->now_ns;
    facts->raised_ns = watch->now_ns;
    facts->raises = 0;
    facts->joined_ns = WATCH_NEVER;
    if (facts->fault_ns[SIM_CRASH] == WATCH_NEVER)
        facts->fault_ns[SIM_CRASH] = watch->now_ns;
}

void watch_calm(struct watch *watch) {
    uint64_t last_ns = 0;
    for (uint32_t host = 0; host < watch->hosts_count; host++)
        for (uint8_t kind = SIM_PAUSE; kind < SIM_ACTION_KINDS; kind++)
            if (watch->hosts[host].fault_ns[kind] > last_ns)
                last_ns = watch->hosts[host].fault_ns[kind];
    for (uint8_t kind = 0; kind < SIM_ACTION_KINDS; kind++)
        if (watch->network_ns[kind] > last_ns)
            last_ns = watch->network_ns[kind];
    watch->calm_ns = last_ns > watch->now_ns ? WATCH_NEVER : last_ns;
}

bool watch_in_fault_set(const struct watch *watch, uint32_t host) {
    const struct host_facts *facts = &watch->hosts[host];
    if (!facts->was_faulty)
        return !facts->is_up;
    for (uint8_t kind = 0; kind < SIM_ACTION_KINDS; kind++) {
        uint64_t end_ns = facts->fault_ns[kind];
        if (end_ns != 0 && (end_ns == WATCH_NEVER || end_ns + watch->settle_ns > watch->now_ns))
            return true;
    }
    return !facts->is_up || facts->is_leaving;
}

bool watch_is_heavy(const struct watch *watch) {
    if (watch->is_heavy_always || watch->heavy_ns == WATCH_NEVER)
        return true;
    return watch->heavy_ns != 0 && watch->heavy_ns + watch->settle_ns > watch->now_ns;
}
