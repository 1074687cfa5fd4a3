/* core/runtime/subscriptions.h - event queues of the application: one SPSC queue per subscription,
 * with a descriptor that turns readable. The gossip thread pushes, one application thread pops.
 *
 * A full queue loses nothing silently: from then on events are only counted, in `lost`, until the
 * subscriber has emptied the queue and takes the count as one RESYNC. So nothing newer comes before
 * it, and nobody has to look again. */
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
    _Atomic uint64_t lost;         /* not taken since the last RESYNC */
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
