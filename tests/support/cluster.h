/* tests/support/cluster.h - many memberships in one process, in virtual time.
 *
 * The network delays, loses and cuts packets, and emulates streams; the detector is replaced by its
 * essence (a ping a period to a random member, refutation at once), so that the gossip half can be
 * looked at alone. One seed, one run. After every change two invariants are checked: a view of a
 * member never moves backwards, and every change continues from the status told before. Node i is
 * named node-i and lives at 127.1.0.0 + i, port 7000. */
#ifndef TESTS_SUPPORT_CLUSTER_H
#define TESTS_SUPPORT_CLUSTER_H

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "membership/membership.h"
#include "membership/wire.h"
#include <stdbool.h>

enum {
    CLUSTER_NODES_MAX = 128,
    CLUSTER_SLOTS_MAX = 256,
    CLUSTER_STREAMS_MAX = 512,
    CLUSTER_SPIN_MAX = 1000 /* steps of one node at one instant: more is a busy loop */
};

struct cluster_view {
    struct liveness liveness;
    bool is_known;
};

struct cluster_node {
    struct cluster *cluster;
    struct membership *membership; /* NULL: down */
    uint32_t number;
    struct henge_address address;
    char name[32];
    uint8_t boot_id[RECORD_BOOT_BYTES];
    uint32_t side;    /* packets pass between nodes of one side only */
    bool has_yielded; /* another one bears its name: it has fallen silent */
    struct henge_address winner;
    uint64_t no_streams_ns; /* connections to it fail after so long; 0: they do not */
    bool accused_refused;   /* on_accused answers "no room" */
    /* The detector's essence. */
    uint64_t generation;
    uint32_t version;
    bool has_accusation;
    uint32_t accused_version;
    uint64_t accused_generation;
    uint64_t probe_ns;
    bool is_dirty;         /* to be stepped at this instant */
    uint8_t message[1448]; /* the outbox's one at a time */
    struct cluster_view views[CLUSTER_SLOTS_MAX];
    /* Counts since the last cluster_reset_counts. */
    uint64_t conflicts_seen; /* of others' names */
    uint64_t steps, packets, bytes, changes, accused_calls, generation_calls, streams;
    uint64_t packets_by_type[64];
    uint64_t statuses_seen[4]; /* changes into the status, own slot left out */
    uint64_t spins, spin_ns;
};

struct cluster_stream {
    uint32_t client, server; /* node numbers */
    uint64_t request_token;
    bool is_open;
};

struct cluster {
    struct memory memory;
    struct record_store *store;
    struct random random;
    struct membership_settings settings; /* of nodes yet to be started */
    struct cluster_node nodes[CLUSTER_NODES_MAX];
    struct cluster_stream streams[CLUSTER_STREAMS_MAX]; /* id = index + 1 */
    struct cluster_event *events;                       /* a heap by time and number */
    size_t events_count, events_capacity;
    uint64_t events_made;
    uint64_t now_ns, horizon_lag_ns;
    uint64_t delay_ns, jitter_ns;
    uint32_t loss_permille;
    uint32_t zone_every; /* every n-th node lives in zone-a, the others in zone-b (2) */
    bool probes, streams_refused, no_buffers;
    uint64_t starts;
    /* May look at, change or drop (false) each datagram. */
    bool (*filter)(struct cluster *cluster, uint32_t from, uint32_t to, uint8_t *message,
                   size_t bytes);
};

struct cluster *cluster_create(uint64_t seed);
void cluster_destroy(struct cluster *cluster);

/* A node of this number with a new boot id; generation_floor and wall_ms as in the settings. */
void cluster_start(struct cluster *cluster, uint32_t number, uint64_t generation_floor,
                   uint64_t wall_ms);
/* Vanishes without a word. */
void cluster_kill(struct cluster *cluster, uint32_t number);
void cluster_join(struct cluster *cluster, uint32_t number, uint32_t seed_number);
void cluster_run(struct cluster *cluster, uint64_t duration_ns);
/* Runs until the condition holds, at most so long; true if it does. */
bool cluster_run_until(struct cluster *cluster, uint64_t duration_ns,
                       bool (*condition)(struct cluster *cluster));

/* Starts `count` nodes, joined through node 0, and lets them settle. */
void cluster_form(struct cluster *cluster, uint32_t count);
/* Hands a message to a node as if it came from `from`'s address. */
void cluster_inject(struct cluster *cluster, uint32_t to, uint32_t from, const uint8_t *message,
                    size_t bytes);

/* NULL when `at` does not know it. */
/* A change of its payload. */
void cluster_set_weight(struct cluster *cluster, uint32_t number, uint16_t weight);
const struct member *cluster_look(const struct cluster *cluster, uint32_t at, uint32_t subject);
uint32_t cluster_slot(const struct cluster *cluster, uint32_t at, uint32_t subject);
/* Do all nodes that are up hold the same fingerprint, and exactly each other as ALIVE? */
bool cluster_agrees(struct cluster *cluster);
bool cluster_all_joined(struct cluster *cluster);
struct membership_counters cluster_counters(const struct cluster *cluster, uint32_t number);
void cluster_reset_counts(struct cluster *cluster);
struct henge_address cluster_address(uint32_t number);

#endif
