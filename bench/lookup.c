/* bench/lookup.c - what does it cost to ask the ring for the owner of a key?
 *
 * Rings of `members` members with 100 virtual nodes each, in three zones. The figure is nanoseconds
 * per lookup, the median over the rounds, with its quartiles; how to read the rows is printed
 * below the table (guide). Everything of one size is measured in turn in each round, so that what
 * disturbs the machine disturbs all of it. Before anything is measured, ring and binary search must
 * agree on every hash used.
 *
 * Exit codes: 0 printed, 1 they disagree or there is no memory, 2 usage. */
#include "bench/lookup_ways.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "ring/ring.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { VNODES = 100, ZONES = 3, ROUNDS_MAX = 1000, WAYS_MAX = 32 };

static const size_t sizes[WAYS_SIZES_COUNT] = {10, 100, 1000, 10000};

static const char *const guide =
    "\n"
    "How to read it. Absolute times are the machine's; what counts is the ratio to the reference,\n"
    "which was measured in the same rounds, in turn with the row. \"16x\" beside a goal of \">=\":\n"
    "that many times faster; \"1.4x\" beside a goal of \"<=\": it takes that many times as long.\n"
    "\n"
    "  latency       each lookup has to wait for the answer of the one before\n"
    "  throughput    lookups do not depend on each other: the processor overlaps them\n"
    "  one load      the limit: one load from a table as large as the ring's cells\n"
    "  owner_hash    the hash is known; owner: a key of 16 bytes, hashed first\n"
    "  owners(3)     the preference list of three, one in each zone\n"
    "  owner_many    64 hashes in one call\n"
    "  binary search over the very same points (u64 hash, u32 owner), as most rings have it\n"
    "  ketama        libmemcached's, MD5 included; it cannot have 1000 servers\n"
    "  in sections   the reader's section is opened anew for every eight lookups\n"
    "  empty section begin, load of the view, end, beside that load alone\n"
    "\n"
    "Loop and call are in every figure; both sides call a function per lookup.\n";

struct options {
    size_t rounds;
    size_t lookups;
    size_t members; /* 0: all sizes */
    bool json;
};

static struct henge_ring *build_ring(struct memory *memory, size_t members_count) {
    char(*texts)[2][32] = calloc(members_count, sizeof(*texts));
    struct ring_member *members = calloc(members_count, sizeof(*members));
    struct henge_ring *ring = NULL;
    for (size_t i = 0; texts != NULL && members != NULL && i < members_count; i++) {
        snprintf(texts[i][0], sizeof(texts[i][0]), "node-%zu", i);
        snprintf(texts[i][1], sizeof(texts[i][1]), "zone-%zu", i % ZONES);
        members[i] = (struct ring_member){.name = texts[i][0],
                                          .zone = texts[i][1],
                                          .region = "",
                                          .role = "",
                                          .slot = (uint16_t)i,
                                          .vnodes = VNODES,
                                          .weight = 1,
                                          .ring_state = HENGE_RING_ACTIVE};
    }
    const struct ring_parameters parameters = {.version = 1};
    if (texts != NULL && members != NULL &&
        ring_build(memory, &parameters, members, members_count, &ring) != HENGE_OK) {
        ring = NULL;
    }
    free(texts);
    free(members);
    return ring;
}

/* After a pass over all hashes that is not timed, or each way would pay for refilling the cache
 * that the one before it used. */
static double time_of(const struct way *way, const struct subject *subject, size_t lookups) {
    static volatile uint64_t sink;
    sink = way->run(subject, HASHES);
    const uint64_t start = clock_monotonic_ns();
    sink = way->run(subject, lookups);
    (void)sink;
    return (double)(clock_monotonic_ns() - start) / (double)lookups;
}

static bool is_here(const struct way *way, const struct subject *subject) {
    return !way->needs_ketama || subject->ketama != NULL;
}

/* Returns how many rows were filled. */
static size_t fill_rows(struct report_row *rows, size_t size, const struct subject *subject,
                        size_t rounds, double (*samples)[ROUNDS_MAX]) {
    struct report_row of_way[WAYS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < ways_count; i++) {
        const struct way *way = &ways[i];
        of_way[i] = (struct report_row){.name = way->name, .n = sizes[size], .unit = "ns"};
        if (is_here(way, subject)) {
            report_set_samples(&of_way[i], samples[i], rounds);
        }
    }
    for (size_t i = 0; i < ways_count; i++) {
        const struct way *way = &ways[i];
        if (!is_here(way, subject)) {
            continue;
        }
        rows[count] = of_way[i];
        if (way->reference >= 0) {
            rows[count].reference = ways[way->reference].name;
            rows[count].reference_value = of_way[way->reference].value;
            rows[count].ratio = way->ratio;
            rows[count].goal = way->goals[size];
        }
        count++;
    }
    return count;
}

