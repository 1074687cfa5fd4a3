/* io/epoll_loop.h - the epoll transport's parts, shared by epoll_*.c only.
 *
 *   epoll_transport.c  create, wait and dispatch, wake, destroy
 *   epoll_endpoint.c   sockets of a node: open, start, release; accepting
 *   epoll_datagram.c   batches of datagrams, both ways
 *   epoll_stream.c     connect, read, write
 *
 * The portable fallback where io_uring may not be used. Level-triggered: what is not taken today is
 * said again at the next turn. A descriptor is registered for what somebody waits for and for
 * nothing else, since a hang-up that nobody handles would be said for ever. */
#ifndef IO_EPOLL_LOOP_H
#define IO_EPOLL_LOOP_H

#include "io/proactor.h"
#include <sys/epoll.h>

enum {
    EVENTS_PER_TURN = 128,
    RECEIVE_BATCH = 64,
    SEND_BATCH = 64,
    ACCEPT_BATCH = 16,
    SEND_TRIES = 4, /* of one datagram, when the call is told of earlier ones' fate */
    RETRY_MS = 100  /* a receive or accept that failed for want of resources */
};

/* What an event's data says: [u8 source][u56 endpoint id or stream id]. */
enum epoll_source { SOURCE_WAKE = 1, SOURCE_DATAGRAM, SOURCE_LISTENER, SOURCE_STREAM };

struct epoll_watch {
    int descriptor;
    uint32_t events; /* registered for; 0 = not registered */
};

struct epoll_endpoint {
    struct epoll_watch datagram;
    struct epoll_watch listener;
    struct list_link stalled; /* epoll_loop.stalled: no buffer to receive into */
    bool is_datagram_paused;  /* until epoll_loop.retry_at_ns */
    bool is_listener_paused;
};

/* Buffers that stand ready for the next recvmmsg: the first `count` entries of each array. */
struct receive_batch {
    uint32_t count;
    struct buffer *buffers[RECEIVE_BATCH];
    struct iovec vectors[RECEIVE_BATCH];
    struct sockaddr_storage names[RECEIVE_BATCH];
    struct mmsghdr messages[RECEIVE_BATCH];
};

struct epoll_loop {
    struct proactor proactor; /* first: the door's pointer is ours */
    int epoll;
    int wake_descriptor;
    bool has_pwait2;      /* nanosecond timeouts */
    uint64_t retry_at_ns; /* TIME_NEVER when nothing is paused */
    struct epoll_endpoint *endpoints;
    struct epoll_watch *streams; /* by slot */
    struct list_link stalled;
    struct buffer_pool received;
    struct receive_batch receive;
};

static inline struct epoll_loop *epoll_loop_of(struct proactor *proactor) {
    return (struct epoll_loop *)(void *)proactor;
}

/* epoll_transport.c */
/* Registers for `events` and nothing else. False when the kernel refuses (errno). */
bool epoll_watch_set(struct epoll_loop *loop, struct epoll_watch *watch, enum epoll_source source,
                     uint32_t value, uint32_t events);
void epoll_watch_close(struct epoll_loop *loop, struct epoll_watch *watch);

/* epoll_endpoint.c */
enum henge_status epoll_endpoint_open(struct proactor *proactor, uint32_t endpoint,
                                      const struct henge_address *bind,
                                      struct henge_address *bound_out, char *reason_out,
                                      size_t reason_bytes);
int epoll_endpoint_socket(struct transport *transport, uint32_t endpoint);
void epoll_endpoint_release(struct proactor *proactor, uint32_t endpoint);
enum henge_status epoll_endpoint_start(struct proactor *proactor, uint32_t endpoint);
void epoll_listener_event(struct epoll_loop *loop, uint32_t endpoint);
/* Stops receiving (or accepting) for RETRY_MS. */
void epoll_pause_datagram(struct epoll_loop *loop, uint32_t endpoint, int error);
void epoll_retry_paused(struct epoll_loop *loop);

/* epoll_datagram.c */
void epoll_receive_init(struct epoll_loop *loop);
bool epoll_endpoint_send(struct proactor *proactor, uint32_t endpoint);
void epoll_datagram_event(struct epoll_loop *loop, uint32_t endpoint, uint32_t events);
void epoll_recycle(struct transport *transport, struct buffer *buffer);
/* Starts receiving again at stalled endpoints, as many as there are buffers. */
void epoll_resume_stalled(struct epoll_loop *loop);

/* epoll_stream.c */
int epoll_stream_connect(struct proactor *proactor, uint32_t slot);
int32_t epoll_stream_read(struct proactor *proactor, uint32_t slot);
int32_t epoll_stream_write(struct proactor *proactor, uint32_t slot);
void epoll_stream_release(struct proactor *proactor, uint32_t slot);
void epoll_stream_event(struct epoll_loop *loop, uint32_t stream, uint32_t events);

#endif
