/* core/runtime/thread.c - see thread.h. */
#include "core/runtime/thread.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/runtime/affinity.h"
#include "core/runtime/detector_role.h"
#include "core/runtime/gossip_role.h"
#include "core/runtime/io_role.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { START_UNDER_WAY = 0, START_GOOD, START_BAD };

/* Asked in this order: what io delivers the others handle in the same turn. */
static uint32_t roles_step(struct runtime_thread *thread, uint64_t now_ns) {
    struct henge_runtime *runtime = thread->runtime;
    uint32_t count = 0;
    if (thread->has_role[ROLE_IO]) {
        counter_add(&runtime->turns[ROLE_IO], 1);
        count += io_role_step(runtime->io, now_ns);
    }
    if (thread->has_role[ROLE_DETECTOR]) {
        counter_add(&runtime->turns[ROLE_DETECTOR], 1);
        count += detector_role_step(runtime->detector, now_ns);
    }
    if (thread->has_role[ROLE_GOSSIP]) {
        counter_add(&runtime->turns[ROLE_GOSSIP], 1);
        count += gossip_role_step(runtime->gossip, now_ns);
    }
    return count;
}

static uint64_t roles_deadline(const struct runtime_thread *thread) {
    const struct henge_runtime *runtime = thread->runtime;
    uint64_t deadlines[ROLE_COUNT] = {TIME_NEVER, TIME_NEVER, TIME_NEVER};
    uint64_t first_ns = TIME_NEVER;
    if (thread->has_role[ROLE_IO]) {
        deadlines[ROLE_IO] = io_role_deadline(runtime->io);
    }
    if (thread->has_role[ROLE_GOSSIP]) {
        deadlines[ROLE_GOSSIP] = gossip_role_deadline(runtime->gossip);
    }
    if (thread->has_role[ROLE_DETECTOR]) {
        deadlines[ROLE_DETECTOR] = detector_role_deadline(runtime->detector);
    }
    for (int role = 0; role < ROLE_COUNT; role++) {
        first_ns = deadlines[role] < first_ns ? deadlines[role] : first_ns;
    }
    return first_ns;
}

/* The second look, after the announcement: see waker.h. */
static bool roles_have_input(const struct runtime_thread *thread) {
    const struct henge_runtime *runtime = thread->runtime;
    return (thread->has_role[ROLE_IO] && io_role_has_input(runtime->io)) ||
           (thread->has_role[ROLE_GOSSIP] && gossip_role_has_input(runtime->gossip)) ||
           (thread->has_role[ROLE_DETECTOR] && detector_role_has_input(runtime->detector)) ||
           atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&runtime->stop,
                                memory_order_seq_cst) != 0;
}

