/* core/runtime/control.c - see control.h. */
#include "core/runtime/control.h"
#include "core/base/clock.h"
#include "core/runtime/runtime_internal.h"
#include <unistd.h>

/* Milliseconds that the end of an abandoned call is waited for. */
enum { ABANDONED_TRIES = 1000 };

/* A waiting caller looks this often whether the runtime has stopped. */
#define CONTROL_LOOK_NS (200 * NS_PER_MS)

enum henge_status control_enter(struct henge_node *node, enum control_kind kind) {
    struct control *control = &node->control;
    if (!atomic_load_explicit(&node->runtime->is_running, memory_order_acquire)) {
        return HENGE_STOPPED;
    }
    for (uint32_t tries = 0;
         atomic_exchange_explicit(&control->inside, 1, memory_order_acquire) != 0; tries++) {
        uint32_t state = atomic_load_explicit(&control->state, memory_order_relaxed);
        if (state != CONTROL_ABANDONED || tries == ABANDONED_TRIES) {
            return HENGE_BUSY;
        }
        usleep(1000); /* nobody is inside any more: the gossip thread is about to notice */
    }
    control->kind = kind;
    control->has_begun = false;
    control->deadline_ns = TIME_NEVER;
    return HENGE_OK;
}

void control_cancel(struct henge_node *node) {
    atomic_store_explicit(&node->control.inside, 0, memory_order_release);
}

void control_announce(struct henge_runtime *runtime) {
    atomic_store_explicit(&runtime->control_attention, 1, memory_order_release);
    waker_wake(&runtime->thread_of[ROLE_GOSSIP]->waker);
}

/* The runtime is being stopped: when its threads have ended nobody can be inside any more. */
static void stop_await(struct henge_runtime *runtime) {
    while (atomic_load_explicit(&runtime->is_running, memory_order_acquire) != 0) {
        usleep(1000);
    }
}

static bool abandon(struct henge_node *node) {
    uint32_t expected = CONTROL_REQUESTED;
    if (!atomic_compare_exchange_strong_explicit(&node->control.state, &expected, CONTROL_ABANDONED,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        return false; /* it is done after all */
    }
    control_announce(node->runtime);
    return true;
}

enum henge_status control_run(struct henge_node *node, uint64_t timeout_ns) {
    struct control *control = &node->control;
    struct henge_runtime *runtime = node->runtime;
    uint64_t until_ns = timeout_ns == TIME_NEVER ? TIME_NEVER : clock_monotonic_ns() + timeout_ns;
    atomic_store_explicit(&control->state, CONTROL_REQUESTED, memory_order_release);
    control_announce(runtime);
    while (atomic_load_explicit(&control->state, memory_order_acquire) != CONTROL_DONE) {
        uint64_t now_ns = clock_monotonic_ns();
        bool is_stopping = atomic_load_explicit(&runtime->stop, memory_order_acquire) != 0;
        if (is_stopping) {
            stop_await(runtime);
        }
        if ((is_stopping || now_ns >= until_ns) && abandon(node)) {
            return is_stopping ? HENGE_STOPPED : HENGE_TIMEOUT;
        }
        if (!is_stopping && now_ns < until_ns) {
            uint64_t wait_ns = until_ns - now_ns;
            futex_wait(&control->state, CONTROL_REQUESTED,
                       wait_ns < CONTROL_LOOK_NS ? wait_ns : CONTROL_LOOK_NS);
        }
    }
    enum henge_status result = control->result;
    atomic_store_explicit(&control->state, CONTROL_IDLE, memory_order_relaxed);
    atomic_store_explicit(&control->inside, 0, memory_order_release);
    return result;
}

bool control_is_pending(const struct control *control) {
    uint32_t state =
        atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&control->state, memory_order_acquire);
    return state == CONTROL_REQUESTED || state == CONTROL_ABANDONED;
}

void control_finish(struct control *control, enum henge_status result) {
    uint32_t expected = CONTROL_REQUESTED;
    control->result = result;
    if (atomic_compare_exchange_strong_explicit(&control->state, &expected, CONTROL_DONE,
                                                memory_order_acq_rel, memory_order_acquire)) {
        futex_wake_all(&control->state);
        return;
    }
    atomic_store_explicit(&control->state, CONTROL_IDLE, memory_order_relaxed);
    atomic_store_explicit(&control->inside, 0, memory_order_release);
}
