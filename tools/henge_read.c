/* henge_read.c - the verbs that look: members, info, lookup, events. */
#include "tools/control_client.h"
#include "tools/henge_command.h"
#include "tools/henge_show.h"
#include "tools/json_tools.h"

#include <henge/ring.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { READ_TIMEOUT_MS = 10000 };

/* What a reading verb may be told. */
struct read_options {
    struct henge_common *common;
    const char *key;
    long count;
    bool is_following, is_explained;
};

static error_t plain_parse(int key, char *argument, struct argp_state *state) {
    struct read_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = options->common;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s", argument);
        return EINVAL;
    case 'f':
        options->is_following = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static json_t *request_for(const char *verb) {
    json_t *request = json_object();
    json_put_text(request, "verb", verb);
    return request;
}

/* Asks and prints: the same for every verb with one reply. */
static int ask_and_show(const struct henge_common *common, json_t *request,
                        void (*show)(const json_t *document, FILE *out)) {
    json_t *reply = henge_ask(common, request, READ_TIMEOUT_MS);
    if (reply == NULL) {
        return HENGE_EXIT_FAILURE;
    }
    int code = HENGE_EXIT_OK;
    if (common->as_json) {
        code = henge_print_json(reply);
    } else {
        show(reply, stdout);
    }
    json_decref(reply);
    return code;
}

int henge_verb_members(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .parser = plain_parse,
        .doc = "Lists the members as this daemon sees them: ALIVE and SUSPECT ones, and DEAD and "
               "LEFT ones while they are remembered.",
        .children = henge_common_child};
    struct read_options options = {.common = common};
    henge_verb_parse(&argp, argc, argv, &options);
    return ask_and_show(common, request_for("members"), show_members);
}

int henge_verb_info(struct henge_common *common, int argc, char **argv) {
    static const struct argp argp = {
        .parser = plain_parse,
        .doc = "Shows the daemon's own record, its view and ring, its agreement with the others, "
               "the transport in use, and all counters.",
        .children = henge_common_child};
    struct read_options options = {.common = common};
    henge_verb_parse(&argp, argc, argv, &options);
    return ask_and_show(common, request_for("info"), show_info);
}

static error_t lookup_parse(int key, char *argument, struct argp_state *state) {
    struct read_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = options->common;
        return 0;
    case 'n':
        options->count = henge_number_parse(state, "-n", argument, 1, HENGE_ROUTE_OWNERS_MAX);
        return 0;
    case 'e':
        options->is_explained = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->key != NULL) {
            argp_error(state, "one key only");
        }
        options->key = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which key?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int henge_verb_lookup(struct henge_common *common, int argc, char **argv) {
    static const struct argp_option list[] = {
        {"count", 'n', "R", 0, "Show R owners (1 to 8), in order of preference", 0},
        {"explain", 'e', NULL, 0, "Show the walk over the ring that finds them", 0},
        {0}};
    static const struct argp argp = {
        .options = list,
        .parser = lookup_parse,
        .args_doc = "KEY",
        .doc = "Shows who owns KEY (UTF-8 text) on the ring, one owner per zone as long as there "
               "are zones.",
        .children = henge_common_child};
    struct read_options options = {.common = common, .count = 1};
    henge_verb_parse(&argp, argc, argv, &options);
    json_t *key = json_string(options.key);
    if (key == NULL) {
        (void)henge_fail("the key is not UTF-8");
        return HENGE_EXIT_USAGE;
    }
    json_t *request = request_for("lookup");
    json_put(request, "key", key);
    json_put_u64(request, "count", (uint64_t)options.count);
    json_put_bool(request, "explain", options.is_explained);
    return ask_and_show(common, request, show_lookup);
}

static int event_print(const struct henge_common *common, const json_t *event) {
    if (common->as_json) {
        return henge_print_json(event);
    }
    show_event(event, stdout);
    return fflush(stdout) == 0 ? HENGE_EXIT_OK : HENGE_EXIT_FAILURE;
}

static int events_recent(const struct henge_common *common) {
    json_t *reply = henge_ask(common, request_for("events"), READ_TIMEOUT_MS);
    if (reply == NULL) {
        return HENGE_EXIT_FAILURE;
    }
    size_t index;
    json_t *event;
    int code = HENGE_EXIT_OK;
    json_array_foreach(json_object_get(reply, "events"), index, event) {
        code = event_print(common, event);
        if (code != HENGE_EXIT_OK) {
            break;
        }
    }
    json_decref(reply);
    return code;
}

static int events_follow(const struct henge_common *common) {
    char reason[512];
    json_t *request = request_for("events");
    json_put_bool(request, "follow", true);
    struct control_client *client =
        control_client_open(common->control, request, READ_TIMEOUT_MS, reason, sizeof(reason));
    json_decref(request);
    if (client == NULL) {
        return henge_fail("%s", reason);
    }
    json_t *line = control_client_next(client, reason, sizeof(reason));
    int code = HENGE_EXIT_OK;
    if (line != NULL && !json_flag(line, "ok")) {
        code = henge_fail("%s", json_text(line, "error", "refused"));
        json_decref(line);
        control_client_close(client);
        return code;
    }
    control_client_wait_forever(client);
    while (line != NULL && code == HENGE_EXIT_OK) {
        json_decref(line);
        line = control_client_next(client, reason, sizeof(reason));
        code = line != NULL ? event_print(common, line) : HENGE_EXIT_OK;
    }
    json_decref(line);
    control_client_close(client);
    if (code != HENGE_EXIT_OK) {
        return code; /* nobody reads our output any more */
    }
    return henge_fail("%s", reason[0] != '\0' ? reason : "the daemon has gone");
}

int henge_verb_events(struct henge_common *common, int argc, char **argv) {
    static const struct argp_option list[] = {
        {"follow", 'f', NULL, 0, "Go on with each event as it happens, until interrupted", 0}, {0}};
    static const struct argp argp = {
        .options = list,
        .parser = plain_parse,
        .doc = "Prints the last 1024 events, one per line; with --follow those from now on. Exit "
               "code 1 when a followed daemon ends.",
        .children = henge_common_child};
    struct read_options options = {.common = common};
    henge_verb_parse(&argp, argc, argv, &options);
    return options.is_following ? events_follow(common) : events_recent(common);
}
