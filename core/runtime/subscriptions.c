/* core/runtime/subscriptions.c - see subscriptions.h; and the public functions of henge/events.h.
 */
#include "core/runtime/subscriptions.h"
#include "core/base/clock.h"
#include "core/runtime/runtime_internal.h"
#include <sys/eventfd.h>
#include <unistd.h>

enum henge_status subscriptions_add(struct subscriptions *subscriptions,
                                    struct henge_events *events) {
    if (subscriptions->count == SUBSCRIPTIONS_MAX) {
        return HENGE_FULL;
    }
    subscriptions->all[subscriptions->count++] = events;
    return HENGE_OK;
}

void subscriptions_remove(struct subscriptions *subscriptions, struct henge_events *events) {
    for (uint32_t index = 0; index < subscriptions->count; index++) {
        if (subscriptions->all[index] == events) {
            subscriptions->all[index] = subscriptions->all[--subscriptions->count];
            return;
        }
    }
}

/* The exchange is seq_cst, and so is the consumer's in henge_events_next: either the consumer's
 * look at the queue comes after this push, or this exchange finds 0 and writes the descriptor. */
static void signal_descriptor(struct henge_events *events) {
    if (atomic_exchange_explicit(&events->is_signalled, 1, memory_order_seq_cst) == 0) {
        uint64_t one = 1;
        ssize_t written = write(events->fd, &one, sizeof(one));
        (void)written; /* an eventfd of 1 takes it always */
    }
}

/* Only this thread raises `lost`, only the subscriber takes it back to 0, with its queue empty. */
static void offer(struct subscriptions *subscriptions, struct henge_events *events,
                  const struct henge_event *event) {
    if (atomic_load_explicit(&events->lost, memory_order_acquire) > 0 ||
        !queue_push(events->queue, event)) {
        atomic_fetch_add_explicit(&events->lost, 1, memory_order_release);
        counter_add(&subscriptions->lost, 1);
    }
    signal_descriptor(events);
}

void subscriptions_publish(struct subscriptions *subscriptions, const struct henge_event *event) {
    for (uint32_t index = 0; index < subscriptions->count; index++) {
        struct henge_events *events = subscriptions->all[index];
        if (events->mask & (1u << event->type)) {
            offer(subscriptions, events, event);
        }
    }
}

const char *henge_event_type_text(enum henge_event_type type) {
    static const char *const texts[HENGE_EVENT_TYPE_COUNT] = {
        "member-joined",    "member-updated", "member-suspected",
        "member-recovered", "member-left",    "member-failed",
        "topology-changed", "member-evicted", "partitioned",
        "name-conflict",    "resync"};
    return (unsigned)type < HENGE_EVENT_TYPE_COUNT ? texts[type] : "unknown";
}

static void events_free(struct henge_events *events) {
    struct memory *memory = &events->node->runtime->memory;
    if (events->fd >= 0) {
        close(events->fd);
    }
    if (events->queue) {
        queue_destroy(events->queue);
    }
    memory_release(memory, events, sizeof(*events), HENGE_MEMORY_EVENT);
}

static uint32_t capacity_of(size_t wanted) {
    uint32_t capacity = SUBSCRIPTION_CAPACITY_MIN;
    while (capacity < wanted && capacity < SUBSCRIPTION_CAPACITY_MAX) {
        capacity *= 2;
    }
    return capacity;
}

/* A queue holds one element less than it is large. */
static struct henge_events *events_make(struct henge_node *node, uint32_t mask, size_t capacity) {
    struct memory *memory = &node->runtime->memory;
    struct henge_events *events = memory_alloc_zeroed(memory, sizeof(*events), HENGE_MEMORY_EVENT);
    if (!events) {
        return NULL;
    }
    events->node = node;
    events->mask = mask | 1u << HENGE_RESYNC;
    events->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    events->queue =
        queue_create(memory, 2 * capacity_of(capacity), (uint32_t)sizeof(struct henge_event));
    if (events->fd < 0 || !events->queue) {
        events_free(events);
        return NULL;
    }
    return events;
}

enum henge_status henge_events_subscribe(struct henge_node *node, uint32_t mask, size_t capacity,
                                         struct henge_events **events_out) {
    if ((mask & HENGE_EVENTS_ALL) == 0 || capacity > SUBSCRIPTION_CAPACITY_MAX) {
        return HENGE_INVALID;
    }
    struct henge_events *events = events_make(node, mask, capacity);
    if (!events) {
        return HENGE_NO_MEMORY;
    }
    enum henge_status status = control_enter(node, CONTROL_SUBSCRIBE);
    if (status == HENGE_OK) {
        node->control.events = events;
        status = control_run(node, TIME_NEVER);
    }
    if (status != HENGE_OK) {
        events_free(events);
        return status;
    }
    *events_out = events;
    return HENGE_OK;
}

int henge_events_fd(const struct henge_events *events) {
    return events->fd;
}

static enum henge_status resync_next(struct henge_events *events, struct henge_event *event_out) {
    uint64_t lost = atomic_exchange_explicit(&events->lost, 0, memory_order_acq_rel);
    if (lost == 0) {
        return HENGE_EMPTY;
    }
    *event_out =
        (struct henge_event){.type = HENGE_RESYNC, .time_ms = clock_wall_ms(), .lost = lost};
    return HENGE_OK;
}

enum henge_status henge_events_next(struct henge_events *events, struct henge_event *event_out) {
    if (queue_pop(events->queue, event_out)) {
        return HENGE_OK;
    }
    if (atomic_exchange_explicit(&events->is_signalled, 0, memory_order_seq_cst) != 0) {
        uint64_t count;
        ssize_t got = read(events->fd, &count, sizeof(count));
        (void)got; /* nothing to read yet is fine: it will turn readable, and be found empty */
    }
    return queue_pop(events->queue, event_out) ? HENGE_OK : resync_next(events, event_out);
}

void henge_events_unsubscribe(struct henge_events *events) {
    struct henge_node *node = events->node;
    enum henge_status status;
    while ((status = control_enter(node, CONTROL_UNSUBSCRIBE)) == HENGE_BUSY) {
        usleep(1000); /* this class of call may block; another control call is finite */
    }
    if (status == HENGE_OK) {
        node->control.events = events;
        (void)control_run(node, TIME_NEVER); /* it fails only with the runtime */
    } else {
        subscriptions_remove(node->subscriptions, events); /* no thread runs any more */
    }
    events_free(events);
}
