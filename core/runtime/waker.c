/* core/runtime/waker.c - see waker.h. */
#include "core/runtime/waker.h"
#include "core/base/clock.h"
#include "io/transport.h"
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WAKER_AWAKE = 0, WAKER_SLEEPING = 1 };

void waker_init(struct waker *waker, struct transport *transport) {
    atomic_init(&waker->state, WAKER_AWAKE);
    atomic_init(&waker->wakes, 0);
    waker->transport = transport;
}

void waker_announce(struct waker *waker) {
    /* Pairs with the fence in waker_wake: see the head of waker.h. */
    atomic_store_explicit(&waker->state, WAKER_SLEEPING, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
}

void waker_awake(struct waker *waker) {
    atomic_store_explicit(&waker->state, WAKER_AWAKE, memory_order_relaxed);
}

void futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns) {
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / NS_PER_S),
                               .tv_nsec = (long)(timeout_ns % NS_PER_S)};
    syscall(SYS_futex, (uint32_t *)(void *)word, FUTEX_WAIT_PRIVATE, expected,
            timeout_ns == TIME_NEVER ? NULL : &timeout, NULL, 0);
}

void futex_wake_all(_Atomic uint32_t *word) {
    syscall(SYS_futex, (uint32_t *)(void *)word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void waker_sleep(struct waker *waker, uint64_t timeout_ns) {
    futex_wait(&waker->state, WAKER_SLEEPING, timeout_ns);
}

void waker_wake(struct waker *waker) {
    atomic_thread_fence(memory_order_seq_cst); /* after the push, before the look: waker.h */
    if (atomic_load_explicit(&waker->state, memory_order_relaxed) != WAKER_SLEEPING) {
        return;
    }
    if (atomic_exchange_explicit(&waker->state, WAKER_AWAKE, memory_order_acq_rel) !=
        WAKER_SLEEPING) {
        return; /* another producer wakes */
    }
    atomic_fetch_add_explicit(&waker->wakes, 1, memory_order_relaxed);
    if (waker->transport) {
        transport_wake(waker->transport);
    } else {
        futex_wake_all(&waker->state);
    }
}
