/* henge.c - the command: options before the verb, and the table of verbs. */
#include "tools/henge_command.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct henge_verb verbs[] = {
    {"members", "", "the members: address, status, zone, incarnation", henge_verb_members},
    {"info", "", "this daemon: view, ring, agreement, counters", henge_verb_info},
    {"lookup", "KEY [-n R]", "the owners of a key; --explain: why", henge_verb_lookup},
    {"ring", "[--ranges]", "share of the ring per member; ring plan: what if", henge_verb_ring},
    {"events", "[--follow]", "what happened in the cluster", henge_verb_events},
    {"join", "ADDR...", "join a cluster through these seeds", henge_verb_join},
    {"leave", "", "leave the cluster; the daemon runs on", henge_verb_leave},
    {"set-meta", "KEY=VALUE...", "change metadata; KEY= removes", henge_verb_set_metadata},
    {"set-weight", "N", "change the node's weight on the ring", henge_verb_set_weight},
    {"evict", "NAME", "end another member's present life", henge_verb_evict},
    {"drain", "", "announce that this node is about to go", henge_verb_drain},
    {"activate", "", "take that back", henge_verb_activate},
    {"keygen", "", "print a fresh key file", henge_verb_keygen},
    {"cluster", "VERB", "a real cluster on this machine", henge_verb_cluster},
    {"sim", "[OPTIONS]", "simulated clusters: any size, any fault", henge_verb_sim},
    {"bench", "NAME", "measure this machine: lookup, swap, ...", henge_verb_bench},
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

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
