/* What the kernel seldom says on loopback, said here by link-time fakes of the system calls:
 * epoll's transport must wait, pause, fall back or report, and lose nothing. Without a fault
 * planted the fakes pass everything on. */
#include "core/base/clock.h"
#include "io/transport_table.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FAULTS_DEADLINE_S = 20, CASE_LIMIT_S = 120, BATCH = 40, DATAGRAM_BYTES = 32 };

/* The next `times` calls fail with `error`; for sendmmsg only from the `after`-th datagram on. */
struct fault {
    int times;
    int error;
    unsigned after;
    unsigned calls;
};
static int events_seen; /* of all waits */
static struct fault send_fault, receive_fault, accept_fault, pwait2_fault, interest_fault;

static bool strikes(struct fault *fault) {
    fault->calls++;
    if (fault->times == 0) {
        return false;
    }
    fault->times--;
    errno = fault->error;
    return true;
}

int sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags) {
    if (send_fault.times > 0 && send_fault.after > 0 && count > send_fault.after) {
        count = send_fault.after;
        send_fault.after = 0;
    } else if (send_fault.after == 0 && strikes(&send_fault)) {
        return -1;
    }
    return (int)syscall(SYS_sendmmsg, descriptor, messages, count, flags);
}

int recvmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags,
             struct timespec *timeout) {
    if (strikes(&receive_fault)) {
        return -1;
    }
    return (int)syscall(SYS_recvmmsg, descriptor, messages, count, flags, timeout);
}

/* glibc's own word for the address: a transparent union. */
int accept4(int descriptor, __SOCKADDR_ARG name, socklen_t *restrict name_bytes, int flags) {
    if (strikes(&accept_fault)) {
        return -1;
    }
    return (int)syscall(SYS_accept4, descriptor, name.__sockaddr__, name_bytes, flags);
}

int epoll_pwait2(int epoll, struct epoll_event *events, int count, const struct timespec *timeout,
                 const sigset_t *mask) {
    if (strikes(&pwait2_fault)) {
        return -1;
    }
    int seen = (int)syscall(SYS_epoll_pwait2, epoll, events, count, timeout, mask, _NSIG / 8);
    events_seen += seen > 0 ? seen : 0;
    return seen;
}

int epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event) {
    if (operation != EPOLL_CTL_DEL && strikes(&interest_fault)) {
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll, operation, descriptor, event);
}

struct faults_world {
    struct memory memory;
    struct transport *transport;
    struct buffer_pool pool;
    bool holds; /* keeps datagrams */
    struct buffer *held;
    uint32_t one, other;
    struct henge_address one_bound, other_bound;
    uint32_t arrived, last_number;
    bool is_ordered;
    uint32_t sent, failed;
    int last_error;
    uint32_t accepted, stream_connected, closed, endpoints_closed;
    int connect_error;
    uint32_t accepted_stream;
    int32_t last_read;
    uint8_t in[16];
};

static void on_datagram(void *context, struct buffer *buffer) {
    struct faults_world *world = context;
    uint32_t number;
    memcpy(&number, buffer->packet, sizeof(number));
    world->is_ordered = world->is_ordered && number > world->last_number;
    world->last_number = number;
    world->arrived++;
    if (world->holds) {
        buffer->next = world->held;
        world->held = buffer;
        return;
    }
    transport_recycle(world->transport, buffer);
}

static void on_sent(void *context, struct buffer *buffer, int error) {
    struct faults_world *world = context;
    world->sent++;
    if (error != 0) {
        world->failed++;
        world->last_error = error;
    }
    buffer_give(buffer);
}

static void on_accepted(void *context, uint32_t endpoint, uint32_t stream,
                        const struct henge_address *peer) {
    struct faults_world *world = context;
    (void)endpoint;
    (void)peer;
    world->accepted++;
    world->accepted_stream = stream;
    stream_read(world->transport, stream, world->in, sizeof(world->in));
}

static void on_connected(void *context, uint32_t stream, int error) {
    struct faults_world *world = context;
    (void)stream;
    world->stream_connected++;
    world->connect_error = error;
}

static void on_read(void *context, uint32_t stream, int32_t bytes) {
    (void)stream;
    ((struct faults_world *)context)->last_read = bytes;
}

