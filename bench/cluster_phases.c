/* bench/cluster_phases.c - bootstrap and rest; see cluster.h. cluster.c says how to read what
 * they tell. */
#include "bench/cluster.h"
#include "core/base/clock.h"
#include <stdlib.h>
#include <unistd.h>

enum {
    SETTLE_S = 10, /* after the bootstrap, before anything is measured; no longer than --idle */
    KIB = 1024
};

static const char *const tags[HENGE_MEMORY_TAG_COUNT] = {
    "memory per node: of it, core", "memory per node: of it, rings",
    "memory per node: of it, network", "memory per node: of it, members",
    "memory per node: of it, events"};

/* When all has settled. `before`: what was resident when there was no node. */
static void memory_rows(struct cluster *cluster, double before) {
    double nodes = cluster->options.nodes;
    uint32_t settle_s = cluster->options.idle_s < SETTLE_S ? cluster->options.idle_s : SETTLE_S;
    cluster_wait_s(cluster, settle_s);
    struct cluster_totals totals = cluster_totals(cluster);
    cluster_row(cluster, "memory per node, resident", (cluster_resident_kib() - before) / nodes,
                "KiB", 200);
    cluster_row(cluster, "memory per node, resident at most",
                (cluster_resident_most_kib() - before) / nodes, "KiB", 0);
    cluster_row(cluster, "memory per node, of the runtimes",
                (double)totals.memory_bytes / nodes / KIB, "KiB", 0);
    for (int tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        cluster_row(cluster, tags[tag], (double)totals.memory_by_tag[tag] / nodes / KIB, "KiB", 0);
    }
}

/* Rings that each node has published on its way. */
static void rings_row(struct cluster *cluster) {
    struct henge_stats stats;
    size_t count = 0;
    double *rings = calloc(cluster->options.nodes, sizeof(*rings));
    for (uint32_t slot = 0; rings && slot < cluster->options.nodes; slot++) {
        if (cluster_node_stats(cluster, slot, &stats)) {
            rings[count++] = (double)stats.ring_version;
        }
    }
    cluster_row_samples(cluster, "bootstrap: rings per node", rings, count, "rings", 20);
    free(rings);
}

bool cluster_bootstrap(struct cluster *cluster) {
    uint32_t nodes = cluster->options.nodes;
    double resident = cluster_resident_kib();
    uint64_t cpu_ns = cluster_cpu_ns();
    double begin_s = cluster_now_s(cluster);
    cluster_phase_begin(cluster, "bootstrap");
    if (!cluster_node_start(cluster, cluster_seed(cluster, 0)) ||
        !cluster_crew_run(cluster, cluster_node_start, 1, nodes - 1, 0)) {
        return false;
    }
    double joined_s = cluster_now_s(cluster);
    if (!cluster_wait_agreed(cluster, "bootstrap", CLUSTER_MEMBERS)) {
        return false;
    }
    double seen_s = cluster_now_s(cluster);
    if (!cluster_wait_agreed(cluster, "rings of the bootstrap", CLUSTER_RINGS)) {
        return false;
    }
    double agreed_s = cluster_now_s(cluster);
    cluster->is_whole = true;
    cpu_ns = cluster_cpu_ns() - cpu_ns;
    struct cluster_totals totals = cluster_totals(cluster);
    cluster_row(cluster, "bootstrap: last join done", joined_s - begin_s, "s", 0);
    cluster_row(cluster, "bootstrap: all see all", seen_s - begin_s, "s", 10);
    cluster_row(cluster, "bootstrap: rings equal too", agreed_s - begin_s, "s", 10);
    cluster_row(cluster, "bootstrap: CPU", (double)cpu_ns / NS_PER_S, "s", 0);
    cluster_row(cluster, "bootstrap: packets per node", (double)totals.packets_sent / nodes,
                "packets", 0);
    cluster_row(cluster, "bootstrap: bytes sent per node", (double)totals.bytes_sent / nodes / KIB,
                "KiB", 0);
    rings_row(cluster);
    memory_rows(cluster, resident);
    return true;
}

static const struct {
    const char *thread, *row;
} roles[CLUSTER_ROLES] = {{"henge-io", "idle: of it, thread henge-io"},
                          {"henge-gossip", "idle: of it, thread henge-gossip"},
                          {"henge-detect", "idle: of it, thread henge-detect"}};

/* What nodes came to hold of others while nobody had left: every node's word counts. */
struct alarms {
    uint32_t suspected, failed;
};

static void alarms_hear(void *context, uint32_t observer, const struct henge_event *event) {
    struct alarms *alarms = context;
    (void)observer;
    alarms->suspected += event->type == HENGE_MEMBER_SUSPECTED;
    alarms->failed += event->type == HENGE_MEMBER_FAILED;
}

void cluster_idle(struct cluster *cluster) {
    struct alarms alarms = {0};
    double nodes = cluster->options.nodes, seconds = cluster->options.idle_s;
    cluster_phase_begin(cluster, "idle");
    cluster_listen(cluster, 1u << HENGE_MEMBER_FAILED | 1u << HENGE_MEMBER_SUSPECTED,
                   (struct cluster_listener){&alarms, alarms_hear});
    struct cluster_totals before = cluster_totals(cluster);
    double busy_s = cluster_machine_busy_s();
    double begin_s = cluster_now_s(cluster);
    uint64_t cpu_ns = cluster_cpu_ns(), roles_ns[CLUSTER_ROLES];
    for (int role = 0; role < CLUSTER_ROLES; role++) {
        roles_ns[role] = cluster_threads_cpu_ns(cluster, roles[role].thread);
    }
    cluster_wait_s(cluster, seconds);
    for (int role = 0; role < CLUSTER_ROLES; role++) {
        roles_ns[role] = cluster_threads_cpu_ns(cluster, roles[role].thread) - roles_ns[role];
    }
    double cpu_s = (double)(cluster_cpu_ns() - cpu_ns) / NS_PER_S;
    seconds = cluster_now_s(cluster) - begin_s;
    busy_s = cluster_machine_busy_s() - busy_s;
    cluster_deafen(cluster);
    struct cluster_totals after = cluster_totals(cluster);
    double node_s = nodes * seconds;
    cluster_row(cluster, "idle: CPU per node and second", cpu_s * 1e6 / node_s, "us", 32);
    for (int role = 0; role < CLUSTER_ROLES; role++) {
        if (roles_ns[role] > 0) {
            cluster_row(cluster, roles[role].row, (double)roles_ns[role] / NS_PER_US / node_s, "us",
                        0);
        }
    }
    cluster_row(cluster, "idle: packets per node and second",
                (double)(after.packets_sent - before.packets_sent) / node_s, "packets", 0);
    cluster_row(cluster, "idle: bytes sent per node, second",
                (double)(after.bytes_sent - before.bytes_sent) / node_s, "bytes", 0);
    cluster_row(cluster, "idle: wake-ups of threads",
                (double)(after.wakes - before.wakes) / seconds, "/s", 0);
    cluster_row(cluster, "idle: accusations", (double)(after.accusations - before.accusations),
                "in all", 0);
    cluster_row(cluster, "idle: verdicts", (double)(after.verdicts - before.verdicts), "in all", 0);
    cluster_row(cluster, "idle: suspicions of others held", alarms.suspected, "in all", 0);
    cluster_row(cluster, "idle: verdicts on others held", alarms.failed, "in all", 0);
    cluster_row(cluster, "idle: others' share of this machine",
                (busy_s - cpu_s) / seconds / (double)sysconf(_SC_NPROCESSORS_ONLN) * 100, "%", 0);
}
