/* bench/lookup.c - what does it cost to ask the ring for the owner of a key?
 *
 * How to read it. Each row is one kind of lookup on a ring of `members` members with 100 virtual
 * nodes each, in three zones; the figure is nanoseconds per lookup, the median over the rounds,
 * with its quartiles. Absolute times are the machine's; what counts is the ratio to the reference,
 * which was measured in the same rounds, in turn with the row.
 *
 *   owner_hash     the hash is known; one probe of the ring
 *   owner          a key of 16 bytes, hashed first
 *   owners(3)      the preference list of three, one in each zone
 *   latency        each lookup must wait for the answer of the one before
 *   throughput     lookups do not depend on each other: the processor overlaps them
 *   in sections    the reader's section is opened anew for every eight lookups; everywhere else one
 *                  section holds all lookups of a round
 *   binary search  the reference: a plain search over the very same points, as two sorted arrays
 *                  (u64 hash, u32 owner), which is what most implementations do; hashed alike
 *
 * "16x" beside a binary search: that many times faster. "1.4x" beside owner_hash: it takes that
 * many times as long. Loop and call are in every figure; both sides call a function per lookup.
 * Goals are those of the design for the final structure; a row without one has none.
 *
 * Before anything is measured, both sides must agree on every hash used. Exit codes: 0 printed,
 * 1 they disagree or there is no memory, 2 usage. */
#include "bench/report.h"
#include "core/base/clock.h"
#include "core/base/epoch.h"
#include "core/base/random.h"
#include "ring/ring.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VNODES = 100,
    ZONES = 3,
    REPLICAS = 3,
    HASHES = 16384, /* 128 KiB, read in order: too many to learn, too few to matter */
    KEY_BYTES = 16,
    SECTION_LOOKUPS = 8,
    ROUNDS_MAX = 1000
};

struct subject {
    const struct henge_ring *ring;
    const uint64_t *hashes; /* HASHES of them */
    uint64_t *until;        /* the binary search's ring, from the public ranges */
    uint32_t *owners;
    size_t points_count;
    struct epoch_reader *section; /* a reader's, as henge_reader_begin opens it */
};

/* Noinline, as the function in the library cannot be inlined either. */
__attribute__((noinline)) static uint32_t search(const struct subject *subject, uint64_t hash) {
    size_t low = 0;
    size_t high = subject->points_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (subject->until[middle] < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return subject->owners[low == subject->points_count ? 0 : low];
}

static uint32_t ask_owner_hash(const struct subject *subject, uint64_t hash) {
    return henge_ring_owner_hash(subject->ring, hash);
}

static uint32_t ask_owner(const struct subject *subject, uint64_t hash) {
    const uint64_t key[KEY_BYTES / 8] = {hash, ~hash};
    return henge_ring_owner(subject->ring, key, KEY_BYTES);
}

static uint32_t ask_search_key(const struct subject *subject, uint64_t hash) {
    const uint64_t key[KEY_BYTES / 8] = {hash, ~hash};
    return search(subject, henge_ring_hash(key, KEY_BYTES));
}

static uint32_t ask_owners(const struct subject *subject, uint64_t hash) {
    struct henge_route route;
    if (henge_ring_owners(subject->ring, hash, REPLICAS, &route) != HENGE_OK) {
        return HENGE_NO_SLOT;
    }
    return route.owners[REPLICAS - 1].slot;
}

/* The two loops around one way of asking. Slots have 16 bits, so answer >> 16 is 0; the empty asm
 * hides that from the compiler, and the processor must wait for the answer to know. */
#define RUNS(ask)                                                                                  \
    static uint64_t ask##_latency(const struct subject *subject, size_t lookups) {                 \
        uint64_t sum = 0;                                                                          \
        uint32_t answer = 0;                                                                       \
        epoch_begin(subject->section);                                                             \
        for (size_t i = 0; i < lookups; i++) {                                                     \
            answer = ask(subject, subject->hashes[i % HASHES] + (answer >> 16));                   \
            __asm__ volatile("" : "+r"(answer));                                                   \
            sum += answer;                                                                         \
        }                                                                                          \
        epoch_end(subject->section);                                                               \
        return sum;                                                                                \
    }                                                                                              \
    static uint64_t ask##_throughput(const struct subject *subject, size_t lookups) {              \
        uint64_t sum = 0;                                                                          \
        epoch_begin(subject->section);                                                             \
        for (size_t i = 0; i < lookups; i++) {                                                     \
            sum += ask(subject, subject->hashes[i % HASHES]);                                      \
        }                                                                                          \
        epoch_end(subject->section);                                                               \
        return sum;                                                                                \
    }

