/* bench/swap.c - what do readers notice while the ring under them is swapped a thousand times a
 * second?
 *
 * Two worker threads look up eight hashes in a section, again and again; a writer thread publishes
 * a ring with one member's weight changed every millisecond, as the gossip thread does: the next
 * free table is brought up to date, stored, the last one retired to the epochs, and what may be is
 * taken back. Quiet and swapped stretches of time take turns.
 *
 * How to read it. "mean" is a worker's time for a section, all in, in stretches that do not look at
 * the clock between sections; the ratio is the slow-down, and its goal is the design's at 100
 * members. p50, p99 and p99.9 come from stretches that do, which is in their figures. Workers are
 * pinned to CPUs 0 and 1 where there are as many; the writer and all else of the machine share
 * them, so the tail is what the scheduler takes. "swaps" is how many the writer made.
 *
 * Exit codes: 0 printed, 1 no memory or no threads, 2 usage. */
#include "bench/report.h"
#include "core/base/clock.h"
#include "core/base/epoch.h"
#include "core/base/histogram.h"
#include "core/base/random.h"
#include "ring/ring.h"
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    WORKERS = 2,
    SECTION_LOOKUPS = 8,
    HASHES = 4096,
    TABLES = 8, /* as live_views_max */
    VNODES = 100,
    ZONES = 3,
    MEMBERS_MAX = 1000,
    ROUNDS_MAX = 100,
    SWAPS_PER_S = 1000,
    ROWS_PER_SIZE = 9,
    GOAL_MEMBERS = 100
};

#define STRETCH_NS (200 * NS_PER_MS)

enum stretch { QUIET = 0, SWAPPED, STRETCHES };
enum what { SECTIONS_COUNTED, SECTIONS_TIMED, AT_REST, OVER };

struct table {
    struct epoch_entry entry;
    struct henge_ring *ring;
    bool is_free;
};

struct world {
    struct memory memory;
    struct epoch_domain *domain;
    struct table *_Atomic published;
    _Atomic uint32_t what; /* enum what: the workers' orders */
    _Atomic uint32_t is_swapping;
    _Atomic uint32_t is_over;
    _Atomic uint64_t swaps;
    struct table tables[TABLES];
    size_t members_count;
    struct ring_member members[MEMBERS_MAX];
    char texts[MEMBERS_MAX][2][32];
    uint64_t hashes[HASHES];
};

struct worker {
    struct world *world;
    struct epoch_reader *reader;
    pthread_t thread;
    int cpu;
    _Atomic uint64_t sections; /* of this stretch */
    _Atomic uint32_t seen;     /* the order that it follows */
    uint64_t sum;
    struct histogram *times; /* of timed sections */
};

static struct world world;

static void fail(const char *what) {
    fprintf(stderr, "bench_swap: %s\n", what);
    exit(1); /* NOLINT(concurrency-mt-unsafe): nobody else ends the program */
}

static void sleep_ns(uint64_t ns) {
    const struct timespec time = {.tv_sec = (time_t)(ns / NS_PER_S),
                                  .tv_nsec = (long)(ns % NS_PER_S)};
    (void)nanosleep(&time, NULL);
}

static void section(struct worker *worker, size_t first) {
    epoch_begin(worker->reader);
    const struct table *table =
        atomic_load_explicit(&worker->world->published, memory_order_acquire);
    for (size_t i = 0; i < SECTION_LOOKUPS; i++) {
        worker->sum += henge_ring_owner_hash(table->ring, worker->world->hashes[first + i]);
    }
    epoch_end(worker->reader);
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    (void)sched_setaffinity(0, sizeof(set), &set); /* unpinned, it measures all the same */
}

