/* core/runtime/generation_file.c - see generation_file.h. */
#include "core/runtime/generation_file.h"
#include "core/runtime/replace_file.h"
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum henge_status generation_file_read(const char *directory, const char *name,
                                       uint64_t *generation_out) {
    char path[REPLACE_PATH_BYTES];
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
    if (!is_read || text[0] < '0' || text[0] > '9' || generation >= UINT64_MAX / 2 ||
        (*end != '\n' && *end != '\0') || errno != 0) {
        return HENGE_CORRUPT;
    }
    *generation_out = generation;
    return HENGE_OK;
}

enum henge_status generation_file_write(const char *directory, const char *name,
                                        uint64_t generation) {
    char path[REPLACE_PATH_BYTES];
    char text[32];
    snprintf(path, sizeof(path), "%s/%s.generation", directory, name);
    int bytes = snprintf(text, sizeof(text), "%" PRIu64 "\n", generation);
    return replace_file(path, text, (size_t)bytes) ? HENGE_OK : HENGE_SYSTEM;
}
