/* henge_show.c - see henge_show.h. */
#include "tools/henge_show.h"
#include "tools/json_tools.h"
#include "tools/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXT_BYTES = 64 };

static void table_finish(struct table *table, FILE *out) {
    (void)table_print(table, out, colour_is_welcome(out));
    table_destroy(table);
}

/* "-", "830 us", "1.2 ms" */
static const char *rtt_text(int64_t rtt_us, char text_out[TEXT_BYTES]) {
    if (rtt_us <= 0) {
        return "-";
    }
    if (rtt_us < 1000) {
        snprintf(text_out, TEXT_BYTES, "%" PRId64 " us", rtt_us);
    } else {
        snprintf(text_out, TEXT_BYTES, "%.1f ms", (double)rtt_us / 1000.0);
    }
    return text_out;
}

/* How long ago: "self", "never", "120 ms", "4.5 s", "12 min" */
static const char *seen_text(const json_t *member, bool is_self, char text_out[TEXT_BYTES]) {
    if (is_self) {
        return "self";
    }
    if (!json_is_integer(json_object_get(member, "last_seen_ms"))) {
        return "never";
    }
    int64_t ms = json_number(member, "last_seen_ms", 0);
    if (ms < 1000) {
        snprintf(text_out, TEXT_BYTES, "%" PRId64 " ms", ms);
    } else if (ms < 120000) {
        snprintf(text_out, TEXT_BYTES, "%.1f s", (double)ms / 1000.0);
    } else {
        snprintf(text_out, TEXT_BYTES, "%" PRId64 " min", ms / 60000);
    }
    return text_out;
}

void show_members(const json_t *document, FILE *out) {
    static const char *const headings[] = {"NAME", "ADDRESS",     "STATUS", "RING",  "ZONE",
                                           "ROLE", "INCARNATION", ">RTT",   ">SEEN", NULL};
    const json_t *members = json_object_get(document, "members");
    const char *self = json_text(document, "self", "");
    struct table *table = table_create(headings);
    if (table == NULL) {
        return;
    }
    size_t index;
    json_t *member;
    json_array_foreach(members, index, member) {
        char rtt[TEXT_BYTES];
        char seen[TEXT_BYTES];
        const char *name = json_text(member, "name", "?");
        table_cell(table, "%s", name);
        table_cell(table, "%s", json_text(member, "address", "?"));
        table_cell(table, "%s", json_text(member, "status", "?"));
        table_cell(table, "%s", json_text(member, "ring_state", "?"));
        table_cell(table, "%s", json_text(member, "zone", ""));
        table_cell(table, "%s", json_text(member, "role", ""));
        table_cell(table, "%" PRId64 ".%" PRId64, json_number(member, "generation", 0),
                   json_number(member, "version", 0));
        table_cell(table, "%s", rtt_text(json_number(member, "rtt_us", 0), rtt));
        table_cell(table, "%s", seen_text(member, strcmp(name, self) == 0, seen));
    }
    table_finish(table, out);
    fprintf(out, "%zu members in view %" PRId64 " of %s\n", json_array_size(members),
            json_number(document, "view", 0), self);
}

/* Any JSON value that info holds, as one word or line. */
static void value_print(const json_t *value, FILE *out) {
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        fputs(text[0] != '\0' ? text : "-", out);
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));
    fputs(text != NULL ? text : "?", out);
    free(text);
}

void show_info(const json_t *document, FILE *out) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)document, key, value) {
        fprintf(out, "%-24s  ", key);
        value_print(value, out);
        fputc('\n', out);
    }
}

static void explanation_print(const json_t *explain, FILE *out) {
    static const char *const headings[] = {">RANGE", "UNTIL", "OWNER", "ZONE", "VERDICT", NULL};
    fprintf(out, "range %" PRId64 " of %" PRId64 ": hashes behind %s up to %s\n",
            json_number(explain, "range", 0), json_number(explain, "ranges_count", 0),
            json_text(explain, "after", "?"), json_text(explain, "until", "?"));
    struct table *table = table_create(headings);
    if (table == NULL) {
        return;
    }
    size_t index;
    json_t *step;
    json_array_foreach(json_object_get(explain, "walk"), index, step) {
        table_cell(table, "%" PRId64, json_number(step, "range", 0));
        table_cell(table, "%s", json_text(step, "until", "?"));
        table_cell(table, "%s", json_text(step, "name", "?"));
        table_cell(table, "%s", json_text(step, "zone", ""));
        table_cell(table, "%s", json_text(step, "verdict", "?"));
    }
    table_finish(table, out);
    if (json_flag(explain, "is_cut")) {
        fputs("... and on\n", out);
    }
}