static void *work(void *argument) {
    struct worker *worker = argument;
    pin(worker->cpu);
    for (size_t first = 0;; first = (first + SECTION_LOOKUPS) % HASHES) {
        const uint32_t what = atomic_load_explicit(&worker->world->what, memory_order_acquire);
        if (what != atomic_load_explicit(&worker->seen, memory_order_relaxed)) {
            atomic_store_explicit(&worker->sections, 0, memory_order_relaxed);
            atomic_store_explicit(&worker->seen, what, memory_order_release);
        }
        if (what == OVER) {
            return NULL;
        }
        if (what == AT_REST) {
            sleep_ns(100 * NS_PER_US);
            continue;
        }
        const uint64_t begun = what == SECTIONS_TIMED ? clock_monotonic_ns() : 0;
        section(worker, first);
        if (what == SECTIONS_TIMED) {
            histogram_add(worker->times, clock_monotonic_ns() - begun);
        }
        const uint64_t sections = atomic_load_explicit(&worker->sections, memory_order_relaxed);
        atomic_store_explicit(&worker->sections, sections + 1, memory_order_relaxed);
    }
}

static void take_back(struct epoch_entry *entry) {
    ((struct table *)(void *)entry)->is_free = true;
}

_Static_assert(offsetof(struct table, entry) == 0, "an entry is its table");

/* Brings a table up to date, which may be new. */
static bool renew(struct table *table) {
    const struct ring_parameters parameters = {.version = 1};
    if (table->ring != NULL && ring_apply(&world.memory, table->ring, &parameters, world.members,
                                          world.members_count) == HENGE_OK) {
        return true;
    }
    ring_destroy(&world.memory, table->ring);
    table->ring = NULL;
    return ring_build(&world.memory, &parameters, world.members, world.members_count,
                      &table->ring) == HENGE_OK;
}

static void publish(struct table *table) {
    table->is_free = false;
    struct table *last = atomic_load_explicit(&world.published, memory_order_relaxed);
    atomic_store_explicit(&world.published, table, memory_order_release);
    if (last != NULL) {
        epoch_retire(world.domain, &last->entry, take_back);
    }
}

/* The one that has been free for longest is as good as any; NULL: readers hold them all. */
static struct table *free_table(void) {
    for (size_t i = 0; i < TABLES; i++) {
        if (world.tables[i].is_free) {
            return &world.tables[i];
        }
    }
    return NULL;
}

static void swap(struct random *random) {
    struct ring_member *member = &world.members[random_below(random, world.members_count)];
    (void)epoch_poll(world.domain);
    struct table *table = free_table();
    if (table == NULL) {
        return; /* put off, as a node does */
    }
    member->weight = (uint16_t)(3 - member->weight);
    member->hash = 0;
    member->hash = ring_member_hash(member);
    if (!renew(table)) {
        fail("no memory for a ring");
    }
    publish(table);
    atomic_fetch_add_explicit(&world.swaps, 1, memory_order_relaxed);
}

static void *write_rings(void *argument) {
    struct random random = random_of_seed(3);
    uint64_t next_ns = clock_monotonic_ns();
    (void)argument;
    while (atomic_load_explicit(&world.is_over, memory_order_relaxed) == 0) {
        next_ns += NS_PER_S / SWAPS_PER_S;
        if (atomic_load_explicit(&world.is_swapping, memory_order_relaxed) != 0) {
            swap(&random);
        }
        const uint64_t now_ns = clock_monotonic_ns();
        if (now_ns < next_ns) {
            sleep_ns(next_ns - now_ns);
        } else {
            next_ns = now_ns; /* late: what was missed is not made up for */
        }
    }
    return NULL;
}

/* Release and acquire both ways: the times are the worker's while it works, else the caller's. */
static void order(struct worker *workers, enum what what) {
    atomic_store_explicit(&world.what, (uint32_t)what, memory_order_release);
    for (size_t i = 0; i < WORKERS; i++) {
        while (atomic_load_explicit(&workers[i].seen, memory_order_acquire) != (uint32_t)what) {
            sleep_ns(100 * NS_PER_US);
        }
    }
}