/* Returns how many rows were filled; 0: failed. */
static size_t run_size(struct memory *memory, struct epoch_reader *section, size_t size,
                       const uint64_t *hashes, const struct options *options,
                       struct report_row *rows) {
    static double samples[WAYS_MAX][ROUNDS_MAX];
    struct henge_ring *ring = build_ring(memory, sizes[size]);
    struct subject subject = {.ring = ring, .hashes = hashes, .section = section};
    size_t count = 0;
    if (ring != NULL && subject_prepare(&subject, sizes[size])) {
        for (size_t round = 0; round < options->rounds; round++) {
            for (size_t way = 0; way < ways_count; way++) {
                if (is_here(&ways[way], &subject)) {
                    samples[way][round] = time_of(&ways[way], &subject, options->lookups);
                }
            }
        }
        count = fill_rows(rows, size, &subject, options->rounds, samples);
    }
    subject_release(&subject);
    ring_destroy(memory, ring);
    return count;
}

static void print_help(void) {
    puts("usage: bench_lookup [--json] [--rounds N] [--lookups N] [--members N]\n"
         "\n"
         "Nanoseconds per ring lookup at 10, 100, 1000 and 10 000 members x 100 virtual nodes,\n"
         "beside one load, a binary search and ketama in the same run.\n"
         "\n"
         "  --json       one JSON object instead of the table and its guide\n"
         "  --rounds N   measured in turn N times, 1..1000 (15)\n"
         "  --lookups N  lookups per figure and round, 1..100000000 (200000)\n"
         "  --members N  only of this size: 10, 100, 1000 or 10000\n"
         "  --help       this text");
}

static bool parse_count(const char *text, unsigned long max, size_t *count_out) {
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > max) {
        fprintf(stderr, "bench_lookup: '%s' is not a number from 1 to %lu\n", text, max);
        return false;
    }
    *count_out = value;
    return true;
}

static bool is_size(size_t members) {
    for (size_t size = 0; size < WAYS_SIZES_COUNT; size++) {
        if (sizes[size] == members) {
            return true;
        }
    }
    fprintf(stderr, "bench_lookup: %zu is none of 10, 100, 1000, 10000\n", members);
    return false;
}

/* -1 = go on; otherwise the exit code. */
static int parse_options(int argc, char **argv, struct options *options) {
    static const struct option words[] = {
        {"json", no_argument, NULL, 'j'},          {"rounds", required_argument, NULL, 'r'},
        {"lookups", required_argument, NULL, 'l'}, {"members", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},          {0}};
    int word = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((word = getopt_long(argc, argv, "", words, NULL)) != -1) {
        bool is_good = true;
        switch (word) {
        case 'j':
            options->json = true;
            break;
        case 'r':
            is_good = parse_count(optarg, ROUNDS_MAX, &options->rounds);
            break;
        case 'l':
            is_good = parse_count(optarg, 100000000, &options->lookups);
            break;
        case 'm':
            is_good = parse_count(optarg, 10000, &options->members) && is_size(options->members);
            break;
        case 'h':
            print_help();
            return 0;
        default:
            is_good = false;
            break;
        }
        if (!is_good) {
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "bench_lookup: '%s' is not an option\n", argv[optind]);
        return 2;
    }
    return -1;
}

int main(int argc, char **argv) {
    struct options options = {.rounds = 15, .lookups = 200000};
    int code = parse_options(argc, argv, &options);
    if (code >= 0) {
        return code;
    }
    static uint64_t hashes[HASHES];
    struct random random = random_of_seed(1);
    for (size_t i = 0; i < HASHES; i++) {
        hashes[i] = random_u64(&random);
    }
    report_pin();
    struct memory memory;
    memory_init(&memory, NULL);
    struct epoch_domain *domain = epoch_domain_create(&memory, 1);
    struct epoch_reader *section = domain != NULL ? epoch_reader_create(domain) : NULL;
    if (section == NULL) {
        fprintf(stderr, "bench_lookup: no memory for a reader\n");
        return 1;
    }
    static struct report_row rows[WAYS_SIZES_COUNT * WAYS_MAX];
    size_t count = 0;
    for (size_t size = 0; size < WAYS_SIZES_COUNT; size++) {
        if (options.members != 0 && options.members != sizes[size]) {
            continue;
        }
        const size_t filled = run_size(&memory, section, size, hashes, &options, rows + count);
        if (filled == 0) {
            fprintf(stderr, "bench_lookup: cannot prepare %zu members\n", sizes[size]);
            return 1;
        }
        count += filled;
    }
    epoch_reader_destroy(section);
    epoch_domain_destroy(domain);
    report_print("lookup", "members", rows, count, options.json);
    if (!options.json) {
        fputs(guide, stdout);
    }
    return 0;
}
