/* core/runtime/io_role_out.c - the io role: what the other two have given to be done. */
#include "core/base/assert.h"
#include "core/base/log.h"
#include "core/runtime/desk.h"
#include "core/runtime/io_role_internal.h"
#include "membership/outbox.h"

#define IO_DROPS_LOOK_NS (1 * NS_PER_S)

enum { IO_BATCH = 256 }; /* messages of each queue per turn: else sends starve receives */

void io_role_wake_others(struct io_role *role) {
    struct henge_runtime *runtime = role->runtime;
    for (uint32_t other = ROLE_GOSSIP; other < ROLE_COUNT; other++) {
        if ((role->wakes & (1u << other)) &&
            runtime->thread_of[other] != runtime->thread_of[ROLE_IO]) {
            waker_wake(&runtime->thread_of[other]->waker);
        }
    }
    role->wakes = 0;
}

void io_role_send_home(struct io_role *role, struct buffer *buffer) {
    struct role_queues *queues = &role->runtime->queues;
    struct queue *home =
        buffer->holder == BUFFER_HOLDER_GOSSIP ? queues->gossip_sent : queues->detector_sent;
    bool pushed = queue_push(home, &buffer);
    ASSERT(pushed); /* as large as the pool: runtime_limits */
}

void io_role_stream_ended(struct io_role *role, struct henge_node *node, enum buffer_holder holder,
                          uint64_t request_token, bool failed) {
    struct role_message message = {.kind = ROLE_STREAM_ENDED, .node = node->id, .flag = failed};
    message.as.token = request_token;
    io_role_tell(role, holder, &message);
}

static void script_done(struct io_role *role, enum buffer_holder holder, uint32_t node,
                        uint64_t script_token) {
    struct role_message message = {.kind = ROLE_SCRIPT_DONE, .node = node};
    message.as.token = script_token;
    io_role_tell(role, holder, &message);
}

static void send_datagram(struct io_role *role, const struct role_message *message) {
    struct buffer *buffer = message->as.buffer;
    struct henge_node *node = role->nodes[message->node];
    if (!node || role->is_closing[message->node]) {
        io_role_send_home(role, buffer);
        return;
    }
    buffer->packet_bytes =
        (uint32_t)seal_close(&role->runtime->keyring, &node->sender, buffer->packet,
                             buffer->payload_bytes, buffer->lane, buffer->destination_generation);
    if (!transport_send(role->runtime->transport, buffer)) {
        counter_add(&node->io.dropped_send, 1);
        io_role_send_home(role, buffer);
        return;
    }
    counter_add(&node->io.packets_sent, 1);
    counter_add(&node->io.bytes_sent, buffer->packet_bytes);
}

static uint8_t lane_of(enum buffer_holder holder) {
    return holder == BUFFER_HOLDER_DETECTOR ? LANE_DETECTOR : LANE_GOSSIP;
}

static void request_stream(struct io_role *role, enum buffer_holder from,
                           const struct role_message *message) {
    struct henge_node *node = role->nodes[message->node];
    uint64_t request_token = message->as.request.request_token;
    ASSERT(node); /* only an attached node's halves ask */
    if (!role->is_closing[message->node] &&
        stream_request(role->hub, node->endpoint, &message->as.request.address,
                       message->as.request.generation, lane_of(from), message->as.request.script,
                       message->as.request.script_bytes, message->as.request.script_token,
                       request_token)) {
        counter_add(&node->io.streams_opened, 1);
        return;
    }
    counter_add(&node->io.streams_failed, 1);
    script_done(role, from, node->id, message->as.request.script_token);
    if (request_token != 0) {
        io_role_stream_ended(role, node, from, request_token, true);
    }
}

static void answer_stream(struct io_role *role, enum buffer_holder from,
                          const struct role_message *message) {
    struct henge_node *node = role->nodes[message->node];
    if (!node || !stream_answer(role->hub, message->as.answer.stream, lane_of(from),
                                message->as.answer.script, message->as.answer.script_bytes,
                                message->as.answer.script_token)) {
        script_done(role, from, message->node, message->as.answer.script_token);
    }
}

static void attach(struct io_role *role, uint32_t id) {
    struct henge_runtime *runtime = role->runtime;
    struct henge_node *node = atomic_load_explicit(&runtime->nodes[id], memory_order_acquire);
    role->nodes[id] = node;
    role->is_closing[id] = false;
    role->is_closed[id] = false;
    bool mapped = map_set(&role->endpoints, node->endpoint, id);
    ASSERT(mapped); /* made with room for all nodes */
    if (endpoint_attach(runtime->transport, node->endpoint) != HENGE_OK) {
        log_write(&runtime->log, HENGE_LOG_ERROR, "%s: the transport cannot attach its sockets",
                  node->config.name);
    }
    struct role_message message = {.kind = ROLE_ATTACHED, .node = id};
    io_role_tell(role, BUFFER_HOLDER_GOSSIP, &message);
}

