/* core/runtime/node/detector_node.c - see detector_node.h. */
#include "core/runtime/node/detector_node.h"
#include "core/base/assert.h"

static bool tell(struct detector_node *node, uint8_t kind, uint32_t slot, uint64_t generation,
                 uint32_t version) {
    struct role_message message = {.kind = kind, .node = node->id};
    message.as.incarnation.slot = slot;
    message.as.incarnation.generation = generation;
    message.as.incarnation.version = version;
    return node->hooks.to_gossip(node->hooks.context, &message);
}

static bool on_probe_failed(void *context, uint32_t slot, uint64_t generation, uint32_t version) {
    return tell(context, ROLE_PROBE_FAILED, slot, generation, version);
}

static bool on_peer_alive(void *context, uint32_t slot, uint64_t generation, uint32_t version) {
    return tell(context, ROLE_PEER_ALIVE, slot, generation, version);
}

static bool on_not_me(void *context, uint32_t slot, uint64_t generation) {
    return tell(context, ROLE_NOT_ME, slot, generation, 0);
}

static bool on_self_version(void *context, uint64_t generation, uint32_t version) {
    return tell(context, ROLE_SELF_VERSION, 0, generation, version);
}

static bool on_probes(void *context, uint32_t failed_of_last_8) {
    return tell(context, ROLE_PROBES, 0, 0, failed_of_last_8);
}

static void on_declared_dead(void *context, uint64_t generation, uint32_t version) {
    (void)tell(context, ROLE_DECLARED_DEAD, 0, generation, version);
}

static void on_peer_fingerprint(void *context, uint32_t slot, uint64_t fingerprint,
                                uint64_t age_ns) {
    struct detector_node *node = context;
    struct role_message message = {.kind = ROLE_PEER_FINGERPRINT, .node = node->id};
    message.as.fingerprint.slot = slot;
    message.as.fingerprint.fingerprint = fingerprint;
    message.as.fingerprint.time_ns = age_ns;
    (void)node->hooks.to_gossip(node->hooks.context, &message);
}

static void on_contact(void *context, uint32_t slot, uint64_t now_ns, uint32_t rtt_us) {
    struct detector_node *node = context;
    overlay_contact(node->overlay, slot, now_ns, rtt_us);
}

struct detector_node *detector_node_create(const struct detector_settings *settings, uint32_t id,
                                           const struct detector_node_hooks *hooks,
                                           struct overlay *overlay, struct identities *identities,
                                           struct memory *memory, uint64_t now_ns) {
    struct detector_node *node = memory_alloc_zeroed(memory, sizeof(*node), HENGE_MEMORY_CORE);
    if (!node) {
        return NULL;
    }
    node->id = id;
    node->hooks = *hooks;
    node->memory = memory;
    node->overlay = overlay;
    struct detector_observer observer = {
        .context = node,
        .on_probe_failed = on_probe_failed,
        .on_peer_alive = on_peer_alive,
        .on_not_me = on_not_me,
        .on_self_version = on_self_version,
        .on_declared_dead = on_declared_dead,
        .on_probes = on_probes,
        .on_peer_fingerprint = on_peer_fingerprint,
        .on_contact = on_contact,
    };
    node->detector = detector_create(settings, &observer, identities, memory, now_ns);
    if (!node->detector) {
        memory_release(memory, node, sizeof(*node), HENGE_MEMORY_CORE);
        return NULL;
    }
    return node;
}

void detector_node_destroy(struct detector_node *node) {
    detector_destroy(node->detector);
    memory_release(node->memory, node, sizeof(*node), HENGE_MEMORY_CORE);
}

void detector_node_message(struct detector_node *node, const struct role_message *message) {
    struct detector *detector = node->detector;
    switch (message->kind) {
    case ROLE_PEER_SET:
        if (message->flag) {
            overlay_contact_reset(node->overlay, message->as.peer.slot);
        }
        detector_peer_set(detector, message->as.peer.slot, &message->as.peer.peer);
        break;
    case ROLE_PEER_REMOVE:
        detector_peer_remove(detector, message->as.peer.slot);
        break;
    case ROLE_ACCUSED:
        detector_accused(detector, message->as.incarnation.generation,
                         message->as.incarnation.version);
        break;
    case ROLE_VERIFY:
        detector_verify(detector, message->as.incarnation.slot, message->as.incarnation.generation,
                        message->as.incarnation.version);
        break;
    case ROLE_SCRIPT_DONE:
        detector_script_done(detector, message->as.token);
        break;
    case ROLE_GENERATION:
        detector_generation_set(detector, message->as.incarnation.generation);
        if (message->flag) {
            detector_silence(detector);
        }
        break;
    case ROLE_FINGERPRINT:
        detector_fingerprint_set(detector, message->as.fingerprint.fingerprint,
                                 message->as.fingerprint.time_ns);
        break;
    default:
        ASSERT(false && "a message that is not for the detector role");
    }
}

void detector_node_step(struct detector_node *node, uint64_t now_ns, uint64_t horizon_ns,
                        struct outbox *outbox) {
    struct detector_node_counters *out = &node->counters;
    struct detector_counters in;
    detector_step(node->detector, now_ns, horizon_ns, outbox);
    detector_counters_get(node->detector, &in);
    counter_set(&out->malformed, in.malformed + in.unknown_type);
    counter_set(&out->misdirected, in.misdirected);
    counter_set(&out->probes_sent, in.probes_sent);
    counter_set(&out->probes_failed, in.probes_failed);
    counter_set(&out->probes_indirect, in.probes_indirect);
    counter_set(&out->acks_sent, in.acks_sent);
    counter_set(&out->nacks_received, in.nacks_received);
    counter_set(&out->refutations, in.refutations);
    counter_set(&out->refused, in.refused);
    counter_set(&out->streamed, in.probes_streamed);
    counter_set(&out->strains, in.strains);
    counter_set(&out->pauses, in.pauses);
    counter_set(&out->health, detector_health(node->detector));
}
