/* core/runtime/io_role.c - see io_role.h: the turn, and what comes in. io_role_out.c has what goes
 * out. */
#include "core/runtime/io_role_internal.h"
#include "core/base/assert.h"
#include "membership/outbox.h"

static struct queue *queue_to(struct io_role *role, enum buffer_holder holder) {
    struct role_queues *queues = &role->runtime->queues;
    return holder == BUFFER_HOLDER_GOSSIP ? queues->io_to_gossip : queues->io_to_detector;
}

void io_role_tell(struct io_role *role, enum buffer_holder holder,
                  const struct role_message *message) {
    bool pushed = queue_push(queue_to(role, holder), message);
    ASSERT(pushed); /* larger than all that may be under way: runtime_limits */
    role->wakes |= holder == BUFFER_HOLDER_GOSSIP ? 1u << ROLE_GOSSIP : 1u << ROLE_DETECTOR;
}

struct henge_node *io_role_node(struct io_role *role, uint32_t endpoint) {
    uint32_t *id = map_find(&role->endpoints, endpoint);
    return id ? role->nodes[*id] : NULL;
}

static void packet_hand_over(struct io_role *role, struct henge_node *node, struct buffer *buffer,
                             enum buffer_holder holder) {
    struct role_message message = {.kind = ROLE_PACKET, .node = node->id};
    buffer->holder = (uint8_t)holder;
    message.as.buffer = buffer;
    io_role_tell(role, holder, &message);
}

enum buffer_holder io_role_holder_of(uint8_t lane) {
    if (lane == LANE_GOSSIP) {
        return BUFFER_HOLDER_GOSSIP;
    }
    return lane == LANE_DETECTOR ? BUFFER_HOLDER_DETECTOR : BUFFER_HOLDER_IO;
}

static bool datagram_open(struct io_role *role, struct henge_node *node, struct buffer *buffer) {
    struct seal_opened opened;
    counter_add(&node->io.packets_received, 1);
    counter_add(&node->io.bytes_received, buffer->packet_bytes);
    if (!seal_open(&role->runtime->keyring, buffer->packet, buffer->packet_bytes, &opened)) {
        counter_add(&node->io.forged, 1);
        return false;
    }
    buffer->lane = opened.lane;
    buffer->destination_generation = opened.destination_generation;
    buffer->payload_bytes = (uint32_t)opened.payload_bytes;
    buffer->stream = 0;
    return true;
}

static void on_datagram(void *context, struct buffer *buffer) {
    struct io_role *role = context;
    struct henge_node *node = io_role_node(role, buffer->endpoint);
    if (!node || !datagram_open(role, node, buffer)) {
        transport_recycle(role->runtime->transport, buffer);
        return;
    }
    enum buffer_holder holder = io_role_holder_of(buffer->lane);
    if (holder == BUFFER_HOLDER_IO) {
        counter_add(&node->io.unknown_lane, 1);
        transport_recycle(role->runtime->transport, buffer);
        return;
    }
    if (role->held[holder] >= role->runtime->limits.received_quota[holder]) {
        counter_add(&node->io.dropped_quota, 1);
        transport_recycle(role->runtime->transport, buffer);
        return;
    }
    role->held[holder]++;
    packet_hand_over(role, node, buffer, holder);
}

static bool on_frame(void *context, struct buffer *buffer) {
    struct io_role *role = context;
    struct henge_node *node = io_role_node(role, buffer->endpoint);
    enum buffer_holder holder = io_role_holder_of(buffer->lane);
    if (!node || holder == BUFFER_HOLDER_IO) {
        stream_buffer_give(role->hub, buffer);
        return true;
    }
    if (role->frames_held[holder] >= role->runtime->limits.frames_quota[holder]) {
        role->frames_refused = true;
        return false;
    }
    role->frames_held[holder]++;
    counter_add(&node->io.packets_received, 1);
    counter_add(&node->io.bytes_received, buffer->packet_bytes);
    packet_hand_over(role, node, buffer, holder);
    return true;
}

