/* core/runtime/control.h - the rare calls of application threads into the gossip thread.
 *
 * One call at a time per node: it enters by one atomic exchange of `inside` (HENGE_BUSY otherwise),
 * is filled in, stored as REQUESTED (release; pairs with the gossip thread's acquire load), and
 * waited for with a futex on `state`. A caller whose time is up leaves it ABANDONED; the gossip
 * thread then ends it and opens the door again. So neither side ever touches memory that the other
 * has given up. */
#ifndef CORE_RUNTIME_CONTROL_H
#define CORE_RUNTIME_CONTROL_H

#include "henge/node.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct henge_events;
struct henge_runtime;
struct upkeep_answer;

enum control_kind {
    CONTROL_ATTACH = 1,
    CONTROL_DETACH,
    CONTROL_JOIN,
    CONTROL_LEAVE,
    CONTROL_SET_PAIR,
    CONTROL_SET_WEIGHT,
    CONTROL_SET_RING_STATE,
    CONTROL_MAINTAIN,
    CONTROL_EVICT,
    CONTROL_SUBSCRIBE,
    CONTROL_UNSUBSCRIBE,
};

enum control_state {
    CONTROL_IDLE = 0,
    CONTROL_REQUESTED, /* the caller has filled it in */
    CONTROL_DONE,      /* result is there */
    CONTROL_ABANDONED, /* the caller has gone */
};

struct control {
    _Atomic uint32_t inside;
    _Atomic uint32_t state;
    uint32_t kind;
    bool has_begun; /* gossip thread: the first step of the call is done */
    enum henge_status result;
    uint64_t deadline_ns;
    struct henge_address seeds[HENGE_SEEDS_MAX];
    size_t seeds_count;
    char key[256];
    char value[HENGE_METADATA_BYTES + 1];
    bool has_value;
    bool has_peers; /* gossip thread: somebody is there to hear of a leave */
    uint32_t weight;
    uint32_t ring_state;
    struct henge_events *events;
    struct upkeep_answer *upkeep; /* the caller's, written by the gossip thread */
};

/* Takes the door. HENGE_BUSY or HENGE_STOPPED. */
enum henge_status control_enter(struct henge_node *node, enum control_kind kind);
/* Hands the call over, waits for its end, opens the door again. HENGE_TIMEOUT: abandoned. */
enum henge_status control_run(struct henge_node *node, uint64_t timeout_ns);
/* Wakes the gossip thread to look at what nodes ask of it. */
void control_announce(struct henge_runtime *runtime);
/* Leaves without having run it. */
void control_cancel(struct henge_node *node);

/* Gossip thread: is there something to do or to go on with? */
bool control_is_pending(const struct control *control);
void control_finish(struct control *control, enum henge_status result);

#endif
