/* io/proactor_stream.c - streams of the shared bookkeeping. See proactor.h.
 *
 * A slot comes again only after its end was reported, each time with a new generation in its id. */
#include "core/base/assert.h"
#include "io/proactor.h"
#include <errno.h>

bool proactor_streams_init(struct proactor *proactor) {
    uint32_t count = proactor->transport.settings.streams_max;
    proactor->streams = memory_alloc_array(proactor->transport.memory, count,
                                           sizeof(struct proactor_stream), HENGE_MEMORY_NET);
    if (proactor->streams == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct proactor_stream *stream = &proactor->streams[i];
        stream->id = stream_id_of(i, 0);
        list_init(&stream->finished);
        list_init(&stream->sibling);
        list_insert_last(&proactor->streams_free, &stream->work);
    }
    return true;
}

static uint32_t slot_of(const struct proactor_stream *stream) {
    return stream_id_slot(stream->id);
}

void proactor_streams_deinit(struct proactor *proactor) {
    uint32_t count = proactor->transport.settings.streams_max;
    for (uint32_t i = 0; i < count; i++) {
        if (proactor->streams[i].state != STREAM_FREE) {
            proactor->driver->stream_release(proactor, i);
        }
    }
    memory_release(proactor->transport.memory, proactor->streams,
                   count * sizeof(struct proactor_stream), HENGE_MEMORY_NET);
    proactor->streams = NULL;
}

/* NULL when streams_max are open. */
static struct proactor_stream *take(struct proactor *proactor, uint32_t endpoint,
                                    const struct henge_address *peer, enum stream_state state) {
    if (list_is_empty(&proactor->streams_free)) {
        proactor->transport.counters.streams_refused++;
        return NULL;
    }
    struct proactor_stream *stream =
        LIST_ITEM(proactor->streams_free.next, struct proactor_stream, work);
    list_remove(&stream->work);
    stream->id = stream_id_of(slot_of(stream), (stream->id >> 16) + 1);
    stream->state = state;
    stream->endpoint = endpoint;
    stream->peer = *peer;
    stream->pending = 0;
    stream->finished_bits = 0;
    stream->is_announced = false;
    list_insert_last(&proactor->endpoints[endpoint].streams, &stream->sibling);
    return stream;
}

static void give_back(struct proactor *proactor, struct proactor_stream *stream) {
    proactor->driver->stream_release(proactor, slot_of(stream));
    stream->state = STREAM_FREE;
    list_remove(&stream->sibling);
    list_remove(&stream->finished);
    list_remove(&stream->work);
    list_insert_last(&proactor->streams_free, &stream->work);
    proactor_endpoint_settle(proactor, stream->endpoint);
}

static void finish(struct proactor *proactor, struct proactor_stream *stream, uint32_t operation) {
    stream->pending &= ~operation;
    stream->finished_bits |= operation;
    list_remove(&stream->finished);
    list_insert_last(&proactor->streams_finished, &stream->finished);
}

struct proactor_stream *proactor_stream_find(struct proactor *proactor, uint32_t id) {
    uint32_t slot = stream_id_slot(id);
    if (slot >= proactor->transport.settings.streams_max) {
        return NULL;
    }
    struct proactor_stream *stream = &proactor->streams[slot];
    return stream->id == id && stream->state != STREAM_FREE ? stream : NULL;
}

struct proactor_stream *proactor_accepted(struct proactor *proactor, uint32_t endpoint,
                                          const struct henge_address *peer) {
    struct proactor_stream *stream = take(proactor, endpoint, peer, STREAM_OPEN);
    if (stream != NULL) {
        finish(proactor, stream, OPERATION_ACCEPT);
    }
    return stream;
}

void proactor_connected(struct proactor *proactor, struct proactor_stream *stream, int error) {
    ASSERT(stream->state == STREAM_CONNECTING);
    stream->connect_error = error;
    finish(proactor, stream, OPERATION_CONNECT);
}

uint32_t proactor_stream_connect(struct transport *transport, uint32_t endpoint,
                                 const struct henge_address *peer) {
    struct proactor *proactor = proactor_of(transport);
    if (proactor_endpoint_state(proactor, endpoint) != ENDPOINT_ATTACHED) {
        return TRANSPORT_NO_STREAM;
    }
    struct proactor_stream *stream = take(proactor, endpoint, peer, STREAM_CONNECTING);
    if (stream == NULL) {
        return TRANSPORT_NO_STREAM;
    }
    stream->is_announced = true;
    int error = proactor->driver->stream_connect(proactor, slot_of(stream));
    if (error != EINPROGRESS) {
        proactor_connected(proactor, stream, error);
    }
    return stream->id;
}

void proactor_stream_ready(struct proactor *proactor, struct proactor_stream *stream) {
    if (stream->pending != 0) {
        list_remove(&stream->work);
        list_insert_last(&proactor->stream_work, &stream->work);
    }
}

void proactor_stream_read(struct transport *transport, uint32_t id, uint8_t *into, uint32_t bytes) {
    struct proactor *proactor = proactor_of(transport);
    struct proactor_stream *stream = proactor_stream_find(proactor, id);
    if (stream == NULL || stream->state != STREAM_OPEN) {
        return;
    }
    ASSERT(((stream->pending | stream->finished_bits) & OPERATION_READ) == 0);
    stream->pending |= OPERATION_READ;
    stream->read_into = into;
    stream->read_bytes = bytes;
    proactor_stream_ready(proactor, stream);
}

