/* io/stream.c - requests and answers over streams. See stream.h and stream_hub.h.
 *
 *   client   FREE -> CONNECTING -> OPEN -> CLOSING -> FREE; a connect that fails: -> FREE
 *   server   FREE -> OPEN -> CLOSING -> FREE
 *
 * What is owed to the sink (script, end) is told in one place, `finish`, when the transport has
 * said that the stream is gone; only a script that is all sealed is given back earlier.
 *
 * Deadlines count from the step after something moved: the hub has no clock of its own, and the
 * time of the last step may be as old as the sleep that the movement ended. */
#include "io/stream.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "io/stream_hub.h"
#include "io/transport_table.h"

/* Clients that have yet to prove that they hold the key may have this share of all streams. Beyond
 * it the oldest of them goes: honest ones need one round trip, so they are seldom the oldest. */
enum { HALF_OPEN_SHARE = 2 };

static uint32_t half_open_max(const struct stream_hub *hub) {
    uint32_t share = hub->settings.streams_max / HALF_OPEN_SHARE;
    return share > 0 ? share : 1;
}

static bool allocate_parts(struct stream_hub *hub) {
    const struct stream_hub_settings *settings = &hub->settings;
    struct memory *memory = hub->memory;
    hub->streams = memory_alloc_array(memory, settings->streams_max, sizeof(struct hub_stream),
                                      HENGE_MEMORY_NET);
    hub->area = memory_alloc(memory, (size_t)settings->streams_max * 2 * STREAM_BUFFER_BYTES,
                             HENGE_MEMORY_NET);
    hub->in_use =
        memory_alloc_array(memory, settings->endpoints_max, sizeof(uint32_t), HENGE_MEMORY_NET);
    if (hub->streams == NULL || hub->area == NULL || hub->in_use == NULL ||
        !buffer_pool_init(&hub->pool, memory, settings->buffers, 0) ||
        !heap_init(&hub->deadlines, memory, settings->streams_max)) {
        return false;
    }
    for (uint32_t i = 0; i < settings->streams_max; i++) {
        struct hub_stream *stream = &hub->streams[i];
        list_init(&stream->touched);
        list_init(&stream->work);
        list_init(&stream->waiting);
        list_init(&stream->half_open);
    }
    return true;
}

struct stream_hub *stream_hub_create(const struct stream_hub_settings *settings,
                                     const struct stream_sink *sink, struct memory *memory) {
    ASSERT(settings->streams_max > 0 && settings->buffers > 0 && settings->endpoints_max > 0);
    struct stream_hub *hub = memory_alloc_zeroed(memory, sizeof(*hub), HENGE_MEMORY_NET);
    if (hub == NULL) {
        return NULL;
    }
    hub->settings = *settings;
    hub->sink = *sink;
    hub->memory = memory;
    list_init(&hub->touched);
    list_init(&hub->to_write);
    list_init(&hub->waiting);
    list_init(&hub->half_open);
    if (!allocate_parts(hub)) {
        stream_hub_destroy(hub);
        return NULL;
    }
    return hub;
}

void stream_hub_destroy(struct stream_hub *hub) {
    struct memory *memory = hub->memory;
    const struct stream_hub_settings settings = hub->settings;
    heap_deinit(&hub->deadlines, memory);
    buffer_pool_deinit(&hub->pool, memory);
    memory_release(memory, hub->in_use, settings.endpoints_max * sizeof(uint32_t),
                   HENGE_MEMORY_NET);
    memory_release(memory, hub->area, (size_t)settings.streams_max * 2 * STREAM_BUFFER_BYTES,
                   HENGE_MEMORY_NET);
    memory_release(memory, hub->streams, settings.streams_max * sizeof(struct hub_stream),
                   HENGE_MEMORY_NET);
    memory_release(memory, hub, sizeof(*hub), HENGE_MEMORY_NET);
}

static uint32_t slot_of(const struct stream_hub *hub, const struct hub_stream *stream) {
    return (uint32_t)(stream - hub->streams);
}

/* NULL for a stream that the hub does not have (any more). */
static struct hub_stream *find(struct stream_hub *hub, uint32_t id) {
    uint32_t slot = stream_id_slot(id);
    if (slot >= hub->settings.streams_max) {
        return NULL;
    }
    struct hub_stream *stream = &hub->streams[slot];
    return stream->state != HUB_FREE && stream->id == id ? stream : NULL;
}

