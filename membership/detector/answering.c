/* membership/detector/answering.c - one handler per message, and the probes carried out for others.
 *
 * Answers go to the address or the stream a packet came from, never to an address inside it. */
#include "membership/detector/state.h"

#include "core/base/clock.h"
#include "henge/members.h"

/* One message in hand. */
struct incoming {
    const struct probe_message *message;
    const struct packet_source *source;
    struct peer *peer;    /* the sender, in the incarnation we hold; else NULL */
    uint64_t received_ns; /* never later than now */
    bool is_direct;       /* from that peer's own address */
};

static void contact(struct detector *detector, const struct incoming *incoming, uint32_t rtt_us) {
    const struct detector_observer *observer = &detector->observer;
    if (incoming->peer == NULL || !incoming->is_direct) {
        return;
    }
    uint32_t slot = peers_slot(&detector->peers, incoming->peer);
    /* An accusation not told yet is void. */
    pending_drop(&detector->peers.pendings, slot, PENDING_FAILED);
    observer->on_contact(observer->context, slot, incoming->received_ns, rtt_us);
}

/* What somebody says about itself, or a helper passes on: news if above what gossip told us. */
static void heard_of(struct detector *detector, uint64_t name_hash, uint64_t generation,
                     const struct vitals *vitals) {
    const struct detector_observer *observer = &detector->observer;
    struct peer *peer = peers_find(&detector->peers, name_hash);
    uint64_t known = peer != NULL ? peers_generation(&detector->peers, peer) : UINT64_MAX;
    if (peer == NULL || generation < known) {
        return;
    }
    if (generation > known || vitals->version > peer->version) {
        report_alive(detector, peer, generation, vitals->version);
    }
    if (generation == known) {
        observer->on_peer_fingerprint(observer->context, peers_slot(&detector->peers, peer),
                                      vitals->fingerprint, vitals->fingerprint_age_ms * NS_PER_MS);
    }
}

static void heard_about_self(struct detector *detector, const struct held *held) {
    const struct detector_observer *observer = &detector->observer;
    if ((held->flags & HELD_DEAD) != 0 && observer->on_declared_dead != NULL) {
        observer->on_declared_dead(observer->context, detector->generation, held->version);
    }
    if (held->flags != 0) {
        own_refute(detector, held->version);
    }
}

static void answer_not_me(struct detector *detector, const struct incoming *incoming,
                          struct outbox *outbox) {
    const struct ping *ping = &incoming->message->as.ping;
    struct probe_message reply = {.as.not_me = {.sequence = ping->sequence,
                                                .asked_name_hash = ping->target_name_hash,
                                                .asked_generation = ping->target_generation}};
    (void)detector_answer(detector, outbox, incoming->source,
                          incoming->message->head.source_generation, MESSAGE_NOT_ME, &reply);
}

static void receive_ping(struct detector *detector, const struct incoming *incoming,
                         struct outbox *outbox) {
    const struct ping *ping = &incoming->message->as.ping;
    const struct message_head *head = &incoming->message->head;
    contact(detector, incoming, 0);
    heard_of(detector, head->source_name_hash, head->source_generation, &ping->vitals);
    if (ping->target_name_hash != detector->settings.name_hash ||
        ping->target_generation != detector->generation) {
        answer_not_me(detector, incoming, outbox);
        return;
    }
    heard_about_self(detector, &ping->held); /* first, so that the ack carries the new version */
    struct probe_message reply = {.as.ack = {.sequence = ping->sequence,
                                             .subject_name_hash = detector->settings.name_hash,
                                             .subject_generation = detector->generation,
                                             .held = incoming->peer != NULL
                                                         ? detector_held(detector, incoming->peer)
                                                         : (struct held){0},
                                             .vitals = detector_vitals(detector)}};
    if (detector_answer(detector, outbox, incoming->source, head->source_generation, MESSAGE_ACK,
                        &reply)) {
        detector->counters.acks_sent++;
    }
}

static void pass_ack_back(struct detector *detector, const struct ack *ack, struct relay *relay,
                          struct outbox *outbox) {
    struct probe_message reply = {.as.ack = *ack};
    reply.as.ack.sequence = relay->origin_sequence;
    reply.as.ack.held = (struct held){0};
    (void)detector_send(detector, outbox, &relay->origin, relay->origin_generation, MESSAGE_ACK,
                        &reply);
    relays_remove(&detector->relays, relay);
}

