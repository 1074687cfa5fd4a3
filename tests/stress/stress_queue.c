/* stress_queue - two threads on one queue: order, contents, and the ordering that the queue
 * promises, for several capacities and element sizes.
 *
 * Each element carries its number in every word, and a pointer to a plain object that the producer
 * fills before the push and the consumer alone touches after the pop, so ThreadSanitizer judges the
 * hand-over. With --plant-late-write the producer fills the object after the push: the program must
 * then report a torn element (a test of this test). Exit 0 = passed, 1 = failed. */
#include "core/base/clock.h"
#include "core/base/queue.h"
#include "core/base/random.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum {
    WORDS_MAX = 8,
    OBJECTS = 256, /* more than any capacity below, so that an object is back before its reuse */
    PAYLOAD_WORDS = 4
};

static const uint64_t ROUND_NS = 200 * NS_PER_MS;

/* Owned by whoever holds its pointer. Returned through the second queue. */
struct object {
    uint64_t payload[PAYLOAD_WORDS];
};

struct round {
    struct queue *forth; /* elements of `words` words; word 0 is the object's address */
    struct queue *back;  /* object addresses */
    uint32_t words;
    bool plant_late_write;
    _Atomic bool stop;
    uint64_t pushed;
    uint64_t popped;
    uint64_t torn;
};

static void yield_sometimes(struct random *random) {
    uint64_t dice = random_below(random, 64);
    if (dice == 0) {
        sched_yield();
    } else if (dice < 4) {
        for (uint64_t i = random_below(random, 200); i > 0; i--) {
            __asm__ volatile("" ::: "memory");
        }
    }
}

static void fill(struct object *object, uint64_t number) {
    for (size_t i = 0; i < PAYLOAD_WORDS; i++) {
        object->payload[i] = number;
    }
}

static void *produce(void *argument) {
    struct round *round = argument;
    struct random random = random_of_seed(round->words);
    uint64_t element[WORDS_MAX];
    uint64_t number = 0;
    while (!atomic_load_explicit(&round->stop, memory_order_relaxed)) {
        struct object *object = NULL;
        while (!queue_pop(round->back, &object)) {
            sched_yield();
        }
        for (size_t i = 1; i < WORDS_MAX; i++) {
            element[i] = number;
        }
        element[0] = (uint64_t)(uintptr_t)object;
        if (!round->plant_late_write) {
            fill(object, number);
        }
        while (!queue_push(round->forth, element)) {
            sched_yield();
        }
        if (round->plant_late_write) {
            sched_yield();
            fill(object, number);
        }
        number++;
        yield_sometimes(&random);
    }
    round->pushed = number;
    return NULL;
}

/* Takes what there is; returns whether there was any. */
static bool consume_one(struct round *round) {
    uint64_t element[WORDS_MAX] = {0};
    if (!queue_pop(round->forth, element)) {
        return false;
    }
    struct object *object = (struct object *)(uintptr_t)element[0];
    for (size_t i = 1; i < round->words; i++) {
        round->torn += element[i] != round->popped;
    }
    for (size_t i = 0; i < PAYLOAD_WORDS; i++) {
        round->torn += object->payload[i] != round->popped;
    }
    round->popped++;
    if (!queue_push(round->back, &object)) {
        round->torn++; /* cannot be full: it has room for all objects */
    }
    return true;
}

static bool run_round(struct memory *memory, uint32_t capacity, uint32_t words, bool plant) {
    static struct object objects[OBJECTS];
    struct round round = {.words = words, .plant_late_write = plant};
    round.forth = queue_create(memory, capacity, words * (uint32_t)sizeof(uint64_t));
    round.back = queue_create(memory, 2 * OBJECTS, sizeof(struct object *));
    if (round.forth == NULL || round.back == NULL) {
        return false;
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        struct object *object = &objects[i];
        queue_push(round.back, &object);
    }
    pthread_t producer;
    if (pthread_create(&producer, NULL, produce, &round) != 0) {
        return false;
    }
    struct random random = random_of_seed(capacity);
    uint64_t deadline = clock_monotonic_ns() + ROUND_NS;
    while (clock_monotonic_ns() < deadline) {
        uint32_t waiting = queue_count(round.forth);
        for (uint32_t i = 0; i < waiting; i++) {
            round.torn += !consume_one(&round); /* the count promised at least these */
        }
        yield_sometimes(&random);
        if (waiting == 0) {
            sched_yield();
        }
    }
    atomic_store_explicit(&round.stop, true, memory_order_relaxed);
    /* The producer may wait for room: keep taking until it has ended. */
    while (pthread_tryjoin_np(producer, NULL) != 0) {
        consume_one(&round);
    }
    while (consume_one(&round)) {
    }
    printf("capacity %3u, %2u bytes: %llu handed over, %llu torn\n", capacity, words * 8,
           (unsigned long long)round.popped, (unsigned long long)round.torn);
    queue_destroy(round.forth);
    queue_destroy(round.back);
    return round.torn == 0 && round.popped == round.pushed && round.popped > 0;
}

int main(int argc, char **argv) {
    bool plant = argc == 2 && strcmp(argv[1], "--plant-late-write") == 0;
    if (argc > 1 && !plant) {
        fprintf(stderr, "usage: stress_queue [--plant-late-write]\n");
        return 2;
    }
    struct memory memory;
    memory_init(&memory, NULL);
    static const uint32_t capacities[] = {4, 16, 128};
    static const uint32_t words[] = {1, 3, 8};
    bool passed = true;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            passed = run_round(&memory, capacities[i], words[j], plant) && passed;
        }
    }
    printf(passed ? "passed\n" : "FAILED: torn elements\n");
    return passed ? 0 : 1;
}
