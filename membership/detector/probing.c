/* membership/detector/probing.c - one probe per period: the asking half of SWIM.
 *
 * A failure is told only if our own side is above suspicion: the ping was really sent, so was the
 * second try, and all that arrived in time was read. Otherwise the probe is abandoned. */
#include "membership/detector/state.h"

#include "core/base/clock.h"
#include "core/base/mutant.h"
#include "henge/members.h"

static uint64_t stretched_period(const struct detector *detector) {
    return local_health_stretch(&detector->health, detector->settings.period_ns);
}

/* Half of the time at most: the indirect way needs the other half. */
static uint64_t direct_timeout(const struct detector *detector, const struct peer *peer) {
    uint64_t timeout_ns = rtt_timeout_ns(&peer->rtt, detector->settings.timeout_min_ns,
                                         detector->settings.timeout_max_ns);
    uint64_t half_ns = stretched_period(detector) / 2;
    timeout_ns = local_health_stretch(&detector->health, timeout_ns);
    return timeout_ns < half_ns ? timeout_ns : half_ns;
}

/* Ends the probe out of its time. One that waited for the horizon may have outlasted its period:
 * then the next period is due since then, which is nobody's delay and no pause. */
static void end_early(struct detector *detector) {
    probe_end(&detector->probe);
    if (detector->next_period_ns <= detector->now_ns) {
        detector->is_unscheduled = true;
    }
}

static void abandon(struct detector *detector) {
    end_early(detector);
    detector->counters.probes_abandoned++;
}

void probing_settled(struct detector *detector) {
    end_early(detector);
    local_health_improve(&detector->health);
}

void probing_peer_changed(struct detector *detector, uint32_t slot) {
    if (detector->probe.stage != PROBE_IDLE && detector->probe.slot == slot) {
        abandon(detector);
    }
}

static void send_direct(struct detector *detector, struct outbox *outbox) {
    struct probe *probe = &detector->probe;
    const struct peer *peer = peers_at(&detector->peers, probe->slot);
    uint32_t sequence = detector_next_sequence(detector);
    if (detector_send_ping(detector, outbox, peer, sequence, NULL)) {
        probe_direct_sent(probe, sequence, detector->now_ns, direct_timeout(detector, peer));
        detector->counters.probes_sent++;
        return;
    }
    probe->next_ns = detector->now_ns + detector_retry_ns(detector);
    if (probe->next_ns >= probe->end_ns) {
        local_health_worsen(&detector->health, 1);
        abandon(detector);
    }
}

static void ask_helpers(struct detector *detector, struct outbox *outbox,
                        const struct peer *target) {
    struct probe *probe = &detector->probe;
    uint32_t slots[PROBE_HELPERS_MAX];
    uint32_t count = peers_sample_alive(&detector->peers, &detector->random, probe->slot, slots,
                                        detector->settings.indirect);
    uint32_t sequence = detector_next_sequence(detector);
    uint64_t remaining_us = (probe->end_ns - detector->now_ns) / NS_PER_US;
    for (uint32_t i = 0; i < count; i++) {
        const struct peer *helper = peers_at(&detector->peers, slots[i]);
        struct probe_message message = {
            .as.ping_req = {.sequence = sequence,
                            .target_name_hash = probe->name_hash,
                            .target_generation = probe->generation,
                            .held = detector_held(target),
                            .remaining_us =
                                remaining_us > UINT32_MAX ? UINT32_MAX : (uint32_t)remaining_us}};
        if (detector_send(detector, outbox, &helper->address, helper->generation, MESSAGE_PING_REQ,
                          &message)) {
            probe_helper_asked(probe, sequence, helper->name_hash);
        }
    }
}

static void go_indirect(struct detector *detector, struct outbox *outbox) {
    struct probe *probe = &detector->probe;
    const struct peer *peer = peers_at(&detector->peers, probe->slot);
    probe_go_indirect(probe, detector->now_ns);
    ask_helpers(detector, outbox, peer);
    uint32_t sequence = detector_next_sequence(detector);
    if (detector_send_ping(detector, outbox, peer, sequence, NULL)) {
        probe_again_sent(probe, sequence, detector->now_ns);
    }
    if (probe->helpers_asked > 0) {
        detector->counters.probes_indirect++;
    }
}

/* Lifeguard, section IV B: with all nacks in, our own network works and only the target is silent;
 * with one missing, or with nobody asked, it may well be us. */
static void judge(struct detector *detector) {
    struct probe *probe = &detector->probe;
    if (probe->helpers_asked == 0 || probe_misses_nacks(probe)) {
        local_health_worsen(&detector->health, 1);
    }
    if (!probe_is_second_chance_given(probe)) {
        abandon(detector);
        return;
    }
    struct peer *peer = peers_at(&detector->peers, probe->slot);
    detector->counters.probes_failed++;
    probe_end(probe);
    /* A version that rose meanwhile is a sign of life: this failure is not about it. */
    if (peer->version == probe->version) {
        report_failed(detector, peer);
    }
}

static void judge_or_wait(struct detector *detector, uint64_t horizon_ns) {
    struct probe *probe = &detector->probe;
    if (horizon_ns >= probe->end_ns || MUTANT(WAKES_BLIND)) {
        judge(detector);
    } else if (probe->stage != PROBE_WAITING || probe->next_ns <= detector->now_ns) {
        probe_wait(probe, detector->now_ns + detector->settings.period_ns);
    }
}

static void progress(struct detector *detector, uint64_t horizon_ns, struct outbox *outbox) {
    const struct probe *probe = &detector->probe;
    bool is_due = probe->next_ns <= detector->now_ns;
    switch (probe->stage) {
    case PROBE_IDLE:
        break;
    case PROBE_UNSENT:
        if (is_due) {
            send_direct(detector, outbox);
        }
        break;
    case PROBE_DIRECT:
        if (is_due && MUTANT(MISSED_PING_KILLS)) {
            report_failed(detector, peers_at(&detector->peers, probe->slot));
        }
        if (is_due) {
            go_indirect(detector, outbox);
        }
        break;
    case PROBE_INDIRECT:
        if (is_due) {
            judge_or_wait(detector, horizon_ns);
        }
        break;
    case PROBE_WAITING: /* for the horizon, not for the time */
        judge_or_wait(detector, horizon_ns);
        break;
    }
}

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
    struct probe_target target = {.slot = slot,
                                  .name_hash = peer->name_hash,
                                  .generation = peer->generation,
                                  .version = peer->version};
    detector->next_period_ns = detector->now_ns + stretched_period(detector);
    probe_begin(&detector->probe, &target, detector->now_ns, detector->next_period_ns);
    send_direct(detector, outbox);
    ping_dead(detector, outbox);
}

/* A random phase: nodes that were started, or woken, together must not probe in step. */
static void schedule(struct detector *detector) {
    detector->is_unscheduled = false;
    detector->next_period_ns =
        detector->now_ns + random_below(&detector->random, detector->settings.period_ns);
}

void probing_step(struct detector *detector, uint64_t horizon_ns, struct outbox *outbox) {
    const struct peers *peers = &detector->peers;
    progress(detector, horizon_ns, outbox);
    if (detector->is_unscheduled && peers->probed.count + peers->dead.count > 0) {
        schedule(detector);
    }
    if (detector->probe.stage == PROBE_IDLE && detector->next_period_ns <= detector->now_ns) {
        begin_period(detector, outbox);
    }
}