static void on_written(void *context, uint32_t stream, int32_t bytes) {
    (void)context;
    (void)stream;
    (void)bytes;
}

static void on_closed(void *context, uint32_t stream) {
    (void)stream;
    ((struct faults_world *)context)->closed++;
}

static void on_endpoint_closed(void *context, uint32_t endpoint) {
    (void)endpoint;
    ((struct faults_world *)context)->endpoints_closed++;
}

static uint32_t endpoint_create(struct faults_world *world, struct henge_address *bound_out) {
    struct henge_address bind;
    uint32_t endpoint = 0;
    cr_assert_eq(henge_address_parse("127.0.0.1:0", &bind), HENGE_OK);
    cr_assert_eq(endpoint_open(world->transport, &bind, &endpoint, bound_out, NULL, 0), HENGE_OK);
    cr_assert_eq(endpoint_attach(world->transport, endpoint), HENGE_OK);
    return endpoint;
}

static struct faults_world *world_of_faults(void) {
    struct faults_world *world = calloc(1, sizeof(*world));
    struct transport_settings settings = {.kind = HENGE_TRANSPORT_EPOLL,
                                          .endpoints_max = 2,
                                          .streams_max = 4,
                                          .receive_buffers = 64,
                                          .sends_max = 64};
    struct transport_sink sink = {.context = world,
                                  .on_datagram = on_datagram,
                                  .on_sent = on_sent,
                                  .on_accepted = on_accepted,
                                  .on_connected = on_connected,
                                  .on_read = on_read,
                                  .on_written = on_written,
                                  .on_closed = on_closed,
                                  .on_endpoint_closed = on_endpoint_closed};
    memory_init(&world->memory, NULL);
    world->is_ordered = true;
    cr_assert_eq(transport_create(&settings, &world->memory, &world->transport, NULL, 0), HENGE_OK);
    cr_assert_eq(transport_adopt(world->transport, &sink), HENGE_OK);
    cr_assert(buffer_pool_init(&world->pool, &world->memory, 64, 0));
    world->one = endpoint_create(world, &world->one_bound);
    world->other = endpoint_create(world, &world->other_bound);
    return world;
}

static void destroy(struct faults_world *world) {
    cr_assert_eq(world->pool.free_count, world->pool.count, "a send was never reported");
    buffer_pool_deinit(&world->pool, &world->memory);
    transport_destroy(world->transport);
    cr_assert_eq(world->memory.held_bytes[HENGE_MEMORY_NET], 0);
    free(world);
}

static uint32_t turn(struct faults_world *world) {
    return transport_turn(world->transport, clock_monotonic_ns(), 5 * NS_PER_MS);
}

#define UNTIL(world, condition)                                                                    \
    do {                                                                                           \
        const uint64_t until_deadline = clock_monotonic_ns() + FAULTS_DEADLINE_S * NS_PER_S;       \
        while (!(condition) && clock_monotonic_ns() < until_deadline) {                            \
            (void)turn(world);                                                                     \
        }                                                                                          \
        cr_assert((condition), "deadline passed before: %s", #condition);                          \
    } while (0)

static void send_numbered(struct faults_world *world, uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct buffer *buffer = buffer_take(&world->pool);
        uint32_t number = first + i;
        memset(buffer->packet, 0, DATAGRAM_BYTES);
        memcpy(buffer->packet, &number, sizeof(number));
        buffer->packet_bytes = DATAGRAM_BYTES;
        buffer->peer = world->other_bound;
        buffer->endpoint = world->one;
        cr_assert(transport_send(world->transport, buffer));
    }
}

Test(epoll_faults, a_full_socket_delays_and_keeps_the_order, .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    /* Some go, the rest would block; what is sent meanwhile waits behind it. */
    send_fault = (struct fault){.times = 2, .error = EAGAIN, .after = 7};
    send_numbered(world, 1, BATCH / 2);
    (void)turn(world);
    cr_assert_lt(world->sent, BATCH / 2);
    send_numbered(world, 1 + BATCH / 2, BATCH / 2);
    UNTIL(world, world->arrived == BATCH && world->sent == BATCH);
    cr_assert_eq(send_fault.times, 0);
    cr_assert_eq(world->failed, 0);
    cr_assert(world->is_ordered);
    destroy(world);
}

