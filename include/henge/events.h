/* henge/events.h - what happened in the cluster, as a queue with a pollable descriptor.
 *
 * Per member the events follow
 * (joined (updated | suspected | recovered)* (left | failed | evicted))*, in order, none lost, none
 * doubled. A subscriber whose queue is full loses what follows and is told so by one RESYNC event:
 * read the view again, then go on. */
#ifndef HENGE_EVENTS_H
#define HENGE_EVENTS_H

#include <henge/config.h>
#include <henge/members.h>
#include <henge/node.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum henge_event_type {
    HENGE_MEMBER_JOINED = 0,
    HENGE_MEMBER_UPDATED, /* metadata, role, zone, weight, address or incarnation */
    HENGE_MEMBER_SUSPECTED,
    HENGE_MEMBER_RECOVERED, /* SUSPECT -> ALIVE; a DEAD one that comes back has JOINED again */
    HENGE_MEMBER_LEFT,
    HENGE_MEMBER_FAILED,
    HENGE_TOPOLOGY_CHANGED, /* a new ring is in the view */
    HENGE_MEMBER_EVICTED,   /* an operator ended this generation of it */
    HENGE_PARTITIONED,      /* this node takes itself to be cut off; or no longer */
    HENGE_NAME_CONFLICT,    /* two live processes bear one name: see henge/node.h */
    HENGE_RESYNC,           /* events were lost here */
    HENGE_EVENT_TYPE_COUNT
};

enum { HENGE_EVENTS_ALL = (1 << HENGE_EVENT_TYPE_COUNT) - 1 }; /* mask bits: 1 << type */

/* Plain data, copied out. */
struct henge_event {
    enum henge_event_type type;
    uint64_t number;             /* counts this node's events; a gap appears only with RESYNC, whose
                                    own number is 0 */
    uint64_t time_ms;            /* wall clock, since 1970 */
    char name[HENGE_NAME_BYTES]; /* the member; empty for TOPOLOGY_CHANGED, PARTITIONED, RESYNC */
    struct henge_address address; /* the member's; NAME_CONFLICT: where the other one lives */
    uint64_t generation;          /* NAME_CONFLICT: the other one's */
    uint32_t version;
    uint32_t slot; /* as in views; HENGE_NO_SLOT: no member, or nobody reads this node's views */
    bool is_partitioned;       /* PARTITIONED: true = it begins, false = it is over */
    uint64_t ring_version_old; /* TOPOLOGY_CHANGED */
    uint64_t ring_version_new;
    uint64_t ring_fingerprint;
    uint64_t lost; /* RESYNC: events not delivered */
};

struct henge_events; /* opaque: one subscription */

/* "member-joined", ..., "topology-changed", "member-evicted", "partitioned", "name-conflict",
 * "resync". Any thread. [wait-free] */
HENGE_PUBLIC const char *henge_event_type_text(enum henge_event_type type);

/* Starts a subscription: the events of the mask from now on, into a queue of `capacity` (rounded up
 * to a power of two, 16..65536). Used by one thread at a time. HENGE_FULL at 16 subscriptions.
 * [may block, about a millisecond] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_events_subscribe(struct henge_node *node, uint32_t mask, size_t capacity,
                       struct henge_events **events_out);

/* A descriptor that polls readable while events may be waiting. Do not read or close it.
 * [wait-free] */
HENGE_PUBLIC int henge_events_fd(const struct henge_events *events);

/* The next event, HENGE_EMPTY when there is none (the descriptor is then quiet again).
 * [non-blocking] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_events_next(struct henge_events *events,
                                                                  struct henge_event *event_out);

/* [may block, about a millisecond] */
HENGE_PUBLIC void henge_events_unsubscribe(struct henge_events *events);

#ifdef __cplusplus
}
#endif
#endif
