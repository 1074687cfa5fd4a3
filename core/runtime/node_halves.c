/* core/runtime/node_halves.c - see node_internal.h: from settings to the two halves of a node. */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/runtime/detector_role.h"
#include "core/runtime/gossip_role.h"
#include "core/runtime/node/node_settings.h"
#include "core/runtime/node/own_record.h"
#include "core/runtime/node_internal.h"
#include "core/runtime/subscriptions.h"
#include <string.h>

static bool to_detector(void *context, const struct role_message *message) {
    struct henge_node *node = context;
    struct henge_runtime *runtime = node->runtime;
    runtime->gossip->desk.wakes |= 1u << ROLE_DETECTOR;
    return queue_push(runtime->queues.gossip_to_detector, message);
}

static bool to_gossip(void *context, const struct role_message *message) {
    struct henge_node *node = context;
    struct henge_runtime *runtime = node->runtime;
    runtime->detector->desk.wakes |= 1u << ROLE_GOSSIP;
    return queue_push(runtime->queues.detector_to_gossip, message);
}

static void on_event(void *context, const struct henge_event *event) {
    struct henge_node *node = context;
    struct henge_event stamped = *event;
    stamped.time_ms = clock_wall_ms();
    subscriptions_publish(node->subscriptions, &stamped);
}

static enum henge_status gossip_half(struct henge_node *node, uint64_t now_ns,
                                     struct record_fields *self) {
    const struct henge_config *config = &node->config;
    struct henge_runtime *runtime = node->runtime;
    struct gossip_node_hooks hooks = {
        .context = node, .to_detector = to_detector, .on_event = on_event};
    if (own_record_fields(config, self) != HENGE_OK) {
        return HENGE_INVALID;
    }
    self->generation = node->generation_floor;
    self->address = node->address;
    memcpy(self->boot_id, node->sender.boot_id, sizeof(self->boot_id));
    struct gossip_node_settings settings;
    node_settings_gossip(config, SEAL_OVERHEAD_BYTES, &settings);
    settings.is_unread = true; /* until somebody reads: enum read_state */
    settings.id = node->id;
    const struct place *place = &node->upkeep.place;
    if (place->is_taken && config->ring_token_choices > 1) {
        self->choices = place->choices;
        self->choices_bytes = place->choices_bytes;
        settings.membership.is_placed_first = false;
    }
    settings.membership.self = self;
    settings.membership.former = node->former;
    settings.membership.former_count = node->former_count;
    settings.membership.random_seed = node->random_seed;
    settings.membership.one_way = seal_one_way;
    if (seal_random(settings.membership.leave_secret, sizeof(settings.membership.leave_secret)) !=
        HENGE_OK) {
        return HENGE_SYSTEM;
    }
    settings.membership.wall_ms = clock_wall_ms();
    const struct gossip_commons commons = {.memory = &runtime->memory,
                                           .store = runtime->store,
                                           .rings = runtime->rings,
                                           .epochs = runtime->epochs};
    node->gossip = gossip_node_create(&settings, &hooks, &node->overlay, &commons, now_ns);
    return node->gossip ? HENGE_OK : HENGE_NO_MEMORY;
}

static enum henge_status detector_half(struct henge_node *node, uint64_t now_ns) {
    struct detector_settings settings;
    node_settings_detector(&node->config, &settings);
    settings.generation = member_generation(membership_member(node->gossip->membership, 0));
    settings.random_seed = hash64_pair(node->random_seed, 1);
    struct detector_node_hooks hooks = {.context = node, .to_gossip = to_gossip};
    node->detector =
        detector_node_create(&settings, node->id, &hooks, &node->overlay, node->runtime->identities,
                             &node->runtime->memory, now_ns);
    return node->detector ? HENGE_OK : HENGE_NO_MEMORY;
}

enum henge_status node_halves_create(struct henge_node *node, uint64_t now_ns) {
    struct record_fields self;
    enum henge_status status = gossip_half(node, now_ns, &self);
    if (status == HENGE_OK) {
        status = detector_half(node, now_ns);
    }
    if (status != HENGE_OK) {
        node_halves_destroy(node);
    }
    return status;
}

void node_halves_destroy(struct henge_node *node) {
    if (node->detector) {
        detector_node_destroy(node->detector);
        node->detector = NULL;
    }
    if (node->gossip) {
        gossip_node_destroy(node->gossip);
        node->gossip = NULL;
    }
}
