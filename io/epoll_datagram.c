/* io/epoll_datagram.c - batches of datagrams, by recvmmsg and sendmmsg.
 *
 * When no buffer is left to receive into, the endpoint is not watched for input any more (a
 * readable socket that nobody reads would make every wait return at once) and stands in the list
 * `stalled` until buffers come home. */
#include "core/base/assert.h"
#include "io/epoll_loop.h"
#include "io/socket.h"
#include <errno.h>
#include <string.h>

void epoll_receive_init(struct epoll_loop *loop) {
    struct receive_batch *batch = &loop->receive;
    for (uint32_t i = 0; i < RECEIVE_BATCH; i++) {
        batch->messages[i].msg_hdr = (struct msghdr){.msg_name = &batch->names[i],
                                                     .msg_namelen = sizeof(batch->names[i]),
                                                     .msg_iov = &batch->vectors[i],
                                                     .msg_iovlen = 1};
    }
}

/* Tops the batch up from the pool. */
static void fill_batch(struct epoll_loop *loop) {
    struct receive_batch *batch = &loop->receive;
    while (batch->count < RECEIVE_BATCH) {
        struct buffer *buffer = buffer_take(&loop->received);
        if (buffer == NULL) {
            break;
        }
        batch->buffers[batch->count] = buffer;
        batch->vectors[batch->count] =
            (struct iovec){.iov_base = buffer->packet, .iov_len = PACKET_BYTES_MAX};
        batch->count++;
    }
}

/* Takes the first `count` buffers, filled, out of the batch. */
static void take_filled(struct receive_batch *batch, uint32_t count, struct buffer **filled_out) {
    for (uint32_t i = 0; i < count; i++) {
        struct msghdr *header = &batch->messages[i].msg_hdr;
        struct buffer *buffer = batch->buffers[i];
        buffer->packet_bytes = batch->messages[i].msg_len;
        /* Without a sender's address there is nobody to answer: dropped by its zero family. */
        (void)address_of_sockaddr(&batch->names[i], &buffer->peer);
        header->msg_namelen = sizeof(batch->names[i]);
        filled_out[i] = buffer;
    }
    batch->count -= count;
    memmove(batch->buffers, batch->buffers + count, batch->count * sizeof(batch->buffers[0]));
    memmove(batch->vectors, batch->vectors + count, batch->count * sizeof(batch->vectors[0]));
}

static void stall(struct epoll_loop *loop, uint32_t id) {
    struct epoll_endpoint *endpoint = &loop->endpoints[id];
    loop->proactor.transport.counters.receive_stalls++;
    (void)epoll_watch_set(loop, &endpoint->datagram, SOURCE_DATAGRAM, id,
                          endpoint->datagram.events & ~(uint32_t)EPOLLIN);
    list_remove(&endpoint->stalled);
    list_insert_last(&loop->stalled, &endpoint->stalled);
}

void epoll_resume_stalled(struct epoll_loop *loop) {
    uint32_t room = loop->received.free_count + loop->receive.count;
    while (room > 0 && !list_is_empty(&loop->stalled)) {
        struct epoll_endpoint *endpoint =
            LIST_ITEM(loop->stalled.next, struct epoll_endpoint, stalled);
        uint32_t id = (uint32_t)(endpoint - loop->endpoints);
        list_remove(&endpoint->stalled);
        room--;
        if (!epoll_watch_set(loop, &endpoint->datagram, SOURCE_DATAGRAM, id,
                             endpoint->datagram.events | EPOLLIN)) {
            epoll_pause_datagram(loop, id, errno);
        }
    }
}

static void deliver(struct epoll_loop *loop, uint32_t id, struct buffer *buffer) {
    /* A callback before this one may have closed the endpoint. */
    if (buffer->peer.family == 0 ||
        proactor_endpoint_state(&loop->proactor, id) != ENDPOINT_ATTACHED) {
        buffer_give(buffer);
        return;
    }
    proactor_datagram(&loop->proactor, id, buffer);
}

