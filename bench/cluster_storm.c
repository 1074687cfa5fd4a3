/* bench/cluster_storm.c - many members change at once, or all the time: when do all agree again?
 * See cluster.h; cluster.c says how to read what these phases tell. */
#include "bench/cluster.h"
#include "core/base/clock.h"
#include <stdlib.h>

enum {
    KILL_ONE_IN = 10,
    CHURN_ONE_IN = 10, /* these come and go; the others stay */
    CHURN_DOWN = 8,    /* so many are away at once */
    KIB = 1024
};

/* A process that is ended and started again. */
static bool restart(struct cluster *cluster, uint32_t slot) {
    cluster_node_stop(cluster, slot, false);
    return cluster_node_start(cluster, slot);
}

static bool crash(struct cluster *cluster, uint32_t slot) {
    cluster_node_stop(cluster, slot, false);
    return true;
}

/* Of the samples of the present phase. */
static double agreed_least(const struct cluster *cluster) {
    double least = 1;
    for (size_t i = 0; i < cluster->samples_count; i++) {
        const struct cluster_sample *sample = &cluster->samples[i];
        if (sample->phase == cluster->phases_count - 1 && sample->agreed < least) {
            least = sample->agreed;
        }
    }
    return least;
}

static double agreed_mean(const struct cluster *cluster) {
    double sum = 0, count = 0;
    for (size_t i = 0; i < cluster->samples_count; i++) {
        if (cluster->samples[i].phase == cluster->phases_count - 1) {
            sum += cluster->samples[i].agreed;
            count++;
        }
    }
    return count > 0 ? sum / count : 1;
}

void cluster_restart(struct cluster *cluster) {
    struct cluster_totals before = cluster_totals(cluster);
    uint64_t cpu_ns = cluster_cpu_ns();
    cluster_phase_begin(cluster, "restart");
    double begin_s = cluster_now_s(cluster);
    if (!cluster_crew_run(cluster, restart, 0, cluster->options.nodes,
                          cluster->options.restart_s)) {
        cluster->has_failed = true;
    }
    double joined_s = cluster_now_s(cluster) - begin_s;
    (void)cluster_wait_agreed(cluster, "restart of all", CLUSTER_RINGS);
    double agreed_s = cluster_now_s(cluster) - begin_s;
    cpu_ns = cluster_cpu_ns() - cpu_ns;
    struct cluster_totals after = cluster_totals(cluster);
    cluster_row(cluster, "restart of all: wanted within", cluster->options.restart_s, "s", 0);
    cluster_row(cluster, "restart of all: last join done", joined_s, "s", 0);
    cluster_row(cluster, "restart of all: all agree", agreed_s, "s", 0);
    cluster_row(cluster, "restart of all: least that agreed", agreed_least(cluster) * 100, "%", 0);
    cluster_row(cluster, "restart of all: CPU", (double)cpu_ns / NS_PER_S, "s", 0);
    cluster_row(cluster, "restart of all: verdicts", (double)(after.verdicts - before.verdicts),
                "in all", 0);
}

/* Ring versions so far, of those that are not killed. */
static void versions_add(struct cluster *cluster, uint32_t count, double sign, double *versions) {
    struct henge_stats stats;
    for (uint32_t slot = 0; slot < count; slot++) {
        if (cluster_node_stats(cluster, slot, &stats)) {
            versions[slot] += sign * (double)stats.ring_version;
        }
    }
}

