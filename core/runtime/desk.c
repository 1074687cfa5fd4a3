/* core/runtime/desk.c - see desk.h. */
#include "core/runtime/desk.h"
#include "core/base/assert.h"
#include "core/runtime/slack.h"

static uint8_t *outbox_begin(void *context, size_t *capacity_out) {
    struct desk *desk = context;
    ASSERT(!desk->open);
    desk->open = buffer_take(&desk->sends);
    if (!desk->open) {
        return NULL;
    }
    *capacity_out = desk->runtime->config.datagram_bytes - SEAL_OVERHEAD_BYTES;
    return desk->open->packet + SEAL_HEADER_BYTES;
}

static void outbox_commit(void *context, const struct packet_target *target, size_t bytes) {
    struct desk *desk = context;
    struct buffer *buffer = desk->open;
    desk->open = NULL;
    if (bytes == 0) {
        buffer_give(buffer);
        return;
    }
    buffer->payload_bytes = (uint32_t)bytes;
    buffer->peer = target->address;
    buffer->destination_generation = target->generation;
    buffer->lane = target->lane;
    buffer->stream = 0;
    buffer->holder = (uint8_t)desk->holder;
    buffer->endpoint = desk->current->endpoint;
    struct role_message message = {.kind = ROLE_SEND, .node = desk->current->id};
    message.as.buffer = buffer;
    bool pushed = queue_push(desk->to_io, &message);
    ASSERT(pushed); /* the queue is larger than the pool: runtime_limits */
    desk->wakes |= 1u << ROLE_IO;
}

/* Streams take only what the sends, ATTACH and DETACH, which must never be refused, and one FLUSH
 * leave. */
static bool has_room(const struct desk *desk) {
    uint32_t rounds = desk->holder == BUFFER_HOLDER_DETECTOR ? 2 * desk->runtime->limits.nodes : 0;
    return queue_room(desk->to_io) > desk->sends.count + rounds + 1;
}

static bool outbox_request(void *context, const struct packet_target *target, const uint8_t *script,
                           size_t script_bytes, uint64_t script_token, uint64_t request_token) {
    struct desk *desk = context;
    struct role_message message = {.kind = ROLE_STREAM_REQUEST, .node = desk->current->id};
    message.as.request.address = target->address;
    message.as.request.generation = target->generation;
    message.as.request.script = script;
    message.as.request.script_bytes = (uint32_t)script_bytes;
    message.as.request.script_token = script_token;
    message.as.request.request_token = request_token;
    desk->wakes |= 1u << ROLE_IO;
    return has_room(desk) && queue_push(desk->to_io, &message);
}

static bool outbox_answer(void *context, uint32_t stream, const uint8_t *script,
                          size_t script_bytes, uint64_t script_token) {
    struct desk *desk = context;
    struct role_message message = {.kind = ROLE_STREAM_ANSWER, .node = desk->current->id};
    message.as.answer.stream = stream;
    message.as.answer.script = script;
    message.as.answer.script_bytes = (uint32_t)script_bytes;
    message.as.answer.script_token = script_token;
    desk->wakes |= 1u << ROLE_IO;
    return has_room(desk) && queue_push(desk->to_io, &message);
}

bool desk_init(struct desk *desk, struct henge_runtime *runtime, enum buffer_holder holder,
               struct queue *to_io, struct queue *returns, struct queue *sent) {
    struct memory *memory = &runtime->memory;
    uint32_t nodes = runtime->limits.nodes;
    *desk = (struct desk){.runtime = runtime,
                          .holder = holder,
                          .to_io = to_io,
                          .returns = returns,
                          .sent = sent,
                          .outbox = {.begin = outbox_begin,
                                     .commit = outbox_commit,
                                     .stream_request = outbox_request,
                                     .stream_answer = outbox_answer}};
    desk->outbox.context = desk;
    desk->nodes = memory_alloc_array(memory, nodes, sizeof(*desk->nodes), HENGE_MEMORY_CORE);
    desk->touched = memory_alloc_array(memory, nodes, sizeof(*desk->touched), HENGE_MEMORY_CORE);
    desk->is_touched =
        memory_alloc_array(memory, nodes, sizeof(*desk->is_touched), HENGE_MEMORY_CORE);
    desk->deadlines_ns =
        memory_alloc_array(memory, nodes, sizeof(*desk->deadlines_ns), HENGE_MEMORY_CORE);
    for (uint32_t node = 0; desk->deadlines_ns && node < nodes; node++) {
        desk->deadlines_ns[node] = TIME_NEVER;
    }
    return desk->nodes && desk->touched && desk->is_touched && desk->deadlines_ns &&
           heap_init(&desk->timers, memory, nodes) &&
           buffer_pool_init(&desk->sends, memory, runtime->limits.sends, 0);
}

