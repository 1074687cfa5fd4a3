/* tests/sim/stage.c - see stage.h. */
#include "tests/sim/stage.h"
#include <stdio.h>
#include <stdlib.h>

enum { FORM_SECONDS = 60, PRINTED_MAX = 8 };

void stage_init(struct stage *stage, uint32_t hosts, uint64_t seed) {
    *stage = (struct stage){.sim = NULL};
    sim_settings_init(&stage->settings, hosts, seed);
}

static void tally_change(void *context, struct sim *sim, uint32_t host,
                         const struct member_change *change) {
    struct stage *stage = context;
    (void)sim;
    (void)host;
    bool is_same = !change->is_new && change->before_status == change->status;
    if (change->slot == 0 || change->is_forgotten || is_same)
        return;
    stage->tally.changes[change->status]++;
    stage->tally.verdicts[change->status] += change->origin == CHANGE_VERDICT;
}

static void tally_event(void *context, struct sim *sim, uint32_t host,
                        const struct henge_event *event) {
    struct stage *stage = context;
    (void)sim;
    (void)host;
    stage->tally.events[event->type]++;
}

static void tally_send(void *context, struct sim *sim, uint32_t from, uint32_t to, uint8_t lane,
                       const uint8_t *message, size_t bytes) {
    struct stage *stage = context;
    (void)sim;
    (void)from;
    (void)to;
    (void)lane;
    stage->tally.packets[bytes > 0 ? message[0] : 0]++;
    stage->tally.packets_all++;
    stage->tally.bytes_all += bytes;
}

void stage_reset(struct stage *stage) {
    stage->tally = (struct stage_tally){0};
}

/* The stage must not move from here on: it hears what happens. */
void stage_open(struct stage *stage) {
    stage->sim = sim_create(&stage->settings);
    stage->checkers = stage->sim == NULL ? NULL : checkers_create(stage->sim, CHECKERS_ALL);
    if (stage->checkers == NULL) {
        fprintf(stderr, "stage: no simulator\n");
        abort();
    }
    struct sim_observer observer = {.context = stage,
                                    .on_change = tally_change,
                                    .on_event = tally_event,
                                    .on_send = tally_send};
    sim_observe(stage->sim, &observer);
}

bool stage_form(struct stage *stage) {
    if (stage->sim == NULL)
        stage_open(stage);
    stage_act(stage, SIM_START, 0, 1, 0, -1);
    stage_run(stage, 100 * STAGE_MS);
    if (stage->settings.hosts > 1)
        stage_act(stage, SIM_START, 1, stage->settings.hosts - 1, 0, 0);
    return stage_run_until(stage, FORM_SECONDS * STAGE_SECOND, stage_agrees);
}

void stage_act(struct stage *stage, enum sim_action_kind kind, uint32_t first, uint32_t count,
               uint64_t duration_ns, int64_t amount) {
    struct sim_action action = {.kind = (uint8_t)kind,
                                .duration_ns = duration_ns,
                                .amount = amount,
                                .who = {.first = first, .count = count, .step = 1}};
    sim_act(stage->sim, &action);
}

void stage_restart(struct stage *stage, uint32_t host, uint64_t down_ns, uint32_t through,
                   uint8_t how) {
    struct sim_action action = {.kind = SIM_RESTART,
                                .duration_ns = down_ns,
                                .amount = through == SIM_NOBODY ? -1 : (int64_t)through,
                                .who = {.first = host, .count = 1, .step = 1},
                                .flag = how};
    sim_act(stage->sim, &action);
}

void stage_split(struct stage *stage, uint32_t border, uint64_t duration_ns) {
    struct sim_hosts low = {.first = 0, .count = border, .step = 1};
    struct sim_hosts high = {.first = border, .count = stage->settings.hosts - border, .step = 1};
    struct sim_action there = {
        .kind = SIM_CUT, .duration_ns = duration_ns, .who = low, .other = high};
    struct sim_action back = {
        .kind = SIM_CUT, .duration_ns = duration_ns, .who = high, .other = low};
    sim_act(stage->sim, &there);
    sim_act(stage->sim, &back);
}

void stage_mute(struct stage *stage, uint32_t host, uint64_t duration_ns) {
    struct sim_action cut = {.kind = SIM_CUT,
                             .duration_ns = duration_ns,
                             .who = {.first = host, .count = 1, .step = 1},
                             .other = {.first = 0, .count = stage->settings.hosts, .step = 1}};
    sim_act(stage->sim, &cut);
}

void stage_heal(struct stage *stage) {
    stage_act(stage, SIM_HEAL, 0, stage->settings.hosts, 0, 0);
}

void stage_run(struct stage *stage, uint64_t duration_ns) {
    sim_run(stage->sim, sim_now_ns(stage->sim) + duration_ns);
}

bool stage_run_until(struct stage *stage, uint64_t duration_ns,
                     bool (*condition)(const struct stage *stage)) {
    uint64_t end_ns = sim_now_ns(stage->sim) + duration_ns;
    while (!condition(stage)) {
        if (sim_now_ns(stage->sim) >= end_ns)
            return false;
        stage_run(stage, 10 * STAGE_MS);
    }
    return true;
}

bool stage_agrees(const struct stage *stage) {
    struct checkers_counts counts;
    checkers_counts_get(stage->checkers, &counts);
    for (uint32_t host = 0; host < stage->settings.hosts; host++)
        if (sim_is_up(stage->sim, host))
            return counts.agreed_since_ns != UINT64_MAX;
    return false;
}

int stage_status(const struct stage *stage, uint32_t at, uint32_t subject) {
    const struct member *member = sim_look(stage->sim, at, subject);
    return member == NULL || member->record == NULL ? -1 : member->status;
}

uint32_t stage_count(const struct stage *stage, uint32_t subject, int status) {
    uint32_t count = 0;
    for (uint32_t host = 0; host < stage->settings.hosts; host++)
        count += host != subject && sim_is_up(stage->sim, host) &&
                 stage_status(stage, host, subject) == status;
    return count;
}

static void take_down(struct stage *stage) {
    checkers_destroy(stage->checkers);
    sim_destroy(stage->sim);
}

static uint64_t judge(struct stage *stage) {
    checkers_healed(stage->checkers);
    sim_run(stage->sim, checkers_deadline_ns(stage->checkers));
    checkers_finish(stage->checkers);
    return checkers_violations_count(stage->checkers);
}

uint32_t stage_finish(struct stage *stage, uint64_t *count_out) {
    *count_out = judge(stage);
    const struct violation *kept;
    size_t count = checkers_violations(stage->checkers, &kept);
    for (size_t i = 0; i < count && i < PRINTED_MAX; i++)
        fprintf(stderr, "I%u at %.3f s, host %d about %d: %s\n", kept[i].invariant,
                (double)kept[i].at_ns / (double)STAGE_SECOND, (int)kept[i].host,
                (int)kept[i].subject, kept[i].text);
    uint32_t bits = 0;
    for (uint8_t number = 1; number <= CHECKERS_INVARIANTS; number++)
        if (checkers_violations_of(stage->checkers, number) > 0)
            bits |= CHECKERS_BIT(number);
    take_down(stage);
    return bits;
}

uint64_t stage_end(struct stage *stage) {
    uint64_t count;
    (void)stage_finish(stage, &count);
    return count;
}
