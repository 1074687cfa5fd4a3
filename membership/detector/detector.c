/* membership/detector/detector.c - the doors of the detector; those about the node itself are in
 * own.c. See detector.h for what is promised, state.h for who does what. */
#include "membership/detector/state.h"

#include "core/base/assert.h"
#include "core/base/mutant.h"
#include "core/base/clock.h"
#include "henge/members.h"

struct detector *detector_create(const struct detector_settings *settings,
                                 const struct detector_observer *observer,
                                 struct identities *identities, struct memory *memory,
                                 uint64_t now_ns) {
    ASSERT(settings->period_ns > 0 && settings->timeout_min_ns <= settings->timeout_max_ns);
    ASSERT(settings->indirect <= PROBE_HELPERS_MAX);
    struct detector *detector = memory_alloc_zeroed(memory, sizeof *detector, HENGE_MEMORY_MEMBER);
    if (detector == NULL) {
        return NULL;
    }
    detector->settings = *settings;
    if (detector->settings.profile == NULL) {
        detector->settings.profile = &profile_henge;
    }
    detector->observer = *observer;
    detector->memory = memory;
    detector->random = random_of_seed(settings->random_seed);
    peers_init(&detector->peers, identities, memory, &detector->random, settings->peers_max);
    detector->peers.expected = settings->slots_expected;
    relays_init(&detector->relays, memory);
    streams_init(&detector->streams, memory);
    detector->now_ns = now_ns;
    detector->generation = settings->generation;
    detector->fingerprint_since_ns = now_ns;
    detector->next_period_ns = TIME_NEVER;
    detector->retell_ns = TIME_NEVER;
    detector->periods_to_dead = DEAD_PERIODS;
    detector->is_unscheduled = true;
    detector->health.max = detector->settings.profile->has_local_health ? LOCAL_HEALTH_MAX : 0;
    /* A random start: what still comes in for an earlier incarnation is not taken for ours. */
    detector->sequence = (uint32_t)random_u64(&detector->random);
    if (!detector_probes_grow(detector)) {
        detector_destroy(detector);
        return NULL;
    }
    return detector;
}

void detector_destroy(struct detector *detector) {
    if (detector == NULL) {
        return;
    }
    peers_deinit(&detector->peers);
    relays_deinit(&detector->relays);
    streams_deinit(&detector->streams);
    memory_release(detector->memory, detector->probes,
                   detector->probes_count * sizeof *detector->probes, HENGE_MEMORY_MEMBER);
    memory_release(detector->memory, detector, sizeof *detector, HENGE_MEMORY_MEMBER);
}

bool detector_probes_grow(struct detector *detector) {
    struct probe *probes = memory_grow(detector->memory, detector->probes, &detector->probes_count,
                                       PROBES_MAX, sizeof *probes, HENGE_MEMORY_MEMBER);
    if (probes != NULL) {
        detector->probes = probes;
    }
    return probes != NULL;
}

uint32_t detector_next_sequence(struct detector *detector) {
    if (++detector->sequence == 0) {
        detector->sequence = 1;
    }
    return detector->sequence;
}

uint64_t detector_retry_ns(const struct detector *detector) {
    uint64_t retry_ns = detector->settings.period_ns / RETRY_PARTS;
    return retry_ns > 0 ? retry_ns : 1;
}

/* That it is suspected is told only where the profile says so; that it is dead always. */
struct held detector_held(const struct detector *detector, const struct peer *peer) {
    switch (peer->status) {
    case HENGE_SUSPECT:
        return detector->settings.profile->has_buddy_notice
                   ? (struct held){.flags = HELD_SUSPECT, .version = peer->version}
                   : (struct held){0};
    case HENGE_DEAD:
        return (struct held){.flags = HELD_DEAD, .version = peer->version};
    default:
        return (struct held){0};
    }
}