RUNS(ask_owner_hash)
RUNS(ask_owner)
RUNS(ask_owners)
RUNS(search)
RUNS(ask_search_key)

static uint64_t ask_sections_throughput(const struct subject *subject, size_t lookups) {
    uint64_t sum = 0;
    for (size_t i = 0; i < lookups; i++) {
        if (i % SECTION_LOOKUPS == 0) {
            epoch_begin(subject->section);
        }
        sum += ask_owner_hash(subject, subject->hashes[i % HASHES]);
        if (i % SECTION_LOOKUPS == SECTION_LOOKUPS - 1 || i == lookups - 1) {
            epoch_end(subject->section);
        }
    }
    return sum;
}

/* What is run, and what of the same list it is compared with (-1: it is itself a reference). */
struct variant {
    const char *name;
    uint64_t (*run)(const struct subject *subject, size_t lookups);
    int reference;
    enum report_ratio ratio;
    double goal_100, goal_1000; /* at that many members; 0 = none */
};

static const struct variant variants[] = {
    {"owner_hash, latency", ask_owner_hash_latency, 6, REPORT_TIMES_FASTER, 0, 0},
    {"owner_hash, throughput", ask_owner_hash_throughput, 7, REPORT_TIMES_FASTER, 15, 15},
    {"owner, 16-byte key, latency", ask_owner_latency, 8, REPORT_TIMES_FASTER, 0, 0},
    {"owner, 16-byte key, throughput", ask_owner_throughput, 9, REPORT_TIMES_FASTER, 0, 0},
    {"owners(3), 3 zones, latency", ask_owners_latency, 0, REPORT_TIMES_AS_LONG, 1.4, 1.9},
    {"owners(3), 3 zones, throughput", ask_owners_throughput, 1, REPORT_TIMES_AS_LONG, 0, 0},
    {"binary search, latency", search_latency, -1, REPORT_TIMES_FASTER, 0, 0},
    {"binary search, throughput", search_throughput, -1, REPORT_TIMES_FASTER, 0, 0},
    {"hash + binary search, latency", ask_search_key_latency, -1, REPORT_TIMES_FASTER, 0, 0},
    {"hash + binary search, throughput", ask_search_key_throughput, -1, REPORT_TIMES_FASTER, 0, 0},
    {"owner_hash, in sections of 8", ask_sections_throughput, 1, REPORT_TIMES_AS_LONG, 0, 0}};

static const size_t sizes[] = {10, 100, 1000};

enum {
    VARIANTS_COUNT = sizeof(variants) / sizeof(variants[0]),
    SIZES_COUNT = sizeof(sizes) / sizeof(sizes[0]),
    ROWS_COUNT = SIZES_COUNT * VARIANTS_COUNT
};

