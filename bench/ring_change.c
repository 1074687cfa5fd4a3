/* bench/ring_change.c - what does it cost to bring a ring up to date?
 *
 * How to read it. Rings of `members` members with 100 virtual nodes each, in three zones, with the
 * list lines for replica sets of three. The figure is microseconds, the median over the rounds,
 * with its quartiles; what counts is the ratio to the reference, measured in the same rounds, in
 * turn.
 *
 *   join, leave      one member more or fewer, with its 100 points
 *   weight           one member owns twice as much, and then as before
 *   in place         in a table that nobody reads; this is what a publication does
 *   into a copy      beside a table that is being read, as long as no other is free
 *   two changes      a leave and a join at once: a table that was put aside one publication ago has
 *                    missed the last change and this one
 *   full build       of all members, from their names; the reference of the changes
 *   sort             the reference of the build: the radix sort of as many points, alone
 *   bytes per point  of the whole table, room for the next members included
 *
 * Members come with their hashes, as a node has them. "40x" beside a build: that many times faster.
 * "3.6x" beside a sort: it takes that many times as long. Goals are those of the design, at 1000
 * members, which are 100 000 points; the bytes are for any size.
 *
 * Exit codes: 0 printed, 1 a change failed or there is no memory, 2 usage. */
#include "bench/report.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "ring/ring_internal.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VNODES = 100, ZONES = 3, TEXT_BYTES = 32, ROUNDS_MAX = 1000, GOAL_MEMBERS = 1000 };

enum what {
    JOIN,
    LEAVE,
    WEIGHT,
    TWO_CHANGES,
    JOIN_COPY,
    LEAVE_COPY,
    BUILD,
    SORT,
    WHAT_COUNT,
    BYTES = WHAT_COUNT, /* not timed */
    ROWS_PER_SIZE
};

static const char *const names[] = {
    "join, in place",    "leave, in place",    "weight, in place", "two changes, in place",
    "join, into a copy", "leave, into a copy", "full build",       "sort",
    "bytes per point"};

static const size_t sizes[] = {10, 100, 1000, 10000};

enum { SIZES_COUNT = sizeof(sizes) / sizeof(sizes[0]), ROWS_COUNT = SIZES_COUNT * ROWS_PER_SIZE };

/* Members, and one more that joins and leaves; their slots are their indices. */
struct subject {
    struct memory memory;
    struct ring_parameters parameters;
    size_t count;
    struct ring_member *members; /* count + 1 */
    char (*texts)[2][TEXT_BYTES];
    struct henge_ring *ring; /* of the first `count` */
    uint64_t *points;        /* unsorted */
    uint64_t *sorted;
    uint64_t *scratch;
    struct random random;
    double (*samples)[ROUNDS_MAX];
    size_t round;
};

static void fail(const char *what) {
    fprintf(stderr, "bench_ring_change: %s\n", what);
    exit(1); /* NOLINT(concurrency-mt-unsafe): there is one thread */
}

static void keep_sample(struct subject *subject, enum what what, uint64_t start_ns) {
    subject->samples[what][subject->round] = (double)(clock_monotonic_ns() - start_ns) / 1000;
}

static void apply(struct subject *subject, enum what what, size_t count) {
    const uint64_t start = clock_monotonic_ns();
    if (ring_apply(&subject->memory, subject->ring, &subject->parameters, subject->members,
                   count) != HENGE_OK) {
        fail("a change had no room");
    }
    keep_sample(subject, what, start);
}

static void copy(struct subject *subject, enum what what, size_t count) {
    struct henge_ring *made = NULL;
    const uint64_t start = clock_monotonic_ns();
    if (ring_copy_changed(&subject->memory, subject->ring, &subject->parameters, subject->members,
                          count, &made) != HENGE_OK) {
        fail("no memory for a copy");
    }
    keep_sample(subject, what, start);
    ring_destroy(&subject->memory, made);
}

