/* bench/lookup_ways.c - see lookup_ways.h. */
#include "bench/lookup_ways.h"
#include "core/base/random.h"
#include "ring/ring_internal.h"
#include <stdio.h>
#include <stdlib.h>

enum { SECTION_LOOKUPS = 8 };

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

static uint32_t ask_ketama(const struct subject *subject, uint64_t hash) {
    const uint64_t key[KEY_BYTES / 8] = {hash, ~hash};
    return ketama_owner(subject->ketama, key, KEY_BYTES);
}

static uint32_t ask_owners(const struct subject *subject, uint64_t hash) {
    struct henge_route route;
    if (henge_ring_owners(subject->ring, hash, REPLICAS, &route) != HENGE_OK) {
        return HENGE_NO_SLOT;
    }
    return route.owners[REPLICAS - 1].slot;
}

/* The limit: what any lookup in a table of that size has to do. Called, as they are. */
__attribute__((noinline)) static uint32_t load(const struct subject *subject, uint64_t hash) {
    return (uint32_t)subject->table[hash >> subject->table_shift];
}

/* The two loops around one way of asking. Answers have 16 bits, so answer >> 16 is 0; the empty asm
 * hides that from the compiler, and the processor must wait for the answer to know. It goes in at
 * the top of the hash, where each way looks first. */
#define RUN_LATENCY(ask)                                                                           \
    static uint64_t ask##_latency(const struct subject *subject, size_t lookups) {                 \
        uint64_t sum = 0;                                                                          \
        uint64_t answer = 0;                                                                       \
        epoch_begin(subject->section);                                                             \
        for (size_t i = 0; i < lookups; i++) {                                                     \
            answer = ask(subject, subject->hashes[i % HASHES] + (answer >> 16));                   \
            __asm__ volatile("" : "+r"(answer));                                                   \
            sum += answer;                                                                         \
        }                                                                                          \
        epoch_end(subject->section);                                                               \
        return sum;                                                                                \
    }
#define RUN_THROUGHPUT(ask)                                                                        \
    static uint64_t ask##_throughput(const struct subject *subject, size_t lookups) {              \
        uint64_t sum = 0;                                                                          \
        epoch_begin(subject->section);                                                             \
        for (size_t i = 0; i < lookups; i++) {                                                     \
            sum += ask(subject, subject->hashes[i % HASHES]);                                      \
        }                                                                                          \
        epoch_end(subject->section);                                                               \
        return sum;                                                                                \
    }

RUN_LATENCY(ask_owner_hash)
RUN_LATENCY(ask_owners)
RUN_LATENCY(search)
RUN_LATENCY(load)
RUN_THROUGHPUT(ask_owner_hash)
RUN_THROUGHPUT(ask_owner)
RUN_THROUGHPUT(ask_owners)
RUN_THROUGHPUT(search)
RUN_THROUGHPUT(ask_search_key)
RUN_THROUGHPUT(ask_ketama)
RUN_THROUGHPUT(load)

static uint64_t owner_many_throughput(const struct subject *subject, size_t lookups) {
    uint64_t sum = 0;
    uint16_t slots[64];
    epoch_begin(subject->section);
    for (size_t i = 0; i + 64 <= lookups; i += 64) {
        henge_ring_owner_many(subject->ring, &subject->hashes[i % HASHES], 64, slots);
        sum += slots[63];
    }
    epoch_end(subject->section);
    return sum;
}