/* The round trip of one of our own pings, 0 if this is not its answer by the target itself. */
static uint32_t measure(struct detector *detector, const struct probe *probe,
                        const struct incoming *incoming) {
    uint64_t sent_ns = probe_sent_ns(probe, incoming->message->as.ack.sequence);
    if (incoming->peer == NULL || !incoming->is_direct || sent_ns == 0 ||
        incoming->received_ns < sent_ns) {
        return 0;
    }
    rtt_measured(&incoming->peer->rtt, incoming->received_ns - sent_ns);
    rtt_measured(&detector->rtt_of_all, incoming->received_ns - sent_ns);
    return rtt_smoothed_us(&incoming->peer->rtt);
}

static void receive_ack(struct detector *detector, const struct incoming *incoming,
                        struct outbox *outbox) {
    const struct ack *ack = &incoming->message->as.ack;
    const struct message_head *head = &incoming->message->head;
    struct probe *probe =
        probing_answered(detector, ack->sequence, ack->subject_name_hash, ack->subject_generation);
    bool is_own = ack->subject_name_hash == head->source_name_hash &&
                  ack->subject_generation == head->source_generation;
    contact(detector, incoming, probe != NULL && is_own ? measure(detector, probe, incoming) : 0);
    if (probe != NULL || is_own) {
        heard_of(detector, ack->subject_name_hash, ack->subject_generation, &ack->vitals);
    }
    /* A verdict on us names no generation: the packet's destination does. */
    if (is_own && incoming->source->destination_generation == detector->generation) {
        heard_about_self(detector, &ack->held);
    }
    struct relay *relay = is_own ? relays_find(&detector->relays, ack->sequence,
                                               ack->subject_name_hash, ack->subject_generation)
                                 : NULL;
    if (probe != NULL) {
        probing_settled(detector, probe, ack->sequence);
    } else if (relay != NULL) {
        pass_ack_back(detector, ack, relay, outbox);
    } else {
        detector->counters.answers_late++;
    }
}

static void receive_ping_req(struct detector *detector, const struct incoming *incoming,
                             struct outbox *outbox) {
    const struct ping_req *request = &incoming->message->as.ping_req;
    const struct packet_source *source = incoming->source;
    contact(detector, incoming, 0);
    const struct peer *target = peers_find(&detector->peers, request->target_name_hash);
    if (target == NULL || target->status == HENGE_LEFT ||
        peers_generation(&detector->peers, target) != request->target_generation) {
        detector->counters.relays_unknown++;
        return;
    }
    if (relays_has(&detector->relays, &source->address, request->sequence)) {
        return;
    }
    uint64_t remaining_ns = request->remaining_us * NS_PER_US;
    uint64_t longest_ns = detector->settings.period_ns * (1 + LOCAL_HEALTH_MAX);
    if (remaining_ns > longest_ns) {
        remaining_ns = longest_ns;
    }
    uint32_t sequence = detector_next_sequence(detector);
    struct relay *relay =
        incoming->received_ns + remaining_ns > detector->now_ns
            ? relays_add(&detector->relays, sequence, incoming->received_ns, remaining_ns)
            : NULL;
    if (relay == NULL) {
        detector->counters.relays_dropped++;
        return;
    }
    if (relay->next_ns < detector->now_ns) {
        relay->next_ns = detector->now_ns; /* it lay in the inbox: the nack is due at once */
    }
    relay->origin = source->address;
    relay->origin_generation = incoming->message->head.source_generation;
    relay->origin_sequence = request->sequence;
    relay->target_name_hash = request->target_name_hash;
    relay->target_generation = request->target_generation;
    if (!detector_send_ping(detector, outbox, target, sequence,
                            request->held.flags != 0 ? &request->held : NULL)) {
        relays_remove(&detector->relays, relay);
        detector->counters.relays_dropped++;
    }
}

static void receive_nack(struct detector *detector, const struct incoming *incoming) {
    contact(detector, incoming, 0);
    for (uint32_t i = 0; i < detector->probes_count; i++) {
        if (probe_nacked(&detector->probes[i], incoming->message->as.nack.sequence,
                         incoming->message->head.source_name_hash)) {
            detector->counters.nacks_received++;
            return;
        }
    }
    detector->counters.answers_late++;
}