struct vitals detector_vitals(const struct detector *detector) {
    uint64_t age_ms = detector->now_ns > detector->fingerprint_since_ns
                          ? (detector->now_ns - detector->fingerprint_since_ns) / NS_PER_MS
                          : 0;
    return (struct vitals){.version = detector->version,
                           .fingerprint = detector->fingerprint,
                           .fingerprint_age_ms =
                               age_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)age_ms};
}

static struct message_head head_of(const struct detector *detector, uint8_t type) {
    return (struct message_head){.type = type,
                                 .source_name_hash = detector->settings.name_hash,
                                 .source_generation = detector->generation};
}

bool detector_send(struct detector *detector, struct outbox *outbox,
                   const struct henge_address *address, uint64_t generation, uint8_t type,
                   struct probe_message *message) {
    size_t capacity = 0;
    uint8_t *room = outbox->begin(outbox->context, &capacity);
    if (room == NULL) {
        return false;
    }
    struct packet_target target = {
        .address = *address, .generation = generation, .lane = LANE_DETECTOR};
    struct bytes_writer writer = bytes_writer_of(room, capacity);
    message->head = head_of(detector, type);
    probe_wire_put(&writer, message);
    outbox->commit(outbox->context, &target, writer.failed ? 0 : bytes_written(&writer));
    return !writer.failed;
}

bool detector_answer(struct detector *detector, struct outbox *outbox,
                     const struct packet_source *source, uint64_t generation, uint8_t type,
                     struct probe_message *message) {
    if (source->stream == 0) {
        return detector_send(detector, outbox, &source->address, generation, type, message);
    }
    message->head = head_of(detector, type);
    return streams_answer(&detector->streams, outbox, source->stream, message);
}

struct probe_message detector_ping(const struct detector *detector, const struct peer *peer,
                                   uint32_t sequence, const struct held *held) {
    const struct identity *target = peers_identity(&detector->peers, peer);
    return (struct probe_message){
        .head = head_of(detector, MESSAGE_PING),
        .as.ping = {.sequence = sequence,
                    .target_name_hash = target->name_hash,
                    .target_generation = target->generation,
                    .held = held != NULL ? *held : detector_held(detector, peer),
                    .vitals = detector_vitals(detector)}};
}

bool detector_send_ping(struct detector *detector, struct outbox *outbox, const struct peer *peer,
                        uint32_t sequence, const struct held *held) {
    struct probe_message message = detector_ping(detector, peer, sequence, held);
    const struct identity *target = peers_identity(&detector->peers, peer);
    return detector_send(detector, outbox, &target->address, target->generation, MESSAGE_PING,
                         &message);
}

/* When the protocol itself has something to do. */
static uint64_t protocol_deadline(const struct detector *detector) {
    uint64_t earliest = probing_deadline(detector);
    uint64_t relays = relays_deadline(&detector->relays);
    uint64_t period = periods_deadline(detector);
    earliest = period < earliest ? period : earliest;
    return relays < earliest ? relays : earliest;
}

uint64_t detector_deadline(const struct detector *detector) {
    if (detector->is_silent) {
        return TIME_NEVER;
    }
    if (detector->is_paused || periods_have_verification_asked(detector)) {
        return detector->now_ns;
    }
    uint64_t earliest = protocol_deadline(detector);
    return detector->retell_ns < earliest ? detector->retell_ns : earliest;
}

/* Every turn begins here, whether a packet or the clock started it. Reports that wait and
 * verifications asked for do not count: what gossip caused between two turns is dated by the last
 * turn. */
static void begin_turn(struct detector *detector, uint64_t now_ns) {
    uint64_t deadline_ns = protocol_deadline(detector);
    if (now_ns > detector->now_ns) {
        detector->now_ns = now_ns;
    }
    if (!detector->is_unscheduled && deadline_ns < detector->now_ns &&
        own_is_pause(detector, detector->now_ns - deadline_ns)) {
        detector->is_paused = !MUTANT(WAKES_BLIND);
    }
}

