/* bench/cluster_nodes.c - runtimes, and the lives of nodes on them; see cluster.h. */
#include "bench/cluster.h"
#ifdef HENGE_BENCH_JEMALLOC
#include <henge/jemalloc.h>
#endif
#include "core/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    ADDRESSES = 200,    /* 127.0.1.1 .. 127.0.1.200: no port of an outgoing connection is there */
    FILES_PER_NODE = 4, /* UDP, TCP, the events' descriptor, a stream */
    FILES_BESIDE = 256,
    JOIN_TIMEOUT_MS = 60000,
    LEAVE_TIMEOUT_MS = 10000
};

static bool complain(const char *what, uint32_t number, const char *reason) {
    fprintf(stderr, "bench_cluster: %s %u: %s\n", what, number, reason);
    return false;
}

/* All the descriptors that this process may have, and whether they do. */
static bool files_ensure(uint32_t slots) {
    struct rlimit limit;
    rlim_t needed = (rlim_t)slots * FILES_PER_NODE + FILES_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return complain("getrlimit", 0, "RLIMIT_NOFILE");
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= needed) {
        return true;
    }
    fprintf(
        stderr,
        "bench_cluster: %u nodes need %llu descriptors, this process may have %llu (`ulimit -n` "
        "raises it, or ask for fewer nodes)\n",
        slots, (unsigned long long)needed, (unsigned long long)limit.rlim_max);
    return false;
}

uint32_t cluster_seed(const struct cluster *cluster, uint32_t index) {
    return index * (cluster->options.nodes / CLUSTER_SEEDS);
}

void cluster_node_name(uint32_t slot, char name[HENGE_NAME_BYTES]) {
    snprintf(name, HENGE_NAME_BYTES, "n%u", slot);
}

/* Runtimes of one process would all choose the same CPU: each gets the next one, for all of its
 * threads. */
static void affinity_choose(struct henge_config *config, uint32_t number, uint32_t runtimes) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t cpu = number % (uint32_t)(cpus > 0 ? cpus : 1);
    if (runtimes == 1 || strcmp(config->affinity, "auto") != 0) {
        return;
    }
    for (uint32_t thread = 0, used = 0; thread < config->threads; thread++) {
        used += (uint32_t)snprintf(config->affinity + used, sizeof(config->affinity) - used, "%s%u",
                                   thread == 0 ? "" : ",", cpu);
    }
}

static void thread_note(void *context, const char *name) {
    struct cluster *cluster = context;
    struct cluster_thread *thread = &cluster->threads[cluster->threads_count++];
    snprintf(thread->name, sizeof(thread->name), "%s", name);
    if (pthread_getcpuclockid(pthread_self(), &thread->clock) != 0) {
        thread->name[0] = '\0';
    }
}

/* NULL: malloc. */
static const struct henge_allocator *allocator_open(struct cluster *cluster, uint32_t number) {
#ifdef HENGE_BENCH_JEMALLOC
    struct henge_allocator *allocator = &cluster->allocators[number];
    return henge_jemalloc_create(allocator) == HENGE_OK ? allocator : NULL;
#else
    (void)cluster;
    (void)number;
    return NULL;
#endif
}

static void allocator_close(struct henge_allocator *allocator) {
#ifdef HENGE_BENCH_JEMALLOC
    if (allocator->alloc) {
        henge_jemalloc_destroy(allocator);
    }
#else
    (void)allocator;
#endif
}

static bool runtime_open(struct cluster *cluster, uint32_t number) {
    char reason[HENGE_REASON_BYTES];
    const struct henge_thread_hooks hooks = {sizeof(hooks), cluster, thread_note, NULL};
    const struct henge_runtime_options options = {.size_bytes = sizeof(options),
                                                  .allocator = allocator_open(cluster, number),
                                                  .thread_hooks = &hooks};
    struct henge_config config = cluster->options.config;
    uint32_t runtimes = cluster->options.runtimes;
    config.nodes_max = (cluster->slots + runtimes - 1) / runtimes;
    if (config.readers_max < config.nodes_max) {
        config.readers_max = config.nodes_max;
    }
    snprintf(config.name, sizeof(config.name), "runtime%u", number);
    snprintf(config.bind, sizeof(config.bind), "127.0.0.1:0");
    affinity_choose(&config, number, runtimes);
    enum henge_status status =
        henge_runtime_create(&config, &options, &cluster->runtimes[number], reason, sizeof(reason));
    if (status != HENGE_OK) {
        return complain("runtime", number, reason);
    }
    status = henge_runtime_start(cluster->runtimes[number]);
    return status == HENGE_OK || complain("runtime", number, henge_status_text(status));
}

