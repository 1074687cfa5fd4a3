/* bench/balance.c - how evenly does the ring spread keys, and how many of them does a change move?
 *
 * How to read it. Members have 100 virtual nodes per unit of weight and stand in three zones. Each
 * row is the worst-off member, over its due: what it holds over what its weight entitles it to,
 * as primary of all keys, or as replica within its zone, where each of three zones holds every key.
 * Widths of ranges are added up, no keys are drawn. "plain" is without choices: each virtual node
 * at its first place; "chosen" is with the best of 16 (ring/placement.c).
 *
 *   replaced        a ring of weight 1, after 300 members one after the other went and another came
 *                   into the same zone; over several such rings
 *   changes         after each of 1000 changes: somebody joins in any zone, leaves, or gets another
 *                   weight of 1..3. Zones become unequal. Who leaves or grows lighter chooses
 * nothing, so what it leaves behind is uneven until others come joins, leaves,  the part of the
 * circle whose owner changed in those changes, summed up, over the weights moved   least that any
 * placement must move; in millionths per change choosing        what one join costs the node that
 * joins
 *
 * Exit codes: 0 printed, 1 no memory, 2 usage. */
#include "bench/course.h"
#include "bench/report.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    REPLACEMENTS = 300,
    REPLACED_MEMBERS = 100,
    REPLACED_RINGS = 5,
    REPLACED_ROWS = 2,
    CHANGES_ROWS = 2 + COURSE_CHANGE_KINDS + 1,
    ROWS_MAX = 2 * (REPLACED_ROWS + 2 * CHANGES_ROWS)
};

struct table {
    struct report_row rows[ROWS_MAX];
    size_t count;
};

static struct report_row *row_add(struct table *table, const char *name, size_t members,
                                  const char *unit, double *samples, size_t count) {
    struct report_row *row = &table->rows[table->count++];
    *row = (struct report_row){.name = name, .n = members, .unit = unit};
    if (count > 0) {
        report_set_samples(row, samples, count);
    }
    return row;
}

static void report_replaced(struct table *table, bool is_chosen) {
    double primaries[REPLACED_RINGS];
    double replicas[REPLACED_RINGS];
    for (size_t ring = 0; ring < REPLACED_RINGS; ring++) {
        struct cluster *cluster =
            cluster_form(REPLACED_MEMBERS, is_chosen ? RING_CANDIDATES : 1, 100 + ring);
        for (size_t i = 0; i < REPLACEMENTS; i++) {
            cluster_replace_one(cluster);
        }
        const struct peaks peaks = cluster_peaks(cluster);
        primaries[ring] = peaks.primaries;
        replicas[ring] = peaks.replicas;
        cluster_disband(cluster);
    }
    struct report_row *row =
        row_add(table, is_chosen ? "replaced: primaries, chosen" : "replaced: primaries, plain",
                REPLACED_MEMBERS, "of due", primaries, REPLACED_RINGS);
    row->goal = is_chosen ? 1.05 : 0;
    row = row_add(table, is_chosen ? "replaced: replicas, chosen" : "replaced: replicas, plain",
                  REPLACED_MEMBERS, "of due", replicas, REPLACED_RINGS);
    row->goal = is_chosen ? 1.05 : 0;
}

static void report_movement(struct table *table, size_t members, bool is_chosen,
                            struct movement *movement, enum course_change change) {
    static const char *const names[COURSE_CHANGE_KINDS][2] = {
        {"moved by joins, plain", "moved by joins, chosen"},
        {"moved by leaves, plain", "moved by leaves, chosen"},
        {"moved by weights, plain", "moved by weights, chosen"}};
    if (movement->count == 0) {
        return;
    }
    const double count = (double)movement->count;
    struct report_row *row =
        row_add(table, names[change][is_chosen], members, "ppm", movement->moved, movement->count);
    row->value = movement->moved_sum / count; /* the mean: it is what adds up */
    row->reference = "the least that must move";
    row->reference_value = movement->ideal_sum / count;
    row->ratio = REPORT_TIMES_AS_LONG;
    row->goal = is_chosen ? 1.02 : 0;
}

