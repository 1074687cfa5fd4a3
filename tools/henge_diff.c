/* henge_diff.c - `henge ring --diff FROM TO`: what moves between two rings that were kept in files.
 */
#include "tools/henge_command.h"
#include "tools/henge_show.h"
#include "tools/json_tools.h"
#include "tools/ring_diff.h"
#include "tools/table.h"

#include <henge/config.h>
#include <henge/ring.h>

#include <inttypes.h>

/* "a -b c": the owners in order, those that are in the other list too without a sign. */
static void owners_cell(struct table *table, const json_t *range, const char *key,
                        const char *marked, char mark) {
    char text[HENGE_ROUTE_OWNERS_MAX * (HENGE_NAME_BYTES + 2)] = "";
    size_t bytes = 0;
    size_t place;
    json_t *owner;
    json_array_foreach(json_object_get(range, key), place, owner) {
        bool is_marked = false;
        size_t index;
        json_t *other;
        json_array_foreach(json_object_get(range, marked), index, other) {
            is_marked |= json_equal(owner, other);
        }
        const int more =
            snprintf(text + bytes, sizeof(text) - bytes, "%s%.*s%s", place == 0 ? "" : " ",
                     is_marked ? 1 : 0, &mark, json_string_value(owner));
        bytes += more > 0 && (size_t)more < sizeof(text) - bytes ? (size_t)more : 0;
    }
    table_cell(table, "%s", text);
}

static void side_print(const char *which, const json_t *side, FILE *out) {
    fprintf(out, "%s %s: fingerprint %s  %" PRId64 " members  %" PRId64 " points\n", which,
            json_text(side, "file", "?"), json_text(side, "ring_fingerprint", "?"),
            json_number(side, "members_count", 0), json_number(side, "points", 0));
}

void show_ring_diff(const json_t *document, FILE *out) {
    static const char *const headings[] = {"AFTER", "UNTIL", "OLD", "NEW", NULL};
    const json_t *ranges = json_object_get(document, "ranges");
    struct table *table = table_create(headings);
    if (table == NULL) {
        return;
    }
    size_t index;
    json_t *range;
    json_array_foreach(ranges, index, range) {
        table_cell(table, "%s", json_text(range, "after", "?"));
        table_cell(table, "%s", json_text(range, "until", "?"));
        owners_cell(table, range, "old", "lost", '-');
        owners_cell(table, range, "new", "gained", '+');
    }
    (void)table_print(table, out, colour_is_welcome(out));
    table_destroy(table);
    side_print("from", json_object_get(document, "from"), out);
    side_print("to", json_object_get(document, "to"), out);
    show_moved(document, out);
}

int henge_ring_diff_show(const struct henge_common *common, const char *from, const char *to,
                         size_t count) {
    struct ring_diff_reason reason = {""};
    json_t *document = ring_diff_json(from, to, count, &reason);
    if (document == NULL) {
        return henge_fail("%s", reason.text);
    }
    int code = HENGE_EXIT_OK;
    if (common->as_json) {
        code = henge_print_json(document);
    } else {
        show_ring_diff(document, stdout);
    }
    json_decref(document);
    return code;
}
