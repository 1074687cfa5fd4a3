/* core/runtime/place_file.c - see place_file.h. */
#include "core/runtime/place_file.h"
#include "core/runtime/replace_file.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 2 * HENGE_RING_CHOICES_BYTES + 1 /* newline */ };

static const char digits[] = "0123456789abcdef";

/* -1: no digit. */
static int digit_of(char character) {
    const char *digit = character == '\0' ? NULL : strchr(digits, character);
    return digit ? (int)(digit - digits) : -1;
}

/* One line of whole bytes, and nothing behind it. A record says 0 at the end of choices by silence.
 */
static bool parse(const char *text, size_t bytes, struct place *place) {
    if (bytes == 0 || text[bytes - 1] != '\n' || bytes % 2 == 0) {
        return false;
    }
    for (size_t i = 0; i + 1 < bytes; i += 2) {
        const int upper = digit_of(text[i]);
        const int lower = digit_of(text[i + 1]);
        if (upper < 0 || lower < 0) {
            return false;
        }
        place->choices[place->choices_bytes++] = (uint8_t)(upper << 4 | lower);
    }
    return place->choices_bytes == 0 || place->choices[place->choices_bytes - 1] != 0;
}

enum henge_status place_file_read(const char *directory, const char *name,
                                  struct place *place_out) {
    char path[REPLACE_PATH_BYTES];
    char text[TEXT_BYTES + 1]; /* one more, to see that there is more */
    *place_out = (struct place){.is_taken = false};
    snprintf(path, sizeof(path), "%s/%s.place", directory, name);
    FILE *file = fopen(path, "re");
    if (!file) {
        return errno == ENOENT ? HENGE_OK : HENGE_SYSTEM;
    }
    const size_t bytes = fread(text, 1, sizeof(text), file);
    const bool is_bad = ferror(file) != 0;
    fclose(file);
    if (is_bad) {
        return HENGE_SYSTEM;
    }
    if (bytes > TEXT_BYTES || !parse(text, bytes, place_out)) {
        *place_out = (struct place){.is_taken = false};
        return HENGE_CORRUPT;
    }
    place_out->is_taken = true;
    return HENGE_OK;
}

enum henge_status place_file_write(const char *directory, const char *name,
                                   const struct place *place) {
    char path[REPLACE_PATH_BYTES];
    char text[TEXT_BYTES];
    size_t bytes = 0;
    for (uint32_t i = 0; i < place->choices_bytes; i++) {
        text[bytes++] = digits[place->choices[i] >> 4];
        text[bytes++] = digits[place->choices[i] & 15];
    }
    text[bytes++] = '\n';
    snprintf(path, sizeof(path), "%s/%s.place", directory, name);
    return replace_file(path, text, bytes) ? HENGE_OK : HENGE_SYSTEM;
}
