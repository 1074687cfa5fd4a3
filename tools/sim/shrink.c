/* tools/sim/shrink.c - see shrink.h. */
#include "tools/sim/shrink.h"
#include "core/base/clock.h"
#include <stdlib.h>
#include <string.h>

struct shrink {
    const struct run_options *options;
    uint64_t end_ns; /* of the time that may be spent */
    uint8_t invariant;
    struct run_result *result; /* of the smallest that fails */
    struct run_result *trial;
};

static bool is_out_of_time(const struct shrink *shrink) {
    return shrink->trial->is_interrupted || clock_monotonic_ns() >= shrink->end_ns;
}

static bool still_fails(struct shrink *shrink, const struct scenario *scenario) {
    run_scenario(scenario, shrink->options, shrink->trial);
    for (size_t i = 0; shrink->trial->is_done && i < shrink->trial->violations_kept; i++) {
        if (shrink->trial->violations[i].invariant == shrink->invariant) {
            *shrink->result = *shrink->trial;
            return true;
        }
    }
    return false;
}

/* Without the actions from..from + count; undone when it does not fail then. */
static bool try_without(struct shrink *shrink, struct scenario *scenario, size_t from,
                        size_t count) {
    struct sim_action *all = scenario->actions;
    struct sim_action *taken = malloc(count * sizeof(*taken));
    if (!taken) {
        return false;
    }
    memcpy(taken, all + from, count * sizeof(*taken));
    memmove(all + from, all + from + count, (scenario->count - from - count) * sizeof(*all));
    scenario->count -= count;
    bool fails = still_fails(shrink, scenario);
    if (!fails) {
        memmove(all + from + count, all + from, (scenario->count - from) * sizeof(*all));
        memcpy(all + from, taken, count * sizeof(*taken));
        scenario->count += count;
    }
    free(taken);
    return fails;
}

static bool drop_actions(struct shrink *shrink, struct scenario *scenario) {
    bool is_smaller = false;
    for (size_t part = scenario->count / 2; part > 0; part /= 2) {
        for (size_t from = 0; from + part <= scenario->count && !is_out_of_time(shrink);) {
            if (try_without(shrink, scenario, from, part)) {
                is_smaller = true;
            } else {
                from += part;
            }
        }
    }
    return is_smaller;
}

static bool halve_durations(struct shrink *shrink, struct scenario *scenario) {
    bool is_smaller = false;
    for (size_t i = 0; i < scenario->count && !is_out_of_time(shrink); i++) {
        while (scenario->actions[i].duration_ns >= 2 * NS_PER_MS && !is_out_of_time(shrink)) {
            uint64_t before_ns = scenario->actions[i].duration_ns;
            scenario->actions[i].duration_ns = before_ns / 2;
            if (!still_fails(shrink, scenario)) {
                scenario->actions[i].duration_ns = before_ns;
                break;
            }
            is_smaller = true;
        }
    }
    return is_smaller;
}

/* True: the hosts that are left are spoken of. */
static bool trim(struct sim_hosts *hosts, uint32_t count) {
    while (hosts->count > 0 && hosts->first + (uint64_t)(hosts->count - 1) * hosts->step >= count) {
        hosts->count--;
    }
    hosts->step = hosts->count > 1 ? hosts->step : 1;
    return hosts->count > 0;
}

/* Only the first `hosts` are there, and nothing is said of the others. */
static void keep_hosts(struct scenario *scenario, uint32_t hosts) {
    size_t kept = 0;
    sim_settings_hosts(&scenario->settings, hosts);
    for (size_t i = 0; i < scenario->count; i++) {
        struct sim_action action = scenario->actions[i];
        bool is_left = trim(&action.who, hosts);
        if (action.kind == SIM_CUT) {
            is_left = is_left && trim(&action.other, hosts);
        }
        bool joins = action.kind == SIM_START || action.kind == SIM_RESTART;
        if (joins && action.amount >= hosts) {
            action.amount = -1;
        }
        if ((action.kind == SIM_EVICT || action.kind == SIM_JOIN) && action.amount >= hosts) {
            is_left = false;
        }
        if (is_left) {
            scenario->actions[kept++] = action;
        }
    }
    scenario->count = kept;
}

