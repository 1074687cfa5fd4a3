/* tools/sim/swarm.c - see swarm.h. */
#include "tools/sim/swarm.h"
#include "core/base/clock.h"

enum {
    HOSTS_MIN = 3,
    HOSTS_FEW = 12,
    HOSTS_MAX = 40,
    FAULTS_MAX = 24,
    BOOT_S = 20, /* all are up by then, with time to agree */
    FAULTS_S_MAX = 90,
    FAULT_S_MAX = 30, /* of one fault */
    CORE_S = 2        /* from healing until the core is up again */
};

static uint64_t draw(struct scenario *scenario, uint64_t from, uint64_t to) {
    return from + random_below(&scenario->random, to - from + 1);
}

static bool chance(struct scenario *scenario, uint32_t percent) {
    return random_below(&scenario->random, 100) < percent;
}

static struct sim_hosts draw_hosts(struct scenario *scenario) {
    uint32_t hosts = scenario->settings.hosts;
    if (chance(scenario, 4)) {
        return (struct sim_hosts){0, hosts, 1};
    }
    uint32_t few = hosts / 3 > 1 ? hosts / 3 : 1;
    uint32_t count = chance(scenario, 70) ? 1 : (uint32_t)draw(scenario, 1, few);
    uint32_t step = chance(scenario, 50) ? 1 : (uint32_t)draw(scenario, 1, 3);
    uint32_t first = (uint32_t)random_below(&scenario->random, hosts);
    while (count > 1 && first + (count - 1) * step >= hosts) {
        count--;
    }
    return (struct sim_hosts){first, count, step};
}