static uint64_t timeout_until(uint64_t deadline_ns, uint64_t now_ns) {
    if (deadline_ns == TIME_NEVER) {
        return TIME_NEVER;
    }
    return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

/* Waits for packets, a wake or the deadline; io's wait is its turn, which it takes in any case:
 * what was written goes out by the same system call. */
static void rest(struct runtime_thread *thread, uint64_t now_ns) {
    uint64_t timeout_ns = 0;
    waker_announce(&thread->waker);
    if (!roles_have_input(thread)) {
        timeout_ns = timeout_until(roles_deadline(thread), now_ns);
    }
    if (thread->has_role[ROLE_IO]) {
        io_role_turn(thread->runtime->io, now_ns, timeout_ns);
    } else if (timeout_ns > 0) {
        waker_sleep(&thread->waker, timeout_ns);
    }
    waker_awake(&thread->waker);
}

/* A CPU of its own when there is much to do, and back to the one of all when that is over. */
static void look_at_load(struct runtime_thread *thread, uint64_t now_ns) {
    struct spread *spread = &thread->spread;
    if (thread->is_cpu_shared && spread_is_due(spread, now_ns) &&
        spread_look(spread, now_ns, clock_thread_cpu_ns())) {
        (void)(spread->is_wide ? affinity_widen(&thread->cpus) : affinity_pin(thread->cpu));
    }
}

static bool thread_begin(struct runtime_thread *thread) {
    struct henge_runtime *runtime = thread->runtime;
    thread->is_cpu_shared &= sched_getaffinity(0, sizeof(thread->cpus), &thread->cpus) == 0;
    if (thread->cpu >= 0 && !affinity_pin(thread->cpu)) {
        log_write(&runtime->log, HENGE_LOG_WARN, "%s: cannot be pinned to CPU %d", thread->name,
                  thread->cpu);
    }
    if (runtime->thread_hooks.start) {
        runtime->thread_hooks.start(runtime->thread_hooks.context, thread->name);
    }
    return !thread->has_role[ROLE_IO] || io_role_adopt(runtime->io) == HENGE_OK;
}

static void *thread_main(void *argument) {
    struct runtime_thread *thread = argument;
    struct henge_runtime *runtime = thread->runtime;
    bool is_good = thread_begin(thread);
    atomic_store_explicit(&thread->start_state, is_good ? START_GOOD : START_BAD,
                          memory_order_release);
    futex_wake_all(&thread->start_state);
    while (is_good && atomic_load_explicit(&runtime->stop, memory_order_acquire) == 0) {
        uint64_t now_ns = clock_monotonic_ns();
        look_at_load(thread, now_ns);
        roles_step(thread, now_ns);
        rest(thread, now_ns);
    }
    if (runtime->thread_hooks.stop) {
        runtime->thread_hooks.stop(runtime->thread_hooks.context, thread->name);
    }
    return NULL;
}

enum henge_status threads_plan(struct henge_runtime *runtime) {
    static const char *const names[ROLE_COUNT] = {"henge-io", "henge-gossip", "henge-detect"};
    uint32_t count = runtime->config.threads;
    int cpus[ROLE_COUNT] = {-1, -1, -1};
    ASSERT(count >= 1 && count <= ROLE_COUNT); /* validated with the config */
    if (!affinity_choose(runtime->config.affinity, count, cpus)) {
        return HENGE_INVALID;
    }
    runtime->threads_count = count;
    for (uint32_t role = 0; role < ROLE_COUNT; role++) {
        uint32_t index = role < count ? role : count - 1;
        runtime->thread_of[role] = &runtime->threads[index];
        runtime->threads[index].has_role[role] = true;
    }
    for (uint32_t index = 0; index < count; index++) {
        struct runtime_thread *thread = &runtime->threads[index];
        thread->runtime = runtime;
        thread->cpu = cpus[index];
        thread->is_cpu_shared = affinity_is_shared(runtime->config.affinity, count);
        snprintf(thread->name, sizeof(thread->name), "%s", names[index]);
        waker_init(&thread->waker, thread->has_role[ROLE_IO] ? runtime->transport : NULL);
    }
    return HENGE_OK;
}

/* The thread inherits a mask with everything blocked: signals belong to the embedding program. */
static bool thread_spawn(struct runtime_thread *thread) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    atomic_store_explicit(&thread->start_state, START_UNDER_WAY, memory_order_relaxed);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread->is_started = pthread_create(&thread->thread, NULL, thread_main, thread) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!thread->is_started) {
        return false;
    }
    pthread_setname_np(thread->thread, thread->name);
    uint32_t state;
    while ((state = atomic_load_explicit(&thread->start_state, memory_order_acquire)) ==
           START_UNDER_WAY) {
        futex_wait(&thread->start_state, START_UNDER_WAY, TIME_NEVER);
    }
    return state == START_GOOD;
}

enum henge_status threads_start(struct henge_runtime *runtime) {
    for (uint32_t index = 0; index < runtime->threads_count; index++) {
        if (!thread_spawn(&runtime->threads[index])) {
            threads_stop(runtime);
            return HENGE_SYSTEM;
        }
    }
    return HENGE_OK;
}

void threads_stop(struct henge_runtime *runtime) {
    atomic_store_explicit(&runtime->stop, 1, memory_order_seq_cst);
    for (uint32_t index = 0; index < runtime->threads_count; index++) {
        struct runtime_thread *thread = &runtime->threads[index];
        if (thread->is_started) {
            waker_wake(&thread->waker);
            pthread_join(thread->thread, NULL);
            thread->is_started = false;
        }
    }
}
