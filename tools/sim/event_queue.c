/* tools/sim/event_queue.c - see event_queue.h. */
#include "tools/sim/event_queue.h"
#include "core/base/assert.h"
#include "core/base/clock.h"

enum { CHILDREN = 4, CAPACITY_FIRST = 1024 };

void event_queue_init(struct event_queue *queue, struct memory *memory) {
    *queue = (struct event_queue){.memory = memory};
}

void event_queue_deinit(struct event_queue *queue) {
    memory_release(queue->memory, queue->events, queue->capacity * sizeof(*queue->events),
                   HENGE_MEMORY_CORE);
    *queue = (struct event_queue){0};
}

static bool is_before(const struct event *left, const struct event *right) {
    if (left->time_ns != right->time_ns) {
        return left->time_ns < right->time_ns;
    }
    return left->number < right->number;
}

static bool grow(struct event_queue *queue) {
    size_t capacity = queue->capacity > 0 ? 2 * queue->capacity : CAPACITY_FIRST;
    struct event *events =
        memory_resize(queue->memory, queue->events, queue->capacity * sizeof(*events),
                      capacity * sizeof(*events), HENGE_MEMORY_CORE);
    if (!events) {
        return false;
    }
    queue->events = events;
    queue->capacity = capacity;
    return true;
}

uint64_t event_queue_push(struct event_queue *queue, const struct event *event) {
    if (queue->count == queue->capacity && !grow(queue)) {
        return 0;
    }
    struct event pushed = *event;
    pushed.number = ++queue->pushed;
    size_t at = queue->count++;
    while (at > 0) {
        size_t parent = (at - 1) / CHILDREN;
        if (!is_before(&pushed, &queue->events[parent])) {
            break;
        }
        queue->events[at] = queue->events[parent];
        at = parent;
    }
    queue->events[at] = pushed;
    return pushed.number;
}

uint64_t event_queue_time(const struct event_queue *queue) {
    return queue->count > 0 ? queue->events[0].time_ns : TIME_NEVER;
}

struct event event_queue_pop(struct event_queue *queue) {
    ASSERT(queue->count > 0);
    struct event *events = queue->events;
    struct event first = events[0];
    struct event moved = events[--queue->count];
    size_t at = 0;
    for (;;) {
        size_t child = CHILDREN * at + 1;
        if (child >= queue->count) {
            break;
        }
        size_t end = child + CHILDREN < queue->count ? child + CHILDREN : queue->count;
        size_t least = child;
        while (++child < end) {
            if (is_before(&events[child], &events[least])) {
                least = child;
            }
        }
        if (!is_before(&events[least], &moved)) {
            break;
        }
        events[at] = events[least];
        at = least;
    }
    events[at] = moved;
    return first;
}
