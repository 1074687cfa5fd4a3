/* henge_sim.c - `henge sim`: the simulator is a program of its own, henge-sim, since it looks into
 * the library; this one speaks to daemons only. */
#include "tools/henge_command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Beside this program; false when that cannot be told. */
static bool sibling_path(const char *name, char path_out[PATH_MAX]) {
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

int henge_verb_sim(struct henge_common *common, int argc, char **argv) {
    char path[PATH_MAX];
    (void)common;
    (void)argc;
    if (sibling_path("henge-sim", path)) {
        execv(path, argv);
    }
    execvp("henge-sim", argv);
    return henge_fail("henge-sim is neither beside this program nor in PATH: %s", strerror(errno));
}
