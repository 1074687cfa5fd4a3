/* core/runtime/desk.h - what the gossip and the detector role have in common: their send buffers,
 * their way to io, the timers of their nodes, and the nodes touched in this turn.
 *
 * Owned by the role's thread. It is the protocol's outbox: a message is written straight into a
 * send buffer, which goes to io by queue and comes home through `sent`. */
#ifndef CORE_RUNTIME_DESK_H
#define CORE_RUNTIME_DESK_H

#include "core/base/heap.h"
#include "core/runtime/runtime_internal.h"
#include "membership/outbox.h"

/* Without news from io the horizon is asked for again after this long. */
#define DESK_HORIZON_RETRY_NS (20 * NS_PER_MS)

/* Received buffers that may lie waiting in a return queue while io sleeps: a wake-up for each would
 * cost more than the packet. Far below the number of buffers, so io cannot go deaf. */
enum { DESK_RETURNS_WAKE = 32 };

struct desk {
    struct henge_runtime *runtime;
    enum buffer_holder holder;
    struct queue *to_io;
    struct queue *returns;
    struct queue *sent;
    struct buffer_pool sends;
    struct buffer *open;        /* between begin and commit */
    struct henge_node **nodes;  /* by id; NULL = not this role's */
    struct henge_node *current; /* whose message is being written */
    struct heap timers;         /* by node id */
    uint64_t *deadlines_ns;     /* the same as they were asked for; TIME_NEVER = none */
    uint32_t *touched;          /* ids to be stepped in this turn */
    bool *is_touched;
    uint32_t touched_count;
    uint64_t horizon_ns;       /* everything received before is in */
    uint64_t horizon_asked_ns; /* 0 = not waiting for an answer */
    uint8_t wakes;             /* 1 << role that has been given something */
    struct outbox outbox;
};

bool desk_init(struct desk *desk, struct henge_runtime *runtime, enum buffer_holder holder,
               struct queue *to_io, struct queue *returns, struct queue *sent);
void desk_deinit(struct desk *desk);

void desk_touch(struct desk *desk, uint32_t node);
/* Takes back buffers that io has sent; how many. */
uint32_t desk_collect(struct desk *desk);
/* Ends a received buffer's stay. */
void desk_return(struct desk *desk, struct buffer *buffer);
void desk_source(const struct buffer *buffer, struct packet_source *source_out);
/* Marks the nodes whose timers are due. */
void desk_touch_due(struct desk *desk, uint64_t now_ns);
/* Sets a node's timer; of several nodes they may be a little late: slack.h. One that waits for the
 * horizon is not called before the answer. */
void desk_timer(struct desk *desk, uint32_t node, uint64_t deadline_ns, bool wants_horizon,
                uint64_t now_ns);
void desk_timer_forget(struct desk *desk, uint32_t node);
void desk_horizon(struct desk *desk, uint64_t time_ns);
/* Wakes whom this turn has given something. */
void desk_wake(struct desk *desk, enum role_id self);

#endif
