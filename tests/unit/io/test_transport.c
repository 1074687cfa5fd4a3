/* tests/unit/io/test_transport.c - the conformance suite, first half: datagrams, endpoints, turns.
 * Each case runs on io_uring, epoll and memory. Only what needs a foreign socket leaves memory out.
 */
#include "io/socket.h"
#include "tests/unit/io/transport_cases.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

CASE(round_trip) {
    const char *const addresses[] = {world_loopback(), "[::1]:0"};
    for (size_t i = 0; i < 2; i++) {
        struct transport_settings settings = world_settings(kind);
        struct world *world = world_create(&settings);
        struct henge_address a_bound, b_bound;
        const uint32_t a = world_endpoint(world, addresses[i], &a_bound);
        const uint32_t b = world_endpoint(world, addresses[i], &b_bound);
        cr_assert(world_send(world, a, &b_bound, 100, 1));
        WORLD_UNTIL(world, world->arrivals_count == 1 && world->sends_done == 1);
        cr_assert(world->arrivals[0].endpoint == b && world->arrivals[0].bytes == 100);
        cr_assert(memcmp(&world->arrivals[0].peer, &a_bound, sizeof a_bound) == 0);
        cr_assert(world_send(world, b, &world->arrivals[0].peer, 60, 2));
        WORLD_UNTIL(world, world->arrivals_count == 2 && world->sends_done == 2);
        cr_assert(world->arrivals[1].endpoint == a && world->arrivals[1].bytes == 60);
        cr_assert(memcmp(&world->arrivals[1].peer, &b_bound, sizeof b_bound) == 0);
        cr_assert(world->sends_failed == 0);
        world_destroy(world);
    }
}

CASE(every_size) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address bound, ignored;
    const uint32_t a = world_endpoint(world, world_loopback(), &ignored);
    (void)world_endpoint(world, world_loopback(), &bound);
    for (uint32_t bytes = 0; bytes <= PACKET_BYTES_MAX; bytes++) {
        cr_assert(world_send(world, a, &bound, bytes, bytes));
        WORLD_UNTIL(world, world->arrivals_count == bytes + 1 && world->sends_done == bytes + 1);
        cr_assert(world->arrivals[bytes].bytes == bytes);
        cr_assert(bytes < 4 || world->arrivals[bytes].tag == bytes);
    }
    world_destroy(world);
}

/* An empty datagram from anyone must not make a node deaf. */
SOCKET_CASE(empty_datagrams_from_outside) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address bound;
    (void)world_endpoint(world, world_loopback(), &bound);
    const int outside = foreign_socket(&bound);
    for (uint32_t round = 1; round <= 5; round++) {
        for (int i = 0; i < 3; i++) {
            cr_assert(send(outside, "", 0, 0) == 0);
        }
        cr_assert(send(outside, "abc", 3, 0) == 3);
        WORLD_UNTIL(world, world->arrivals_count == 4 * round);
        cr_assert(world->arrivals[4 * round - 2].bytes == 0);
        cr_assert(world->arrivals[4 * round - 1].bytes == 3);
    }
    (void)close(outside);
    world_destroy(world);
}

/* The address of a port that was open and is no more. */
static struct henge_address closed_port(const char *address) {
    struct henge_address bound;
    int udp, tcp;
    char reason[128];
    struct henge_address wanted = world_address(address);
    cr_assert_eq(sockets_open(&wanted, &udp, &tcp, &bound, reason, sizeof reason), HENGE_OK);
    (void)close(udp);
    (void)close(tcp);
    return bound;
}

