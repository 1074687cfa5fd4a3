/* core/runtime/gossip_control.c - the application's control calls, carried out on the gossip
 * thread.
 *
 * Each call is begun once and then looked at in every turn until it is finished. */
#include "core/base/assert.h"
#include "core/base/log.h"
#include "core/runtime/detector_role.h"
#include "core/runtime/gossip_role.h"
#include "core/runtime/node/own_record.h"
#include "core/runtime/node_internal.h"
#include "core/runtime/subscriptions.h"
#include <string.h>

enum { JOIN_REPORT_BYTES = 512 };

/* Passes ATTACH or DETACH to the next in the round. */
static bool start_round(struct gossip_role *role, struct henge_node *node, uint8_t kind) {
    struct role_message message = {.kind = kind, .node = node->id};
    role->desk.wakes |= 1u << ROLE_DETECTOR;
    return queue_push(role->desk.runtime->queues.gossip_to_detector, &message);
}

/* True when finished. */
static bool attach(struct gossip_role *role, struct henge_node *node, uint64_t now_ns) {
    struct control *control = &node->control;
    if (control->has_begun) {
        if (node->is_attached) {
            control_finish(control, HENGE_OK);
        }
        return node->is_attached;
    }
    if (!node->gossip) {
        enum henge_status status = node_halves_create(node, now_ns);
        if (status != HENGE_OK) {
            control_finish(control, status);
            return true;
        }
    }
    control->has_begun = start_round(role, node, ROLE_ATTACH);
    if (control->has_begun) {
        role->desk.nodes[node->id] = node;
        desk_touch(&role->desk, node->id);
    }
    return false;
}

static bool detach(struct gossip_role *role, struct henge_node *node) {
    struct control *control = &node->control;
    if (!control->has_begun) {
        node->is_detaching = true;
        desk_timer_forget(&role->desk, node->id);
        control->has_begun = start_round(role, node, ROLE_DETACH);
        return false;
    }
    if (!node->is_detached || !gossip_node_is_reclaimed(node->gossip)) {
        return false;
    }
    role->desk.nodes[node->id] = NULL;
    node_halves_destroy(node);
    control_finish(control, HENGE_OK);
    return true;
}

void gossip_role_attached(struct gossip_role *role, uint32_t id) {
    role->desk.nodes[id]->is_attached = true;
}

void gossip_role_detached(struct gossip_role *role, uint32_t id) {
    role->desk.nodes[id]->is_detached = true;
}

static bool join(struct gossip_role *role, struct henge_node *node, uint64_t now_ns) {
    struct control *control = &node->control;
    struct membership *membership = node->gossip->membership;
    if (!control->has_begun) {
        control->has_begun = true;
        membership_join(membership, control->seeds, control->seeds_count, now_ns);
        desk_touch(&role->desk, node->id);
    }
    enum membership_join_state state = membership_join_state(membership);
    if (state == JOIN_UNDER_WAY || state == JOIN_IDLE) {
        return false;
    }
    if (state == JOIN_DONE) {
        if (!gossip_node_publish(node->gossip, now_ns)) {
            return false;
        }
        gossip_node_events_flush(node->gossip);
    } else {
        log_write(&node->runtime->log, HENGE_LOG_ERROR, "%s: join refused: %s", node->config.name,
                  membership_join_reason(membership));
    }
    control_finish(control, state == JOIN_DONE ? HENGE_OK : HENGE_REFUSED);
    return true;
}

static bool leave(struct gossip_role *role, struct henge_node *node, uint64_t now_ns) {
    struct control *control = &node->control;
    struct membership *membership = node->gossip->membership;
    if (!control->has_begun) {
        control->has_begun = true;
        control->has_peers = counter_get(&node->gossip->counters.alive) > 1;
        membership_leave(membership, now_ns, control->deadline_ns);
        desk_touch(&role->desk, node->id);
    }
    if (membership_leave_state(membership) != LEAVE_DONE) {
        return false;
    }
    bool was_heard = membership_leave_acks(membership) > 0 || !control->has_peers;
    control_finish(control, was_heard ? HENGE_OK : HENGE_TIMEOUT);
    return true;
}

static enum henge_status set_payload(struct gossip_role *role, struct henge_node *node,
                                     uint64_t now_ns) {
    struct control *control = &node->control;
    struct record_fields fields;
    record_fields_of(membership_member(node->gossip->membership, 0)->record, &fields);
    enum henge_status status =
        own_record_set_pair(&fields, control->key, control->has_value ? control->value : NULL);
    if (status != HENGE_OK) {
        return status;
    }
    const char *problem = record_fields_check(&fields);
    if (problem) {
        log_write(&node->runtime->log, HENGE_LOG_WARN, "%s: %s", node->config.name, problem);
        return HENGE_INVALID;
    }
    desk_touch(&role->desk, node->id);
    status = membership_set_payload(node->gossip->membership, &fields, now_ns);
    gossip_node_publish_members(node->gossip, now_ns);
    return status;
}

static void set_weight(struct gossip_role *role, struct henge_node *node, uint64_t now_ns) {
    struct control *control = &node->control;
    enum henge_status status =
        gossip_node_set_weight(node->gossip, (uint16_t)control->weight, now_ns);
    desk_touch(&role->desk, node->id);
    gossip_node_publish_members(node->gossip, now_ns);
    control_finish(control, status);
}

static void set_ring_state(struct gossip_role *role, struct henge_node *node, uint64_t now_ns) {
    struct control *control = &node->control;
    enum henge_status status = membership_set_ring_state(
        node->gossip->membership, (enum henge_ring_state)control->ring_state, now_ns);
    desk_touch(&role->desk, node->id);
    gossip_node_publish_members(node->gossip, now_ns);
    control_finish(control, status);
}

