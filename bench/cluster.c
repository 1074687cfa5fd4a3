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
 * - bootstrap: all nodes but the seed are started and join through it, 64 at a time; from the first
 *   start
 * - memory: resident bytes of the process over what they were before, ten seconds after the
 *   bootstrap; and what the runtimes have allocated
 * - idle: over --idle seconds in which nothing happens; wake-ups are system calls that wake a
 *   thread
 * - update: a node changes its metadata; when every other node tells of it (the events' own times,
 *   whole milliseconds). --updates of them, all delays together
 * - crash: a node goes without a word; when the first, half and all of the others tell that it is
 *   DEAD; and then, how long until all agree after it was started again
 *
 * Exit codes: 0 printed, 1 something did not happen in time, 2 usage. */
#include "bench/cluster.h"
#include "core/base/clock.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cluster cluster;
static bool is_json;

/* The same key in every run: nobody else is on this cluster. */
static const char cluster_key[] =
    "6b6579206f6620612062656e63682c2074686174206973206e6f207365637265";
static const char cluster_salt[] = "000102030405060708090a0b0c0d0e0f";

static int usage(FILE *out) {
    fputs(
        "usage: bench_cluster [OPTIONS]\n"
        "\n"
        "N full nodes in this process, over loopback: what they cost, how fast they find out. How\n"
        "to read it: the head of bench/cluster.c.\n"
        "\n"
        "  --nodes N        how many, 2..4096 (100)\n"
        "  --threads N      of each runtime, 1..3 (3)\n"
        "  --runtimes R     the nodes are spread over so many, 1..64 (1)\n"
        "  --phases LIST    of idle,update,crash (all); bootstrap is always first\n"
        "  --idle S         seconds that the idle phase measures (30)\n"
        "  --updates N      of the update phase (10)\n"
        "  --crashes N      of the crash phase, 1..16 (3)\n"
        "  --limit S        longest that anything is waited for (120)\n"
        "  --no-readers     nobody reads: nodes without views and rings\n"
        "  --set KEY=VALUE  any setting of henge, for all nodes and runtimes\n"
        "  --json           one JSON object instead of the table\n"
        "  --help           this text\n",
        out);
    return out == stdout ? 0 : 2;
}

static uint32_t number_of(const char *text, uint32_t low, uint32_t high) {
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < low || value > high) {
        fprintf(stderr, "bench_cluster: '%s' is not a number from %u to %u\n", text, low, high);
        exit(2);
    }
    return (uint32_t)value;
}

static void setting_set(const char *key, const char *value) {
    char reason[HENGE_REASON_BYTES];
    if (henge_config_set(&cluster.options.config, key, value, reason, sizeof(reason)) != HENGE_OK) {
        fprintf(stderr, "bench_cluster: %s\n", reason);
        exit(2);
    }
}

static void setting_parse(char *pair) {
    char *value = strchr(pair, '=');
    if (!value) {
        fprintf(stderr, "bench_cluster: --set takes KEY=VALUE, not '%s'\n", pair);
        exit(2);
    }
    *value = '\0';
    setting_set(pair, value + 1);
}

static void options_init(struct cluster_options *options) {
    *options = (struct cluster_options){.nodes = 100,
                                        .runtimes = 1,
                                        .idle_s = 30,
                                        .limit_s = 120,
                                        .updates = 10,
                                        .crashes = 3,
                                        .has_readers = true};
    henge_config_init(&options->config, HENGE_PRESET_LAN);
    setting_set("key", cluster_key);
    setting_set("ring_salt", cluster_salt);
    setting_set("label", "bench");
}

