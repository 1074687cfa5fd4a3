/* cluster_up.c - `henge cluster up`: from nothing to N daemons that agree. */
#include "tools/cluster.h"
#include "tools/clock_ms.h"
#include "tools/json_tools.h"
#include "tools/keygen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_DAEMONS = 5, DEFAULT_TIMEOUT_S = 60, ZONES_MAX = 64, FAILED_PATIENCE_MS = 500 };

struct up_options {
    struct henge_common *common;
    char dir[CONTROL_PATH_BYTES];
    const char *preset, *transport, *threads;
    char *zones[ZONES_MAX];
    size_t zones_count;
    long daemons, timeout_s;
    bool with_watch;
};

static const struct argp_option up_list[] = {
    {"count", 'n', "N", 0, "How many daemons (default 5)", 1},
    {"dir", 'd', "DIR", 0, "Where its files go (default $XDG_RUNTIME_DIR/henge, or /tmp/henge-UID)",
     1},
    {"preset", 'p', "NAME", 0, "lan, wan or local (default local)", 1},
    {"zones", 'z', "A,B,C", 0, "Zones, given out in turn (default a,b,c)", 1},
    {"transport", 't', "NAME", 0, "auto, io_uring or epoll", 1},
    {"threads", 'T', "N", 0, "Threads per daemon: 1, 2 or 3", 1},
    {"timeout", 'w', "SECONDS", 0, "How long to wait for agreement (default 60)", 1},
    {"watch", 'f', NULL, 0, "Then show a live table until interrupted", 1},
    {0}};

static void zones_take(struct up_options *options, char *argument, struct argp_state *state) {
    char *zone;
    options->zones_count = 0;
    while ((zone = strsep(&argument, ",")) != NULL) {
        if (options->zones_count == ZONES_MAX) {
            argp_error(state, "more than %d zones", ZONES_MAX);
            return;
        }
        options->zones[options->zones_count++] = zone;
    }
}

