/* io/proactor.c - endpoints, sends and the turn of the shared bookkeeping. See proactor.h. */
#include "io/proactor.h"
#include "core/base/assert.h"
#include <errno.h>

void list_take_all(struct list_link *from, struct list_link *to) {
    list_init(to);
    if (!list_is_empty(from)) {
        *to = *from;
        to->next->previous = to;
        to->previous->next = to;
        list_init(from);
    }
}

void buffer_queue_append(struct buffer_queue *queue, struct buffer *buffer) {
    buffer->next = NULL;
    if (queue->first == NULL) {
        queue->first = buffer;
    } else {
        queue->last->next = buffer;
    }
    queue->last = buffer;
}

struct buffer *buffer_queue_take(struct buffer_queue *queue) {
    struct buffer *buffer = queue->first;
    if (buffer != NULL) {
        queue->first = buffer->next;
        buffer->next = NULL;
    }
    return buffer;
}

bool proactor_init(struct proactor *proactor, const struct transport_table *table,
                   const struct proactor_driver *driver, const struct transport_settings *settings,
                   struct memory *memory) {
    *proactor = (struct proactor){
        .transport = {.table = table, .memory = memory, .settings = *settings}, .driver = driver};
    list_init(&proactor->endpoint_work);
    list_init(&proactor->endpoints_ended);
    list_init(&proactor->streams_free);
    list_init(&proactor->stream_work);
    list_init(&proactor->streams_finished);
    proactor->endpoints = memory_alloc_array(memory, settings->endpoints_max,
                                             sizeof(struct proactor_endpoint), HENGE_MEMORY_NET);
    if (proactor->endpoints == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < settings->endpoints_max; i++) {
        list_init(&proactor->endpoints[i].work);
        list_init(&proactor->endpoints[i].streams);
    }
    return proactor_streams_init(proactor);
}

void proactor_deinit(struct proactor *proactor) {
    uint32_t count = proactor->transport.settings.endpoints_max;
    if (proactor->streams != NULL) {
        proactor_streams_deinit(proactor);
    }
    for (uint32_t i = 0; proactor->endpoints != NULL && i < count; i++) {
        if (proactor_endpoint_state(proactor, i) != ENDPOINT_FREE) {
            proactor->driver->endpoint_release(proactor, i);
        }
    }
    memory_release(proactor->transport.memory, proactor->endpoints,
                   count * sizeof(struct proactor_endpoint), HENGE_MEMORY_NET);
    proactor->endpoints = NULL;
}

enum henge_status proactor_adopt(struct transport *transport) {
    (void)transport;
    return HENGE_OK;
}

uint32_t proactor_endpoint_state(const struct proactor *proactor, uint32_t endpoint) {
    /* Pairs with set_state: what the thread that opened (or ended) the endpoint wrote is seen. */
    return atomic_load_explicit(&proactor->endpoints[endpoint].state, memory_order_acquire);
}

static void set_state(struct proactor *proactor, uint32_t endpoint, enum endpoint_state state) {
    /* Pairs with proactor_endpoint_state and with take_free. */
    atomic_store_explicit(&proactor->endpoints[endpoint].state, state, memory_order_release);
}

/* endpoints_max when all are taken. */
static uint32_t take_free(struct proactor *proactor) {
    uint32_t count = proactor->transport.settings.endpoints_max;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t expected = ENDPOINT_FREE;
        /* Acquire: pairs with set_state(FREE), so the former life is over for this thread. */
        if (atomic_compare_exchange_strong_explicit(&proactor->endpoints[i].state, &expected,
                                                    ENDPOINT_OPENING, memory_order_acquire,
                                                    memory_order_relaxed)) {
            return i;
        }
    }
    return count;
}

enum henge_status proactor_endpoint_open(struct transport *transport,
                                         const struct henge_address *bind, uint32_t *endpoint_out,
                                         struct henge_address *bound_out, char *reason_out,
                                         size_t reason_bytes) {
    struct proactor *proactor = proactor_of(transport);
    uint32_t endpoint = take_free(proactor);
    if (endpoint == transport->settings.endpoints_max) {
        transport_reason(reason_out, reason_bytes, "all %u endpoints are in use", endpoint);
        return HENGE_FULL;
    }
    enum henge_status status = proactor->driver->endpoint_open(proactor, endpoint, bind, bound_out,
                                                               reason_out, reason_bytes);
    if (status != HENGE_OK) {
        set_state(proactor, endpoint, ENDPOINT_FREE);
        return status;
    }
    set_state(proactor, endpoint, ENDPOINT_OPEN);
    *endpoint_out = endpoint;
    return HENGE_OK;
}

void proactor_endpoint_discard(struct transport *transport, uint32_t endpoint) {
    struct proactor *proactor = proactor_of(transport);
    ASSERT(proactor_endpoint_state(proactor, endpoint) == ENDPOINT_OPEN);
    proactor->driver->endpoint_release(proactor, endpoint);
    set_state(proactor, endpoint, ENDPOINT_FREE);
}

enum henge_status proactor_endpoint_attach(struct transport *transport, uint32_t endpoint) {
    struct proactor *proactor = proactor_of(transport);
    ASSERT(proactor_endpoint_state(proactor, endpoint) == ENDPOINT_OPEN);
    proactor->endpoints[endpoint].is_blocked = false;
    enum henge_status status = proactor->driver->endpoint_start(proactor, endpoint);
    if (status == HENGE_OK) {
        set_state(proactor, endpoint, ENDPOINT_ATTACHED);
    }
    return status;
}