void cluster_kill(struct cluster *cluster) {
    uint32_t nodes = cluster->options.nodes, killed = nodes / KILL_ONE_IN, left = nodes - killed;
    double *versions = calloc(nodes, sizeof(*versions));
    cluster_phase_begin(cluster, "kill");
    if (killed == 0 || !versions) {
        free(versions);
        return;
    }
    struct cluster_totals before = cluster_totals(cluster);
    versions_add(cluster, left, -1, versions);
    double begin_s = cluster_now_s(cluster);
    (void)cluster_crew_run(cluster, crash, left, killed, 0);
    double killed_s = cluster_now_s(cluster) - begin_s;
    (void)cluster_wait_agreed(cluster, "kill of a tenth", CLUSTER_RINGS);
    double agreed_s = cluster_now_s(cluster) - begin_s;
    versions_add(cluster, left, 1, versions);
    struct cluster_totals after = cluster_totals(cluster);
    double bytes = (double)(after.bytes_sent - before.bytes_sent);
    cluster_row(cluster, "kill of a tenth: the killing took", killed_s, "s", 0);
    cluster_row(cluster, "kill of a tenth: all agree", agreed_s, "s", 0);
    cluster_row_samples(cluster, "kill of a tenth: rings per node", versions, left, "rings", 0);
    cluster_row(cluster, "kill of a tenth: most rings", versions[left - 1], "rings", 0);
    cluster_row(cluster, "kill of a tenth: bytes sent per node", bytes / left / KIB, "KiB", 0);
    free(versions);
    begin_s = cluster_now_s(cluster);
    if (!cluster_crew_run(cluster, cluster_node_start, left, killed, 0)) {
        cluster->has_failed = true;
    }
    (void)cluster_wait_agreed(cluster, "start of the killed", CLUSTER_RINGS);
    cluster_row(cluster, "kill of a tenth: back, all agree", cluster_now_s(cluster) - begin_s, "s",
                0);
}

/* Event `number`: by turns one of the last slots leaves, and one that left some turns ago comes
 * back. */
static bool churn(struct cluster *cluster, uint32_t number) {
    uint32_t nodes = cluster->options.nodes, span = nodes / CHURN_ONE_IN;
    uint32_t turn = number / 2, base = nodes - span;
    if (number % 2 == 0) {
        uint32_t slot = base + turn % span;
        if (cluster->nodes[slot].node) {
            cluster_node_stop(cluster, slot, true);
        }
        return true;
    }
    uint32_t slot = base + (turn + span - CHURN_DOWN) % span;
    return turn < CHURN_DOWN || cluster->nodes[slot].node || cluster_node_start(cluster, slot);
}

static bool come_back(struct cluster *cluster, uint32_t slot) {
    return cluster->nodes[slot].node || cluster_node_start(cluster, slot);
}

void cluster_churn(struct cluster *cluster) {
    uint32_t nodes = cluster->options.nodes, seconds = cluster->options.churn_s;
    if (cluster->options.churn_per_s <= 0 || nodes / CHURN_ONE_IN <= CHURN_DOWN) {
        return;
    }
    cluster_phase_begin(cluster, "churn");
    struct cluster_totals before = cluster_totals(cluster);
    double resident = cluster_resident_kib();
    uint64_t cpu_ns = cluster_cpu_ns();
    uint32_t events = (uint32_t)(cluster->options.churn_per_s * seconds);
    if (!cluster_crew_run(cluster, churn, 0, events, seconds)) {
        cluster->has_failed = true;
    }
    cpu_ns = cluster_cpu_ns() - cpu_ns;
    double agreed = agreed_mean(cluster);
    double begin_s = cluster_now_s(cluster);
    if (!cluster_crew_run(cluster, come_back, nodes - nodes / CHURN_ONE_IN, nodes / CHURN_ONE_IN,
                          0)) {
        cluster->has_failed = true;
    }
    (void)cluster_wait_agreed(cluster, "end of the churn", CLUSTER_RINGS);
    double back_s = cluster_now_s(cluster) - begin_s;
    struct cluster_totals after = cluster_totals(cluster);
    cluster_row(cluster, "churn: joins and leaves", events, "in all", 0);
    cluster_row(cluster, "churn: share that agreed, mean", agreed * 100, "%", 0);
    cluster_row(cluster, "churn: all agree after the end", back_s, "s", 0);
    cluster_row(cluster, "churn: CPU per node and second", (double)cpu_ns / 1e3 / nodes / seconds,
                "us", 0);
    cluster_row(cluster, "churn: accusations", (double)(after.accusations - before.accusations),
                "in all", 0);
    cluster_row(cluster, "churn: verdicts", (double)(after.verdicts - before.verdicts), "in all",
                0);
    cluster_row(cluster, "churn: resident memory, grown per node",
                (cluster_resident_kib() - resident) / nodes, "KiB", 0);
    cluster_row(cluster, "churn: memory of the runtimes, grown per node",
                ((double)after.memory_bytes - (double)before.memory_bytes) / nodes / KIB, "KiB", 0);
}
