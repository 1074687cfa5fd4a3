/* henge_plan.c - `henge ring plan`: what would move if members came, went or weighed otherwise. */
#include "tools/henge_command.h"
#include "tools/henge_show.h"
#include "tools/json_tools.h"
#include "tools/table.h"

#include <henge/ring.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_TIMEOUT_MS = 60000, PLAN_WEIGHT_MAX = 100 };

struct plan_options {
    struct henge_common *common;
    json_t *add, *remove, *weights;
    long count;
};

/* Cuts the text at the first of the separators; what follows, or NULL. */
static char *cut(char *text, char separator) {
    char *at = strchr(text, separator);
    if (at == NULL) {
        return NULL;
    }
    *at = '\0';
    return at + 1;
}

/* NAME[:zone[:weight]] */
static void add_parse(struct plan_options *options, char *text, struct argp_state *state) {
    char *zone = cut(text, ':');
    const char *weight = zone == NULL ? NULL : cut(zone, ':');
    json_t *entry = json_object();
    json_put_text(entry, "name", text);
    json_put_text(entry, "zone", zone == NULL ? "" : zone);
    json_put_u64(entry, "weight",
                 weight == NULL ? 1
                                : (uint64_t)henge_number_parse(state, "the weight", weight, 0,
                                                               PLAN_WEIGHT_MAX));
    (void)json_array_append_new(options->add, entry);
}

/* NAME=W */
static void weight_parse(struct plan_options *options, char *text, struct argp_state *state) {
    const char *weight = cut(text, '=');
    if (weight == NULL) {
        argp_error(state, "--weight wants NAME=W, not \"%s\"", text);
        return;
    }
    json_t *entry = json_object();
    json_put_text(entry, "name", text);
    json_put_u64(entry, "weight",
                 (uint64_t)henge_number_parse(state, "the weight", weight, 0, PLAN_WEIGHT_MAX));
    (void)json_array_append_new(options->weights, entry);
}

static error_t plan_parse(int key, char *argument, struct argp_state *state) {
    struct plan_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = options->common;
        return 0;
    case 'a':
        add_parse(options, argument, state);
        return 0;
    case 'r':
        if (json_array_append_new(options->remove, json_string(argument)) != 0) {
            argp_error(state, "a name is UTF-8 text");
        }
        return 0;
    case 'w':
        weight_parse(options, argument, state);
        return 0;
    case 'n':
        options->count = henge_number_parse(state, "-n", argument, 1, HENGE_ROUTE_OWNERS_MAX);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s", argument);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Two columns: before and after. */
static void percent_cells(struct table *table, const json_t *member, const char *what) {
    char key[32];
    snprintf(key, sizeof(key), "%s_before", what);
    const double before = json_fraction(member, key, 0) * 100;
    snprintf(key, sizeof(key), "%s_after", what);
    table_cell(table, "%.2f", before);
    table_cell(table, "%.2f", json_fraction(member, key, 0) * 100);
}

static void side_print(const char *when, const json_t *side, FILE *out) {
    const int64_t owners = json_number(side, "owners_per_key", 0);
    const int64_t zones = json_number(side, "zones_per_key", 0);
    fprintf(out,
            "%s: fingerprint %s  %" PRId64 " members  balance %.3f, replicas %.3f  each key has "
            "%" PRId64 " owners in %" PRId64 " zones%s\n",
            when, json_text(side, "ring_fingerprint", "?"), json_number(side, "members_count", 0),
            json_fraction(side, "balance", 0), json_fraction(side, "replica_balance", 0), owners,
            zones, zones < owners ? ": TOO FEW ZONES" : "");
}

void show_moved(const json_t *document, FILE *out) {
    fprintf(out,
            "%.2f %% of the keys move to another first owner; %.2f %% of one copy of all data is "
            "to be copied, in %" PRId64 " moves\n",
            json_fraction(document, "moved", 0) * 100, json_fraction(document, "copies", 0) * 100,
            json_number(document, "moves", 0));
}

void show_plan(const json_t *document, FILE *out) {
    static const char *const headings[] = {"NAME",   "ZONE",      ">WEIGHT", ">AFTER", ">SHARE %",
                                           ">AFTER", ">COPIES %", ">AFTER",  NULL};
    struct table *table = table_create(headings);
    if (table == NULL) {
        return;
    }
    size_t index;
    json_t *member;
    json_array_foreach(json_object_get(document, "members"), index, member) {
        table_cell(table, "%s", json_text(member, "name", "?"));
        table_cell(table, "%s", json_text(member, "zone", ""));
        table_cell(table, "%" PRId64, json_number(member, "weight_before", 0));
        table_cell(table, "%" PRId64, json_number(member, "weight_after", 0));
        percent_cells(table, member, "share");
        percent_cells(table, member, "replicas");
    }
    (void)table_print(table, out, colour_is_welcome(out));
    table_destroy(table);
    side_print("before", json_object_get(document, "before"), out);
    side_print("after", json_object_get(document, "after"), out);
    show_moved(document, out);
}

int henge_verb_ring_plan(struct henge_common *common, int argc, char **argv) {
    static const struct argp_option list[] = {
        {"add", 'a', "NAME[:ZONE[:WEIGHT]]", 0, "A member comes", 0},
        {"remove", 'r', "NAME", 0, "A member goes", 0},
        {"weight", 'w', "NAME=W", 0, "A member's weight changes", 0},
        {"count", 'n', "R", 0, "Owners of a key (1 to 8, default 3)", 0},
        {0}};
    static const struct argp argp = {
        .options = list,
        .parser = plan_parse,
        .doc = "Shows what would move if members came, went or weighed otherwise: before anything "
               "happens. Changes may be given together.",
        .children = henge_common_child};
    static char name[] = "ring plan";
    struct plan_options options = {.common = common,
                                   .add = json_array(),
                                   .remove = json_array(),
                                   .weights = json_array(),
                                   .count = 3};
    argv[0] = name;
    henge_verb_parse(&argp, argc, argv, &options);
    json_t *request = json_object();
    json_put_text(request, "verb", "plan");
    json_put_u64(request, "count", (uint64_t)options.count);
    json_put(request, "add", options.add);
    json_put(request, "remove", options.remove);
    json_put(request, "weights", options.weights);
    json_t *reply = henge_ask(common, request, PLAN_TIMEOUT_MS);
    if (reply == NULL) {
        return HENGE_EXIT_FAILURE;
    }
    int code = HENGE_EXIT_OK;
    if (common->as_json) {
        code = henge_print_json(reply);
    } else {
        show_plan(reply, stdout);
    }
    json_decref(reply);
    return code;
}