bool cluster_open(struct cluster *cluster) {
    cluster->slots = cluster->options.nodes + CLUSTER_SPARE;
    if (!files_ensure(cluster->slots)) {
        return false;
    }
    cluster->nodes = calloc(cluster->slots, sizeof(*cluster->nodes));
    if (!cluster->nodes) {
        return complain("nodes", cluster->slots, "no memory");
    }
    pthread_mutex_init(&cluster->ended_lock, NULL);
    for (uint32_t slot = 0; slot < cluster->slots; slot++) {
        pthread_mutex_init(&cluster->nodes[slot].lock, NULL);
    }
    for (uint32_t number = 0; number < cluster->options.runtimes; number++) {
        if (!runtime_open(cluster, number)) {
            return false;
        }
    }
    return true;
}

/* Nobody is told: all stop at once. */
void cluster_close(struct cluster *cluster) {
    for (uint32_t number = 0; number < cluster->options.runtimes; number++) {
        if (cluster->runtimes[number]) {
            henge_runtime_stop(cluster->runtimes[number]);
        }
    }
    for (uint32_t slot = 0; slot < cluster->slots && cluster->nodes; slot++) {
        if (cluster->nodes[slot].reader) {
            henge_reader_destroy(cluster->nodes[slot].reader);
        }
    }
    for (uint32_t number = 0; number < cluster->options.runtimes; number++) {
        if (cluster->runtimes[number]) {
            henge_runtime_destroy(cluster->runtimes[number]);
        }
        allocator_close(&cluster->allocators[number]);
    }
    free(cluster->nodes);
    free(cluster->samples);
}

static struct henge_config config_of(struct cluster *cluster, uint32_t slot) {
    struct henge_config config = cluster->options.config;
    const struct henge_address *former = &cluster->nodes[slot].address;
    cluster_node_name(slot, config.name);
    if (former->family != 0) {
        henge_address_format(former, config.bind);
    } else {
        snprintf(config.bind, sizeof(config.bind), "127.0.1.%u:0", 1 + slot % ADDRESSES);
    }
    return config;
}

/* The first nodes join through one seed. Later any seed may be the one that is down. */
static bool join(struct cluster *cluster, struct henge_node *node, uint32_t slot) {
    char texts[CLUSTER_SEEDS][HENGE_ADDRESS_TEXT_BYTES];
    const char *seeds[CLUSTER_SEEDS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < (cluster->is_whole ? CLUSTER_SEEDS : 1); i++) {
        uint32_t seed = cluster_seed(cluster, i);
        if (seed != slot) {
            seeds[count] = henge_address_format(&cluster->nodes[seed].address, texts[count]);
            count++;
        }
    }
    if (count == 0) {
        return true; /* the first of all */
    }
    enum henge_status status = henge_node_join(node, seeds, count, JOIN_TIMEOUT_MS);
    if (status == HENGE_TIMEOUT) {
        cluster->joins_late++; /* it goes on trying: whether it gets in, the others will say */
        return true;
    }
    return status == HENGE_OK || complain("join of node", slot, henge_status_text(status));
}

