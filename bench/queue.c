/* bench/queue.c - what does it cost to hand a message from one thread to another?
 *
 * How to read it. Each row is nanoseconds per message, pushed and popped, with `batch` messages
 * pushed before any is popped; the two ways take turns in one run.
 *
 *   one thread      both sides by turns: the instructions alone. Reference: ck_ring itself, inlined
 *                   into the loop, where core/base/queue.h is a call each way
 *   two threads     one pushes as fast as it can, the other pops, each on a CPU of its own and
 *                   spinning: the cache lines that go to and fro
 *   asleep          the popping thread sleeps; a batch is pushed, it is woken, and the clock stops
 *                   when it has seen the last message. Reference: a futex and nothing else. One
 *                   wake-up is paid by the whole batch, which is why roles hand over in batches
 *
 * 8 bytes are a buffer that goes home, 64 a message between roles (role_message.h).
 * Exit codes: 0 printed, 1 no memory or no thread, 2 usage. */
#include "bench/report.h"
#include "core/base/clock.h"
#include "core/base/queue.h"
#include "core/runtime/waker.h"
#include <ck_ring.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CAPACITY = 1024,
    ROUNDS = 7,
    MESSAGES = 1 << 20, /* of a round */
    WAKES = 500,        /* of a round */
    BATCHES = 3,
    SETTLE_NS = 30000, /* until the other thread sleeps again */
    ROWS_MAX = 5 * BATCHES
};

static const uint32_t batches[BATCHES] = {1, 16, 256};

struct word {
    uint64_t value;
};
struct line {
    uint64_t value[8];
};

static struct {
    struct memory memory;
    struct queue *words, *lines;
    struct ck_ring ring;
    struct word ring_words[CAPACITY];
    struct line ring_lines[CAPACITY];
    struct waker waker;
    _Atomic uint32_t bell;     /* the bare futex */
    _Atomic uint64_t received; /* by the other thread */
    _Atomic bool is_over;
    uint64_t sum; /* of what was popped by turns */
    struct report_row rows[ROWS_MAX];
    size_t rows_count;
} world;

/* A loop over each of four ways; what is popped is added up, so that nothing is left out. */
#define WAY(name, type, PUSH, POP)                                                                 \
    static uint64_t name##_by_turns(uint32_t batch) {                                              \
        type message = {0};                                                                        \
        uint64_t sum = 0;                                                                          \
        for (uint32_t done = 0; done < MESSAGES; done += batch) {                                  \
            for (uint32_t i = 0; i < batch; i++) {                                                 \
                *(uint64_t *)(void *)&message = i;                                                 \
                (void)PUSH(&message);                                                              \
            }                                                                                      \
            for (uint32_t i = 0; i < batch; i++) {                                                 \
                (void)POP(&message);                                                               \
                sum += *(uint64_t *)(void *)&message;                                              \
            }                                                                                      \
        }                                                                                          \
        return sum;                                                                                \
    }                                                                                              \
    static void *name##_popped(void *unused) {                                                     \
        type message;                                                                              \
        (void)unused;                                                                              \
        for (uint32_t done = 0; done < MESSAGES;) {                                                \
            if (POP(&message)) {                                                                   \
                done++;                                                                            \
            } else {                                                                               \
                ck_pr_stall();                                                                     \
            }                                                                                      \
        }                                                                                          \
        return NULL;                                                                               \
    }                                                                                              \
    static void name##_pushed(void) {                                                              \
        type message = {0};                                                                        \
        for (uint32_t done = 0; done < MESSAGES;) {                                                \
            if (PUSH(&message)) {                                                                  \
                done++;                                                                            \
            } else {                                                                               \
                ck_pr_stall();                                                                     \
            }                                                                                      \
        }                                                                                          \
    }

#define WORDS_PUSH(message) queue_push(world.words, message)
#define WORDS_POP(message) queue_pop(world.words, message)
#define LINES_PUSH(message) queue_push(world.lines, message)
#define LINES_POP(message) queue_pop(world.lines, message)
#define BARE_WORDS_PUSH(message)                                                                   \
    _ck_ring_enqueue_sp(&world.ring, world.ring_words, message, sizeof(struct word), NULL)
#define BARE_WORDS_POP(message)                                                                    \
    _ck_ring_dequeue_sc(&world.ring, world.ring_words, message, sizeof(struct word))
