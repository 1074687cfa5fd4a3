/* io/memory_loop.h - the memory transport's parts, shared by memory_*.c only.
 *
 *   memory_transport.c  create, endpoints by address, datagrams, sleep and wake, destroy
 *   memory_stream.c     pairs of streams, a ring of bytes each way
 *
 * All endpoints are in this transport; there is no socket. It behaves as loopback does: a datagram
 * to nobody is lost without a word, one too many is lost as well (here it is counted), streams
 * carry bytes in order and push back when full. For tests and examples. */
#ifndef IO_MEMORY_LOOP_H
#define IO_MEMORY_LOOP_H

#include "core/base/map.h"
#include "io/proactor.h"
#include <pthread.h>

enum {
    STREAM_RING_BYTES = 64 * 1024,    /* sent and not yet read, each way; power of two */
    DATAGRAMS_IN_FLIGHT_MAX = 1 << 14 /* as many as sends_max, at most this */
};

struct memory_endpoint {
    struct henge_address address; /* written under opening_lock */
    struct buffer_queue inbox;    /* arrived, not handed over */
    struct list_link work;        /* memory_loop.inboxes while the inbox is not empty */
};

/* What was sent to this stream and is not read yet. */
struct memory_stream {
    uint8_t *ring; /* STREAM_RING_BYTES; NULL when the slot is free or its connect failed */
    uint32_t head; /* of the first byte; grows without bound, masked at use */
    uint32_t tail;
    uint32_t other; /* id of the other end's stream */
};

struct memory_loop {
    struct proactor proactor; /* first: the door's pointer is ours */
    struct memory_endpoint *endpoints;
    struct memory_stream *streams; /* by slot */
    struct map attached;           /* hash of address -> endpoint id; io thread */
    struct list_link inboxes;
    struct buffer_pool pool; /* receive_buffers + those in flight */
    uint32_t lent;           /* at the receiver: at most receive_buffers */
    bool is_stalled;
    _Atomic uint32_t is_woken;    /* the futex */
    pthread_mutex_t opening_lock; /* over addresses and ports_given */
    uint32_t ports_given;
};

static inline struct memory_loop *memory_loop_of(struct proactor *proactor) {
    return (struct memory_loop *)(void *)proactor;
}

/* memory_transport.c */
/* False when nobody listens there. */
bool memory_endpoint_at(const struct memory_loop *loop, const struct henge_address *address,
                        uint32_t *endpoint_out);

/* memory_stream.c */
int memory_stream_connect(struct proactor *proactor, uint32_t slot);
int32_t memory_stream_read(struct proactor *proactor, uint32_t slot);
int32_t memory_stream_write(struct proactor *proactor, uint32_t slot);
void memory_stream_release(struct proactor *proactor, uint32_t slot);

#endif
