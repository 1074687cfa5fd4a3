/* membership/detector/periods.c - when probes begin: one in each period, and the verifications of
 * suspects that gossip asks for. A member in doubt is asked again by others at once; what takes
 * SWIM a round of the list takes these some round trips. */
#include "membership/detector/state.h"

#include "core/base/clock.h"
#include "henge/members.h"

enum {
    /* One who is unwell itself is no good witness. */
    VERIFY_HEALTH_MAX = 1,
    /* The indirect way, in direct timeouts: the helpers' nacks leave at 0.8 of it, and the last
     * fifth is their way back. */
    INDIRECT_TIMEOUTS = 5
};

/* So that they hear that they are held dead, and refute. Silence is no news. */
static void ping_dead(struct detector *detector, struct outbox *outbox) {
    if (detector->periods_to_dead > 1) {
        detector->periods_to_dead--;
        return;
    }
    uint32_t slot = rotation_next(&detector->peers.dead, &detector->random);
    detector->periods_to_dead = DEAD_PERIODS;
    if (slot != ROTATION_NONE) {
        (void)detector_send_ping(detector, outbox, peers_at(&detector->peers, slot),
                                 detector_next_sequence(detector), NULL);
    }
}

/* SWIM's probe lasts its period. Where round trips are known it need not: an answer that has not
 * come by some of them will not come, and the suspicion that follows gives the accused its time. */
static uint64_t probe_length(const struct detector *detector, const struct peer *peer) {
    uint64_t period_ns = probing_period(detector);
    if (!detector->settings.profile->has_rtt_timeouts) {
        return period_ns;
    }
    uint64_t length_ns = (1 + INDIRECT_TIMEOUTS) * probing_direct_timeout(detector, peer);
    return length_ns < period_ns ? length_ns : period_ns;
}

static void begin_period(struct detector *detector, struct outbox *outbox) {
    struct peers *peers = &detector->peers;
    if (peers->probed.count == 0) {
        /* Only DEAD ones are left, if any: nothing to do in the periods between. */
        detector->periods_to_dead = 1;
        ping_dead(detector, outbox);
        detector->next_period_ns =
            peers->dead.count == 0 ? TIME_NEVER
                                   : detector->now_ns + DEAD_PERIODS * detector->settings.period_ns;
        return;
    }
    uint32_t slot = rotation_next(&peers->probed, &detector->random);
    const struct peer *peer = peers_at(peers, slot);
    const struct identity *identity = peers_identity(peers, peer);
    struct probe_target target = {.slot = slot,
                                  .name_hash = identity->name_hash,
                                  .generation = identity->generation,
                                  .version = peer->version};
    uint64_t length_ns = probe_length(detector, peer);
    detector->next_period_ns = detector->now_ns + probing_period(detector);
    probing_begin(detector, &detector->probes[0], &target, detector->now_ns + length_ns, outbox);
    ping_dead(detector, outbox);
}

/* A random phase: nodes that were started, or woken, together must not probe in step. */
static void schedule(struct detector *detector) {
    detector->is_unscheduled = false;
    detector->next_period_ns =
        detector->now_ns + random_below(&detector->random, detector->settings.period_ns);
}

/* NULL: all places are taken. */
static struct probe *free_verification(struct detector *detector) {
    uint32_t count = detector->probes_count;
    for (uint32_t i = 1; i < count; i++) {
        if (detector->probes[i].stage == PROBE_IDLE) {
            return &detector->probes[i];
        }
    }
    return detector_probes_grow(detector) ? &detector->probes[count] : NULL;
}

void detector_verify(struct detector *detector, uint32_t slot, uint64_t generation,
                     uint32_t version) {
    const struct peer *peer = peers_at(&detector->peers, slot);
    bool is_wanted = peer != NULL && peers_is_probed(peer->status) &&
                     peers_generation(&detector->peers, peer) == generation &&
                     peer->version <= version && !probing_is_under_way(detector, slot);
    struct probe *free = is_wanted ? free_verification(detector) : NULL;
    if (free == NULL) {
        detector->counters.verifications_dropped++;
        return;
    }
    struct probe_target target = {.slot = slot,
                                  .name_hash = peers_identity(&detector->peers, peer)->name_hash,
                                  .generation = generation,
                                  .version = version};
    probe_ask(free, &target);
}

static void begin_verification(struct detector *detector, struct probe *probe,
                               struct outbox *outbox) {
    const struct peer *peer = peers_at(&detector->peers, probe->slot);
    bool is_unwell = detector->health.score > VERIFY_HEALTH_MAX;
    if (is_unwell || peer->version > probe->version) {
        detector->counters.verifications_dropped++;
        probe_end(probe);
        /* It may hear all the same that its suspect lives. Silence is no news then. */
        if (is_unwell) {
            (void)detector_send_ping(detector, outbox, peer, detector_next_sequence(detector),
                                     NULL);
        }
        return;
    }
    struct probe_target target = probe_target(probe);
    probing_begin(detector, probe, &target, detector->now_ns + probe_length(detector, peer),
                  outbox);
}

bool periods_have_verification_asked(const struct detector *detector) {
    for (uint32_t i = 1; i < detector->probes_count; i++) {
        if (detector->probes[i].stage == PROBE_ASKED) {
            return true;
        }
    }
    return false;
}

uint64_t periods_deadline(const struct detector *detector) {
    const struct peers *peers = &detector->peers;
    if (detector->is_unscheduled) {
        return peers->probed.count + peers->dead.count > 0 ? detector->now_ns : TIME_NEVER;
    }
    return detector->probes[0].stage == PROBE_IDLE ? detector->next_period_ns : TIME_NEVER;
}

void periods_step(struct detector *detector, struct outbox *outbox) {
    const struct peers *peers = &detector->peers;
    if (detector->is_unscheduled && peers->probed.count + peers->dead.count > 0) {
        schedule(detector);
    }
    if (detector->probes[0].stage == PROBE_IDLE && detector->next_period_ns <= detector->now_ns) {
        begin_period(detector, outbox);
    }
    for (uint32_t i = 1; i < detector->probes_count; i++) {
        if (detector->probes[i].stage == PROBE_ASKED) {
            begin_verification(detector, &detector->probes[i], outbox);
        }
    }
}
