/* henged_flags.h - henged's command line, made from the table of henge_config_describe. */
#ifndef TOOLS_HENGED_FLAGS_H
#define TOOLS_HENGED_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

enum { FLAGS_MAX = 256 };

/* One --key VALUE, in the order given. `key` is the word of the configuration, not the flag's. */
struct henged_flag {
    const char *key;
    const char *value;
};

struct henged_flags {
    struct henged_flag flags[FLAGS_MAX];
    size_t count;
    const char *config_path; /* NULL: none */
    int ready_fd;
    bool print_config;
};

/* Reads the command line; the values point into argv. --help, --version and bad usage end the
 * process (0, 0 and 2), as argp does. */
void henged_flags_parse(int argc, char **argv, struct henged_flags *flags_out);

/* "probe.period_ms" -> "probe-period-ms" */
void henged_flag_name(const char *key, char *name_out, size_t name_bytes);

#endif
