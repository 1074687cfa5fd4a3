/* io/memory_transport.c - endpoints by address, datagrams between them, and sleep without a
 * descriptor. See memory_loop.h. */
#include "io/memory_loop.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FREE_PORT_FIRST = 32768, FREE_PORT_LAST = 65535 };

static uint64_t key_of(const struct henge_address *address) {
    return hash64(address, sizeof(*address));
}

static bool is_same(const struct henge_address *one, const struct henge_address *other) {
    return memcmp(one, other, sizeof(*one)) == 0;
}

bool memory_endpoint_at(const struct memory_loop *loop, const struct henge_address *address,
                        uint32_t *endpoint_out) {
    const uint32_t *found = map_find(&loop->attached, key_of(address));
    if (found == NULL || !is_same(&loop->endpoints[*found].address, address)) {
        return false;
    }
    *endpoint_out = *found;
    return true;
}

/* Under opening_lock, where alone addresses are written; a free slot has none. */
static bool is_taken(const struct memory_loop *loop, uint32_t self,
                     const struct henge_address *address) {
    for (uint32_t i = 0; i < loop->proactor.transport.settings.endpoints_max; i++) {
        if (i != self && is_same(&loop->endpoints[i].address, address)) {
            return true;
        }
    }
    return false;
}

/* A port that is free at the address, or false. The next one each time: a new endpoint should not
 * get the datagrams that are meant for one that has just ended. */
static bool choose_port(struct memory_loop *loop, uint32_t self, struct henge_address *address) {
    static const uint32_t ports = FREE_PORT_LAST - FREE_PORT_FIRST + 1;
    for (uint32_t i = 0; i < ports; i++) {
        address->port = (uint16_t)(FREE_PORT_FIRST + loop->ports_given++ % ports);
        if (!is_taken(loop, self, address)) {
            return true;
        }
    }
    return false;
}

static enum henge_status memory_endpoint_open(struct proactor *proactor, uint32_t id,
                                              const struct henge_address *bind,
                                              struct henge_address *bound_out, char *reason_out,
                                              size_t reason_bytes) {
    struct memory_loop *loop = memory_loop_of(proactor);
    struct memory_endpoint *endpoint = &loop->endpoints[id];
    struct henge_address address = *bind;
    char text[HENGE_ADDRESS_TEXT_BYTES];
    if (bind->family != 4 && bind->family != 6) {
        transport_reason(reason_out, reason_bytes, "memory: no address to bind");
        return HENGE_INVALID;
    }
    pthread_mutex_lock(&loop->opening_lock);
    bool is_free =
        address.port == 0 ? choose_port(loop, id, &address) : !is_taken(loop, id, &address);
    if (is_free) {
        endpoint->address = address;
    }
    pthread_mutex_unlock(&loop->opening_lock);
    if (!is_free) {
        transport_reason(reason_out, reason_bytes, "%s: address in use",
                         henge_address_format(bind, text));
        return HENGE_SYSTEM;
    }
    *bound_out = address;
    return HENGE_OK;
}

static enum henge_status memory_endpoint_start(struct proactor *proactor, uint32_t id) {
    struct memory_loop *loop = memory_loop_of(proactor);
    return map_set(&loop->attached, key_of(&loop->endpoints[id].address), id) ? HENGE_OK
                                                                              : HENGE_NO_MEMORY;
}

static void memory_endpoint_release(struct proactor *proactor, uint32_t id) {
    struct memory_loop *loop = memory_loop_of(proactor);
    struct memory_endpoint *endpoint = &loop->endpoints[id];
    /* What was never attached is discarded by any thread, and is in none of the io thread's lists.
     */
    if (proactor_endpoint_state(proactor, id) != ENDPOINT_OPEN) {
        (void)map_remove(&loop->attached, key_of(&endpoint->address));
        list_remove(&endpoint->work);
        struct buffer *buffer = NULL;
        while ((buffer = buffer_queue_take(&endpoint->inbox)) != NULL) {
            buffer_give(buffer);
        }
    }
    pthread_mutex_lock(&loop->opening_lock);
    endpoint->address = (struct henge_address){0};
    pthread_mutex_unlock(&loop->opening_lock);
}

