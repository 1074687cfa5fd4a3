/* henge_cluster.c - `henge cluster`: its sub-verbs, and all of them but `up` (cluster_up.c). */
#include "tools/cluster.h"
#include "tools/clock_ms.h"
#include "tools/json_tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    DOWN_PATIENCE_MS = 10000, /* a leave may take 5 s */
    GONE_PATIENCE_MS = 10000,
    START_PATIENCE_MS = 60000,
    JOIN_BYTES = HENGE_SEEDS_MAX * HENGE_ADDRESS_TEXT_BYTES
};

struct cluster_options {
    struct henge_common *common;
    char dir[CONTROL_PATH_BYTES];
    const char *name; /* kill, stop, start */
    bool wants_name, with_watch;
};

static error_t options_parse(int key, char *argument, struct argp_state *state) {
    struct cluster_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = options->common;
        return 0;
    case 'd':
        if (snprintf(options->dir, sizeof(options->dir), "%s", argument) >=
            (int)sizeof(options->dir)) {
            argp_error(state, "--dir is longer than %zu bytes", sizeof(options->dir) - 1);
        }
        return 0;
    case 'f':
        options->with_watch = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!options->wants_name || options->name != NULL) {
            argp_error(state, "unexpected argument: %s", argument);
        }
        options->name = argument;
        return 0;
    case ARGP_KEY_END:
        if (options->wants_name && options->name == NULL) {
            argp_error(state, "which daemon?");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

#define DIR_OPTION                                                                                 \
    { "dir", 'd', "DIR", 0, "The cluster's directory (default as in `henge cluster up`)", 1 }

static const struct argp_option dir_list[] = {DIR_OPTION, {0}};
static const struct argp_option status_list[] = {
    DIR_OPTION, {"watch", 'f', NULL, 0, "Show a live table until interrupted", 1}, {0}};

/* Parses, then loads the cluster. NULL: *code_out is what to exit with. */
static struct cluster *cluster_open(const struct argp *argp, struct cluster_options *options,
                                    int argc, char **argv, bool with_lock, int *code_out) {
    char reason[CLUSTER_REASON_BYTES] = "";
    henge_verb_parse(argp, argc, argv, options);
    if (options->dir[0] == '\0' && !cluster_dir_default(options->dir)) {
        *code_out = henge_fail("the default directory's path is too long; give --dir");
        return NULL;
    }
    struct cluster *cluster = cluster_create(options->dir);
    *code_out = HENGE_EXIT_OK;
    if (cluster == NULL) {
        *code_out = henge_fail("out of memory");
    } else if (!cluster_load(cluster, reason)) {
        *code_out = reason[0] != '\0' ? henge_fail("%s", reason) : HENGE_EXIT_OK;
    } else if (!with_lock || cluster_lock(cluster, reason)) {
        return cluster;
    } else {
        *code_out = henge_fail("%s", reason);
    }
    cluster_destroy(cluster);
    return NULL;
}

/* The same, for verbs to which "no cluster" is a failure. */
static struct cluster *cluster_require(const struct argp *argp, struct cluster_options *options,
                                       int argc, char **argv, bool with_lock, int *code_out) {
    struct cluster *cluster = cluster_open(argp, options, argc, argv, with_lock, code_out);
    if (cluster == NULL && *code_out == HENGE_EXIT_OK) {
        *code_out = henge_fail("there is no cluster in %s", options->dir);
    }
    return cluster;
}

static int cluster_down(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .options = dir_list,
        .parser = options_parse,
        .doc = "Stops the daemons (SIGTERM, then SIGKILL for those that stay) and removes the "
               "cluster's files. Without a cluster there is nothing to do, which is no failure.",
        .children = henge_common_child};
    struct cluster_options options = {.common = common};
    int code;
    struct cluster *cluster = cluster_open(&argp, &options, argc, argv, true, &code);
    if (cluster == NULL) {
        if (code == HENGE_EXIT_OK && !common->as_json) {
            printf("no cluster in %s\n", options.dir);
        }
        return code;
    }
    size_t running = cluster_running_count(cluster);
    cluster_stop_all(cluster, DOWN_PATIENCE_MS);
    size_t left = cluster_running_count(cluster);
    if (left > 0) {
        code = henge_fail("%zu daemons could not be stopped", left);
    } else {
        cluster_remove(cluster);
        if (!common->as_json) {
            printf("%zu daemons stopped, %s cleaned\n", running, cluster->dir);
        }
    }
    cluster_destroy(cluster);
    return code;
}

