/* core/runtime/runtime_internal.h - the runtime's and the node's structs, and who owns what.
 *
 * Three roles, each a step function over its own state: io_role.h, gossip_role.h, detector_role.h.
 * They share nothing but the queues below, the published views, and the overlays. Application
 * threads enter by control calls (control.h), readers and event queues. */
#ifndef CORE_RUNTIME_RUNTIME_INTERNAL_H
#define CORE_RUNTIME_RUNTIME_INTERNAL_H

#include "core/base/epoch.h"
#include "core/base/memory.h"
#include "core/base/queue.h"
#include "core/runtime/control.h"
#include "core/runtime/limits.h"
#include "core/runtime/node/detector_node.h"
#include "core/runtime/node/gossip_node.h"
#include "core/runtime/spread.h"
#include "core/runtime/upkeep.h"
#include "core/runtime/waker.h"
#include "henge/henge.h"
#include "io/seal.h"
#include "io/transport.h"
#include <pthread.h>
#include <sched.h>

struct io_role;
struct gossip_role;
struct detector_role;

/* Words of refused datagrams that may wait for the detector; further ones are dropped. */
enum { IO_REFUSALS_MAX = 64 };

enum role_id { ROLE_IO = 0, ROLE_GOSSIP, ROLE_DETECTOR, ROLE_COUNT };

/* Every pair of threads has one queue of messages each way, and one each way for buffers that come
 * home. Buffers never meet a full queue: each is as large as the pools that feed it
 * (runtime_limits). */
struct role_queues {
    struct queue *io_to_gossip, *io_to_detector;
    struct queue *gossip_to_io, *detector_to_io;
    struct queue *gossip_to_detector, *detector_to_gossip;
    struct queue *gossip_returns, *detector_returns; /* received buffers, back to io */
    struct queue *gossip_sent, *detector_sent;       /* send buffers, back from io */
};

struct runtime_thread {
    struct henge_runtime *runtime;
    pthread_t thread;
    struct waker waker;
    char name[16];
    bool has_role[ROLE_COUNT];
    int cpu;            /* -1 = not pinned */
    bool is_cpu_shared; /* with the others, while all are calm: spread.h */
    cpu_set_t cpus;     /* that it might have */
    struct spread spread;
    bool is_started;
    _Atomic uint32_t start_state; /* thread.c: under way, good, bad */
};

/* One registered application reader; with cache lines of its own. */
struct henge_reader {
    _Alignas(64) _Atomic uint64_t held_view; /* number of the view of the open section, 0 = none */
    struct epoch_reader *epoch;
    struct gossip_node *gossip;
    _Atomic(struct henge_node *) node;
    _Atomic uint32_t in_use;
    _Atomic uint64_t name_words[4]; /* 31 bytes and a NUL, readable while it changes */
};

struct henge_runtime {
    struct henge_config config;
    struct memory memory;
    struct henge_log log;
    struct henge_thread_hooks thread_hooks;
    struct runtime_limits limits;
    struct seal_keyring keyring;
    struct transport *transport;
    char transport_reason[256];
    struct epoch_domain *epochs;
    struct record_store *store;    /* gossip thread, or nobody runs */
    struct ring_house *rings;      /* the same */
    struct identities *identities; /* detector thread, or nobody runs */
    struct role_queues queues;
    struct io_role *io;
    struct gossip_role *gossip;
    struct detector_role *detector;
    struct runtime_thread threads[ROLE_COUNT];
    uint32_t threads_count;
    struct runtime_thread *thread_of[ROLE_COUNT];
    _Atomic uint32_t is_running;
    _Atomic uint32_t stop;
    _Atomic(struct henge_node *) *nodes; /* by id; an id is taken by exchange */
    _Atomic uint32_t control_attention;  /* some node's control call waits */
    struct henge_reader *readers;        /* readers_max */
    counter turns[ROLE_COUNT];
};

/* Views and rings are built for nodes that somebody reads; in a process of a thousand nodes that is
 * not all of them. The first reader asks, the gossip thread answers; there is no way back. */
enum read_state { READ_NEVER = 0, READ_WANTED, READ_DONE, READ_REFUSED /* no memory */ };

/* Counted by the io thread. */
struct io_node_counters {
    counter packets_received, packets_sent, bytes_received, bytes_sent;
    counter forged, dropped_quota, dropped_send, dropped_kernel, unknown_lane;
    counter streams_opened, streams_accepted, streams_failed;
};

struct henge_node {
    struct henge_runtime *runtime;
    uint32_t id;
    uint32_t endpoint;
    struct henge_config config;
    struct henge_address bound;
    struct henge_address address; /* advertised */
    struct overlay overlay;
    struct gossip_node *gossip;     /* gossip thread; its view: anyone */
    bool is_attached;               /* gossip thread: the round of ATTACH is done */
    bool is_detaching;              /* gossip thread: silent, waits for the others to let go */
    bool is_detached;               /* gossip thread: the round of DETACH is done */
    bool is_full_told;              /* gossip thread: the log has it that members_max is reached */
    bool is_refusal_told;           /* gossip thread: ..., that their ring would be too large */
    struct detector_node *detector; /* detector thread */
    uint64_t drops_told;            /* detector thread: of io.dropped_kernel */
    struct seal_sender sender;      /* io thread */
    uint64_t random_seed;
    uint64_t generation_floor;          /* the generation to start with */
    const struct henge_address *former; /* lent while the node is being made */
    uint32_t former_count;
    _Atomic uint32_t has_other_seeds; /* the last join named seeds that are not the config's */
    struct upkeep upkeep;
    _Atomic uint32_t read_state; /* enum read_state: are views built? */
    struct io_node_counters io;
    struct control control;
    struct subscriptions *subscriptions; /* gossip thread */
};

#endif
