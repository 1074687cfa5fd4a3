/* membership/detector/own.c - about this node itself: its version, how far it trusts itself, and
 * its pauses. */
#include "membership/detector/state.h"

#include "core/base/clock.h"
#include "core/base/mutant.h"
#include "membership/limits.h"

/* A turn that comes later than this after its deadline, or than a period, was a pause. */
#define PAUSE_NS (500 * NS_PER_MS)

/* A half-full inbox is read too late for timeouts that were measured with an empty one. */
enum { STRAIN_INBOX_PERMILLE = 500 };

/* At VERSION_MAX it stands: gossip, which is told, takes a new generation. */
static void raise_version(struct detector *detector, uint32_t heard) {
    uint32_t highest = heard > detector->version ? heard : detector->version;
    detector->version = highest < VERSION_MAX ? highest + 1 : VERSION_MAX;
    report_version(detector);
}

void own_refute(struct detector *detector, uint32_t heard) {
    if (heard < detector->version || MUTANT(NEVER_REFUTES)) {
        return;
    }
    detector->counters.refutations++;
    local_health_worsen(&detector->health, 1);
    raise_version(detector, heard);
}

bool own_is_pause(const struct detector *detector, uint64_t gap_ns) {
    uint64_t period_ns = detector->settings.period_ns;
    return detector->settings.profile->has_pause_guard &&
           gap_ns > (period_ns < PAUSE_NS ? period_ns : PAUSE_NS);
}

/* What was under way, or not told yet, says nothing about the others now; and they suspect us by
 * now. */
void own_wake_from_pause(struct detector *detector) {
    detector->is_paused = false;
    detector->is_unscheduled = true;
    detector->counters.pauses++;
    probing_end_all(detector);
    pending_drop_all(&detector->peers.pendings, PENDING_FAILED);
    local_health_worsen(&detector->health, LOCAL_HEALTH_PAUSE);
    raise_version(detector, detector->version);
}

void detector_suspended(struct detector *detector, uint64_t gap_ns) {
    detector->is_paused |= own_is_pause(detector, gap_ns);
}

void detector_strain(struct detector *detector, uint64_t lateness_ns, uint32_t inbox_permille,
                     uint64_t drops) {
    bool is_strained = lateness_ns >= detector->settings.timeout_min_ns ||
                       inbox_permille >= STRAIN_INBOX_PERMILLE || drops > 0;
    bool is_new = detector->strained_ns == 0 ||
                  detector->now_ns - detector->strained_ns >= detector->settings.period_ns;
    if (!is_strained || !is_new) {
        return;
    }
    detector->strained_ns = detector->now_ns;
    detector->counters.strains++;
    local_health_worsen(&detector->health, 1);
}

void detector_accused(struct detector *detector, uint64_t generation, uint32_t version) {
    if (generation != detector->generation) {
        return;
    }
    if (version < detector->version) {
        report_version(detector); /* raised already; gossip had not heard of it */
        return;
    }
    own_refute(detector, version < VERSION_MAX ? version : VERSION_MAX);
}

void detector_generation_set(struct detector *detector, uint64_t generation) {
    if (generation == detector->generation) {
        return;
    }
    detector->generation = generation;
    detector->version = 0;
    detector->is_version_pending = false;
    if (detector->is_silent) {
        detector->is_silent = false;
        detector->is_paused = false;
        detector->is_unscheduled = true; /* the time of silence is no pause */
    }
}

void detector_silence(struct detector *detector) {
    detector->is_silent = true;
    probing_end_all(detector);
}
