/* membership/detector/reports.c - what the detector tells: once, and again until it is taken. */
#include "membership/detector/state.h"

#include "core/base/clock.h"
#include "core/base/mutant.h"

static void refused(struct detector *detector, struct peer *peer, uint8_t pending) {
    peers_pending_add(&detector->peers, peer, pending);
    detector->retell_ns = detector->now_ns + detector_retry_ns(detector);
}

static bool tell_failed(struct detector *detector, const struct peer *peer) {
    const struct detector_observer *observer = &detector->observer;
    return observer->on_probe_failed(observer->context, peers_slot(&detector->peers, peer),
                                     peer->generation, peer->version);
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
                               peer->generation);
}

void report_failed(struct detector *detector, struct peer *peer) {
    if (!MUTANT(CRASH_UNSEEN) && !tell_failed(detector, peer)) {
        refused(detector, peer, PENDING_FAILED);
    }
}

void report_alive(struct detector *detector, struct peer *peer, uint64_t generation,
                  uint32_t version) {
    /* The word that waits may be the newer one already. */
    if ((peer->pending & PENDING_ALIVE) != 0 &&
        (peer->alive_generation > generation ||
         (peer->alive_generation == generation && peer->alive_version >= version))) {
        return;
    }
    peer->pending &= (uint8_t)~PENDING_ALIVE;
    if (!tell_alive(detector, peer, generation, version)) {
        peer->alive_generation = generation;
        peer->alive_version = version;
        refused(detector, peer, PENDING_ALIVE);
    }
}

void report_not_me(struct detector *detector, struct peer *peer) {
    if (!tell_not_me(detector, peer)) {
        refused(detector, peer, PENDING_NOT_ME);
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
static void retell_peer(struct detector *detector, struct peer *peer) {
    if ((peer->pending & PENDING_ALIVE) != 0 &&
        tell_alive(detector, peer, peer->alive_generation, peer->alive_version)) {
        peer->pending &= (uint8_t)~PENDING_ALIVE;
    }
    if ((peer->pending & PENDING_NOT_ME) != 0 && tell_not_me(detector, peer)) {
        peer->pending &= (uint8_t)~PENDING_NOT_ME;
    }
    if ((peer->pending & PENDING_FAILED) != 0 && tell_failed(detector, peer)) {
        peer->pending &= (uint8_t)~PENDING_FAILED;
    }
}

void reports_retell(struct detector *detector) {
    struct peers *peers = &detector->peers;
    if (detector->is_version_pending) {
        report_version(detector);
    }
    if (detector->is_probes_pending) {
        report_probes(detector);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < peers->pending_count; i++) {
        uint32_t slot = peers->pending_slots[i];
        struct peer *peer = &peers->by_slot[slot];
        retell_peer(detector, peer);
        peer->is_listed = peer->pending != 0;
        if (peer->is_listed) {
            peers->pending_slots[kept++] = slot;
        }
    }
    peers->pending_count = kept;
    bool is_quiet = kept == 0 && !detector->is_version_pending && !detector->is_probes_pending;
    detector->retell_ns = is_quiet ? TIME_NEVER : detector->now_ns + detector_retry_ns(detector);
}