/* What was sent to nobody is told with its address, and costs no other datagram its way. */
SOCKET_CASE(refusals_are_told_and_cost_nothing) {
    const char *const addresses[] = {world_loopback(), "[::1]:0"};
    for (size_t i = 0; i < 2; i++) {
        struct transport_settings settings = world_settings(kind);
        struct world *world = world_create(&settings);
        struct henge_address bound, ignored;
        const struct henge_address nobody = closed_port(addresses[i]);
        const uint32_t a = world_endpoint(world, addresses[i], &ignored);
        const uint32_t b = world_endpoint(world, addresses[i], &bound);
        for (uint32_t round = 1; round <= 200; round++) {
            const uint32_t refusals = world->refusals;
            cr_assert(world_send(world, a, &nobody, 50, 1));
            cr_assert(world_send(world, a, &nobody, 50, 1));
            cr_assert(world_send(world, a, &bound, 50, round));
            cr_assert(world_send(world, b, &ignored, 50, round));
            WORLD_UNTIL(world, world->arrivals_count == 2 * round && world->refusals > refusals &&
                                   world->sends_done == 4 * round);
        }
        cr_expect_eq(world->sends_failed, 0);
        cr_expect_eq(world->last_refused_endpoint, a);
        cr_expect_eq(memcmp(&world->last_refused, &nobody, sizeof nobody), 0);
        world_settle(world);
        cr_expect_eq(world_turn(world, 0), 0, "nothing is left to be told");
        world_destroy(world);
    }
}

/* Their queue is bounded by the receive queue; left full it would make the node deaf. */
SOCKET_CASE(a_storm_of_refusals_makes_nobody_deaf) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address bound;
    const struct henge_address nobody = closed_port(world_loopback());
    const uint32_t a = world_endpoint(world, world_loopback(), &bound);
    const int outside = foreign_socket(&bound);
    uint32_t sent = 0;
    for (uint32_t round = 1; round <= 300; round++) {
        for (int i = 0; i < 32; i++) {
            sent += world_send(world, a, &nobody, 1000, 1);
        }
        cr_assert(send(outside, "abc", 3, 0) == 3);
        WORLD_UNTIL(world, world->arrivals_count == round && world->sends_done == sent);
    }
    world_settle(world);
    const uint64_t cpu = (uint64_t)clock();
    (void)world_turn(world, 300 * NS_PER_MS);
    cr_expect_lt((uint64_t)clock() - cpu, CLOCKS_PER_SEC / 10, "it does not spin");
    (void)close(outside);
    world_destroy(world);
}

SOCKET_CASE(drops_of_the_kernel_are_counted) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address bound;
    static uint8_t datagram[1400];
    const uint32_t a = world_endpoint(world, world_loopback(), &bound);
    cr_assert_eq(endpoint_drops(world->transport, a), 0);
    const int outside = foreign_socket(&bound);
    for (int i = 0; i < 100000 && endpoint_drops(world->transport, a) < 10; i++) {
        (void)!send(outside, datagram, sizeof datagram, MSG_DONTWAIT);
    }
    cr_assert_geq(endpoint_drops(world->transport, a), 10);
    (void)close(outside);
    world_destroy(world);
}

SOCKET_CASE(oversized_datagram_is_cut) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address bound;
    (void)world_endpoint(world, world_loopback(), &bound);
    const int outside = foreign_socket(&bound);
    static uint8_t large[60000]; /* tag 0 and not the pattern, so it is made to fit */
    for (uint32_t i = 4; i < sizeof large; i++) {
        large[i] = (uint8_t)(i * 7);
    }
    cr_assert(send(outside, large, sizeof large, 0) == sizeof large);
    cr_assert(send(outside, large, PACKET_BYTES_MAX + 1, 0) == PACKET_BYTES_MAX + 1);
    cr_assert(send(outside, large, 20, 0) == 20);
    WORLD_UNTIL(world, world->arrivals_count == 3);
    cr_assert(world->arrivals[0].bytes == PACKET_BYTES_MAX);
    cr_assert(world->arrivals[1].bytes == PACKET_BYTES_MAX);
    cr_assert(world->arrivals[2].bytes == 20);
    (void)close(outside);
    world_destroy(world);
}

