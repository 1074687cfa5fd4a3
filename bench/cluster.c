/* bench/cluster.c - what do N full nodes cost, and how fast do they find out?
 *
 * N nodes of the library run in this process, each with its own UDP and TCP port on 127.0.1.x, its
 * own identity and a view that is read; packets are real, and sealed with a key. All goes through
 * include/henge.
 *
 * How to read it. `nodes` is N. A figure of one moment has no spread; crashes are several, one
 * after the other, and show quartiles. CPU is this process's but for the thread that measures;
 * "others' share" says how much of this machine other programs had while the cluster was at rest:
 * a run beside a busy machine is worth less. "All agree" means that every node holds exactly those
 * that are up as ALIVE, nobody as SUSPECT, and that all have equal fingerprints of members and
 * ring.
 *
 * - bootstrap: all nodes but the seed are started and join through it, 64 at a time; until all see
 *   all, and until their rings, which follow by publish.window_ms, are equal too; from the first
 *   start
 * - memory: resident bytes of the process over what they were before, ten seconds after the
 *   bootstrap; and what the runtimes have allocated
 * - idle: over --idle seconds in which nothing happens; wake-ups are system calls that wake a
 *   thread; accusations and verdicts are those that nodes made, what others held of it is beside
 * - update: a node changes its metadata; when every other node tells of it (the events' own times,
 *   whole milliseconds). --updates of them, all delays together
 * - crash: a node goes without a word; when the first, half and all of the others tell that it is
 *   DEAD; and then, how long until all agree after it was started again
 * - join, leave: of one more node, --changes times; when every other tells of it, and when all
 * agree
 * - restart of all: one after the other, evenly over --restart-s, each without a word and at once
 *   back under its name; from the first one's end until the last call of join returned, and until
 *   all agree
 * - kill of a tenth: at once, without a word; until the others agree; the rings that each of them
 *   published on the way (median and quartiles over nodes, and the most)
 * - churn: with --churn R, R times a second for --duration seconds one of the last tenth leaves or
 *   one comes back; the share of nodes that held what most held, on average over time; what grew
 *
 * With --loss P all runs in a network namespace of its own, and once the cluster is whole P of
 * hundred IP packets are lost where they arrive.
 *
 * Exit codes: 0 printed, 1 something did not happen in time, 2 usage. */
#include "bench/cluster.h"
#include "core/base/clock.h"
#include <stdio.h>
#include <unistd.h>

static struct cluster cluster;

/* By enum cluster_phase. */
static void (*const phases[CLUSTER_PHASES])(struct cluster *cluster) = {
    cluster_idle,    cluster_update, cluster_crash, cluster_join,
    cluster_restart, cluster_kill,   cluster_churn};

static void run(void) {
    cluster_row(&cluster, "setting: runtimes", cluster.options.runtimes, "", 0);
    cluster_row(&cluster, "setting: threads of each", cluster.options.config.threads, "", 0);
    cluster_row(&cluster, "setting: packets lost", cluster.options.loss_percent, "%", 0);
    if (!cluster_bootstrap(&cluster) || !cluster_loss_begin(&cluster.options)) {
        cluster.has_failed = true;
        return;
    }
    for (size_t i = 0; i < CLUSTER_PHASES; i++) {
        if (cluster.options.has_phase[i]) {
            phases[i](&cluster);
        }
    }
    struct cluster_totals totals = cluster_totals(&cluster);
    cluster_row(&cluster, "dropped: queue of the socket full", (double)totals.dropped_kernel,
                "packets", 0);
    cluster_row(&cluster, "dropped: receive buffers taken", (double)totals.dropped_quota, "packets",
                0);
    cluster_row(&cluster, "dropped: nothing to send with", (double)totals.dropped_send, "packets",
                0);
    cluster_row(&cluster, "whole run: joins not done in a minute", cluster.joins_late, "in all", 0);
    cluster_row(&cluster, "whole run: verdicts, the right ones too", (double)totals.verdicts,
                "in all", 0);
}

int main(int count, char **arguments) {
    int code = cluster_options_parse(&cluster.options, count, arguments);
    if (code >= 0) {
        return code;
    }
    cluster.begin_ns = cluster.sampled_ns = clock_monotonic_ns();
    cluster.sampled_cpu_ns = cluster_cpu_ns();
    cluster.is_terminal = isatty(STDERR_FILENO) == 1;
    if (cluster_loss_prepare(&cluster.options) && cluster_open(&cluster)) {
        run();
    } else {
        cluster.has_failed = true;
    }
    if (cluster.is_terminal) {
        fputs("\r\033[K", stderr);
    }
    report_print("cluster", "nodes", cluster.rows, cluster.rows_count, cluster.options.is_json);
    if (cluster.options.svg && !cluster_write_svg(&cluster, cluster.options.svg)) {
        fprintf(stderr, "bench_cluster: %s: cannot be written\n", cluster.options.svg);
        cluster.has_failed = true;
    }
    cluster_close(&cluster);
    return cluster.has_failed ? 1 : 0;
}
