/* tests/unit/io/stream_world.h - a transport with two endpoints, a client's and a server's, and one
 * stream hub over both. The sink checks each frame's pattern and order and counts what it is told.
 * Streams that the test opens or accepts raw go past the hub: strangers that send what they like.
 * Time is the test's own. */
#ifndef TESTS_UNIT_IO_STREAM_WORLD_H
#define TESTS_UNIT_IO_STREAM_WORLD_H

#include "core/base/clock.h"
#include "core/base/random.h"
#include "io/stream.h"
#include "io/transport.h"
#include <criterion/criterion.h>

enum {
    STREAM_WORLD_STREAMS = 16,
    STREAM_WORLD_BUFFERS = 6,
    STREAM_WORLD_TOKENS = 64,
    STREAM_WORLD_DEADLINE_S = 20,
    STREAM_WORLD_LANE = 2, /* not the first that comes to mind */
    STREAM_WORLD_RAW_BYTES = 64 * 1024,
    CASE_LIMIT_S = 120
};

/* One stream as the sink has seen it, by transport slot. */
struct seen_stream {
    uint32_t id;
    uint32_t frames;
    bool is_answered;
};

struct raw_stream {
    uint32_t id;
    bool is_open;
    bool has_ended; /* read 0 or an error */
    bool is_closed;
    bool is_writing;
    uint32_t read_bytes;
    uint8_t in[STREAM_WORLD_RAW_BYTES];
};

struct script {
    uint8_t *bytes;
    size_t size;
};

struct stream_world {
    struct memory memory;
    struct transport *transport;
    struct stream_hub *hub;
    struct seal_keyring keyring;
    struct seal_sender sender;
    struct random random;
    uint32_t client, server;
    struct henge_address client_bound, server_bound;
    uint64_t now_ns; /* what the hub is told */

    /* What the sink does. */
    uint32_t room;         /* frames that it still takes */
    bool holds;            /* keeps them */
    uint32_t answer_after; /* request frames; 0 = never */
    const struct script *answer;
    uint64_t answer_token; /* of the next answer */
    bool accepts_raw;      /* accepted streams are the test's */

    /* What it has seen. */
    struct seen_stream seen[STREAM_WORLD_STREAMS];
    struct buffer *held;
    uint32_t held_count;
    uint32_t request_frames, answer_frames;
    uint32_t refusals;
    uint32_t forged;
    uint32_t last_accepted; /* hub stream */
    uint32_t last_requested;
    uint32_t scripts_done[STREAM_WORLD_TOKENS];
    uint32_t ended[STREAM_WORLD_TOKENS]; /* by request token */
    uint32_t failed[STREAM_WORLD_TOKENS];
    uint32_t accepted_count;
    uint32_t server_ended, server_failed;
    uint32_t endpoints_closed;
    struct raw_stream raw;
};

struct stream_world *stream_world_create(enum henge_transport kind);
/* Checks that all buffers are home, that nothing is in use, and that no memory is left. */
void stream_world_destroy(struct stream_world *world);
/* One step of the hub, one turn of the transport. */
void stream_world_turn(struct stream_world *world);
#define STREAM_UNTIL(world, condition)                                                             \
    do {                                                                                           \
        const uint64_t until_deadline = clock_monotonic_ns() + STREAM_WORLD_DEADLINE_S * NS_PER_S; \
        while (!(condition) && clock_monotonic_ns() < until_deadline) {                            \
            stream_world_turn(world);                                                              \
        }                                                                                          \
        cr_assert((condition), "deadline passed before: %s", #condition);                          \
    } while (0)
/* Some turns in which nothing is expected. */
void stream_world_settle(struct stream_world *world);
void stream_world_give_held(struct stream_world *world);
/* Streams still known to the hub, of both endpoints. */
bool stream_world_is_quiet(const struct stream_world *world);

/* `records` numbered records of many sizes, the largest one included. */
struct script script_create(uint32_t records);
void script_destroy(struct script *script);
/* One frame [u16][packet] as an honest peer would send it; returns its bytes. */
size_t frame_make(struct stream_world *world, const struct seal_keyring *keyring, uint32_t number,
                  uint8_t *frame_out);

bool stream_world_request(struct stream_world *world, const struct script *script, uint64_t token);
/* A stranger connects to the server. */
void raw_connect(struct stream_world *world);
void raw_write(struct stream_world *world, const void *bytes, uint32_t size);
void raw_close(struct stream_world *world);

/* One case on each transport. */
#define STREAM_CASE(name)                                                                          \
    static void name(enum henge_transport kind);                                                   \
    Test(stream_memory, name, .timeout = CASE_LIMIT_S) {                                           \
        name(HENGE_TRANSPORT_MEMORY);                                                              \
    }                                                                                              \
    Test(stream_epoll, name, .timeout = CASE_LIMIT_S) {                                            \
        name(HENGE_TRANSPORT_EPOLL);                                                               \
    }                                                                                              \
    Test(stream_auto, name, .timeout = CASE_LIMIT_S) {                                             \
        name(HENGE_TRANSPORT_AUTO);                                                                \
    }                                                                                              \
    static void name(enum henge_transport kind)

#endif