Test(epoll_faults, one_datagram_that_fails_does_not_take_the_others, .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    struct transport_counters counters;
    send_fault = (struct fault){.times = 1, .error = EPERM, .after = 7};
    send_numbered(world, 1, BATCH);
    UNTIL(world, world->arrived == BATCH - 1 && world->sent == BATCH);
    cr_assert_eq(world->failed, 1);
    cr_assert_eq(world->last_error, EPERM);
    transport_counters_get(world->transport, &counters);
    cr_assert_eq(counters.sends_failed, 1);
    destroy(world);
}

Test(epoll_faults, room_that_cannot_be_waited_for_loses_the_datagram, .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    send_fault = (struct fault){.times = 1, .error = EAGAIN};
    interest_fault = (struct fault){.times = 1, .error = ENOMEM};
    send_numbered(world, 1, 3);
    UNTIL(world, world->sent == 3 && world->arrived == 2);
    cr_assert_eq(world->failed, 1);
    cr_assert_eq(world->last_error, EAGAIN);
    destroy(world);
}

Test(epoll_faults, closing_gives_up_what_would_block, .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    send_fault = (struct fault){.times = 100, .error = EAGAIN};
    send_numbered(world, 1, BATCH);
    endpoint_close(world->transport, world->one);
    cr_assert_eq(world->sent, 0, "nothing is called back from inside another call");
    UNTIL(world, world->endpoints_closed == 1);
    cr_assert_eq(world->sent, BATCH, "sends are told before the endpoint's end");
    cr_assert_eq(world->failed, BATCH);
    cr_assert_eq(world->last_error, ECANCELED);
    send_fault = (struct fault){0};
    destroy(world);
}

/* Turns that do not sleep take the time that they are told. */
static void turn_at(struct faults_world *world, uint64_t now_ns, const struct fault *fault,
                    unsigned calls) {
    uint64_t deadline_ns = clock_monotonic_ns() + FAULTS_DEADLINE_S * NS_PER_S;
    while (fault->calls < calls && clock_monotonic_ns() < deadline_ns) {
        (void)transport_turn(world->transport, now_ns, 0);
    }
    cr_assert_eq(fault->calls, calls);
}

/* A short resource must not become a spin. */
static void check_pause(struct faults_world *world, const struct fault *fault) {
    uint64_t now_ns = clock_monotonic_ns();
    turn_at(world, now_ns, fault, 1);
    for (int i = 0; i < 100; i++) {
        (void)transport_turn(world->transport, now_ns + 99 * NS_PER_MS, 0);
    }
    cr_assert_eq(fault->calls, 1, "it was tried again at once");
    turn_at(world, now_ns + 100 * NS_PER_MS, fault, 2);
    cr_assert_eq(fault->times, 0);
}

Test(epoll_faults, a_receive_without_kernel_memory_is_tried_again_later, .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    receive_fault = (struct fault){.times = 2, .error = ENOMEM};
    send_numbered(world, 1, 5);
    check_pause(world, &receive_fault);
    UNTIL(world, world->arrived == 5 && world->sent == 5);
    destroy(world);
}

Test(epoll_faults, news_about_an_earlier_send_does_not_stop_receiving, .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    receive_fault = (struct fault){.times = 3, .error = ECONNREFUSED};
    send_numbered(world, 1, 5);
    UNTIL(world, world->arrived == 5 && world->sent == 5);
    destroy(world);
}

Test(epoll_faults, an_accept_without_descriptors_is_tried_again_later, .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    accept_fault = (struct fault){.times = 2, .error = EMFILE};
    cr_assert_neq(stream_connect(world->transport, world->one, &world->other_bound),
                  TRANSPORT_NO_STREAM);
    check_pause(world, &accept_fault);
    UNTIL(world, world->accepted == 1 && world->stream_connected == 1);
    destroy(world);
}

Test(epoll_faults, a_connection_that_is_gone_already_does_not_hide_the_next,
     .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    accept_fault = (struct fault){.times = 1, .error = ECONNABORTED};
    cr_assert_neq(stream_connect(world->transport, world->one, &world->other_bound),
                  TRANSPORT_NO_STREAM);
    UNTIL(world, world->accepted == 1);
    destroy(world);
}

