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

static void on_refused(struct detector_role *role, uint32_t id, const struct henge_address *peer,
                       uint64_t now_ns) {
    struct henge_node *node = role->desk.nodes[id];
    if (node) {
        detector_refused(node->detector->detector, peer, now_ns);
        desk_touch(&role->desk, id);
    }
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
        if (node) {
            /* The rest of it ends on the gossip thread, these are shared on this one. */
            detector_peers_clear(node->detector->detector);
        }
        desk->nodes[message->node] = NULL;
        desk_timer_forget(desk, message->node);
        pass_on(role, message);
        break;
    default:
        if (node) {
            detector_node_message(node->detector, message);
            desk_touch(desk, message->node);
        }
    }
}

static void on_io_message(struct detector_role *role, const struct role_message *message,
                          uint64_t now_ns) {
    struct henge_node *node = role->desk.nodes[message->node];
    switch (message->kind) {
    case ROLE_PACKET:
        on_packet(role, message->node, message->as.buffer, now_ns);
        break;
    case ROLE_HORIZON:
        desk_horizon(&role->desk, message->as.time_ns);
        break;
    case ROLE_REFUSED:
        on_refused(role, message->node, &message->as.address, now_ns);
        break;
    case ROLE_SCRIPT_DONE:
        if (node) {
            detector_node_message(node->detector, message);
        }
        break;
    case ROLE_STREAM_ENDED:
        break; /* a stream probe that fails is one that is not answered */
    default:
        ASSERT(false && "a message that io does not send to the detector");
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
        on_io_message(role, &message, now_ns);
        count++;
    }
    return count;
}

/* How this thread fares, seen before any ack is missed. */
static void look_at_self(struct detector_role *role, uint64_t now_ns) {
    struct desk *desk = &role->desk;
    uint64_t due_ns = heap_deadline(&desk->timers);
    uint32_t waiting = (uint32_t)queue_count(desk->runtime->queues.io_to_detector);
    uint32_t quota = desk->runtime->limits.received_quota[BUFFER_HOLDER_DETECTOR];
    uint64_t before_ns = clock_monotonic_ns();
    uint64_t boot_ns = clock_boot_ns();
    uint64_t gap_ns = suspend_watch_gap(&role->suspend, before_ns, boot_ns, clock_monotonic_ns());
    role->lateness_ns = now_ns > due_ns ? now_ns - due_ns : 0;
    role->inbox_permille = (uint32_t)((uint64_t)waiting * 1000 / quota);
    for (uint32_t id = 0; gap_ns > 0 && id < desk->runtime->limits.nodes; id++) {
        if (desk->nodes[id]) {
            detector_suspended(desk->nodes[id]->detector->detector, gap_ns);
            desk_touch(desk, id);
        }
    }
}

static void strain_tell(const struct detector_role *role, struct henge_node *node) {
    uint64_t drops = counter_get(&node->io.dropped_kernel);
    detector_strain(node->detector->detector, role->lateness_ns, role->inbox_permille,
                    drops - node->drops_told);
    node->drops_told = drops;
}

uint32_t detector_role_step(struct detector_role *role, uint64_t now_ns) {
    struct desk *desk = &role->desk;
    look_at_self(role, now_ns);
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
        strain_tell(role, node);
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