/* Nanoseconds that a worker had for each of its sections in one stretch. */
static double stretch(struct worker *workers, enum what what) {
    order(workers, what);
    uint64_t before = 0;
    uint64_t after = 0;
    const uint64_t begun = clock_monotonic_ns();
    for (size_t i = 0; i < WORKERS; i++) {
        before += atomic_load_explicit(&workers[i].sections, memory_order_relaxed);
    }
    sleep_ns(STRETCH_NS);
    for (size_t i = 0; i < WORKERS; i++) {
        after += atomic_load_explicit(&workers[i].sections, memory_order_relaxed);
    }
    const double took = (double)(clock_monotonic_ns() - begun);
    order(workers, AT_REST);
    return after > before ? took * WORKERS / (double)(after - before) : 0;
}

static void prepare(size_t members) {
    world.members_count = members;
    for (size_t i = 0; i < members; i++) {
        snprintf(world.texts[i][0], sizeof(world.texts[i][0]), "node-%zu", i);
        snprintf(world.texts[i][1], sizeof(world.texts[i][1]), "zone-%zu", i % ZONES);
        world.members[i] = (struct ring_member){.name = world.texts[i][0],
                                                .zone = world.texts[i][1],
                                                .region = "",
                                                .role = "",
                                                .slot = (uint16_t)i,
                                                .vnodes = VNODES,
                                                .weight = 1,
                                                .ring_state = HENGE_RING_ACTIVE};
        world.members[i].hash = ring_member_hash(&world.members[i]);
    }
    for (size_t i = 0; i < TABLES; i++) {
        world.tables[i] = (struct table){.is_free = true};
        if (!renew(&world.tables[i])) {
            fail("no memory for a ring");
        }
    }
    world.published = NULL;
    publish(&world.tables[0]);
}

struct samples {
    double means[STRETCHES][ROUNDS_MAX];
    double swaps[ROUNDS_MAX];
    struct histogram times[STRETCHES];
};

static void measure(struct worker *workers, size_t rounds, struct samples *samples) {
    for (size_t kind = 0; kind < STRETCHES; kind++) {
        histogram_init(&samples->times[kind]);
    }
    for (size_t round = 0; round < rounds; round++) {
        for (uint32_t kind = 0; kind < STRETCHES; kind++) {
            atomic_store_explicit(&world.is_swapping, kind == SWAPPED, memory_order_relaxed);
            const uint64_t swaps = atomic_load_explicit(&world.swaps, memory_order_relaxed);
            const uint64_t begun = clock_monotonic_ns();
            samples->means[kind][round] = stretch(workers, SECTIONS_COUNTED);
            samples->swaps[round] =
                (double)(atomic_load_explicit(&world.swaps, memory_order_relaxed) - swaps) *
                (double)NS_PER_S / (double)(clock_monotonic_ns() - begun);
            (void)stretch(workers, SECTIONS_TIMED);
            for (size_t i = 0; i < WORKERS; i++) {
                for (size_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
                    samples->times[kind].counts[bucket] += workers[i].times->counts[bucket];
                }
                samples->times[kind].total += workers[i].times->total;
                if (workers[i].times->max > samples->times[kind].max) {
                    samples->times[kind].max = workers[i].times->max;
                }
                histogram_init(workers[i].times);
            }
        }
    }
    atomic_store_explicit(&world.is_swapping, 0, memory_order_relaxed);
}

static void fill_rows(struct report_row *rows, size_t members, size_t rounds,
                      struct samples *samples) {
    static const char *const names[STRETCHES][4] = {
        {"quiet: mean", "quiet: p50", "quiet: p99", "quiet: p99.9"},
        {"swapped: mean", "swapped: p50", "swapped: p99", "swapped: p99.9"}};
    static const double shares[] = {0, 0.5, 0.99, 0.999};
    for (size_t kind = 0; kind < STRETCHES; kind++) {
        struct report_row *row = rows + kind * 4;
        for (size_t i = 0; i < 4; i++) {
            row[i] = (struct report_row){.name = names[kind][i], .n = members, .unit = "ns"};
            double value = (double)histogram_quantile(&samples->times[kind], shares[i]);
            report_set_samples(&row[i], i == 0 ? samples->means[kind] : &value,
                               i == 0 ? rounds : 1);
            if (kind == SWAPPED) {
                row[i].reference = names[QUIET][i];
                row[i].reference_value = rows[i].value;
                row[i].ratio = REPORT_TIMES_AS_LONG;
                row[i].goal = i == 0 && members == GOAL_MEMBERS ? 1.10 : 0;
            }
        }
    }
    rows[8] = (struct report_row){.name = "swaps", .n = members, .unit = "/s"};
    report_set_samples(&rows[8], samples->swaps, rounds);
}

