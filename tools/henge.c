/* henge.c - the command: options before the verb, the table of verbs, and what they share. */
#include "tools/henge_command.h"
#include "tools/control_client.h"
#include "tools/json_tools.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct henge_verb verbs[] = {
    {"members", "", "the members: address, status, zone, incarnation", henge_verb_members},
    {"info", "", "this daemon: view, ring, agreement, counters", henge_verb_info},
    {"lookup", "KEY [-n R]", "the owners of a key", henge_verb_lookup},
    {"ring", "[--ranges]", "share of the ring per member, balance", henge_verb_ring},
    {"events", "[--follow]", "what happened in the cluster", henge_verb_events},
    {"join", "ADDR...", "join a cluster through these seeds", henge_verb_join},
    {"leave", "", "leave the cluster; the daemon runs on", henge_verb_leave},
    {"set-meta", "KEY=VALUE...", "change metadata; KEY= removes", henge_verb_set_metadata},
    {"set-weight", "N", "change the node's weight on the ring", henge_verb_set_weight},
    {"keygen", "", "print a fresh key file", henge_verb_keygen},
    {"cluster", "VERB", "a real cluster on this machine", henge_verb_cluster},
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

int henge_fail(const char *format, ...) {
    va_list arguments;
    fflush(stdout);
    fputs("henge: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return HENGE_EXIT_FAILURE;
}

int henge_print_json(const json_t *document) {
    size_t bytes = 0;
    char *line = json_line(document, &bytes);
    if (line == NULL) {
        return henge_fail("out of memory");
    }
    bool is_written = fwrite(line, 1, bytes, stdout) == bytes && fflush(stdout) == 0;
    free(line);
    return is_written ? HENGE_EXIT_OK : HENGE_EXIT_FAILURE;
}

json_t *henge_ask(const struct henge_common *common, json_t *request, unsigned timeout_ms) {
    char reason[512];
    json_t *reply =
        control_client_ask(common->control, request, timeout_ms, reason, sizeof(reason));
    json_decref(request);
    if (reply == NULL) {
        (void)henge_fail("%s", reason);
        return NULL;
    }
    if (!json_flag(reply, "ok")) {
        (void)henge_fail("%s", json_text(reply, "error", "the daemon refused without a reason"));
        json_decref(reply);
        return NULL;
    }
    (void)json_object_del(reply, "ok");
    return reply;
}

long henge_number_parse(struct argp_state *state, const char *what, const char *text, long min,
                        long max) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < min || number > max) {
        argp_error(state, "%s must be a number from %ld to %ld, not \"%s\"", what, min, max, text);
        return min;
    }
    return number;
}

static error_t common_parse(int key, char *argument, struct argp_state *state) {
    struct henge_common *common = state->input;
    switch (key) {
    case 's':
        if (snprintf(common->control, sizeof(common->control), "%s", argument) >=
            (int)sizeof(common->control)) {
            argp_error(state, "the path of -s is longer than %zu bytes",
                       sizeof(common->control) - 1);
        }
        return 0;
    case 'j':
        common->as_json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option common_options[] = {
    {"control", 's', "PATH", 0, "Control socket of the daemon (or $HENGE_CONTROL)", -2},
    {"json", 'j', NULL, 0, "Print JSON", -2},
    {0}};
static const struct argp common_argp = {.options = common_options, .parser = common_parse};
const struct argp_child henge_common_child[2] = {{.argp = &common_argp}, {0}};

void henge_verb_parse(const struct argp *argp, int argc, char **argv, void *input) {
    static char name[64];
    snprintf(name, sizeof(name), "henge %s", argv[0]);
    argv[0] = name; /* argp's usage lines begin with it */
    error_t error = argp_parse(argp, argc, argv, 0, NULL, input);
    if (error != 0) {
        fprintf(stderr, "henge: %s\n", strerror(error));
        exit(HENGE_EXIT_USAGE);
    }
}

struct front {
    struct henge_common common;
    const struct henge_verb *verb;
    int verb_index; /* in argv */
};

static error_t front_parse(int key, char *argument, struct argp_state *state) {
    struct front *front = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &front->common;
        return 0;
    case ARGP_KEY_ARG:
        for (size_t i = 0; i < VERBS; i++) {
            if (strcmp(verbs[i].name, argument) == 0) {
                front->verb = &verbs[i];
                front->verb_index = state->next - 1;
                state->next = state->argc; /* the rest is the verb's */
                return 0;
            }
        }
        argp_error(state, "unknown verb: %s", argument);
        return EINVAL;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which verb?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The list of verbs behind the options in --help. */
static char *help_filter(int key, const char *text, void *input) {
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC) {
        return (char *)(uintptr_t)text;
    }
    char *list = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&list, &bytes);
    if (out == NULL) {
        return NULL;
    }
    fputs("Verbs (`henge VERB --help` tells more):\n", out);
    for (size_t i = 0; i < VERBS; i++) {
        fprintf(out, "  %-10s %-12s  %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
    }
    fputs("\nExit codes: 0 done, 1 no daemon or refused by it, 2 bad usage.", out);
    fclose(out);
    return list;
}

int main(int argc, char **argv) {
    struct front front = {0};
    static const struct argp argp = {.parser = front_parse,
                                     .args_doc = "VERB [ARGUMENTS]",
                                     .doc = "Speaks to a henge daemon, or runs a local cluster.\v",
                                     .children = henge_common_child,
                                     .help_filter = help_filter};
    /* Assigned, not defined: a definition of ours would be hidden from libc's argp. */
    argp_program_version = "henge " HENGE_VERSION;
    argp_err_exit_status = HENGE_EXIT_USAGE;
    const char *control = getenv("HENGE_CONTROL");
    char host[65] = "";
    host_name_get(host, sizeof(host));
    if (control != NULL && control[0] != '\0') {
        if (strlen(control) >= sizeof(front.common.control)) {
            (void)henge_fail("HENGE_CONTROL is longer than %zu bytes",
                             sizeof(front.common.control) - 1);
            return HENGE_EXIT_USAGE;
        }
        memcpy(front.common.control, control, strlen(control) + 1);
    } else if (!control_path_default(host, front.common.control)) {
        front.common.control[0] = '\0'; /* connecting will say so */
    }
    error_t error = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &front);
    if (error != 0 || front.verb == NULL) {
        return HENGE_EXIT_USAGE;
    }
    int from = front.verb_index;
    return front.verb->run(&front.common, argc - from, argv + from);
}
