/* io/uring_stream.c - byte streams: TCP connections, one read and one write under way each.
 *
 *   FREE -> CONNECTING -> OPEN -> CLOSING -> FREE      (connect)
 *   FREE -> OPEN -> CLOSING -> FREE                    (accept)
 *   CONNECTING -> FAILED -> FREE                       (refused, or no socket to be had)
 *
 * A slot is reused only after its last completion, and each use has a new generation, so a late
 * use of an id by the caller is recognised by number. */
#include "core/base/assert.h"
#include "io/socket.h"
#include "io/uring_loop.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum { DISCARDS_MAX = 64, DISCARD_BYTES = 16 * 1024 };

bool uring_streams_init(struct uring_loop *loop) {
    const uint32_t count = loop->transport.settings.streams_max;
    loop->streams = memory_alloc_array(loop->transport.memory, count, sizeof(struct uring_stream),
                                       HENGE_MEMORY_NET);
    if (loop->streams == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        loop->streams[i].id = stream_id_of(i, 0);
        list_init(&loop->streams[i].sibling);
        list_insert_last(&loop->streams_free, &loop->streams[i].work);
    }
    return true;
}

static struct uring_stream *take(struct uring_loop *loop, uint32_t endpoint, int descriptor,
                                 enum stream_state state) {
    struct uring_stream *stream = LIST_ITEM(loop->streams_free.next, struct uring_stream, work);
    list_remove(&stream->work);
    stream->id = stream_id_of(stream_id_slot(stream->id), (stream->id >> 16) + 1);
    stream->state = state;
    stream->endpoint = endpoint;
    stream->descriptor = descriptor;
    stream->error = 0;
    stream->pending = 0;
    stream->under_way = 0;
    list_insert_last(&loop->endpoints[endpoint].streams, &stream->sibling);
    return stream;
}

/* NULL for an id whose stream is gone. */
static struct uring_stream *find(struct uring_loop *loop, uint32_t id) {
    const uint32_t slot = stream_id_slot(id);
    if (slot >= loop->transport.settings.streams_max) {
        return NULL;
    }
    struct uring_stream *stream = &loop->streams[slot];
    return stream->id == id && stream->state != STREAM_FREE ? stream : NULL;
}

static void mark(struct uring_loop *loop, struct uring_stream *stream, uint32_t pending) {
    stream->pending |= pending;
    stream->under_way++;
    list_remove(&stream->work);
    list_insert_last(&loop->stream_work, &stream->work);
}

static void end(struct uring_loop *loop, struct uring_stream *stream) {
    list_remove(&stream->work);
    list_insert_last(&loop->streams_ended, &stream->work);
}