Test(epoll_faults, a_read_that_cannot_be_waited_for_is_told, .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    cr_assert_neq(stream_connect(world->transport, world->one, &world->other_bound),
                  TRANSPORT_NO_STREAM);
    UNTIL(world, world->stream_connected == 1);
    cr_assert_eq(world->connect_error, 0);
    interest_fault = (struct fault){.times = 1, .error = ENOSPC};
    UNTIL(world, world->accepted == 1 && world->last_read != 0);
    cr_assert_eq(world->last_read, -ENOSPC);
    destroy(world);
}

Test(epoll_faults, an_old_kernel_waits_in_milliseconds, .timeout = CASE_LIMIT_S) {
    pwait2_fault = (struct fault){.times = 1, .error = ENOSYS};
    struct faults_world *world = world_of_faults();
    unsigned probes = pwait2_fault.calls;
    send_numbered(world, 1, 5);
    UNTIL(world, world->arrived == 5 && world->sent == 5);
    uint64_t start_ns = clock_monotonic_ns();
    (void)transport_turn(world->transport, start_ns, 1500 * NS_PER_US);
    cr_assert_geq(clock_monotonic_ns() - start_ns, 1500 * NS_PER_US, "it woke too early");
    transport_wake(world->transport);
    (void)transport_turn(world->transport, start_ns, TIME_NEVER);
    cr_assert_eq(pwait2_fault.calls, probes, "the call that is missing is not made again");
    destroy(world);
}

Test(epoll_faults, a_signal_ends_a_wait_and_nothing_else, .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    pwait2_fault = (struct fault){.times = 3, .error = EINTR};
    cr_assert_eq(turn(world), 0);
    send_numbered(world, 1, 5);
    UNTIL(world, world->arrived == 5 && world->sent == 5);
    destroy(world);
}

/* Events that nobody takes would be said at every wait: the thread would never sleep. */
static void check_sleeps(struct faults_world *world) {
    for (int i = 0; i < 5; i++) {
        (void)turn(world);
    }
    events_seen = 0;
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(turn(world), 0);
    }
    cr_assert_eq(events_seen, 0);
}

Test(epoll_faults, room_in_the_socket_is_not_watched_for_longer_than_wanted,
     .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    send_fault = (struct fault){.times = 1, .error = EAGAIN};
    send_numbered(world, 1, 5);
    UNTIL(world, world->arrived == 5 && world->sent == 5);
    check_sleeps(world);
    destroy(world);
}

Test(epoll_faults, datagrams_without_a_buffer_wait_in_silence, .timeout = CASE_LIMIT_S) {
    enum { BUFFERS = 64, MORE = 8 };
    struct faults_world *world = world_of_faults();
    struct transport_counters counters;
    world->holds = true;
    send_numbered(world, 1, BUFFERS);
    UNTIL(world, world->arrived == BUFFERS && world->sent == BUFFERS);
    send_numbered(world, 1 + BUFFERS, MORE);
    UNTIL(world, world->sent == BUFFERS + MORE);
    check_sleeps(world);
    transport_counters_get(world->transport, &counters);
    cr_assert_eq(counters.receive_stalls, 1);
    world->holds = false;
    while (world->held != NULL) {
        struct buffer *buffer = world->held;
        world->held = buffer->next;
        transport_recycle(world->transport, buffer);
    }
    UNTIL(world, world->arrived == BUFFERS + MORE);
    cr_assert(world->is_ordered);
    destroy(world);
}

Test(epoll_faults, a_hang_up_that_nobody_reads_is_said_once, .timeout = CASE_LIMIT_S) {
    struct faults_world *world = world_of_faults();
    static const uint8_t bytes[64] = {1};
    uint32_t stream = stream_connect(world->transport, world->one, &world->other_bound);
    UNTIL(world, world->stream_connected == 1 && world->accepted == 1);
    stream_write(world->transport, stream, bytes, sizeof(bytes));
    UNTIL(world, world->last_read == sizeof(world->in)); /* of 64; the rest is not asked for */
    check_sleeps(world);
    stream_close(world->transport, stream);
    UNTIL(world, world->closed == 1);
    check_sleeps(world);
    stream_close(world->transport, world->accepted_stream);
    UNTIL(world, world->closed == 2);
    destroy(world);
}
