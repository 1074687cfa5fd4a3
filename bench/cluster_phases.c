/* bench/cluster_phases.c - bootstrap and rest; see cluster.h. cluster.c says how to read what
 * they tell. */
#include "bench/cluster.h"
#include "core/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SETTLE_S = 10, /* after the bootstrap, before anything is measured; no longer than --idle */
    KIB = 1024
};

/* The numbers at the begin of a file's first line, behind a word if there is one; 0 for those that
 * are missing. */
static void numbers_read(const char *path, uint64_t *numbers, size_t count) {
    char line[256] = "";
    FILE *file = fopen(path, "re");
    if (file) {
        if (!fgets(line, sizeof(line), file)) {
            line[0] = '\0';
        }
        fclose(file);
    }
    char *at = line + strspn(line, "abcdefghijklmnopqrstuvwxyz");
    for (size_t i = 0; i < count; i++) {
        numbers[i] = strtoull(at, &at, 10);
    }
}

static double resident_kib(void) {
    uint64_t pages[2]; /* of the process's size, resident */
    numbers_read("/proc/self/statm", pages, 2);
    return (double)pages[1] * (double)sysconf(_SC_PAGESIZE) / KIB;
}

/* CPU of the whole machine so far. */
static double machine_busy_s(void) {
    enum { USER, NICE, SYSTEM, IDLE, WAIT, IRQ, SOFT_IRQ, COUNT };
    uint64_t ticks[COUNT];
    numbers_read("/proc/stat", ticks, COUNT);
    uint64_t busy = ticks[USER] + ticks[NICE] + ticks[SYSTEM] + ticks[IRQ] + ticks[SOFT_IRQ];
    return (double)busy / (double)sysconf(_SC_CLK_TCK);
}

bool cluster_bootstrap(struct cluster *cluster) {
    uint32_t nodes = cluster->options.nodes;
    double resident = resident_kib();
    uint64_t cpu_ns = cluster_cpu_ns();
    double begin_s = cluster_now_s(cluster);
    cluster_phase_begin(cluster, "bootstrap");
    if (!cluster_node_start(cluster, cluster->seed) ||
        !cluster_crew_run(cluster, cluster_node_start, 1, nodes - 1, 0)) {
        return false;
    }
    double joined_s = cluster_now_s(cluster);
    if (!cluster_wait_agreed(cluster, "bootstrap")) {
        return false;
    }
    double agreed_s = cluster_now_s(cluster);
    cpu_ns = cluster_cpu_ns() - cpu_ns;
    struct cluster_totals totals = cluster_totals(cluster);
    cluster_row(cluster, "bootstrap: last join done", joined_s - begin_s, "s", 0);
    cluster_row(cluster, "bootstrap: all agree", agreed_s - begin_s, "s", 10);
    cluster_row(cluster, "bootstrap: CPU", (double)cpu_ns / NS_PER_S, "s", 0);
    cluster_row(cluster, "bootstrap: packets per node", (double)totals.packets_sent / nodes,
                "packets", 0);
    cluster_row(cluster, "bootstrap: bytes sent per node", (double)totals.bytes_sent / nodes / KIB,
                "KiB", 0);
    cluster_wait_s(cluster,
                   cluster->options.idle_s < SETTLE_S ? cluster->options.idle_s : SETTLE_S);
    totals = cluster_totals(cluster);
    cluster_row(cluster, "memory per node, resident", (resident_kib() - resident) / nodes, "KiB",
                200);
    cluster_row(cluster, "memory per node, of the runtimes",
                (double)totals.memory_bytes / nodes / KIB, "KiB", 0);
    return true;
}

void cluster_idle(struct cluster *cluster) {
    double nodes = cluster->options.nodes, seconds = cluster->options.idle_s;
    cluster_phase_begin(cluster, "idle");
    struct cluster_totals before = cluster_totals(cluster);
    double busy_s = machine_busy_s();
    double begin_s = cluster_now_s(cluster);
    uint64_t cpu_ns = cluster_cpu_ns();
    cluster_wait_s(cluster, seconds);
    double cpu_s = (double)(cluster_cpu_ns() - cpu_ns) / NS_PER_S;
    seconds = cluster_now_s(cluster) - begin_s;
    busy_s = machine_busy_s() - busy_s;
    struct cluster_totals after = cluster_totals(cluster);
    double node_s = nodes * seconds;
    cluster_row(cluster, "idle: CPU per node and second", cpu_s * 1e6 / node_s, "us", 32);
    cluster_row(cluster, "idle: packets per node and second",
                (double)(after.packets_sent - before.packets_sent) / node_s, "packets", 0);
    cluster_row(cluster, "idle: bytes sent per node, second",
                (double)(after.bytes_sent - before.bytes_sent) / node_s, "bytes", 0);
    cluster_row(cluster, "idle: wake-ups of threads",
                (double)(after.wakes - before.wakes) / seconds, "/s", 0);
    cluster_row(cluster, "idle: accusations", (double)(after.accusations - before.accusations),
                "in all", 0);
    cluster_row(cluster, "idle: verdicts", (double)(after.verdicts - before.verdicts), "in all", 0);
    cluster_row(cluster, "idle: others' share of this machine",
                (busy_s - cpu_s) / seconds / (double)sysconf(_SC_NPROCESSORS_ONLN) * 100, "%", 0);
}