#define BARE_LINES_PUSH(message)                                                                   \
    _ck_ring_enqueue_sp(&world.ring, world.ring_lines, message, sizeof(struct line), NULL)
#define BARE_LINES_POP(message)                                                                    \
    _ck_ring_dequeue_sc(&world.ring, world.ring_lines, message, sizeof(struct line))
WAY(words, struct word, WORDS_PUSH, WORDS_POP)
WAY(lines, struct line, LINES_PUSH, LINES_POP)
WAY(bare_words, struct word, BARE_WORDS_PUSH, BARE_WORDS_POP)
WAY(bare_lines, struct line, BARE_LINES_PUSH, BARE_LINES_POP)

struct way {
    uint64_t (*by_turns)(uint32_t batch);
    void *(*popped)(void *unused);
    void (*pushed)(void);
};
static const struct way ways[2][2] = {
    {{words_by_turns, words_popped, words_pushed},
     {bare_words_by_turns, bare_words_popped, bare_words_pushed}},
    {{lines_by_turns, lines_popped, lines_pushed},
     {bare_lines_by_turns, bare_lines_popped, bare_lines_pushed}}};

static void row_add(const char *name, uint32_t batch, double samples[2][ROUNDS],
                    const char *reference) {
    struct report_row bare = {0};
    struct report_row *row = &world.rows[world.rows_count++];
    *row = (struct report_row){.name = name,
                               .n = batch,
                               .unit = "ns",
                               .reference = reference,
                               .ratio = REPORT_TIMES_AS_LONG};
    report_set_samples(row, samples[0], ROUNDS);
    report_set_samples(&bare, samples[1], ROUNDS);
    row->reference_value = bare.value;
}

static void by_turns(const char *name, const struct way pair[2]) {
    for (int at = 0; at < BATCHES; at++) {
        double samples[2][ROUNDS];
        for (int round = 0; round < 2 * ROUNDS; round++) {
            const uint64_t begin_ns = clock_monotonic_ns();
            world.sum += pair[round % 2].by_turns(batches[at]);
            samples[round % 2][round / 2] = (double)(clock_monotonic_ns() - begin_ns) / MESSAGES;
        }
        row_add(name, batches[at], samples, "bare ck_ring");
    }
}

static void pin(pthread_t thread, int cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET((size_t)cpu, &cpus);
    (void)pthread_setaffinity_np(thread, sizeof(cpus), &cpus);
}

/* On the second of the CPUs that this process may use; the main thread has the first. */
static pthread_t thread_start(void *(*run)(void *), const int cpus[2]) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, NULL) != 0) {
        fputs("bench_queue: no thread\n", stderr);
        exit(1);
    }
    pin(thread, cpus[1]);
    return thread;
}

static void two_threads(const char *name, const struct way pair[2], const int cpus[2]) {
    double samples[2][ROUNDS];
    for (int round = 0; round < 2 * ROUNDS; round++) {
        const struct way *way = &pair[round % 2];
        pthread_t other = thread_start(way->popped, cpus);
        const uint64_t begin_ns = clock_monotonic_ns();
        way->pushed();
        pthread_join(other, NULL);
        samples[round % 2][round / 2] = (double)(clock_monotonic_ns() - begin_ns) / MESSAGES;
    }
    row_add(name, CAPACITY, samples, "bare ck_ring");
}

/* As the roles do it: drain, announce, look again, sleep. */
static void *sleeper(void *unused) {
    struct line message;
    (void)unused;
    while (!atomic_load_explicit(&world.is_over, memory_order_acquire)) {
        uint64_t count = 0;
        while (queue_pop(world.lines, &message)) {
            count++;
        }
        atomic_fetch_add_explicit(&world.received, count, memory_order_release);
        waker_announce(&world.waker);
        if (queue_count(world.lines) == 0) {
            waker_sleep(&world.waker, NS_PER_S);
        }
        waker_awake(&world.waker);
    }
    return NULL;
}

static void *futex_sleeper(void *unused) {
    uint32_t heard = 0;
    (void)unused;
    while (!atomic_load_explicit(&world.is_over, memory_order_acquire)) {
        const uint32_t now = atomic_load_explicit(&world.bell, memory_order_acquire);
        atomic_fetch_add_explicit(&world.received, now - heard, memory_order_release);
        heard = now;
        futex_wait(&world.bell, heard, NS_PER_S);
    }
    return NULL;
}