static void report_changes(struct table *table, size_t members, size_t changes, bool is_chosen) {
    struct cluster *cluster = cluster_form(members, is_chosen ? RING_CANDIDATES : 1, members);
    double *samples = calloc((2 + COURSE_CHANGE_KINDS) * changes, sizeof(*samples));
    if (samples == NULL) {
        fputs("bench_balance: no memory\n", stderr);
        exit(1);
    }
    struct course course = {.primaries = samples, .replicas = samples + changes};
    for (size_t kind = 0; kind < COURSE_CHANGE_KINDS; kind++) {
        course.movements[kind].moved = samples + (2 + kind) * changes;
    }
    cluster_run(cluster, members, changes, &course);
    row_add(table, is_chosen ? "changes: primaries, chosen" : "changes: primaries, plain", members,
            "of due", course.primaries, changes);
    row_add(table, is_chosen ? "changes: replicas, chosen" : "changes: replicas, plain", members,
            "of due", course.replicas, changes);
    for (size_t kind = 0; kind < COURSE_CHANGE_KINDS; kind++) {
        report_movement(table, members, is_chosen, &course.movements[kind],
                        (enum course_change)kind);
    }
    if (cluster->choosing_count > 0) {
        row_add(table, "choosing", members, "ms", cluster->choosing_ms,
                cluster->choosing_count < COURSE_CHOICES_MAX ? cluster->choosing_count
                                                             : COURSE_CHOICES_MAX);
    }
    free(samples);
    cluster_disband(cluster);
}

static void print_help(void) {
    puts("usage: bench_balance [--json] [--changes N]\n"
         "\n"
         "How evenly primaries and replicas are spread over 100 and 1000 members, with plain and\n"
         "with chosen tokens, and how much of the circle a change moves. How to read it: the head\n"
         "of bench/balance.c.\n"
         "\n"
         "  --json       one JSON object instead of the table\n"
         "  --changes N  random joins, leaves and weight changes, 1..10000 (1000)\n"
         "  --help       this text");
}

/* -1 = go on; otherwise the exit code. */
static int parse_options(int argc, char **argv, bool *json_out, size_t *changes_out) {
    static const struct option words[] = {{"json", no_argument, NULL, 'j'},
                                          {"changes", required_argument, NULL, 'c'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int word = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((word = getopt_long(argc, argv, "", words, NULL)) != -1) {
        if (word == 'j') {
            *json_out = true;
        } else if (word == 'h') {
            print_help();
            return 0;
        } else if (word == 'c') {
            char *end = NULL;
            unsigned long changes = strtoul(optarg, &end, 10);
            if (*optarg < '0' || *optarg > '9' || *end != '\0' || changes == 0 ||
                changes > COURSE_CHOICES_MAX) {
                fprintf(stderr, "bench_balance: '%s' is not a number from 1 to %d\n", optarg,
                        COURSE_CHOICES_MAX);
                return 2;
            }
            *changes_out = changes;
        } else {
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "bench_balance: '%s' is not an option\n", argv[optind]);
        return 2;
    }
    return -1;
}

int main(int argc, char **argv) {
    bool json = false;
    size_t changes = 1000;
    const int code = parse_options(argc, argv, &json, &changes);
    if (code >= 0) {
        return code;
    }
    static const size_t sizes[] = {100, 1000};
    static struct table table;
    report_pin();
    for (int is_chosen = 0; is_chosen < 2; is_chosen++) {
        report_replaced(&table, is_chosen != 0);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int is_chosen = 0; is_chosen < 2; is_chosen++) {
            report_changes(&table, sizes[i], changes, is_chosen != 0);
        }
    }
    report_print("balance", "members", table.rows, table.count, json);
    return 0;
}
