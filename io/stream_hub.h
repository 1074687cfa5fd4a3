/* io/stream_hub.h - the parts of the stream hub, shared by stream*.c only.
 *
 *   stream.c          requests, answers, the life of a stream, deadlines
 *   stream_frames.c   bytes to frames and records to bytes
 *
 * A hub stream stands in the slot that the transport gave it, from accept or connect to on_closed.
 * Callbacks come out of the transport's callbacks, stream_hub_step and stream_hub_resume, never out
 * of another call. io thread only. */
#ifndef IO_STREAM_HUB_H
#define IO_STREAM_HUB_H

#include "core/base/heap.h"
#include "core/base/list.h"
#include "io/stream.h"

enum {
    FRAME_HEAD_BYTES = 2,          /* u16 packet bytes; of a script's record: u16 payload bytes */
    STREAM_BUFFER_BYTES = 4 * 1024 /* each way and stream: two full frames at least */
};
_Static_assert(STREAM_BUFFER_BYTES >= 2 * (FRAME_HEAD_BYTES + PACKET_BYTES_MAX),
               "a frame fits whatever is left of the one before");

enum hub_state { HUB_FREE = 0, HUB_CONNECTING, HUB_OPEN, HUB_CLOSING };

struct hub_stream {
    uint32_t id;
    uint32_t endpoint;
    enum hub_state state;
    bool is_server;
    bool is_half_open; /* a client of ours that has not sent an authentic frame */
    bool is_good;      /* ended as it should */
    bool is_reading;   /* the transport writes to `in` */
    bool is_writing;   /* the transport reads from `out` */
    bool cannot_write; /* the peer does not listen any more; it may have answered before */
    struct henge_address peer;
    uint64_t request_token;
    uint64_t frames; /* authentic ones received */

    uint8_t *in; /* STREAM_BUFFER_BYTES: received, not yet made into frames */
    uint32_t in_bytes;
    struct buffer *refused; /* a frame that the consumer had no room for */

    const uint8_t *script; /* NULL = none, or done */
    size_t script_bytes;
    size_t script_at;
    uint64_t script_token;
    bool has_script; /* there was one, so there is no second */
    uint8_t lane;
    uint64_t destination_generation;
    uint8_t *out; /* STREAM_BUFFER_BYTES: sealed frames */
    uint32_t out_start;
    uint32_t out_end;

    struct list_link touched;   /* hub.touched: moved since the last step, its deadline is stale */
    struct list_link work;      /* hub.to_write */
    struct list_link waiting;   /* hub.waiting: for the consumer, or for a buffer */
    struct list_link half_open; /* hub.half_open, oldest first */
};

struct stream_hub {
    struct stream_hub_settings settings;
    struct stream_sink sink;
    struct memory *memory;
    struct hub_stream *streams; /* by transport slot */
    uint8_t *area;              /* of `in` and `out` */
    uint32_t *in_use;           /* streams by endpoint */
    struct buffer_pool pool;
    struct heap deadlines; /* by slot */
    struct list_link touched;
    struct list_link to_write;
    struct list_link waiting;
    struct list_link half_open;
    uint32_t half_open_count;
    bool is_short_of_buffers; /* one of `waiting` waits for a buffer */
};

/* stream.c */
/* Begins the end; reported when the transport has closed. */
void hub_close(struct stream_hub *hub, struct hub_stream *stream, bool is_good);
/* The script is not referred to any more. */
void hub_script_done(struct stream_hub *hub, struct hub_stream *stream);
void hub_touch(struct stream_hub *hub, struct hub_stream *stream);
/* A first authentic frame: from now on the idle deadline holds. */
void hub_authenticated(struct stream_hub *hub, struct hub_stream *stream);

/* stream_frames.c */
/* Makes frames of what was received, then reads on unless the consumer has no room. */
void hub_pump_in(struct stream_hub *hub, struct hub_stream *stream);
/* Seals records and writes them; an answer that is all written ends the stream. */
void hub_pump_out(struct stream_hub *hub, struct hub_stream *stream);

#endif
