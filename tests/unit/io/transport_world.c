/* tests/unit/io/transport_world.c - see transport_world.h. */
#include "tests/unit/io/transport_world.h"
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct transport_settings world_settings(enum henge_transport kind) {
    return (struct transport_settings){.kind = kind,
                                       .endpoints_max = 8,
                                       .streams_max = 32,
                                       .receive_buffers = 64,
                                       .sends_max = 64};
}

/* Byte `place` of a stream. Its period is a prime, so chunks out of order are noticed. */
static uint8_t pattern(uint64_t place) {
    return (uint8_t)(place % 251);
}

/* Byte `place` of a datagram after its tag. */
static uint8_t datagram_pattern(uint32_t tag, uint32_t place) {
    return (uint8_t)(tag * 31 + place * 7);
}

static void on_datagram(void *context, struct buffer *buffer) {
    struct world *world = context;
    cr_assert(world->is_in_turn);
    cr_assert(world->arrivals_count < WORLD_ARRIVALS_MAX);
    cr_assert(buffer->packet_bytes <= PACKET_BYTES_MAX);
    cr_assert(buffer->received_ns > 0 && buffer->received_ns <= clock_monotonic_ns());
    struct arrival *arrival = &world->arrivals[world->arrivals_count++];
    *arrival = (struct arrival){
        .endpoint = buffer->endpoint, .bytes = buffer->packet_bytes, .peer = buffer->peer};
    if (buffer->packet_bytes >= sizeof arrival->tag) {
        memcpy(&arrival->tag, buffer->packet, sizeof arrival->tag);
        for (uint32_t i = sizeof arrival->tag; i < buffer->packet_bytes; i++) {
            cr_assert(buffer->packet[i] == datagram_pattern(arrival->tag, i));
        }
    }
    if (world->holds) {
        buffer->next = world->held;
        world->held = buffer;
        world->held_count++;
    } else {
        transport_recycle(world->transport, buffer);
    }
}

static void on_sent(void *context, struct buffer *buffer, int error) {
    struct world *world = context;
    cr_assert(world->is_in_turn);
    cr_assert(buffer->home == &world->pool);
    world->sends_done++;
    if (error != 0) {
        world->sends_failed++;
        world->last_send_error = error;
    }
    buffer_give(buffer); /* asserts when one comes twice into a full pool */
}

static void begin(struct world *world, uint32_t endpoint, uint32_t id, bool is_accepted) {
    cr_assert(id != TRANSPORT_NO_STREAM);
    struct world_stream *stream = &world->streams[stream_id_slot(id)];
    cr_assert(stream->id != id, "an id came twice");
    *stream = (struct world_stream){.id = id, .endpoint = endpoint, .is_accepted = is_accepted};
}

void world_read(struct world *world, struct world_stream *stream) {
    stream_read(world->transport, stream->id, stream->in, sizeof stream->in);
}

static void write_on(struct world *world, struct world_stream *stream) {
    if (stream->is_write_under_way || stream->written >= stream->to_write) {
        return;
    }
    const uint64_t left = stream->to_write - stream->written;
    const uint32_t bytes = left < sizeof stream->out ? (uint32_t)left : sizeof stream->out;
    for (uint32_t i = 0; i < bytes; i++) {
        stream->out[i] = pattern(stream->written + i);
    }
    stream->is_write_under_way = true;
    stream_write(world->transport, stream->id, stream->out, bytes);
}

void world_write(struct world *world, struct world_stream *stream, uint64_t bytes) {
    stream->to_write += bytes;
    write_on(world, stream);
}

static void opened(struct world *world, struct world_stream *stream) {
    stream->is_open = true;
    if (world->reads_streams) {
        world_read(world, stream);
    }
    world_write(world, stream, world->writes_bytes);
}

static void on_accepted(void *context, uint32_t endpoint, uint32_t id,
                        const struct henge_address *peer) {
    struct world *world = context;
    cr_assert(world->is_in_turn);
    begin(world, endpoint, id, true);
    world->accepted_count++;
    world_stream(world, id)->peer = *peer;
    opened(world, world_stream(world, id));
}

