/* henge_act.c - the verbs that change something: join, leave, set-meta, set-weight, evict, drain,
 * activate; and keygen. */
#include "tools/henge_command.h"
#include "tools/json_tools.h"
#include "tools/keygen.h"

#include <henge/config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACT_TIMEOUT_MS = 90000, WEIGHT_MAX = 100 };

struct act_options {
    struct henge_common *common;
    json_t *list;     /* join: addresses; set-meta: pairs */
    const char *name; /* evict */
    long weight;      /* -1: not said */
    long timeout_s;
    bool takes_nothing;
};

static void address_take(struct act_options *options, char *argument, struct argp_state *state) {
    char *address;
    while ((address = strsep(&argument, ",")) != NULL) {
        if (address[0] == '\0' || strchr(address, ':') == NULL) {
            argp_error(state, "an address is HOST:PORT, not \"%s\"", address);
        }
        if (json_array_size(options->list) == HENGE_SEEDS_MAX) {
            argp_error(state, "more than %d addresses", HENGE_SEEDS_MAX);
        }
        (void)json_array_append_new(options->list, json_string(address));
    }
}

static void pair_take(struct act_options *options, char *argument, struct argp_state *state) {
    char *equals = strchr(argument, '=');
    if (equals == NULL || equals == argument) {
        argp_error(state, "a pair is KEY=VALUE, not \"%s\"", argument);
        return;
    }
    *equals = '\0';
    json_t *value = equals[1] != '\0' ? json_string(equals + 1) : json_null();
    if (value == NULL || json_object_set_new(options->list, argument, value) != 0) {
        argp_error(state, "%s: not UTF-8", argument);
    }
}

static error_t act_parse(int key, char *argument, struct argp_state *state) {
    struct act_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = options->common;
        return 0;
    case 't':
        options->timeout_s = henge_number_parse(state, "--timeout", argument, 1, 60);
        return 0;
    case ARGP_KEY_ARG:
        if (options->takes_nothing || (options->list == NULL && options->weight >= 0)) {
            argp_error(state, "unexpected argument: %s", argument);
        } else if (options->list == NULL) {
            options->weight = henge_number_parse(state, "the weight", argument, 0, WEIGHT_MAX);
        } else if (json_is_array(options->list)) {
            address_take(options, argument, state);
        } else {
            pair_take(options, argument, state);
        }
        return 0;
    case ARGP_KEY_NO_ARGS:
        if (!options->takes_nothing) {
            argp_error(state, "an argument is missing");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Asks, and says what happened: `text` with the node's name before it. */
static int act(const struct henge_common *common, const struct act_options *options,
               json_t *request, const char *verb, const char *text) {
    json_put_text(request, "verb", verb);
    if (options->timeout_s > 0) {
        json_put_u64(request, "timeout_ms", (uint64_t)options->timeout_s * 1000);
    }
    json_t *reply = henge_ask(common, request, ACT_TIMEOUT_MS);
    if (reply == NULL) {
        return HENGE_EXIT_FAILURE;
    }
    int code = HENGE_EXIT_OK;
    if (common->as_json) {
        code = henge_print_json(reply);
    } else {
        printf("%s %s (incarnation %" PRId64 ".%" PRId64 ", %" PRId64 " alive)\n",
               json_text(reply, "name", "?"), text, json_number(reply, "generation", 0),
               json_number(reply, "version", 0), json_number(reply, "members_alive", 0));
    }
    json_decref(reply);
    return code;
}

static const struct argp_option timeout_option[] = {
    {"timeout", 't', "SECONDS", 0, "Wait at most so long (1 to 60; default 5)", 0}, {0}};

int henge_verb_join(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .options = timeout_option,
        .parser = act_parse,
        .args_doc = "HOST:PORT...",
        .doc = "Makes the daemon join a cluster through one of these members. Waits for the first "
               "answer.",
        .children = henge_common_child};
    struct act_options options = {.common = common, .list = json_array(), .weight = -1};
    henge_verb_parse(&argp, argc, argv, &options);
    json_t *request = json_object();
    json_put(request, "addresses", options.list);
    return act(common, &options, request, "join", "has joined");
}

int henge_verb_leave(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .options = timeout_option,
        .parser = act_parse,
        .doc = "Makes the daemon leave its cluster. The daemon runs on, and `henge join` brings it "
               "back as a new generation.",
        .children = henge_common_child};
    struct act_options options = {.common = common, .weight = -1, .takes_nothing = true};
    henge_verb_parse(&argp, argc, argv, &options);
    return act(common, &options, json_object(), "leave", "has left");
}