static error_t up_parse(int key, char *argument, struct argp_state *state) {
    struct up_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = options->common;
        return 0;
    case 'n':
        options->daemons = henge_number_parse(state, "-n", argument, 1, CLUSTER_DAEMONS_MAX);
        return 0;
    case 'd':
        if (snprintf(options->dir, sizeof(options->dir), "%s", argument) >=
            (int)sizeof(options->dir)) {
            argp_error(state, "--dir is longer than %zu bytes", sizeof(options->dir) - 1);
        }
        return 0;
    case 'p':
        options->preset = argument;
        return 0;
    case 'z':
        zones_take(options, argument, state);
        return 0;
    case 't':
        options->transport = argument;
        return 0;
    case 'T':
        options->threads = argument;
        return 0;
    case 'w':
        options->timeout_s = henge_number_parse(state, "--timeout", argument, 1, 3600);
        return 0;
    case 'f':
        options->with_watch = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s (henged's flags go after --)", argument);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void flag_add(struct cluster *cluster, const char *flag, const char *value) {
    if (value != NULL) {
        (void)json_array_append_new(cluster->flags, json_string(flag));
        (void)json_array_append_new(cluster->flags, json_string(value));
    }
}

/* Names, zones and flags of the daemons to be. */
static void cluster_plan(struct cluster *cluster, const struct up_options *options, int extra_count,
                         char **extra) {
    cluster_find_henged(cluster->henged);
    flag_add(cluster, "--preset", options->preset);
    flag_add(cluster, "--transport", options->transport);
    flag_add(cluster, "--threads", options->threads);
    for (int i = 0; i < extra_count; i++) {
        (void)json_array_append_new(cluster->flags, json_string(extra[i]));
    }
    cluster->count = (size_t)options->daemons;
    for (size_t i = 0; i < cluster->count; i++) {
        struct cluster_daemon *daemon = &cluster->daemons[i];
        *daemon = (struct cluster_daemon){.ready_fd = -1};
        snprintf(daemon->name, sizeof(daemon->name), "n%zu", i + 1);
        if (options->zones_count > 0) {
            snprintf(daemon->zone, sizeof(daemon->zone), "%s",
                     options->zones[i % options->zones_count]);
        }
    }
}

/* The directory is ours, locked, and no cluster runs in it; what an old one left is removed. */
static bool dir_prepare(struct cluster *cluster, char *reason_out) {
    char absolute[PATH_MAX];
    if (!private_dir_ensure(cluster->dir, reason_out, CLUSTER_REASON_BYTES)) {
        return false;
    }
    /* The longest name that goes in there is nNNN.sock. */
    if (realpath(cluster->dir, absolute) == NULL ||
        strlen(absolute) + sizeof("/n200.sock") > CONTROL_PATH_BYTES) {
        snprintf(reason_out, CLUSTER_REASON_BYTES,
                 "%s: its path is too long for sockets in it (at most %zu bytes)", cluster->dir,
                 CONTROL_PATH_BYTES - sizeof("/n200.sock"));
        return false;
    }
    memcpy(cluster->dir, absolute, strlen(absolute) + 1);
    if (!cluster_lock(cluster, reason_out)) {
        return false;
    }
    struct cluster *old = cluster_create(cluster->dir);
    if (old == NULL) {
        snprintf(reason_out, CLUSTER_REASON_BYTES, "out of memory");
        return false;
    }
    bool is_there = cluster_load(old, reason_out);
    size_t running = is_there ? cluster_running_count(old) : 0;
    if (running > 0) {
        snprintf(reason_out, CLUSTER_REASON_BYTES,
                 "a cluster runs in %s already (%zu daemons); `henge cluster down --dir %s` first",
                 cluster->dir, running, cluster->dir);
    } else if (is_there) {
        cluster_remove(old);
        /* The lock is on the directory itself, which the removal may have taken away. */
        close(cluster->lock_fd);
        cluster->lock_fd = -1;
        is_there = !private_dir_ensure(cluster->dir, reason_out, CLUSTER_REASON_BYTES) ||
                   !cluster_lock(cluster, reason_out);
    } else {
        is_there = reason_out[0] != '\0';
    }
    cluster_destroy(old);
    return !is_there;
}

static bool daemons_start(struct cluster *cluster, uint64_t deadline_ms, char *reason_out) {
    char key[CLUSTER_FILE_BYTES];
    struct cluster_row seed;
    snprintf(key, sizeof(key), "%s/key", cluster->dir);
    if (!keygen_write_file(key)) {
        snprintf(reason_out, CLUSTER_REASON_BYTES, "cannot write %s: %s", key, strerror(errno));
        return false;
    }
    if (!cluster_save(cluster, reason_out) ||
        !cluster_spawn(cluster, &cluster->daemons[0], "", reason_out) ||
        !cluster_wait_ready(cluster, deadline_ms, reason_out)) {
        return false;
    }
    cluster_row_ask(cluster, &cluster->daemons[0], &seed);
    if (!seed.is_answering) {
        snprintf(reason_out, CLUSTER_REASON_BYTES, "%s does not answer on its control socket",
                 cluster->daemons[0].name);
        cluster_log_tail(cluster, &cluster->daemons[0], stderr);
        return false;
    }
    for (size_t i = 1; i < cluster->count; i++) {
        if (cluster_is_interrupted ||
            !cluster_spawn(cluster, &cluster->daemons[i], seed.address, reason_out)) {
            return false;
        }
    }
    return cluster_wait_ready(cluster, deadline_ms, reason_out);
}

static int up_report(const struct cluster *cluster, const struct up_options *options,
                     const struct cluster_row *rows, uint64_t elapsed_ms) {
    if (options->common->as_json) {
        json_t *document = cluster_json(cluster, rows);
        json_put(document, "seconds", json_real((double)elapsed_ms / 1000.0));
        int code = henge_print_json(document);
        json_decref(document);
        return code;
    }
    (void)cluster_table_print(cluster, rows, stdout);
    printf("%zu daemons up in %.1f s: each sees all ALIVE, and all have one ring.\n",
           cluster->count, (double)elapsed_ms / 1000.0);
    printf("look:  henge -s %s/n1.sock members\nend:   henge cluster down --dir %s\n", cluster->dir,
           cluster->dir);
    return HENGE_EXIT_OK;
}

static int up_run(struct cluster *cluster, const struct up_options *options) {
    static struct cluster_row rows[CLUSTER_DAEMONS_MAX];
    char reason[CLUSTER_REASON_BYTES] = "";
    uint64_t begin_ms = clock_ms();
    uint64_t deadline_ms = begin_ms + (uint64_t)options->timeout_s * 1000;
    if (!dir_prepare(cluster, reason)) {
        return henge_fail("%s", reason);
    }
    bool is_good = daemons_start(cluster, deadline_ms, reason);
    if (is_good && !cluster_wait_agreed(cluster, deadline_ms, rows)) {
        if (!cluster_is_interrupted) {
            (void)cluster_table_print(cluster, rows, stderr);
            snprintf(reason, sizeof(reason), "the daemons do not agree in time");
        }
        is_good = false;
    }
    if (!is_good) {
        cluster_stop_all(cluster, FAILED_PATIENCE_MS);
        return henge_fail("%s; stopped again, the logs are in %s (`henge cluster down` removes "
                          "them)",
                          reason[0] != '\0' ? reason : "interrupted", cluster->dir);
    }
    int code = up_report(cluster, options, rows, clock_ms() - begin_ms);
    close(cluster->lock_fd);
    cluster->lock_fd = -1;
    if (options->with_watch && code == HENGE_EXIT_OK) {
        cluster_watch(cluster);
        printf("The cluster runs on.\n");
    }
    return code;
}

int cluster_up(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .options = up_list,
        .parser = up_parse,
        .args_doc = "[-- HENGED-FLAGS]",
        .doc = "Starts N daemons n1..nN on 127.0.0.1 and waits until all agree.\vPorts are chosen "
               "by the kernel; the others join n1. Files (key, sockets, logs, pids, data) lie in "
               "one private directory, which `henge cluster down` removes.",
        .children = henge_common_child};
    static char zone_a[] = "a", zone_b[] = "b", zone_c[] = "c";
    struct up_options options = {.common = common,
                                 .preset = "local",
                                 .zones = {zone_a, zone_b, zone_c},
                                 .zones_count = 3,
                                 .daemons = DEFAULT_DAEMONS,
                                 .timeout_s = DEFAULT_TIMEOUT_S};
    int own = 0; /* what stands before "--" */
    while (own < argc && strcmp(argv[own], "--") != 0) {
        own++;
    }
    henge_verb_parse(&argp, own, argv, &options);
    if (options.dir[0] == '\0' && !cluster_dir_default(options.dir)) {
        return henge_fail("the default directory's path is too long; give --dir");
    }
    struct cluster *cluster = cluster_create(options.dir);
    if (cluster == NULL) {
        return henge_fail("out of memory");
    }
    cluster_plan(cluster, &options, argc > own ? argc - own - 1 : 0, argv + own + 1);
    cluster_signals_catch();
    int code = up_run(cluster, &options);
    cluster_destroy(cluster);
    return code;
}