/* 0, or ENOBUFS when the network is full. */
static int carry(struct memory_loop *loop, uint32_t from, const struct buffer *datagram) {
    uint32_t to = 0;
    if (!memory_endpoint_at(loop, &datagram->peer, &to) ||
        proactor_endpoint_state(&loop->proactor, to) != ENDPOINT_ATTACHED) {
        return 0;
    }
    struct buffer *copy = buffer_take(&loop->pool);
    if (copy == NULL) {
        return ENOBUFS;
    }
    memcpy(copy->packet, datagram->packet, datagram->packet_bytes);
    copy->packet_bytes = datagram->packet_bytes;
    copy->peer = loop->endpoints[from].address;
    struct memory_endpoint *receiver = &loop->endpoints[to];
    if (receiver->inbox.first == NULL) {
        list_insert_last(&loop->inboxes, &receiver->work);
    }
    buffer_queue_append(&receiver->inbox, copy);
    return 0;
}

static bool memory_endpoint_send(struct proactor *proactor, uint32_t id) {
    struct memory_loop *loop = memory_loop_of(proactor);
    struct buffer *buffer = NULL;
    while ((buffer = proactor_next_unsent(proactor, id)) != NULL) {
        uint8_t family = buffer->peer.family;
        bool is_sendable = family == loop->endpoints[id].address.family;
        proactor_sent(proactor, buffer, is_sendable ? carry(loop, id, buffer) : EAFNOSUPPORT);
    }
    return true;
}

/* What is in the inboxes now; what callbacks cause goes through `unsent` and comes next turn. */
static void deliver(struct memory_loop *loop) {
    const uint32_t lent_max = loop->proactor.transport.settings.receive_buffers;
    while (!list_is_empty(&loop->inboxes) && loop->lent < lent_max) {
        struct memory_endpoint *endpoint =
            LIST_ITEM(loop->inboxes.next, struct memory_endpoint, work);
        uint32_t id = (uint32_t)(endpoint - loop->endpoints);
        struct buffer *buffer = buffer_queue_take(&endpoint->inbox);
        /* To the end of the line: no endpoint has all the buffers while others wait. */
        list_remove(&endpoint->work);
        if (endpoint->inbox.first != NULL) {
            list_insert_last(&loop->inboxes, &endpoint->work);
        }
        if (proactor_endpoint_state(&loop->proactor, id) != ENDPOINT_ATTACHED) {
            buffer_give(buffer);
            continue;
        }
        loop->lent++;
        proactor_datagram(&loop->proactor, id, buffer);
    }
    bool is_stalled = !list_is_empty(&loop->inboxes);
    loop->proactor.transport.counters.receive_stalls += is_stalled && !loop->is_stalled ? 1 : 0;
    loop->is_stalled = is_stalled;
}

static void memory_recycle(struct transport *transport, struct buffer *buffer) {
    struct memory_loop *loop = memory_loop_of(proactor_of(transport));
    ASSERT(buffer->home == &loop->pool && loop->lent > 0);
    loop->lent--;
    buffer_give(buffer);
}

/* The kernel looks at the word again before it sleeps, so a wake between the exchange and the call
 * is not lost. A wake that comes while nobody sleeps is kept in the word for the next sleep. */
static void sleep_until_woken(struct memory_loop *loop, uint64_t timeout_ns) {
    struct timespec limit = {.tv_sec = (time_t)(timeout_ns / NS_PER_S),
                             .tv_nsec = (long)(timeout_ns % NS_PER_S)};
    /* Acquire: pairs with memory_wake, what the waker wrote before is seen by this turn's caller.
     */
    if (atomic_exchange_explicit(&loop->is_woken, 0, memory_order_acquire) == 0) {
        (void)syscall(SYS_futex, &loop->is_woken, FUTEX_WAIT_PRIVATE, 0,
                      timeout_ns == TIME_NEVER ? NULL : &limit, NULL, 0);
        (void)atomic_exchange_explicit(&loop->is_woken, 0, memory_order_acquire);
    }
}

