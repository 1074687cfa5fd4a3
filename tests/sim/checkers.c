/* tests/sim/checkers.c - the door: from what the simulator tells to what each checker hears.
 *
 *     I1  checkers/i01_monotone.c      I9  checkers/i09_waking.c
 *     I2  checkers/i02_tombstone.c     I10 checkers/i10_bounds.c
 *     I3  checkers/i03_semilattice.c   I11 checkers/i11_strangers.c
 *     I4  checkers/i04_issued.c        I12 checkers/i12_crashes.c
 *     I5  checkers/i05_ring.c          I13 checkers/i13_agreement.c
 *     I6  checkers/i06_lookup.c        I14 checkers/i13_agreement.c
 *     I7  checkers/i07_events.c        I15 checkers/i15_quiescence.c
 *     I8  checkers/i08_verdicts.c      I16 checkers/i16_restarts.c
 *
 * What they share is in checkers/watch.h. */
#include "tests/sim/checkers.h"
#include "core/base/hash.h"
#include "tests/sim/checkers/checker.h"
#include <stdlib.h>
#include <string.h>

const struct invariant checkers_invariants[CHECKERS_INVARIANTS] = {
    {1, false, "I1 monotone", "a node's view of one member never moves backwards"},
    {2, false, "I2 dead-stays-dead", "a dead incarnation never returns while its tombstone lives"},
    {3, false, "I3 semilattice", "what was heard decides what is believed, not in which order"},
    {4, false, "I4 own-word", "only a member itself raises its generation and versions"},
    {5, false, "I5 pure-ring", "equal records give equal rings"},
    {6, false, "I6 true-owners", "a lookup returns members of the ring version it names"},
    {7, false, "I7 events", "events follow their grammar; none lost, doubled or out of order"},
    {8, false, "I8 no-false-death", "no well node declares a well member dead (loss <= 10 %)"},
    {9, false, "I9 quiet-waking", "a paused observer accuses nobody on waking"},
    {10, false, "I10 bounded", "memory, queues and packets per second stay inside their bounds"},
    {11, false, "I11 no-strangers", "nothing enters the table from another cluster's packets"},
    {12, true, "I12 every-crash", "all declare a crash in time; a refutation wins"},
    {13, true, "I13 agreement",
     "after the last fault all agree in O(log N) periods by small repairs"},
    {14, true, "I14 halves-meet", "halves that were cut off find each other again by themselves"},
    {15, true, "I15 quiescence", "with nothing changing there are probes and a contact a second"},
    {16, true, "I16 restarts", "a restarted node is ALIVE everywhere, its old incarnation gone"},
};

enum { LISTED = 15 };
static const struct checker *const listed[LISTED] = {
    &checker_monotone,  &checker_tombstone,  &checker_semilattice, &checker_issued,
    &checker_ring,      &checker_lookup,     &checker_events,      &checker_verdicts,
    &checker_waking,    &checker_bounds,     &checker_strangers,   &checker_crashes,
    &checker_agreement, &checker_quiescence, &checker_restarts,
};

/* What only profile henge promises. */
static const uint32_t strict_only = CHECKERS_BIT(8) | CHECKERS_BIT(9) | CHECKERS_BIT(12) |
                                    CHECKERS_BIT(13) | CHECKERS_BIT(14) | CHECKERS_BIT(15) |
                                    CHECKERS_BIT(16);

struct checkers {
    struct watch watch;
    uint64_t sample_ns; /* the next */
    void *states[LISTED];
};

/* on_sample's time. */
static void sample(struct checkers *checkers) {
    struct watch *watch = &checkers->watch;
    if (watch->now_ns < checkers->sample_ns)
        return;
    checkers->sample_ns = watch->now_ns + watch->period_ns;
    watch_bounds(watch);
    watch_calm(watch);
    for (size_t i = 0; i < LISTED; i++)
        if (listed[i]->on_sample != NULL)
            listed[i]->on_sample(watch, checkers->states[i]);
}

/* A host's own word: what others may hold of it. */
static void note_own(struct watch *watch, const struct sight *sight) {
    struct host_facts *facts = &watch->hosts[sight->host];
    bool is_raised = facts->issued_count > 0 && sight->generation > facts->issued[0].generation;
    watch_issued(watch, sight->host, sight->generation, sight->version, sight->payload_version);
    if (is_raised) {
        facts->raised_ns = watch->now_ns;
        facts->raises++;
    }
    bool is_leaving = sight->status >= HENGE_DEAD;
    if (facts->is_leaving != is_leaving) {
        facts->is_leaving = is_leaving;
        facts->was_faulty = true;
        watch->up_count += is_leaving ? UINT32_MAX : 1;
    }
}

