/* io/uring_endpoint.c - a node's two sockets: from open to on_endpoint_closed.
 *
 *   FREE -> OPENING -> OPEN -> ATTACHED -> CLOSING -> FREE
 *
 * In CLOSING both descriptors are cancelled; when no completion is owed and no stream is left, the
 * sockets are closed and the id is free again after on_endpoint_closed has returned. */
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "io/socket.h"
#include "io/uring_loop.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static uint32_t id_of(const struct uring_loop *loop, const struct uring_endpoint *endpoint) {
    return (uint32_t)(endpoint - loop->endpoints);
}

static uint32_t state_of(const struct uring_endpoint *endpoint) {
    /* Pairs with the release of the thread that opened: its descriptors are seen. */
    return atomic_load_explicit(&endpoint->state, memory_order_acquire);
}

static void set_state(struct uring_endpoint *endpoint, enum endpoint_state state) {
    /* Pairs with state_of and with take_free of whatever thread opens here next. */
    atomic_store_explicit(&endpoint->state, state, memory_order_release);
}

static struct uring_endpoint *take_free(struct uring_loop *loop) {
    for (uint32_t i = 0; i < loop->transport.settings.endpoints_max; i++) {
        uint32_t expected = ENDPOINT_FREE;
        /* Acquire: pairs with set_state(FREE), so the former life is over for this thread. */
        if (atomic_compare_exchange_strong_explicit(&loop->endpoints[i].state, &expected,
                                                    ENDPOINT_OPENING, memory_order_acquire,
                                                    memory_order_relaxed)) {
            return &loop->endpoints[i];
        }
    }
    return NULL;
}

