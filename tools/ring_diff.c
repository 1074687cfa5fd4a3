/* ring_diff.c - see ring_diff.h. */
#include "tools/ring_diff.h"
#include "tools/json_tools.h"

#include <henge/ring.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES_MIN = 64 * 1024 };

__attribute__((format(printf, 2, 3))) static bool refuse(struct ring_diff_reason *reason,
                                                         const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason->text, sizeof(reason->text), format, arguments);
    va_end(arguments);
    return false;
}

/* All there is, up to one byte more than a ring can have. NULL: no memory. */
static char *read_all(FILE *file, size_t *bytes_out) {
    size_t room = 0;
    size_t bytes = 0;
    char *buffer = NULL;
    while (bytes == room && room <= RING_FILE_BYTES_MAX) {
        room = room == 0 ? READ_BYTES_MIN : 2 * room;
        char *bigger = realloc(buffer, room);
        if (bigger == NULL) {
            free(buffer);
            return NULL;
        }
        buffer = bigger;
        bytes += fread(buffer + bytes, 1, room - bytes, file);
    }
    *bytes_out = bytes;
    return buffer;
}

/* The ring in the file; NULL with the reason. */
static struct henge_ring *ring_read(const char *path, struct ring_diff_reason *reason) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        refuse(reason, "%.300s: %s", path, strerror(errno));
        return NULL;
    }
    size_t size = 0;
    char *bytes = read_all(file, &size);
    const bool is_read = !ferror(file);
    fclose(file);
    struct henge_ring *ring = NULL;
    if (!is_read) {
        refuse(reason, "%.300s: cannot be read", path);
    } else if (bytes == NULL) {
        refuse(reason, "%.300s: out of memory", path);
    } else {
        const enum henge_status status = henge_ring_load(NULL, bytes, size, &ring);
        if (status != HENGE_OK) {
            refuse(reason, "%.300s: not a saved ring: %s", path, henge_status_text(status));
        }
    }
    free(bytes);
    return ring;
}

/* Those of the owners whose bit is set, by name. */
static json_t *names_json(const struct henge_ring *ring, const uint16_t *slots, uint32_t count,
                          uint32_t bits) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        if ((bits & 1u << i) != 0) {
            json_append_text(list, henge_ring_name(ring, slots[i]));
        }
    }
    return list;
}

static json_t *move_json(const struct henge_ring *from, const struct henge_ring *to,
                         const struct henge_ring_move *move) {
    json_t *object = json_object();
    json_put_hex(object, "after", move->after);
    json_put_hex(object, "until", move->until);
    json_put(object, "old", names_json(from, move->old_slots, move->old_count, UINT32_MAX));
    json_put(object, "new", names_json(to, move->new_slots, move->new_count, UINT32_MAX));
    json_put(object, "lost", names_json(from, move->old_slots, move->old_count, move->lost));
    json_put(object, "gained", names_json(to, move->new_slots, move->new_count, move->gained));
    return object;
}

static json_t *side_json(const char *path, const struct henge_ring *ring) {
    json_t *object = json_object();
    json_put_text(object, "file", path);
    json_put_hex(object, "ring_fingerprint", henge_ring_fingerprint(ring));
    json_put_u64(object, "members_count", henge_ring_members_count(ring));
    json_put_u64(object, "points", henge_ring_points_count(ring));
    return object;
}

static json_t *ranges_json(const struct henge_ring *from, const struct henge_ring *to,
                           size_t count) {
    json_t *ranges = json_array();
    struct henge_ring_diff_cursor cursor;
    struct henge_ring_move move;
    if (henge_ring_diff_begin(from, to, count, &cursor) == HENGE_OK) {
        while (henge_ring_diff_next(&cursor, &move) == HENGE_OK) {
            (void)json_array_append_new(ranges, move_json(from, to, &move));
        }
    }
    return ranges;
}

static json_t *compare(const struct henge_ring *from, const struct henge_ring *to, size_t count,
                       struct ring_diff_reason *reason) {
    struct henge_ring_diff_sum primaries;
    struct henge_ring_diff_sum lists;
    if (henge_ring_diff(from, to, 1, NULL, 0, &primaries) != HENGE_OK ||
        henge_ring_diff(from, to, count, NULL, 0, &lists) != HENGE_OK) {
        refuse(reason, "a key has 1 to %d owners", HENGE_ROUTE_OWNERS_MAX);
        return NULL;
    }
    json_t *document = json_object();
    json_put_u64(document, "count", count);
    json_put(document, "moved", json_real(primaries.share));
    json_put(document, "lists_moved", json_real(lists.share));
    json_put(document, "copies", json_real(lists.copies));
    json_put_u64(document, "moves", lists.moves);
    json_put(document, "ranges", ranges_json(from, to, count));
    return document;
}

json_t *ring_diff_json(const char *from, const char *to, size_t count,
                       struct ring_diff_reason *reason_out) {
    struct henge_ring *old_ring = ring_read(from, reason_out);
    struct henge_ring *new_ring = old_ring == NULL ? NULL : ring_read(to, reason_out);
    json_t *document = NULL;
    if (new_ring != NULL) {
        document = compare(old_ring, new_ring, count, reason_out);
        json_put(document, "from", side_json(from, old_ring));
        json_put(document, "to", side_json(to, new_ring));
    }
    henge_ring_destroy(old_ring);
    henge_ring_destroy(new_ring);
    return document;
}
