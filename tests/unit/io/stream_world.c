/* tests/unit/io/stream_world.c - see stream_world.h. */
#include "tests/unit/io/stream_world.h"
#include "core/base/bytes.h"
#include "io/stream_hub.h"
#include "io/transport_table.h"
#include <stdlib.h>

enum {
    PAYLOAD_BYTES_MAX = PACKET_BYTES_MAX - SEAL_OVERHEAD_BYTES,
    PAYLOAD_BYTES_MIN = 4,
    GENERATION = 77,
    RECORD_STRIDE = 389 /* prime, so that sizes mix */
};

static const uint8_t KEY[32] = "thirty-two bytes, all of a kind";

static uint32_t payload_bytes_of(uint32_t number) {
    return number % 7 == 0 ? PAYLOAD_BYTES_MAX
                           : PAYLOAD_BYTES_MIN + number * RECORD_STRIDE %
                                                     (PAYLOAD_BYTES_MAX - PAYLOAD_BYTES_MIN + 1);
}

static void payload_fill(uint8_t *payload, uint32_t number) {
    uint32_t bytes = payload_bytes_of(number);
    for (uint32_t i = 0; i < bytes; i++) {
        payload[i] = (uint8_t)(number * 13 + i);
    }
    uint32_t word = htole32(number);
    memcpy(payload, &word, sizeof(word));
}

static void payload_check(const struct buffer *buffer, uint32_t number) {
    uint8_t expected[PAYLOAD_BYTES_MAX];
    payload_fill(expected, number);
    cr_assert_eq(buffer->payload_bytes, payload_bytes_of(number), "frame %u", number);
    cr_assert_eq(memcmp(buffer->packet + SEAL_HEADER_BYTES, expected, buffer->payload_bytes), 0,
                 "frame %u has other bytes, or is out of order", number);
}

struct script script_create(uint32_t records) {
    struct script script = {.bytes = malloc((size_t)records * (2 + PAYLOAD_BYTES_MAX) + 1)};
    for (uint32_t i = 0; i < records; i++) {
        uint16_t bytes = htole16((uint16_t)payload_bytes_of(i));
        memcpy(script.bytes + script.size, &bytes, sizeof(bytes));
        payload_fill(script.bytes + script.size + sizeof(bytes), i);
        script.size += sizeof(bytes) + payload_bytes_of(i);
    }
    return script;
}

void script_destroy(struct script *script) {
    free(script->bytes);
    *script = (struct script){0};
}

size_t frame_make(struct stream_world *world, const struct seal_keyring *keyring, uint32_t number,
                  uint8_t *frame_out) {
    uint8_t *packet = frame_out + 2;
    payload_fill(packet + SEAL_HEADER_BYTES, number);
    size_t bytes = seal_close(keyring, &world->sender, packet, payload_bytes_of(number),
                              STREAM_WORLD_LANE, GENERATION);
    uint16_t head = htole16((uint16_t)bytes);
    memcpy(frame_out, &head, sizeof(head));
    return sizeof(head) + bytes;
}

/* The hub's sink. */

static struct seen_stream *seen_of(struct stream_world *world, uint32_t stream) {
    struct seen_stream *seen = &world->seen[stream_id_slot(stream)];
    if (seen->id != stream) {
        *seen = (struct seen_stream){.id = stream};
    }
    return seen;
}

static void request_frame(struct stream_world *world, struct seen_stream *seen) {
    world->request_frames++;
    world->last_requested = seen->id;
    if (world->answer_after != 0 && seen->frames >= world->answer_after && !seen->is_answered) {
        seen->is_answered = true;
        cr_assert(stream_answer(world->hub, seen->id, STREAM_WORLD_LANE, world->answer->bytes,
                                world->answer->size, world->answer_token++));
    }
}

static bool on_frame(void *context, struct buffer *buffer) {
    struct stream_world *world = context;
    struct seen_stream *seen = seen_of(world, buffer->stream);
    bool is_request = buffer->endpoint == world->server;
    payload_check(buffer, seen->frames);
    cr_assert_eq(buffer->lane, STREAM_WORLD_LANE);
    cr_assert_eq(buffer->destination_generation, is_request || world->accepts_raw ? GENERATION : 0);
    cr_assert_eq(memcmp(buffer->peer.bytes, world->server_bound.bytes, 16), 0);
    cr_assert(is_request || buffer->peer.port == world->server_bound.port);
    cr_assert_neq(buffer->received_ns, 0);
    if (world->room == 0) {
        world->refusals++;
        return false;
    }
    world->room--;
    seen->frames++;
    if (world->holds) {
        buffer->next = world->held;
        world->held = buffer;
        world->held_count++;
    } else {
        stream_buffer_give(world->hub, buffer);
    }
    if (is_request) {
        request_frame(world, seen);
    } else {
        world->answer_frames++;
    }
    return true;
}