static bool try_hosts(struct shrink *shrink, struct scenario *scenario, uint32_t hosts) {
    uint32_t hosts_before = scenario->settings.hosts;
    size_t count_before = scenario->count;
    size_t bytes = count_before * sizeof(*scenario->actions);
    struct sim_action *before = malloc(bytes + 1);
    if (!before) {
        return false;
    }
    if (bytes > 0) {
        memcpy(before, scenario->actions, bytes);
    }
    keep_hosts(scenario, hosts);
    bool fails = still_fails(shrink, scenario);
    if (!fails) {
        sim_settings_hosts(&scenario->settings, hosts_before);
        scenario->count = count_before;
        if (bytes > 0) {
            memcpy(scenario->actions, before, bytes);
        }
    }
    free(before);
    return fails;
}

static bool drop_hosts(struct shrink *shrink, struct scenario *scenario) {
    bool is_smaller = false;
    uint32_t step = scenario->settings.hosts / 2;
    while (step > 0 && !is_out_of_time(shrink)) {
        uint32_t before = scenario->settings.hosts;
        if (before < step + 2) {
            step = before > 2 ? before - 2 : 0;
        } else if (try_hosts(shrink, scenario, before - step)) {
            is_smaller = true;
        } else {
            step /= 2;
        }
    }
    return is_smaller;
}

/* The first or the last half of an action's hosts, as long as one of them will do. */
static bool narrow_hosts(struct shrink *shrink, struct scenario *scenario) {
    bool is_smaller = false;
    for (size_t i = 0; i < scenario->count && !is_out_of_time(shrink);) {
        struct sim_hosts *who = &scenario->actions[i].who;
        struct sim_hosts before = *who;
        uint32_t half = before.count / 2;
        bool fails = false;
        for (int part = 0; half > 0 && part < 2 && !fails; part++) {
            who->first = before.first + (part == 0 ? 0 : half * before.step);
            who->count = part == 0 ? half : before.count - half;
            who->step = who->count > 1 ? before.step : 1;
            fails = still_fails(shrink, scenario);
        }
        if (fails) {
            is_smaller = true;
        } else {
            *who = before;
            i++;
        }
    }
    return is_smaller;
}

/* The usual network instead of the drawn one, setting by setting. */
static bool is_same_network(const struct sim_network *left, const struct sim_network *right) {
    return left->delay_ns == right->delay_ns && left->delay_random_ns == right->delay_random_ns &&
           left->loss_ppm == right->loss_ppm && left->duplicate_ppm == right->duplicate_ppm &&
           left->replay_ppm == right->replay_ppm;
}

static bool calm_network(struct shrink *shrink, struct scenario *scenario) {
    struct sim_settings usual;
    struct sim_settings before = scenario->settings;
    bool is_smaller = false;
    sim_settings_init(&usual, before.hosts, before.seed);
    for (int part = 0; part < 4 && !is_out_of_time(shrink); part++) {
        struct sim_settings *now = &scenario->settings;
        before = *now;
        if (part == 0) {
            now->network = usual.network;
        } else if (part == 1) {
            now->network.loss_ppm = 0;
        } else if (part == 2) {
            now->network.delay_random_ns = usual.network.delay_random_ns;
        } else {
            now->zones = 0;
        }
        if (is_same_network(&now->network, &before.network) && now->zones == before.zones) {
            continue;
        }
        if (still_fails(shrink, scenario)) {
            is_smaller = true;
        } else {
            *now = before;
        }
    }
    return is_smaller;
}

static bool cut_end(struct shrink *shrink, struct scenario *scenario) {
    bool is_smaller = false;
    while (scenario->duration_ns > NS_PER_S && !is_out_of_time(shrink)) {
        uint64_t before_ns = scenario->duration_ns;
        scenario->duration_ns = before_ns / 4 * 3;
        if (!still_fails(shrink, scenario)) {
            scenario->duration_ns = before_ns;
            break;
        }
        is_smaller = true;
    }
    return is_smaller;
}

void shrink_scenario(struct scenario *scenario, const struct run_options *options,
                     uint8_t invariant, uint64_t budget_ms, struct run_result *result) {
    struct shrink shrink = {.options = options,
                            .end_ns = clock_monotonic_ns() + budget_ms * NS_PER_MS,
                            .invariant = invariant,
                            .result = result,
                            .trial = malloc(sizeof(struct run_result))};
    bool is_smaller = shrink.trial != NULL;
    if (shrink.trial) {
        shrink.trial->is_interrupted = false;
    }
    while (is_smaller && !is_out_of_time(&shrink)) {
        is_smaller = drop_actions(&shrink, scenario);
        is_smaller |= drop_hosts(&shrink, scenario);
        is_smaller |= narrow_hosts(&shrink, scenario);
        is_smaller |= halve_durations(&shrink, scenario);
        is_smaller |= cut_end(&shrink, scenario);
        is_smaller |= calm_network(&shrink, scenario);
    }
    free(shrink.trial);
}