CASE(receive_stalls_and_resumes) {
    enum { BUFFERS = 8, BURST = 40 };
    struct transport_settings settings = world_settings(kind);
    settings.receive_buffers = BUFFERS;
    struct world *world = world_create(&settings);
    struct henge_address a_bound, b_bound;
    const uint32_t a = world_endpoint(world, world_loopback(), &a_bound);
    const uint32_t b = world_endpoint(world, world_loopback(), &b_bound);
    for (uint32_t round = 0; round < 3; round++) {
        const uint32_t before = world->arrivals_count;
        world->holds = true;
        for (uint32_t i = 0; i < BURST; i++) {
            cr_assert(
                world_send(world, i % 2 == 0 ? a : b, i % 2 == 0 ? &b_bound : &a_bound, 50, i));
        }
        WORLD_UNTIL(world, world->held_count == BUFFERS);
        world_settle(world);
        cr_assert(world->held_count == BUFFERS, "there are no more buffers than that");
        world->holds = false;
        world_recycle_held(world);
        if (kind == HENGE_TRANSPORT_MEMORY) {
            /* May lose what nobody had room for, as a network does. */
            world_settle(world);
        } else {
            WORLD_UNTIL(world, world->arrivals_count == before + BURST);
        }
    }
    struct transport_counters counters;
    transport_counters_get(world->transport, &counters);
    cr_assert(counters.receive_stalls > 0);
    const uint32_t a_before = world_arrivals_of(world, a), b_before = world_arrivals_of(world, b);
    cr_assert(world_send(world, a, &b_bound, 50, 1) && world_send(world, b, &a_bound, 50, 1));
    WORLD_UNTIL(world, world_arrivals_of(world, a) == a_before + 1 &&
                           world_arrivals_of(world, b) == b_before + 1);
    world_destroy(world);
}

/* All endpoints wait for the same few buffers; one that comes home serves them one after another.
 */
SOCKET_CASE(one_buffer_serves_all) {
    enum { ENDPOINTS = 32 };
    struct transport_settings settings = world_settings(kind);
    settings.endpoints_max = ENDPOINTS;
    settings.receive_buffers = 1;
    struct world *world = world_create(&settings);
    struct henge_address bound[ENDPOINTS];
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        (void)world_endpoint(world, world_loopback(), &bound[i]);
    }
    world_settle(world);
    world->holds = true;
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        cr_assert(world_send(world, i, &bound[(i + 1) % ENDPOINTS], 10, i));
    }
    for (uint32_t i = 1; i <= ENDPOINTS; i++) {
        WORLD_UNTIL(world, world->arrivals_count == i);
        world_recycle_held(world);
    }
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        cr_assert(world_arrivals_of(world, i) == 1);
    }
    world_destroy(world);
}

CASE(nobody_listens) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address a_bound, b_bound, nobody;
    const uint32_t a = world_endpoint(world, world_loopback(), &a_bound);
    const uint32_t b = world_endpoint(world, world_loopback(), &b_bound);
    const uint32_t gone = world_endpoint(world, world_loopback(), &nobody);
    endpoint_close(world->transport, gone);
    WORLD_UNTIL(world, world->endpoints_closed[gone] == 1);
    for (uint32_t i = 1; i <= 20; i++) {
        cr_assert(world_send(world, a, &nobody, 20, i));
        cr_assert(world_send(world, b, &a_bound, 20, i));
        WORLD_UNTIL(world, world->arrivals_count == i && world->sends_done == 2 * i);
    }
    world_destroy(world);
}

CASE(many_endpoints) {
    enum { ENDPOINTS = 100, ROUNDS = 20 };
    struct transport_settings settings = world_settings(kind);
    settings.endpoints_max = ENDPOINTS;
    settings.receive_buffers = 256;
    settings.sends_max = 128;
    struct world *world = world_create(&settings);
    static struct henge_address bound[ENDPOINTS];
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        cr_assert(world_endpoint(world, world_loopback(), &bound[i]) < ENDPOINTS);
    }
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (uint32_t i = 0; i < ENDPOINTS; i++) {
            cr_assert(world_send(world, i, &bound[(i + round) % ENDPOINTS], 200, i));
        }
        WORLD_UNTIL(world, world->sends_done == ENDPOINTS * round &&
                               world->arrivals_count == ENDPOINTS * round);
        for (uint32_t i = 0; i < ENDPOINTS; i++) {
            const struct arrival *arrival = &world->arrivals[ENDPOINTS * (round - 1) + i];
            cr_assert(arrival->endpoint == (arrival->tag + round) % ENDPOINTS);
            cr_assert(memcmp(&arrival->peer, &bound[arrival->tag], sizeof arrival->peer) == 0);
        }
    }
    cr_assert(world->sends_failed == 0);
    world_destroy(world);
}

