/* membership/detector/probing.c - the stages of a probe: the asking half of SWIM. The periodic
 * probe and the verifications go the same way; only the periodic one moves the period.
 *
 * A failure is told only if our own side is above suspicion: the ping was really sent, so was a
 * second one, and all that arrived in time was read. Otherwise the probe is abandoned. */
#include "membership/detector/state.h"

#include "core/base/clock.h"
#include "core/base/mutant.h"
#include "henge/members.h"

uint64_t probing_period(const struct detector *detector) {
    return local_health_stretch(&detector->health, detector->settings.period_ns);
}

/* Half of the time at most: the indirect way needs the other half. */
uint64_t probing_direct_timeout(const struct detector *detector, const struct peer *peer) {
    const struct detector_settings *settings = &detector->settings;
    /* One that was never measured is judged by all that were. */
    const struct rtt *rtt = peer->rtt.smoothed != 0 ? &peer->rtt : &detector->rtt_of_all;
    uint64_t timeout_ns =
        settings->profile->has_rtt_timeouts
            ? rtt_timeout_ns(rtt, settings->timeout_min_ns, settings->timeout_max_ns)
            : settings->timeout_max_ns;
    uint64_t half_ns = probing_period(detector) / 2;
    timeout_ns = local_health_stretch(&detector->health, timeout_ns);
    return timeout_ns < half_ns ? timeout_ns : half_ns;
}

static bool is_periodic(const struct detector *detector, const struct probe *probe) {
    return probe == &detector->probes[0];
}

/* Ends the probe out of its time. A periodic one that waited for the horizon may have outlasted its
 * period: then the next period is due since then, which is nobody's delay and no pause. */
static void end_early(struct detector *detector, struct probe *probe) {
    probe_end(probe);
    if (is_periodic(detector, probe) && detector->next_period_ns <= detector->now_ns) {
        detector->is_unscheduled = true;
    }
}

static void abandon(struct detector *detector, struct probe *probe) {
    end_early(detector, probe);
    detector->counters.probes_abandoned++;
}

void probing_settled(struct detector *detector, struct probe *probe, uint32_t sequence) {
    end_early(detector, probe);
    /* An answer by stream after none by datagram speaks neither for nor against us. */
    if (sequence == probe->sequence_stream) {
        detector->counters.probes_streamed++;
    } else {
        local_health_improve(&detector->health);
    }
    if (is_periodic(detector, probe)) {
        report_outcome(detector, false);
    }
}

struct probe *probing_answered(struct detector *detector, uint32_t sequence, uint64_t name_hash,
                               uint64_t generation) {
    for (uint32_t i = 0; i < detector->probes_count; i++) {
        if (probe_is_answered_by(&detector->probes[i], sequence, name_hash, generation)) {
            return &detector->probes[i];
        }
    }
    return NULL;
}

bool probing_is_under_way(const struct detector *detector, uint32_t slot) {
    for (uint32_t i = 0; i < detector->probes_count; i++) {
        if (detector->probes[i].stage != PROBE_IDLE && detector->probes[i].slot == slot) {
            return true;
        }
    }
    return false;
}

void probing_peer_changed(struct detector *detector, uint32_t slot) {
    for (uint32_t i = 0; i < detector->probes_count; i++) {
        struct probe *probe = &detector->probes[i];
        if (probe->stage != PROBE_IDLE && probe->slot == slot) {
            abandon(detector, probe);
        }
    }
}

void probing_end_all(struct detector *detector) {
    for (uint32_t i = 0; i < detector->probes_count; i++) {
        probe_end(&detector->probes[i]);
    }
}

uint64_t probing_deadline(const struct detector *detector) {
    uint64_t earliest = TIME_NEVER;
    for (uint32_t i = 0; i < detector->probes_count; i++) {
        uint64_t deadline = probe_deadline(&detector->probes[i]);
        earliest = deadline < earliest ? deadline : earliest;
    }
    return earliest;
}

