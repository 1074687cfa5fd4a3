/* io/uring_datagram.c - datagrams: one multishot receive per endpoint into one ring of provided
 * buffers, and sends that go out together with the turn's submission.
 *
 * A multishot receive ends for ordinary reasons: an empty datagram, a full completion queue, an
 * ICMP error, no buffer. It is started again whenever F_MORE is missing. Only for want of a buffer
 * (ENOBUFS) the endpoint waits in endpoints_stalled until one comes home: starting at once would
 * fail at once, and spin. */
#include "core/base/assert.h"
#include "io/socket.h"
#include "io/uring_loop.h"
#include <errno.h>
#include <unistd.h>

static void provide(struct uring_loop *loop, const struct buffer *buffer) {
    io_uring_buf_ring_add(loop->provided, buffer->packet - RECEIVE_HEADROOM,
                          RECEIVE_HEADROOM + PACKET_BYTES_MAX, (unsigned short)buffer->index,
                          io_uring_buf_ring_mask(loop->received.count), 0);
    io_uring_buf_ring_advance(loop->provided, 1);
    loop->provided_free++;
}

enum henge_status uring_receive_init(struct uring_loop *loop) {
    const uint32_t count = loop->received.count;
    loop->provided_bytes = count * sizeof(struct io_uring_buf);
    loop->provided = memory_alloc_aligned(loop->transport.memory, loop->provided_bytes,
                                          (size_t)sysconf(_SC_PAGESIZE), HENGE_MEMORY_NET);
    if (loop->provided == NULL) {
        return HENGE_NO_MEMORY;
    }
    struct io_uring_buf_reg registration = {.ring_addr = (uint64_t)(uintptr_t)loop->provided,
                                            .ring_entries = count,
                                            .bgid = RECEIVE_GROUP};
    if (io_uring_register_buf_ring(&loop->ring, &registration, 0) < 0) {
        return HENGE_UNSUPPORTED;
    }
    io_uring_buf_ring_init(loop->provided);
    struct buffer *buffer = NULL;
    while ((buffer = buffer_take(&loop->received)) != NULL) {
        provide(loop, buffer);
    }
    loop->receive_form.msg_namelen = RECEIVE_NAME_BYTES;
    return HENGE_OK;
}

void uring_receive_deinit(struct uring_loop *loop) {
    memory_release(loop->transport.memory, loop->provided, loop->provided_bytes, HENGE_MEMORY_NET);
}

bool uring_receive_start(struct uring_loop *loop, uint32_t endpoint) {
    struct io_uring_sqe *sqe = uring_entry(loop);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_recvmsg_multishot(sqe, loop->endpoints[endpoint].datagram_socket,
                                    &loop->receive_form, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = RECEIVE_GROUP;
    uring_tag(loop, sqe, OPERATION_RECEIVE, endpoint);
    return true;
}

void uring_recycle(struct transport *transport, struct buffer *buffer) {
    struct uring_loop *loop = uring_loop_of(transport);
    ASSERT(buffer->home == &loop->received && loop->provided_free < loop->received.count);
    provide(loop, buffer);
}

void uring_receive_resume(struct uring_loop *loop) {
    for (uint32_t room = loop->provided_free; room > 0 && !list_is_empty(&loop->endpoints_stalled);
         room--) {
        struct uring_endpoint *endpoint =
            LIST_ITEM(loop->endpoints_stalled.next, struct uring_endpoint, stalled);
        list_remove(&endpoint->stalled);
        loop->transport.counters.rearms++;
        uring_endpoint_mark(loop, endpoint, PENDING_RECEIVE);
    }
}

/* Fills in the buffer from what the kernel wrote in front of the packet. */
static bool describe(const struct uring_loop *loop, struct buffer *buffer, uint32_t endpoint,
                     int32_t bytes) {
    if (bytes < RECEIVE_HEADROOM) {
        return false;
    }
    const struct io_uring_recvmsg_out *out = (const void *)(buffer->packet - RECEIVE_HEADROOM);
    const uint32_t kept = (uint32_t)bytes - RECEIVE_HEADROOM;
    buffer->packet_bytes = kept < PACKET_BYTES_MAX ? kept : PACKET_BYTES_MAX;
    buffer->received_ns = loop->now_ns;
    buffer->endpoint = endpoint;
    buffer->stream = 0;
    buffer->next = NULL;
    /* Only as much of the name is read as its family has. */
    return out->namelen > 0 && address_of_sockaddr((const void *)(out + 1), &buffer->peer);
}

/* An error that an earlier datagram met on its way, and that this operation was told instead of
 * being carried out. Each is told once. */
static bool is_earlier(int error) {
    switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EPROTO:
    case ENOPROTOOPT:
        return true;
    default:
        return false;
    }
}

/* Errors after which the socket is as good as before. */
static bool is_passing(int error) {
    if (is_earlier(error)) {
        return true;
    }
    switch (error) {
    case ENETDOWN:
    case EMSGSIZE:
    case EOPNOTSUPP:
    case EACCES:
    case EINTR:
    case EAGAIN:
    case ECANCELED:
        return true;
    default:
        return false;
    }
}

static void receive_again(struct uring_loop *loop, struct uring_endpoint *endpoint,
                          int32_t result) {
    endpoint->under_way--;
    if (atomic_load_explicit(&endpoint->state, memory_order_relaxed) != ENDPOINT_ATTACHED) {
        uring_endpoint_settle(loop, endpoint);
    } else if (result == -ENOBUFS) {
        loop->transport.counters.receive_stalls++;
        list_insert_last(&loop->endpoints_stalled, &endpoint->stalled);
    } else if (result < 0 && !is_passing(-result)) {
        uring_endpoint_pause(loop, endpoint, PENDING_RECEIVE, -result);
    } else {
        loop->transport.counters.rearms++;
        uring_endpoint_mark(loop, endpoint, PENDING_RECEIVE);
    }
}

