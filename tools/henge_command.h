/* henge_command.h - what the verbs of `henge` share: options common to all, exit codes, help. */
#ifndef TOOLS_HENGE_COMMAND_H
#define TOOLS_HENGE_COMMAND_H

#include "tools/control_path.h"

#include <argp.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

enum { HENGE_EXIT_OK = 0, HENGE_EXIT_FAILURE = 1, HENGE_EXIT_USAGE = 2 };

/* Options that stand before or after the verb. */
struct henge_common {
    char control[CONTROL_PATH_BYTES]; /* -s, $HENGE_CONTROL, or the default path of this host */
    bool as_json;
};

/* One verb: argv[0] is its name. Returns an exit code. */
struct henge_verb {
    const char *name;
    const char *arguments; /* for the overview: "KEY [-n R]" */
    const char *summary;   /* one line */
    int (*run)(struct henge_common *common, int argc, char **argv);
};

/* An argp child that understands -s and --json; its input is a struct henge_common. */
extern const struct argp_child henge_common_child[2];

/* argp_parse for a verb: usage lines begin with "henge VERB", bad usage exits 2. `input` goes to
 * the parser; it must give `common` to its child in ARGP_KEY_INIT:
 * state->child_inputs[0] = common. */
void henge_verb_parse(const struct argp *argp, int argc, char **argv, void *input);

/* A whole number in [min, max], or a usage error that names `what`. */
long henge_number_parse(struct argp_state *state, const char *what, const char *text, long min,
                        long max);

/* "henge: ..." on standard error; returns HENGE_EXIT_FAILURE. */
__attribute__((format(printf, 1, 2))) int henge_fail(const char *format, ...);

/* Sends the request (taken over) to the daemon. NULL after the failure has been said; otherwise
 * the reply without its "ok". */
json_t *henge_ask(const struct henge_common *common, json_t *request, unsigned timeout_ms);

/* Prints one line of JSON; returns an exit code. */
int henge_print_json(const json_t *document);

/* `henge ring plan`: argv[0] is "plan". */
int henge_verb_ring_plan(struct henge_common *common, int argc, char **argv);

/* henge_diff.c: `henge ring --diff`. Returns an exit code. */
int henge_ring_diff_show(const struct henge_common *common, const char *from, const char *to,
                         size_t count);

/* henge_read.c, henge_ring.c and henge_act.c: the verbs. */
int henge_verb_members(struct henge_common *common, int argc, char **argv);
int henge_verb_info(struct henge_common *common, int argc, char **argv);
int henge_verb_lookup(struct henge_common *common, int argc, char **argv);
int henge_verb_ring(struct henge_common *common, int argc, char **argv);
int henge_verb_events(struct henge_common *common, int argc, char **argv);
int henge_verb_join(struct henge_common *common, int argc, char **argv);
int henge_verb_leave(struct henge_common *common, int argc, char **argv);
int henge_verb_set_metadata(struct henge_common *common, int argc, char **argv);
int henge_verb_set_weight(struct henge_common *common, int argc, char **argv);
int henge_verb_evict(struct henge_common *common, int argc, char **argv);
int henge_verb_drain(struct henge_common *common, int argc, char **argv);
int henge_verb_activate(struct henge_common *common, int argc, char **argv);
int henge_verb_keygen(struct henge_common *common, int argc, char **argv);
int henge_verb_cluster(struct henge_common *common, int argc, char **argv);
int henge_verb_sim(struct henge_common *common, int argc, char **argv);
int henge_verb_bench(struct henge_common *common, int argc, char **argv);

/* Where a program beside this one would be; false when that cannot be told. */
bool henge_sibling_path(const char *name, char path_out[PATH_MAX]);

#endif
