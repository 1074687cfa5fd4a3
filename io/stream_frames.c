/* io/stream_frames.c - bytes to frames and records to bytes. See stream_hub.h. */
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "io/stream_hub.h"
#include <endian.h>
#include <string.h>

static uint32_t load_u16(const uint8_t *from) {
    uint16_t word;
    memcpy(&word, from, sizeof(word));
    return le16toh(word);
}

static void store_u16(uint8_t *to, uint32_t value) {
    uint16_t word = htole16((uint16_t)value);
    memcpy(to, &word, sizeof(word));
}

static void wait_for_room(struct stream_hub *hub, struct hub_stream *stream) {
    list_remove(&stream->waiting);
    list_insert_last(&hub->waiting, &stream->waiting);
}

/* False when the consumer has no room. It may end the stream from within. */
static bool hand_over(struct stream_hub *hub, struct hub_stream *stream, struct buffer *buffer) {
    if (hub->sink.on_frame(hub->sink.context, buffer)) {
        return true;
    }
    if (stream->state != HUB_OPEN) {
        stream_buffer_give(hub, buffer);
        return false;
    }
    stream->refused = buffer;
    wait_for_room(hub, stream);
    return false;
}

static void forged(struct stream_hub *hub, struct hub_stream *stream) {
    hub_close(hub, stream, false);
    hub->sink.on_forged(hub->sink.context, stream->endpoint);
}

static bool open_frame(const struct stream_hub *hub, const struct hub_stream *stream,
                       struct buffer *buffer) {
    struct seal_opened opened;
    if (!seal_open(hub->settings.keyring, buffer->packet, buffer->packet_bytes, &opened)) {
        return false;
    }
    buffer->lane = opened.lane;
    buffer->destination_generation = opened.destination_generation;
    buffer->payload_bytes = (uint32_t)opened.payload_bytes;
    buffer->endpoint = stream->endpoint;
    buffer->stream = stream->id;
    buffer->peer = stream->peer;
    return true;
}

/* The frame at `in + at`: its bytes with the head, 0 when it is not whole, or UINT32_MAX when no
 * honest sender would have said such a length. */
static uint32_t frame_at(const struct hub_stream *stream, uint32_t at) {
    uint32_t left = stream->in_bytes - at;
    if (left < FRAME_HEAD_BYTES) {
        return 0;
    }
    uint32_t bytes = load_u16(stream->in + at);
    if (bytes < SEAL_OVERHEAD_BYTES || bytes > PACKET_BYTES_MAX) {
        return UINT32_MAX;
    }
    return left - FRAME_HEAD_BYTES < bytes ? 0 : FRAME_HEAD_BYTES + bytes;
}

/* Takes one frame of `bytes` (head included). False: no more now. */
static bool take_frame(struct stream_hub *hub, struct hub_stream *stream, uint32_t at,
                       uint32_t bytes, uint64_t now_ns) {
    struct buffer *buffer = buffer_take(&hub->pool);
    buffer->packet_bytes = bytes - FRAME_HEAD_BYTES;
    buffer->received_ns = now_ns;
    memcpy(buffer->packet, stream->in + at + FRAME_HEAD_BYTES, buffer->packet_bytes);
    if (!open_frame(hub, stream, buffer)) {
        stream_buffer_give(hub, buffer);
        forged(hub, stream);
        return false;
    }
    stream->frames++;
    if (stream->is_half_open) {
        hub_authenticated(hub, stream);
    }
    return hand_over(hub, stream, buffer);
}

/* Makes frames until the bytes, the buffers, or the consumer's room is at its end. */
static void take_frames(struct stream_hub *hub, struct hub_stream *stream) {
    uint64_t now_ns = clock_monotonic_ns();
    uint32_t at = 0;
    while (stream->state == HUB_OPEN && stream->refused == NULL) {
        uint32_t bytes = frame_at(stream, at);
        if (bytes == 0) {
            break;
        }
        if (bytes == UINT32_MAX) {
            forged(hub, stream);
            return;
        }
        if (hub->pool.free_count == 0) {
            hub->is_short_of_buffers = true;
            wait_for_room(hub, stream);
            break;
        }
        bool may_go_on = take_frame(hub, stream, at, bytes, now_ns);
        at += bytes;
        if (!may_go_on) {
            break;
        }
    }
    stream->in_bytes -= at;
    memmove(stream->in, stream->in + at, stream->in_bytes);
}

static bool is_waiting(const struct hub_stream *stream) {
    return !list_is_empty(&stream->waiting);
}

void hub_pump_in(struct stream_hub *hub, struct hub_stream *stream) {
    if (stream->is_reading || stream->state != HUB_OPEN) {
        return;
    }
    struct buffer *refused = stream->refused;
    if (refused != NULL) {
        stream->refused = NULL;
        (void)hand_over(hub, stream, refused);
    }
    if (!is_waiting(stream)) {
        take_frames(hub, stream);
    }
    if (stream->state == HUB_OPEN && !is_waiting(stream)) {
        stream->is_reading = true;
        stream_read(hub->settings.transport, stream->id, stream->in + stream->in_bytes,
                    STREAM_BUFFER_BYTES - stream->in_bytes);
    }
}

/* Seals as many records as there is room for. */
static void seal_records(struct stream_hub *hub, struct hub_stream *stream) {
    struct seal_sender *sender = hub->sink.sender_of(hub->sink.context, stream->endpoint);
    while (stream->script_at < stream->script_bytes) {
        size_t left = stream->script_bytes - stream->script_at;
        const uint8_t *record = stream->script + stream->script_at;
        ASSERT(left >= FRAME_HEAD_BYTES);
        size_t payload_bytes = load_u16(record);
        size_t frame_bytes = FRAME_HEAD_BYTES + SEAL_OVERHEAD_BYTES + payload_bytes;
        ASSERT(payload_bytes <= left - FRAME_HEAD_BYTES);
        ASSERT(frame_bytes <= FRAME_HEAD_BYTES + PACKET_BYTES_MAX);
        if (frame_bytes > STREAM_BUFFER_BYTES - stream->out_end) {
            return;
        }
        uint8_t *frame = stream->out + stream->out_end;
        uint8_t *packet = frame + FRAME_HEAD_BYTES;
        memcpy(packet + SEAL_HEADER_BYTES, record + FRAME_HEAD_BYTES, payload_bytes);
        store_u16(frame, (uint32_t)seal_close(hub->settings.keyring, sender, packet, payload_bytes,
                                              stream->lane, stream->destination_generation));
        stream->out_end += (uint32_t)frame_bytes;
        stream->script_at += FRAME_HEAD_BYTES + payload_bytes;
    }
}

void hub_pump_out(struct stream_hub *hub, struct hub_stream *stream) {
    if (stream->is_writing || stream->state != HUB_OPEN || stream->cannot_write) {
        return;
    }
    if (stream->out_start == stream->out_end && stream->script != NULL) {
        stream->out_start = 0;
        stream->out_end = 0;
        seal_records(hub, stream);
    }
    if (stream->out_start < stream->out_end) {
        stream->is_writing = true;
        stream_write(hub->settings.transport, stream->id, stream->out + stream->out_start,
                     stream->out_end - stream->out_start);
    } else if (stream->is_server && stream->has_script) {
        hub_close(hub, stream, true);
    }
    if (stream->script != NULL && stream->script_at == stream->script_bytes) {
        hub_script_done(hub, stream);
    }
}