static bool option_take(struct cluster_options *options, int word) {
    switch (word) {
    case 'n':
        options->nodes = number_of(optarg, 2, CLUSTER_NODES_MAX);
        return true;
    case 't':
        setting_set("threads", optarg);
        return true;
    case 'r':
        options->runtimes = number_of(optarg, 1, CLUSTER_RUNTIMES_MAX);
        return true;
    case 'p':
        options->phases = optarg;
        return true;
    case 'i':
        options->idle_s = number_of(optarg, 1, 86400);
        return true;
    case 'u':
        options->updates = number_of(optarg, 1, 1000);
        return true;
    case 'c':
        options->crashes = number_of(optarg, 1, CLUSTER_CRASHES_MAX);
        return true;
    case 'l':
        options->limit_s = number_of(optarg, 1, 86400);
        return true;
    case 's':
        setting_parse(optarg);
        return true;
    default:
        return false;
    }
}

/* -1 = go on; otherwise the exit code. */
static int options_parse(int count, char **arguments) {
    static const struct option words[] = {{"nodes", required_argument, NULL, 'n'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"runtimes", required_argument, NULL, 'r'},
                                          {"phases", required_argument, NULL, 'p'},
                                          {"idle", required_argument, NULL, 'i'},
                                          {"updates", required_argument, NULL, 'u'},
                                          {"crashes", required_argument, NULL, 'c'},
                                          {"limit", required_argument, NULL, 'l'},
                                          {"set", required_argument, NULL, 's'},
                                          {"no-readers", no_argument, NULL, 'b'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct cluster_options *options = &cluster.options;
    int word;
    options_init(options);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
    while ((word = getopt_long(count, arguments, "", words, NULL)) != -1) {
        if (word == 'h') {
            return usage(stdout);
        }
        is_json |= word == 'j';
        options->has_readers &= word != 'b';
        if (word != 'j' && word != 'b' && !option_take(options, word)) {
            return usage(stderr);
        }
    }
    return optind < count ? usage(stderr) : -1;
}

static const struct {
    const char *name;
    void (*run)(struct cluster *cluster);
} phases[] = {{"idle", cluster_idle}, {"update", cluster_update}, {"crash", cluster_crash}};
enum { PHASES = sizeof(phases) / sizeof(phases[0]) };

/* Is `name` one of the words of the comma separated list? */
static bool is_in(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool phases_are_known(const char *list) {
    size_t words = 1, known = 0;
    for (const char *at = list; at && *at != '\0'; at++) {
        words += *at == ',';
    }
    for (size_t i = 0; i < PHASES; i++) {
        known += list && is_in(list, phases[i].name);
    }
    if (list && known != words) {
        fprintf(stderr, "bench_cluster: --phases takes a list of: idle,update,crash\n");
        return false;
    }
    return true;
}

static void run(void) {
    cluster_row(&cluster, "setting: runtimes", cluster.options.runtimes, "", 0);
    cluster_row(&cluster, "setting: threads of each", cluster.options.config.threads, "", 0);
    if (!cluster_bootstrap(&cluster)) {
        cluster.has_failed = true;
        return;
    }
    for (size_t i = 0; i < PHASES; i++) {
        if (!cluster.options.phases || is_in(cluster.options.phases, phases[i].name)) {
            phases[i].run(&cluster);
        }
    }
    struct cluster_totals totals = cluster_totals(&cluster);
    cluster_row(&cluster, "whole run: datagrams dropped here",
                (double)(totals.dropped_quota + totals.dropped_send + totals.dropped_kernel),
                "packets", 0);
    cluster_row(&cluster, "whole run: verdicts", (double)totals.verdicts, "in all", 0);
}

int main(int count, char **arguments) {
    int code = options_parse(count, arguments);
    if (code >= 0) {
        return code;
    }
    if (!phases_are_known(cluster.options.phases)) {
        return 2;
    }
    cluster.begin_ns = cluster.sampled_ns = clock_monotonic_ns();
    cluster.sampled_cpu_ns = cluster_cpu_ns();
    cluster.is_terminal = isatty(STDERR_FILENO) == 1;
    if (cluster_open(&cluster)) {
        run();
    } else {
        cluster.has_failed = true;
    }
    if (cluster.is_terminal) {
        fputs("\r\033[K", stderr);
    }
    report_print("cluster", "nodes", cluster.rows, cluster.rows_count, is_json);
    cluster_close(&cluster);
    return cluster.has_failed ? 1 : 0;
}