void proactor_stream_write(struct transport *transport, uint32_t id, const uint8_t *from,
                           uint32_t bytes) {
    struct proactor *proactor = proactor_of(transport);
    struct proactor_stream *stream = proactor_stream_find(proactor, id);
    if (stream == NULL || stream->state != STREAM_OPEN) {
        return;
    }
    ASSERT(((stream->pending | stream->finished_bits) & OPERATION_WRITE) == 0);
    stream->pending |= OPERATION_WRITE;
    stream->write_from = from;
    stream->write_bytes = bytes;
    proactor_stream_ready(proactor, stream);
}

void proactor_stream_try(struct proactor *proactor, struct proactor_stream *stream,
                         uint32_t operations) {
    /* Writes first: a peer that waits for them may have something to read for us in return. */
    if ((stream->pending & operations & OPERATION_WRITE) != 0) {
        int32_t result = proactor->driver->stream_write(proactor, slot_of(stream));
        if (result != -EAGAIN) {
            stream->write_result = result;
            finish(proactor, stream, OPERATION_WRITE);
        }
    }
    if ((stream->pending & operations & OPERATION_READ) != 0) {
        int32_t result = proactor->driver->stream_read(proactor, slot_of(stream));
        if (result != -EAGAIN) {
            stream->read_result = result;
            finish(proactor, stream, OPERATION_READ);
        }
    }
}

static void close_stream(struct proactor *proactor, struct proactor_stream *stream) {
    if (stream->state == STREAM_CLOSING) {
        return;
    }
    /* What was begun to be written and fits is still delivered. */
    proactor_stream_try(proactor, stream, OPERATION_WRITE);
    stream->state = STREAM_CLOSING;
    stream->pending = 0;
    list_remove(&stream->work);
    finish(proactor, stream, OPERATION_CLOSE);
}

void proactor_stream_close(struct transport *transport, uint32_t id) {
    struct proactor *proactor = proactor_of(transport);
    struct proactor_stream *stream = proactor_stream_find(proactor, id);
    if (stream != NULL) {
        close_stream(proactor, stream);
    }
}

void proactor_streams_close(struct proactor *proactor, uint32_t endpoint) {
    struct list_link *head = &proactor->endpoints[endpoint].streams;
    for (struct list_link *link = head->next; link != head; link = link->next) {
        close_stream(proactor, LIST_ITEM(link, struct proactor_stream, sibling));
    }
}

/* Ends: an operation that is tried either finishes or waits for the driver, and new ones are only
 * begun by callbacks, of which there are none here. */
void proactor_streams_try(struct proactor *proactor) {
    while (!list_is_empty(&proactor->stream_work)) {
        struct proactor_stream *stream =
            LIST_ITEM(proactor->stream_work.next, struct proactor_stream, work);
        list_remove(&stream->work);
        proactor_stream_try(proactor, stream, OPERATION_READ | OPERATION_WRITE);
    }
}

static void report_closed(struct proactor *proactor, struct proactor_stream *stream) {
    const struct transport_sink *sink = &proactor->transport.sink;
    uint32_t id = stream->id;
    bool is_announced = stream->is_announced;
    give_back(proactor, stream);
    if (is_announced) {
        proactor->delivered++;
        sink->on_closed(sink->context, id);
    }
}

static void report_connected(struct proactor *proactor, struct proactor_stream *stream) {
    const struct transport_sink *sink = &proactor->transport.sink;
    uint32_t id = stream->id;
    int error = stream->connect_error;
    if (error == 0) {
        stream->state = STREAM_OPEN;
    } else {
        give_back(proactor, stream);
    }
    proactor->delivered++;
    sink->on_connected(sink->context, id, error);
}

static void report_open(struct proactor *proactor, struct proactor_stream *stream,
                        uint32_t operation) {
    const struct transport_sink *sink = &proactor->transport.sink;
    proactor->delivered++;
    switch (operation) {
    case OPERATION_ACCEPT: {
        struct henge_address peer = stream->peer;
        stream->is_announced = true;
        sink->on_accepted(sink->context, stream->endpoint, stream->id, &peer);
        break;
    }
    case OPERATION_READ:
        sink->on_read(sink->context, stream->id, stream->read_result);
        break;
    default:
        ASSERT(operation == OPERATION_WRITE);
        sink->on_written(sink->context, stream->id, stream->write_result);
    }
}

/* One completion at a time: a callback may close the stream, and then only its end is reported. */
static void report(struct proactor *proactor, struct proactor_stream *stream) {
    static const uint32_t order[] = {OPERATION_ACCEPT, OPERATION_WRITE, OPERATION_READ};
    if (stream->state == STREAM_CLOSING) {
        report_closed(proactor, stream);
        return;
    }
    if (stream->state == STREAM_CONNECTING) {
        stream->finished_bits = 0;
        report_connected(proactor, stream);
        return;
    }
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (stream->state == STREAM_OPEN && (stream->finished_bits & order[i]) != 0) {
            stream->finished_bits &= ~order[i];
            report_open(proactor, stream, order[i]);
        }
    }
}

void proactor_streams_report(struct proactor *proactor) {
    struct list_link now;
    list_take_all(&proactor->streams_finished, &now);
    while (!list_is_empty(&now)) {
        struct proactor_stream *stream = LIST_ITEM(now.next, struct proactor_stream, finished);
        list_remove(&stream->finished);
        report(proactor, stream);
    }
}
