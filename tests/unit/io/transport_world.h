/* tests/unit/io/transport_world.h - a transport with a sink that writes down what comes out of it,
 * checks the rules that hold always (see io/transport_table.h), and moves patterned bytes through
 * streams. One world is one transport; all its endpoints talk to each other. */
#ifndef TESTS_UNIT_IO_TRANSPORT_WORLD_H
#define TESTS_UNIT_IO_TRANSPORT_WORLD_H

#include "core/base/clock.h"
#include "io/transport_table.h"
#include <criterion/criterion.h>

enum {
    WORLD_ENDPOINTS_MAX = 128,
    WORLD_STREAMS_MAX = 64,
    WORLD_ARRIVALS_MAX = 32768,
    WORLD_SEND_BUFFERS = 256,
    WORLD_CHUNK_BYTES = 7000, /* of stream reads and writes; no divisor of anything */
    WORLD_DEADLINE_S = 20
};

struct arrival {
    uint32_t endpoint;
    uint32_t bytes;
    uint32_t tag; /* the first four bytes, when there are as many */
    struct henge_address peer;
};

/* What a stream has done, by slot; begins anew when the id does. */
struct world_stream {
    uint32_t id;
    uint32_t endpoint;
    struct henge_address peer;
    bool is_accepted; /* else connected from here */
    bool is_open;
    bool is_connect_over;
    int connect_error;
    uint32_t closed; /* on_closed calls */
    bool has_ended;  /* read 0 or an error */
    int32_t read_error;
    int32_t write_error;
    uint64_t to_write;
    uint64_t written;
    uint64_t read;
    bool is_write_under_way;
    uint8_t in[WORLD_CHUNK_BYTES];
    uint8_t out[WORLD_CHUNK_BYTES];
};

struct world {
    struct memory memory;
    struct transport *transport;
    struct buffer_pool pool; /* for sends */
    bool is_in_turn;
    /* What the sink does. */
    bool holds;            /* keeps datagrams */
    bool reads_streams;    /* reads from each stream from its opening on */
    uint64_t writes_bytes; /* to_write of each stream that opens */
    struct buffer *held;
    uint32_t held_count;

    struct arrival arrivals[WORLD_ARRIVALS_MAX];
    uint32_t arrivals_count;
    uint32_t sends_done;
    uint32_t sends_failed;
    int last_send_error;
    uint32_t refusals;
    struct henge_address last_refused;
    uint32_t last_refused_endpoint;
    uint32_t endpoints_closed[WORLD_ENDPOINTS_MAX];
    uint32_t accepted_count;
    uint32_t closed_count;
    struct world_stream streams[WORLD_STREAMS_MAX];
};

/* Settings that suffice for most tests; a test changes what it is about. */
struct transport_settings world_settings(enum henge_transport kind);
struct world *world_create(const struct transport_settings *settings);
/* Checks that nothing of the transport's memory is left. */
void world_destroy(struct world *world);

uint32_t world_turn(struct world *world, uint64_t timeout_ns);
/* Turns until the condition holds; fails the test at the deadline. */
#define WORLD_UNTIL(world, condition)                                                              \
    do {                                                                                           \
        const uint64_t until_deadline = clock_monotonic_ns() + WORLD_DEADLINE_S * NS_PER_S;        \
        while (!(condition) && clock_monotonic_ns() < until_deadline) {                            \
            (void)world_turn((world), 20 * NS_PER_MS);                                             \
        }                                                                                          \
        cr_assert((condition), "deadline passed before: %s", #condition);                          \
    } while (0)
/* Turns until nothing has happened for a while. */
void world_settle(struct world *world);

struct henge_address world_address(const char *text);
/* "127.x.y.z:0", an address of this process's own: test programs and clusters run beside each
 * other, and what one sends to a port that it has closed must not arrive at another. Static text.
 */
const char *world_loopback(void);
/* Opens and attaches on an address with port 0. */
uint32_t world_endpoint(struct world *world, const char *address, struct henge_address *bound_out);
/* The payload is a pattern of tag and place. False: sends_max. */
bool world_send(struct world *world, uint32_t from, const struct henge_address *to, uint32_t bytes,
                uint32_t tag);
uint32_t world_arrivals_of(const struct world *world, uint32_t endpoint);
void world_recycle_held(struct world *world);

struct world_stream *world_stream(struct world *world, uint32_t id);
/* The stream that the other side accepted from this connecting one; NULL when there is none. */
struct world_stream *world_accepted(struct world *world, uint32_t endpoint, uint32_t nth);
uint32_t world_connect(struct world *world, uint32_t endpoint, const struct henge_address *peer);
void world_write(struct world *world, struct world_stream *stream, uint64_t bytes);
void world_read(struct world *world, struct world_stream *stream);
/* A UDP socket of somebody else's, connected to the (IPv4) endpoint. */
int foreign_socket(const struct henge_address *to);
uint32_t open_descriptors(void);

#endif