bool cluster_node_start(struct cluster *cluster, uint32_t slot) {
    char reason[HENGE_REASON_BYTES];
    struct cluster_node *self = &cluster->nodes[slot];
    struct henge_runtime *runtime = cluster->runtimes[slot % cluster->options.runtimes];
    struct henge_config config = config_of(cluster, slot);
    struct henge_node *node;
    struct henge_reader *reader = NULL;
    enum henge_status status = henge_node_create(runtime, &config, &node, reason, sizeof(reason));
    if (status != HENGE_OK) {
        return complain("node", slot, reason);
    }
    if (cluster->options.has_readers) {
        status = henge_reader_create(node, "bench", &reader);
        if (status != HENGE_OK) {
            return complain("reader of node", slot, henge_status_text(status));
        }
    }
    pthread_mutex_lock(&self->lock);
    self->node = node;
    self->reader = reader;
    if (self->address.family == 0) {
        self->address = henge_node_address(node);
    }
    pthread_mutex_unlock(&self->lock);
    cluster->up++;
    return join(cluster, node, slot);
}

static void totals_add(struct cluster_totals *totals, const struct henge_stats *stats) {
    totals->packets_sent += stats->packets_sent;
    totals->bytes_sent += stats->bytes_sent;
    totals->bytes_received += stats->bytes_received;
    totals->dropped_quota += stats->packets_dropped_quota;
    totals->dropped_send += stats->packets_dropped_send;
    totals->dropped_kernel += stats->packets_dropped_kernel;
    totals->accusations += stats->accusations;
    totals->verdicts += stats->verdicts;
    totals->refutations += stats->refutations;
    totals->pauses += stats->pauses;
    totals->strains += stats->strains;
}

void cluster_node_stop(struct cluster *cluster, uint32_t slot, bool is_leaving) {
    struct cluster_node *self = &cluster->nodes[slot];
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    if (is_leaving && henge_node_leave(self->node, LEAVE_TIMEOUT_MS) != HENGE_OK) {
        (void)complain("leave of node", slot, "nobody acknowledged it");
    }
    cluster->up--;
    pthread_mutex_lock(&self->lock);
    if (henge_stats_get(self->node, &stats) == HENGE_OK) {
        pthread_mutex_lock(&cluster->ended_lock);
        totals_add(&cluster->ended, &stats);
        pthread_mutex_unlock(&cluster->ended_lock);
    }
    if (self->events) {
        henge_events_unsubscribe(self->events);
    }
    if (self->reader) {
        henge_reader_destroy(self->reader);
    }
    henge_node_destroy(self->node);
    self->events = NULL;
    self->reader = NULL;
    self->node = NULL;
    pthread_mutex_unlock(&self->lock);
}

bool cluster_node_stats(struct cluster *cluster, uint32_t slot, struct henge_stats *stats_out) {
    struct cluster_node *self = &cluster->nodes[slot];
    if (pthread_mutex_trylock(&self->lock) != 0) {
        return false;
    }
    stats_out->size_bytes = sizeof(*stats_out);
    bool is_there = self->node && henge_stats_get(self->node, stats_out) == HENGE_OK;
    pthread_mutex_unlock(&self->lock);
    return is_there;
}

struct cluster_totals cluster_totals(struct cluster *cluster) {
    struct henge_stats stats;
    bool is_counted[CLUSTER_RUNTIMES_MAX] = {false};
    pthread_mutex_lock(&cluster->ended_lock);
    struct cluster_totals totals = cluster->ended;
    pthread_mutex_unlock(&cluster->ended_lock);
    for (uint32_t slot = 0; slot < cluster->slots; slot++) {
        uint32_t runtime = slot % cluster->options.runtimes;
        if (!cluster_node_stats(cluster, slot, &stats)) {
            continue;
        }
        totals_add(&totals, &stats);
        for (int tag = 0; tag < HENGE_MEMORY_TAG_COUNT && !is_counted[runtime]; tag++) {
            totals.memory_bytes += stats.memory_bytes[tag];
            totals.memory_by_tag[tag] += stats.memory_bytes[tag];
        }
        totals.wakes += is_counted[runtime] ? 0 : stats.wakes;
        is_counted[runtime] = true;
    }
    return totals;
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t cluster_cpu_ns(void) {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t cluster_threads_cpu_ns(const struct cluster *cluster, const char *name) {
    uint64_t sum_ns = 0;
    for (uint32_t i = 0; i < cluster->threads_count; i++) {
        if (strcmp(cluster->threads[i].name, name) == 0) {
            sum_ns += clock_ns(cluster->threads[i].clock);
        }
    }
    return sum_ns;
}
