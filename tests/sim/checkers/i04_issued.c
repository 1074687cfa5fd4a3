/* tests/sim/checkers/i04_issued.c - I4: only a member itself raises its generation, version or
 * payload version.
 *
 * Nobody may hold more than the subject ever issued: its own table's word, and its detector's
 * version, which is ahead of the table for a moment. An operator's EVICT is the one exception. */
#include "tests/sim/checkers/checker.h"

/* The detector hears of a new generation a little after gossip has taken it, so for this long its
 * version may still be that of the one before. */
#define DETECTOR_LAG_NS UINT64_C(1000000000)

static void on_step(struct watch *watch, void *state, uint32_t host) {
    (void)state;
    struct host_facts *facts = &watch->hosts[host];
    if (watch->sim == NULL || !facts->is_up || facts->issued_count == 0)
        return;
    uint32_t version = detector_version(sim_detector(watch->sim, host)->detector);
    struct issued *issued = facts->issued;
    if (version > issued[0].version)
        issued[0].version = version;
    if (facts->issued_count > 1 && watch->now_ns < facts->raised_ns + DETECTOR_LAG_NS &&
        version > issued[1].version)
        issued[1].version = version;
}

/* A generation ends: what its detector has said in it, and gossip not heard yet, counts. */
static void generation_ended(struct watch *watch, uint32_t host) {
    struct host_facts *facts = &watch->hosts[host];
    if (watch->sim == NULL || !facts->is_up || facts->issued_count < 2)
        return;
    uint32_t version = detector_version(sim_detector(watch->sim, host)->detector);
    if (version > facts->issued[1].version)
        facts->issued[1].version = version;
}

static void on_change(struct watch *watch, void *state, const struct sight *sight) {
    (void)state;
    if (sight->subject == sight->host && sight->change->generation_changed)
        generation_ended(watch, sight->host);
    if (sight->subject == SIM_NOBODY || sight->subject == sight->host ||
        sight->change->is_forgotten)
        return;
    const struct host_facts *facts = &watch->hosts[sight->subject];
    if (facts->is_evicted && sight->status >= HENGE_LEFT)
        return;
    const struct issued *issued = watch_find_issued(watch, sight->subject, sight->generation);
    if (issued == NULL) {
        bool is_ancient = facts->issued_count == WATCH_ISSUED_MAX &&
                          sight->generation < facts->issued[WATCH_ISSUED_MAX - 1].generation;
        if (!is_ancient)
            watch_report(watch, 4, sight->host, sight->subject,
                         "held at generation %llu, which it never had",
                         (unsigned long long)sight->generation);
        return;
    }
    if (sight->version > issued->version)
        watch_report(watch, 4, sight->host, sight->subject,
                     "held at version %u, its own highest is %u", sight->version, issued->version);
    const struct issued *payload =
        watch_find_issued(watch, sight->subject, sight->payload_generation);
    if (payload != NULL && sight->payload_version > payload->payload_version)
        watch_report(watch, 4, sight->host, sight->subject,
                     "payload held at version %u, its own highest is %u", sight->payload_version,
                     payload->payload_version);
}

const struct checker checker_issued = {.number = 4, .on_change = on_change, .on_step = on_step};
