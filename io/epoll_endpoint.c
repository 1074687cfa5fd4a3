/* io/epoll_endpoint.c - a node's two sockets: open, start, release; and accepting streams. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "io/epoll_loop.h"
#include "io/socket.h"
#include <errno.h>
#include <unistd.h>

enum henge_status epoll_endpoint_open(struct proactor *proactor, uint32_t id,
                                      const struct henge_address *bind,
                                      struct henge_address *bound_out, char *reason_out,
                                      size_t reason_bytes) {
    struct epoll_endpoint *endpoint = &epoll_loop_of(proactor)->endpoints[id];
    int udp = -1, tcp = -1;
    enum henge_status status = sockets_open(bind, &udp, &tcp, bound_out, reason_out, reason_bytes);
    if (status == HENGE_OK) {
        endpoint->datagram = (struct epoll_watch){.descriptor = udp};
        endpoint->listener = (struct epoll_watch){.descriptor = tcp};
        endpoint->is_datagram_paused = false;
        endpoint->is_listener_paused = false;
    }
    return status;
}

int epoll_endpoint_socket(struct transport *transport, uint32_t id) {
    return epoll_loop_of(proactor_of(transport))->endpoints[id].datagram.descriptor;
}

void epoll_endpoint_release(struct proactor *proactor, uint32_t id) {
    struct epoll_loop *loop = epoll_loop_of(proactor);
    struct epoll_endpoint *endpoint = &loop->endpoints[id];
    /* The link is the io thread's; a discarded endpoint was never stalled, removing is a no-op. */
    list_remove(&endpoint->stalled);
    epoll_watch_close(loop, &endpoint->datagram);
    epoll_watch_close(loop, &endpoint->listener);
}

enum henge_status epoll_endpoint_start(struct proactor *proactor, uint32_t id) {
    struct epoll_loop *loop = epoll_loop_of(proactor);
    struct epoll_endpoint *endpoint = &loop->endpoints[id];
    if (epoll_watch_set(loop, &endpoint->datagram, SOURCE_DATAGRAM, id, EPOLLIN) &&
        epoll_watch_set(loop, &endpoint->listener, SOURCE_LISTENER, id, EPOLLIN)) {
        return HENGE_OK;
    }
    log_write(proactor->transport.settings.log, HENGE_LOG_ERROR, "epoll_ctl: %s",
              socket_error_text(errno));
    (void)epoll_watch_set(loop, &endpoint->datagram, SOURCE_DATAGRAM, id, 0);
    return HENGE_SYSTEM;
}

static void pause_until_retry(struct epoll_loop *loop, uint32_t id, const char *what, int error) {
    log_write(loop->proactor.transport.settings.log, HENGE_LOG_WARN,
              "endpoint %u: %s failed (%s), trying again in %d ms", id, what,
              socket_error_text(error), RETRY_MS);
    if (loop->retry_at_ns == TIME_NEVER) {
        loop->retry_at_ns = loop->proactor.now_ns + RETRY_MS * NS_PER_MS;
    }
}

void epoll_pause_datagram(struct epoll_loop *loop, uint32_t id, int error) {
    struct epoll_watch *watch = &loop->endpoints[id].datagram;
    (void)epoll_watch_set(loop, watch, SOURCE_DATAGRAM, id, watch->events & ~(uint32_t)EPOLLIN);
    loop->endpoints[id].is_datagram_paused = true;
    pause_until_retry(loop, id, "receive", error);
}

static void pause_listener(struct epoll_loop *loop, uint32_t id, int error) {
    (void)epoll_watch_set(loop, &loop->endpoints[id].listener, SOURCE_LISTENER, id, 0);
    loop->endpoints[id].is_listener_paused = true;
    pause_until_retry(loop, id, "accept", error);
}

/* True when it may be forgotten: what cannot be registered now is left for the next time. */
static bool resume(struct epoll_loop *loop, uint32_t id) {
    struct epoll_endpoint *endpoint = &loop->endpoints[id];
    if (endpoint->is_datagram_paused && epoll_watch_set(loop, &endpoint->datagram, SOURCE_DATAGRAM,
                                                        id, endpoint->datagram.events | EPOLLIN)) {
        endpoint->is_datagram_paused = false;
    }
    if (endpoint->is_listener_paused &&
        epoll_watch_set(loop, &endpoint->listener, SOURCE_LISTENER, id, EPOLLIN)) {
        endpoint->is_listener_paused = false;
    }
    return !endpoint->is_datagram_paused && !endpoint->is_listener_paused;
}

/* Rare: so it looks at every endpoint. */
void epoll_retry_paused(struct epoll_loop *loop) {
    uint64_t now_ns = loop->proactor.now_ns;
    if (loop->retry_at_ns == TIME_NEVER || now_ns < loop->retry_at_ns) {
        return;
    }
    loop->retry_at_ns = TIME_NEVER;
    for (uint32_t i = 0; i < loop->proactor.transport.settings.endpoints_max; i++) {
        if (proactor_endpoint_state(&loop->proactor, i) == ENDPOINT_ATTACHED && !resume(loop, i)) {
            loop->retry_at_ns = now_ns + RETRY_MS * NS_PER_MS;
        }
    }
}

/* Descriptors or kernel memory are short: the listener would be readable at once again. */
static bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* False when there is nothing more to accept now. */
static bool accept_one(struct epoll_loop *loop, uint32_t id) {
    struct sockaddr_storage name = {0};
    socklen_t name_bytes = sizeof(name);
    struct henge_address peer;
    int descriptor = accept4(loop->endpoints[id].listener.descriptor, (struct sockaddr *)&name,
                             &name_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
        if (is_shortage(errno)) {
            pause_listener(loop, id, errno);
        }
        /* Other errors are of a connection that is gone already: the next one may be good. */
        return errno != EAGAIN && !loop->endpoints[id].is_listener_paused;
    }
    struct proactor_stream *stream =
        address_of_sockaddr(&name, &peer) ? proactor_accepted(&loop->proactor, id, &peer) : NULL;
    if (stream == NULL) {
        (void)close(descriptor);
        return true;
    }
    socket_send_at_once(descriptor);
    loop->streams[stream_id_slot(stream->id)] = (struct epoll_watch){.descriptor = descriptor};
    return true;
}

void epoll_listener_event(struct epoll_loop *loop, uint32_t id) {
    if (proactor_endpoint_state(&loop->proactor, id) != ENDPOINT_ATTACHED) {
        return;
    }
    for (int i = 0; i < ACCEPT_BATCH && accept_one(loop, id); i++) {
    }
}
