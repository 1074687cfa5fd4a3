/* io/epoll_stream.c - TCP connections. Operations are tried first and wait for an event only when
 * they would block. A watch on input is kept from one read to the next: that saves two system calls
 * for each, and costs one when input comes that nobody asked for. A watch on output is not kept,
 * because there is nearly always room. */
#include "io/epoll_loop.h"
#include "io/socket.h"
#include <errno.h>

static bool watch_stream(struct epoll_loop *loop, uint32_t slot, uint32_t events) {
    return epoll_watch_set(loop, &loop->streams[slot], SOURCE_STREAM,
                           loop->proactor.streams[slot].id, events);
}

int epoll_stream_connect(struct proactor *proactor, uint32_t slot) {
    struct epoll_loop *loop = epoll_loop_of(proactor);
    struct sockaddr_storage name;
    socklen_t name_bytes = sockaddr_of_address(&proactor->streams[slot].peer, &name);
    if (name_bytes == 0) {
        return EAFNOSUPPORT;
    }
    int descriptor = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return errno;
    }
    loop->streams[slot] = (struct epoll_watch){.descriptor = descriptor};
    socket_send_at_once(descriptor);
    if (connect(descriptor, (const struct sockaddr *)&name, name_bytes) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return errno;
    }
    return watch_stream(loop, slot, EPOLLOUT) ? EINPROGRESS : errno;
}

/* The result of a system call in our words; `event` is watched for when it would block. */
static int32_t result_of(struct epoll_loop *loop, uint32_t slot, ssize_t result, uint32_t event) {
    if (result >= 0) {
        return (int32_t)result;
    }
    if (errno != EAGAIN && errno != EINTR) {
        return -errno;
    }
    return watch_stream(loop, slot, loop->streams[slot].events | event) ? -EAGAIN : -errno;
}

int32_t epoll_stream_read(struct proactor *proactor, uint32_t slot) {
    struct epoll_loop *loop = epoll_loop_of(proactor);
    const struct proactor_stream *stream = &proactor->streams[slot];
    ssize_t bytes = recv(loop->streams[slot].descriptor, stream->read_into, stream->read_bytes, 0);
    return result_of(loop, slot, bytes, EPOLLIN);
}

int32_t epoll_stream_write(struct proactor *proactor, uint32_t slot) {
    struct epoll_loop *loop = epoll_loop_of(proactor);
    const struct proactor_stream *stream = &proactor->streams[slot];
    ssize_t bytes =
        send(loop->streams[slot].descriptor, stream->write_from, stream->write_bytes, MSG_NOSIGNAL);
    return result_of(loop, slot, bytes, EPOLLOUT);
}

void epoll_stream_release(struct proactor *proactor, uint32_t slot) {
    struct epoll_loop *loop = epoll_loop_of(proactor);
    struct epoll_watch *watch = &loop->streams[slot];
    if (watch->descriptor >= 0) {
        socket_discard_input(watch->descriptor);
    }
    epoll_watch_close(loop, watch);
}

static void connect_event(struct epoll_loop *loop, struct proactor_stream *stream) {
    uint32_t slot = stream_id_slot(stream->id);
    int error = 0;
    socklen_t error_bytes = sizeof(error);
    if (getsockopt(loop->streams[slot].descriptor, SOL_SOCKET, SO_ERROR, &error, &error_bytes) !=
        0) {
        error = errno;
    }
    (void)watch_stream(loop, slot, 0);
    proactor_connected(&loop->proactor, stream, error);
}

void epoll_stream_event(struct epoll_loop *loop, uint32_t id, uint32_t events) {
    struct proactor_stream *stream = proactor_stream_find(&loop->proactor, id);
    if (stream == NULL || stream->state == STREAM_CLOSING) {
        return;
    }
    if (stream->state == STREAM_CONNECTING) {
        connect_event(loop, stream);
        return;
    }
    uint32_t slot = stream_id_slot(id);
    bool is_over = (events & (EPOLLHUP | EPOLLERR)) != 0;
    bool is_read_wanted = (stream->pending & OPERATION_READ) != 0;
    bool is_write_wanted = (stream->pending & OPERATION_WRITE) != 0;
    uint32_t kept = loop->streams[slot].events & ~(uint32_t)EPOLLOUT;
    if (!is_read_wanted && (is_over || (events & EPOLLIN) != 0)) {
        kept = 0;
    }
    if (is_write_wanted && !is_over && (events & EPOLLOUT) == 0) {
        kept |= EPOLLOUT;
    }
    (void)watch_stream(loop, slot, kept);
    uint32_t ready = 0;
    ready |= is_over || (events & EPOLLIN) != 0 ? OPERATION_READ : 0;
    ready |= is_over || (events & EPOLLOUT) != 0 ? OPERATION_WRITE : 0;
    proactor_stream_try(&loop->proactor, stream, ready);
}
