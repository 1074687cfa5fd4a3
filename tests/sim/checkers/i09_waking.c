/* tests/sim/checkers/i09_waking.c - I9: a paused observer accuses nobody on waking.
 *
 * Whoever was stopped, or stood still in one of its roles, has no right to an accusation before a
 * probe of after its waking can have failed, which takes a period; nor to a verdict of DEAD on a
 * well member until what the others say of that member has reached it again (settle). */
#include "tests/sim/checkers/checker.h"

/* Whoever was also cut off, deaf or the like may have accused before it fell asleep, and unheard.
 */
static bool was_only_stopped(const struct watch *watch, const struct host_facts *facts) {
    for (uint8_t kind = SIM_PAUSE; kind < SIM_ACTION_KINDS; kind++)
        if (kind != SIM_PAUSE && kind != SIM_STALL_GOSSIP && kind != SIM_STALL_DETECTOR &&
            facts->fault_ns[kind] != 0 &&
            (facts->fault_ns[kind] == WATCH_NEVER ||
             facts->fault_ns[kind] + watch->settle_ns > watch->now_ns))
            return false;
    return true;
}

static void on_change(struct watch *watch, void *state, const struct sight *sight) {
    (void)state;
    const struct member_change *change = sight->change;
    if (change->origin != CHANGE_VERDICT || change->is_forgotten ||
        (sight->status != HENGE_SUSPECT && sight->status != HENGE_DEAD) ||
        sight->subject == SIM_NOBODY || sight->subject == sight->host)
        return;
    /* While gossip alone stands still the detector probes on: what it found is told late, and true.
     */
    const struct host_facts *facts = &watch->hosts[sight->host];
    uint64_t wakes_ns = sight->status == HENGE_SUSPECT ? facts->probes_ns : facts->wakes_ns;
    if (wakes_ns == 0 || watch_is_heavy(watch) || !was_only_stopped(watch, facts) ||
        watch_in_fault_set(watch, sight->subject))
        return;
    /* While it stands still in one role the other runs on, and may have begun a probe before. */
    if (wakes_ns > watch->now_ns)
        return;
    uint64_t since_ns = watch->now_ns - wakes_ns;
    uint64_t wait_ns = sight->status == HENGE_SUSPECT ? watch->period_ns - watch->period_ns / 10
                                                      : watch->settle_ns;
    if (since_ns < wait_ns)
        watch_report(watch, 9, sight->host, sight->subject, "called %s %llu ms after waking",
                     watch_status_text(sight->status), (unsigned long long)(since_ns / 1000000));
}

const struct checker checker_waking = {.number = 9, .on_change = on_change};