/* A departed member is not looked for any more; nor can one be found where it does not live. */
static void note_acquaintance(struct watch *watch, const struct sight *sight,
                              const struct member *member) {
    struct henge_address lives = sim_address(watch->sim, sight->subject);
    bool is_there = memcmp(&member->record->address, &lives, sizeof lives) == 0;
    if (sight->status >= HENGE_LEFT)
        watch_acquaint(watch, sight->host, sight->subject, false);
    else if (sight->status < HENGE_DEAD && is_there)
        watch_acquaint(watch, sight->host, sight->subject, true);
}

static void on_change(void *context, struct sim *sim, uint32_t host,
                      const struct member_change *change) {
    struct checkers *checkers = context;
    struct watch *watch = &checkers->watch;
    watch->now_ns = sim_now_ns(sim);
    const struct member *member =
        membership_member(sim_gossip(sim, host)->membership, change->slot);
    struct sight sight = {
        .change = change,
        .host = host,
        .subject = change->slot == 0 ? host : sim_host_of_name_hash(sim, member->record->name_hash),
        .generation = member_generation(member),
        .version = member->version,
        .status = member->status,
        .payload_generation = member->record->generation,
        .payload_version = member->record->payload_version};
    if (change->slot == 0)
        note_own(watch, &sight);
    else if (sight.subject != SIM_NOBODY)
        note_acquaintance(watch, &sight, member);
    for (size_t i = 0; i < LISTED; i++)
        if (listed[i]->on_change != NULL)
            listed[i]->on_change(watch, checkers->states[i], &sight);
}

static void on_event(void *context, struct sim *sim, uint32_t host,
                     const struct henge_event *event) {
    struct checkers *checkers = context;
    struct watch *watch = &checkers->watch;
    watch->now_ns = sim_now_ns(sim);
    uint32_t subject =
        event->name[0] == '\0' ? SIM_NOBODY : sim_host_of_name_hash(sim, hash64_text(event->name));
    for (size_t i = 0; i < LISTED; i++)
        if (listed[i]->on_event != NULL)
            listed[i]->on_event(watch, checkers->states[i], host, subject, event);
}

static void note_joined(struct watch *watch, uint32_t host) {
    struct host_facts *facts = &watch->hosts[host];
    if (facts->joined_ns == WATCH_NEVER &&
        atomic_load_explicit(&sim_gossip(watch->sim, host)->counters.is_joined,
                             memory_order_relaxed) != 0)
        facts->joined_ns = watch->now_ns;
}

static void on_step(void *context, struct sim *sim, uint32_t host) {
    struct checkers *checkers = context;
    struct watch *watch = &checkers->watch;
    watch->now_ns = sim_now_ns(sim);
    if (!watch->hosts[host].is_up)
        return;
    note_joined(watch, host);
    for (size_t i = 0; i < LISTED; i++)
        if (listed[i]->on_step != NULL)
            listed[i]->on_step(watch, checkers->states[i], host);
    sample(checkers);
}

static void on_send(void *context, struct sim *sim, uint32_t from, uint32_t to, uint8_t lane,
                    const uint8_t *message, size_t bytes) {
    struct checkers *checkers = context;
    struct watch *watch = &checkers->watch;
    struct packet_sight packet = {from, to, lane, message, bytes};
    watch->now_ns = sim_now_ns(sim);
    for (size_t i = 0; i < LISTED; i++)
        if (listed[i]->on_send != NULL)
            listed[i]->on_send(watch, checkers->states[i], &packet);
}

static void on_action(void *context, struct sim *sim, const struct sim_action *action,
                      bool is_end) {
    struct checkers *checkers = context;
    checkers->watch.now_ns = sim_now_ns(sim);
    if (is_end)
        return; /* known from its beginning: how long it lasts */
    watch_action(&checkers->watch, action);
}

static void on_boot(void *context, struct sim *sim, uint32_t host, bool is_end) {
    struct checkers *checkers = context;
    struct watch *watch = &checkers->watch;
    watch->now_ns = sim_now_ns(sim);
    if (is_end) /* while the host's table can still be looked at */
        for (size_t i = 0; i < LISTED; i++)
            if (listed[i]->on_boot != NULL)
                listed[i]->on_boot(watch, checkers->states[i], host, true);
    watch_boot(watch, host, is_end);
    if (is_end)
        return;
    const struct member *own = sim_look(sim, host, host);
    watch_issued(watch, host, member_generation(own), own->version, own->record->payload_version);
    for (size_t i = 0; i < LISTED; i++)
        if (listed[i]->on_boot != NULL)
            listed[i]->on_boot(watch, checkers->states[i], host, false);
}

static void take_settings(struct watch *watch, struct sim *sim) {
    const struct sim_settings *settings = sim_settings(sim);
    const struct henge_config *config = &settings->config;
    const struct sim_network *network = &settings->network;
    watch->period_ns = config->probe_period_ms * UINT64_C(1000000);
    watch->tombstone_ns = config->tombstone_hours * UINT64_C(3600000000000);
    watch->is_strict = settings->profile == NULL || settings->profile == &profile_henge;
    watch->is_heavy_always = network->loss_ppm > WATCH_LOSS_LIGHT_PPM ||
                             network->delay_ns + network->delay_random_ns > WATCH_DELAY_LIGHT_NS;
    /* Until there is a table to ask. */
    watch->suspicion_min_ns = 3 * watch->period_ns;
    watch->suspicion_max_ns = watch->suspicion_min_ns * config->suspicion_max_factor;
    watch->dissemination_ns = watch->period_ns;
    watch->settle_ns = watch->suspicion_max_ns + 5 * watch->period_ns;
}

