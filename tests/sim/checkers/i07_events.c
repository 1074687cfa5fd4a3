/* tests/sim/checkers/i07_events.c - I7: per member the events follow
 *
 *     (joined (updated | suspected | recovered)* (left | failed | evicted))*
 *
 * and nothing is lost, doubled or out of order. An automaton of two bits per (node, member) hears
 * the events; two more follow the table. Numbers go up by one; topology versions hang together; and
 * once a node has no event waiting, it has told exactly as many comings and goings as its table
 * saw. After a RESYNC the automaton takes over what the table says. */
#include "tests/sim/checkers/checker.h"
#include <stdlib.h>

enum { TOLD_IN = 1, TOLD_SUSPECT = 2, TABLE_IN = 4, TABLE_SUSPECT = 8 };

struct teller {
    uint64_t number;       /* of its last event */
    uint64_t ring_version; /* of its last TOPOLOGY_CHANGED; 0: none yet */
    uint64_t told, seen;   /* comings and goings: by events, in the table */
};

struct events {
    uint8_t *pairs; /* host * hosts + subject */
    struct teller *tellers;
};

static bool init(struct watch *watch, void *state) {
    struct events *own = state;
    size_t hosts = watch->hosts_count;
    own->pairs = calloc(hosts * hosts, 1);
    own->tellers = calloc(hosts, sizeof *own->tellers);
    return own->pairs != NULL && own->tellers != NULL;
}

static void deinit(struct watch *watch, void *state) {
    struct events *own = state;
    (void)watch;
    free(own->pairs);
    free(own->tellers);
}

static uint8_t *pair_of(const struct watch *watch, struct events *own, uint32_t host,
                        uint32_t subject) {
    return &own->pairs[(size_t)host * watch->hosts_count + subject];
}

static void on_boot(struct watch *watch, void *state, uint32_t host, bool is_end) {
    struct events *own = state;
    if (is_end)
        return;
    for (uint32_t subject = 0; subject < watch->hosts_count; subject++)
        *pair_of(watch, own, host, subject) = 0;
    own->tellers[host] = (struct teller){0};
    *pair_of(watch, own, host, host) = TOLD_IN | TABLE_IN; /* it is there before anybody listens */
}

static void on_change(struct watch *watch, void *state, const struct sight *sight) {
    struct events *own = state;
    if (sight->subject == SIM_NOBODY || sight->change->is_forgotten)
        return;
    uint8_t *pair = pair_of(watch, own, sight->host, sight->subject);
    bool is_in = sight->status < HENGE_DEAD;
    if (is_in != ((*pair & TABLE_IN) != 0))
        own->tellers[sight->host].seen++;
    *pair &= TOLD_IN | TOLD_SUSPECT;
    *pair |= is_in ? TABLE_IN : 0;
    *pair |= sight->status == HENGE_SUSPECT ? TABLE_SUSPECT : 0;
}

static void on_topology(struct watch *watch, struct teller *teller, uint32_t host,
                        const struct henge_event *event) {
    if (event->ring_version_new <= event->ring_version_old ||
        (teller->ring_version != 0 && event->ring_version_old != teller->ring_version))
        watch_report(watch, 7, host, SIM_NOBODY, "topology from %llu to %llu, last told was %llu",
                     (unsigned long long)event->ring_version_old,
                     (unsigned long long)event->ring_version_new,
                     (unsigned long long)teller->ring_version);
    teller->ring_version = event->ring_version_new;
}

static void on_resync(struct events *own, const struct watch *watch, uint32_t host) {
    for (uint32_t subject = 0; subject < watch->hosts_count; subject++) {
        uint8_t *pair = pair_of(watch, own, host, subject);
        uint8_t table = *pair & (TABLE_IN | TABLE_SUSPECT);
        *pair = (uint8_t)(table | table >> 2);
    }
    own->tellers[host].told = own->tellers[host].seen;
}

