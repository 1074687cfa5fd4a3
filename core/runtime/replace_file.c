/* core/runtime/replace_file.c - see replace_file.h. */
#include "core/runtime/replace_file.h"
#include <stdio.h>
#include <unistd.h>

bool replace_file(const char *path, const char *text, size_t bytes) {
    char beside[REPLACE_PATH_BYTES + 8];
    snprintf(beside, sizeof(beside), "%s.new", path);
    FILE *file = fopen(beside, "we");
    if (!file) {
        return false;
    }
    bool is_good =
        fwrite(text, 1, bytes, file) == bytes && fflush(file) == 0 && fsync(fileno(file)) == 0;
    is_good = fclose(file) == 0 && is_good;
    if (!is_good || rename(beside, path) != 0) {
        unlink(beside);
        return false;
    }
    return true;
}
