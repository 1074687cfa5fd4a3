/* membership/detector/reports.c - what the detector tells: once, and again until it is taken. */
#include "membership/detector/state.h"

#include "core/base/clock.h"
#include "core/base/mutant.h"

/* NULL when there is no room to remember it. */
static struct pending *refused(struct detector *detector, const struct peer *peer, uint8_t report) {
    struct peers *peers = &detector->peers;
    struct pending *pending = pending_add(&peers->pendings, peers_slot(peers, peer), report);
    detector->retell_ns = detector->now_ns + detector_retry_ns(detector);
    if (pending == NULL) {
        detector->counters.reports_dropped++;
    }
    return pending;
}

static bool tell_failed(struct detector *detector, const struct peer *peer) {
    const struct detector_observer *observer = &detector->observer;
    return observer->on_probe_failed(observer->context, peers_slot(&detector->peers, peer),
                                     peers_generation(&detector->peers, peer), peer->version);
}

static bool tell_alive(struct detector *detector, const struct peer *peer, uint64_t generation,
                       uint32_t version) {
    const struct detector_observer *observer = &detector->observer;
    return observer->on_peer_alive(observer->context, peers_slot(&detector->peers, peer),
                                   generation, version);
}

static bool tell_not_me(struct detector *detector, const struct peer *peer) {
    const struct detector_observer *observer = &detector->observer;
    return observer->on_not_me(observer->context, peers_slot(&detector->peers, peer),
                               peers_generation(&detector->peers, peer));
}

void report_failed(struct detector *detector, struct peer *peer) {
    if (!MUTANT(CRASH_UNSEEN) && !tell_failed(detector, peer)) {
        (void)refused(detector, peer, PENDING_FAILED);
    }
}

void report_alive(struct detector *detector, struct peer *peer, uint64_t generation,
                  uint32_t version) {
    /* The word that waits may be the newer one already. */
    uint32_t slot = peers_slot(&detector->peers, peer);
    struct pending *pending = pending_find(&detector->peers.pendings, slot);
    if (pending != NULL && (pending->reports & PENDING_ALIVE) != 0 &&
        (pending->alive_generation > generation ||
         (pending->alive_generation == generation && pending->alive_version >= version))) {
        return;
    }
    pending_drop(&detector->peers.pendings, slot, PENDING_ALIVE);
    if (!tell_alive(detector, peer, generation, version)) {
        pending = refused(detector, peer, PENDING_ALIVE);
        if (pending != NULL) {
            pending->alive_generation = generation;
            pending->alive_version = version;
        }
    }
}

void report_not_me(struct detector *detector, struct peer *peer) {
    if (!tell_not_me(detector, peer)) {
        (void)refused(detector, peer, PENDING_NOT_ME);
    }
}

void report_version(struct detector *detector) {
    const struct detector_observer *observer = &detector->observer;
    detector->is_version_pending =
        !observer->on_self_version(observer->context, detector->generation, detector->version);
    if (detector->is_version_pending) {
        detector->retell_ns = detector->now_ns + detector_retry_ns(detector);
    }
}

static uint8_t failed_of_last(const struct detector *detector) {
    uint8_t failed = 0;
    for (uint32_t i = 0; i < PROBES_REMEMBERED; i++) {
        failed += (uint8_t)(detector->outcomes >> i & 1U);
    }
    return failed;
}

static void report_probes(struct detector *detector) {
    const struct detector_observer *observer = &detector->observer;
    uint8_t failed = failed_of_last(detector);
    if (failed == detector->failed_told) {
        detector->is_probes_pending = false;
        return;
    }
    detector->is_probes_pending = !observer->on_probes(observer->context, failed);
    if (!detector->is_probes_pending) {
        detector->failed_told = failed;
    } else {
        detector->retell_ns = detector->now_ns + detector_retry_ns(detector);
    }
}

void report_outcome(struct detector *detector, bool has_failed) {
    detector->outcomes = (uint8_t)((uint32_t)detector->outcomes << 1 | (has_failed ? 1U : 0U));
    report_probes(detector);
}

/* Good news first: an accusation that waits behind its own refutation would be a pity. */
static void retell(struct detector *detector, struct pending *pending) {
    const struct peer *peer = peers_at(&detector->peers, pending->slot);
    if ((pending->reports & PENDING_ALIVE) != 0 &&
        tell_alive(detector, peer, pending->alive_generation, pending->alive_version)) {
        pending->reports &= (uint8_t)~PENDING_ALIVE;
    }
    if ((pending->reports & PENDING_NOT_ME) != 0 && tell_not_me(detector, peer)) {
        pending->reports &= (uint8_t)~PENDING_NOT_ME;
    }
    if ((pending->reports & PENDING_FAILED) != 0 && tell_failed(detector, peer)) {
        pending->reports &= (uint8_t)~PENDING_FAILED;
    }
}

void reports_retell(struct detector *detector) {
    struct pendings *pendings = &detector->peers.pendings;
    if (detector->is_version_pending) {
        report_version(detector);
    }
    if (detector->is_probes_pending) {
        report_probes(detector);
    }
    for (uint32_t i = 0; i < pendings->count; i++) {
        if (pendings->table[i].reports != 0) {
            retell(detector, &pendings->table[i]);
        }
    }
    bool is_quiet = pending_compact(pendings) == 0 && !detector->is_version_pending &&
                    !detector->is_probes_pending;
    detector->retell_ns = is_quiet ? TIME_NEVER : detector->now_ns + detector_retry_ns(detector);
}
