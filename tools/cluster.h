/* cluster.h - `henge cluster`: N real daemons on this machine, kept in one private directory.
 *
 *     cluster.json   how the daemons are started: henged's path, preset, zones, extra flags
 *     key            the cluster's key file
 *     nK.sock        control socket      nK.pid   "PID START" (START as in /proc/PID/stat)
 *     nK.log         its log             nK.data  its data_dir, so that generations rise
 *
 * A pid alone proves nothing after a reboot or a wrap; with the start time it names one process.
 * Whoever changes the cluster holds a lock (flock) on the directory. */
#ifndef TOOLS_CLUSTER_H
#define TOOLS_CLUSTER_H

#include "tools/control_path.h"
#include "tools/henge_command.h"

#include <henge/address.h>
#include <henge/config.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { CLUSTER_DAEMONS_MAX = 200, CLUSTER_FILE_BYTES = 256, CLUSTER_REASON_BYTES = 512 };

struct cluster_daemon {
    char name[HENGE_NAME_BYTES];
    char zone[HENGE_LABEL_BYTES];
    pid_t pid; /* 0: not started */
    uint64_t start_ticks;
    int ready_fd; /* while it starts; -1 otherwise */
};

struct cluster {
    char dir[CONTROL_PATH_BYTES];
    int lock_fd; /* -1: not held */
    char henged[PATH_MAX];
    json_t *flags; /* given to every daemon after our own: a list of texts */
    size_t count;
    struct cluster_daemon daemons[CLUSTER_DAEMONS_MAX];
};

/* cluster_files.c */
struct cluster *cluster_create(const char *dir); /* NULL without memory */
void cluster_destroy(struct cluster *cluster);
/* Reads cluster.json and the pid files. False with the reason; an empty reason: no cluster there.
 */
bool cluster_load(struct cluster *cluster, char *reason_out);
bool cluster_save(const struct cluster *cluster, char *reason_out);
bool cluster_lock(struct cluster *cluster, char *reason_out);
/* The path of a daemon's file: suffix "sock", "pid", "log" or "data". */
const char *cluster_file(const struct cluster *cluster, const char *name, const char *suffix,
                         char path_out[CLUSTER_FILE_BYTES]);
/* Removes every file that a cluster makes, and the directory if it is empty then. */
void cluster_remove(struct cluster *cluster);
/* Copies the last lines of a daemon's log. */
void cluster_log_tail(const struct cluster *cluster, const struct cluster_daemon *daemon,
                      FILE *out);
struct cluster_daemon *cluster_find(struct cluster *cluster, const char *name);

/* cluster_process.c */
bool cluster_is_running(const struct cluster_daemon *daemon);
size_t cluster_running_count(const struct cluster *cluster);
/* Starts the daemon; `join` is a list of addresses or empty. */
bool cluster_spawn(struct cluster *cluster, struct cluster_daemon *daemon, const char *join,
                   char *reason_out);
/* Waits until all that start have said "ready". */
bool cluster_wait_ready(struct cluster *cluster, uint64_t deadline_ms, char *reason_out);
/* True if it is one of ours and is gone, by the deadline. */
bool cluster_wait_gone(const struct cluster_daemon *daemon, uint64_t deadline_ms);
/* SIGTERM to all, SIGKILL to those that are there after `patience_ms`. */
void cluster_stop_all(struct cluster *cluster, unsigned patience_ms);
/* henged beside this program, or the one of PATH. */
void cluster_find_henged(char path_out[PATH_MAX]);

/* cluster_view.c: what the daemons say about each other. */
struct cluster_row {
    bool is_running, is_answering;
    char address[HENGE_ADDRESS_TEXT_BYTES];
    char transport[16];
    char fingerprint[17]; /* of the ring */
    char view_fingerprint[17];
    int64_t alive, suspect, dead, left, view, ring_version, generation;
    double agreement;
};
void cluster_row_ask(const struct cluster *cluster, const struct cluster_daemon *daemon,
                     struct cluster_row *row_out);
void cluster_rows_ask(const struct cluster *cluster, struct cluster_row *rows_out);
/* Every running daemon answers, sees all of them ALIVE and no one SUSPECT, and all have one ring
 * and one member list. */
bool cluster_is_agreed(const struct cluster *cluster, const struct cluster_row *rows);
/* Waits for that, until the deadline or a signal. `rows` holds the last answers. */
bool cluster_wait_agreed(const struct cluster *cluster, uint64_t deadline_ms,
                         struct cluster_row *rows);
/* Lines written. */
size_t cluster_table_print(const struct cluster *cluster, const struct cluster_row *rows,
                           FILE *out);
json_t *cluster_json(const struct cluster *cluster, const struct cluster_row *rows);
/* A live table until SIGINT or SIGTERM: redrawn in place on a terminal, else a line per change. */
void cluster_watch(const struct cluster *cluster);

/* Set by the first SIGINT or SIGTERM after cluster_signals_catch. */
extern volatile sig_atomic_t cluster_is_interrupted;
void cluster_signals_catch(void);

/* cluster_up.c */
int cluster_up(struct henge_common *common, int argc, char **argv);

#endif