/* NULL when the transport has more streams than the hub. */
static struct hub_stream *begin(struct stream_hub *hub, uint32_t id, uint32_t endpoint,
                                const struct henge_address *peer, enum hub_state state) {
    uint32_t slot = stream_id_slot(id);
    ASSERT(endpoint < hub->settings.endpoints_max);
    if (slot >= hub->settings.streams_max) {
        return NULL;
    }
    struct hub_stream *stream = &hub->streams[slot];
    ASSERT(stream->state == HUB_FREE); /* a slot comes again after on_closed only */
    uint8_t *in = hub->area + (size_t)slot * 2 * STREAM_BUFFER_BYTES;
    *stream = (struct hub_stream){.id = id,
                                  .endpoint = endpoint,
                                  .state = state,
                                  .peer = *peer,
                                  .in = in,
                                  .out = in + STREAM_BUFFER_BYTES};
    list_init(&stream->touched);
    list_init(&stream->work);
    list_init(&stream->waiting);
    list_init(&stream->half_open);
    hub->in_use[endpoint]++;
    hub_touch(hub, stream);
    return stream;
}

void hub_touch(struct stream_hub *hub, struct hub_stream *stream) {
    list_remove(&stream->touched);
    list_insert_last(&hub->touched, &stream->touched);
}

void hub_script_done(struct stream_hub *hub, struct hub_stream *stream) {
    if (stream->script != NULL) {
        stream->script = NULL;
        hub->sink.on_script_done(hub->sink.context, stream->endpoint, stream->lane,
                                 stream->script_token);
    }
}

static void leave_half_open(struct stream_hub *hub, struct hub_stream *stream) {
    if (stream->is_half_open) {
        stream->is_half_open = false;
        hub->half_open_count--;
        list_remove(&stream->half_open);
    }
}

void hub_authenticated(struct stream_hub *hub, struct hub_stream *stream) {
    leave_half_open(hub, stream);
    hub_touch(hub, stream);
}

/* Takes it out of everything that could make it move again. */
static void retire(struct stream_hub *hub, struct hub_stream *stream) {
    leave_half_open(hub, stream);
    list_remove(&stream->touched);
    list_remove(&stream->work);
    list_remove(&stream->waiting);
    heap_remove(&hub->deadlines, slot_of(hub, stream));
    if (stream->refused != NULL) {
        stream_buffer_give(hub, stream->refused);
        stream->refused = NULL;
    }
}

void hub_close(struct stream_hub *hub, struct hub_stream *stream, bool is_good) {
    if (stream->state == HUB_CLOSING) {
        return;
    }
    retire(hub, stream);
    stream->state = HUB_CLOSING;
    stream->is_good = is_good;
    stream_close(hub->settings.transport, stream->id);
}

/* The transport has no such stream any more. */
static void finish(struct stream_hub *hub, struct hub_stream *stream) {
    retire(hub, stream);
    const struct hub_stream ended = *stream;
    stream->state = HUB_FREE;
    hub->in_use[ended.endpoint]--;
    if (ended.script != NULL) {
        hub->sink.on_script_done(hub->sink.context, ended.endpoint, ended.lane, ended.script_token);
    }
    hub->sink.on_stream_ended(hub->sink.context, ended.endpoint, ended.id, ended.lane,
                              ended.request_token, !ended.is_good);
}

static void lend_script(struct hub_stream *stream, uint8_t lane, const uint8_t *script,
                        size_t script_bytes, uint64_t script_token) {
    ASSERT(script != NULL);
    stream->has_script = true;
    stream->script = script;
    stream->script_bytes = script_bytes;
    stream->script_token = script_token;
    stream->lane = lane;
}

bool stream_request(struct stream_hub *hub, uint32_t endpoint, const struct henge_address *peer,
                    uint64_t destination_generation, uint8_t lane, const uint8_t *script,
                    size_t script_bytes, uint64_t script_token, uint64_t request_token) {
    uint32_t id = stream_connect(hub->settings.transport, endpoint, peer);
    if (id == TRANSPORT_NO_STREAM) {
        return false;
    }
    struct hub_stream *stream = begin(hub, id, endpoint, peer, HUB_CONNECTING);
    if (stream == NULL) {
        stream_close(hub->settings.transport, id);
        return false;
    }
    lend_script(stream, lane, script, script_bytes, script_token);
    stream->destination_generation = destination_generation;
    stream->request_token = request_token;
    return true;
}

bool stream_answer(struct stream_hub *hub, uint32_t id, uint8_t lane, const uint8_t *script,
                   size_t script_bytes, uint64_t script_token) {
    struct hub_stream *stream = find(hub, id);
    if (stream == NULL || !stream->is_server || stream->state != HUB_OPEN || stream->has_script) {
        return false;
    }
    lend_script(stream, lane, script, script_bytes, script_token);
    list_insert_last(&hub->to_write, &stream->work); /* written in the next step */
    return true;
}

void stream_abort(struct stream_hub *hub, uint32_t id) {
    struct hub_stream *stream = find(hub, id);
    if (stream != NULL) {
        hub_close(hub, stream, false);
    }
}

void stream_buffer_give(struct stream_hub *hub, struct buffer *buffer) {
    ASSERT(buffer->home == &hub->pool);
    buffer_give(buffer);
}

