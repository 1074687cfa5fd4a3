/* io/transport.c - the door: checks settings, chooses an implementation, passes calls on. */
#include "io/transport_table.h"
#include "core/base/assert.h"
#include "io/socket.h"
#include <stdarg.h>
#include <stdio.h>

enum {
    ENDPOINTS_LIMIT = 65535,
    STREAMS_LIMIT = 65535,         /* the slot half of a stream id */
    RECEIVE_BUFFERS_LIMIT = 32768, /* the kernel's limit for a provided-buffer ring */
    SENDS_LIMIT = 1 << 20,
    REFUSALS_AT_ONCE = 16
};

void transport_reason(char *reason_out, size_t reason_bytes, const char *format, ...) {
    if (reason_out == NULL || reason_bytes == 0) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason_out, reason_bytes, format, arguments);
    va_end(arguments);
}

static bool in_limits(const char *name, uint32_t value, uint32_t limit, char *reason_out,
                      size_t reason_bytes) {
    if (value >= 1 && value <= limit) {
        return true;
    }
    transport_reason(reason_out, reason_bytes, "%s is %u, not within 1..%u", name, value, limit);
    return false;
}

static bool settings_are_valid(const struct transport_settings *settings, char *reason_out,
                               size_t reason_bytes) {
    if (!in_limits("endpoints_max", settings->endpoints_max, ENDPOINTS_LIMIT, reason_out,
                   reason_bytes) ||
        !in_limits("streams_max", settings->streams_max, STREAMS_LIMIT, reason_out, reason_bytes) ||
        !in_limits("receive_buffers", settings->receive_buffers, RECEIVE_BUFFERS_LIMIT, reason_out,
                   reason_bytes) ||
        !in_limits("sends_max", settings->sends_max, SENDS_LIMIT, reason_out, reason_bytes)) {
        return false;
    }
    if ((settings->receive_buffers & (settings->receive_buffers - 1)) != 0) {
        transport_reason(reason_out, reason_bytes, "receive_buffers is %u, not a power of two",
                         settings->receive_buffers);
        return false;
    }
    return true;
}

enum henge_status transport_create(const struct transport_settings *settings, struct memory *memory,
                                   struct transport **transport_out, char *reason_out,
                                   size_t reason_bytes) {
    transport_reason(reason_out, reason_bytes, "%s", "");
    if (!settings_are_valid(settings, reason_out, reason_bytes)) {
        return HENGE_INVALID;
    }
    switch (settings->kind) {
    case HENGE_TRANSPORT_IO_URING:
        return uring_transport_create(settings, memory, transport_out, reason_out, reason_bytes);
    case HENGE_TRANSPORT_EPOLL:
        return epoll_transport_create(settings, memory, transport_out, reason_out, reason_bytes);
    case HENGE_TRANSPORT_MEMORY:
        return memory_transport_create(settings, memory, transport_out, reason_out, reason_bytes);
    case HENGE_TRANSPORT_AUTO: {
        /* Only what the kernel cannot do leads to epoll: want of memory would hit it as well. The
         * reason is kept, it says why io_uring was not taken; epoll overwrites it if it fails. */
        enum henge_status status =
            uring_transport_create(settings, memory, transport_out, reason_out, reason_bytes);
        if (status != HENGE_UNSUPPORTED) {
            return status;
        }
        return epoll_transport_create(settings, memory, transport_out, reason_out, reason_bytes);
    }
    }
    transport_reason(reason_out, reason_bytes, "transport kind %d is unknown", (int)settings->kind);
    return HENGE_INVALID;
}

void transport_destroy(struct transport *transport) {
    if (transport != NULL) {
        transport->table->destroy(transport);
    }
}

const char *transport_name(const struct transport *transport) {
    return transport->table->name;
}

enum henge_status transport_adopt(struct transport *transport, const struct transport_sink *sink) {
    ASSERT(sink->on_datagram != NULL && sink->on_sent != NULL && sink->on_accepted != NULL);
    ASSERT(sink->on_connected != NULL && sink->on_read != NULL && sink->on_written != NULL);
    ASSERT(sink->on_closed != NULL && sink->on_endpoint_closed != NULL);
    transport->sink = *sink;
    return transport->table->adopt(transport);
}

enum henge_status endpoint_open(struct transport *transport, const struct henge_address *bind,
                                uint32_t *endpoint_out, struct henge_address *bound_out,
                                char *reason_out, size_t reason_bytes) {
    return transport->table->endpoint_open(transport, bind, endpoint_out, bound_out, reason_out,
                                           reason_bytes);
}

void endpoint_discard(struct transport *transport, uint32_t endpoint) {
    ASSERT(endpoint < transport->settings.endpoints_max);
    transport->table->endpoint_discard(transport, endpoint);
}

enum henge_status endpoint_attach(struct transport *transport, uint32_t endpoint) {
    ASSERT(endpoint < transport->settings.endpoints_max);
    return transport->table->endpoint_attach(transport, endpoint);
}

void endpoint_close(struct transport *transport, uint32_t endpoint) {
    ASSERT(endpoint < transport->settings.endpoints_max);
    transport->table->endpoint_close(transport, endpoint);
}

uint32_t endpoint_drops(struct transport *transport, uint32_t endpoint) {
    ASSERT(endpoint < transport->settings.endpoints_max);
    if (transport->table->endpoint_socket == NULL) {
        return 0;
    }
    return socket_drops(transport->table->endpoint_socket(transport, endpoint));
}

void transport_refusals_tell(struct transport *transport, uint32_t endpoint, int descriptor) {
    struct henge_address peers[REFUSALS_AT_ONCE];
    uint32_t count;
    do {
        count = socket_refusals(descriptor, peers, REFUSALS_AT_ONCE);
        transport->counters.refusals += count;
        for (uint32_t i = 0; i < count && transport->sink.on_refused != NULL; i++) {
            transport->sink.on_refused(transport->sink.context, endpoint, &peers[i]);
        }
    } while (count == REFUSALS_AT_ONCE);
}

bool transport_send(struct transport *transport, struct buffer *buffer) {
    ASSERT(buffer->endpoint < transport->settings.endpoints_max);
    ASSERT(buffer->packet_bytes <= PACKET_BYTES_MAX);
    return transport->table->send(transport, buffer);
}

void transport_recycle(struct transport *transport, struct buffer *buffer) {
    transport->table->recycle(transport, buffer);
}

uint32_t stream_connect(struct transport *transport, uint32_t endpoint,
                        const struct henge_address *peer) {
    ASSERT(endpoint < transport->settings.endpoints_max);
    return transport->table->stream_connect(transport, endpoint, peer);
}

void stream_read(struct transport *transport, uint32_t stream, uint8_t *into, uint32_t bytes) {
    ASSERT(bytes > 0 && bytes <= INT32_MAX);
    transport->table->stream_read(transport, stream, into, bytes);
}

void stream_write(struct transport *transport, uint32_t stream, const uint8_t *from,
                  uint32_t bytes) {
    ASSERT(bytes > 0 && bytes <= INT32_MAX);
    transport->table->stream_write(transport, stream, from, bytes);
}

void stream_close(struct transport *transport, uint32_t stream) {
    transport->table->stream_close(transport, stream);
}

uint32_t transport_turn(struct transport *transport, uint64_t now_ns, uint64_t timeout_ns) {
    return transport->table->turn(transport, now_ns, timeout_ns);
}

void transport_wake(struct transport *transport) {
    transport->table->wake(transport);
}

void transport_counters_get(const struct transport *transport, struct transport_counters *out) {
    *out = transport->counters;
}