static void evict(struct gossip_role *role, struct henge_node *node, uint64_t now_ns) {
    struct control *control = &node->control;
    struct membership *membership = node->gossip->membership;
    enum henge_status status = HENGE_NOT_FOUND;
    for (uint32_t slot = 1; slot < membership_slots(membership); slot++) {
        const struct member *member = membership_member(membership, slot);
        if (member->record && strcmp(member->record->name, control->key) == 0) {
            bool has_ended = membership_evict(membership, slot, now_ns);
            status = has_ended ? HENGE_OK : HENGE_NOT_FOUND;
            break;
        }
    }
    desk_touch(&role->desk, node->id);
    gossip_node_publish_members(node->gossip, now_ns);
    control_finish(control, status);
}

static struct place place_of(const struct gossip_node *gossip) {
    struct place place = {.is_taken = false};
    const uint8_t *choices;
    place.is_taken = gossip_node_place_of(gossip, &choices, &place.choices_bytes);
    memcpy(place.choices, choices, place.choices_bytes);
    return place;
}

static void maintain(struct henge_node *node) {
    struct control *control = &node->control;
    struct membership *membership = node->gossip->membership;
    membership_seeds_set(membership, control->seeds, control->seeds_count);
    control->upkeep->generation = member_generation(membership_member(membership, 0));
    control->upkeep->place = place_of(node->gossip);
    control->upkeep->peers_count =
        membership_former_addresses(membership, control->upkeep->peers, PEERS_FILE_MAX);
    control_finish(control, HENGE_OK);
}

/* One that another live process of its name has silenced does nothing more but end. */
static bool is_refused(const struct henge_node *node) {
    uint32_t kind = node->control.kind;
    return counter_get(&node->gossip->counters.has_name_conflict) != 0 && kind != CONTROL_DETACH &&
           kind != CONTROL_SUBSCRIBE && kind != CONTROL_UNSUBSCRIBE;
}

/* The time is over: which seed failed how. */
static void log_join(const struct henge_node *node) {
    char report[JOIN_REPORT_BYTES];
    if (node->gossip && membership_join_report(node->gossip->membership, report, sizeof(report))) {
        log_write(&node->runtime->log, HENGE_LOG_WARN, "%s: not joined yet: %s", node->config.name,
                  report);
    }
}

/* True when the call is finished. */
static bool control_step(struct gossip_role *role, struct henge_node *node, uint64_t now_ns) {
    struct control *control = &node->control;
    bool is_abandoned =
        atomic_load_explicit(&control->state, memory_order_acquire) == CONTROL_ABANDONED;
    role->desk.current = node;
    if (is_abandoned && control->kind == CONTROL_JOIN) {
        log_join(node);
    }
    if (is_abandoned && control->kind != CONTROL_ATTACH && control->kind != CONTROL_DETACH) {
        control_finish(control, HENGE_TIMEOUT);
        return true;
    }
    if (control->kind == CONTROL_ATTACH) {
        return attach(role, node, now_ns);
    }
    ASSERT(node->gossip); /* every other call needs a node that create has returned */
    node->gossip->now_ns = now_ns;
    if (is_refused(node)) {
        control_finish(control, HENGE_CONFLICT);
        return true;
    }
    switch (control->kind) {
    case CONTROL_DETACH:
        return detach(role, node);
    case CONTROL_JOIN:
        return join(role, node, now_ns);
    case CONTROL_LEAVE:
        return leave(role, node, now_ns);
    case CONTROL_SET_RING_STATE:
        set_ring_state(role, node, now_ns);
        return true;
    case CONTROL_EVICT:
        evict(role, node, now_ns);
        return true;
    case CONTROL_MAINTAIN:
        maintain(node);
        return true;
    case CONTROL_SUBSCRIBE:
        control_finish(control, subscriptions_add(node->subscriptions, control->events));
        return true;
    case CONTROL_UNSUBSCRIBE:
        subscriptions_remove(node->subscriptions, control->events);
        control_finish(control, HENGE_OK);
        return true;
    case CONTROL_SET_WEIGHT:
        set_weight(role, node, now_ns);
        return true;
    default:
        control_finish(control, set_payload(role, node, now_ns));
        return true;
    }
}

/* Release: pairs with the acquire load in henge_reader_create, which finds the view. */
static void read_step(struct henge_node *node, uint64_t now_ns) {
    if (!node->gossip ||
        atomic_load_explicit(&node->read_state, memory_order_relaxed) != READ_WANTED) {
        return;
    }
    const bool is_read = gossip_node_read(node->gossip, now_ns);
    atomic_store_explicit(&node->read_state, is_read ? READ_DONE : READ_REFUSED,
                          memory_order_release);
    futex_wake_all(&node->read_state);
}

uint32_t gossip_role_controls(struct gossip_role *role, uint64_t now_ns) {
    struct henge_runtime *runtime = role->desk.runtime;
    uint32_t attention =
        atomic_exchange_explicit(&runtime->control_attention, 0, memory_order_acquire);
    if (attention == 0 && role->controls_open == 0) {
        return 0;
    }
    uint32_t open = 0;
    for (uint32_t id = 0; id < runtime->limits.nodes; id++) {
        struct henge_node *node = atomic_load_explicit(&runtime->nodes[id], memory_order_acquire);
        if (!node) {
            continue;
        }
        read_step(node, now_ns);
        if (control_is_pending(&node->control) && !control_step(role, node, now_ns)) {
            open++;
        }
    }
    role->controls_open = open;
    return attention + role->desk.touched_count;
}