static void send_at_once(int descriptor) {
    const int yes = 1;
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

uint32_t uring_stream_connect(struct transport *transport, uint32_t endpoint,
                              const struct henge_address *peer) {
    struct uring_loop *loop = uring_loop_of(transport);
    if (atomic_load_explicit(&loop->endpoints[endpoint].state, memory_order_relaxed) !=
        ENDPOINT_ATTACHED) {
        return TRANSPORT_NO_STREAM;
    }
    if (list_is_empty(&loop->streams_free)) {
        transport->counters.streams_refused++;
        return TRANSPORT_NO_STREAM;
    }
    struct uring_stream *stream = take(loop, endpoint, -1, STREAM_CONNECTING);
    stream->peer_bytes = sockaddr_of_address(peer, &stream->peer);
    if (stream->peer_bytes == 0) {
        stream->error = EAFNOSUPPORT;
    } else {
        stream->descriptor = socket(stream->peer.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        stream->error = stream->descriptor < 0 ? errno : 0;
    }
    if (stream->error != 0) {
        stream->state = STREAM_FAILED;
        end(loop, stream);
        return stream->id;
    }
    send_at_once(stream->descriptor);
    mark(loop, stream, PENDING_CONNECT);
    return stream->id;
}

void uring_stream_read(struct transport *transport, uint32_t id, uint8_t *into, uint32_t bytes) {
    struct uring_loop *loop = uring_loop_of(transport);
    struct uring_stream *stream = find(loop, id);
    if (stream == NULL || stream->state != STREAM_OPEN) {
        return;
    }
    ASSERT(stream->read_into == NULL);
    stream->read_into = into;
    stream->read_bytes = bytes;
    mark(loop, stream, PENDING_READ);
}

void uring_stream_write(struct transport *transport, uint32_t id, const uint8_t *from,
                        uint32_t bytes) {
    struct uring_loop *loop = uring_loop_of(transport);
    struct uring_stream *stream = find(loop, id);
    if (stream == NULL || stream->state != STREAM_OPEN) {
        return;
    }
    ASSERT(stream->write_from == NULL);
    stream->write_from = from;
    stream->write_bytes = bytes;
    mark(loop, stream, PENDING_WRITE);
}

/* A write that was only marked still goes, in front of the cancel: what fits is delivered. */
void uring_stream_close(struct transport *transport, uint32_t id) {
    struct uring_loop *loop = uring_loop_of(transport);
    struct uring_stream *stream = find(loop, id);
    if (stream == NULL || stream->state == STREAM_CLOSING) {
        return;
    }
    stream->state = STREAM_CLOSING;
    const uint32_t dropped = stream->pending & (uint32_t)(PENDING_CONNECT | PENDING_READ);
    stream->under_way -= (uint32_t)__builtin_popcount(dropped);
    stream->pending &= ~dropped;
    if (stream->under_way > 0) {
        mark(loop, stream, PENDING_CANCEL);
    } else {
        end(loop, stream);
    }
}

static void prepare(struct uring_stream *stream, struct io_uring_sqe *sqe, uint32_t bit) {
    switch (bit) {
    case PENDING_CONNECT:
        io_uring_prep_connect(sqe, stream->descriptor, (struct sockaddr *)&stream->peer,
                              stream->peer_bytes);
        break;
    case PENDING_READ:
        io_uring_prep_recv(sqe, stream->descriptor, stream->read_into, stream->read_bytes, 0);
        break;
    case PENDING_WRITE:
        io_uring_prep_send(sqe, stream->descriptor, stream->write_from, stream->write_bytes,
                           MSG_NOSIGNAL);
        break;
    default:
        ASSERT(bit == PENDING_CANCEL);
        io_uring_prep_cancel_fd(sqe, stream->descriptor, IORING_ASYNC_CANCEL_ALL);
    }
}

static enum uring_operation operation_of(uint32_t bit) {
    return bit == PENDING_CONNECT ? OPERATION_CONNECT
           : bit == PENDING_READ  ? OPERATION_READ
           : bit == PENDING_WRITE ? OPERATION_WRITE
                                  : OPERATION_CANCEL_STREAM;
}

bool uring_streams_flush(struct uring_loop *loop) {
    while (!list_is_empty(&loop->stream_work)) {
        struct uring_stream *stream = LIST_ITEM(loop->stream_work.next, struct uring_stream, work);
        while (stream->pending != 0) {
            const uint32_t lowest = stream->pending & -stream->pending;
            struct io_uring_sqe *sqe = uring_entry(loop);
            if (sqe == NULL) {
                return false;
            }
            prepare(stream, sqe, lowest);
            uring_tag(loop, sqe, operation_of(lowest), stream->id);
            stream->pending &= ~lowest;
        }
        list_remove(&stream->work);
    }
    return true;
}

static void connected(struct uring_loop *loop, struct uring_stream *stream, int32_t result) {
    if (result < 0) {
        stream->state = STREAM_FAILED;
        stream->error = -result;
        end(loop, stream);
        return;
    }
    stream->state = STREAM_OPEN;
    loop->delivered++;
    loop->transport.sink.on_connected(loop->transport.sink.context, stream->id, 0);
}

void uring_stream_completed(struct uring_loop *loop, enum uring_operation operation, uint32_t id,
                            int32_t result) {
    struct uring_stream *stream = find(loop, id);
    ASSERT(stream != NULL && stream->under_way > 0);
    const struct transport_sink *sink = &loop->transport.sink;
    stream->under_way--;
    if (stream->state == STREAM_CLOSING) {
        if (stream->under_way == 0) {
            end(loop, stream);
        }
        return;
    }
    switch (operation) {
    case OPERATION_CONNECT:
        connected(loop, stream, result);
        break;
    case OPERATION_READ:
        stream->read_into = NULL;
        loop->delivered++;
        sink->on_read(sink->context, id, result);
        break;
    default:
        ASSERT(operation == OPERATION_WRITE);
        stream->write_from = NULL;
        loop->delivered++;
        sink->on_written(sink->context, id, result);
    }
}

/* Descriptors or kernel memory are short: they will not be there at once. */
static bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EINVAL || error == EBADF || error == EOPNOTSUPP;
}

static void accept_again(struct uring_loop *loop, struct uring_endpoint *endpoint, int32_t result) {
    endpoint->under_way--;
    if (atomic_load_explicit(&endpoint->state, memory_order_relaxed) != ENDPOINT_ATTACHED) {
        uring_endpoint_settle(loop, endpoint);
    } else if (result < 0 && is_shortage(-result)) {
        uring_endpoint_pause(loop, endpoint, PENDING_ACCEPT, -result);
    } else {
        uring_endpoint_mark(loop, endpoint, PENDING_ACCEPT);
    }
}

void uring_accepted(struct uring_loop *loop, uint32_t id, const struct io_uring_cqe *cqe) {
    struct uring_endpoint *endpoint = &loop->endpoints[id];
    const bool is_attached =
        atomic_load_explicit(&endpoint->state, memory_order_relaxed) == ENDPOINT_ATTACHED;
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        accept_again(loop, endpoint, cqe->res);
    }
    if (cqe->res < 0) {
        return;
    }
    /* Multishot accept has one place for all addresses, so each is asked for. It fails when the
     * client is gone already. */
    struct sockaddr_storage name = {0};
    socklen_t name_bytes = sizeof name;
    struct henge_address peer;
    const bool is_known = getpeername(cqe->res, (struct sockaddr *)&name, &name_bytes) == 0 &&
                          address_of_sockaddr(&name, &peer);
    const bool has_room = !list_is_empty(&loop->streams_free);
    if (is_attached && is_known && !has_room) {
        loop->transport.counters.streams_refused++;
    }
    if (!is_attached || !is_known || !has_room) {
        (void)close(cqe->res);
        return;
    }
    send_at_once(cqe->res);
    struct uring_stream *stream = take(loop, id, cqe->res, STREAM_OPEN);
    loop->delivered++;
    loop->transport.sink.on_accepted(loop->transport.sink.context, id, stream->id, &peer);
}

