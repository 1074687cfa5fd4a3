/* core/runtime/gossip_role.c - see gossip_role.h. */
#include "core/runtime/gossip_role.h"
#include "core/base/assert.h"
#include "core/base/log.h"

enum { GOSSIP_BATCH = 256 }; /* messages of each queue per turn: the others' turn comes */

#define RECLAIM_FIRST_NS (1 * NS_PER_MS)
#define RECLAIM_LAST_NS (100 * NS_PER_MS)

struct gossip_role *gossip_role_create(struct henge_runtime *runtime) {
    struct role_queues *queues = &runtime->queues;
    struct gossip_role *role =
        memory_alloc_zeroed(&runtime->memory, sizeof(*role), HENGE_MEMORY_CORE);
    if (!role) {
        return NULL;
    }
    role->reclaim_ns = TIME_NEVER;
    if (!desk_init(&role->desk, runtime, BUFFER_HOLDER_GOSSIP, queues->gossip_to_io,
                   queues->gossip_returns, queues->gossip_sent)) {
        gossip_role_destroy(role);
        return NULL;
    }
    return role;
}

void gossip_role_destroy(struct gossip_role *role) {
    struct memory *memory = &role->desk.runtime->memory;
    desk_deinit(&role->desk);
    memory_release(memory, role, sizeof(*role), HENGE_MEMORY_CORE);
}

static void on_packet(struct gossip_role *role, uint32_t id, struct buffer *buffer,
                      uint64_t now_ns) {
    struct desk *desk = &role->desk;
    struct henge_node *node = desk->nodes[id];
    if (node && !node->is_detaching) {
        struct packet_source source;
        desk_source(buffer, &source);
        desk->current = node;
        gossip_node_receive(node->gossip, buffer->packet + SEAL_HEADER_BYTES, buffer->payload_bytes,
                            &source, now_ns, &desk->outbox);
        desk_touch(desk, id);
    }
    desk_return(desk, buffer);
}

static void on_io_message(struct gossip_role *role, const struct role_message *message,
                          uint64_t now_ns) {
    struct desk *desk = &role->desk;
    struct henge_node *node = desk->nodes[message->node];
    switch (message->kind) {
    case ROLE_PACKET:
        on_packet(role, message->node, message->as.buffer, now_ns);
        break;
    case ROLE_HORIZON:
        desk_horizon(desk, message->as.time_ns);
        break;
    case ROLE_ATTACHED:
        gossip_role_attached(role, message->node);
        break;
    case ROLE_DETACHED:
        gossip_role_detached(role, message->node);
        break;
    case ROLE_SCRIPT_DONE:
    case ROLE_STREAM_ENDED:
        if (node && gossip_node_message(node->gossip, message, now_ns)) {
            desk_touch(desk, message->node);
        }
        break;
    default:
        ASSERT(false && "a message that io does not send to gossip");
    }
}

static uint32_t drain(struct gossip_role *role, uint64_t now_ns) {
    struct desk *desk = &role->desk;
    struct role_queues *queues = &desk->runtime->queues;
    struct role_message message;
    uint32_t count = desk_collect(desk);
    for (uint32_t i = 0; i < GOSSIP_BATCH && queue_pop(queues->io_to_gossip, &message); i++) {
        on_io_message(role, &message, now_ns);
        count++;
    }
    for (uint32_t i = 0; i < GOSSIP_BATCH && queue_pop(queues->detector_to_gossip, &message); i++) {
        struct henge_node *node = desk->nodes[message.node];
        if (node && gossip_node_message(node->gossip, &message, now_ns)) {
            desk_touch(desk, message.node);
        }
        count++;
    }
    return count;
}

static void reclaim(struct gossip_role *role, uint64_t now_ns) {
    uint32_t waiting = epoch_poll(role->desk.runtime->epochs);
    if (waiting == 0) {
        role->reclaim_ns = TIME_NEVER;
        role->reclaim_wait_ns = RECLAIM_FIRST_NS;
        return;
    }
    if (now_ns >= role->reclaim_ns && role->reclaim_wait_ns < RECLAIM_LAST_NS) {
        role->reclaim_wait_ns *= 2;
    }
    role->reclaim_ns = now_ns + role->reclaim_wait_ns;
}

/* Once: that it goes on is seen in the counter. */
static void tell_full(struct henge_node *node) {
    if (node->is_full_told || counter_get(&node->gossip->counters.members_refused) == 0) {
        return;
    }
    node->is_full_told = true;
    log_write(&node->runtime->log, HENGE_LOG_ERROR,
              "%s: no room for another member (members_max is %u): this node's view is not the "
              "others'",
              node->config.name, node->config.members_max);
}

/* Once each time that it begins, and once that it is over. */
static void tell_refused(struct henge_node *node) {
    const bool is_refused = node->gossip->is_ring_refused;
    if (node->is_refusal_told == is_refused) {
        return;
    }
    node->is_refusal_told = is_refused;
    if (is_refused) {
        log_write(
            &node->runtime->log, HENGE_LOG_ERROR,
            "%s: more than %d virtual nodes in all (vnodes * weight): the ring stays as it is "
            "until there are fewer",
            node->config.name, RING_POINTS_MAX);
    } else {
        log_write(&node->runtime->log, HENGE_LOG_INFO, "%s: the ring follows its members again",
                  node->config.name);
    }
}

static void step_nodes(struct gossip_role *role, uint64_t now_ns) {
    struct desk *desk = &role->desk;
    for (uint32_t i = 0; i < desk->touched_count; i++) {
        uint32_t id = desk->touched[i];
        struct henge_node *node = desk->nodes[id];
        desk->is_touched[id] = false;
        if (!node || node->is_detaching) {
            continue;
        }
        desk->current = node;
        gossip_node_step(node->gossip, now_ns, desk->horizon_ns, &desk->outbox);
        tell_full(node);
        tell_refused(node);
        desk_timer(desk, id, gossip_node_deadline(node->gossip),
                   membership_wants_horizon(node->gossip->membership), now_ns);
    }
    desk->touched_count = 0;
}

uint32_t gossip_role_step(struct gossip_role *role, uint64_t now_ns) {
    struct desk *desk = &role->desk;
    uint32_t count = drain(role, now_ns);
    desk_touch_due(desk, now_ns);
    count += desk->touched_count;
    step_nodes(role, now_ns);
    if (count > 0 || now_ns >= role->reclaim_ns) {
        reclaim(role, now_ns);
    }
    count += gossip_role_controls(role, now_ns);
    desk_wake(desk, ROLE_GOSSIP);
    return count;
}

uint64_t gossip_role_deadline(const struct gossip_role *role) {
    uint64_t timer_ns = heap_deadline(&role->desk.timers);
    return timer_ns < role->reclaim_ns ? timer_ns : role->reclaim_ns;
}

bool gossip_role_has_input(const struct gossip_role *role) {
    const struct henge_runtime *runtime = role->desk.runtime;
    return queue_count(runtime->queues.io_to_gossip) > 0 ||
           queue_count(runtime->queues.detector_to_gossip) > 0 || role->desk.touched_count > 0 ||
           atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&runtime->control_attention,
                                memory_order_seq_cst) != 0;
}