static void build(struct subject *subject) {
    struct henge_ring *made = NULL;
    const uint64_t start = clock_monotonic_ns();
    if (ring_build(&subject->memory, &subject->parameters, subject->members, subject->count,
                   &made) != HENGE_OK) {
        fail("no memory for a ring");
    }
    keep_sample(subject, BUILD, start);
    ring_destroy(&subject->memory, made);
}

static void sort(struct subject *subject) {
    memcpy(subject->sorted, subject->points, subject->count * VNODES * sizeof(uint64_t));
    const uint64_t start = clock_monotonic_ns();
    sort_points(subject->sorted, subject->scratch, subject->count * VNODES);
    keep_sample(subject, SORT, start);
}

static void set_weight(struct ring_member *member, uint16_t weight) {
    member->weight = weight;
    member->hash = 0;
    member->hash = ring_member_hash(member);
}

static void set_name(struct subject *subject, size_t index, uint64_t number) {
    snprintf(subject->texts[index][0], TEXT_BYTES, "node-%llu", (unsigned long long)number);
    set_weight(&subject->members[index], 1);
}

/* The last of them leaves, and another joins. */
static void swap_last(struct subject *subject) {
    const size_t last = subject->count - 1;
    const struct ring_member left = subject->members[last];
    subject->members[last] = subject->members[subject->count];
    subject->members[last].slot = (uint16_t)subject->count;
    apply(subject, TWO_CHANGES, subject->count);
    subject->members[subject->count] = subject->members[last];
    subject->members[last] = left;
    apply(subject, TWO_CHANGES, subject->count); /* back: the same again */
}

static void one_round(struct subject *subject) {
    set_name(subject, subject->count, random_u64(&subject->random));
    build(subject);
    sort(subject);
    copy(subject, JOIN_COPY, subject->count + 1);
    copy(subject, LEAVE_COPY, subject->count - 1);
    apply(subject, JOIN, subject->count + 1);
    apply(subject, LEAVE, subject->count);
    swap_last(subject);
    struct ring_member *heavier = &subject->members[random_below(&subject->random, subject->count)];
    set_weight(heavier, 2);
    apply(subject, WEIGHT, subject->count);
    set_weight(heavier, 1);
    apply(subject, WEIGHT, subject->count);
}

static void *array_of(size_t count, size_t size) {
    void *array = calloc(count, size);
    if (array == NULL) {
        fail("no memory");
    }
    return array;
}

static void prepare(struct subject *subject, size_t count) {
    *subject = (struct subject){.count = count, .parameters = {.version = 1}};
    memory_init(&subject->memory, NULL);
    subject->random = random_of_seed(count);
    subject->members = array_of(count + 1, sizeof(*subject->members));
    subject->texts = array_of(count + 1, sizeof(*subject->texts));
    subject->points = array_of(count * VNODES, sizeof(uint64_t));
    subject->sorted = array_of(count * VNODES, sizeof(uint64_t));
    subject->scratch = array_of(count * VNODES, sizeof(uint64_t));
    for (size_t i = 0; i <= count; i++) {
        snprintf(subject->texts[i][1], TEXT_BYTES, "zone-%zu", i % ZONES);
        subject->members[i] = (struct ring_member){.name = subject->texts[i][0],
                                                   .zone = subject->texts[i][1],
                                                   .region = "",
                                                   .role = "",
                                                   .slot = (uint16_t)i,
                                                   .vnodes = VNODES,
                                                   .ring_state = HENGE_RING_ACTIVE};
        set_name(subject, i, i);
    }
    const struct token_source source = token_source_of_salt(subject->parameters.salt);
    for (size_t i = 0; i < count; i++) {
        member_place(&subject->members[i], &source, subject->points + i * VNODES);
    }
    if (ring_build(&subject->memory, &subject->parameters, subject->members, count,
                   &subject->ring) != HENGE_OK) {
        fail("no memory for a ring");
    }
}

