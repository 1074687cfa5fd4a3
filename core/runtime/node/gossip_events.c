/* core/runtime/node/gossip_events.c - from changes of members to events, held until they can be
 * seen.
 *
 * Per member: (joined (updated | suspected | recovered)* (left | failed | evicted))*. */
#include "core/runtime/node/gossip_node.h"
#include "core/base/mutant.h"
#include <stdio.h>

static bool is_in(uint8_t status) {
    return status == HENGE_ALIVE || status == HENGE_SUSPECT;
}

static bool resize(struct gossip_node *node, uint32_t capacity) {
    struct henge_event *events =
        memory_resize(node->memory, node->events, node->events_capacity * sizeof(*events),
                      capacity * sizeof(*events), HENGE_MEMORY_EVENT);
    if (events) {
        node->events = events;
        node->events_capacity = capacity;
    }
    return events != NULL;
}

/* A node that nobody reads has little room; it lives as one that is read, so it borrows the rest.
 */
static bool has_room(struct gossip_node *node) {
    uint32_t more = 4 * node->events_capacity;
    return node->events_count < node->events_capacity ||
           (node->events_capacity < GOSSIP_NODE_EVENTS_PENDING &&
            resize(node, more < GOSSIP_NODE_EVENTS_PENDING ? more : GOSSIP_NODE_EVENTS_PENDING));
}

static struct henge_event *event_next(struct gossip_node *node, enum henge_event_type type) {
    if (!has_room(node)) {
        gossip_node_events_flush(node);
    }
    struct henge_event *event = &node->events[node->events_count++];
    *event = (struct henge_event){.type = type, .number = ++node->event_number};
    return event;
}

static void event_member(struct gossip_node *node, enum henge_event_type type, uint32_t slot) {
    const struct member *member = membership_member(node->membership, slot);
    struct henge_event *event = event_next(node, type);
    snprintf(event->name, sizeof(event->name), "%s", member->record->name);
    event->address = member->record->address;
    event->generation = member_generation(member);
    event->version = member->version;
    event->slot = slot; /* the node's own until it is flushed */
}

static enum henge_event_type ending(const struct member_change *change) {
    if (change->is_evicted) {
        return HENGE_MEMBER_EVICTED;
    }
    return change->status == HENGE_LEFT ? HENGE_MEMBER_LEFT : HENGE_MEMBER_FAILED;
}

void gossip_node_event_change(struct gossip_node *node, const struct member_change *change) {
    uint32_t slot = change->slot;
    bool was_in = !change->is_new && is_in(change->before_status);
    if (!is_in(change->status)) {
        if (was_in && !MUTANT(DEATH_UNTOLD)) {
            event_member(node, ending(change), slot);
        }
        return;
    }
    if (!was_in) {
        event_member(node, HENGE_MEMBER_JOINED, slot);
    } else if (change->payload_changed || change->generation_changed) {
        event_member(node, HENGE_MEMBER_UPDATED, slot);
    }
    uint8_t before = was_in ? change->before_status : HENGE_ALIVE;
    if (before == HENGE_ALIVE && change->status == HENGE_SUSPECT) {
        event_member(node, HENGE_MEMBER_SUSPECTED, slot);
    } else if (before == HENGE_SUSPECT && change->status == HENGE_ALIVE &&
               !MUTANT(RECOVERY_UNTOLD)) {
        event_member(node, HENGE_MEMBER_RECOVERED, slot);
    }
}

void gossip_node_event_topology(struct gossip_node *node, uint64_t old_version) {
    struct henge_event *event = event_next(node, HENGE_TOPOLOGY_CHANGED);
    event->ring_version_old = old_version;
    event->ring_version_new = node->ring_version;
    event->ring_fingerprint = node->ring_fingerprint;
}

void gossip_node_event_partitioned(struct gossip_node *node, bool begins) {
    event_next(node, HENGE_PARTITIONED)->is_partitioned = begins;
    counter_set(&node->counters.is_partitioned, begins);
}

void gossip_node_event_conflict(struct gossip_node *node, uint32_t slot,
                                const struct henge_address *other, uint64_t other_generation) {
    event_member(node, HENGE_NAME_CONFLICT, slot);
    struct henge_event *event = &node->events[node->events_count - 1];
    event->address = *other;
    event->generation = other_generation;
    if (slot == 0) {
        counter_set(&node->counters.has_name_conflict, 1);
    }
}

void gossip_node_events_flush(struct gossip_node *node) {
    for (uint32_t index = 0; index < node->events_count; index++) {
        struct henge_event *event = &node->events[index];
        event->slot =
            event->name[0] == '\0' ? HENGE_NO_SLOT : gossip_node_shown_slot(node, event->slot);
        node->hooks.on_event(node->hooks.context, event);
    }
    node->events_count = 0;
    if (node->settings.is_unread && node->events_capacity > GOSSIP_NODE_EVENTS_UNREAD) {
        (void)resize(node, GOSSIP_NODE_EVENTS_UNREAD);
    }
}
