/* core/runtime/subscriptions.h - event queues of the application: one SPSC queue per subscription,
 * with a descriptor that turns readable. The gossip thread pushes, one application thread pops.
 *
 * A full queue loses nothing silently: the number of what was not taken is kept, and as soon as
 * there is room one RESYNC with that number goes in, before anything newer. */
#ifndef CORE_RUNTIME_SUBSCRIPTIONS_H
#define CORE_RUNTIME_SUBSCRIPTIONS_H

#include "core/base/memory.h"
#include "core/base/queue.h"
#include "core/runtime/node/counters.h"
#include "henge/events.h"

enum { SUBSCRIPTIONS_MAX = 16, SUBSCRIPTION_CAPACITY_MIN = 16, SUBSCRIPTION_CAPACITY_MAX = 65536 };

struct henge_events {
    struct henge_node *node;
    struct queue *queue;
    uint32_t mask;
    int fd;                        /* eventfd */
    _Atomic uint32_t is_signalled; /* the descriptor has been made readable and not yet read */
    uint64_t lost;                 /* gossip thread: since the last RESYNC that went in */
};

/* Gossip thread. */
struct subscriptions {
    struct henge_events *all[SUBSCRIPTIONS_MAX];
    uint32_t count;
    counter lost; /* ever */
};

enum henge_status subscriptions_add(struct subscriptions *subscriptions,
                                    struct henge_events *events);
void subscriptions_remove(struct subscriptions *subscriptions, struct henge_events *events);
void subscriptions_publish(struct subscriptions *subscriptions, const struct henge_event *event);

#endif
