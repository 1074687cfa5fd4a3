/* io/epoll_transport.c - waiting for the kernel's word, and handing it to those concerned. */
#include "io/epoll_loop.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "io/socket.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SOURCE_SHIFT = 56 };

bool epoll_watch_set(struct epoll_loop *loop, struct epoll_watch *watch, enum epoll_source source,
                     uint32_t value, uint32_t events) {
    if (watch->events == events) {
        return true;
    }
    int operation = watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = events,
                                .data.u64 = (uint64_t)source << SOURCE_SHIFT | value};
    if (epoll_ctl(loop->epoll, events == 0 ? EPOLL_CTL_DEL : operation, watch->descriptor,
                  &event) != 0) {
        return false;
    }
    watch->events = events;
    return true;
}

/* Deregisters by name: close alone would leave the registration to a copy of the descriptor that a
 * forked child may hold. */
void epoll_watch_close(struct epoll_loop *loop, struct epoll_watch *watch) {
    if (watch->descriptor >= 0) {
        (void)epoll_watch_set(loop, watch, SOURCE_WAKE, 0, 0);
        (void)close(watch->descriptor);
    }
    *watch = (struct epoll_watch){.descriptor = -1};
}

static int milliseconds_up(uint64_t timeout_ns) {
    if (timeout_ns == TIME_NEVER) {
        return -1;
    }
    uint64_t ms = timeout_ns / NS_PER_MS + (timeout_ns % NS_PER_MS != 0 ? 1 : 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* The number of events; an interruption by a signal counts as none. */
static int wait_events(const struct epoll_loop *loop, struct epoll_event *events,
                       uint64_t timeout_ns) {
    int count = 0;
    if (loop->has_pwait2) {
        struct timespec limit = {.tv_sec = (time_t)(timeout_ns / NS_PER_S),
                                 .tv_nsec = (long)(timeout_ns % NS_PER_S)};
        count = epoll_pwait2(loop->epoll, events, EVENTS_PER_TURN,
                             timeout_ns == TIME_NEVER ? NULL : &limit, NULL);
    } else {
        /* Upwards: a turn that ends before its deadline would be followed by one that spins. */
        count = epoll_wait(loop->epoll, events, EVENTS_PER_TURN, milliseconds_up(timeout_ns));
    }
    ASSERT(count >= 0 || errno == EINTR);
    return count < 0 ? 0 : count;
}

static void dispatch(struct epoll_loop *loop, const struct epoll_event *event) {
    enum epoll_source source = (enum epoll_source)(event->data.u64 >> SOURCE_SHIFT);
    uint32_t value = (uint32_t)event->data.u64;
    switch (source) {
    case SOURCE_WAKE:
        break; /* edge-triggered, so there is nothing to reset */
    case SOURCE_DATAGRAM:
        epoll_datagram_event(loop, value, event->events);
        break;
    case SOURCE_LISTENER:
        epoll_listener_event(loop, value);
        break;
    case SOURCE_STREAM:
        epoll_stream_event(loop, value, event->events);
        break;
    }
}

static uint64_t until_retry_ns(const struct epoll_loop *loop) {
    uint64_t now_ns = loop->proactor.now_ns;
    if (loop->retry_at_ns == TIME_NEVER) {
        return TIME_NEVER;
    }
    return loop->retry_at_ns > now_ns ? loop->retry_at_ns - now_ns : 0;
}

static void epoll_turn_wait(struct proactor *proactor, uint64_t timeout_ns) {
    struct epoll_loop *loop = epoll_loop_of(proactor);
    struct epoll_event events[EVENTS_PER_TURN];
    epoll_retry_paused(loop);
    epoll_resume_stalled(loop);
    uint64_t limit_ns = until_retry_ns(loop);
    int count = wait_events(loop, events, timeout_ns < limit_ns ? timeout_ns : limit_ns);
    if (timeout_ns > 0) {
        proactor->now_ns = clock_monotonic_ns();
    }
    for (int i = 0; i < count; i++) {
        dispatch(loop, &events[i]);
    }
}

static void epoll_wake(struct transport *transport) {
    const uint64_t one = 1;
    /* Each write is an edge, also while the counter is not 0: it is never read. Fails only when the
     * counter is full, after 2^64 wakes. */
    (void)!write(epoll_loop_of(proactor_of(transport))->wake_descriptor, &one, sizeof(one));
}

static void epoll_destroy(struct transport *transport) {
    struct epoll_loop *loop = epoll_loop_of(proactor_of(transport));
    struct memory *memory = transport->memory;
    const struct transport_settings settings = transport->settings;
    proactor_deinit(&loop->proactor);
    buffer_pool_deinit(&loop->received, memory);
    if (loop->wake_descriptor >= 0) {
        (void)close(loop->wake_descriptor);
    }
    if (loop->epoll >= 0) {
        (void)close(loop->epoll);
    }
    memory_release(memory, loop->endpoints, settings.endpoints_max * sizeof(struct epoll_endpoint),
                   HENGE_MEMORY_NET);
    memory_release(memory, loop->streams, settings.streams_max * sizeof(struct epoll_watch),
                   HENGE_MEMORY_NET);
    memory_release(memory, loop, sizeof(*loop), HENGE_MEMORY_NET);
}

static const struct transport_table epoll_table = {
    .name = "epoll",
    .destroy = epoll_destroy,
    .adopt = proactor_adopt,
    .endpoint_open = proactor_endpoint_open,
    .endpoint_discard = proactor_endpoint_discard,
    .endpoint_attach = proactor_endpoint_attach,
    .endpoint_close = proactor_endpoint_close,
    .endpoint_socket = epoll_endpoint_socket,
    .send = proactor_send,
    .recycle = epoll_recycle,
    .stream_connect = proactor_stream_connect,
    .stream_read = proactor_stream_read,
    .stream_write = proactor_stream_write,
    .stream_close = proactor_stream_close,
    .turn = proactor_turn,
    .wake = epoll_wake,
};

static const struct proactor_driver epoll_driver = {
    .endpoint_open = epoll_endpoint_open,
    .endpoint_release = epoll_endpoint_release,
    .endpoint_start = epoll_endpoint_start,
    .endpoint_send = epoll_endpoint_send,
    .stream_connect = epoll_stream_connect,
    .stream_read = epoll_stream_read,
    .stream_write = epoll_stream_write,
    .stream_release = epoll_stream_release,
    .wait = epoll_turn_wait,
};

static bool allocate_parts(struct epoll_loop *loop, const struct transport_settings *settings,
                           struct memory *memory) {
    loop->endpoints = memory_alloc_array(memory, settings->endpoints_max,
                                         sizeof(struct epoll_endpoint), HENGE_MEMORY_NET);
    loop->streams = memory_alloc_array(memory, settings->streams_max, sizeof(struct epoll_watch),
                                       HENGE_MEMORY_NET);
    if (loop->endpoints == NULL || loop->streams == NULL ||
        !buffer_pool_init(&loop->received, memory, settings->receive_buffers, 0) ||
        !proactor_init(&loop->proactor, &epoll_table, &epoll_driver, settings, memory)) {
        return false;
    }
    for (uint32_t i = 0; i < settings->endpoints_max; i++) {
        loop->endpoints[i].datagram.descriptor = -1;
        loop->endpoints[i].listener.descriptor = -1;
        list_init(&loop->endpoints[i].stalled);
    }
    for (uint32_t i = 0; i < settings->streams_max; i++) {
        loop->streams[i].descriptor = -1;
    }
    epoll_receive_init(loop);
    return true;
}

static bool open_descriptors(struct epoll_loop *loop) {
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll < 0 || loop->wake_descriptor < 0) {
        return false;
    }
    struct epoll_watch wake = {.descriptor = loop->wake_descriptor};
    if (!epoll_watch_set(loop, &wake, SOURCE_WAKE, 0, EPOLLIN | EPOLLET)) {
        return false;
    }
    /* Tried for real: Linux 5.11 has it, a seccomp filter may not. */
    struct epoll_event event;
    struct timespec at_once = {0};
    loop->has_pwait2 = epoll_pwait2(loop->epoll, &event, 1, &at_once, NULL) >= 0;
    return true;
}

enum henge_status epoll_transport_create(const struct transport_settings *settings,
                                         struct memory *memory, struct transport **transport_out,
                                         char *reason_out, size_t reason_bytes) {
    struct epoll_loop *loop = memory_alloc_zeroed(memory, sizeof(*loop), HENGE_MEMORY_NET);
    if (loop == NULL) {
        transport_reason(reason_out, reason_bytes, "epoll: no memory");
        return HENGE_NO_MEMORY;
    }
    loop->epoll = -1;
    loop->wake_descriptor = -1;
    loop->retry_at_ns = TIME_NEVER;
    list_init(&loop->stalled);
    /* What destroy needs, also when proactor_init is not reached. */
    loop->proactor.transport.memory = memory;
    loop->proactor.transport.settings = *settings;
    enum henge_status status = HENGE_NO_MEMORY;
    if (!allocate_parts(loop, settings, memory)) {
        transport_reason(reason_out, reason_bytes, "epoll: no memory");
        goto fail;
    }
    if (!open_descriptors(loop)) {
        transport_reason(reason_out, reason_bytes, "epoll: %s", socket_error_text(errno));
        status = HENGE_SYSTEM;
        goto fail;
    }
    *transport_out = &loop->proactor.transport;
    return HENGE_OK;
fail:
    epoll_destroy(&loop->proactor.transport);
    return status;
}