static void on_connected(void *context, uint32_t id, int error) {
    struct world *world = context;
    cr_assert(world->is_in_turn);
    struct world_stream *stream = world_stream(world, id);
    cr_assert(!stream->is_accepted && !stream->is_connect_over && stream->closed == 0);
    stream->is_connect_over = true;
    stream->connect_error = error;
    if (error == 0) {
        opened(world, stream);
    }
}

static void on_read(void *context, uint32_t id, int32_t bytes) {
    struct world *world = context;
    cr_assert(world->is_in_turn);
    struct world_stream *stream = world_stream(world, id);
    cr_assert(stream->is_open && !stream->has_ended);
    if (bytes <= 0) {
        stream->has_ended = true;
        stream->read_error = bytes;
        return;
    }
    cr_assert(bytes <= WORLD_CHUNK_BYTES);
    for (uint32_t i = 0; i < (uint32_t)bytes; i++) {
        cr_assert(stream->in[i] == pattern(stream->read + i));
    }
    stream->read += (uint32_t)bytes;
    if (world->reads_streams) {
        world_read(world, stream);
    }
}

static void on_written(void *context, uint32_t id, int32_t bytes) {
    struct world *world = context;
    cr_assert(world->is_in_turn);
    struct world_stream *stream = world_stream(world, id);
    cr_assert(stream->is_open && stream->is_write_under_way && bytes != 0);
    stream->is_write_under_way = false;
    if (bytes < 0) {
        stream->write_error = bytes;
        return;
    }
    stream->written += (uint32_t)bytes;
    write_on(world, stream);
}

static void on_closed(void *context, uint32_t id) {
    struct world *world = context;
    cr_assert(world->is_in_turn);
    struct world_stream *stream = world_stream(world, id);
    cr_assert(stream->closed == 0);
    cr_assert(!stream->is_connect_over || stream->connect_error == 0);
    stream->closed++;
    stream->is_open = false;
    world->closed_count++;
    /* Nothing refers to this memory any more: a late write into it is a sanitizer's matter no
     * longer, so it is made visible. */
    memset(stream->in, 0xee, sizeof stream->in);
}

static void on_endpoint_closed(void *context, uint32_t endpoint) {
    struct world *world = context;
    cr_assert(world->is_in_turn);
    world->endpoints_closed[endpoint]++;
    for (uint32_t i = 0; i < WORLD_STREAMS_MAX; i++) {
        cr_assert(!world->streams[i].is_open || world->streams[i].endpoint != endpoint,
                  "its streams end first");
    }
}

static void on_refused(void *context, uint32_t endpoint, const struct henge_address *peer) {
    struct world *world = context;
    cr_assert(world->is_in_turn);
    world->refusals++;
    world->last_refused = *peer;
    world->last_refused_endpoint = endpoint;
}

struct world *world_create(const struct transport_settings *settings) {
    cr_assert(settings->streams_max <= WORLD_STREAMS_MAX);
    cr_assert(settings->endpoints_max <= WORLD_ENDPOINTS_MAX);
    struct world *world = calloc(1, sizeof *world);
    cr_assert_not_null(world);
    memory_init(&world->memory, NULL);
    char reason[256] = "";
    cr_assert(transport_create(settings, &world->memory, &world->transport, reason,
                               sizeof reason) == HENGE_OK,
              "%s", reason);
    const struct transport_sink sink = {.context = world,
                                        .on_datagram = on_datagram,
                                        .on_sent = on_sent,
                                        .on_refused = on_refused,
                                        .on_accepted = on_accepted,
                                        .on_connected = on_connected,
                                        .on_read = on_read,
                                        .on_written = on_written,
                                        .on_closed = on_closed,
                                        .on_endpoint_closed = on_endpoint_closed};
    cr_assert(transport_adopt(world->transport, &sink) == HENGE_OK);
    cr_assert(buffer_pool_init(&world->pool, &world->memory, WORLD_SEND_BUFFERS, 0));
    return world;
}

void world_destroy(struct world *world) {
    transport_destroy(world->transport);
    buffer_pool_deinit(&world->pool, &world->memory);
    for (int tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        cr_assert(atomic_load(&world->memory.held_bytes[tag]) == 0, "memory left with tag %d", tag);
    }
    free(world);
}

