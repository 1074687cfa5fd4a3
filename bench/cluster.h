/* bench/cluster.h - the parts of bench_cluster: a cluster of full nodes in this process, what
 * watches it, and the phases that do something to it.
 *
 * cluster_options.c the command line
 * cluster_nodes.c   runtimes, the life of one node, counters summed over all
 * cluster_crew.c    threads that start, stop and restart many nodes in a given time
 * cluster_agree.c   do all nodes hold the same? how many do?
 * cluster_watch.c   events of all nodes; waiting, with samples for the timeline
 * cluster_phases.c  bootstrap, idle
 * cluster_spread.c  one update, one crash, one join, one leave: when does each node hear of it?
 * cluster_storm.c   restart of all, kill of a tenth, churn: when do all agree again?
 * cluster_loss.c    packets that are lost
 * cluster_svg.c     the timeline
 * cluster_machine.c what this process holds, and what the machine is busy with
 *
 * The main thread runs the phases and watches; the crew makes calls that block. */
#ifndef BENCH_CLUSTER_H
#define BENCH_CLUSTER_H

#include "bench/report.h"
#include "henge/henge.h"
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* In this order, after the bootstrap; cluster.c and cluster_options.c have them as lists. */
enum { CLUSTER_PHASES = 7 };

enum {
    CLUSTER_NODES_MAX = 4096,
    CLUSTER_RUNTIMES_MAX = 64,
    CLUSTER_ROLES = 3, /* threads of a runtime, at most */
    CLUSTER_ROWS_MAX = 96,
    CLUSTER_TURNS_MAX = 16,
    CLUSTER_SEEDS = 2,
    CLUSTER_SPARE = 16 /* nodes beyond N that may join */
};

struct cluster_options {
    uint32_t nodes, runtimes;
    uint32_t changes;   /* of the join phase: so many join, and leave */
    uint32_t restart_s; /* all are restarted within so long */
    double churn_per_s; /* joins and leaves of the churn phase; 0: no such phase */
    uint32_t churn_s;
    double loss_percent; /* of all IP packets, once the cluster is whole */
    uint32_t idle_s;     /* how long the idle phase measures */
    uint32_t limit_s;    /* how long anything is waited for */
    uint32_t updates;    /* of the update phase */
    uint32_t crashes;    /* of the crash phase */
    bool has_readers;    /* every node is read, so every node has a view and a ring */
    bool has_phase[CLUSTER_PHASES];
    bool is_json;
    const char *svg; /* a file's name; NULL: no picture */
    struct henge_config config;
};

/* One member and its lives. The crew ends and starts lives, the main thread looks in. */
struct cluster_node {
    pthread_mutex_t lock;    /* of all that follows */
    struct henge_node *node; /* NULL: down */
    struct henge_reader *reader;
    struct henge_events *events;
    struct henge_address address; /* the next life takes it again; no family: any port */
};

/* Sums over nodes, those that have ended included. */
struct cluster_totals {
    uint64_t packets_sent, bytes_sent, bytes_received;
    uint64_t dropped_quota, dropped_send, dropped_kernel;
    uint64_t accusations, verdicts, refutations, pauses, strains;
    uint64_t wakes, memory_bytes; /* of the runtimes, as they are now */
    uint64_t memory_by_tag[HENGE_MEMORY_TAG_COUNT];
};

struct cluster_sample {
    double at_s;
    double agreed; /* share of the nodes that are up */
    double cpu;    /* of this process, in CPUs */
    uint32_t up;
    uint32_t phase; /* index in phase_names */
};

/* A thread of a runtime, and the clock of its CPU. */
struct cluster_thread {
    char name[32];
    clockid_t clock;
};

/* What the main thread does with an event; `observer` is the index of the node that tells it. */
struct cluster_listener {
    void *context;
    void (*hear)(void *context, uint32_t observer, const struct henge_event *event);
};

struct cluster {
    struct cluster_options options;
    struct henge_runtime *runtimes[CLUSTER_RUNTIMES_MAX];
    struct henge_allocator allocators[CLUSTER_RUNTIMES_MAX]; /* an arena each, or none */
    struct cluster_thread threads[CLUSTER_RUNTIMES_MAX * CLUSTER_ROLES];
    _Atomic uint32_t threads_count;
    struct cluster_node *nodes;  /* slots */
    uint32_t slots;              /* N and the spare ones */
    _Atomic uint32_t up;         /* nodes that live */
    _Atomic uint32_t joins_late; /* calls that ended without a success */
    bool is_whole;               /* the bootstrap is done: joiners ask all the seeds */
    struct cluster_totals ended; /* counters of past lives; under ended_lock */
    pthread_mutex_t ended_lock;
    uint32_t cursor; /* cluster_agree.c: the last node that differed */
    struct cluster_listener listener;
    uint32_t listen_mask;
    uint64_t events_lost;
    struct cluster_sample *samples;
    size_t samples_count, samples_room;
    const char *phase_names[1 + CLUSTER_PHASES];
    double phase_begins_s[1 + CLUSTER_PHASES];
    uint32_t phases_count;
    uint64_t begin_ns, heard_ns, sampled_ns, sampled_cpu_ns;
    bool is_terminal;
    struct report_row rows[CLUSTER_ROWS_MAX];
    size_t rows_count;
    bool has_failed; /* something did not happen in time */
};