static const uint8_t kinds[] = {
    SIM_CRASH,         SIM_RESTART,      SIM_LEAVE,          SIM_METADATA,
    SIM_PAUSE,         SIM_STALL_GOSSIP, SIM_STALL_DETECTOR, SIM_DEAF,
    SIM_SLOW,          SIM_LOSS_IN,      SIM_LOSS_OUT,       SIM_CUT,
    SIM_DELAY,         SIM_CAPACITY,     SIM_CLOCK_STEP,     SIM_CLOCK_DRIFT,
    SIM_LATER_VERSION, SIM_DUPLICATE,    SIM_REPLAY,         SIM_LOSS,
    SIM_JOIN,          SIM_EVICT,
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static int64_t draw_amount(struct scenario *scenario, uint8_t kind) {
    switch (kind) {
    case SIM_LOSS_IN:
    case SIM_LOSS_OUT:
        return (int64_t)draw(scenario, 10000, chance(scenario, 30) ? 1000000 : 300000);
    case SIM_LOSS:
        return (int64_t)draw(scenario, 10000, 300000);
    case SIM_DUPLICATE:
    case SIM_REPLAY:
        return (int64_t)draw(scenario, 10000, 500000);
    case SIM_SLOW:
        return (int64_t)draw(scenario, 10 * NS_PER_US, 20 * NS_PER_MS);
    case SIM_DELAY:
        return (int64_t)draw(scenario, NS_PER_MS, 100 * NS_PER_MS);
    case SIM_CAPACITY:
        return (int64_t)draw(scenario, 2000, 200000);
    case SIM_CLOCK_STEP:
        return (int64_t)draw(scenario, 0, 7200000) - 3600000;
    case SIM_CLOCK_DRIFT:
        return (int64_t)draw(scenario, 0, 100000) - 50000;
    default:
        return 0;
    }
}

/* Whom to join through: one that is not among them, else nobody could find anybody. */
static int64_t draw_seed(struct scenario *scenario, const struct sim_hosts *who) {
    uint32_t hosts = scenario->settings.hosts;
    uint32_t last = who->first + (who->count - 1) * (who->step > 0 ? who->step : 1);
    uint32_t beside = hosts - (last - who->first + 1);
    if (beside == 0) {
        return who->first;
    }
    uint32_t at = (uint32_t)random_below(&scenario->random, beside);
    return at < who->first ? at : at + (last - who->first + 1);
}

static bool is_moment(uint8_t kind) {
    return kind == SIM_CRASH || kind == SIM_LEAVE || kind == SIM_METADATA ||
           kind == SIM_CLOCK_STEP || kind == SIM_JOIN || kind == SIM_EVICT;
}

/* Who evict each other while they are cut off have parted for good, as they were told to: one of
 * two is always the evictor, whichever is drawn first. */
static void order_eviction(struct sim_action *action) {
    const uint32_t drawn = action->who.first;
    if (action->amount < (int64_t)drawn) {
        action->who.first = (uint32_t)action->amount;
        action->amount = drawn;
    }
}

/* Half the time two halves of the cluster, both ways; else some from some, one way. */
static bool add_cut(struct scenario *scenario, struct sim_action *action) {
    uint32_t hosts = scenario->settings.hosts;
    action->other = draw_hosts(scenario);
    if (hosts > 1 && chance(scenario, 50)) {
        uint32_t border = (uint32_t)draw(scenario, 1, hosts - 1);
        action->who = (struct sim_hosts){0, border, 1};
        action->other = (struct sim_hosts){border, hosts - border, 1};
        struct sim_action back = *action;
        back.who = action->other;
        back.other = action->who;
        if (!scenario_add(scenario, &back)) {
            return false;
        }
    }
    return scenario_add(scenario, action);
}

static bool add_fault(struct scenario *scenario, uint8_t kind, uint64_t at_ns) {
    uint32_t hosts = scenario->settings.hosts;
    struct sim_action action = {.at_ns = at_ns, .kind = kind, .who = draw_hosts(scenario)};
    action.duration_ns = draw(scenario, NS_PER_S / 10, FAULT_S_MAX * NS_PER_S);
    action.amount = draw_amount(scenario, kind);
    if (is_moment(kind)) {
        action.duration_ns = 0;
    }
    if (kind == SIM_RESTART) {
        action.amount = draw_seed(scenario, &action.who);
        action.flag = (uint8_t)random_below(&scenario->random, 4);
        action.duration_ns =
            chance(scenario, 40) ? draw(scenario, 0, NS_PER_S) : action.duration_ns;
    }
    if (kind == SIM_JOIN || kind == SIM_EVICT) {
        action.amount = (int64_t)random_below(&scenario->random, hosts);
    }
    if (kind == SIM_EVICT) {
        action.who.count = 1;
        order_eviction(&action);
    }
    return kind == SIM_CUT ? add_cut(scenario, &action) : scenario_add(scenario, &action);
}

static void draw_network(struct scenario *scenario) {
    struct sim_network *network = &scenario->settings.network;
    network->delay_ns = draw(scenario, 50 * NS_PER_US, 2 * NS_PER_MS);
    network->delay_random_ns = draw(scenario, 0, chance(scenario, 20) ? 30 * NS_PER_MS : NS_PER_MS);
    network->loss_ppm = chance(scenario, 30) ? (uint32_t)draw(scenario, 0, 50000) : 0;
}

/* A quarter of the clusters runs at another pace. */
static void draw_settings(struct scenario *scenario) {
    static const uint32_t periods_ms[] = {200, 500, 2000};
    scenario->settings.zones = (uint32_t)random_below(&scenario->random, 4);
    if (chance(scenario, 25)) {
        scenario->settings.config.probe_period_ms = periods_ms[random_below(&scenario->random, 3)];
    }
    if (chance(scenario, 20)) { /* ownership outlives its member, or its listing */
        scenario->settings.config.ring_removal_delay_ms = (uint32_t)draw(scenario, 1, 40000);
        scenario->settings.config.dead_shown_s = (uint32_t)draw(scenario, 1, 30);
    }
}

/* One who comes back at another address and remembers nobody finds the others by its seed alone:
 * that one must be there in the end. */
static bool is_needed(const struct scenario *scenario, uint32_t host) {
    for (size_t i = 0; i < scenario->count; i++) {
        const struct sim_action *action = &scenario->actions[i];
        if (action->kind == SIM_RESTART && action->amount == host &&
            action->flag == (SIM_RESTART_OTHER_ADDRESS | SIM_RESTART_FORGETS)) {
            return true;
        }
    }
    return false;
}

static bool is_evicted(const struct scenario *scenario, uint32_t host) {
    for (size_t i = 0; i < scenario->count; i++) {
        if (scenario->actions[i].kind == SIM_EVICT && scenario->actions[i].amount == host) {
            return true;
        }
    }
    return false;
}

/* Everything heals, and a random core of the hosts is up again: those of it that were down, or were
 * evicted and run on in silence, join through one of the core. The others stay as they are. */
static bool add_core(struct scenario *scenario, uint64_t at_ns) {
    uint32_t hosts = scenario->settings.hosts;
    uint32_t percent = (uint32_t)draw(scenario, 30, 100);
    uint32_t first = (uint32_t)random_below(&scenario->random, hosts);
    uint32_t second = (first + 1) % hosts;
    struct sim_action action = {.at_ns = at_ns, .kind = SIM_HEAL, .who = {0, hosts, 1}};
    if (!scenario_add(scenario, &action)) {
        return false;
    }
    for (uint32_t i = 0; i < hosts; i++) {
        uint32_t host = (first + i) % hosts;
        if (host == first || host == second || chance(scenario, percent) ||
            is_needed(scenario, host)) {
            action = (struct sim_action){.at_ns = at_ns + draw(scenario, 0, NS_PER_S),
                                         .kind = SIM_START,
                                         .amount = host == first ? second : first,
                                         .who = {host, 1, 1}};
            if (!scenario_add(scenario, &action)) {
                return false;
            }
            action.kind = SIM_JOIN;
            if (is_evicted(scenario, host) && !scenario_add(scenario, &action)) {
                return false;
            }
        }
    }
    return true;
}

static bool draw_faults(struct scenario *scenario) {
    bool is_in[KINDS];
    uint32_t percent = (uint32_t)draw(scenario, 10, 50);
    uint32_t in = 0;
    for (size_t i = 0; i < KINDS; i++) {
        is_in[i] = chance(scenario, percent);
        in += is_in[i];
    }
    uint64_t faults_ns = draw(scenario, 10, FAULTS_S_MAX) * NS_PER_S;
    uint32_t count = in > 0 ? (uint32_t)draw(scenario, 1, FAULTS_MAX) : 0;
    while (count > 0) {
        size_t kind = random_below(&scenario->random, KINDS);
        if (is_in[kind]) {
            uint64_t at_ns = draw(scenario, BOOT_S * NS_PER_S, BOOT_S * NS_PER_S + faults_ns);
            if (!add_fault(scenario, kinds[kind], at_ns)) {
                return false;
            }
            count--;
        }
    }
    uint64_t healed_ns = BOOT_S * NS_PER_S + faults_ns;
    if (!(scenario->fixed & SCENARIO_FIXED_DURATION)) {
        scenario->duration_ns = healed_ns + CORE_S * NS_PER_S;
    }
    return add_core(scenario, healed_ns);
}

bool swarm_draw(struct scenario *scenario, uint32_t hosts) {
    uint32_t most = chance(scenario, 75) ? HOSTS_FEW : HOSTS_MAX;
    uint32_t drawn = (uint32_t)draw(scenario, HOSTS_MIN, most);
    sim_settings_hosts(&scenario->settings, hosts > 0 ? hosts : drawn);
    draw_settings(scenario);
    draw_network(scenario);
    scenario->is_settling = true;
    return scenario_complete(scenario) && draw_faults(scenario);
}