/* The ring waits by itself; a descriptor that is non-blocking could make it answer EAGAIN. */
static bool make_blocking(int descriptor) {
    const int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

enum henge_status uring_endpoint_open(struct transport *transport, const struct henge_address *bind,
                                      uint32_t *endpoint_out, struct henge_address *bound_out,
                                      char *reason_out, size_t reason_bytes) {
    struct uring_loop *loop = uring_loop_of(transport);
    struct uring_endpoint *endpoint = take_free(loop);
    if (endpoint == NULL) {
        transport_reason(reason_out, reason_bytes, "all %u endpoints are in use",
                         transport->settings.endpoints_max);
        return HENGE_FULL;
    }
    enum henge_status status = sockets_open(bind, &endpoint->datagram_socket, &endpoint->listener,
                                            bound_out, reason_out, reason_bytes);
    if (status != HENGE_OK) {
        set_state(endpoint, ENDPOINT_FREE);
        return status;
    }
    if (!make_blocking(endpoint->datagram_socket) || !make_blocking(endpoint->listener)) {
        transport_reason(reason_out, reason_bytes, "fcntl: %s", strerrordesc_np(errno));
        (void)close(endpoint->datagram_socket);
        (void)close(endpoint->listener);
        set_state(endpoint, ENDPOINT_FREE);
        return HENGE_SYSTEM;
    }
    set_state(endpoint, ENDPOINT_OPEN);
    *endpoint_out = id_of(loop, endpoint);
    return HENGE_OK;
}

static void close_sockets(struct uring_endpoint *endpoint) {
    (void)close(endpoint->datagram_socket);
    (void)close(endpoint->listener);
}

void uring_endpoint_discard(struct transport *transport, uint32_t endpoint_id) {
    struct uring_endpoint *endpoint = &uring_loop_of(transport)->endpoints[endpoint_id];
    ASSERT(state_of(endpoint) == ENDPOINT_OPEN);
    close_sockets(endpoint);
    set_state(endpoint, ENDPOINT_FREE);
}

int uring_endpoint_socket(struct transport *transport, uint32_t endpoint_id) {
    return uring_loop_of(transport)->endpoints[endpoint_id].datagram_socket;
}

void uring_endpoint_mark(struct uring_loop *loop, struct uring_endpoint *endpoint,
                         uint32_t pending) {
    endpoint->under_way += (uint32_t)__builtin_popcount(pending & ~endpoint->pending);
    endpoint->pending |= pending;
    list_remove(&endpoint->work);
    list_insert_last(&loop->endpoint_work, &endpoint->work);
}

enum henge_status uring_endpoint_attach(struct transport *transport, uint32_t endpoint_id) {
    struct uring_loop *loop = uring_loop_of(transport);
    struct uring_endpoint *endpoint = &loop->endpoints[endpoint_id];
    ASSERT(state_of(endpoint) == ENDPOINT_OPEN);
    set_state(endpoint, ENDPOINT_ATTACHED);
    uring_endpoint_mark(loop, endpoint, PENDING_RECEIVE | PENDING_ACCEPT);
    return HENGE_OK;
}

void uring_endpoint_settle(struct uring_loop *loop, struct uring_endpoint *endpoint) {
    if (state_of(endpoint) == ENDPOINT_CLOSING && endpoint->under_way == 0 &&
        list_is_empty(&endpoint->streams)) {
        list_remove(&endpoint->work);
        list_insert_last(&loop->endpoints_ended, &endpoint->work);
    }
}

void uring_endpoint_close(struct transport *transport, uint32_t endpoint_id) {
    struct uring_loop *loop = uring_loop_of(transport);
    struct uring_endpoint *endpoint = &loop->endpoints[endpoint_id];
    ASSERT(state_of(endpoint) == ENDPOINT_ATTACHED);
    set_state(endpoint, ENDPOINT_CLOSING);
    list_remove(&endpoint->stalled);
    endpoint->paused = 0;
    endpoint->under_way -= (uint32_t)__builtin_popcount(endpoint->pending);
    endpoint->pending = 0;
    list_remove(&endpoint->work);
    struct list_link *link = endpoint->streams.next;
    while (link != &endpoint->streams) {
        struct uring_stream *stream = LIST_ITEM(link, struct uring_stream, sibling);
        link = link->next;
        uring_stream_close(transport, stream->id);
    }
    if (endpoint->under_way > 0) {
        uring_endpoint_mark(loop, endpoint, PENDING_CANCEL | PENDING_CANCEL_LISTENER);
    }
    uring_endpoint_settle(loop, endpoint);
}

void uring_endpoint_pause(struct uring_loop *loop, struct uring_endpoint *endpoint,
                          uint32_t pending, int error) {
    log_write(loop->transport.settings.log, HENGE_LOG_WARN,
              "endpoint %u: %s failed (%s), trying again in %d ms", id_of(loop, endpoint),
              pending == PENDING_ACCEPT ? "accept" : "receive", strerrordesc_np(error), RETRY_MS);
    endpoint->paused |= pending;
    if (loop->retry_at_ns == TIME_NEVER) {
        loop->retry_at_ns = loop->now_ns + RETRY_MS * NS_PER_MS;
    }
}

/* Rare: so it looks at every endpoint. */
void uring_endpoints_retry(struct uring_loop *loop) {
    if (loop->now_ns < loop->retry_at_ns || loop->retry_at_ns == TIME_NEVER) {
        return;
    }
    loop->retry_at_ns = TIME_NEVER;
    for (uint32_t i = 0; i < loop->transport.settings.endpoints_max; i++) {
        struct uring_endpoint *endpoint = &loop->endpoints[i];
        if (state_of(endpoint) == ENDPOINT_ATTACHED && endpoint->paused != 0) {
            uring_endpoint_mark(loop, endpoint, endpoint->paused);
            endpoint->paused = 0;
        }
    }
}

static bool start_accept(struct uring_loop *loop, uint32_t endpoint) {
    struct io_uring_sqe *sqe = uring_entry(loop);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_multishot_accept(sqe, loop->endpoints[endpoint].listener, NULL, NULL,
                                   SOCK_CLOEXEC);
    uring_tag(loop, sqe, OPERATION_ACCEPT, endpoint);
    return true;
}

static bool start_cancel(struct uring_loop *loop, uint32_t endpoint, int descriptor) {
    struct io_uring_sqe *sqe = uring_entry(loop);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_cancel_fd(sqe, descriptor, IORING_ASYNC_CANCEL_ALL);
    uring_tag(loop, sqe, OPERATION_CANCEL_ENDPOINT, endpoint);
    return true;
}

/* One of the pending bits. */
static bool start(struct uring_loop *loop, struct uring_endpoint *endpoint, uint32_t bit) {
    const uint32_t id = id_of(loop, endpoint);
    switch (bit) {
    case PENDING_RECEIVE:
        return uring_receive_start(loop, id);
    case PENDING_ACCEPT:
        return start_accept(loop, id);
    case PENDING_CANCEL:
        return start_cancel(loop, id, endpoint->datagram_socket);
    default:
        ASSERT(bit == PENDING_CANCEL_LISTENER);
        return start_cancel(loop, id, endpoint->listener);
    }
}

static bool flush_one(struct uring_loop *loop, struct uring_endpoint *endpoint) {
    while (endpoint->pending != 0) {
        const uint32_t lowest = endpoint->pending & -endpoint->pending;
        if (!start(loop, endpoint, lowest)) {
            return false;
        }
        endpoint->pending &= ~lowest;
    }
    return true;
}

bool uring_endpoints_flush(struct uring_loop *loop) {
    while (!list_is_empty(&loop->endpoint_work)) {
        struct uring_endpoint *endpoint =
            LIST_ITEM(loop->endpoint_work.next, struct uring_endpoint, work);
        if (!flush_one(loop, endpoint)) {
            return false;
        }
        list_remove(&endpoint->work);
    }
    return true;
}

void uring_endpoints_report(struct uring_loop *loop) {
    while (!list_is_empty(&loop->endpoints_ended)) {
        struct uring_endpoint *endpoint =
            LIST_ITEM(loop->endpoints_ended.next, struct uring_endpoint, work);
        list_remove(&endpoint->work);
        close_sockets(endpoint);
        loop->delivered++;
        loop->transport.sink.on_endpoint_closed(loop->transport.sink.context,
                                                id_of(loop, endpoint));
        set_state(endpoint, ENDPOINT_FREE);
    }
}

void uring_endpoints_drop(struct uring_loop *loop) {
    for (uint32_t i = 0; i < loop->transport.settings.endpoints_max; i++) {
        if (state_of(&loop->endpoints[i]) != ENDPOINT_FREE) {
            close_sockets(&loop->endpoints[i]);
        }
    }
}
