/* io/uring_loop.h - the io_uring transport's parts, shared by uring_*.c only.
 *
 *   uring_transport.c  the ring: create, adopt, turn, submit, wake, destroy
 *   uring_endpoint.c   sockets of a node: open, attach, close, and when to start receiving again
 *   uring_datagram.c   multishot receive into the provided buffers, and sends
 *   uring_stream.c     accept, connect, read, write, close
 *
 * How an operation lives. A call from outside only marks it: a bit in `pending` of its endpoint or
 * stream (or the queue of sends), and the owner goes on a work list. A turn turns the marks into
 * submission entries (uring_flush), submitting whenever the ring is full, so a full ring delays and
 * never drops. `under_way` of the owner counts from the mark to the last completion; an owner that
 * is closing ends when it is 0, which is when no memory of the caller is referred to any more.
 *
 * Completions carry what they belong to in user_data: [u8 operation][u56 value], where the value is
 * the endpoint id, the stream id (with its generation), or the buffer that is sent.
 *
 * All of it belongs to the io thread; an endpoint in the states FREE, OPENING and OPEN belongs to
 * the thread that opens it. */
#ifndef IO_URING_LOOP_H
#define IO_URING_LOOP_H

#include "core/base/list.h"
#include "io/kernel_probe.h"
#include "io/transport_table.h"
#include <liburing.h>
#include <netinet/in.h>
#include <stdatomic.h>

enum {
    RECEIVE_GROUP = 0,
    /* In front of each datagram the kernel writes struct io_uring_recvmsg_out (16 bytes), then room
     * for the sender's address: 32 hold a sockaddr_in6 and keep the packet on 16 bytes. */
    RECEIVE_NAME_BYTES = 32,
    RECEIVE_HEADROOM = (int)sizeof(struct io_uring_recvmsg_out) + RECEIVE_NAME_BYTES,
    SEND_TRIES = 4, /* of one datagram, when the call is told of earlier ones' fate */
    RETRY_MS = 100  /* an endpoint whose receive or accept failed for want of resources */
};
_Static_assert(sizeof(struct sockaddr_in6) <= RECEIVE_NAME_BYTES, "a sender's address fits");

enum uring_operation {
    OPERATION_WAKE = 1,
    OPERATION_RECEIVE,
    OPERATION_SEND,
    OPERATION_ACCEPT,
    OPERATION_CANCEL_ENDPOINT,
    OPERATION_CONNECT,
    OPERATION_READ,
    OPERATION_WRITE,
    OPERATION_CANCEL_STREAM,
    OPERATION_CANCEL_ALL
};

/* Bits of `pending`. */
enum {
    PENDING_RECEIVE = 1,
    PENDING_ACCEPT = 2,
    PENDING_CONNECT = 4,
    PENDING_READ = 8,
    PENDING_WRITE = 16,
    PENDING_CANCEL = 32, /* all on the owner's descriptor; after the others: they go in order */
    PENDING_CANCEL_LISTENER = 64
};

enum endpoint_state {
    ENDPOINT_FREE = 0,
    ENDPOINT_OPENING,
    ENDPOINT_OPEN,
    ENDPOINT_ATTACHED,
    ENDPOINT_CLOSING
};

struct uring_endpoint {
    _Atomic uint32_t state; /* enum endpoint_state; FREE -> OPENING is a compare-exchange */
    int datagram_socket;
    int listener;
    uint32_t pending;
    uint32_t paused; /* pending bits that wait for loop->retry_at_ns */
    uint32_t under_way;
    struct list_link work;    /* loop->endpoint_work, or loop->endpoints_ended */
    struct list_link stalled; /* loop->endpoints_stalled: no buffer to receive into */
    struct list_link streams; /* its uring_stream.sibling */
};

enum stream_state {
    STREAM_FREE = 0,
    STREAM_CONNECTING,
    STREAM_OPEN,
    STREAM_FAILED, /* connect failed; on_connected is owed */
    STREAM_CLOSING
};

struct uring_stream {
    uint32_t state; /* enum stream_state */
    uint32_t id;    /* of the present use */
    uint32_t endpoint;
    int descriptor;
    int error; /* in FAILED */
    uint32_t pending;
    uint32_t under_way;
    uint8_t *read_into;
    const uint8_t *write_from;
    uint32_t read_bytes;
    uint32_t write_bytes;
    struct sockaddr_storage peer;
    socklen_t peer_bytes;
    struct list_link work; /* loop->streams_free, stream_work or streams_ended */
    struct list_link sibling;
};

struct send_queue {
    struct buffer *first;
    struct buffer *last;
};

