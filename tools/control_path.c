/* control_path.c - see control_path.h. */
#include "tools/control_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *runtime_dir(void) {
    const char *dir = getenv("XDG_RUNTIME_DIR");
    return dir != NULL && dir[0] == '/' ? dir : NULL;
}

static bool fits(int printed) {
    return printed >= 0 && printed < CONTROL_PATH_BYTES;
}

bool control_path_default(const char *name, char path_out[CONTROL_PATH_BYTES]) {
    const char *dir = runtime_dir();
    if (dir != NULL) {
        return fits(snprintf(path_out, CONTROL_PATH_BYTES, "%s/henge-%s.sock", dir, name));
    }
    return fits(
        snprintf(path_out, CONTROL_PATH_BYTES, "/tmp/henge-%u/%s.sock", (unsigned)geteuid(), name));
}

bool cluster_dir_default(char path_out[CONTROL_PATH_BYTES]) {
    const char *dir = runtime_dir();
    if (dir != NULL) {
        return fits(snprintf(path_out, CONTROL_PATH_BYTES, "%s/henge", dir));
    }
    return fits(snprintf(path_out, CONTROL_PATH_BYTES, "/tmp/henge-%u", (unsigned)geteuid()));
}

bool private_dir_ensure(const char *path, char *reason_out, size_t reason_bytes) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        snprintf(reason_out, reason_bytes, "cannot make directory %s: %s", path, strerror(errno));
        return false;
    }
    struct stat info;
    if (lstat(path, &info) != 0) {
        snprintf(reason_out, reason_bytes, "cannot look at %s: %s", path, strerror(errno));
        return false;
    }
    /* /tmp is everybody's: someone else may have made the name first. */
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid()) {
        snprintf(reason_out, reason_bytes, "%s is not a directory of this user", path);
        return false;
    }
    if ((info.st_mode & 077) != 0) {
        snprintf(reason_out, reason_bytes, "%s may be entered by others (mode %o); chmod 700 it",
                 path, (unsigned)(info.st_mode & 0777));
        return false;
    }
    return true;
}

void host_name_get(char *name_out, size_t name_bytes) {
    if (name_bytes == 0) {
        return;
    }
    if (gethostname(name_out, name_bytes) != 0) {
        name_out[0] = '\0';
    }
    name_out[name_bytes - 1] = '\0';
}
