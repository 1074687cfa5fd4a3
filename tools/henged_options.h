/* henged_options.h - henged's settings: file, then HENGE_* environment, then flags; the last wins.
 *
 * The words are those of henge/config.h, read off henge_config_describe, plus henged's own:
 * control, log_level, log_format. `preset` is taken first, from whichever of the three says it
 * last, because setting it lays down the defaults that the other settings then change. `join` and
 * `meta` add up over the three. */
#ifndef TOOLS_HENGED_OPTIONS_H
#define TOOLS_HENGED_OPTIONS_H

#include "tools/control_path.h"

#include <henge/config.h>
#include <henge/runtime.h>
#include <stdbool.h>
#include <stdio.h>

struct henged_options {
    struct henge_config config;
    char control[CONTROL_PATH_BYTES]; /* path of the control socket */
    bool is_control_default;          /* nobody named one: its directory may have to be made */
    enum henge_log_level log_level;
    bool log_as_json;
    int ready_fd; /* -1: none */
    bool print_config;
};

enum {
    HENGED_GO_ON = -1, /* run with these options */
    HENGED_EXIT_OK = 0,
    HENGED_EXIT_FAILURE = 1,
    HENGED_EXIT_USAGE = 2
};

/* HENGED_GO_ON, or the exit code after everything wrong has been named on standard error. Not
 * thread-safe: takes HENGE_PRESET out of the environment. */
int henged_options_parse(int argc, char **argv, struct henged_options *options_out);

/* Prints the settings as a file that --config takes; secrets as a comment. */
void henged_options_print(const struct henged_options *options, FILE *out);

/* henged_file.c: the file of --config. Takes out henged's own settings and `preset` (given to
 * `take`, with the line number) and leaves the others, with the lines they stood on, for
 * henge_config_load in a file in memory. Returns its descriptor, or -1 with the reason. */
struct henged_file_hook {
    void *context;
    bool (*is_ours)(void *context, const char *key);
    void (*take)(void *context, const char *key, const char *value, unsigned line);
};
int henged_file_split(const char *path, const struct henged_file_hook *hook, char *reason_out,
                      size_t reason_bytes);

#endif
