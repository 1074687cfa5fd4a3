/* io/buffers.h - packet buffers, and the pools that they come home to.
 *
 * A buffer is owned by one thread at a time; ownership moves with the queue message that carries
 * it. Only the thread of its home pool puts it back. Layout of `packet` (a sealed datagram or a
 * stream frame): header | payload | tag, see io/seal.h. */
#ifndef IO_BUFFERS_H
#define IO_BUFFERS_H

#include "core/base/memory.h"
#include "henge/address.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    PACKET_BYTES_MAX = 1500, /* sealed; the largest datagram that is received whole */
};

/* Who has a buffer at the moment: for quotas. */
enum buffer_holder {
    BUFFER_HOLDER_IO = 0,
    BUFFER_HOLDER_GOSSIP,
    BUFFER_HOLDER_DETECTOR,
    BUFFER_HOLDER_COUNT
};

struct buffer {
    struct buffer *next;       /* free list of the pool, or a queue of the present owner */
    struct buffer_pool *home;  /* where it is given back */
    uint8_t *packet;           /* PACKET_BYTES_MAX of room */
    uint32_t packet_bytes;     /* used */
    uint32_t index;            /* in the pool */
    uint64_t received_ns;      /* stamped by io */
    struct henge_address peer; /* sender on receive, destination on send */
    /* After seal_open, or for seal_close: */
    uint64_t destination_generation;
    uint32_t payload_bytes; /* payload = packet + SEAL_HEADER_BYTES */
    uint32_t endpoint;      /* which node's sockets: transport endpoint id */
    uint32_t stream;        /* frame of this stream, or 0 for a datagram */
    uint8_t lane;
    uint8_t holder; /* enum buffer_holder */
    /* Private to the transport while a send is under way. */
    uint32_t tries;
    struct msghdr message;
    struct iovec vector;
    struct sockaddr_storage socket_address;
};

struct buffer_pool {
    struct buffer *buffers;
    uint8_t *area; /* count * stride, page aligned */
    struct buffer *free;
    uint32_t free_count;
    uint32_t count;
    uint32_t stride;
};

/* `headroom` bytes stand before each packet (io_uring's recvmsg header needs some). */
bool buffer_pool_init(struct buffer_pool *pool, struct memory *memory, uint32_t count,
                      uint32_t headroom);
void buffer_pool_deinit(struct buffer_pool *pool, struct memory *memory);
struct buffer *buffer_take(struct buffer_pool *pool); /* NULL when all are out */
void buffer_give(struct buffer *buffer);              /* to its home, on the home's thread */

#endif