static int cluster_status(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .options = status_list,
        .parser = options_parse,
        .doc = "Shows what each daemon of the local cluster sees. Exit code 1 without a cluster.",
        .children = henge_common_child};
    static struct cluster_row rows[CLUSTER_DAEMONS_MAX];
    struct cluster_options options = {.common = common};
    int code;
    struct cluster *cluster = cluster_require(&argp, &options, argc, argv, false, &code);
    if (cluster == NULL) {
        return code;
    }
    if (options.with_watch) {
        cluster_signals_catch();
        cluster_watch(cluster);
        cluster_destroy(cluster);
        return HENGE_EXIT_OK;
    }
    cluster_rows_ask(cluster, rows);
    if (common->as_json) {
        json_t *document = cluster_json(cluster, rows);
        code = henge_print_json(document);
        json_decref(document);
    } else {
        (void)cluster_table_print(cluster, rows, stdout);
        printf("%s\n", cluster_is_agreed(cluster, rows)
                           ? "All running daemons see each other ALIVE and have one ring."
                           : "The running daemons do not agree (yet).");
    }
    cluster_destroy(cluster);
    return code;
}

/* Says what became of one daemon. */
static int one_report(const struct henge_common *common, const struct cluster_daemon *daemon,
                      const char *what) {
    if (common->as_json) {
        json_t *document = json_object();
        json_put_text(document, "name", daemon->name);
        json_put_text(document, "done", what);
        json_put_u64(document, "pid", (uint64_t)daemon->pid);
        int code = henge_print_json(document);
        json_decref(document);
        return code;
    }
    printf("%s (pid %jd) %s\n", daemon->name, (intmax_t)daemon->pid, what);
    return HENGE_EXIT_OK;
}

/* The daemon named on the command line, which must run or must not. NULL after complaining. */
static struct cluster_daemon *daemon_require(struct cluster *cluster, const char *name,
                                             bool must_run) {
    struct cluster_daemon *daemon = cluster_find(cluster, name);
    if (daemon == NULL) {
        (void)henge_fail("there is no daemon %s in %s", name, cluster->dir);
        return NULL;
    }
    if (cluster_is_running(daemon) != must_run) {
        (void)henge_fail("%s %s", name, must_run ? "does not run" : "runs already");
        return NULL;
    }
    return daemon;
}

static int signal_one(struct henge_common *common, const struct argp *argp, int argc, char **argv,
                      int signal, const char *what) {
    struct cluster_options options = {.common = common, .wants_name = true};
    int code;
    struct cluster *cluster = cluster_require(argp, &options, argc, argv, true, &code);
    if (cluster == NULL) {
        return code;
    }
    struct cluster_daemon *daemon = daemon_require(cluster, options.name, true);
    code = HENGE_EXIT_FAILURE;
    if (daemon != NULL) {
        (void)kill(daemon->pid, signal);
        (void)kill(daemon->pid, SIGCONT);
        code = cluster_wait_gone(daemon, clock_ms() + GONE_PATIENCE_MS)
                   ? one_report(common, daemon, what)
                   : henge_fail("%s is still there", daemon->name);
    }
    cluster_destroy(cluster);
    return code;
}

static int cluster_kill(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {.options = dir_list,
                                     .parser = options_parse,
                                     .args_doc = "NAME",
                                     .doc = "Kills one daemon (SIGKILL), as a crash would.",
                                     .children = henge_common_child};
    return signal_one(common, &argp, argc, argv, SIGKILL, "killed");
}

static int cluster_stop(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .options = dir_list,
        .parser = options_parse,
        .args_doc = "NAME",
        .doc = "Stops one daemon in order (SIGTERM): it leaves the cluster first.",
        .children = henge_common_child};
    return signal_one(common, &argp, argc, argv, SIGTERM, "has left and ended");
}