static void on_forged(void *context, uint32_t endpoint) {
    struct stream_world *world = context;
    cr_assert(endpoint == world->server || endpoint == world->client);
    world->forged++;
}

static void on_script_done(void *context, uint32_t endpoint, uint8_t lane, uint64_t token) {
    struct stream_world *world = context;
    cr_assert_eq(lane, STREAM_WORLD_LANE);
    cr_assert(endpoint == world->server || endpoint == world->client);
    cr_assert_lt(token, STREAM_WORLD_TOKENS);
    world->scripts_done[token]++;
    cr_assert_leq(world->scripts_done[token], 1, "script %u", (unsigned)token);
}

static void on_stream_ended(void *context, uint32_t endpoint, uint32_t stream, uint8_t lane,
                            uint64_t token, bool failed) {
    struct stream_world *world = context;
    cr_assert_neq(stream, 0);
    if (endpoint == world->server) {
        cr_assert_eq(token, 0);
        world->server_ended++;
        world->server_failed += failed;
        return;
    }
    cr_assert_lt(token, STREAM_WORLD_TOKENS);
    cr_assert_eq(lane, STREAM_WORLD_LANE);
    world->ended[token]++;
    world->failed[token] += failed;
    cr_assert_leq(world->ended[token], 1, "request %u", (unsigned)token);
}

static struct seal_sender *sender_of(void *context, uint32_t endpoint) {
    (void)endpoint;
    return &((struct stream_world *)context)->sender;
}

/* The transport's sink. */

static void on_datagram(void *context, struct buffer *buffer) {
    transport_recycle(((struct stream_world *)context)->transport, buffer);
}

static void on_sent(void *context, struct buffer *buffer, int error) {
    (void)context;
    (void)buffer;
    (void)error;
    cr_assert(false, "nobody sends datagrams here");
}

static void raw_read(struct stream_world *world) {
    struct raw_stream *raw = &world->raw;
    stream_read(world->transport, raw->id, raw->in + raw->read_bytes,
                STREAM_WORLD_RAW_BYTES - raw->read_bytes);
}

static void raw_opened(struct stream_world *world, uint32_t stream) {
    world->raw.id = stream;
    world->raw.is_open = true;
    raw_read(world);
}

static void on_accepted(void *context, uint32_t endpoint, uint32_t stream,
                        const struct henge_address *peer) {
    struct stream_world *world = context;
    world->accepted_count++;
    if (world->accepts_raw) {
        raw_opened(world, stream);
        return;
    }
    world->last_accepted = stream;
    stream_hub_accepted(world->hub, endpoint, stream, peer);
}

static bool is_raw(const struct stream_world *world, uint32_t stream) {
    return world->raw.id == stream;
}

static void on_connected(void *context, uint32_t stream, int error) {
    struct stream_world *world = context;
    if (is_raw(world, stream)) {
        cr_assert_eq(error, 0);
        raw_opened(world, stream);
        return;
    }
    stream_hub_connected(world->hub, stream, error);
}

static void on_read(void *context, uint32_t stream, int32_t bytes) {
    struct stream_world *world = context;
    struct raw_stream *raw = &world->raw;
    if (!is_raw(world, stream)) {
        stream_hub_read(world->hub, stream, bytes);
        return;
    }
    if (bytes <= 0) {
        raw->has_ended = true;
        return;
    }
    raw->read_bytes += (uint32_t)bytes;
    if (raw->read_bytes < STREAM_WORLD_RAW_BYTES) {
        raw_read(world);
    }
}

static void on_written(void *context, uint32_t stream, int32_t bytes) {
    struct stream_world *world = context;
    if (!is_raw(world, stream)) {
        stream_hub_written(world->hub, stream, bytes);
        return;
    }
    world->raw.is_writing = false;
}

static void on_closed(void *context, uint32_t stream) {
    struct stream_world *world = context;
    if (!is_raw(world, stream)) {
        stream_hub_closed(world->hub, stream);
        return;
    }
    world->raw.is_closed = true;
    world->raw.is_open = false;
    world->raw.id = 0;
}

static void on_endpoint_closed(void *context, uint32_t endpoint) {
    struct stream_world *world = context;
    cr_assert(endpoint == world->server || endpoint == world->client);
    world->endpoints_closed++;
}

/* The world. */

static uint32_t endpoint_create(struct stream_world *world, struct henge_address *bound_out) {
    struct henge_address bind;
    uint32_t endpoint = 0;
    char reason[256] = "";
    cr_assert_eq(henge_address_parse("127.0.0.1:0", &bind), HENGE_OK);
    cr_assert_eq(
        endpoint_open(world->transport, &bind, &endpoint, bound_out, reason, sizeof(reason)),
        HENGE_OK, "%s", reason);
    cr_assert_eq(endpoint_attach(world->transport, endpoint), HENGE_OK);
    return endpoint;
}