static void done(struct subject *subject) {
    ring_destroy(&subject->memory, subject->ring);
    free(subject->members);
    free(subject->texts);
    free(subject->points);
    free(subject->sorted);
    free(subject->scratch);
}

static void fill_rows(const struct subject *subject, struct report_row *rows, size_t rounds) {
    for (int what = 0; what < WHAT_COUNT; what++) {
        rows[what] = (struct report_row){.name = names[what], .n = subject->count, .unit = "us"};
        report_set_samples(&rows[what], subject->samples[what], rounds);
    }
    for (int what = 0; what < BUILD; what++) {
        rows[what].reference = names[BUILD];
        rows[what].reference_value = rows[BUILD].value;
        rows[what].ratio = REPORT_TIMES_FASTER;
    }
    rows[BUILD].reference = names[SORT];
    rows[BUILD].reference_value = rows[SORT].value;
    rows[BUILD].ratio = REPORT_TIMES_AS_LONG;
    if (subject->count == GOAL_MEMBERS) {
        rows[JOIN].goal = 30;
        rows[LEAVE].goal = 30;
        rows[BUILD].goal = 4;
    }
    double bytes = (double)subject->ring->block_bytes / (double)subject->ring->points_count;
    rows[BYTES] =
        (struct report_row){.name = names[BYTES], .n = subject->count, .unit = "B", .goal = 32};
    report_set_samples(&rows[BYTES], &bytes, 1);
}

static void run_size(size_t members, size_t rounds, struct report_row *rows) {
    static double samples[WHAT_COUNT][ROUNDS_MAX];
    struct subject subject;
    prepare(&subject, members);
    subject.samples = samples;
    one_round(&subject); /* not counted: the caches and the allocator get used to it */
    for (subject.round = 0; subject.round < rounds; subject.round++) {
        one_round(&subject);
    }
    fill_rows(&subject, rows, rounds);
    done(&subject);
}

static void print_help(void) {
    puts("usage: bench_ring_change [--json] [--rounds N]\n"
         "\n"
         "Microseconds per change of a ring at 10, 100, 1000 and 10 000 members x 100 virtual\n"
         "nodes, beside a full build, and of a full build, beside a sort of its points. How to\n"
         "read it: the head of bench/ring_change.c.\n"
         "\n"
         "  --json       one JSON object instead of the table\n"
         "  --rounds N   measured in turn N times, 1..1000 (25)\n"
         "  --help       this text");
}

/* -1 = go on; otherwise the exit code. */
static int parse_options(int argc, char **argv, size_t *rounds, bool *json) {
    static const struct option words[] = {{"json", no_argument, NULL, 'j'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int word = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((word = getopt_long(argc, argv, "", words, NULL)) != -1) {
        if (word == 'j') {
            *json = true;
        } else if (word == 'h') {
            print_help();
            return 0;
        } else if (word == 'r') {
            char *end = NULL;
            *rounds = strtoul(optarg, &end, 10);
            if (*optarg < '0' || *optarg > '9' || *end != '\0' || *rounds < 1 ||
                *rounds > ROUNDS_MAX) {
                fprintf(stderr, "bench_ring_change: '%s' is not a number from 1 to %d\n", optarg,
                        ROUNDS_MAX);
                return 2;
            }
        } else {
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "bench_ring_change: '%s' is not an option\n", argv[optind]);
        return 2;
    }
    return -1;
}

int main(int argc, char **argv) {
    size_t rounds = 25;
    bool json = false;
    const int code = parse_options(argc, argv, &rounds, &json);
    if (code >= 0) {
        return code;
    }
    report_pin();
    static struct report_row rows[ROWS_COUNT];
    for (size_t i = 0; i < SIZES_COUNT; i++) {
        run_size(sizes[i], rounds, rows + i * ROWS_PER_SIZE);
    }
    report_print("ring_change", "members", rows, ROWS_COUNT, json);
    return 0;
}