static void on_forged(void *context, uint32_t endpoint) {
    struct henge_node *node = io_role_node(context, endpoint);
    if (node) {
        counter_add(&node->io.forged, 1);
    }
}

static void on_sent(void *context, struct buffer *buffer, int error) {
    struct io_role *role = context;
    struct henge_node *node = io_role_node(role, buffer->endpoint);
    if (node && error != 0) {
        counter_add(&node->io.dropped_send, 1);
    }
    io_role_send_home(role, buffer);
}

/* Only a hint: dropped unless the detector keeps up. While fewer than IO_REFUSALS_MAX messages of
 * any kind wait, no more than that are of this kind, so packets always find their room. */
static void on_refused(void *context, uint32_t endpoint, const struct henge_address *peer) {
    struct io_role *role = context;
    struct henge_node *node = io_role_node(role, endpoint);
    if (node && queue_count(role->runtime->queues.io_to_detector) < IO_REFUSALS_MAX) {
        struct role_message message = {.kind = ROLE_REFUSED, .node = node->id};
        message.as.address = *peer;
        io_role_tell(role, BUFFER_HOLDER_DETECTOR, &message);
    }
}

static void on_accepted(void *context, uint32_t endpoint, uint32_t stream,
                        const struct henge_address *peer) {
    struct io_role *role = context;
    struct henge_node *node = io_role_node(role, endpoint);
    if (node) {
        counter_add(&node->io.streams_accepted, 1);
    }
    stream_hub_accepted(role->hub, endpoint, stream, peer);
}

static void on_connected(void *context, uint32_t stream, int error) {
    stream_hub_connected(((struct io_role *)context)->hub, stream, error);
}

static void on_read(void *context, uint32_t stream, int32_t bytes) {
    stream_hub_read(((struct io_role *)context)->hub, stream, bytes);
}

static void on_written(void *context, uint32_t stream, int32_t bytes) {
    stream_hub_written(((struct io_role *)context)->hub, stream, bytes);
}

static void on_closed(void *context, uint32_t stream) {
    stream_hub_closed(((struct io_role *)context)->hub, stream);
}

static void on_endpoint_closed(void *context, uint32_t endpoint) {
    struct io_role *role = context;
    uint32_t *id = map_find(&role->endpoints, endpoint);
    ASSERT(id);
    role->is_closed[*id] = true;
}

static void on_script_done(void *context, uint32_t endpoint, uint8_t lane, uint64_t script_token) {
    struct io_role *role = context;
    struct henge_node *node = io_role_node(role, endpoint);
    ASSERT(node); /* a node stays until no stream of it is left */
    struct role_message message = {.kind = ROLE_SCRIPT_DONE, .node = node->id};
    message.as.token = script_token;
    io_role_tell(role, io_role_holder_of(lane), &message);
}

static void on_stream_ended(void *context, uint32_t endpoint, uint32_t stream, uint8_t lane,
                            uint64_t request_token, bool failed) {
    struct io_role *role = context;
    struct henge_node *node = io_role_node(role, endpoint);
    (void)stream;
    if (!node) {
        return;
    }
    if (failed) {
        counter_add(&node->io.streams_failed, 1);
    }
    if (request_token != 0) {
        io_role_stream_ended(role, node, io_role_holder_of(lane), request_token, failed);
    }
}

static struct seal_sender *sender_of(void *context, uint32_t endpoint) {
    struct henge_node *node = io_role_node(context, endpoint);
    ASSERT(node);
    return &node->sender;
}

enum henge_status io_role_adopt(struct io_role *role) {
    struct transport_sink sink = {
        .context = role,
        .on_datagram = on_datagram,
        .on_sent = on_sent,
        .on_refused = on_refused,
        .on_accepted = on_accepted,
        .on_connected = on_connected,
        .on_read = on_read,
        .on_written = on_written,
        .on_closed = on_closed,
        .on_endpoint_closed = on_endpoint_closed,
    };
    return transport_adopt(role->runtime->transport, &sink);
}

