/* core/runtime/peers_file.c - see peers_file.h. */
#include "core/runtime/peers_file.h"
#include "core/runtime/replace_file.h"
#include "henge/config.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char head[] = "# henge peers\n";

enum { TEXT_BYTES = (int)sizeof(head) + PEERS_FILE_MAX * HENGE_ADDRESS_TEXT_BYTES };

/* Cuts the line off the text; NULL when no whole one is left. */
static char *line_next(char **text) {
    char *line = *text;
    char *end = strchr(line, '\n');
    if (!end) {
        return NULL;
    }
    *end = '\0';
    *text = end + 1;
    return line;
}

/* Every line an address, every address with a port, and nothing after the last newline. */
static bool parse(char *text, struct henge_address *peers, uint32_t *count_out) {
    uint32_t count = 0;
    if (strncmp(text, head, sizeof(head) - 1) != 0) {
        return false;
    }
    text += sizeof(head) - 1;
    for (char *line; (line = line_next(&text)) != NULL; count++) {
        if (count == PEERS_FILE_MAX || henge_address_parse(line, &peers[count]) != HENGE_OK ||
            peers[count].port == 0) {
            return false;
        }
    }
    *count_out = count;
    return *text == '\0';
}

enum henge_status peers_file_read(const char *directory, const char *name,
                                  struct henge_address peers_out[PEERS_FILE_MAX],
                                  uint32_t *count_out) {
    char path[REPLACE_PATH_BYTES];
    char text[TEXT_BYTES + 1];
    *count_out = 0;
    snprintf(path, sizeof(path), "%s/%s.peers", directory, name);
    FILE *file = fopen(path, "re");
    if (!file) {
        return errno == ENOENT ? HENGE_OK : HENGE_SYSTEM;
    }
    size_t bytes = fread(text, 1, TEXT_BYTES, file);
    bool is_whole = feof(file) != 0 && memchr(text, '\0', bytes) == NULL;
    bool is_bad = ferror(file) != 0;
    fclose(file);
    if (is_bad) {
        return HENGE_SYSTEM;
    }
    text[bytes] = '\0';
    return is_whole && parse(text, peers_out, count_out) ? HENGE_OK : HENGE_CORRUPT;
}

enum henge_status peers_file_write(const char *directory, const char *name,
                                   const struct henge_address *peers, uint32_t count) {
    char path[REPLACE_PATH_BYTES];
    char text[TEXT_BYTES + 1];
    size_t used = (size_t)snprintf(text, sizeof(text), "%s", head);
    for (uint32_t index = 0; index < count && index < PEERS_FILE_MAX; index++) {
        char address[HENGE_ADDRESS_TEXT_BYTES];
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n",
                                 henge_address_format(&peers[index], address));
    }
    snprintf(path, sizeof(path), "%s/%s.peers", directory, name);
    return replace_file(path, text, used) ? HENGE_OK : HENGE_SYSTEM;
}
