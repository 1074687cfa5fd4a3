/* core/runtime/detector_role.c - see detector_role.h. */
#include "core/runtime/detector_role.h"
#include "core/base/assert.h"

enum { DETECTOR_BATCH = 256 };

struct detector_role *detector_role_create(struct henge_runtime *runtime) {
    struct role_queues *queues = &runtime->queues;
    struct detector_role *role =
        memory_alloc_zeroed(&runtime->memory, sizeof(*role), HENGE_MEMORY_CORE);
    if (role && !desk_init(&role->desk, runtime, BUFFER_HOLDER_DETECTOR, queues->detector_to_io,
                           queues->detector_returns, queues->detector_sent)) {
        detector_role_destroy(role);
        return NULL;
    }
    return role;
}

void detector_role_destroy(struct detector_role *role) {
    struct memory *memory = &role->desk.runtime->memory;
    desk_deinit(&role->desk);
    memory_release(memory, role, sizeof(*role), HENGE_MEMORY_CORE);
}

static void on_packet(struct detector_role *role, uint32_t id, struct buffer *buffer,
                      uint64_t now_ns) {
    struct desk *desk = &role->desk;
    struct henge_node *node = desk->nodes[id];
    if (node) {
        struct packet_source source;
        desk_source(buffer, &source);
        desk->current = node;
        detector_receive(node->detector->detector, buffer->packet + SEAL_HEADER_BYTES,
                         buffer->payload_bytes, &source, now_ns, &desk->outbox);
        desk_touch(desk, id);
    }
    desk_return(desk, buffer);
}

/* ATTACH and DETACH go on to io. The queue has room for one of each per node: runtime_limits. */
static void pass_on(struct detector_role *role, const struct role_message *message) {
    bool pushed = queue_push(role->desk.to_io, message);
    ASSERT(pushed);
    role->desk.wakes |= 1u << ROLE_IO;
}

static void on_gossip_message(struct detector_role *role, const struct role_message *message) {
    struct desk *desk = &role->desk;
    struct henge_runtime *runtime = desk->runtime;
    struct henge_node *node = desk->nodes[message->node];
    switch (message->kind) {
    case ROLE_ATTACH:
        desk->nodes[message->node] =
            atomic_load_explicit(&runtime->nodes[message->node], memory_order_acquire);
        desk_touch(desk, message->node);
        pass_on(role, message);
        break;
    case ROLE_DETACH:
        desk->nodes[message->node] = NULL;
        heap_remove(&desk->timers, message->node);
        pass_on(role, message);
        break;
    default:
        if (node) {
            detector_node_message(node->detector, message);
            desk_touch(desk, message->node);
        }
    }
}

static uint32_t drain(struct detector_role *role, uint64_t now_ns) {
    struct role_queues *queues = &role->desk.runtime->queues;
    struct role_message message;
    uint32_t count = desk_collect(&role->desk);
    for (uint32_t i = 0; i < DETECTOR_BATCH && queue_pop(queues->gossip_to_detector, &message);
         i++) {
        on_gossip_message(role, &message);
        count++;
    }
    for (uint32_t i = 0; i < DETECTOR_BATCH && queue_pop(queues->io_to_detector, &message); i++) {
        if (message.kind == ROLE_HORIZON) {
            desk_horizon(&role->desk, message.as.time_ns);
        } else {
            on_packet(role, message.node, message.as.buffer, now_ns);
        }
        count++;
    }
    return count;
}

uint32_t detector_role_step(struct detector_role *role, uint64_t now_ns) {
    struct desk *desk = &role->desk;
    uint32_t count = drain(role, now_ns);
    desk_touch_due(desk, now_ns);
    count += desk->touched_count;
    for (uint32_t i = 0; i < desk->touched_count; i++) {
        uint32_t id = desk->touched[i];
        struct henge_node *node = desk->nodes[id];
        desk->is_touched[id] = false;
        if (!node) {
            continue;
        }
        desk->current = node;
        detector_node_step(node->detector, now_ns, desk->horizon_ns, &desk->outbox);
        desk_timer(desk, id, detector_deadline(node->detector->detector),
                   detector_wants_horizon(node->detector->detector), now_ns);
    }
    desk->touched_count = 0;
    desk_wake(desk, ROLE_DETECTOR);
    return count;
}

uint64_t detector_role_deadline(const struct detector_role *role) {
    return heap_deadline(&role->desk.timers);
}

bool detector_role_has_input(const struct detector_role *role) {
    const struct role_queues *queues = &role->desk.runtime->queues;
    return queue_count(queues->gossip_to_detector) > 0 || queue_count(queues->io_to_detector) > 0 ||
           role->desk.touched_count > 0;
}