static bool hub_create(struct io_role *role) {
    struct henge_runtime *runtime = role->runtime;
    struct stream_hub_settings settings = {.transport = runtime->transport,
                                           .keyring = &runtime->keyring,
                                           .streams_max = runtime->limits.streams,
                                           .buffers = runtime->limits.frames,
                                           .endpoints_max = runtime->limits.nodes};
    struct stream_sink sink = {.context = role,
                               .on_frame = on_frame,
                               .on_forged = on_forged,
                               .on_script_done = on_script_done,
                               .on_stream_ended = on_stream_ended,
                               .sender_of = sender_of};
    role->hub = stream_hub_create(&settings, &sink, &runtime->memory);
    return role->hub != NULL;
}

struct io_role *io_role_create(struct henge_runtime *runtime) {
    struct memory *memory = &runtime->memory;
    uint32_t nodes = runtime->limits.nodes;
    struct io_role *role = memory_alloc_zeroed(memory, sizeof(*role), HENGE_MEMORY_CORE);
    if (!role) {
        return NULL;
    }
    role->runtime = runtime;
    role->nodes = memory_alloc_array(memory, nodes, sizeof(*role->nodes), HENGE_MEMORY_CORE);
    role->is_closing =
        memory_alloc_array(memory, nodes, sizeof(*role->is_closing), HENGE_MEMORY_CORE);
    role->is_closed =
        memory_alloc_array(memory, nodes, sizeof(*role->is_closed), HENGE_MEMORY_CORE);
    if (!role->nodes || !role->is_closing || !role->is_closed ||
        !map_init(&role->endpoints, memory, 2 * nodes, HENGE_MEMORY_CORE) || !hub_create(role)) {
        io_role_destroy(role);
        return NULL;
    }
    return role;
}

void io_role_destroy(struct io_role *role) {
    struct memory *memory = &role->runtime->memory;
    uint32_t nodes = role->runtime->limits.nodes;
    if (role->hub) {
        stream_hub_destroy(role->hub);
    }
    if (role->endpoints.memory) {
        map_deinit(&role->endpoints);
    }
    memory_release(memory, role->nodes, nodes * sizeof(*role->nodes), HENGE_MEMORY_CORE);
    memory_release(memory, role->is_closing, nodes * sizeof(*role->is_closing), HENGE_MEMORY_CORE);
    memory_release(memory, role->is_closed, nodes * sizeof(*role->is_closed), HENGE_MEMORY_CORE);
    memory_release(memory, role, sizeof(*role), HENGE_MEMORY_CORE);
}

/* Tells who asked that all that was received before is handed over. */
static void horizon_grant(struct io_role *role, uint64_t now_ns, uint32_t delivered) {
    bool *wanted = role->horizon_wanted;
    if (!wanted[BUFFER_HOLDER_GOSSIP] && !wanted[BUFFER_HOLDER_DETECTOR]) {
        return;
    }
    if (role->horizon_turns++ == 0) {
        role->horizon_from_ns = now_ns;
    }
    if (delivered > 0 && role->horizon_turns < IO_HORIZON_TURNS) {
        return;
    }
    struct role_message message = {.kind = ROLE_HORIZON};
    message.as.time_ns = delivered == 0 ? now_ns : role->horizon_from_ns;
    for (int holder = BUFFER_HOLDER_GOSSIP; holder <= BUFFER_HOLDER_DETECTOR; holder++) {
        if (wanted[holder]) {
            wanted[holder] = false;
            io_role_tell(role, (enum buffer_holder)holder, &message);
        }
    }
    role->horizon_turns = 0;
}

uint32_t io_role_turn(struct io_role *role, uint64_t now_ns, uint64_t timeout_ns) {
    bool *wanted = role->horizon_wanted;
    if (wanted[BUFFER_HOLDER_GOSSIP] || wanted[BUFFER_HOLDER_DETECTOR]) {
        timeout_ns = 0;
    }
    role->now_ns = now_ns;
    uint32_t delivered = transport_turn(role->runtime->transport, now_ns, timeout_ns);
    horizon_grant(role, now_ns, delivered);
    io_role_wake_others(role);
    return delivered;
}