static void run_size(size_t members, size_t rounds, struct report_row *rows) {
    static struct samples samples;
    static struct histogram times[WORKERS];
    struct worker workers[WORKERS];
    pthread_t writer;
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    memory_init(&world.memory, NULL);
    world.domain = epoch_domain_create(&world.memory, WORKERS);
    if (world.domain == NULL) {
        fail("no memory for epochs");
    }
    prepare(members);
    world.what = AT_REST;
    world.is_over = 0;
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.world = &world,
                                     .reader = epoch_reader_create(world.domain),
                                     .cpu = (int)(i % (size_t)(cpus > 0 ? cpus : 1)),
                                     .times = &times[i],
                                     .seen = AT_REST};
        histogram_init(&times[i]);
        if (workers[i].reader == NULL ||
            pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fail("no thread");
        }
    }
    if (pthread_create(&writer, NULL, write_rings, NULL) != 0) {
        fail("no thread");
    }
    measure(workers, rounds, &samples);
    fill_rows(rows, members, rounds, &samples);
    atomic_store_explicit(&world.is_over, 1, memory_order_relaxed);
    pthread_join(writer, NULL);
    atomic_store_explicit(&world.what, (uint32_t)OVER, memory_order_relaxed);
    for (size_t i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        epoch_reader_destroy(workers[i].reader);
    }
    epoch_domain_destroy(world.domain);
    for (size_t i = 0; i < TABLES; i++) {
        ring_destroy(&world.memory, world.tables[i].ring);
    }
}

static void print_help(void) {
    puts("usage: bench_swap [--json] [--rounds N]\n"
         "\n"
         "Nanoseconds per section of eight lookups in two threads, while the ring of 100 and of\n"
         "1000 members is swapped a thousand times a second, and while it is not. How to read it:\n"
         "the head of bench/swap.c.\n"
         "\n"
         "  --json       one JSON object instead of the table\n"
         "  --rounds N   quiet and swapped stretches take N turns, 1..100 (10)\n"
         "  --help       this text");
}

/* -1 = go on; otherwise the exit code. */
static int parse_options(int argc, char **argv, size_t *rounds, bool *json) {
    static const struct option words[] = {{"json", no_argument, NULL, 'j'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int word = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
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
                fprintf(stderr, "bench_swap: '%s' is not a number from 1 to %d\n", optarg,
                        ROUNDS_MAX);
                return 2;
            }
        } else {
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "bench_swap: '%s' is not an option\n", argv[optind]);
        return 2;
    }
    return -1;
}

int main(int argc, char **argv) {
    static const size_t sizes[] = {100, 1000};
    enum { SIZES_COUNT = sizeof(sizes) / sizeof(sizes[0]), ROWS = SIZES_COUNT * ROWS_PER_SIZE };
    static struct report_row rows[ROWS];
    size_t rounds = 10;
    bool json = false;
    const int code = parse_options(argc, argv, &rounds, &json);
    if (code >= 0) {
        return code;
    }
    struct random random = random_of_seed(1);
    for (size_t i = 0; i < HASHES; i++) {
        world.hashes[i] = random_u64(&random);
    }
    for (size_t i = 0; i < SIZES_COUNT; i++) {
        run_size(sizes[i], rounds, rows + i * ROWS_PER_SIZE);
    }
    report_print("swap", "members", rows, ROWS, json);
    return 0;
}
