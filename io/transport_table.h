/* io/transport_table.h - what is behind the door: the table of functions that each transport fills
 * in, and the words that all transports begin with. Internal to io.
 *
 * Rules that io_uring, epoll and memory share (the conformance suite checks them):
 * - Endpoint ids are dense, 0..endpoints_max-1, so that callers index arrays by them. An id is free
 *   again when on_endpoint_closed has returned (or endpoint_discard). endpoint_open may race with
 *   the io thread, so a free slot is taken by a compare-exchange of its state.
 * - Stream ids carry the slot in their low half and a generation in their high half: a late use of
 *   an old id is recognised by number and ignored.
 * - Nothing is called back from inside another call: what fails at once is kept and reported by the
 *   next turn, which then does not sleep.
 * - A datagram sent before endpoint_close is still tried; one sent after it ends with ECANCELED.
 *   stream_connect on an endpoint that is closing gives TRANSPORT_NO_STREAM.
 * - Each stream of a closing endpoint ends with its own on_closed, then comes on_endpoint_closed.
 * - A stream closed while it connects ends with on_closed, without on_connected.
 * - Before close(2) of a stream, unread input is discarded (a bounded number of
 *   recv(MSG_DONTWAIT)): closing over unread bytes makes Linux reset the connection and
 *   drop what is still queued to be sent.
 * - Datagrams larger than PACKET_BYTES_MAX are cut, packet_bytes says what was kept. */
#ifndef IO_TRANSPORT_TABLE_H
#define IO_TRANSPORT_TABLE_H

#include "io/transport.h"

struct transport_table {
    const char *name;
    void (*destroy)(struct transport *transport);
    enum henge_status (*adopt)(struct transport *transport);
    enum henge_status (*endpoint_open)(struct transport *transport,
                                       const struct henge_address *bind, uint32_t *endpoint_out,
                                       struct henge_address *bound_out, char *reason_out,
                                       size_t reason_bytes);
    void (*endpoint_discard)(struct transport *transport, uint32_t endpoint);
    enum henge_status (*endpoint_attach)(struct transport *transport, uint32_t endpoint);
    void (*endpoint_close)(struct transport *transport, uint32_t endpoint);
    int (*endpoint_socket)(struct transport *transport, uint32_t endpoint); /* NULL: has none */
    bool (*send)(struct transport *transport, struct buffer *buffer);
    void (*recycle)(struct transport *transport, struct buffer *buffer);
    uint32_t (*stream_connect)(struct transport *transport, uint32_t endpoint,
                               const struct henge_address *peer);
    void (*stream_read)(struct transport *transport, uint32_t stream, uint8_t *into,
                        uint32_t bytes);
    void (*stream_write)(struct transport *transport, uint32_t stream, const uint8_t *from,
                         uint32_t bytes);
    void (*stream_close)(struct transport *transport, uint32_t stream);
    uint32_t (*turn)(struct transport *transport, uint64_t now_ns, uint64_t timeout_ns);
    void (*wake)(struct transport *transport);
};

/* The first member of each implementation's own struct. Owned by the io thread once adopted; table,
 * memory and settings do not change. `sink` is all NULL until adopt. */
struct transport {
    const struct transport_table *table;
    struct memory *memory;
    struct transport_settings settings;
    struct transport_sink sink;
    struct transport_counters counters;
};

/* Settings are checked by transport_create: every limit >= 1, endpoints_max and streams_max <=
 * 65535, receive_buffers a power of two <= 32768. The constructors clean up after themselves and
 * write the reason (cut, NUL-terminated) when they fail. */
enum henge_status uring_transport_create(const struct transport_settings *settings,
                                         struct memory *memory, struct transport **transport_out,
                                         char *reason_out, size_t reason_bytes);
enum henge_status epoll_transport_create(const struct transport_settings *settings,
                                         struct memory *memory, struct transport **transport_out,
                                         char *reason_out, size_t reason_bytes);
enum henge_status memory_transport_create(const struct transport_settings *settings,
                                          struct memory *memory, struct transport **transport_out,
                                          char *reason_out, size_t reason_bytes);

/* Stream ids: [u16 generation][u16 slot + 1], so no id is TRANSPORT_NO_STREAM. */
static inline uint32_t stream_id_of(uint32_t slot, uint32_t generation) {
    return (generation & 0xffff) << 16 | (slot + 1);
}

/* UINT32_MAX for TRANSPORT_NO_STREAM. */
static inline uint32_t stream_id_slot(uint32_t stream) {
    return (stream & 0xffff) - 1;
}

/* Tells the sink of the refusals in the endpoint's error queue. Only out of a turn. */
void transport_refusals_tell(struct transport *transport, uint32_t endpoint, int descriptor);

/* printf into a caller's reason text, which may be NULL. */
void transport_reason(char *reason_out, size_t reason_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
