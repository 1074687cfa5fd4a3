/* io/proactor.h - what epoll and memory share: operations begun by a caller are tried, completions
 * are kept, and a turn reports them. The driver beneath only knows how to try. Internal to io.
 *
 * How an operation lives. A call from outside marks it and puts its owner (endpoint or stream) on a
 * work list. A turn
 *     1. tries what is on the work lists; what would block stays with the driver, which puts it
 *        back on the list (proactor_endpoint_ready, proactor_stream_ready) when it may go on;
 *     2. lets the driver wait, unless a completion is owed already;
 *     3. reports completions through the sink: sends, then streams, then endpoints.
 * What callbacks of 3 begin is for the next turn, so each turn is bounded.
 *
 * All of it belongs to the io thread; an endpoint in the states FREE, OPENING and OPEN belongs to
 * the thread that opens it. */
#ifndef IO_PROACTOR_H
#define IO_PROACTOR_H

#include "core/base/list.h"
#include "io/transport_table.h"
#include <stdatomic.h>

/* FREE -> OPENING -> OPEN -> ATTACHED -> CLOSING -> FREE, or OPEN -> FREE by a discard. */
enum endpoint_state {
    ENDPOINT_FREE = 0,
    ENDPOINT_OPENING,
    ENDPOINT_OPEN,
    ENDPOINT_ATTACHED,
    ENDPOINT_CLOSING
};

/* FREE -> CONNECTING -> OPEN -> CLOSING -> FREE; accepted streams begin OPEN, and a connect that
 * fails goes from CONNECTING to FREE. */
enum stream_state { STREAM_FREE = 0, STREAM_CONNECTING, STREAM_OPEN, STREAM_CLOSING };

/* Bits of `pending` and `finished_bits` of a stream. */
enum {
    OPERATION_READ = 1,
    OPERATION_WRITE = 2,
    OPERATION_CONNECT = 4,
    OPERATION_ACCEPT = 8,
    OPERATION_CLOSE = 16
};

struct buffer_queue {
    struct buffer *first;
    struct buffer *last;
};

struct proactor_endpoint {
    _Atomic uint32_t state; /* enum endpoint_state; FREE -> OPENING is a compare-exchange */
    uint32_t sends;         /* not yet reported */
    struct buffer_queue unsent;
    bool is_blocked;          /* the driver says when to try `unsent` again */
    struct list_link work;    /* proactor.endpoint_work or endpoints_ended */
    struct list_link streams; /* its proactor_stream.sibling */
};

struct proactor_stream {
    uint32_t state; /* enum stream_state */
    uint32_t id;    /* of the present use */
    uint32_t endpoint;
    uint32_t pending;       /* begun, not finished */
    uint32_t finished_bits; /* finished, not reported */
    bool is_announced;      /* the sink knows the id */
    int connect_error;
    int32_t read_result;
    int32_t write_result;
    uint32_t read_bytes;
    uint32_t write_bytes;
    uint8_t *read_into;
    const uint8_t *write_from;
    struct henge_address peer;
    struct list_link work;     /* proactor.streams_free or stream_work */
    struct list_link finished; /* proactor.streams_finished */
    struct list_link sibling;
};

struct proactor;

/* Ids of endpoints and slots of streams index the driver's own arrays. */
struct proactor_driver {
    /* Any thread. Ownership of what is opened is given back by endpoint_release. */
    enum henge_status (*endpoint_open)(struct proactor *proactor, uint32_t endpoint,
                                       const struct henge_address *bind,
                                       struct henge_address *bound_out, char *reason_out,
                                       size_t reason_bytes);
    void (*endpoint_release)(struct proactor *proactor, uint32_t endpoint);
    enum henge_status (*endpoint_start)(struct proactor *proactor, uint32_t endpoint);
    /* Takes from `unsent` (proactor_next_unsent), ends each by proactor_sent. False: the rest would
     * block, proactor_endpoint_ready comes later. */
    bool (*endpoint_send)(struct proactor *proactor, uint32_t endpoint);
    /* 0 = connected, EINPROGRESS = proactor_connected comes later, else an errno. */
    int (*stream_connect)(struct proactor *proactor, uint32_t slot);
    /* Bytes, 0 = end (read only), -errno; -EAGAIN: proactor_stream_ready comes later. */
    int32_t (*stream_read)(struct proactor *proactor, uint32_t slot);
    int32_t (*stream_write)(struct proactor *proactor, uint32_t slot);
    /* Also of a stream whose connect failed. */
    void (*stream_release)(struct proactor *proactor, uint32_t slot);
    /* Waits at most timeout_ns, not at all when that is 0, and hands over what came: datagrams by
     * proactor_datagram, the rest by the words below. Sets proactor->now_ns after a sleep. */
    void (*wait)(struct proactor *proactor, uint64_t timeout_ns);
};

