/* tests/sim/checkers/i16_restarts.c - I16: a node that restarts under its old name, at the same or
 * another address, with a clock that went backwards, is ALIVE everywhere within the dissemination
 * bound, and its old incarnation is gone at once.
 *
 * The time runs from when it has joined (knows of others), and while no fault is under way. A host
 * that is started for the first time is held to the same. Many at once share the token buckets,
 * and have some of what spreads from a snapshot, so that they do not pass it on: then repair may be
 * needed too. Its generation may rise twice on
 * the way, above what the cluster holds and above another's claim; each time the bound runs anew.
 */
#include "tests/sim/checkers/checker.h"
#include <stdlib.h>

enum {
    SLACK_PERIODS = 2,
    JOIN_PERIODS = 10,
    BOOTS_PER_PERIOD = 32,
    REPAIR_PERIODS = 8,
    RAISES_MAX = 2
};

struct restarts {
    uint32_t *boots_checked; /* by host: the boot that was judged last */
    uint32_t in_flight;      /* joined, and not judged yet */
};

static bool init(struct watch *watch, void *state) {
    struct restarts *own = state;
    own->boots_checked = calloc(watch->hosts_count, sizeof *own->boots_checked);
    return own->boots_checked != NULL;
}

static void deinit(struct watch *watch, void *state) {
    struct restarts *own = state;
    (void)watch;
    free(own->boots_checked);
}

/* Newcomers have their tables mended first: theirs is I13's bound. */
static bool is_bystander(const struct watch *watch, uint32_t host, uint64_t since_ns) {
    const struct host_facts *facts = &watch->hosts[host];
    uint64_t mending_ns = watch->dissemination_ns + SLACK_PERIODS * watch->period_ns;
    return facts->is_up && !facts->is_leaving && facts->joined_ns < since_ns &&
           since_ns - facts->joined_ns > mending_ns;
}

static void check(struct watch *watch, uint32_t subject, uint64_t since_ns) {
    uint64_t generation = watch->hosts[subject].issued[0].generation;
    for (uint32_t host = 0; host < watch->hosts_count; host++) {
        if (host == subject || !is_bystander(watch, host, since_ns) ||
            !watch_can_meet(watch, host, subject))
            continue;
        const struct member *held = sim_look(watch->sim, host, subject);
        unsigned long long ms = (watch->now_ns - since_ns) / 1000000;
        if (held == NULL)
            watch_report(watch, 16, host, subject, "joined %llu ms ago, and is not known", ms);
        else if (member_generation(held) < generation)
            watch_report(watch, 16, host, subject,
                         "joined %llu ms ago, and its old incarnation is held %s", ms,
                         watch_status_text(held->status));
        else if (held->status != HENGE_ALIVE)
            watch_report(watch, 16, host, subject, "joined %llu ms ago, and is held %s", ms,
                         watch_status_text(held->status));
    }
}

/* Whoever joins through a host that was in the cluster all the time, and well, must come to know
 * others. */
static bool has_good_seed(const struct watch *watch, const struct host_facts *facts) {
    if (facts->through == SIM_NOBODY || watch_in_fault_set(watch, facts->through))
        return false;
    const struct host_facts *seed = &watch->hosts[facts->through];
    return seed->booted_ns < facts->booted_ns &&
           (seed->through == SIM_NOBODY || seed->joined_ns < facts->booted_ns);
}

static bool waits_for_nothing(const struct watch *watch, const struct host_facts *facts,
                              uint64_t bound_ns) {
    uint64_t since_ns = facts->booted_ns > watch->calm_ns ? facts->booted_ns : watch->calm_ns;
    return has_good_seed(watch, facts) &&
           watch->now_ns > since_ns + bound_ns + JOIN_PERIODS * watch->period_ns;
}

/* After faults there is healing to be done first, which is I13's and I14's. */
static uint64_t due_since(const struct watch *watch, const struct host_facts *facts) {
    uint64_t since_ns = facts->joined_ns;
    if (facts->raised_ns > since_ns && facts->raises <= RAISES_MAX)
        since_ns = facts->raised_ns;
    uint64_t healing_ns = watch->had_cut ? agreement_bound_ns(watch) : watch->settle_ns;
    uint64_t healed_ns = watch->calm_ns == 0 ? 0 : watch->calm_ns + healing_ns;
    return since_ns > healed_ns ? since_ns : healed_ns;
}

static void on_sample(struct watch *watch, void *state) {
    struct restarts *own = state;
    if (watch->calm_ns == WATCH_NEVER || watch_is_heavy(watch))
        return;
    uint64_t bound_ns = watch->dissemination_ns + SLACK_PERIODS * watch->period_ns;
    if (own->in_flight > 1)
        bound_ns += watch->dissemination_ns + REPAIR_PERIODS * watch->period_ns +
                    own->in_flight * watch->period_ns / BOOTS_PER_PERIOD;
    own->in_flight = 0;
    for (uint32_t subject = 0; subject < watch->hosts_count; subject++) {
        const struct host_facts *facts = &watch->hosts[subject];
        if (!facts->is_up || facts->is_leaving || own->boots_checked[subject] == facts->boots)
            continue;
        if (facts->joined_ns == WATCH_NEVER) {
            own->in_flight++;
            if (!waits_for_nothing(watch, facts, bound_ns))
                continue;
            own->boots_checked[subject] = facts->boots;
            watch_report(watch, 16, subject, facts->through, "started, and cannot join");
            continue;
        }
        uint64_t since_ns = due_since(watch, facts);
        if (watch->now_ns < since_ns + bound_ns) {
            own->in_flight++;
            continue;
        }
        own->boots_checked[subject] = facts->boots;
        if (has_good_seed(watch, facts)) /* else it has to be found first: healing */
            check(watch, subject, since_ns);
    }
}

const struct checker checker_restarts = {.number = 16,
                                         .state_bytes = sizeof(struct restarts),
                                         .init = init,
                                         .deinit = deinit,
                                         .on_sample = on_sample};