void proactor_endpoint_settle(struct proactor *proactor, uint32_t id) {
    struct proactor_endpoint *endpoint = &proactor->endpoints[id];
    if (proactor_endpoint_state(proactor, id) == ENDPOINT_CLOSING && endpoint->sends == 0 &&
        list_is_empty(&endpoint->streams)) {
        list_remove(&endpoint->work);
        list_insert_last(&proactor->endpoints_ended, &endpoint->work);
    }
}

void proactor_endpoint_close(struct transport *transport, uint32_t id) {
    struct proactor *proactor = proactor_of(transport);
    struct proactor_endpoint *endpoint = &proactor->endpoints[id];
    ASSERT(proactor_endpoint_state(proactor, id) == ENDPOINT_ATTACHED);
    /* What was sent before is tried once more; what would block now is given up. */
    (void)proactor->driver->endpoint_send(proactor, id);
    set_state(proactor, id, ENDPOINT_CLOSING);
    list_remove(&endpoint->work);
    struct buffer *buffer = NULL;
    while ((buffer = buffer_queue_take(&endpoint->unsent)) != NULL) {
        proactor_sent(proactor, buffer, ECANCELED);
    }
    proactor_streams_close(proactor, id);
    proactor_endpoint_settle(proactor, id);
}

static void put_to_work(struct proactor *proactor, struct proactor_endpoint *endpoint) {
    list_remove(&endpoint->work);
    list_insert_last(&proactor->endpoint_work, &endpoint->work);
}

bool proactor_send(struct transport *transport, struct buffer *buffer) {
    struct proactor *proactor = proactor_of(transport);
    struct proactor_endpoint *endpoint = &proactor->endpoints[buffer->endpoint];
    if (proactor->sends >= transport->settings.sends_max) {
        return false;
    }
    proactor->sends++;
    endpoint->sends++;
    if (proactor_endpoint_state(proactor, buffer->endpoint) != ENDPOINT_ATTACHED) {
        proactor_sent(proactor, buffer, ECANCELED);
        return true;
    }
    buffer_queue_append(&endpoint->unsent, buffer);
    if (!endpoint->is_blocked) {
        put_to_work(proactor, endpoint);
    }
    return true;
}

struct buffer *proactor_next_unsent(struct proactor *proactor, uint32_t endpoint) {
    return buffer_queue_take(&proactor->endpoints[endpoint].unsent);
}

/* The error stays in a field of the buffer that is the transport's until on_sent. */
void proactor_sent(struct proactor *proactor, struct buffer *buffer, int error) {
    buffer->message.msg_flags = error;
    buffer_queue_append(&proactor->sent, buffer);
}

void proactor_endpoint_ready(struct proactor *proactor, uint32_t id) {
    struct proactor_endpoint *endpoint = &proactor->endpoints[id];
    endpoint->is_blocked = false;
    if (proactor_endpoint_state(proactor, id) == ENDPOINT_ATTACHED &&
        endpoint->unsent.first != NULL) {
        put_to_work(proactor, endpoint);
    }
}

void proactor_datagram(struct proactor *proactor, uint32_t endpoint, struct buffer *buffer) {
    buffer->received_ns = proactor->now_ns;
    buffer->endpoint = endpoint;
    buffer->stream = 0;
    buffer->next = NULL;
    proactor->delivered++;
    proactor->transport.sink.on_datagram(proactor->transport.sink.context, buffer);
}

static void try_sends(struct proactor *proactor) {
    while (!list_is_empty(&proactor->endpoint_work)) {
        struct proactor_endpoint *endpoint =
            LIST_ITEM(proactor->endpoint_work.next, struct proactor_endpoint, work);
        list_remove(&endpoint->work);
        endpoint->is_blocked =
            !proactor->driver->endpoint_send(proactor, (uint32_t)(endpoint - proactor->endpoints));
    }
}

static void report_sends(struct proactor *proactor) {
    const struct transport_sink *sink = &proactor->transport.sink;
    struct buffer_queue now = proactor->sent;
    proactor->sent.first = NULL;
    struct buffer *buffer = NULL;
    while ((buffer = buffer_queue_take(&now)) != NULL) {
        int error = buffer->message.msg_flags;
        proactor->sends--;
        proactor->endpoints[buffer->endpoint].sends--;
        proactor_endpoint_settle(proactor, buffer->endpoint);
        proactor->transport.counters.sends_failed += error != 0 ? 1 : 0;
        proactor->delivered++;
        sink->on_sent(sink->context, buffer, error);
    }
}

static void report_endpoints(struct proactor *proactor) {
    const struct transport_sink *sink = &proactor->transport.sink;
    struct list_link now;
    list_take_all(&proactor->endpoints_ended, &now);
    while (!list_is_empty(&now)) {
        struct proactor_endpoint *endpoint = LIST_ITEM(now.next, struct proactor_endpoint, work);
        uint32_t id = (uint32_t)(endpoint - proactor->endpoints);
        list_remove(&endpoint->work);
        if (endpoint->sends > 0) {
            continue; /* one was sent, and refused, meanwhile: it is reported first */
        }
        proactor->driver->endpoint_release(proactor, id);
        proactor->delivered++;
        sink->on_endpoint_closed(sink->context, id);
        set_state(proactor, id, ENDPOINT_FREE);
    }
}

uint32_t proactor_turn(struct transport *transport, uint64_t now_ns, uint64_t timeout_ns) {
    struct proactor *proactor = proactor_of(transport);
    proactor->now_ns = now_ns;
    proactor->delivered = 0;
    try_sends(proactor);
    proactor_streams_try(proactor);
    bool is_owing = proactor->sent.first != NULL || !list_is_empty(&proactor->streams_finished) ||
                    !list_is_empty(&proactor->endpoints_ended);
    proactor->driver->wait(proactor, is_owing ? 0 : timeout_ns);
    report_sends(proactor);
    proactor_streams_report(proactor);
    report_endpoints(proactor);
    return proactor->delivered;
}