struct uring_loop {
    struct transport transport; /* first: the door's pointer is ours */
    struct io_uring ring;
    uint32_t setup_flags;
    pid_t owner;        /* thread that adopted; 0 before */
    uint32_t in_flight; /* entries whose last completion has not come */
    uint64_t now_ns;
    uint32_t delivered; /* callbacks of this turn */

    int wake_descriptor;
    uint64_t wake_count; /* where the kernel reads the eventfd into */
    bool is_wake_armed;

    struct buffer_pool received;
    struct io_uring_buf_ring *provided;
    size_t provided_bytes;
    uint32_t provided_free; /* buffers that the kernel may fill */
    struct msghdr receive_form;

    struct send_queue sends;   /* to be submitted */
    struct send_queue refused; /* failed at once: message.msg_flags holds the errno */
    uint32_t sends_under_way;
    uint32_t sends_prepared; /* for the next system call */

    struct uring_endpoint *endpoints;
    struct list_link endpoint_work;
    struct list_link endpoints_ended;
    struct list_link endpoints_stalled;
    uint64_t retry_at_ns; /* TIME_NEVER when no endpoint is paused */

    struct uring_stream *streams;
    struct list_link streams_free;
    struct list_link stream_work;
    struct list_link streams_ended;
};

static inline struct uring_loop *uring_loop_of(struct transport *transport) {
    return (struct uring_loop *)(void *)transport;
}

/* uring_transport.c */
/* A submission entry with its user_data set after preparation by uring_tag; submits when the ring
 * is full. NULL when the kernel takes nothing now: the mark stays for the next turn. */
struct io_uring_sqe *uring_entry(struct uring_loop *loop);
void uring_tag(struct uring_loop *loop, struct io_uring_sqe *sqe, enum uring_operation operation,
               uint64_t value);

/* uring_endpoint.c */
enum henge_status uring_endpoint_open(struct transport *transport, const struct henge_address *bind,
                                      uint32_t *endpoint_out, struct henge_address *bound_out,
                                      char *reason_out, size_t reason_bytes);
void uring_endpoint_discard(struct transport *transport, uint32_t endpoint);
enum henge_status uring_endpoint_attach(struct transport *transport, uint32_t endpoint);
void uring_endpoint_close(struct transport *transport, uint32_t endpoint);
int uring_endpoint_socket(struct transport *transport, uint32_t endpoint);
void uring_endpoint_mark(struct uring_loop *loop, struct uring_endpoint *endpoint,
                         uint32_t pending);
/* One completion of the endpoint's is through, or a stream of it is gone. */
void uring_endpoint_settle(struct uring_loop *loop, struct uring_endpoint *endpoint);
/* Starts the operation again when RETRY_MS have passed. */
void uring_endpoint_pause(struct uring_loop *loop, struct uring_endpoint *endpoint,
                          uint32_t pending, int error);
void uring_endpoints_retry(struct uring_loop *loop);
bool uring_endpoints_flush(struct uring_loop *loop);
void uring_endpoints_report(struct uring_loop *loop);
/* Closes what is left, at destroy. */
void uring_endpoints_drop(struct uring_loop *loop);

/* uring_datagram.c */
/* HENGE_UNSUPPORTED when the kernel refuses the provided-buffer ring. */
enum henge_status uring_receive_init(struct uring_loop *loop);
void uring_receive_deinit(struct uring_loop *loop);
bool uring_receive_start(struct uring_loop *loop, uint32_t endpoint);
void uring_received(struct uring_loop *loop, uint32_t endpoint, const struct io_uring_cqe *cqe);
/* Marks stalled endpoints for receiving, as many as there are buffers. */
void uring_receive_resume(struct uring_loop *loop);
void uring_recycle(struct transport *transport, struct buffer *buffer);
bool uring_send(struct transport *transport, struct buffer *buffer);
bool uring_sends_flush(struct uring_loop *loop);
void uring_sent(struct uring_loop *loop, struct buffer *buffer, int32_t result);
void uring_sends_report(struct uring_loop *loop);

/* uring_stream.c */
bool uring_streams_init(struct uring_loop *loop);
void uring_accepted(struct uring_loop *loop, uint32_t endpoint, const struct io_uring_cqe *cqe);
uint32_t uring_stream_connect(struct transport *transport, uint32_t endpoint,
                              const struct henge_address *peer);
void uring_stream_read(struct transport *transport, uint32_t stream, uint8_t *into, uint32_t bytes);
void uring_stream_write(struct transport *transport, uint32_t stream, const uint8_t *from,
                        uint32_t bytes);
void uring_stream_close(struct transport *transport, uint32_t stream);
void uring_stream_completed(struct uring_loop *loop, enum uring_operation operation,
                            uint32_t stream, int32_t result);
bool uring_streams_flush(struct uring_loop *loop);
void uring_streams_report(struct uring_loop *loop);
void uring_streams_drop(struct uring_loop *loop);

#endif