static void push_and_wake(uint32_t batch) {
    const struct line message = {{0}};
    for (uint32_t i = 0; i < batch; i++) {
        (void)queue_push(world.lines, &message);
    }
    waker_wake(&world.waker);
}

static void ring_the_bell(uint32_t batch) {
    atomic_fetch_add_explicit(&world.bell, batch, memory_order_release);
    futex_wake_all(&world.bell);
}

static double round_of_wakes(void *(*run)(void *), void (*hand_over)(uint32_t), uint32_t batch,
                             const int cpus[2]) {
    uint64_t sent = 0, spent_ns = 0;
    atomic_store(&world.received, 0);
    atomic_store(&world.bell, 0);
    atomic_store(&world.is_over, false);
    pthread_t other = thread_start(run, cpus);
    for (int wake = 0; wake < WAKES; wake++) {
        const uint64_t rest_ns = clock_monotonic_ns() + SETTLE_NS;
        while (clock_monotonic_ns() < rest_ns) {
            ck_pr_stall();
        }
        const uint64_t begin_ns = clock_monotonic_ns();
        hand_over(batch);
        sent += batch;
        while (atomic_load_explicit(&world.received, memory_order_acquire) < sent) {
            ck_pr_stall();
        }
        spent_ns += clock_monotonic_ns() - begin_ns;
    }
    atomic_store_explicit(&world.is_over, true, memory_order_release);
    push_and_wake(1);
    ring_the_bell(1);
    pthread_join(other, NULL);
    struct line message;
    while (queue_pop(world.lines, &message)) {
    }
    return (double)spent_ns / (double)sent;
}

static void asleep(const int cpus[2]) {
    for (int at = 0; at < BATCHES; at++) {
        double samples[2][ROUNDS];
        for (int round = 0; round < ROUNDS; round++) {
            samples[0][round] = round_of_wakes(sleeper, push_and_wake, batches[at], cpus);
            samples[1][round] = round_of_wakes(futex_sleeper, ring_the_bell, batches[at], cpus);
        }
        row_add("asleep, 64 B", batches[at], samples, "bare futex");
    }
}

static bool world_create(void) {
    memory_init(&world.memory, NULL);
    world.words = queue_create(&world.memory, CAPACITY, sizeof(struct word));
    world.lines = queue_create(&world.memory, CAPACITY, sizeof(struct line));
    ck_ring_init(&world.ring, CAPACITY);
    waker_init(&world.waker, NULL);
    return world.words && world.lines;
}

/* How many of the first two CPUs that this process may use there are. */
static int cpus_get(int cpus_out[2]) {
    cpu_set_t cpus;
    int count = 0;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0) {
        return 0;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++) {
        if (CPU_ISSET((size_t)cpu, &cpus)) {
            cpus_out[count++] = cpu;
        }
    }
    return count;
}

static void print_help(void) {
    puts(
        "usage: bench_queue [--json]\n"
        "\n"
        "What it costs to hand a message from one thread to another, beside ck_ring and a futex by\n"
        "themselves. How to read it: the head of bench/queue.c. With one CPU only, the rows of two\n"
        "threads are left out.\n"
        "\n"
        "  --json  one JSON object instead of the table\n"
        "  --help  this text");
}

/* -1 = go on; otherwise the exit code. */
static int parse(int argc, char **argv, bool *json_out) {
    static const struct option words[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int word;
    while ((word = getopt_long(argc, argv, "", words, NULL)) != -1) {
        if (word == 'j') {
            *json_out = true;
        } else if (word == 'h') {
            print_help();
            return 0;
        } else {
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "bench_queue: '%s' is no option\n", argv[optind]);
        return 2;
    }
    return -1;
}

int main(int argc, char **argv) {
    bool json = false;
    int cpus[2];
    const int exit_code = parse(argc, argv, &json);
    if (exit_code != -1) {
        return exit_code;
    }
    if (!world_create()) {
        fputs("bench_queue: no memory\n", stderr);
        return 1;
    }
    const int count = cpus_get(cpus);
    report_pin();
    by_turns("one thread, 8 B", ways[0]);
    by_turns("one thread, 64 B", ways[1]);
    if (count == 2) {
        pin(pthread_self(), cpus[0]);
        two_threads("two threads, 8 B", ways[0], cpus);
        two_threads("two threads, 64 B", ways[1], cpus);
        asleep(cpus);
    }
    report_print("queue", "batch", world.rows, world.rows_count, json);
    queue_destroy(world.words);
    queue_destroy(world.lines);
    return 0;
}
