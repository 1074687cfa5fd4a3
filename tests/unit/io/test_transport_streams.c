/* tests/unit/io/test_transport_streams.c - the conformance suite, second half: streams, and closing
 * with everything under way. */
#include "tests/unit/io/transport_cases.h"
#include <string.h>

struct pair {
    struct world *world;
    uint32_t client_endpoint;
    uint32_t server_endpoint;
    struct henge_address client_bound;
    struct henge_address server_bound;
};

static struct pair pair_create(const struct transport_settings *settings, const char *address) {
    struct pair pair = {.world = world_create(settings)};
    pair.client_endpoint = world_endpoint(pair.world, address, &pair.client_bound);
    pair.server_endpoint = world_endpoint(pair.world, address, &pair.server_bound);
    return pair;
}

static struct world_stream *connect_one(struct pair *pair) {
    const uint32_t before = pair->world->accepted_count;
    const uint32_t id = world_connect(pair->world, pair->client_endpoint, &pair->server_bound);
    cr_assert(id != TRANSPORT_NO_STREAM);
    struct world_stream *stream = world_stream(pair->world, id);
    cr_assert_not(stream->is_connect_over);
    WORLD_UNTIL(pair->world, stream->is_connect_over && pair->world->accepted_count == before + 1);
    cr_assert(stream->connect_error == 0);
    return stream;
}

static void close_and_wait(struct world *world, const struct world_stream *stream) {
    stream_close(world->transport, stream->id);
    cr_assert(stream->closed == 0, "nothing is called back from inside another call");
    WORLD_UNTIL(world, stream->closed == 1);
}

CASE(megabyte_both_ways) {
    enum { MEGABYTE = 1 << 20 };
    const char *const addresses[] = {world_loopback(), "[::1]:0"};
    for (size_t i = 0; i < 2; i++) {
        struct transport_settings settings = world_settings(kind);
        struct pair pair = pair_create(&settings, addresses[i]);
        pair.world->reads_streams = true;
        pair.world->writes_bytes = MEGABYTE;
        struct world_stream *client = connect_one(&pair);
        struct world_stream *server = world_accepted(pair.world, pair.server_endpoint, 0);
        cr_assert_not_null(server);
        /* On IPv4 the kernel may choose another of the loopback addresses. */
        cr_assert(server->peer.bytes[0] == pair.client_bound.bytes[0]);
        cr_assert(server->peer.family == pair.client_bound.family && server->peer.port != 0);
        WORLD_UNTIL(pair.world, client->read == MEGABYTE && server->read == MEGABYTE);
        cr_assert(client->written == MEGABYTE && server->written == MEGABYTE);
        close_and_wait(pair.world, client);
        WORLD_UNTIL(pair.world, server->has_ended);
        cr_assert(server->read_error == 0);
        close_and_wait(pair.world, server);
        world_destroy(pair.world);
    }
}

CASE(several_streams_at_once) {
    enum { STREAMS = 8, BYTES = 200 * 1000 };
    struct transport_settings settings = world_settings(kind);
    struct pair pair = pair_create(&settings, world_loopback());
    pair.world->reads_streams = true;
    pair.world->writes_bytes = BYTES;
    struct world_stream *clients[STREAMS];
    for (uint32_t i = 0; i < STREAMS; i++) {
        const uint32_t id = world_connect(pair.world, pair.client_endpoint, &pair.server_bound);
        cr_assert(id != TRANSPORT_NO_STREAM);
        clients[i] = world_stream(pair.world, id);
    }
    for (uint32_t i = 0; i < STREAMS; i++) {
        WORLD_UNTIL(pair.world, clients[i]->read == BYTES && clients[i]->written == BYTES);
    }
    for (uint32_t i = 0; i < STREAMS; i++) {
        struct world_stream *server = world_accepted(pair.world, pair.server_endpoint, i);
        cr_assert_not_null(server);
        WORLD_UNTIL(pair.world, server->read == BYTES && server->written == BYTES);
    }
    world_destroy(pair.world);
}

