/* core/runtime/generation_file.c - see generation_file.h. */
#include "core/runtime/generation_file.h"
#include "henge/config.h"
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_ROOM = HENGE_PATH_BYTES + HENGE_NAME_BYTES + 32 };

enum henge_status generation_file_read(const char *directory, const char *name,
                                       uint64_t *generation_out) {
    char path[PATH_ROOM];
    char text[32] = "";
    *generation_out = 0;
    snprintf(path, sizeof(path), "%s/%s.generation", directory, name);
    FILE *file = fopen(path, "re");
    if (!file) {
        return errno == ENOENT ? HENGE_OK : HENGE_SYSTEM;
    }
    bool is_read = fgets(text, sizeof(text), file) != NULL;
    fclose(file);
    char *end = text;
    errno = 0;
    uint64_t generation = strtoull(text, &end, 10);
    if (!is_read || end == text || (*end != '\n' && *end != '\0') || errno != 0) {
        return HENGE_CORRUPT;
    }
    *generation_out = generation;
    return HENGE_OK;
}

enum henge_status generation_file_write(const char *directory, const char *name,
                                        uint64_t generation) {
    char path[PATH_ROOM];
    char beside[PATH_ROOM + 8];
    snprintf(path, sizeof(path), "%s/%s.generation", directory, name);
    snprintf(beside, sizeof(beside), "%s.new", path);
    FILE *file = fopen(beside, "we");
    if (!file) {
        return HENGE_SYSTEM;
    }
    bool is_good = fprintf(file, "%" PRIu64 "\n", generation) > 0 && fflush(file) == 0 &&
                   fsync(fileno(file)) == 0;
    is_good = fclose(file) == 0 && is_good;
    if (!is_good || rename(beside, path) != 0) {
        unlink(beside);
        return HENGE_SYSTEM;
    }
    return HENGE_OK;
}