int henge_verb_set_metadata(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .parser = act_parse,
        .args_doc = "KEY=VALUE...",
        .doc = "Changes the node's metadata; KEY= removes a pair. The keys role, region and zone "
               "set those fields.",
        .children = henge_common_child};
    struct act_options options = {.common = common, .list = json_object(), .weight = -1};
    henge_verb_parse(&argp, argc, argv, &options);
    json_t *request = json_object();
    json_put(request, "pairs", options.list);
    return act(common, &options, request, "set-meta", "has new metadata");
}

int henge_verb_set_weight(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .parser = act_parse,
        .args_doc = "N",
        .doc = "Changes the node's weight, 0 to 100: it multiplies the virtual nodes; 0 owns "
               "nothing.",
        .children = henge_common_child};
    struct act_options options = {.common = common, .weight = -1};
    henge_verb_parse(&argp, argc, argv, &options);
    json_t *request = json_object();
    json_put_u64(request, "weight", (uint64_t)options.weight);
    return act(common, &options, request, "set-weight", "has a new weight");
}

/* argp's type. NOLINTNEXTLINE(readability-non-const-parameter) */
static error_t evict_parse(int key, char *argument, struct argp_state *state) {
    struct act_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = options->common;
        return 0;
    case ARGP_KEY_ARG:
        if (options->name != NULL) {
            argp_error(state, "one member only");
        }
        options->name = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which member?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int henge_verb_evict(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .parser = evict_parse,
        .args_doc = "NAME",
        .doc =
            "Ends the present life of another member, dead or alive: all take it out at once. One "
            "that lives falls silent, until `henge join` brings it back as a new generation.",
        .children = henge_common_child};
    struct act_options options = {.common = common, .weight = -1};
    henge_verb_parse(&argp, argc, argv, &options);
    json_t *name = json_string(options.name);
    if (name == NULL) {
        (void)henge_fail("the name is not UTF-8");
        return HENGE_EXIT_USAGE;
    }
    json_t *request = json_object();
    json_put(request, "name", name);
    char text[128];
    snprintf(text, sizeof(text), "has evicted %.63s", options.name);
    return act(common, &options, request, "evict", text);
}

int henge_verb_drain(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .parser = act_parse,
        .doc = "Tells all members that this node is about to go: its ring state is \"draining\". "
               "It keeps its keys until it leaves; `henge activate` takes it back.",
        .children = henge_common_child};
    struct act_options options = {.common = common, .weight = -1, .takes_nothing = true};
    henge_verb_parse(&argp, argc, argv, &options);
    return act(common, &options, json_object(), "drain", "is draining");
}

int henge_verb_activate(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .parser = act_parse,
        .doc = "Makes the node's ring state \"active\" again, after `henge drain`.",
        .children = henge_common_child};
    struct act_options options = {.common = common, .weight = -1, .takes_nothing = true};
    henge_verb_parse(&argp, argc, argv, &options);
    return act(common, &options, json_object(), "activate", "is active");
}

int henge_verb_keygen(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .parser = act_parse,
        .doc = "Prints a fresh key file (key and ring salt) for `henged --key-file`. One per "
               "cluster, the same on every node: `umask 077; henge keygen > cluster.key`.",
        .children = henge_common_child};
    struct act_options options = {.common = common, .weight = -1, .takes_nothing = true};
    henge_verb_parse(&argp, argc, argv, &options);
    if (!keygen_write(stdout)) {
        return henge_fail("cannot write a key: %s", strerror(errno));
    }
    return HENGE_EXIT_OK;
}