/* The addresses of the daemons that answer, as henged's --join takes them. */
static void seeds_gather(const struct cluster *cluster, char join_out[JOIN_BYTES]) {
    size_t used = 0;
    size_t seeds = 0;
    join_out[0] = '\0';
    for (size_t i = 0; i < cluster->count && seeds < HENGE_SEEDS_MAX; i++) {
        struct cluster_row row;
        cluster_row_ask(cluster, &cluster->daemons[i], &row);
        if (row.is_answering) {
            used += (size_t)snprintf(join_out + used, JOIN_BYTES - used, "%s%s",
                                     seeds > 0 ? "," : "", row.address);
            seeds++;
        }
    }
}

static int start_run(struct cluster *cluster, struct cluster_daemon *daemon,
                     const struct henge_common *common) {
    static struct cluster_row rows[CLUSTER_DAEMONS_MAX];
    char join[JOIN_BYTES];
    char reason[CLUSTER_REASON_BYTES] = "";
    uint64_t deadline_ms = clock_ms() + START_PATIENCE_MS;
    seeds_gather(cluster, join);
    cluster_signals_catch();
    if (!cluster_spawn(cluster, daemon, join, reason) ||
        !cluster_wait_ready(cluster, deadline_ms, reason)) {
        (void)kill(daemon->pid, SIGKILL);
        return henge_fail("%s", reason);
    }
    if (!cluster_wait_agreed(cluster, deadline_ms, rows)) {
        (void)cluster_table_print(cluster, rows, stderr);
        return henge_fail("%s is up, but the daemons do not agree (yet)", daemon->name);
    }
    return one_report(common, daemon, "is up, and all agree");
}

static int cluster_start(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .options = dir_list,
        .parser = options_parse,
        .args_doc = "NAME",
        .doc = "Starts a daemon that was stopped or killed: the same name and data directory, "
               "another port. Waits until all agree.",
        .children = henge_common_child};
    struct cluster_options options = {.common = common, .wants_name = true};
    int code;
    struct cluster *cluster = cluster_require(&argp, &options, argc, argv, true, &code);
    if (cluster == NULL) {
        return code;
    }
    struct cluster_daemon *daemon = daemon_require(cluster, options.name, false);
    code = daemon != NULL ? start_run(cluster, daemon, common) : HENGE_EXIT_FAILURE;
    cluster_destroy(cluster);
    return code;
}

static const struct henge_verb cluster_verbs[] = {
    {"up", "[-n N] [OPTIONS]", "start N daemons and wait until they agree", cluster_up},
    {"down", "", "stop them and remove their files", cluster_down},
    {"status", "[--watch]", "what each of them sees", cluster_status},
    {"kill", "NAME", "kill one, as a crash would", cluster_kill},
    {"stop", "NAME", "let one leave and end", cluster_stop},
    {"start", "NAME", "start one again", cluster_start},
};
enum { CLUSTER_VERBS = sizeof(cluster_verbs) / sizeof(cluster_verbs[0]) };

static void cluster_help(FILE *out) {
    fputs("Usage: henge cluster VERB [OPTIONS]\n\nA real cluster of daemons on this machine.\n\n",
          out);
    for (size_t i = 0; i < CLUSTER_VERBS; i++) {
        fprintf(out, "  %-7s %-17s  %s\n", cluster_verbs[i].name, cluster_verbs[i].arguments,
                cluster_verbs[i].summary);
    }
    fputs("\n`henge cluster VERB --help` tells more. All take --dir DIR.\n", out);
}

int henge_verb_cluster(struct henge_common *common, int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-?") == 0) {
        cluster_help(stdout);
        return HENGE_EXIT_OK;
    }
    for (size_t i = 0; i < CLUSTER_VERBS; i++) {
        if (strcmp(cluster_verbs[i].name, name) == 0) {
            static char full[32];
            snprintf(full, sizeof(full), "cluster %s", name);
            argv[1] = full; /* "henge cluster up" in usage lines */
            return cluster_verbs[i].run(common, argc - 1, argv + 1);
        }
    }
    (void)henge_fail("cluster: %s%s", name[0] != '\0' ? "unknown verb: " : "which verb?", name);
    cluster_help(stderr);
    return HENGE_EXIT_USAGE;
}
