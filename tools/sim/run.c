/* tools/sim/run.c - see run.h. */
#include "tools/sim/run.h"
#include "core/base/clock.h"
#include "tools/sim/sim_memory.h"
#include <string.h>

#define STEP_NS NS_PER_S

enum { TURNS_PER_LOOK = 64 };

struct run {
    struct sim *sim;
    struct checkers *checkers;
    struct measures *measures;
    const struct scenario *scenario;
    const struct run_options *options;
    bool is_marked;
    bool is_stopped;
    uint64_t until_ns; /* of the part under way */
    uint64_t turns;
};

/* Between two virtual seconds of a large cluster much real time may pass. */
static void on_step(void *context, struct sim *sim, uint32_t host) {
    struct run *run = context;
    const struct run_options *options = run->options;
    (void)host;
    if (options->on_progress && run->turns++ % TURNS_PER_LOOK == 0 &&
        !options->on_progress(options->context, sim, run->until_ns)) {
        run->is_stopped = true;
        sim_stop(sim);
    }
}

/* The mark comes before what happens at its own time. */
static void mark(struct run *run) {
    if (!run->is_marked && run->scenario->mark_ns <= sim_now_ns(run->sim) + 1) {
        measures_mark(run->measures);
        run->is_marked = true;
    }
}

/* In steps of a virtual second, for the peaks, and one that ends before the mark. */
static void run_until(struct run *run, uint64_t until_ns) {
    uint64_t now_ns = sim_now_ns(run->sim);
    run->until_ns = until_ns;
    mark(run);
    while (now_ns < until_ns) {
        uint64_t next_ns = (now_ns / STEP_NS + 1) * STEP_NS;
        next_ns = next_ns < until_ns ? next_ns : until_ns;
        bool is_marking = !run->is_marked && run->scenario->mark_ns <= next_ns;
        next_ns = is_marking ? run->scenario->mark_ns - 1 : next_ns;
        sim_run(run->sim, next_ns);
        if (run->is_stopped) {
            return;
        }
        mark(run);
        measures_second(run->measures);
        if (run->options->timeline && !is_marking) {
            timeline_second(run->options->timeline);
        }
        now_ns = next_ns;
    }
}

/* When the last thing happened, up to and at end_ns: an action, the end of a fault, the mark. A
 * fault that is not over by itself ends at end_ns where everything is healed then. */
static uint64_t last_action_ns(const struct scenario *scenario, uint64_t end_ns) {
    uint64_t last_ns = scenario->mark_ns;
    for (size_t i = 0; i < scenario->count; i++) {
        const struct sim_action *action = &scenario->actions[i];
        bool is_fault =
            action->kind >= SIM_PAUSE && action->kind < SIM_HEAL && action->kind != SIM_CLOCK_STEP;
        uint64_t over_ns = action->at_ns + action->duration_ns;
        if (scenario->is_settling && is_fault && (action->duration_ns == 0 || over_ns > end_ns)) {
            over_ns = end_ns;
        }
        if (action->at_ns <= end_ns && over_ns > last_ns && over_ns <= end_ns) {
            last_ns = over_ns;
        }
    }
    return last_ns;
}

static void gather(struct run *run, uint64_t settled_ns, struct run_result *out) {
    const struct violation *kept;
    out->is_done = !run->is_stopped;
    out->is_interrupted = run->is_stopped;
    out->trace_hash = sim_trace_hash(run->sim);
    out->events = sim_events(run->sim);
    out->virtual_ns = sim_now_ns(run->sim);
    measures_get(run->measures, &out->figures);
    checkers_counts_get(run->checkers, &out->counts);
    out->is_converged = out->counts.agreed_since_ns != UINT64_MAX;
    if (out->is_converged && out->counts.agreed_since_ns > settled_ns) {
        out->converged_ms = (out->counts.agreed_since_ns - settled_ns) / NS_PER_MS;
    }
    out->liveness_unjudged = checkers_liveness_unjudged(run->checkers);
    out->violations_count = checkers_violations_count(run->checkers);
    out->violations_kept = checkers_violations(run->checkers, &kept);
    memcpy(out->violations, kept, out->violations_kept * sizeof(*kept));
}

static void play(struct run *run, struct run_result *out) {
    const struct scenario *scenario = run->scenario;
    uint64_t end_ns = scenario->duration_ns;
    /* What would begin at the end or later is not a part of the run. */
    for (size_t i = 0; i < scenario->count; i++) {
        if (scenario->actions[i].at_ns < end_ns) {
            sim_schedule(run->sim, &scenario->actions[i], 1);
        }
    }
    run_until(run, end_ns);
    if (scenario->is_settling && !run->is_stopped) {
        struct sim_action heal = {.kind = SIM_HEAL, .who = {0, scenario->settings.hosts, 1}};
        sim_act(run->sim, &heal);
        checkers_healed(run->checkers);
        end_ns = sim_now_ns(run->sim);
        run_until(run, checkers_deadline_ns(run->checkers));
        checkers_finish(run->checkers);
        gather(run, last_action_ns(scenario, end_ns), out);
        return;
    }
    checkers_finish(run->checkers);
    gather(run, last_action_ns(scenario, end_ns), out);
}

void run_scenario(const struct scenario *scenario, const struct run_options *options,
                  struct run_result *out) {
    struct run run = {.scenario = scenario, .options = options};
    uint64_t began_ns = clock_monotonic_ns();
    *out = (struct run_result){0};
    run.sim = sim_create(&scenario->settings);
    if (!run.sim) {
        return;
    }
    run.checkers = checkers_create(run.sim, options->mask);
    if (!run.checkers) {
        sim_no_memory();
    }
    run.measures = measures_create(run.sim, run.checkers);
    struct sim_observer observer = {.context = &run, .on_step = on_step};
    sim_observe(run.sim, &observer);
    if (!options->timeline || timeline_attach(options->timeline, run.sim)) {
        play(&run, out);
    }
    if (options->timeline) {
        timeline_detach(options->timeline);
    }
    measures_destroy(run.measures);
    checkers_destroy(run.checkers);
    sim_destroy(run.sim);
    out->wall_ms = (clock_monotonic_ns() - began_ns) / NS_PER_MS;
}