void desk_deinit(struct desk *desk) {
    struct memory *memory = &desk->runtime->memory;
    uint32_t nodes = desk->runtime->limits.nodes;
    buffer_pool_deinit(&desk->sends, memory);
    heap_deinit(&desk->timers, memory);
    memory_release(memory, desk->nodes, nodes * sizeof(*desk->nodes), HENGE_MEMORY_CORE);
    memory_release(memory, desk->touched, nodes * sizeof(*desk->touched), HENGE_MEMORY_CORE);
    memory_release(memory, desk->is_touched, nodes * sizeof(*desk->is_touched), HENGE_MEMORY_CORE);
    memory_release(memory, desk->deadlines_ns, nodes * sizeof(*desk->deadlines_ns),
                   HENGE_MEMORY_CORE);
}

void desk_touch(struct desk *desk, uint32_t node) {
    if (!desk->is_touched[node]) {
        desk->is_touched[node] = true;
        desk->touched[desk->touched_count++] = node;
    }
}

uint32_t desk_collect(struct desk *desk) {
    uint32_t count = 0;
    struct buffer *buffer;
    while (count < desk->sends.count && queue_pop(desk->sent, &buffer)) {
        buffer_give(buffer);
        count++;
    }
    return count;
}

void desk_return(struct desk *desk, struct buffer *buffer) {
    bool is_frame = buffer->stream != 0; /* asked before: io's from the push on */
    bool pushed = queue_push(desk->returns, &buffer);
    ASSERT(pushed); /* as large as all received buffers: runtime_limits */
    if (is_frame || queue_count(desk->returns) >= DESK_RETURNS_WAKE) {
        desk->wakes |= 1u << ROLE_IO;
    }
}

void desk_source(const struct buffer *buffer, struct packet_source *source) {
    *source = (struct packet_source){.address = buffer->peer,
                                     .destination_generation = buffer->destination_generation,
                                     .received_ns = buffer->received_ns,
                                     .stream = buffer->stream};
}

void desk_timer_forget(struct desk *desk, uint32_t node) {
    heap_remove(&desk->timers, node);
    desk->deadlines_ns[node] = TIME_NEVER;
}

void desk_touch_due(struct desk *desk, uint64_t now_ns) {
    while (heap_deadline(&desk->timers) <= now_ns) {
        uint32_t node = heap_top(&desk->timers);
        desk_timer_forget(desk, node);
        desk_touch(desk, node);
    }
}

void desk_timer(struct desk *desk, uint32_t node, uint64_t deadline_ns, bool wants_horizon,
                uint64_t now_ns) {
    if (wants_horizon) {
        if (desk->horizon_asked_ns == 0) {
            struct role_message message = {.kind = ROLE_FLUSH, .node = node};
            if (queue_push(desk->to_io, &message)) {
                desk->horizon_asked_ns = now_ns;
                desk->wakes |= 1u << ROLE_IO;
            }
        }
        uint64_t retry_ns = now_ns + DESK_HORIZON_RETRY_NS;
        deadline_ns = deadline_ns > retry_ns ? deadline_ns : retry_ns;
    }
    if (deadline_ns == desk->deadlines_ns[node]) {
        return; /* from nearer it would have less slack, and meet fewer others */
    }
    bool is_alone = desk->timers.count <= 1;
    desk->deadlines_ns[node] = deadline_ns;
    heap_set(&desk->timers, node, is_alone ? deadline_ns : slack_deadline(deadline_ns, now_ns));
}

void desk_horizon(struct desk *desk, uint64_t time_ns) {
    desk->horizon_asked_ns = 0;
    desk->horizon_ns = time_ns > desk->horizon_ns ? time_ns : desk->horizon_ns;
    for (uint32_t node = 0; node < desk->runtime->limits.nodes; node++) {
        if (desk->nodes[node]) {
            desk_touch(desk, node);
        }
    }
}

void desk_wake(struct desk *desk, enum role_id self) {
    struct henge_runtime *runtime = desk->runtime;
    for (uint32_t role = 0; role < ROLE_COUNT; role++) {
        if ((desk->wakes & (1u << role)) && runtime->thread_of[role] != runtime->thread_of[self]) {
            waker_wake(&runtime->thread_of[role]->waker);
        }
    }
    desk->wakes = 0;
}
