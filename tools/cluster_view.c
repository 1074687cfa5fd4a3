/* cluster_view.c - what the daemons of a local cluster say about each other; see cluster.h. */
#include "tools/cluster.h"
#include "tools/clock_ms.h"
#include "tools/control_client.h"
#include "tools/json_tools.h"
#include "tools/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ASK_TIMEOUT_MS = 1000, AGREED_POLL_MS = 100, WATCH_PERIOD_MS = 500 };

volatile sig_atomic_t cluster_is_interrupted = 0;

static void signal_note(int signal) {
    (void)signal;
    cluster_is_interrupted = 1;
}

void cluster_signals_catch(void) {
    struct sigaction action = {.sa_handler = signal_note}; /* no SA_RESTART: waits end at once */
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

void cluster_row_ask(const struct cluster *cluster, const struct cluster_daemon *daemon,
                     struct cluster_row *row_out) {
    char path[CLUSTER_FILE_BYTES];
    char reason[CLUSTER_REASON_BYTES];
    *row_out = (struct cluster_row){.is_running = cluster_is_running(daemon)};
    if (!row_out->is_running) {
        return;
    }
    json_t *request = json_object();
    json_put_text(request, "verb", "info");
    json_t *info = control_client_ask(cluster_file(cluster, daemon->name, "sock", path), request,
                                      ASK_TIMEOUT_MS, reason, sizeof(reason));
    json_decref(request);
    row_out->is_answering = json_flag(info, "ok");
    if (row_out->is_answering) {
        snprintf(row_out->address, sizeof(row_out->address), "%s", json_text(info, "address", ""));
        snprintf(row_out->transport, sizeof(row_out->transport), "%s",
                 json_text(info, "transport", ""));
        snprintf(row_out->fingerprint, sizeof(row_out->fingerprint), "%s",
                 json_text(info, "ring_fingerprint", ""));
        snprintf(row_out->view_fingerprint, sizeof(row_out->view_fingerprint), "%s",
                 json_text(info, "view_fingerprint", ""));
        row_out->alive = json_number(info, "members_alive", 0);
        row_out->suspect = json_number(info, "members_suspect", 0);
        row_out->dead = json_number(info, "members_dead", 0);
        row_out->left = json_number(info, "members_left", 0);
        row_out->view = json_number(info, "view", 0);
        row_out->ring_version = json_number(info, "ring_version", 0);
        row_out->generation = json_number(info, "generation", 0);
        row_out->agreement = json_fraction(info, "agreement", 0);
    }
    json_decref(info);
}

void cluster_rows_ask(const struct cluster *cluster, struct cluster_row *rows_out) {
    for (size_t i = 0; i < cluster->count; i++) {
        cluster_row_ask(cluster, &cluster->daemons[i], &rows_out[i]);
    }
}

bool cluster_is_agreed(const struct cluster *cluster, const struct cluster_row *rows) {
    const struct cluster_row *first = NULL;
    int64_t running = 0;
    for (size_t i = 0; i < cluster->count; i++) {
        running += rows[i].is_running;
    }
    for (size_t i = 0; i < cluster->count; i++) {
        const struct cluster_row *row = &rows[i];
        if (!row->is_running) {
            continue;
        }
        if (!row->is_answering || row->alive != running || row->suspect != 0) {
            return false;
        }
        if (first != NULL && (strcmp(row->fingerprint, first->fingerprint) != 0 ||
                              strcmp(row->view_fingerprint, first->view_fingerprint) != 0)) {
            return false;
        }
        first = first == NULL ? row : first;
    }
    return first != NULL;
}

bool cluster_wait_agreed(const struct cluster *cluster, uint64_t deadline_ms,
                         struct cluster_row *rows) {
    for (;;) {
        cluster_rows_ask(cluster, rows);
        if (cluster_is_agreed(cluster, rows)) {
            return true;
        }
        if (cluster_is_interrupted || clock_ms() >= deadline_ms) {
            return false;
        }
        sleep_ms(AGREED_POLL_MS);
    }
}

static const char *state_text(const struct cluster_row *row) {
    return !row->is_running ? "down" : row->is_answering ? "up" : "mute";
}

/* "5", "4+1 suspect", "4+1 dead": what there is to say about the members that one sees. */
static void members_text(const struct cluster_row *row, char *text_out, size_t bytes) {
    size_t used = (size_t)snprintf(text_out, bytes, "%" PRId64, row->alive);
    const struct {
        int64_t count;
        const char *word;
    } others[] = {{row->suspect, "suspect"}, {row->dead, "dead"}, {row->left, "left"}};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]) && used < bytes; i++) {
        if (others[i].count > 0) {
            used += (size_t)snprintf(text_out + used, bytes - used, " +%" PRId64 " %s",
                                     others[i].count, others[i].word);
        }
    }
}