/* A verification may be ahead of gossip's word that its target is suspected. What is told of a
 * suspicion is the profile's ("buddy"). */
static struct held held_of_target(const struct detector *detector, const struct probe *probe,
                                  const struct peer *peer) {
    struct held held = detector_held(detector, peer);
    if (!is_periodic(detector, probe) && detector->settings.profile->has_buddy_notice &&
        peer->version <= probe->version) {
        held = (struct held){.flags = HELD_SUSPECT, .version = probe->version};
    }
    return held;
}

static void send_direct(struct detector *detector, struct probe *probe, struct outbox *outbox) {
    const struct peer *peer = peers_at(&detector->peers, probe->slot);
    struct held held = held_of_target(detector, probe, peer);
    uint32_t sequence = detector_next_sequence(detector);
    if (detector_send_ping(detector, outbox, peer, sequence, &held)) {
        probe_direct_sent(probe, sequence, detector->now_ns,
                          probing_direct_timeout(detector, peer));
        if (is_periodic(detector, probe)) {
            detector->counters.probes_sent++;
        } else {
            detector->counters.verifications_sent++;
        }
        return;
    }
    probe->next_ns = detector->now_ns + detector_retry_ns(detector);
    if (probe->next_ns >= probe->end_ns) {
        local_health_worsen(&detector->health, 1);
        abandon(detector, probe);
    }
}

void probing_begin(struct detector *detector, struct probe *probe,
                   const struct probe_target *target, uint64_t end_ns, struct outbox *outbox) {
    probe_begin(probe, target, detector->now_ns, end_ns);
    send_direct(detector, probe, outbox);
}

static void ask_helpers(struct detector *detector, struct probe *probe, struct outbox *outbox,
                        const struct held *held) {
    uint32_t slots[PROBE_HELPERS_MAX];
    uint32_t count = peers_sample_alive(&detector->peers, &detector->random, probe->slot, slots,
                                        detector->settings.indirect);
    uint32_t sequence = detector_next_sequence(detector);
    uint64_t remaining_us = (probe->end_ns - detector->now_ns) / NS_PER_US;
    for (uint32_t i = 0; i < count; i++) {
        const struct peers *peers = &detector->peers;
        const struct identity *helper = peers_identity(peers, peers_at(peers, slots[i]));
        struct probe_message message = {
            .as.ping_req = {.sequence = sequence,
                            .target_name_hash = probe->name_hash,
                            .target_generation = probe->generation,
                            .held = *held,
                            .remaining_us =
                                remaining_us > UINT32_MAX ? UINT32_MAX : (uint32_t)remaining_us}};
        if (detector_send(detector, outbox, &helper->address, helper->generation, MESSAGE_PING_REQ,
                          &message)) {
            probe_helper_asked(probe, sequence, helper->name_hash);
        }
    }
}

/* The last resort, beside the helpers: datagrams may be what is broken. */
static void ask_by_stream(struct detector *detector, struct probe *probe, struct outbox *outbox,
                          const struct peer *peer, const struct held *held) {
    uint32_t sequence = detector_next_sequence(detector);
    struct probe_message ping = detector_ping(detector, peer, sequence, held);
    const struct identity *identity = peers_identity(&detector->peers, peer);
    struct packet_target target = {
        .address = identity->address, .generation = identity->generation, .lane = LANE_DETECTOR};
    if (streams_request(&detector->streams, outbox, &target, &ping)) {
        probe_stream_asked(probe, sequence);
    }
}

/* Where most of a failing probe's pings are lost, one more a timeout costs little beside an
 * accusation that all hear of, and its refutation. */
static void send_again(struct detector *detector, struct probe *probe, struct outbox *outbox,
                       const struct peer *peer, const struct held *held) {
    uint32_t sequence = detector_next_sequence(detector);
    if (detector_send_ping(detector, outbox, peer, sequence, held)) {
        probe_again_sent(probe, sequence, detector->now_ns);
    }
    if (detector->settings.profile->is_ping_repeated) {
        (void)probe_again_next(probe, detector->now_ns);
    }
}