/* Unread input would turn the close into a reset, and what is still queued to be sent would be
 * lost; so it is thrown away first. Bounded: a peer that keeps sending gets its reset. */
static void close_stream_socket(int descriptor) {
    uint8_t nowhere[DISCARD_BYTES];
    for (int i = 0; i < DISCARDS_MAX; i++) {
        if (recv(descriptor, nowhere, sizeof nowhere, MSG_DONTWAIT) <= 0) {
            break;
        }
    }
    (void)close(descriptor);
}

/* Gives the slot back and tells the sink; inside a turn only. */
static void report(struct uring_loop *loop, struct uring_stream *stream) {
    const struct transport_sink *sink = &loop->transport.sink;
    const bool is_failed = stream->state == STREAM_FAILED;
    const uint32_t id = stream->id;
    const int error = stream->error;
    if (stream->descriptor >= 0) {
        close_stream_socket(stream->descriptor);
    }
    stream->state = STREAM_FREE;
    stream->read_into = NULL;
    stream->write_from = NULL;
    list_remove(&stream->sibling);
    list_insert_last(&loop->streams_free, &stream->work);
    uring_endpoint_settle(loop, &loop->endpoints[stream->endpoint]);
    loop->delivered++;
    if (is_failed) {
        sink->on_connected(sink->context, id, error);
    } else {
        sink->on_closed(sink->context, id);
    }
}

void uring_streams_report(struct uring_loop *loop) {
    /* No more than there are now: a sink that connects again at once, and fails again at once,
     * waits for the next turn. */
    struct list_link now = loop->streams_ended;
    if (list_is_empty(&loop->streams_ended)) {
        return;
    }
    now.next->previous = &now;
    now.previous->next = &now;
    list_init(&loop->streams_ended);
    while (!list_is_empty(&now)) {
        struct uring_stream *stream = LIST_ITEM(now.next, struct uring_stream, work);
        list_remove(&stream->work);
        report(loop, stream);
    }
}

void uring_streams_drop(struct uring_loop *loop) {
    const uint32_t count = loop->transport.settings.streams_max;
    for (uint32_t i = 0; i < count; i++) {
        if (loop->streams[i].state != STREAM_FREE && loop->streams[i].descriptor >= 0) {
            (void)close(loop->streams[i].descriptor);
        }
    }
    memory_release(loop->transport.memory, loop->streams, count * sizeof(struct uring_stream),
                   HENGE_MEMORY_NET);
}