CASE(connect_refused) {
    struct transport_settings settings = world_settings(kind);
    settings.streams_max = 2;
    struct pair pair = pair_create(&settings, world_loopback());
    endpoint_close(pair.world->transport, pair.server_endpoint);
    WORLD_UNTIL(pair.world, pair.world->endpoints_closed[pair.server_endpoint] == 1);
    for (int i = 0; i < 10; i++) { /* more often than there are streams: the id comes back */
        const uint32_t id = world_connect(pair.world, pair.client_endpoint, &pair.server_bound);
        cr_assert(id != TRANSPORT_NO_STREAM);
        struct world_stream *stream = world_stream(pair.world, id);
        WORLD_UNTIL(pair.world, stream->is_connect_over);
        cr_assert(stream->connect_error > 0);
        /* A late word to a dead id changes nothing. */
        stream_close(pair.world->transport, id);
        world_read(pair.world, stream);
    }
    const struct henge_address none = {0};
    const uint32_t id = world_connect(pair.world, pair.client_endpoint, &none);
    cr_assert(id != TRANSPORT_NO_STREAM && !world_stream(pair.world, id)->is_connect_over);
    WORLD_UNTIL(pair.world, world_stream(pair.world, id)->is_connect_over);
    cr_assert(world_stream(pair.world, id)->connect_error > 0);
    cr_assert(pair.world->closed_count == 0);
    world_destroy(pair.world);
}

/* The writer closes as soon as its last byte is taken: all of it arrives, then the end. */
static void close_after_writing(enum henge_transport kind, bool is_client, bool leaves_unread) {
    enum { BYTES = 300 * 1000 };
    struct transport_settings settings = world_settings(kind);
    struct pair pair = pair_create(&settings, world_loopback());
    struct world_stream *client = connect_one(&pair);
    struct world_stream *server = world_accepted(pair.world, pair.server_endpoint, 0);
    struct world_stream *writer = is_client ? client : server;
    struct world_stream *reader = is_client ? server : client;
    if (leaves_unread) {
        world_write(pair.world, reader, 1000);
        WORLD_UNTIL(pair.world, reader->written == 1000);
    }
    world_write(pair.world, writer, BYTES);
    while (writer->written < BYTES) {
        world_read(pair.world, reader);
        const uint64_t before = reader->read;
        WORLD_UNTIL(pair.world, reader->read > before);
    }
    close_and_wait(pair.world, writer);
    pair.world->reads_streams = true;
    world_read(pair.world, reader);
    WORLD_UNTIL(pair.world, reader->has_ended);
    cr_assert(reader->read == BYTES && reader->read_error == 0, "%lu read, error %d",
              (unsigned long)reader->read, reader->read_error);
    close_and_wait(pair.world, reader);
    world_destroy(pair.world);
}

CASE(client_closes_with_data_in_flight) {
    close_after_writing(kind, true, false);
}

CASE(server_closes_with_data_in_flight) {
    close_after_writing(kind, false, false);
}

CASE(close_over_unread_data) {
    close_after_writing(kind, true, true);
    close_after_writing(kind, false, true);
}

/* Close with a read, and a write that nobody takes, under way: both end without a word. */
CASE(close_cancels) {
    struct transport_settings settings = world_settings(kind);
    struct pair pair = pair_create(&settings, world_loopback());
    for (int i = 0; i < 3; i++) {
        struct world_stream *client = connect_one(&pair);
        world_read(pair.world, client);
        world_write(pair.world, client, UINT64_C(1) << 40);
        world_settle(pair.world);
        cr_assert(client->is_write_under_way && !client->has_ended);
        const uint64_t written = client->written;
        close_and_wait(pair.world, client);
        world_settle(pair.world);
        cr_assert(client->closed == 1 && client->written == written && !client->has_ended);
        for (uint32_t place = 0; place < sizeof client->in; place++) {
            cr_assert(client->in[place] == 0xee, "written to after on_closed");
        }
        struct world_stream *server = world_accepted(pair.world, pair.server_endpoint, 0);
        while (server != NULL && server->closed != 0) {
            server = NULL;
        }
        if (server != NULL) {
            close_and_wait(pair.world, server);
        }
    }
    world_destroy(pair.world);
}

