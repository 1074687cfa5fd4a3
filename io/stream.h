/* io/stream.h - frames over transport streams: [u16 packet bytes][packet], request and answer.
 *
 * A stream carries one request: the client connects and sends the request's messages; the server
 * answers with messages and closes. Every message is sealed as one packet like a datagram
 * (io/seal.h), so both sides use the same buffers, quotas and decoders. What is to be sent is a
 * *script*: consecutive [u16 payload bytes][payload] records, lent by the caller until on_done.
 *
 * io thread only. Limits: streams_max; a client that has not sent a whole authentic first frame
 * within STREAM_FIRST_FRAME_MS, or whose stream moves nothing for STREAM_IDLE_MS, is closed. */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include "io/seal.h"
#include "io/transport.h"

enum { STREAM_FIRST_FRAME_MS = 2000, STREAM_IDLE_MS = 5000, STREAM_CONNECT_MS = 2000 };

struct stream_hub;

struct stream_hub_settings {
    struct transport *transport;
    const struct seal_keyring *keyring;
    uint32_t streams_max;
    uint32_t buffers; /* frames at the consumer; a stream that finds none waits */
    uint32_t endpoints_max;
};

/* What the hub asks of, and tells, the io role. */
struct stream_sink {
    void *context;
    /* A frame arrived and is authentic: payload_bytes, lane, destination_generation, endpoint,
     * stream, peer, received_ns are set. Takes the buffer (to be returned by stream_buffer_give)
     * and answers true, or answers false for "no room now": the stream stops reading until
     * stream_hub_resume. */
    bool (*on_frame)(void *context, struct buffer *buffer);
    /* A frame that is not authentic: the stream is closed after this. */
    void (*on_forged)(void *context, uint32_t endpoint);
    /* The script lent by stream_request / stream_answer for that lane is not referred to any more.
     */
    void (*on_script_done)(void *context, uint32_t endpoint, uint8_t lane, uint64_t script_token);
    /* The stream is over. failed: to the client, it did not end by the server's close after one or
     * more whole frames (that these are all the server had to say, the messages must tell); to
     * the server, its answer was not wholly written. The server's request_token is 0; `lane` is
     * that of its own script. */
    void (*on_stream_ended)(void *context, uint32_t endpoint, uint32_t stream, uint8_t lane,
                            uint64_t request_token, bool failed);
    /* The nonce source of an endpoint. */
    struct seal_sender *(*sender_of)(void *context, uint32_t endpoint);
};

struct stream_hub *stream_hub_create(const struct stream_hub_settings *settings,
                                     const struct stream_sink *sink, struct memory *memory);
void stream_hub_destroy(struct stream_hub *hub);

/* Connects to peer and sends the script. request_token comes back in on_stream_ended. False when
 * there is no stream to be had (script not taken). */
bool stream_request(struct stream_hub *hub, uint32_t endpoint, const struct henge_address *peer,
                    uint64_t destination_generation, uint8_t lane, const uint8_t *script,
                    size_t script_bytes, uint64_t script_token, uint64_t request_token);
/* Sends the script on a stream that brought a request, then closes it. Its frames name no
 * destination generation. False when the stream is gone or answered (script not taken). */
bool stream_answer(struct stream_hub *hub, uint32_t stream, uint8_t lane, const uint8_t *script,
                   size_t script_bytes, uint64_t script_token);
/* Ends a stream without more ado. */
void stream_abort(struct stream_hub *hub, uint32_t stream);
void stream_buffer_give(struct stream_hub *hub, struct buffer *buffer);
/* The consumer has room again. */
void stream_hub_resume(struct stream_hub *hub);

/* The transport sink's stream callbacks are to be passed on to these. */
void stream_hub_accepted(struct stream_hub *hub, uint32_t endpoint, uint32_t stream,
                         const struct henge_address *peer);
void stream_hub_connected(struct stream_hub *hub, uint32_t stream, int error);
void stream_hub_read(struct stream_hub *hub, uint32_t stream, int32_t bytes);
void stream_hub_written(struct stream_hub *hub, uint32_t stream, int32_t bytes);
void stream_hub_closed(struct stream_hub *hub, uint32_t stream);

/* Deadlines. */
void stream_hub_step(struct stream_hub *hub, uint64_t now_ns);
uint64_t stream_hub_deadline(const struct stream_hub *hub);

/* True while any stream of the endpoint is not yet closed (so it must not be freed). */
bool stream_hub_is_using(const struct stream_hub *hub, uint32_t endpoint);

#endif
