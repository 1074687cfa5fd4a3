/* tests/sim/checkers/i08_verdicts.c - I8: a member outside the fault set is never declared DEAD by
 * a node outside it, as long as loss is at most 10 % each way.
 *
 * A verdict is a node's own DEAD, not what it takes over from others. Under heavier faults, and
 * where one of the two is in the fault set, verdicts are only counted: the figures of the
 * experiments. */
#include "tests/sim/checkers/checker.h"

static void count(struct watch *watch, const struct sight *sight) {
    const struct host_facts *subject = &watch->hosts[sight->subject];
    struct checkers_counts *counts = &watch->counts;
    counts->verdicts++;
    if (!subject->is_up)
        counts->verdicts_about_down++;
    else if (subject->was_faulty)
        counts->verdicts_about_faulty++;
    else
        counts->false_positives++;
    if (subject->is_up && !subject->was_faulty && !watch->hosts[sight->host].was_faulty)
        counts->false_positives_healthy++;
}

static void on_change(struct watch *watch, void *state, const struct sight *sight) {
    (void)state;
    const struct member_change *change = sight->change;
    if (change->origin != CHANGE_VERDICT || change->is_forgotten || sight->status != HENGE_DEAD ||
        (!change->is_new && change->before_status >= HENGE_DEAD) || sight->subject == SIM_NOBODY ||
        sight->subject == sight->host)
        return;
    count(watch, sight);
    if (watch_is_heavy(watch) || watch_in_fault_set(watch, sight->subject) ||
        watch_in_fault_set(watch, sight->host))
        return;
    watch_report(watch, 8, sight->host, sight->subject, "declared DEAD at (%llu, %u), and is well",
                 (unsigned long long)sight->generation, sight->version);
}

const struct checker checker_verdicts = {.number = 8, .on_change = on_change};