CASE(close_while_connecting) {
    struct transport_settings settings = world_settings(kind);
    struct pair pair = pair_create(&settings, world_loopback());
    for (int i = 0; i < 20; i++) {
        const uint32_t id = world_connect(pair.world, pair.client_endpoint, &pair.server_bound);
        struct world_stream *stream = world_stream(pair.world, id);
        close_and_wait(pair.world, stream);
        cr_assert_not(stream->is_connect_over);
        world_settle(pair.world);
        for (uint32_t slot = 0; slot < WORLD_STREAMS_MAX; slot++) {
            if (pair.world->streams[slot].is_open) {
                close_and_wait(pair.world, &pair.world->streams[slot]);
            }
        }
    }
    world_destroy(pair.world);
}

CASE(writing_to_who_has_closed) {
    struct transport_settings settings = world_settings(kind);
    struct pair pair = pair_create(&settings, world_loopback());
    struct world_stream *client = connect_one(&pair);
    struct world_stream *server = world_accepted(pair.world, pair.server_endpoint, 0);
    close_and_wait(pair.world, server);
    world_write(pair.world, client, UINT64_C(1) << 40);
    WORLD_UNTIL(pair.world, client->write_error != 0);
    cr_assert(client->write_error < 0 && client->closed == 0);
    close_and_wait(pair.world, client);
    world_destroy(pair.world);
}

CASE(streams_max) {
    enum { STREAMS = 3 };
    struct transport_settings settings = world_settings(kind);
    settings.streams_max = STREAMS;
    struct pair pair = pair_create(&settings, world_loopback());
    struct world_stream *first = connect_one(&pair);
    /* Two are open. The third is the client's half of a connection that finds no room at its
     * server's side. */
    pair.world->reads_streams = true;
    struct transport_counters before, after;
    transport_counters_get(pair.world->transport, &before);
    const uint32_t id = world_connect(pair.world, pair.client_endpoint, &pair.server_bound);
    cr_assert(id != TRANSPORT_NO_STREAM);
    cr_assert(world_connect(pair.world, pair.client_endpoint, &pair.server_bound) ==
              TRANSPORT_NO_STREAM);
    struct world_stream *third = world_stream(pair.world, id);
    WORLD_UNTIL(pair.world, third->is_connect_over);
    WORLD_UNTIL(pair.world, third->connect_error != 0 || third->has_ended);
    cr_assert(pair.world->accepted_count == 1);
    transport_counters_get(pair.world->transport, &after);
    /* The one that could not be begun, and the one that was not accepted. */
    cr_assert(after.streams_refused == before.streams_refused + 2);
    if (third->connect_error == 0) {
        close_and_wait(pair.world, third);
    }
    close_and_wait(pair.world, first);
    close_and_wait(pair.world, world_accepted(pair.world, pair.server_endpoint, 0));
    (void)connect_one(&pair); /* there is room again */
    world_destroy(pair.world);
}

/* Many uses of few slots: a word to an id of a former use reaches nobody. */
CASE(old_ids_are_ignored) {
    struct transport_settings settings = world_settings(kind);
    settings.streams_max = 2;
    struct pair pair = pair_create(&settings, world_loopback());
    uint32_t old[2] = {0, 0};
    for (int i = 0; i < 20; i++) {
        struct world_stream *client = connect_one(&pair);
        struct world_stream *server = world_accepted(pair.world, pair.server_endpoint, 0);
        cr_assert(server != NULL && server->closed == 0);
        for (size_t j = 0; j < 2 && old[j] != 0; j++) {
            cr_assert(old[j] != client->id && old[j] != server->id);
            stream_close(pair.world->transport, old[j]);
            stream_read(pair.world->transport, old[j], client->out, 1);
            stream_write(pair.world->transport, old[j], client->out, 1);
        }
        world_read(pair.world, server);
        world_write(pair.world, client, 100);
        WORLD_UNTIL(pair.world, server->read == 100);
        old[0] = client->id;
        old[1] = server->id;
        close_and_wait(pair.world, client);
        close_and_wait(pair.world, server);
        /* The slots may be taken the other way round next time. */
        client->is_accepted = server->is_accepted = false;
    }
    world_destroy(pair.world);
}