static void memory_wake(struct transport *transport) {
    struct memory_loop *loop = memory_loop_of(proactor_of(transport));
    atomic_store_explicit(&loop->is_woken, 1, memory_order_release);
    (void)syscall(SYS_futex, &loop->is_woken, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Nothing comes from outside: a sleep ends by the wake or the timeout only, and there is none while
 * a datagram can be handed over. */
static void memory_turn_wait(struct proactor *proactor, uint64_t timeout_ns) {
    struct memory_loop *loop = memory_loop_of(proactor);
    bool is_deliverable =
        !list_is_empty(&loop->inboxes) && loop->lent < proactor->transport.settings.receive_buffers;
    if (timeout_ns > 0 && !is_deliverable) {
        sleep_until_woken(loop, timeout_ns);
        proactor->now_ns = clock_monotonic_ns();
    }
    deliver(loop);
}

static void memory_destroy(struct transport *transport) {
    struct memory_loop *loop = memory_loop_of(proactor_of(transport));
    struct memory *memory = transport->memory;
    const struct transport_settings settings = transport->settings;
    proactor_deinit(&loop->proactor);
    buffer_pool_deinit(&loop->pool, memory);
    map_deinit(&loop->attached);
    pthread_mutex_destroy(&loop->opening_lock);
    memory_release(memory, loop->endpoints, settings.endpoints_max * sizeof(struct memory_endpoint),
                   HENGE_MEMORY_NET);
    memory_release(memory, loop->streams, settings.streams_max * sizeof(struct memory_stream),
                   HENGE_MEMORY_NET);
    memory_release(memory, loop, sizeof(*loop), HENGE_MEMORY_NET);
}

static const struct transport_table memory_table = {
    .name = "memory",
    .destroy = memory_destroy,
    .adopt = proactor_adopt,
    .endpoint_open = proactor_endpoint_open,
    .endpoint_discard = proactor_endpoint_discard,
    .endpoint_attach = proactor_endpoint_attach,
    .endpoint_close = proactor_endpoint_close,
    .send = proactor_send,
    .recycle = memory_recycle,
    .stream_connect = proactor_stream_connect,
    .stream_read = proactor_stream_read,
    .stream_write = proactor_stream_write,
    .stream_close = proactor_stream_close,
    .turn = proactor_turn,
    .wake = memory_wake,
};

static const struct proactor_driver memory_driver = {
    .endpoint_open = memory_endpoint_open,
    .endpoint_release = memory_endpoint_release,
    .endpoint_start = memory_endpoint_start,
    .endpoint_send = memory_endpoint_send,
    .stream_connect = memory_stream_connect,
    .stream_read = memory_stream_read,
    .stream_write = memory_stream_write,
    .stream_release = memory_stream_release,
    .wait = memory_turn_wait,
};

static bool allocate_parts(struct memory_loop *loop, const struct transport_settings *settings,
                           struct memory *memory) {
    uint32_t in_flight = settings->sends_max < DATAGRAMS_IN_FLIGHT_MAX ? settings->sends_max
                                                                       : DATAGRAMS_IN_FLIGHT_MAX;
    loop->endpoints = memory_alloc_array(memory, settings->endpoints_max,
                                         sizeof(struct memory_endpoint), HENGE_MEMORY_NET);
    loop->streams = memory_alloc_array(memory, settings->streams_max, sizeof(struct memory_stream),
                                       HENGE_MEMORY_NET);
    if (loop->endpoints == NULL || loop->streams == NULL ||
        !buffer_pool_init(&loop->pool, memory, settings->receive_buffers + in_flight, 0) ||
        !map_init(&loop->attached, memory, settings->endpoints_max, HENGE_MEMORY_NET)) {
        return false;
    }
    for (uint32_t i = 0; i < settings->endpoints_max; i++) {
        list_init(&loop->endpoints[i].work);
    }
    return proactor_init(&loop->proactor, &memory_table, &memory_driver, settings, memory);
}

enum henge_status memory_transport_create(const struct transport_settings *settings,
                                          struct memory *memory, struct transport **transport_out,
                                          char *reason_out, size_t reason_bytes) {
    struct memory_loop *loop = memory_alloc_zeroed(memory, sizeof(*loop), HENGE_MEMORY_NET);
    if (loop == NULL) {
        transport_reason(reason_out, reason_bytes, "memory: no memory");
        return HENGE_NO_MEMORY;
    }
    /* What destroy needs, also when proactor_init is not reached. */
    loop->proactor.transport.memory = memory;
    loop->proactor.transport.settings = *settings;
    loop->attached.memory = memory;
    list_init(&loop->inboxes);
    if (pthread_mutex_init(&loop->opening_lock, NULL) != 0) {
        memory_release(memory, loop, sizeof(*loop), HENGE_MEMORY_NET);
        transport_reason(reason_out, reason_bytes, "memory: no mutex");
        return HENGE_SYSTEM;
    }
    if (!allocate_parts(loop, settings, memory)) {
        transport_reason(reason_out, reason_bytes, "memory: no memory");
        memory_destroy(&loop->proactor.transport);
        return HENGE_NO_MEMORY;
    }
    *transport_out = &loop->proactor.transport;
    return HENGE_OK;
}