static void hub_create(struct stream_world *world) {
    struct stream_hub_settings settings = {.transport = world->transport,
                                           .keyring = &world->keyring,
                                           .streams_max = STREAM_WORLD_STREAMS,
                                           .buffers = STREAM_WORLD_BUFFERS,
                                           .endpoints_max = 2};
    struct stream_sink sink = {.context = world,
                               .on_frame = on_frame,
                               .on_forged = on_forged,
                               .on_script_done = on_script_done,
                               .on_stream_ended = on_stream_ended,
                               .sender_of = sender_of};
    world->hub = stream_hub_create(&settings, &sink, &world->memory);
    cr_assert_not_null(world->hub);
}

struct stream_world *stream_world_create(enum henge_transport kind) {
    struct stream_world *world = calloc(1, sizeof(*world));
    struct transport_settings settings = {.kind = kind,
                                          .endpoints_max = 2,
                                          .streams_max = STREAM_WORLD_STREAMS,
                                          .receive_buffers = 16,
                                          .sends_max = 16};
    struct transport_sink sink = {.context = world,
                                  .on_datagram = on_datagram,
                                  .on_sent = on_sent,
                                  .on_accepted = on_accepted,
                                  .on_connected = on_connected,
                                  .on_read = on_read,
                                  .on_written = on_written,
                                  .on_closed = on_closed,
                                  .on_endpoint_closed = on_endpoint_closed};
    char reason[256] = "";
    memory_init(&world->memory, NULL);
    world->random = random_of_seed(1);
    world->room = UINT32_MAX;
    world->now_ns = NS_PER_S;
    cr_assert_eq(seal_keyring_init(&world->keyring, KEY, "streams"), HENGE_OK);
    cr_assert_eq(seal_sender_init(&world->sender), HENGE_OK);
    cr_assert_eq(
        transport_create(&settings, &world->memory, &world->transport, reason, sizeof(reason)),
        HENGE_OK, "%s", reason);
    cr_assert_eq(transport_adopt(world->transport, &sink), HENGE_OK);
    world->client = endpoint_create(world, &world->client_bound);
    world->server = endpoint_create(world, &world->server_bound);
    hub_create(world);
    return world;
}

bool stream_world_is_quiet(const struct stream_world *world) {
    return !stream_hub_is_using(world->hub, world->client) &&
           !stream_hub_is_using(world->hub, world->server);
}

void stream_world_destroy(struct stream_world *world) {
    if (world->raw.is_open) {
        raw_close(world);
    }
    STREAM_UNTIL(world, stream_world_is_quiet(world));
    stream_world_give_held(world);
    cr_assert_eq(world->hub->pool.free_count, world->hub->pool.count, "a buffer was lost");
    cr_assert_eq(world->hub->half_open_count, 0);
    cr_assert_eq(stream_hub_deadline(world->hub), TIME_NEVER);
    stream_hub_destroy(world->hub);
    transport_destroy(world->transport);
    for (int tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        cr_assert_eq(world->memory.held_bytes[tag], 0, "memory of tag %d is left", tag);
    }
    free(world);
}

void stream_world_turn(struct stream_world *world) {
    stream_hub_step(world->hub, world->now_ns);
    (void)transport_turn(world->transport, world->now_ns, NS_PER_MS);
}

void stream_world_settle(struct stream_world *world) {
    for (int i = 0; i < 20; i++) {
        stream_world_turn(world);
    }
    stream_hub_step(world->hub, world->now_ns);
}

void stream_world_give_held(struct stream_world *world) {
    while (world->held != NULL) {
        struct buffer *buffer = world->held;
        world->held = buffer->next;
        world->held_count--;
        stream_buffer_give(world->hub, buffer);
    }
}

bool stream_world_request(struct stream_world *world, const struct script *script, uint64_t token) {
    return stream_request(world->hub, world->client, &world->server_bound, GENERATION,
                          STREAM_WORLD_LANE, script->bytes, script->size, token, token);
}

void raw_connect(struct stream_world *world) {
    uint32_t before = world->accepted_count;
    world->raw = (struct raw_stream){0};
    world->raw.id = stream_connect(world->transport, world->client, &world->server_bound);
    cr_assert_neq(world->raw.id, TRANSPORT_NO_STREAM);
    STREAM_UNTIL(world, world->raw.is_open && world->accepted_count == before + 1);
}

void raw_write(struct stream_world *world, const void *bytes, uint32_t size) {
    world->raw.is_writing = true;
    stream_write(world->transport, world->raw.id, bytes, size);
    STREAM_UNTIL(world, !world->raw.is_writing);
}

void raw_close(struct stream_world *world) {
    stream_close(world->transport, world->raw.id);
    STREAM_UNTIL(world, world->raw.is_closed);
}