/* Believed from the very address where we hold the asked incarnation. An older incarnation of the
 * same name that answers is the same process, whose detector has not heard of its new generation
 * yet: that ends nothing. */
static void receive_not_me(struct detector *detector, const struct incoming *incoming) {
    const struct not_me *not_me = &incoming->message->as.not_me;
    const struct message_head *head = &incoming->message->head;
    const struct peers *peers = &detector->peers;
    struct peer *asked = peers_find(peers, not_me->asked_name_hash);
    contact(detector, incoming, 0);
    if (asked == NULL || peers_generation(peers, asked) != not_me->asked_generation ||
        !peers_is_at(peers, asked, &incoming->source->address) ||
        (head->source_name_hash == not_me->asked_name_hash &&
         head->source_generation <= not_me->asked_generation)) {
        detector->counters.answers_late++;
        return;
    }
    struct probe *probe = probing_answered(detector, not_me->sequence, not_me->asked_name_hash,
                                           not_me->asked_generation);
    if (probe != NULL) {
        probing_settled(detector, probe, not_me->sequence);
    }
    report_not_me(detector, asked);
}

static struct incoming incoming_of(const struct detector *detector,
                                   const struct probe_message *message,
                                   const struct packet_source *source) {
    struct incoming incoming = {.message = message, .source = source};
    incoming.received_ns = source->received_ns != 0 && source->received_ns < detector->now_ns
                               ? source->received_ns
                               : detector->now_ns;
    const struct peers *peers = &detector->peers;
    incoming.peer = peers_find(peers, message->head.source_name_hash);
    if (incoming.peer != NULL &&
        peers_generation(peers, incoming.peer) != message->head.source_generation) {
        incoming.peer = NULL;
    }
    incoming.is_direct =
        incoming.peer != NULL && peers_is_at(peers, incoming.peer, &source->address);
    return incoming;
}

static bool is_for_streams(uint8_t type) {
    return type == MESSAGE_PING || type == MESSAGE_ACK || type == MESSAGE_NOT_ME;
}

void answering_receive(struct detector *detector, const struct probe_message *message,
                       const struct packet_source *source, struct outbox *outbox) {
    struct incoming incoming = incoming_of(detector, message, source);
    if (message->head.source_name_hash == detector->settings.name_hash) {
        detector->counters.misdirected++; /* a name conflict is the gossip half's to settle */
        return;
    }
    if (source->destination_generation != 0 &&
        source->destination_generation != detector->generation) {
        if (message->head.type == MESSAGE_PING) {
            answer_not_me(detector, &incoming, outbox);
        } else {
            detector->counters.misdirected++;
        }
        return;
    }
    if (source->stream != 0 && !is_for_streams(message->head.type)) {
        detector->counters.misdirected++;
        return;
    }
    switch (message->head.type) {
    case MESSAGE_PING:
        receive_ping(detector, &incoming, outbox);
        break;
    case MESSAGE_ACK:
        receive_ack(detector, &incoming, outbox);
        break;
    case MESSAGE_PING_REQ:
        receive_ping_req(detector, &incoming, outbox);
        break;
    case MESSAGE_NACK:
        receive_nack(detector, &incoming);
        break;
    case MESSAGE_NOT_ME:
        receive_not_me(detector, &incoming);
        break;
    default: /* probe_wire_get lets no other through */
        break;
    }
}

/* The nack of a served request, then, when the asker has judged, the end of it. */
void answering_step(struct detector *detector, struct outbox *outbox) {
    struct relay *relay = relays_due(&detector->relays, detector->now_ns);
    while (relay != NULL) {
        if (relay->is_nacked || relay->end_ns <= detector->now_ns) {
            relays_remove(&detector->relays, relay);
        } else if (!detector->settings.profile->has_nacks) {
            relay->next_ns = relay->end_ns;
        } else {
            struct probe_message nack = {.as.nack = {.sequence = relay->origin_sequence}};
            (void)detector_send(detector, outbox, &relay->origin, relay->origin_generation,
                                MESSAGE_NACK, &nack);
            relay->is_nacked = true;
            relay->next_ns = relay->end_ns;
        }
        relay = relays_due(&detector->relays, detector->now_ns);
    }
}
