/* stress_epoch - one writer publishes and retires objects, readers read them inside sections, and
 * readers come and go. A released object is poisoned and soon used again, so a release that comes
 * too early shows in the contents a reader sees, without any sanitizer.
 *
 * With --fenced readers have a fence of their own, as where the kernel has no membarrier.
 * With --plant-early-free the writer releases at once instead of retiring: the program must then
 * report reads of released objects (a test of this test). Exit 0 = passed, 1 = failed. */
#include "core/base/clock.h"
#include "core/base/epoch.h"
#include "core/base/random.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum { READERS = 3, PLACES = 4, OBJECTS = 512, WORDS = 16, READERS_MAX = READERS + 1 };

static const uint64_t RUN_NS = 1500 * NS_PER_MS;
static const uint64_t POISON = UINT64_C(0xdddddddddddddddd);

/* While published: immutable, every word equal to the first, none of them POISON. */
struct object {
    struct epoch_entry entry;
    struct object *next_free;
    uint64_t words[WORDS];
};

/* The free list belongs to the writer, which runs the releases. */
static struct object objects[OBJECTS];
static struct object *free_objects;
static uint64_t released_count;

/* Release by the writer, acquire by readers: an object's words are seen with its pointer. */
static struct object *_Atomic places[PLACES];
static struct epoch_domain *domain;
static _Atomic bool stop;

struct reader_result {
    uint64_t sections, reads, bad_reads, refused;
    uint64_t seed;
};

/* Volatile: what may have changed under the reader is read anew each time. */
static bool is_whole(const struct object *object, struct random *random) {
    const volatile uint64_t *words = object->words;
    uint64_t first = words[0];
    for (size_t i = 1; i < WORDS; i++) {
        if (random_below(random, 128) == 0) {
            sched_yield(); /* in mid-read: where an early release would hurt */
        }
        if (words[i] != first) {
            return false;
        }
    }
    return first != POISON;
}

static void read_sections(struct epoch_reader *reader, struct reader_result *result,
                          struct random *random) {
    for (uint64_t sections = random_below(random, 200) + 1; sections > 0; sections--) {
        epoch_begin(reader);
        for (uint64_t reads = random_below(random, 8); reads > 0; reads--) {
            size_t place = (size_t)random_below(random, PLACES);
            struct object *object = atomic_load_explicit(&places[place], memory_order_acquire);
            result->bad_reads += !is_whole(object, random);
            result->reads++;
        }
        epoch_end(reader);
        result->sections++;
    }
}

static void *run_reader(void *argument) {
    struct reader_result *result = argument;
    struct random random = random_of_seed(result->seed);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        struct epoch_reader *reader = epoch_reader_create(domain);
        if (reader == NULL) {
            result->refused++; /* there is one place per thread and one over */
            continue;
        }
        read_sections(reader, result, &random);
        epoch_reader_destroy(reader);
    }
    return NULL;
}

static void release_object(struct epoch_entry *entry) {
    struct object *object = (struct object *)(void *)entry;
    for (size_t i = 0; i < WORDS; i++) {
        object->words[i] = POISON;
    }
    object->next_free = free_objects;
    free_objects = object;
    released_count++;
}

static struct object *take_object(uint64_t number) {
    struct object *object = free_objects;
    if (object != NULL) {
        free_objects = object->next_free;
        for (size_t i = 0; i < WORDS; i++) {
            object->words[i] = number;
        }
    }
    return object;
}

static void prepare(void) {
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i].next_free = free_objects;
        free_objects = &objects[i];
    }
    for (size_t i = 0; i < PLACES; i++) {
        atomic_store_explicit(&places[i], take_object(i), memory_order_release);
    }
}

/* Returns how many objects were retired. */
static uint64_t run_writer(bool plant_early_free) {
    struct random random = random_of_seed(1);
    uint64_t retired = 0;
    uint64_t deadline = clock_monotonic_ns() + RUN_NS;
    while (clock_monotonic_ns() < deadline) {
        struct object *object = take_object(retired + PLACES);
        if (object == NULL) {
            epoch_poll(domain); /* all wait for readers: let these run */
            sched_yield();
            continue;
        }
        size_t place = (size_t)random_below(&random, PLACES);
        struct object *old = atomic_exchange_explicit(&places[place], object, memory_order_acq_rel);
        retired++;
        if (plant_early_free) {
            release_object(&old->entry);
        } else {
            epoch_retire(domain, &old->entry, release_object);
        }
        if (random_below(&random, 4) == 0) {
            epoch_poll(domain);
        }
        if (random_below(&random, 32) == 0) {
            sched_yield();
        }
    }
    return retired;
}

int main(int argc, char **argv) {
    bool plant = argc == 2 && strcmp(argv[1], "--plant-early-free") == 0;
    bool is_fenced = argc == 2 && strcmp(argv[1], "--fenced") == 0;
    if (argc > 1 && !plant && !is_fenced) {
        fprintf(stderr, "usage: stress_epoch [--plant-early-free | --fenced]\n");
        return 2;
    }
    struct memory memory;
    memory_init(&memory, NULL);
    domain = epoch_domain_create(&memory, READERS_MAX);
    if (is_fenced) {
        epoch_domain_fence(domain);
    }
    prepare();
    pthread_t threads[READERS];
    struct reader_result results[READERS] = {0};
    for (size_t i = 0; i < READERS; i++) {
        results[i].seed = i + 2;
        if (pthread_create(&threads[i], NULL, run_reader, &results[i]) != 0) {
            return 1;
        }
    }
    uint64_t retired = run_writer(plant);
    atomic_store_explicit(&stop, true, memory_order_relaxed);
    struct reader_result sum = {0};
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        sum.sections += results[i].sections;
        sum.reads += results[i].reads;
        sum.bad_reads += results[i].bad_reads;
        sum.refused += results[i].refused;
    }
    uint64_t released_while_running = released_count;
    epoch_domain_destroy(domain);
    printf(
        "%llu sections, %llu reads, %llu retired, %llu released while readers ran, %llu refused\n",
        (unsigned long long)sum.sections, (unsigned long long)sum.reads,
        (unsigned long long)retired, (unsigned long long)released_while_running,
        (unsigned long long)sum.refused);
    if (sum.bad_reads > 0) {
        printf("FAILED: %llu reads of released objects\n", (unsigned long long)sum.bad_reads);
        return 1;
    }
    bool passed = sum.reads > 0 && sum.refused == 0 && released_while_running > OBJECTS &&
                  released_count == retired &&
                  atomic_load(&memory.held_bytes[HENGE_MEMORY_CORE]) == 0;
    printf(passed ? "passed\n" : "FAILED: reclamation stood still or lost objects\n");
    return passed ? 0 : 1;
}
