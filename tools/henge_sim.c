/* henge_sim.c - `henge sim`: the simulator is a program of its own, henge-sim, since it looks into
 * the library; this one speaks to daemons only. */
#include "tools/henge_command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int henge_verb_sim(struct henge_common *common, int argc, char **argv) {
    char path[PATH_MAX];
    (void)common;
    (void)argc;
    if (henge_sibling_path("henge-sim", path)) {
        execv(path, argv);
    }
    execvp("henge-sim", argv);
    return henge_fail("henge-sim is neither beside this program nor in PATH: %s", strerror(errno));
}
