/* henge_ring.c - `henge ring`: the daemon's ring, shown or kept in a file. */
#include "tools/henge_command.h"
#include "tools/henge_show.h"
#include "tools/json_tools.h"

#include <henge/ring.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING_TIMEOUT_MS = 10000, OWNERS_DEFAULT = 3 };

struct ring_options {
    struct henge_common *common;
    const char *from, *to; /* --diff */
    const char *save;
    long count; /* 0: not given */
    bool with_ranges;
};

/* What does not go together. */
static void options_check(const struct ring_options *options, struct argp_state *state) {
    const bool is_diff = options->from != NULL;
    if (is_diff && options->to == NULL) {
        argp_error(state, "--diff wants two files: FROM TO");
    } else if (is_diff && (options->save != NULL || options->with_ranges)) {
        argp_error(state, "--diff is of files: neither --save nor --ranges");
    } else if (!is_diff && options->count != 0) {
        argp_error(state, "-n goes with --diff");
    }
}

static error_t ring_parse(int key, char *argument, struct argp_state *state) {
    struct ring_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = options->common;
        return 0;
    case 'r':
        options->with_ranges = true;
        return 0;
    case 'w':
        options->save = argument;
        return 0;
    case 'd':
        options->from = argument;
        return 0;
    case 'n':
        options->count = henge_number_parse(state, "-n", argument, 1, HENGE_ROUTE_OWNERS_MAX);
        return 0;
    case ARGP_KEY_ARG:
        if (options->from == NULL || options->to != NULL) {
            argp_error(state, "unexpected argument: %s", argument);
            return EINVAL;
        }
        options->to = argument;
        return 0;
    case ARGP_KEY_END:
        options_check(options, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int digit_of(char digit) {
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                          : -1;
}

/* Hexadecimal digits as bytes, in place; false if they are not. */
static bool bytes_of_digits(char *text, size_t digits) {
    for (size_t i = 0; i + 1 < digits; i += 2) {
        const int high = digit_of(text[i]);
        const int low = digit_of(text[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        text[i / 2] = (char)(high << 4 | low);
    }
    return digits % 2 == 0;
}

/* The whole file or what was there before. */
static bool write_whole(const char *path, const char *bytes, size_t size) {
    char part[PATH_MAX];
    if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part)) {
        errno = ENAMETOOLONG;
        return false;
    }
    FILE *file = fopen(part, "wb");
    if (file == NULL) {
        return false;
    }
    const bool is_written = fwrite(bytes, 1, size, file) == size;
    return fclose(file) == 0 && is_written && rename(part, path) == 0;
}

static int save(const char *path, const json_t *reply) {
    char *bytes = strdup(json_text(reply, "saved", ""));
    const size_t digits = bytes == NULL ? 0 : strlen(bytes);
    int code = HENGE_EXIT_OK;
    if (digits == 0 || !bytes_of_digits(bytes, digits)) {
        code = henge_fail("the daemon sends no ring: it is too large");
    } else if (!write_whole(path, bytes, digits / 2)) {
        code = henge_fail("%s: %s", path, strerror(errno));
    }
    free(bytes);
    return code;
}

static int ask(const struct ring_options *options) {
    json_t *request = json_object();
    json_put_text(request, "verb", "ring");
    json_put_bool(request, "ranges", options->with_ranges);
    json_put_bool(request, "saved", options->save != NULL);
    json_t *reply = henge_ask(options->common, request, RING_TIMEOUT_MS);
    if (reply == NULL) {
        return HENGE_EXIT_FAILURE;
    }
    int code = options->save == NULL ? HENGE_EXIT_OK : save(options->save, reply);
    (void)json_object_del(reply, "saved");
    if (code == HENGE_EXIT_OK && options->common->as_json) {
        code = henge_print_json(reply);
    } else if (code == HENGE_EXIT_OK) {
        show_ring(reply, stdout);
    }
    json_decref(reply);
    return code;
}

int henge_verb_ring(struct henge_common *common, int argc, char **argv) {
    static const struct argp_option list[] = {
        {"ranges", 'r', NULL, 0, "List every range of the hash space and its owner", 0},
        {"save", 'w', "FILE", 0, "Keep the ring in a file, too", 0},
        {"diff", 'd', "FROM TO", 0,
         "Show what moves from the ring in one such file to that in another; no daemon is asked",
         0},
        {"count", 'n', "R", 0, "With --diff: owners of a key (1 to 8, default 3)", 0},
        {0}};
    static const struct argp argp = {
        .options = list,
        .parser = ring_parse,
        .doc = "Shows the share of the ring per member, the balance (largest share by the mean) "
               "and the ring's version and fingerprint. `henge ring plan --help`: what would move "
               "if members came or went.",
        .children = henge_common_child};
    if (argc > 1 && strcmp(argv[1], "plan") == 0) {
        return henge_verb_ring_plan(common, argc - 1, argv + 1);
    }
    struct ring_options options = {.common = common};
    henge_verb_parse(&argp, argc, argv, &options);
    if (options.from == NULL) {
        return ask(&options);
    }
    const long count = options.count == 0 ? OWNERS_DEFAULT : options.count;
    return henge_ring_diff_show(common, options.from, options.to, (size_t)count);
}