uint32_t world_turn(struct world *world, uint64_t timeout_ns) {
    world->is_in_turn = true;
    const uint32_t delivered = transport_turn(world->transport, clock_monotonic_ns(), timeout_ns);
    world->is_in_turn = false;
    return delivered;
}

void world_settle(struct world *world) {
    for (int quiet = 0; quiet < 5;) {
        quiet = world_turn(world, 20 * NS_PER_MS) == 0 ? quiet + 1 : 0;
    }
}

struct henge_address world_address(const char *text) {
    struct henge_address address;
    cr_assert(henge_address_parse(text, &address) == HENGE_OK);
    return address;
}

const char *world_loopback(void) {
    static char text[HENGE_ADDRESS_TEXT_BYTES];
    const unsigned process = (unsigned)getpid();
    /* From 127.64 on: others use the lower ones. A process id has at most 22 bits. */
    (void)snprintf(text, sizeof text, "127.%u.%u.%u:0", 64 + (process >> 16 & 63),
                   process >> 8 & 255, process & 255);
    return text;
}

uint32_t world_endpoint(struct world *world, const char *text, struct henge_address *bound_out) {
    const struct henge_address address = world_address(text);
    uint32_t endpoint = UINT32_MAX;
    char reason[256] = "";
    cr_assert(endpoint_open(world->transport, &address, &endpoint, bound_out, reason,
                            sizeof reason) == HENGE_OK,
              "%s", reason);
    cr_assert(endpoint < world->transport->settings.endpoints_max);
    cr_assert(bound_out->port != 0);
    cr_assert(endpoint_attach(world->transport, endpoint) == HENGE_OK);
    return endpoint;
}

bool world_send(struct world *world, uint32_t from, const struct henge_address *to, uint32_t bytes,
                uint32_t tag) {
    struct buffer *buffer = buffer_take(&world->pool);
    cr_assert_not_null(buffer);
    buffer->endpoint = from;
    buffer->peer = *to;
    buffer->packet_bytes = bytes;
    for (uint32_t i = 0; i < bytes; i++) {
        buffer->packet[i] = datagram_pattern(tag, i);
    }
    if (bytes >= sizeof tag) {
        memcpy(buffer->packet, &tag, sizeof tag);
    }
    if (!transport_send(world->transport, buffer)) {
        buffer_give(buffer);
        return false;
    }
    return true;
}

uint32_t world_arrivals_of(const struct world *world, uint32_t endpoint) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->arrivals_count; i++) {
        count += world->arrivals[i].endpoint == endpoint;
    }
    return count;
}

void world_recycle_held(struct world *world) {
    while (world->held != NULL) {
        struct buffer *buffer = world->held;
        world->held = buffer->next;
        transport_recycle(world->transport, buffer);
    }
    world->held_count = 0;
}

struct world_stream *world_stream(struct world *world, uint32_t id) {
    struct world_stream *stream = &world->streams[stream_id_slot(id)];
    cr_assert(stream->id == id, "a callback for a stream that is not known");
    return stream;
}

struct world_stream *world_accepted(struct world *world, uint32_t endpoint, uint32_t nth) {
    for (uint32_t i = 0; i < WORLD_STREAMS_MAX; i++) {
        struct world_stream *stream = &world->streams[i];
        if (stream->id != 0 && stream->is_accepted && stream->endpoint == endpoint && nth-- == 0) {
            return stream;
        }
    }
    return NULL;
}

uint32_t world_connect(struct world *world, uint32_t endpoint, const struct henge_address *peer) {
    const uint32_t id = stream_connect(world->transport, endpoint, peer);
    if (id != TRANSPORT_NO_STREAM) {
        begin(world, endpoint, id, false);
        world_stream(world, id)->peer = *peer;
    }
    return id;
}

uint32_t open_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    cr_assert_not_null(directory);
    uint32_t count = 0;
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count;
}

int foreign_socket(const struct henge_address *to) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(to->port)};
    memcpy(&name.sin_addr, to->bytes, 4);
    const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert(descriptor >= 0);
    cr_assert(connect(descriptor, (struct sockaddr *)&name, sizeof name) == 0);
    return descriptor;
}
