/* tools/sim/event_queue.h - what is to happen, by time; at one time, in the order in which it was
 * scheduled. A heap of values with four children to a place: half the depth of a binary one, and
 * the children of a place lie in two cache lines. */
#ifndef TOOLS_SIM_EVENT_QUEUE_H
#define TOOLS_SIM_EVENT_QUEUE_H

#include "core/base/memory.h"
#include <stdbool.h>
#include <stdint.h>

/* `kind`, `host` and `item` are the user's. */
struct event {
    uint64_t time_ns;
    uint64_t number; /* given by event_queue_push: 1, 2, ... */
    void *item;
    uint32_t host;
    uint32_t kind;
};

struct event_queue {
    struct event *events;
    size_t count, capacity;
    uint64_t pushed;
    struct memory *memory;
};

void event_queue_init(struct event_queue *queue, struct memory *memory);
void event_queue_deinit(struct event_queue *queue);
/* Grows by doubling. Returns the event's number; 0: no memory. */
uint64_t event_queue_push(struct event_queue *queue, const struct event *event);
/* TIME_NEVER when empty. */
uint64_t event_queue_time(const struct event_queue *queue);
/* Takes the first one out; the queue must not be empty. */
struct event event_queue_pop(struct event_queue *queue);

#endif