/* What an event needs, and what it makes of the two bits told. */
struct rule {
    const char *text;
    bool is_of_member, needs_in, forbids_in, needs_suspect, forbids_suspect;
    bool comes, goes, suspects, recovers;
};
static const struct rule rules[HENGE_EVENT_TYPE_COUNT] = {
    [HENGE_MEMBER_JOINED] = {.text = "joined",
                             .is_of_member = true,
                             .forbids_in = true,
                             .comes = true},
    [HENGE_MEMBER_UPDATED] = {.text = "updated", .is_of_member = true, .needs_in = true},
    [HENGE_MEMBER_SUSPECTED] = {.text = "suspected",
                                .is_of_member = true,
                                .needs_in = true,
                                .forbids_suspect = true,
                                .suspects = true},
    [HENGE_MEMBER_RECOVERED] = {.text = "recovered",
                                .is_of_member = true,
                                .needs_in = true,
                                .needs_suspect = true,
                                .recovers = true},
    [HENGE_MEMBER_LEFT] = {.text = "left", .is_of_member = true, .needs_in = true, .goes = true},
    [HENGE_MEMBER_FAILED] = {.text = "failed",
                             .is_of_member = true,
                             .needs_in = true,
                             .goes = true},
    [HENGE_MEMBER_EVICTED] = {.text = "evicted",
                              .is_of_member = true,
                              .needs_in = true,
                              .goes = true},
};

static void on_member(struct watch *watch, struct events *own, uint32_t host, uint32_t subject,
                      const struct henge_event *event) {
    const struct rule *rule = &rules[event->type];
    uint8_t *pair = pair_of(watch, own, host, subject);
    bool is_in = (*pair & TOLD_IN) != 0, is_suspect = (*pair & TOLD_SUSPECT) != 0;
    if ((rule->needs_in && !is_in) || (rule->forbids_in && is_in) ||
        (rule->needs_suspect && !is_suspect) || (rule->forbids_suspect && is_suspect))
        watch_report(watch, 7, host, subject, "%s, but it is %s", rule->text,
                     !is_in       ? "not in"
                     : is_suspect ? "in and suspected"
                                  : "in and not suspected");
    if (rule->comes || rule->goes) {
        own->tellers[host].told++;
        *pair &= TABLE_IN | TABLE_SUSPECT;
        *pair |= rule->comes ? TOLD_IN : 0;
    }
    if (rule->suspects)
        *pair |= TOLD_SUSPECT;
    if (rule->recovers)
        *pair &= (uint8_t)~TOLD_SUSPECT;
}

static void on_event(struct watch *watch, void *state, uint32_t host, uint32_t subject,
                     const struct henge_event *event) {
    struct events *own = state;
    struct teller *teller = &own->tellers[host];
    if (event->type == HENGE_RESYNC) {
        on_resync(own, watch, host);
        return;
    }
    if (event->number != teller->number + 1 && teller->number != 0)
        watch_report(watch, 7, host, subject, "event %llu follows %llu",
                     (unsigned long long)event->number, (unsigned long long)teller->number);
    teller->number = event->number;
    if (event->type == HENGE_TOPOLOGY_CHANGED)
        on_topology(watch, teller, host, event);
    else if (event->type < HENGE_EVENT_TYPE_COUNT && rules[event->type].is_of_member &&
             subject != SIM_NOBODY)
        on_member(watch, own, host, subject, event);
}

static void on_step(struct watch *watch, void *state, uint32_t host) {
    struct events *own = state;
    struct teller *teller = &own->tellers[host];
    if (teller->told == teller->seen ||
        (watch->sim != NULL && sim_gossip(watch->sim, host)->events_count > 0))
        return;
    watch_report(watch, 7, host, SIM_NOBODY, "%llu comings and goings, %llu told of",
                 (unsigned long long)teller->seen, (unsigned long long)teller->told);
    teller->told = teller->seen;
}

/* In the end what was told must be what is. */
static void on_finish(struct watch *watch, void *state) {
    struct events *own = state;
    for (uint32_t host = 0; host < watch->hosts_count; host++) {
        if (!watch->hosts[host].is_up ||
            (watch->sim != NULL && sim_gossip(watch->sim, host)->events_count > 0))
            continue;
        for (uint32_t subject = 0; subject < watch->hosts_count; subject++) {
            uint8_t pair = *pair_of(watch, own, host, subject);
            if ((pair & (TOLD_IN | TOLD_SUSPECT)) != pair >> 2)
                watch_report(watch, 7, host, subject,
                             "told in %d suspect %d, table in %d suspect %d", (pair & TOLD_IN) != 0,
                             (pair & TOLD_SUSPECT) != 0, (pair & TABLE_IN) != 0,
                             (pair & TABLE_SUSPECT) != 0);
        }
    }
}

const struct checker checker_events = {.number = 7,
                                       .state_bytes = sizeof(struct events),
                                       .init = init,
                                       .deinit = deinit,
                                       .on_boot = on_boot,
                                       .on_change = on_change,
                                       .on_event = on_event,
                                       .on_step = on_step,
                                       .on_finish = on_finish};