struct proactor {
    struct transport transport; /* first: the door's pointer is ours */
    const struct proactor_driver *driver;
    uint64_t now_ns;
    uint32_t delivered; /* callbacks of this turn */
    uint32_t sends;     /* not yet reported, of all endpoints */
    struct buffer_queue sent;
    struct proactor_endpoint *endpoints;
    struct list_link endpoint_work;
    struct list_link endpoints_ended;
    struct proactor_stream *streams;
    struct list_link streams_free;
    struct list_link stream_work;
    struct list_link streams_finished;
};

static inline struct proactor *proactor_of(struct transport *transport) {
    return (struct proactor *)(void *)transport;
}

/* False when there is no memory; deinit cleans up what was made. */
bool proactor_init(struct proactor *proactor, const struct transport_table *table,
                   const struct proactor_driver *driver, const struct transport_settings *settings,
                   struct memory *memory);
/* Releases streams and endpoints that are still there, without callbacks. */
void proactor_deinit(struct proactor *proactor);

/* For the driver's struct transport_table. */
enum henge_status proactor_adopt(struct transport *transport);
enum henge_status proactor_endpoint_open(struct transport *transport,
                                         const struct henge_address *bind, uint32_t *endpoint_out,
                                         struct henge_address *bound_out, char *reason_out,
                                         size_t reason_bytes);
void proactor_endpoint_discard(struct transport *transport, uint32_t endpoint);
enum henge_status proactor_endpoint_attach(struct transport *transport, uint32_t endpoint);
void proactor_endpoint_close(struct transport *transport, uint32_t endpoint);
bool proactor_send(struct transport *transport, struct buffer *buffer);
uint32_t proactor_turn(struct transport *transport, uint64_t now_ns, uint64_t timeout_ns);
uint32_t proactor_stream_connect(struct transport *transport, uint32_t endpoint,
                                 const struct henge_address *peer);
void proactor_stream_read(struct transport *transport, uint32_t stream, uint8_t *into,
                          uint32_t bytes);
void proactor_stream_write(struct transport *transport, uint32_t stream, const uint8_t *from,
                           uint32_t bytes);
void proactor_stream_close(struct transport *transport, uint32_t stream);

/* For the driver: endpoints. */
uint32_t proactor_endpoint_state(const struct proactor *proactor, uint32_t endpoint);
struct buffer *proactor_next_unsent(struct proactor *proactor, uint32_t endpoint);
void proactor_sent(struct proactor *proactor, struct buffer *buffer, int error);
void proactor_endpoint_ready(struct proactor *proactor, uint32_t endpoint);
/* Calls the sink; buffer->peer and packet_bytes are set. Only from `wait`. */
void proactor_datagram(struct proactor *proactor, uint32_t endpoint, struct buffer *buffer);
void buffer_queue_append(struct buffer_queue *queue, struct buffer *buffer);
struct buffer *buffer_queue_take(struct buffer_queue *queue); /* NULL when empty */

/* For the driver: streams. */
/* A new stream that a peer opened. NULL when streams_max are open (counted). */
struct proactor_stream *proactor_accepted(struct proactor *proactor, uint32_t endpoint,
                                          const struct henge_address *peer);
/* NULL for an id whose stream is gone. */
struct proactor_stream *proactor_stream_find(struct proactor *proactor, uint32_t stream);
void proactor_connected(struct proactor *proactor, struct proactor_stream *stream, int error);
/* Puts the stream's pending operations on the work list. */
void proactor_stream_ready(struct proactor *proactor, struct proactor_stream *stream);
/* Tries the pending operations among `operations` now. */
void proactor_stream_try(struct proactor *proactor, struct proactor_stream *stream,
                         uint32_t operations);

/* Shared between proactor.c and proactor_stream.c. */
bool proactor_streams_init(struct proactor *proactor);
void proactor_streams_deinit(struct proactor *proactor);
void proactor_streams_try(struct proactor *proactor);
void proactor_streams_report(struct proactor *proactor);
void proactor_streams_close(struct proactor *proactor, uint32_t endpoint);
/* A send or stream of the endpoint is over. */
void proactor_endpoint_settle(struct proactor *proactor, uint32_t endpoint);
/* Moves all links to a list head of the caller's, so that what is added meanwhile waits. */
void list_take_all(struct list_link *from, struct list_link *to);

#endif