CASE(sends_max) {
    struct transport_settings settings = world_settings(kind);
    settings.sends_max = 4;
    struct world *world = world_create(&settings);
    struct henge_address bound;
    const uint32_t a = world_endpoint(world, world_loopback(), &bound);
    for (uint32_t round = 1; round <= 3; round++) {
        for (uint32_t i = 0; i < 4; i++) {
            cr_assert(world_send(world, a, &bound, 10, i));
        }
        cr_assert_not(world_send(world, a, &bound, 10, 4));
        WORLD_UNTIL(world, world->sends_done == 4 * round);
    }
    WORLD_UNTIL(world, world->arrivals_count == 12);
    world_destroy(world);
}

CASE(bad_destination_fails_that_send) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address bound;
    const uint32_t a = world_endpoint(world, world_loopback(), &bound);
    const struct henge_address none = {0};
    cr_assert(world_send(world, a, &none, 10, 0));
    cr_assert(world->sends_done == 0, "nothing is called back from inside another call");
    WORLD_UNTIL(world, world->sends_done == 1);
    cr_assert(world->sends_failed == 1 && world->last_send_error != 0);
    struct transport_counters counters;
    transport_counters_get(world->transport, &counters);
    cr_assert(counters.sends_failed == 1);
    cr_assert(world_send(world, a, &bound, 10, 0));
    WORLD_UNTIL(world, world->arrivals_count == 1);
    world_destroy(world);
}

CASE(sent_before_close_arrives) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address a_bound, b_bound;
    const uint32_t a = world_endpoint(world, world_loopback(), &a_bound);
    (void)world_endpoint(world, world_loopback(), &b_bound);
    world_settle(world);
    cr_assert(world_send(world, a, &b_bound, 10, 1));
    endpoint_close(world->transport, a);
    cr_assert(world_send(world, a, &b_bound, 10, 2));
    WORLD_UNTIL(world, world->endpoints_closed[a] == 1 && world->sends_done == 2 &&
                           world->arrivals_count == 1);
    cr_assert(world->arrivals[0].tag == 1);
    cr_assert(world->sends_failed == 1 && world->last_send_error == ECANCELED);
    world_settle(world);
    cr_assert(world->endpoints_closed[a] == 1 && world->arrivals_count == 1);
    /* Neither does a send from what is closed already get lost. */
    cr_assert(world_send(world, a, &b_bound, 10, 3));
    WORLD_UNTIL(world, world->sends_done == 3);
    cr_assert(world->sends_failed == 2);
    world_destroy(world);
}

CASE(endpoint_comes_and_goes) {
    struct transport_settings settings = world_settings(kind);
    settings.endpoints_max = 2;
    struct world *world = world_create(&settings);
    const struct henge_address any = world_address(world_loopback());
    struct henge_address bound, ignored;
    uint32_t first = 0, second = 0, third = 0;
    char reason[200] = "";
    cr_assert(endpoint_open(world->transport, &any, &first, &bound, NULL, 0) == HENGE_OK);
    cr_assert(endpoint_open(world->transport, &any, &second, &ignored, NULL, 0) == HENGE_OK);
    cr_assert(first != second);
    cr_assert(endpoint_open(world->transport, &any, &third, &ignored, reason, sizeof reason) ==
              HENGE_FULL);
    cr_assert(strlen(reason) > 0);
    /* The address is free for the next as soon as it is discarded, or said to be closed. */
    endpoint_discard(world->transport, first);
    for (uint32_t i = 1; i <= 20; i++) {
        cr_assert(endpoint_open(world->transport, &bound, &first, &ignored, reason,
                                sizeof reason) == HENGE_OK,
                  "%s", reason);
        cr_assert(memcmp(&ignored, &bound, sizeof bound) == 0);
        cr_assert(endpoint_attach(world->transport, first) == HENGE_OK);
        if (i % 2 == 0) {
            cr_assert(world_send(world, first, &bound, 30, i));
            WORLD_UNTIL(world, world->arrivals_count == i / 2);
        }
        const uint32_t before = world->endpoints_closed[first];
        endpoint_close(world->transport, first);
        WORLD_UNTIL(world, world->endpoints_closed[first] == before + 1);
    }
    endpoint_discard(world->transport, second);
    world_destroy(world);
}

