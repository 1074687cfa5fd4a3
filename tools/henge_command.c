/* henge_command.c - see henge_command.h. */
#include "tools/henge_command.h"
#include "tools/control_client.h"
#include "tools/json_tools.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

bool henge_sibling_path(const char *name, char path_out[PATH_MAX]) {
    ssize_t bytes = readlink("/proc/self/exe", path_out, PATH_MAX - 1);
    if (bytes <= 0) {
        return false;
    }
    path_out[bytes] = '\0';
    char *slash = strrchr(path_out, '/');
    if (slash == NULL || (size_t)(slash + 1 - path_out) + strlen(name) >= PATH_MAX) {
        return false;
    }
    memcpy(slash + 1, name, strlen(name) + 1);
    return true;
}