void show_lookup(const json_t *document, FILE *out) {
    static const char *const headings[] = {">#", "OWNER", "ADDRESS", "ZONE", "UP", NULL};
    const json_t *owners = json_object_get(document, "owners");
    fprintf(out, "key %s  hash %s  ring version %" PRId64 "  fingerprint %s\n",
            json_text(document, "key", "?"), json_text(document, "hash", "?"),
            json_number(document, "ring_version", 0), json_text(document, "ring_fingerprint", "?"));
    if (json_array_size(owners) == 0) {
        fputs("nobody owns it: no member is in the ring\n", out);
        return;
    }
    struct table *table = table_create(headings);
    if (table == NULL) {
        return;
    }
    size_t index;
    json_t *owner;
    json_array_foreach(owners, index, owner) {
        table_cell(table, "%zu", index + 1);
        table_cell(table, "%s", json_text(owner, "name", "?"));
        table_cell(table, "%s", json_text(owner, "address", "?"));
        table_cell(table, "%s", json_text(owner, "zone", ""));
        table_cell(table, "%s%s", json_flag(owner, "up") ? "up" : "down",
                   json_flag(owner, "leaving") ? ", leaving" : "");
    }
    table_finish(table, out);
    json_array_foreach(json_object_get(document, "pending"), index, owner) {
        const char *replaced = json_text(owner, "replaces", "");
        fprintf(out, "pending: %s at %s, %s%s\n", json_text(owner, "name", "?"),
                json_text(owner, "address", "?"),
                *replaced != '\0' ? "takes the place of " : "in a new place", replaced);
    }
    const json_t *explain = json_object_get(document, "explain");
    if (explain != NULL) {
        explanation_print(explain, out);
    }
}

static void ranges_print(const json_t *ranges, FILE *out) {
    static const char *const headings[] = {"AFTER", "UNTIL", "OWNER", NULL};
    struct table *table = table_create(headings);
    if (table == NULL) {
        return;
    }
    size_t index;
    json_t *range;
    json_array_foreach(ranges, index, range) {
        table_cell(table, "%s", json_text(range, "after", "?"));
        table_cell(table, "%s", json_text(range, "until", "?"));
        table_cell(table, "%s", json_text(range, "owner", "?"));
    }
    fputc('\n', out);
    table_finish(table, out);
}

void show_ring(const json_t *document, FILE *out) {
    static const char *const headings[] = {"NAME", "ZONE", ">WEIGHT", ">POINTS", ">SHARE %", NULL};
    const json_t *members = json_object_get(document, "members");
    struct table *table = table_create(headings);
    if (table == NULL) {
        return;
    }
    size_t index;
    json_t *member;
    json_array_foreach(members, index, member) {
        table_cell(table, "%s", json_text(member, "name", "?"));
        table_cell(table, "%s", json_text(member, "zone", ""));
        table_cell(table, "%" PRId64, json_number(member, "weight", 0));
        table_cell(table, "%" PRId64, json_number(member, "points", 0));
        table_cell(table, "%.2f", json_fraction(member, "share", 0) * 100.0);
    }
    table_finish(table, out);
    fprintf(out,
            "ring version %" PRId64 "  fingerprint %s  %" PRId64 " points  balance (max/mean) "
            "%.3f\n",
            json_number(document, "ring_version", 0), json_text(document, "ring_fingerprint", "?"),
            json_number(document, "points", 0), json_fraction(document, "balance", 0));
    const json_t *ranges = json_object_get(document, "ranges");
    if (ranges != NULL) {
        ranges_print(ranges, out);
    }
}

void show_event(const json_t *event, FILE *out) {
    int64_t time_ms = json_number(event, "time_ms", 0);
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char clock[16] = "";
    if (localtime_r(&seconds, &parts) != NULL) {
        (void)strftime(clock, sizeof(clock), "%H:%M:%S", &parts);
    }
    const char *type = json_text(event, "event", "?");
    fprintf(out, "%s.%03d  %6" PRId64 "  %-16s", clock, (int)(time_ms % 1000),
            json_number(event, "number", 0), type);
    if (strcmp(type, "topology-changed") == 0) {
        fprintf(out, "  ring %" PRId64 " -> %" PRId64 "  fingerprint %s",
                json_number(event, "ring_version_old", 0),
                json_number(event, "ring_version_new", 0),
                json_text(event, "ring_fingerprint", "?"));
    } else if (strcmp(type, "resync") == 0) {
        fprintf(out, "  %" PRId64 " events were lost", json_number(event, "lost", 0));
    } else if (strcmp(type, "partitioned") == 0) {
        fputs(json_flag(event, "is_partitioned") ? "  this node seems cut off: verdicts wait"
                                                 : "  this node is in touch again",
              out);
    } else if (strcmp(type, "name-conflict") == 0) {
        fprintf(out, "  %s lives at %s too, generation %" PRId64, json_text(event, "name", "?"),
                json_text(event, "address", "?"), json_number(event, "generation", 0));
    } else {
        fprintf(out, "  %s  %s  incarnation %" PRId64 ".%" PRId64, json_text(event, "name", "?"),
                json_text(event, "address", "?"), json_number(event, "generation", 0),
                json_number(event, "version", 0));
    }
    fputc('\n', out);
}