static uint64_t sections_throughput(const struct subject *subject, size_t lookups) {
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

/* As henge_reader_begin and _end, with nothing between. */
static uint64_t section_empty(const struct subject *subject, size_t lookups) {
    uint64_t sum = 0;
    for (size_t i = 0; i < lookups; i++) {
        epoch_begin(subject->section);
        sum += (uintptr_t)atomic_load_explicit(&subject->published, memory_order_acquire);
        epoch_end(subject->section);
    }
    return sum;
}

static uint64_t acquire_load(const struct subject *subject, size_t lookups) {
    uint64_t sum = 0;
    for (size_t i = 0; i < lookups; i++) {
        sum += (uintptr_t)atomic_load_explicit(&subject->published, memory_order_acquire);
        __asm__ volatile("" : : : "memory");
    }
    return sum;
}

enum {
    OWNER_LATENCY,
    OWNER_THROUGHPUT,
    SEARCH_LATENCY,
    SEARCH_THROUGHPUT,
    SEARCH_KEY_THROUGHPUT,
    LOAD_LATENCY,
    LOAD_THROUGHPUT,
    KETAMA,
    ACQUIRE_LOAD
};

#define NO_GOALS                                                                                   \
    { 0, 0, 0, 0 }

const struct way ways[] = {
    [OWNER_LATENCY] = {"owner_hash, latency",
                       ask_owner_hash_latency,
                       LOAD_LATENCY,
                       REPORT_TIMES_AS_LONG,
                       {2.2, 1.9, 1.7, 1.2},
                       false},
    [OWNER_THROUGHPUT] = {"owner_hash, throughput",
                          ask_owner_hash_throughput,
                          LOAD_THROUGHPUT,
                          REPORT_TIMES_AS_LONG,
                          {3, 3, 3, 0},
                          false},
    [SEARCH_LATENCY] = {"binary search, latency", search_latency, OWNER_LATENCY,
                        REPORT_TIMES_AS_LONG, NO_GOALS, false},
    [SEARCH_THROUGHPUT] = {"binary search, throughput", search_throughput, -1, REPORT_TIMES_FASTER,
                           NO_GOALS, false},
    [SEARCH_KEY_THROUGHPUT] = {"hash + binary search, throughput", ask_search_key_throughput, -1,
                               REPORT_TIMES_FASTER, NO_GOALS, false},
    [LOAD_LATENCY] = {"one load, latency", load_latency, -1, REPORT_TIMES_FASTER, NO_GOALS, false},
    [LOAD_THROUGHPUT] = {"one load, throughput", load_throughput, -1, REPORT_TIMES_FASTER, NO_GOALS,
                         false},
    [KETAMA] = {"ketama, 16-byte key, throughput", ask_ketama_throughput, -1, REPORT_TIMES_FASTER,
                NO_GOALS, true},
    [ACQUIRE_LOAD] = {"acquire load", acquire_load, -1, REPORT_TIMES_FASTER, NO_GOALS, false},
    {"owner_hash, throughput",
     ask_owner_hash_throughput,
     SEARCH_THROUGHPUT,
     REPORT_TIMES_FASTER,
     {0, 15, 15, 0},
     false},
    {"owner_many, throughput", owner_many_throughput, SEARCH_THROUGHPUT, REPORT_TIMES_FASTER,
     NO_GOALS, false},
    {"owner, 16-byte key, throughput", ask_owner_throughput, SEARCH_KEY_THROUGHPUT,
     REPORT_TIMES_FASTER, NO_GOALS, false},
    {"owner, 16-byte key, throughput",
     ask_owner_throughput,
     KETAMA,
     REPORT_TIMES_FASTER,
     {0, 30, 0, 0},
     true},
    {"owners(3), 3 zones, latency",
     ask_owners_latency,
     OWNER_LATENCY,
     REPORT_TIMES_AS_LONG,
     {0, 1.4, 1.9, 0},
     false},
    {"owners(3), 3 zones, throughput", ask_owners_throughput, OWNER_THROUGHPUT,
     REPORT_TIMES_AS_LONG, NO_GOALS, false},
    {"owner_hash, in sections of 8", sections_throughput, OWNER_THROUGHPUT, REPORT_TIMES_AS_LONG,
     NO_GOALS, false},
    {"empty section", section_empty, ACQUIRE_LOAD, REPORT_TIMES_AS_LONG, {4, 4, 4, 4}, false},
};
const size_t ways_count = sizeof(ways) / sizeof(ways[0]);

static bool search_prepare(struct subject *subject) {
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

/* A power of two of words, as the cells are one of lines. */
static bool table_prepare(struct subject *subject) {
    const size_t words = ring_cells_count(subject->ring) * sizeof(struct ring_cell) / 8;
    struct random random = random_of_seed(2);
    subject->table = calloc(words, sizeof(*subject->table));
    if (subject->table == NULL) {
        return false;
    }
    subject->table_shift = (unsigned)__builtin_clzll(words - 1);
    for (size_t i = 0; i < words; i++) {
        subject->table[i] = random_below(&random, 1 << 16);
    }
    return true;
}

bool subject_prepare(struct subject *subject, size_t members) {
    subject->published = subject->ring;
    subject->ketama = ketama_create(members);
    return search_prepare(subject) && table_prepare(subject);
}

void subject_release(struct subject *subject) {
    free(subject->until);
    free(subject->owners);
    free(subject->table);
    ketama_destroy(subject->ketama);
}
