/* tests/sim/checkers/i12_crashes.c - I12: every crash is declared by all live nodes within the SWIM
 * bound, plus the freeze where it applies; a refutation wins over its accusation.
 *
 * The bound: round robin probes a member within 2N - 1 periods by one prober; L live probers of N
 * members leave it unprobed for k periods with about e^(-kL/N), so PROBED_PERIODS * N/L are enough
 * with 10^-10. Where many are down many probes fail, and local health stretches the periods. Then
 * the longest suspicion and the dissemination of the verdict. The time runs while no fault is under
 * way. In the end nobody who lives is held DEAD. */
#include "membership/detector/local_health.h"
#include "tests/sim/checkers/checker.h"
#include <stdlib.h>

enum { PROBED_PERIODS = 24, SLACK_PERIODS = 3 };

struct crash {
    uint64_t at_ns; /* 0: none that is waited for */
    uint64_t generation;
};

struct crashes {
    struct crash *hosts;
};

static bool init(struct watch *watch, void *state) {
    struct crashes *own = state;
    own->hosts = calloc(watch->hosts_count, sizeof *own->hosts);
    return own->hosts != NULL;
}

static void deinit(struct watch *watch, void *state) {
    struct crashes *own = state;
    (void)watch;
    free(own->hosts);
}

uint64_t crashes_bound_ns(const struct watch *watch) {
    uint64_t live = watch->up_count == 0 ? 1 : watch->up_count;
    uint64_t members = live + watch->missed;
    uint64_t probed = PROBED_PERIODS * members / live;
    probed = probed > 2 * members - 1 ? 2 * members - 1 : probed;
    /* Fully stretched when a quarter and more are down. */
    uint64_t stretch = 4 * watch->missed >= members
                           ? LOCAL_HEALTH_MAX
                           : LOCAL_HEALTH_MAX * 4 * watch->missed / members;
    /* The freeze lasts at most one longest suspicion; it may come when a third is silent at once.
     */
    uint64_t frozen_ns = watch->suspicion_max_ns;
    return (probed * (1 + stretch) + SLACK_PERIODS) * watch->period_ns + watch->suspicion_max_ns +
           frozen_ns + watch->dissemination_ns;
}

static void on_boot(struct watch *watch, void *state, uint32_t host, bool is_end) {
    struct crashes *own = state;
    const struct host_facts *facts = &watch->hosts[host];
    watch->missed -= own->hosts[host].at_ns != 0;
    own->hosts[host] = (struct crash){0};
    if (!is_end || facts->is_leaving || facts->issued_count == 0)
        return;
    watch->missed++;
    own->hosts[host] =
        (struct crash){.at_ns = watch->now_ns, .generation = facts->issued[0].generation};
}

static void check(struct watch *watch, uint32_t subject, struct crash *crash) {
    for (uint32_t host = 0; host < watch->hosts_count; host++) {
        if (!watch->hosts[host].is_up || watch->hosts[host].is_leaving)
            continue;
        const struct member *held = sim_look(watch->sim, host, subject);
        if (held != NULL && held->status < HENGE_DEAD &&
            member_generation(held) <= crash->generation)
            watch_report(watch, 12, host, subject, "crashed %llu ms ago, and is held %s",
                         (unsigned long long)((watch->now_ns - crash->at_ns) / 1000000),
                         watch_status_text(held->status));
    }
    crash->at_ns = 0;
    watch->missed--;
}

static uint64_t later(uint64_t left, uint64_t right) {
    return left > right ? left : right;
}

static void on_sample(struct watch *watch, void *state) {
    struct crashes *own = state;
    if (watch->calm_ns == WATCH_NEVER || watch->is_heavy_always)
        return;
    uint64_t bound_ns = crashes_bound_ns(watch);
    for (uint32_t subject = 0; subject < watch->hosts_count; subject++) {
        struct crash *crash = &own->hosts[subject];
        /* Whoever booted since needs his time too: the last boot starts it anew. */
        uint64_t since_ns = later(later(crash->at_ns, watch->calm_ns), watch->last_boot_ns);
        if (crash->at_ns != 0 && watch->now_ns > since_ns + bound_ns)
            check(watch, subject, crash);
    }
}

/* Accusations that nobody may hold any more. */
static void on_finish(struct watch *watch, void *state) {
    (void)state;
    uint64_t since_ns = later(watch->calm_ns, watch->last_boot_ns);
    if (watch->calm_ns == WATCH_NEVER || watch->is_heavy_always ||
        watch->now_ns < since_ns + crashes_bound_ns(watch))
        return;
    for (uint32_t host = 0; host < watch->hosts_count; host++) {
        if (!watch->hosts[host].is_up || watch->hosts[host].is_leaving)
            continue;
        for (uint32_t subject = 0; subject < watch->hosts_count; subject++) {
            const struct member *held =
                watch->hosts[subject].is_up && !watch->hosts[subject].is_leaving
                    ? sim_look(watch->sim, host, subject)
                    : NULL;
            if (held != NULL && held->status == HENGE_DEAD)
                watch_report(watch, 12, host, subject, "lives, and is held DEAD at (%llu, %u)",
                             (unsigned long long)member_generation(held), held->version);
        }
    }
}

const struct checker checker_crashes = {.number = 12,
                                        .state_bytes = sizeof(struct crashes),
                                        .init = init,
                                        .deinit = deinit,
                                        .on_boot = on_boot,
                                        .on_sample = on_sample,
                                        .on_finish = on_finish};
