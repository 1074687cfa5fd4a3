/* io/transport.h - the door to the network: datagrams and byte streams, unsealed and unframed.
 *
 * Three implementations behind one table: io_uring (uring_*), epoll (epoll_*), and memory_* (all
 * endpoints in this transport). Proactor style: operations are begun, their completions come out of
 * transport_turn through the sink. All functions but transport_wake belong to one thread, the io
 * thread (endpoint_open may be called by another thread as long as endpoint_attach is not yet).
 *
 * A transport serves many endpoints; an endpoint is one node's UDP socket and TCP listener on the
 * same address and port. Sizes and limits are named in struct transport_settings. */
#ifndef IO_TRANSPORT_H
#define IO_TRANSPORT_H

#include "core/base/memory.h"
#include "henge/address.h"
#include "henge/config.h"
#include "henge/runtime.h"
#include "io/buffers.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport;

enum { TRANSPORT_NO_STREAM = 0 };

struct transport_settings {
    enum henge_transport kind;
    uint32_t endpoints_max;
    uint32_t streams_max;     /* open at once, both ways; more are refused and counted */
    uint32_t receive_buffers; /* power of two */
    uint32_t sends_max;       /* datagram sends under way */
    const struct henge_log *log;
};

/* What comes out of a turn; called on the io thread inside transport_turn (never from inside
 * another transport_ call, so a sink may call any transport_ function but transport_turn and
 * transport_destroy). */
struct transport_sink {
    void *context;
    /* A datagram; the buffer is the receiver's until transport_recycle. peer, packet_bytes,
     * received_ns (now of the turn), endpoint are set. */
    void (*on_datagram)(void *context, struct buffer *buffer);
    /* The buffer given to transport_send is the caller's again. error is 0 or an errno. */
    void (*on_sent)(void *context, struct buffer *buffer, int error);
    /* Nobody listens for datagrams at `peer`, to which one was sent (ICMP says so: a hint, that
     * anybody on the way can forge). May be NULL. */
    void (*on_refused)(void *context, uint32_t endpoint, const struct henge_address *peer);
    /* A peer connected to the endpoint. */
    void (*on_accepted)(void *context, uint32_t endpoint, uint32_t stream,
                        const struct henge_address *peer);
    /* stream_connect ended: error 0 = connected, else the stream id is dead already. */
    void (*on_connected)(void *context, uint32_t stream, int error);
    /* stream_read / stream_write ended with `bytes` > 0; 0 = end of stream (read only);
     * < 0 = -errno. One of each may be under way per stream. */
    void (*on_read)(void *context, uint32_t stream, int32_t bytes);
    void (*on_written)(void *context, uint32_t stream, int32_t bytes);
    /* stream_close has finished: no memory given to read or write is referred to any more and the
     * id may come again. Every stream ends by exactly one of these (or by on_connected's error). */
    void (*on_closed)(void *context, uint32_t stream);
    /* endpoint_close has finished: no send, receive or stream of it is under way. */
    void (*on_endpoint_closed)(void *context, uint32_t endpoint);
};

/* kind AUTO tries io_uring, then epoll; reason_out (text, cut) says why io_uring was not taken, or
 * is empty. IO_URING fails with HENGE_UNSUPPORTED and the reason. */
enum henge_status transport_create(const struct transport_settings *settings, struct memory *memory,
                                   struct transport **transport_out, char *reason_out,
                                   size_t reason_bytes);
void transport_destroy(struct transport *transport);
const char *transport_name(const struct transport *transport); /* "io_uring", "epoll", "memory" */

/* To be called once by the thread that will do the turns, before the first (io_uring: the
 * SINGLE_ISSUER ring is enabled here). */
enum henge_status transport_adopt(struct transport *transport, const struct transport_sink *sink);

/* Binds UDP and TCP to one address and port (port 0: one that is free for both, tried a bounded
 * number of times). A port that is taken is waited for, at most a second: the kernel lets go of a
 * killed predecessor's sockets late. Any thread; no packet flows before attach. */
enum henge_status endpoint_open(struct transport *transport, const struct henge_address *bind,
                                uint32_t *endpoint_out, struct henge_address *bound_out,
                                char *reason_out, size_t reason_bytes);
/* Discards an endpoint that was never attached. Any thread. */
void endpoint_discard(struct transport *transport, uint32_t endpoint);
/* io thread: starts receiving and accepting. */
enum henge_status endpoint_attach(struct transport *transport, uint32_t endpoint);
/* io thread: closes sockets and streams of the endpoint; ends with on_endpoint_closed. */
void endpoint_close(struct transport *transport, uint32_t endpoint);

/* Queues a datagram: buffer->packet, packet_bytes, peer, endpoint. Ends with on_sent. False when
 * sends_max are under way (the buffer stays the caller's). Submitted at the next turn. */
bool transport_send(struct transport *transport, struct buffer *buffer);
/* Gives a received datagram's buffer back. */
void transport_recycle(struct transport *transport, struct buffer *buffer);

/* Streams. connect gives an id at once, TRANSPORT_NO_STREAM when streams_max are open. */
uint32_t stream_connect(struct transport *transport, uint32_t endpoint,
                        const struct henge_address *peer);
void stream_read(struct transport *transport, uint32_t stream, uint8_t *into, uint32_t bytes);
void stream_write(struct transport *transport, uint32_t stream, const uint8_t *from,
                  uint32_t bytes);
/* Closes; what was written before is still delivered. Operations under way end without a callback.
 * Ends with on_closed. */
void stream_close(struct transport *transport, uint32_t stream);

/* Submits what was begun, delivers what has completed; if nothing had, waits until something does,
 * the wake, or `timeout_ns` (0 = do not wait, TIME_NEVER = no limit). Returns how many completions
 * were delivered (0 means: everything that the kernel had was handed over). `now_ns` is what
 * received_ns is stamped with when the call does not sleep; after a sleep the clock is read anew.
 */
uint32_t transport_turn(struct transport *transport, uint64_t now_ns, uint64_t timeout_ns);

/* Ends a waiting turn, or the next one if none waits. Any thread. One system call; callers avoid it
 * when the io thread is awake (core/runtime/waker.h). */
void transport_wake(struct transport *transport);

/* io thread: datagrams to the endpoint that the kernel had no room for, since it was opened. */
uint32_t endpoint_drops(struct transport *transport, uint32_t endpoint);

struct transport_counters {
    uint64_t receive_stalls;  /* receive stopped for want of buffers, then resumed */
    uint64_t streams_refused; /* streams_max */
    uint64_t sends_failed;
    uint64_t rearms;   /* multishot receives started again */
    uint64_t refusals; /* on_refused */
};
/* io thread, or after the threads have stopped. */
void transport_counters_get(const struct transport *transport, struct transport_counters *out);

#endif