static void detach(struct io_role *role, uint32_t id) {
    role->is_closing[id] = true;
    role->closing_count++;
    endpoint_close(role->runtime->transport, role->nodes[id]->endpoint);
}

/* A node goes when its endpoint is closed and no stream of it is left. */
static void detach_finish(struct io_role *role) {
    for (uint32_t id = 0; id < role->runtime->limits.nodes && role->closing_count > 0; id++) {
        struct henge_node *node = role->nodes[id];
        if (node && role->is_closed[id] && !stream_hub_is_using(role->hub, node->endpoint)) {
            map_remove(&role->endpoints, node->endpoint);
            role->nodes[id] = NULL;
            role->closing_count--;
            struct role_message message = {.kind = ROLE_DETACHED, .node = id};
            io_role_tell(role, BUFFER_HOLDER_GOSSIP, &message);
        }
    }
}

static void on_message(struct io_role *role, enum buffer_holder from,
                       const struct role_message *message) {
    switch (message->kind) {
    case ROLE_SEND:
        send_datagram(role, message);
        break;
    case ROLE_FLUSH:
        role->horizon_wanted[from] = true;
        role->horizon_turns = 0;
        break;
    case ROLE_STREAM_REQUEST:
        request_stream(role, from, message);
        break;
    case ROLE_STREAM_ANSWER:
        answer_stream(role, from, message);
        break;
    case ROLE_ATTACH:
        attach(role, message->node);
        break;
    case ROLE_DETACH:
        detach(role, message->node);
        break;
    default:
        ASSERT(false && "a message that is not for the io role");
    }
}

static uint32_t take_back(struct io_role *role, struct queue *returns, enum buffer_holder holder) {
    uint32_t count = 0;
    struct buffer *buffer;
    while (queue_pop(returns, &buffer)) {
        count++;
        if (buffer->stream != 0) {
            role->frames_held[holder]--;
            stream_buffer_give(role->hub, buffer);
        } else {
            role->held[holder]--;
            transport_recycle(role->runtime->transport, buffer);
        }
    }
    return count;
}

/* Room for both: the hub does not say whose frame it was that had to wait. */
static bool has_frames_room(const struct io_role *role) {
    const uint32_t *quota = role->runtime->limits.frames_quota;
    return role->frames_held[BUFFER_HOLDER_GOSSIP] < quota[BUFFER_HOLDER_GOSSIP] ||
           role->frames_held[BUFFER_HOLDER_DETECTOR] < quota[BUFFER_HOLDER_DETECTOR];
}

/* No wake-up of its own: where nothing arrives nothing is dropped. */
static void drops_look(struct io_role *role) {
    if (role->now_ns < role->drops_due_ns) {
        return;
    }
    role->drops_due_ns = role->now_ns + IO_DROPS_LOOK_NS;
    for (uint32_t id = 0; id < role->runtime->limits.nodes; id++) {
        struct henge_node *node = role->nodes[id];
        if (node && !role->is_closing[id]) {
            counter_set(&node->io.dropped_kernel,
                        endpoint_drops(role->runtime->transport, node->endpoint));
        }
    }
}

uint32_t io_role_step(struct io_role *role, uint64_t now_ns) {
    struct role_queues *queues = &role->runtime->queues;
    struct role_message message;
    role->now_ns = now_ns;
    uint32_t count = take_back(role, queues->gossip_returns, BUFFER_HOLDER_GOSSIP);
    count += take_back(role, queues->detector_returns, BUFFER_HOLDER_DETECTOR);
    for (uint32_t i = 0; i < IO_BATCH && queue_pop(queues->detector_to_io, &message); i++) {
        on_message(role, BUFFER_HOLDER_DETECTOR, &message);
        count++;
    }
    for (uint32_t i = 0; i < IO_BATCH && queue_pop(queues->gossip_to_io, &message); i++) {
        on_message(role, BUFFER_HOLDER_GOSSIP, &message);
        count++;
    }
    if (role->frames_refused && has_frames_room(role)) {
        role->frames_refused = false;
        stream_hub_resume(role->hub);
    }
    stream_hub_step(role->hub, now_ns);
    detach_finish(role);
    drops_look(role);
    io_role_wake_others(role);
    return count;
}

uint64_t io_role_deadline(const struct io_role *role) {
    return stream_hub_deadline(role->hub);
}

bool io_role_has_input(const struct io_role *role) {
    const struct role_queues *queues = &role->runtime->queues;
    return queue_count(queues->gossip_to_io) > 0 || queue_count(queues->detector_to_io) > 0 ||
           queue_count(queues->gossip_returns) >= DESK_RETURNS_WAKE ||
           queue_count(queues->detector_returns) >= DESK_RETURNS_WAKE;
}