/* Closing ends everything once: streams that read, write, connect, sends that were queued. */
CASE(endpoint_close_ends_everything_once) {
    enum { STREAMS = 6, SENDS = 20 };
    struct transport_settings settings = world_settings(kind);
    for (int settled = 0; settled < 2; settled++) {
        struct pair pair = pair_create(&settings, world_loopback());
        struct world *world = pair.world;
        uint32_t ids[STREAMS];
        for (uint32_t i = 0; i < STREAMS / 2; i++) {
            struct world_stream *client = connect_one(&pair);
            ids[i] = client->id;
            world_read(world, client);
            world_write(world, client, UINT64_C(1) << 40);
        }
        if (settled == 1) {
            world_settle(world);
        }
        for (uint32_t i = STREAMS / 2; i < STREAMS; i++) {
            ids[i] = world_connect(world, pair.client_endpoint, &pair.server_bound);
            cr_assert(ids[i] != TRANSPORT_NO_STREAM);
        }
        for (uint32_t i = 0; i < SENDS; i++) {
            cr_assert(world_send(world, pair.client_endpoint, &pair.server_bound, 100, i));
        }
        endpoint_close(world->transport, pair.client_endpoint);
        cr_assert(world_connect(world, pair.client_endpoint, &pair.server_bound) ==
                  TRANSPORT_NO_STREAM);
        WORLD_UNTIL(world, world->endpoints_closed[pair.client_endpoint] == 1);
        cr_assert(world->sends_done == SENDS);
        for (uint32_t i = 0; i < STREAMS; i++) {
            cr_assert(world_stream(world, ids[i])->closed == 1);
        }
        endpoint_close(world->transport, pair.server_endpoint);
        WORLD_UNTIL(world, world->endpoints_closed[pair.server_endpoint] == 1);
        world_settle(world);
        cr_assert(world->sends_done == SENDS);
        cr_assert(world->endpoints_closed[pair.client_endpoint] == 1);
        cr_assert(world->endpoints_closed[pair.server_endpoint] == 1);
        cr_assert(world->closed_count == STREAMS + world->accepted_count);
        world_destroy(world);
    }
}

/* Destroy without closing first: a runtime whose threads have stopped does that. */
CASE(destroy_leaks_nothing) {
    enum { ROUNDS = 5 };
    struct transport_settings settings = world_settings(kind);
    settings.receive_buffers = 4;
    uint32_t before = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct pair pair = pair_create(&settings, world_loopback());
        const struct henge_address any = world_address(world_loopback());
        uint32_t opened = 0;
        struct henge_address bound;
        cr_assert(endpoint_open(pair.world->transport, &any, &opened, &bound, NULL, 0) == HENGE_OK);
        struct world_stream *client = connect_one(&pair);
        world_read(pair.world, client);
        world_write(pair.world, client, UINT64_C(1) << 40);
        pair.world->holds = true;
        for (uint32_t j = 0; j < 10; j++) {
            cr_assert(world_send(pair.world, pair.client_endpoint, &pair.server_bound, 100, j));
        }
        (void)world_turn(pair.world, 0);
        (void)world_connect(pair.world, pair.client_endpoint, &pair.server_bound);
        cr_assert(world_send(pair.world, pair.client_endpoint, &pair.server_bound, 100, 0));
        world_destroy(pair.world);
        if (i == 0) {
            before = open_descriptors(); /* after what libraries open once */
        }
    }
    cr_assert(open_descriptors() == before);
}
