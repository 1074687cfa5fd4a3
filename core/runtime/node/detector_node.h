/* core/runtime/node/detector_node.h - the detector role's part of a node. No thread, no clock. */
#ifndef CORE_RUNTIME_NODE_DETECTOR_NODE_H
#define CORE_RUNTIME_NODE_DETECTOR_NODE_H

#include "core/base/memory.h"
#include "core/runtime/node/counters.h"
#include "core/runtime/node/overlay.h"
#include "core/runtime/node/role_message.h"
#include "membership/detector/detector.h"

struct detector_node_hooks {
    void *context;
    /* False when gossip's queue is full: the detector offers it again. */
    bool (*to_gossip)(void *context, const struct role_message *message);
};

struct detector_node_counters {
    counter malformed, misdirected, probes_sent, probes_failed, probes_indirect;
    counter acks_sent, nacks_received, refutations, pauses, health;
    counter refused, streamed, strains;
};

struct detector_node {
    uint32_t id;
    struct detector_node_hooks hooks;
    struct memory *memory;
    struct overlay *overlay;
    struct detector *detector;
    struct detector_node_counters counters;
};

struct detector_node *detector_node_create(const struct detector_settings *settings, uint32_t id,
                                           const struct detector_node_hooks *hooks,
                                           struct overlay *overlay, struct identities *identities,
                                           struct memory *memory, uint64_t now_ns);
/* detector_destroy says which thread. */
void detector_node_destroy(struct detector_node *node);

/* PEER_SET, PEER_REMOVE, ACCUSED, GENERATION, FINGERPRINT, VERIFY, SCRIPT_DONE. */
void detector_node_message(struct detector_node *node, const struct role_message *message);
void detector_node_step(struct detector_node *node, uint64_t now_ns, uint64_t horizon_ns,
                        struct outbox *outbox);

#endif