static void receive(struct epoll_loop *loop, uint32_t id) {
    struct receive_batch *batch = &loop->receive;
    struct buffer *filled[RECEIVE_BATCH];
    fill_batch(loop);
    if (batch->count == 0) {
        stall(loop, id);
        return;
    }
    int count = recvmmsg(loop->endpoints[id].datagram.descriptor, batch->messages, batch->count,
                         MSG_DONTWAIT, NULL);
    if (count < 0) {
        if (errno == ENOMEM || errno == ENOBUFS) {
            epoll_pause_datagram(loop, id, errno);
        }
        return; /* others are news about an earlier send, and gone by being told */
    }
    take_filled(batch, (uint32_t)count, filled);
    for (int i = 0; i < count; i++) {
        deliver(loop, id, filled[i]);
    }
}

void epoll_datagram_event(struct epoll_loop *loop, uint32_t id, uint32_t events) {
    struct epoll_watch *watch = &loop->endpoints[id].datagram;
    if (proactor_endpoint_state(&loop->proactor, id) != ENDPOINT_ATTACHED) {
        return;
    }
    if ((events & EPOLLERR) != 0) {
        int error = 0;
        socklen_t error_bytes = sizeof(error);
        (void)getsockopt(watch->descriptor, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
        transport_refusals_tell(&loop->proactor.transport, id, watch->descriptor);
        if (proactor_endpoint_state(&loop->proactor, id) != ENDPOINT_ATTACHED) {
            return; /* closed by what it was told */
        }
    }
    if ((events & EPOLLOUT) != 0) {
        (void)epoll_watch_set(loop, watch, SOURCE_DATAGRAM, id,
                              watch->events & ~(uint32_t)EPOLLOUT);
        proactor_endpoint_ready(&loop->proactor, id);
    }
    if ((events & EPOLLIN) != 0) {
        receive(loop, id);
    }
}

void epoll_recycle(struct transport *transport, struct buffer *buffer) {
    ASSERT(buffer->home == &epoll_loop_of(proactor_of(transport))->received);
    buffer_give(buffer);
}

/* Looks at the first buffers of the queue, without taking them. */
static uint32_t fill_messages(struct buffer *first, struct mmsghdr *messages_out) {
    uint32_t count = 0;
    for (struct buffer *buffer = first; buffer != NULL && count < SEND_BATCH;
         buffer = buffer->next) {
        buffer->vector =
            (struct iovec){.iov_base = buffer->packet, .iov_len = buffer->packet_bytes};
        messages_out[count++].msg_hdr = (struct msghdr){
            .msg_name = &buffer->socket_address,
            .msg_namelen = sockaddr_of_address(&buffer->peer, &buffer->socket_address),
            .msg_iov = &buffer->vector,
            .msg_iovlen = 1};
    }
    return count;
}

/* Waits for room in the socket; when even that cannot be had, the datagram is lost. */
static bool wait_for_room(struct epoll_loop *loop, uint32_t id) {
    struct epoll_watch *watch = &loop->endpoints[id].datagram;
    return epoll_watch_set(loop, watch, SOURCE_DATAGRAM, id, watch->events | EPOLLOUT);
}

/* An error that an earlier datagram met on its way, and that this call was told instead of being
 * carried out. Each is told once. */
static bool is_earlier(int error) {
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
           error == EHOSTDOWN || error == EPROTO || error == ENOPROTOOPT;
}

bool epoll_endpoint_send(struct proactor *proactor, uint32_t id) {
    struct epoll_loop *loop = epoll_loop_of(proactor);
    const struct buffer_queue *unsent = &proactor->endpoints[id].unsent;
    struct mmsghdr messages[SEND_BATCH];
    int tries = 0;
    while (unsent->first != NULL) {
        uint32_t count = fill_messages(unsent->first, messages);
        int error = 0;
        int sent = -1;
        if (messages[0].msg_hdr.msg_namelen == 0) {
            error = EAFNOSUPPORT; /* no name: sendmmsg would ask for a connected socket */
        } else {
            sent = sendmmsg(loop->endpoints[id].datagram.descriptor, messages, count,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
            error = sent < 0 ? errno : 0;
        }
        if (error == EAGAIN && wait_for_room(loop, id)) {
            return false;
        }
        if (is_earlier(error) && ++tries < SEND_TRIES) {
            continue;
        }
        tries = 0;
        /* An error is the first datagram's; those behind it are tried by the next call. */
        for (int i = 0; i < (sent < 0 ? 1 : sent); i++) {
            proactor_sent(proactor, proactor_next_unsent(proactor, id), error);
        }
    }
    return true;
}