/* cluster_options.c: -1 = go on; otherwise the exit code. */
int cluster_options_parse(struct cluster_options *options, int count, char **arguments);

/* cluster_nodes.c. False, and the reason on stderr. */
bool cluster_open(struct cluster *cluster);
void cluster_close(struct cluster *cluster);
/* Starts a life, under the slot's name and former address, and joins. Blocks. */
bool cluster_node_start(struct cluster *cluster, uint32_t slot);
/* Ends a life: without a word, as a crash does, or with a leave. Blocks. */
void cluster_node_stop(struct cluster *cluster, uint32_t slot, bool is_leaving);
/* The slots that joiners ask; the first alone until the cluster is whole. */
uint32_t cluster_seed(const struct cluster *cluster, uint32_t index);
void cluster_node_name(uint32_t slot, char name[HENGE_NAME_BYTES]);
/* False: the node is down, or the crew is at it. */
bool cluster_node_stats(struct cluster *cluster, uint32_t slot, struct henge_stats *stats_out);
struct cluster_totals cluster_totals(struct cluster *cluster);
/* CPU of this process but for the main thread, which only measures. */
uint64_t cluster_cpu_ns(void);

/* CPU of the threads of this name. */
uint64_t cluster_threads_cpu_ns(const struct cluster *cluster, const char *name);

/* cluster_crew.c: does `job` for slots first .. first + count - 1, evenly over `over_s` seconds (0:
 * as fast as can be), in several threads, while the main thread watches. False if a job failed. */
bool cluster_crew_run(struct cluster *cluster, bool (*job)(struct cluster *cluster, uint32_t slot),
                      uint32_t first, uint32_t count, double over_s);

/* cluster_agree.c: every node that is up holds exactly those as ALIVE, nobody as SUSPECT, and all
 * have the same fingerprints: of members, or of members and ring. A ring follows its members by
 * publish.window_ms. */
enum cluster_agreement { CLUSTER_MEMBERS, CLUSTER_RINGS };
bool cluster_is_agreed(struct cluster *cluster, enum cluster_agreement on);
/* The share of them that does, measured against what most hold. Looks at all of them. */
double cluster_agreed_share(struct cluster *cluster);

/* cluster_watch.c */
double cluster_now_s(const struct cluster *cluster);
void cluster_phase_begin(struct cluster *cluster, const char *name);
/* Every node tells events of the mask to the listener, until cluster_deafen. */
void cluster_listen(struct cluster *cluster, uint32_t mask, struct cluster_listener listener);
void cluster_deafen(struct cluster *cluster);
/* One turn of watching: a little sleep (2 ms, 50 ms), now and then events and a sample. */
void cluster_turn(struct cluster *cluster);
void cluster_rest(struct cluster *cluster);
void cluster_wait_s(struct cluster *cluster, double seconds);
/* False, with a complaint, after limit_s. */
bool cluster_wait_agreed(struct cluster *cluster, const char *what, enum cluster_agreement on);

/* Rows of the table; a goal is an upper bound, 0: none. */
void cluster_row(struct cluster *cluster, const char *name, double value, const char *unit,
                 double goal);
void cluster_row_samples(struct cluster *cluster, const char *name, double *samples, size_t count,
                         const char *unit, double goal);

/* cluster_phases.c */
bool cluster_bootstrap(struct cluster *cluster);
void cluster_idle(struct cluster *cluster);

/* cluster_spread.c */
void cluster_update(struct cluster *cluster);
void cluster_crash(struct cluster *cluster);
void cluster_join(struct cluster *cluster);

/* cluster_storm.c */
void cluster_restart(struct cluster *cluster);
void cluster_kill(struct cluster *cluster);
void cluster_churn(struct cluster *cluster);

/* cluster_loss.c: a network of this process's own, where the options ask for loss: before any
 * thread; and the loss. False, and the reason on stderr. */
bool cluster_loss_prepare(const struct cluster_options *options);
bool cluster_loss_begin(const struct cluster_options *options);

/* cluster_svg.c. False: not written. */
bool cluster_write_svg(const struct cluster *cluster, const char *path);

/* cluster_machine.c: what this process holds, and what the machine is busy with. */
double cluster_resident_kib(void);
double cluster_resident_most_kib(void);
double cluster_machine_busy_s(void); /* CPU of all programs so far */

#endif