CASE(address_in_use_is_refused) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address bound, ignored;
    (void)world_endpoint(world, world_loopback(), &bound);
    uint32_t endpoint = 0;
    for (int i = 0; i < 20; i++) { /* more often than there are endpoints: none is lost */
        char reason[200] = "";
        cr_assert(endpoint_open(world->transport, &bound, &endpoint, &ignored, reason,
                                sizeof reason) != HENGE_OK);
        cr_assert(strlen(reason) > 0);
    }
    (void)world_endpoint(world, world_loopback(), &ignored);
    world_destroy(world);
}

static void *open_and_discard(void *argument) {
    struct world *world = argument;
    const struct henge_address any = world_address(world_loopback());
    for (int i = 0; i < 200; i++) {
        uint32_t endpoint = 0;
        struct henge_address bound;
        if (endpoint_open(world->transport, &any, &endpoint, &bound, NULL, 0) == HENGE_OK) {
            endpoint_discard(world->transport, endpoint);
        }
    }
    return NULL;
}

/* endpoint_open and endpoint_discard beside the io thread and beside each other. */
CASE(endpoints_opened_by_other_threads) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address bound;
    const uint32_t a = world_endpoint(world, world_loopback(), &bound);
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        cr_assert(pthread_create(&threads[i], NULL, open_and_discard, world) == 0);
    }
    for (uint32_t i = 1; i <= 500; i++) {
        cr_assert(world_send(world, a, &bound, 40, i));
        WORLD_UNTIL(world, world->arrivals_count == i);
    }
    for (size_t i = 0; i < 2; i++) {
        cr_assert(pthread_join(threads[i], NULL) == 0);
    }
    world_destroy(world);
}

static void *wake_later(void *argument) {
    struct world *world = argument;
    (void)usleep(50 * 1000);
    transport_wake(world->transport);
    return NULL;
}

/* Without the wake these turns never end, and Criterion's time limit does it. */
CASE(wake_ends_a_turn) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        cr_assert(pthread_create(&thread, NULL, wake_later, world) == 0);
        (void)world_turn(world, TIME_NEVER);
        cr_assert(pthread_join(thread, NULL) == 0);
        /* Of another thread's wake the turn may have been told twice; from here on it is calm. */
        (void)world_turn(world, 0);
        transport_wake(world->transport);
        (void)world_turn(world, TIME_NEVER);
    }
    world_destroy(world);
}

/* A turn sleeps: a tenth of a second is not filled with hundreds of turns. And it ends. */
CASE(timeout) {
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address bound;
    (void)world_endpoint(world, world_loopback(), &bound);
    world_settle(world);
    for (int i = 0; i < 100; i++) {
        cr_assert(world_turn(world, 0) == 0);
    }
    transport_wake(world->transport);
    const uint64_t end = clock_monotonic_ns() + 100 * NS_PER_MS;
    uint32_t turns = 0;
    while (clock_monotonic_ns() < end) {
        cr_assert(world_turn(world, 10 * NS_PER_MS) == 0);
        turns++;
    }
    cr_assert(turns <= 20, "%u turns", turns);
    world_destroy(world);
}