struct checkers *checkers_create(struct sim *sim, uint32_t mask) {
    struct checkers *checkers = calloc(1, sizeof *checkers);
    if (checkers == NULL)
        return NULL;
    struct watch *watch = &checkers->watch;
    bool ok = watch_init(watch, sim, sim_settings(sim)->hosts);
    take_settings(watch, sim);
    watch->mask = watch->is_strict ? mask : mask & ~strict_only;
    for (size_t i = 0; i < LISTED && ok; i++) {
        checkers->states[i] = calloc(1, listed[i]->state_bytes + 1);
        ok = checkers->states[i] != NULL &&
             (listed[i]->init == NULL || listed[i]->init(watch, checkers->states[i]));
    }
    if (!ok) {
        checkers_destroy(checkers);
        return NULL;
    }
    struct sim_observer observer = {.context = checkers,
                                    .on_change = on_change,
                                    .on_event = on_event,
                                    .on_step = on_step,
                                    .on_send = on_send,
                                    .on_action = on_action,
                                    .on_boot = on_boot};
    sim_observe(sim, &observer);
    return checkers;
}

void checkers_destroy(struct checkers *checkers) {
    if (checkers == NULL)
        return;
    for (size_t i = 0; i < LISTED; i++) {
        if (checkers->states[i] != NULL && listed[i]->deinit != NULL)
            listed[i]->deinit(&checkers->watch, checkers->states[i]);
        free(checkers->states[i]);
    }
    watch_deinit(&checkers->watch);
    free(checkers);
}

void checkers_healed(struct checkers *checkers) {
    struct watch *watch = &checkers->watch;
    watch->now_ns = sim_now_ns(watch->sim);
    watch->is_healed = true;
    watch->healed_ns = watch->now_ns;
    watch->counts.converged_after_ns =
        watch->counts.agreed_since_ns == WATCH_NEVER ? WATCH_NEVER : 0;
}

uint64_t checkers_deadline_ns(const struct checkers *checkers) {
    const struct watch *watch = &checkers->watch;
    uint64_t from_ns = watch->is_healed ? watch->healed_ns : sim_now_ns(watch->sim);
    if (watch->calm_ns != WATCH_NEVER && watch->calm_ns > from_ns)
        from_ns = watch->calm_ns;
    uint64_t crashes_ns = crashes_bound_ns(watch);
    uint64_t agreement_ns = agreement_bound_ns(watch);
    /* Samples come once a period; then a quiet while for I15. */
    return from_ns + (crashes_ns > agreement_ns ? crashes_ns : agreement_ns) +
           (2 + QUIESCENCE_PERIODS) * watch->period_ns;
}

void checkers_finish(struct checkers *checkers) {
    struct watch *watch = &checkers->watch;
    watch->now_ns = sim_now_ns(watch->sim);
    checkers->sample_ns = 0;
    sample(checkers);
    for (size_t i = 0; i < LISTED; i++)
        if (listed[i]->on_finish != NULL)
            listed[i]->on_finish(watch, checkers->states[i]);
}

const char *checkers_liveness_unjudged(const struct checkers *checkers) {
    const struct watch *watch = &checkers->watch;
    if ((watch->mask & CHECKERS_BIT(13)) == 0)
        return watch->is_strict ? "it is not checked" : "this profile does not promise it";
    if (watch->is_heavy_always)
        return "the network itself loses or delays too much";
    if (watch->up_count == 0)
        return "nobody is up at the end";
    if (watch->calm_ns == WATCH_NEVER)
        return "a fault goes on at the end";
    if (!watch->is_agreement_judged || watch->missed > 0)
        return "the run ended before it was due";
    return NULL;
}

size_t checkers_violations(const struct checkers *checkers, const struct violation **kept_out) {
    *kept_out = checkers->watch.kept;
    uint64_t count = checkers->watch.violations_count;
    return count < CHECKERS_KEPT ? (size_t)count : CHECKERS_KEPT;
}

uint64_t checkers_violations_count(const struct checkers *checkers) {
    return checkers->watch.violations_count;
}

uint64_t checkers_violations_of(const struct checkers *checkers, uint8_t invariant) {
    return invariant <= CHECKERS_INVARIANTS ? checkers->watch.violations_by[invariant] : 0;
}

bool checkers_was_faulty(const struct checkers *checkers, uint32_t host) {
    return checkers->watch.hosts[host].was_faulty;
}

void checkers_counts_get(const struct checkers *checkers, struct checkers_counts *out) {
    *out = checkers->watch.counts;
}