static void go_indirect(struct detector *detector, struct probe *probe, struct outbox *outbox) {
    const struct peer *peer = peers_at(&detector->peers, probe->slot);
    struct held held = held_of_target(detector, probe, peer);
    probe_go_indirect(probe, detector->now_ns);
    ask_helpers(detector, probe, outbox, &held);
    send_again(detector, probe, outbox, peer, &held);
    if (detector->settings.profile->has_stream_probe) {
        ask_by_stream(detector, probe, outbox, peer, &held);
    }
    if (probe->helpers_asked > 0) {
        detector->counters.probes_indirect++;
    }
}

/* Lifeguard, section IV B: with all nacks in, our own network works and only the target is silent;
 * with one missing, or with nobody asked, it may well be us. Without nacks nobody can tell. */
static uint32_t cost_of_failure(const struct detector *detector, const struct probe *probe) {
    const struct profile *profile = detector->settings.profile;
    if (probe->helpers_asked == 0 || !profile->has_nacks) {
        return 1;
    }
    uint32_t missing = probe_missing_nacks(probe);
    return profile->is_nack_costly || missing == 0 ? missing : 1;
}

static void judge(struct detector *detector, struct probe *probe) {
    local_health_worsen(&detector->health, cost_of_failure(detector, probe));
    if (!probe_is_second_chance_given(probe)) {
        abandon(detector, probe);
        return;
    }
    struct peer *peer = peers_at(&detector->peers, probe->slot);
    probe_end(probe);
    if (is_periodic(detector, probe)) {
        detector->counters.probes_failed++;
        report_outcome(detector, true);
    } else {
        detector->counters.verifications_failed++;
    }
    /* A version that rose meanwhile is a sign of life: this failure is not about it. */
    if (peer->version == probe->version) {
        report_failed(detector, peer);
    }
}

static void judge_or_wait(struct detector *detector, struct probe *probe, uint64_t horizon_ns) {
    if (horizon_ns >= probe->end_ns || MUTANT(WAKES_BLIND)) {
        judge(detector, probe);
    } else if (probe->stage != PROBE_WAITING || probe->next_ns <= detector->now_ns) {
        probe_wait(probe, detector->now_ns + detector->settings.period_ns);
    }
}

static void progress(struct detector *detector, struct probe *probe, uint64_t horizon_ns,
                     struct outbox *outbox) {
    bool is_due = probe->next_ns <= detector->now_ns;
    switch (probe->stage) {
    case PROBE_IDLE:
    case PROBE_ASKED:
        break;
    case PROBE_UNSENT:
        if (is_due) {
            send_direct(detector, probe, outbox);
        }
        break;
    case PROBE_DIRECT:
        if (is_due && MUTANT(MISSED_PING_KILLS)) {
            report_failed(detector, peers_at(&detector->peers, probe->slot));
        }
        if (is_due) {
            go_indirect(detector, probe, outbox);
        }
        break;
    case PROBE_INDIRECT:
        if (is_due && detector->now_ns < probe->end_ns) {
            const struct peer *peer = peers_at(&detector->peers, probe->slot);
            struct held held = held_of_target(detector, probe, peer);
            send_again(detector, probe, outbox, peer, &held);
        } else if (is_due) {
            judge_or_wait(detector, probe, horizon_ns);
        }
        break;
    case PROBE_WAITING: /* for the horizon, not for the time */
        judge_or_wait(detector, probe, horizon_ns);
        break;
    }
}

void probing_step(struct detector *detector, uint64_t horizon_ns, struct outbox *outbox) {
    for (uint32_t i = 0; i < detector->probes_count; i++) {
        progress(detector, &detector->probes[i], horizon_ns, outbox);
    }
}