/* The error queue must not be left with anything in it: it counts against the receive queue, and
 * makes the kernel try the armed receive over and over. */
static void errors_take(struct uring_loop *loop, uint32_t id) {
    if (atomic_load_explicit(&loop->endpoints[id].state, memory_order_relaxed) ==
        ENDPOINT_ATTACHED) {
        transport_refusals_tell(&loop->transport, id, loop->endpoints[id].datagram_socket);
    }
}

void uring_received(struct uring_loop *loop, uint32_t id, const struct io_uring_cqe *cqe) {
    struct uring_endpoint *endpoint = &loop->endpoints[id];
    struct buffer *buffer = NULL;
    if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
        buffer = &loop->received.buffers[cqe->flags >> IORING_CQE_BUFFER_SHIFT];
        ASSERT(loop->provided_free > 0);
        loop->provided_free--;
    }
    const bool is_attached =
        atomic_load_explicit(&endpoint->state, memory_order_relaxed) == ENDPOINT_ATTACHED;
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        receive_again(loop, endpoint, cqe->res);
    }
    if (cqe->res < 0 && is_earlier(-cqe->res)) {
        errors_take(loop, id);
    }
    if (buffer == NULL) {
        return;
    }
    if (!is_attached || !describe(loop, buffer, id, cqe->res)) {
        provide(loop, buffer);
        return;
    }
    loop->delivered++;
    loop->transport.sink.on_datagram(loop->transport.sink.context, buffer);
}

static void append(struct send_queue *queue, struct buffer *buffer) {
    buffer->next = NULL;
    if (queue->first == NULL) {
        queue->first = buffer;
    } else {
        queue->last->next = buffer;
    }
    queue->last = buffer;
}

static void remove_first(struct send_queue *queue) {
    struct buffer *buffer = queue->first;
    queue->first = buffer->next;
    buffer->next = NULL;
}

static void fill_message(struct buffer *buffer) {
    buffer->vector = (struct iovec){.iov_base = buffer->packet, .iov_len = buffer->packet_bytes};
    buffer->message = (struct msghdr){
        .msg_name = &buffer->socket_address,
        .msg_namelen = sockaddr_of_address(&buffer->peer, &buffer->socket_address),
        .msg_iov = &buffer->vector,
        .msg_iovlen = 1,
    };
}

bool uring_send(struct transport *transport, struct buffer *buffer) {
    struct uring_loop *loop = uring_loop_of(transport);
    struct uring_endpoint *endpoint = &loop->endpoints[buffer->endpoint];
    if (loop->sends_under_way >= transport->settings.sends_max) {
        return false;
    }
    loop->sends_under_way++;
    buffer->tries = 0;
    fill_message(buffer);
    const bool is_attached =
        atomic_load_explicit(&endpoint->state, memory_order_relaxed) == ENDPOINT_ATTACHED;
    if (!is_attached || buffer->message.msg_namelen == 0) {
        buffer->message.msg_flags = is_attached ? EAFNOSUPPORT : ECANCELED;
        append(&loop->refused, buffer);
        return true;
    }
    endpoint->under_way++;
    append(&loop->sends, buffer);
    return true;
}

bool uring_sends_flush(struct uring_loop *loop) {
    while (loop->sends.first != NULL) {
        struct buffer *buffer = loop->sends.first;
        struct io_uring_sqe *sqe = uring_entry(loop);
        if (sqe == NULL) {
            return false;
        }
        io_uring_prep_sendmsg(sqe, loop->endpoints[buffer->endpoint].datagram_socket,
                              &buffer->message, MSG_NOSIGNAL);
        uring_tag(loop, sqe, OPERATION_SEND, (uint64_t)(uintptr_t)buffer);
        loop->sends_prepared++;
        remove_first(&loop->sends);
    }
    return true;
}

static void finish_send(struct uring_loop *loop, struct buffer *buffer, int error) {
    loop->sends_under_way--;
    if (error != 0) {
        loop->transport.counters.sends_failed++;
    }
    loop->delivered++;
    loop->transport.sink.on_sent(loop->transport.sink.context, buffer, error);
}

void uring_sent(struct uring_loop *loop, struct buffer *buffer, int32_t result) {
    const uint32_t id = buffer->endpoint;
    struct uring_endpoint *endpoint = &loop->endpoints[id];
    if (result < 0 && is_earlier(-result)) {
        errors_take(loop, id);
        if (++buffer->tries < SEND_TRIES &&
            atomic_load_explicit(&endpoint->state, memory_order_relaxed) == ENDPOINT_ATTACHED) {
            append(&loop->sends, buffer);
            return;
        }
    }
    endpoint->under_way--;
    uring_endpoint_settle(loop, endpoint);
    finish_send(loop, buffer, result < 0 ? -result : 0);
}

void uring_sends_report(struct uring_loop *loop) {
    /* Those that are there now: a sink that sends again at once waits for the next turn. */
    struct buffer *buffer = loop->refused.first;
    loop->refused.first = NULL;
    while (buffer != NULL) {
        struct buffer *next = buffer->next;
        buffer->next = NULL;
        finish_send(loop, buffer, buffer->message.msg_flags);
        buffer = next;
    }
}