size_t cluster_table_print(const struct cluster *cluster, const struct cluster_row *rows,
                           FILE *out) {
    static const char *const headings[] = {"NAME",  "STATE", "PID",   "ADDRESS",          "ZONE",
                                           "ALIVE", ">VIEW", ">RING", "RING FINGERPRINT", ">AGREES",
                                           NULL};
    struct table *table = table_create(headings);
    if (table == NULL) {
        return 0;
    }
    for (size_t i = 0; i < cluster->count; i++) {
        const struct cluster_row *row = &rows[i];
        const struct cluster_daemon *daemon = &cluster->daemons[i];
        char members[96] = "";
        table_cell(table, "%s", daemon->name);
        table_cell(table, "%s", state_text(row));
        if (row->is_running) {
            table_cell(table, "%jd", (intmax_t)daemon->pid);
        } else {
            table_cell(table, "%s", "");
        }
        table_cell(table, "%s", row->address);
        table_cell(table, "%s", daemon->zone);
        if (!row->is_answering) {
            for (int column = 0; column < 5; column++) {
                table_cell(table, "%s", "");
            }
            continue;
        }
        members_text(row, members, sizeof(members));
        table_cell(table, "%s", members);
        table_cell(table, "%" PRId64, row->view);
        table_cell(table, "%" PRId64, row->ring_version);
        table_cell(table, "%s", row->fingerprint);
        table_cell(table, "%.0f %%", row->agreement * 100.0);
    }
    size_t lines = table_print(table, out, colour_is_welcome(out));
    table_destroy(table);
    return lines;
}

json_t *cluster_json(const struct cluster *cluster, const struct cluster_row *rows) {
    json_t *document = json_object();
    json_t *list = json_array();
    char path[CLUSTER_FILE_BYTES];
    for (size_t i = 0; i < cluster->count; i++) {
        const struct cluster_row *row = &rows[i];
        const struct cluster_daemon *daemon = &cluster->daemons[i];
        json_t *entry = json_object();
        json_put_text(entry, "name", daemon->name);
        json_put_text(entry, "zone", daemon->zone);
        json_put_text(entry, "state", state_text(row));
        json_put_text(entry, "control", cluster_file(cluster, daemon->name, "sock", path));
        json_put_text(entry, "log", cluster_file(cluster, daemon->name, "log", path));
        json_put(entry, "pid", row->is_running ? json_integer(daemon->pid) : json_null());
        json_put_text(entry, "address", row->address);
        json_put_text(entry, "transport", row->transport);
        json_put_u64(entry, "members_alive", (uint64_t)row->alive);
        json_put_u64(entry, "members_suspect", (uint64_t)row->suspect);
        json_put_u64(entry, "members_dead", (uint64_t)row->dead);
        json_put_u64(entry, "members_left", (uint64_t)row->left);
        json_put_u64(entry, "generation", (uint64_t)row->generation);
        json_put_u64(entry, "view", (uint64_t)row->view);
        json_put_u64(entry, "ring_version", (uint64_t)row->ring_version);
        json_put_text(entry, "ring_fingerprint", row->fingerprint);
        json_put_text(entry, "view_fingerprint", row->view_fingerprint);
        json_put(entry, "agreement", json_real(row->agreement));
        (void)json_array_append_new(list, entry);
    }
    json_put_text(document, "dir", cluster->dir);
    json_put_bool(document, "agreed", cluster_is_agreed(cluster, rows));
    json_put(document, "daemons", list);
    return document;
}

/* What makes a change worth a line: not the agreement or the address alone. */
static bool row_differs(const struct cluster_row *a, const struct cluster_row *b) {
    return a->is_running != b->is_running || a->is_answering != b->is_answering ||
           a->alive != b->alive || a->suspect != b->suspect || a->dead != b->dead ||
           a->left != b->left || a->ring_version != b->ring_version ||
           strcmp(a->fingerprint, b->fingerprint) != 0;
}

static void change_print(const struct cluster_daemon *daemon, const struct cluster_row *row) {
    char clock[16] = "";
    char members[96] = "";
    struct tm parts;
    time_t now = time(NULL);
    if (localtime_r(&now, &parts) != NULL) {
        (void)strftime(clock, sizeof(clock), "%H:%M:%S", &parts);
    }
    members_text(row, members, sizeof(members));
    if (!row->is_answering) {
        printf("%s  %s %s\n", clock, daemon->name, state_text(row));
    } else {
        printf("%s  %s up, sees %s; ring %" PRId64 " %s\n", clock, daemon->name, members,
               row->ring_version, row->fingerprint);
    }
}

/* One round of the live table. Returns the lines now on the terminal. */
static size_t watch_draw(const struct cluster *cluster, const struct cluster_row *rows,
                         const struct cluster_row *before, size_t lines_before, bool is_first) {
    if (isatty(STDOUT_FILENO)) {
        if (lines_before > 0) {
            printf("\033[%zuA\033[J", lines_before);
        }
        size_t lines = cluster_table_print(cluster, rows, stdout);
        fflush(stdout);
        return lines;
    }
    for (size_t i = 0; i < cluster->count; i++) {
        if (is_first || row_differs(&rows[i], &before[i])) {
            change_print(&cluster->daemons[i], &rows[i]);
        }
    }
    fflush(stdout);
    return 0;
}

void cluster_watch(const struct cluster *cluster) {
    struct cluster *now = cluster_create(cluster->dir);
    struct cluster_row *rows = calloc(CLUSTER_DAEMONS_MAX, 2 * sizeof(*rows));
    struct cluster_row *before = rows != NULL ? rows + CLUSTER_DAEMONS_MAX : NULL;
    size_t lines = 0;
    char reason[CLUSTER_REASON_BYTES];
    bool is_first = true;
    /* Read anew each time: other commands stop and start daemons meanwhile. */
    while (now != NULL && rows != NULL && !cluster_is_interrupted && !ferror(stdout) &&
           cluster_load(now, reason)) {
        cluster_rows_ask(now, rows);
        lines = watch_draw(now, rows, before, lines, is_first);
        memcpy(before, rows, CLUSTER_DAEMONS_MAX * sizeof(*rows));
        is_first = false;
        sleep_ms(WATCH_PERIOD_MS);
    }
    free(rows);
    cluster_destroy(now);
}