struct options {
    size_t rounds;
    size_t lookups;
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

/* Copies the ring's points into the reference's arrays, and checks that both answer alike. */
static bool prepare(struct subject *subject) {
    subject->points_count = henge_ring_points_count(subject->ring);
    subject->until = calloc(subject->points_count, sizeof(*subject->until));
    subject->owners = calloc(subject->points_count, sizeof(*subject->owners));
    if (subject->until == NULL || subject->owners == NULL) {
        return false;
    }
    for (size_t i = 0; i < subject->points_count; i++) {
        struct henge_ring_range range;
        if (henge_ring_range_at(subject->ring, i, &range) != HENGE_OK) {
            return false;
        }
        subject->until[i] = range.until;
        subject->owners[i] = range.slot;
    }
    for (size_t i = 0; i < HASHES; i++) {
        if (search(subject, subject->hashes[i]) !=
            henge_ring_owner_hash(subject->ring, subject->hashes[i])) {
            fprintf(stderr, "bench_lookup: the two sides disagree on %016llx\n",
                    (unsigned long long)subject->hashes[i]);
            return false;
        }
    }
    return true;
}

/* All variants in turn, so that what disturbs the machine disturbs all of them; each after a pass
 * over all hashes that is not timed, or it would pay for refilling the cache that the one before it
 * used. */
static void measure(const struct subject *subject, const struct options *options,
                    double (*samples)[ROUNDS_MAX]) {
    static volatile uint64_t sink;
    for (size_t round = 0; round < options->rounds; round++) {
        for (size_t variant = 0; variant < VARIANTS_COUNT; variant++) {
            sink = variants[variant].run(subject, HASHES);
            const uint64_t start = clock_monotonic_ns();
            sink = variants[variant].run(subject, options->lookups);
            const uint64_t took = clock_monotonic_ns() - start;
            samples[variant][round] = (double)took / (double)options->lookups;
        }
    }
    (void)sink;
}

static void fill_rows(struct report_row *rows, size_t members, size_t rounds,
                      double (*samples)[ROUNDS_MAX]) {
    for (size_t i = 0; i < VARIANTS_COUNT; i++) {
        const struct variant *variant = &variants[i];
        rows[i] = (struct report_row){.name = variant->name,
                                      .n = members,
                                      .unit = "ns",
                                      .ratio = variant->ratio,
                                      .goal = members == 100    ? variant->goal_100
                                              : members == 1000 ? variant->goal_1000
                                                                : 0};
        report_set_samples(&rows[i], samples[i], rounds);
    }
    for (size_t i = 0; i < VARIANTS_COUNT; i++) {
        if (variants[i].reference >= 0) {
            rows[i].reference = variants[variants[i].reference].name;
            rows[i].reference_value = rows[variants[i].reference].value;
        }
    }
}

static bool run_size(struct memory *memory, struct epoch_reader *section, size_t members,
                     const uint64_t *hashes, const struct options *options,
                     struct report_row *rows) {
    static double samples[VARIANTS_COUNT][ROUNDS_MAX];
    struct henge_ring *ring = build_ring(memory, members);
    struct subject subject = {.ring = ring, .hashes = hashes, .section = section};
    const bool is_ready = ring != NULL && prepare(&subject);
    if (is_ready) {
        measure(&subject, options, samples);
        fill_rows(rows, members, options->rounds, samples);
    }
    free(subject.until);
    free(subject.owners);
    ring_destroy(memory, ring);
    return is_ready;
}

static void print_help(void) {
    puts("usage: bench_lookup [--json] [--rounds N] [--lookups N]\n"
         "\n"
         "Nanoseconds per ring lookup at 10, 100 and 1000 members x 100 virtual nodes, beside a\n"
         "plain binary search over the same points in the same run. How to read it: the head of\n"
         "bench/lookup.c.\n"
         "\n"
         "  --json       one JSON object instead of the table\n"
         "  --rounds N   measured in turn N times, 1..1000 (15)\n"
         "  --lookups N  lookups per figure and round, 1..100000000 (200000)\n"
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

/* -1 = go on; otherwise the exit code. */
static int parse_options(int argc, char **argv, struct options *options) {
    static const struct option words[] = {{"json", no_argument, NULL, 'j'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"lookups", required_argument, NULL, 'l'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
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
    static struct report_row rows[ROWS_COUNT];
    struct report_row *next = rows;
    for (size_t i = 0; i < SIZES_COUNT; i++) {
        if (!run_size(&memory, section, sizes[i], hashes, &options, next)) {
            fprintf(stderr, "bench_lookup: cannot prepare %zu members\n", sizes[i]);
            return 1;
        }
        next += VARIANTS_COUNT;
    }
    epoch_reader_destroy(section);
    epoch_domain_destroy(domain);
    report_print("lookup", "members", rows, ROWS_COUNT, options.json);
    return 0;
}