void detector_receive(struct detector *detector, const uint8_t *message, size_t bytes,
                      const struct packet_source *source, uint64_t now_ns, struct outbox *outbox) {
    struct bytes_reader reader = bytes_reader_of(message, bytes);
    struct probe_message decoded;
    begin_turn(detector, now_ns);
    if (detector->is_silent) {
        return;
    }
    switch (probe_wire_get(&reader, &decoded)) {
    case PROBE_WIRE_OK:
        if (bytes_left(&reader) > 0) {
            detector->counters.unknown_type++; /* a later version's fields, skipped */
        }
        answering_receive(detector, &decoded, source, outbox);
        break;
    case PROBE_WIRE_MALFORMED:
        detector->counters.malformed++;
        break;
    case PROBE_WIRE_UNKNOWN:
        detector->counters.unknown_type++;
        break;
    }
}

void detector_step(struct detector *detector, uint64_t now_ns, uint64_t horizon_ns,
                   struct outbox *outbox) {
    begin_turn(detector, now_ns);
    if (detector->is_silent) {
        return;
    }
    if (detector->is_paused) {
        own_wake_from_pause(detector);
    }
    reports_retell(detector);
    answering_step(detector, outbox);
    probing_step(detector, horizon_ns, outbox);
    periods_step(detector, outbox);
}

bool detector_wants_horizon(const struct detector *detector) {
    if (detector->is_silent) {
        return false;
    }
    for (uint32_t i = 0; i < detector->probes_count; i++) {
        if (detector->probes[i].stage == PROBE_WAITING) {
            return true;
        }
    }
    return false;
}

static bool is_known_as(const struct peers *peers, uint32_t slot,
                        const struct detector_peer *peer) {
    const struct peer *before = peers_at(peers, slot);
    const struct identity *known = before != NULL ? peers_identity(peers, before) : NULL;
    return known != NULL && known->name_hash == peer->name_hash &&
           known->generation == peer->generation && peers_is_at(peers, before, &peer->address);
}

void detector_peer_set(struct detector *detector, uint32_t slot, const struct detector_peer *peer) {
    struct peers *peers = &detector->peers;
    if (peer->name_hash == detector->settings.name_hash) {
        return; /* this node knows itself */
    }
    if (!peers_is_probed(peer->status) || !is_known_as(peers, slot, peer)) {
        probing_peer_changed(detector, slot);
    }
    bool was_idle = peers->probed.count == 0;
    if (!peers_set(peers, &detector->random, slot, peer)) {
        detector->counters.peers_refused++;
        return;
    }
    bool has_first = was_idle && peers->probed.count > 0;
    if (has_first || detector->next_period_ns == TIME_NEVER) {
        detector->is_unscheduled = true;
    }
}

void detector_refused(struct detector *detector, const struct henge_address *address,
                      uint64_t now_ns) {
    begin_turn(detector, now_ns);
    detector->counters.refused++;
    for (uint32_t i = 0; i < detector->probes_count; i++) {
        struct probe *probe = &detector->probes[i];
        const struct peer *peer = peers_at(&detector->peers, probe->slot);
        if (probe->stage == PROBE_DIRECT && peers_is_at(&detector->peers, peer, address)) {
            probe_refused(probe, detector->now_ns);
        }
    }
}

void detector_script_done(struct detector *detector, uint64_t token) {
    streams_script_done(&detector->streams, token);
}

void detector_peers_clear(struct detector *detector) {
    probing_end_all(detector);
    peers_clear(&detector->peers);
}

void detector_peer_remove(struct detector *detector, uint32_t slot) {
    probing_peer_changed(detector, slot);
    peers_remove(&detector->peers, slot);
}

void detector_fingerprint_set(struct detector *detector, uint64_t fingerprint, uint64_t since_ns) {
    detector->fingerprint = fingerprint;
    detector->fingerprint_since_ns = since_ns;
}

uint32_t detector_version(const struct detector *detector) {
    return detector->version;
}

uint32_t detector_health(const struct detector *detector) {
    return detector->health.score;
}

void detector_counters_get(const struct detector *detector, struct detector_counters *out) {
    *out = detector->counters;
}