/* Those that wait now; whoever is refused again stands behind the mark, for the next time. */
static void pump_waiting(struct stream_hub *hub) {
    struct list_link mark;
    hub->is_short_of_buffers = false;
    list_insert_last(&hub->waiting, &mark);
    while (hub->waiting.next != &mark) {
        struct hub_stream *stream = LIST_ITEM(hub->waiting.next, struct hub_stream, waiting);
        list_remove(&stream->waiting);
        hub_pump_in(hub, stream);
    }
    list_remove(&mark);
}

void stream_hub_resume(struct stream_hub *hub) {
    pump_waiting(hub);
}

void stream_hub_accepted(struct stream_hub *hub, uint32_t endpoint, uint32_t id,
                         const struct henge_address *peer) {
    if (hub->half_open_count >= half_open_max(hub)) {
        hub_close(hub, LIST_ITEM(hub->half_open.next, struct hub_stream, half_open), false);
    }
    struct hub_stream *stream = begin(hub, id, endpoint, peer, HUB_OPEN);
    if (stream == NULL) {
        stream_close(hub->settings.transport, id);
        return;
    }
    stream->is_server = true;
    stream->is_half_open = true;
    hub->half_open_count++;
    list_insert_last(&hub->half_open, &stream->half_open);
    hub_pump_in(hub, stream);
}

void stream_hub_connected(struct stream_hub *hub, uint32_t id, int error) {
    struct hub_stream *stream = find(hub, id);
    if (stream == NULL) {
        return;
    }
    if (error != 0) {
        finish(hub, stream);
        return;
    }
    stream->state = HUB_OPEN;
    hub_touch(hub, stream);
    hub_pump_in(hub, stream);
    hub_pump_out(hub, stream);
}

void stream_hub_read(struct stream_hub *hub, uint32_t id, int32_t bytes) {
    struct hub_stream *stream = find(hub, id);
    if (stream == NULL || stream->state != HUB_OPEN) {
        return;
    }
    stream->is_reading = false;
    if (bytes <= 0) {
        /* The server's close ends a request well, if there was an answer and it is whole. */
        hub_close(hub, stream,
                  bytes == 0 && !stream->is_server && stream->frames > 0 && stream->in_bytes == 0);
        return;
    }
    stream->in_bytes += (uint32_t)bytes;
    ASSERT(stream->in_bytes <= STREAM_BUFFER_BYTES);
    /* Bytes of a client that has not shown the key do not prolong its time. */
    if (!stream->is_half_open) {
        hub_touch(hub, stream);
    }
    hub_pump_in(hub, stream);
}

void stream_hub_written(struct stream_hub *hub, uint32_t id, int32_t bytes) {
    struct hub_stream *stream = find(hub, id);
    if (stream == NULL || stream->state != HUB_OPEN) {
        return;
    }
    stream->is_writing = false;
    if (bytes <= 0) {
        /* A server may answer and close before it has heard all: what it said is still read. */
        stream->cannot_write = true;
        if (stream->is_server) {
            hub_close(hub, stream, false);
        }
        return;
    }
    stream->out_start += (uint32_t)bytes;
    hub_touch(hub, stream);
    hub_pump_out(hub, stream);
}

void stream_hub_closed(struct stream_hub *hub, uint32_t id) {
    struct hub_stream *stream = find(hub, id);
    if (stream != NULL) {
        finish(hub, stream);
    }
}

static uint64_t time_allowed_ns(const struct hub_stream *stream) {
    if (stream->state == HUB_CONNECTING) {
        return STREAM_CONNECT_MS * NS_PER_MS;
    }
    return (stream->is_half_open ? STREAM_FIRST_FRAME_MS : STREAM_IDLE_MS) * NS_PER_MS;
}

void stream_hub_step(struct stream_hub *hub, uint64_t now_ns) {
    while (!list_is_empty(&hub->to_write)) {
        struct hub_stream *stream = LIST_ITEM(hub->to_write.next, struct hub_stream, work);
        list_remove(&stream->work);
        hub_touch(hub, stream);
        hub_pump_out(hub, stream);
    }
    while (!list_is_empty(&hub->touched)) {
        struct hub_stream *stream = LIST_ITEM(hub->touched.next, struct hub_stream, touched);
        list_remove(&stream->touched);
        heap_set(&hub->deadlines, slot_of(hub, stream), now_ns + time_allowed_ns(stream));
    }
    while (heap_deadline(&hub->deadlines) <= now_ns) {
        hub_close(hub, &hub->streams[heap_top(&hub->deadlines)], false);
    }
    if (hub->is_short_of_buffers && hub->pool.free_count > 0) {
        pump_waiting(hub);
    }
}

uint64_t stream_hub_deadline(const struct stream_hub *hub) {
    bool is_due = !list_is_empty(&hub->touched) || !list_is_empty(&hub->to_write) ||
                  (hub->is_short_of_buffers && hub->pool.free_count > 0);
    return is_due ? 0 : heap_deadline(&hub->deadlines);
}

bool stream_hub_is_using(const struct stream_hub *hub, uint32_t endpoint) {
    return hub->in_use[endpoint] > 0;
}
