/* henge_bench.c - `henge bench NAME`: the measuring programs of bench/, which look into the library
 * and are programs of their own, as the simulator is. */
#include "tools/henge_command.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    const char *question;
} benches[] = {
    {"lookup", "what it costs to ask the ring for the owner of a key"},
    {"ring_change", "what it costs to bring a ring up to date"},
    {"balance", "how even a ring is, and what changes move"},
    {"swap", "what readers notice while the ring under them is swapped"},
    {"queue", "what it costs to hand a message from one thread to another"},
    {"seal", "what encryption and authentication cost a packet"},
    {"cluster", "what N nodes cost, and how fast they find out"},
};
enum { BENCHES = sizeof(benches) / sizeof(benches[0]) };

static void print_help(FILE *out) {
    fputs("Usage: henge bench NAME [OPTIONS]\n"
          "Measures this machine: a table with goals and how to read it, or --json.\n"
          "`henge bench NAME --help` tells the options.\n\n",
          out);
    for (size_t i = 0; i < BENCHES; i++) {
        fprintf(out, "  %-12s %s\n", benches[i].name, benches[i].question);
    }
}

static int which(const char *problem) {
    char names[256];
    size_t used = 0;
    for (size_t i = 0; i < BENCHES; i++) {
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i == 0 ? "" : ", ",
                                 benches[i].name);
    }
    (void)henge_fail("bench: %s (%s)", problem, names);
    return HENGE_EXIT_USAGE;
}

static bool is_bench(const char *name) {
    for (size_t i = 0; i < BENCHES; i++) {
        if (strcmp(benches[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Beside this program where it is installed, in bench/ where it was built, or in PATH. */
static int run(const char *name, char **argv) {
    char program[64];
    char path[PATH_MAX];
    snprintf(program, sizeof(program), "henge-bench-%s", name);
    if (henge_sibling_path(program, path)) {
        execv(path, argv);
    }
    snprintf(program, sizeof(program), "../bench/bench_%s", name);
    if (henge_sibling_path(program, path)) {
        execv(path, argv);
    }
    snprintf(program, sizeof(program), "henge-bench-%s", name);
    execvp(program, argv);
    return henge_fail("%s is neither beside this program nor in PATH: %s", program,
                      strerror(errno));
}

int henge_verb_bench(struct henge_common *common, int argc, char **argv) {
    (void)common;
    if (argc < 2) {
        return which("which?");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        print_help(stdout);
        return 0;
    }
    if (!is_bench(argv[1])) {
        char problem[96];
        snprintf(problem, sizeof(problem), "unknown: %s", argv[1]);
        return which(problem);
    }
    return run(argv[1], argv + 1);
}
