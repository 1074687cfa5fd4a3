/* core/runtime/waker.h - putting a thread to sleep without losing a wake-up.
 *
 * Consumer:  drain; announce (state = SLEEPING, seq_cst); look at every queue once more; sleep;
 * awake. Producer:  push; fence (seq_cst); if state is SLEEPING and it is we who exchange it: wake.
 *
 * Why none is lost: the announcement and the producer's fence are both in the single total order of
 * seq_cst operations. If the announcement comes first, the producer's load after its fence sees
 * SLEEPING and wakes. If the fence comes first, the push before it is visible to the consumer's
 * second look, which comes after the announcement. Without the seq_cst store (a plain release), the
 * store could pass the second look's loads in the store buffer and both sides would see the old
 * state.
 *
 * The io thread sleeps in its transport, the others in a futex. One system call per wake; none
 * while the consumer is awake. */
#ifndef CORE_RUNTIME_WAKER_H
#define CORE_RUNTIME_WAKER_H

#include "core/runtime/node/counters.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct transport;

struct waker {
    _Alignas(64) _Atomic uint32_t state;
    struct transport *transport; /* NULL: futex */
    counter wakes;               /* racy between producers: a statistic */
};

void waker_init(struct waker *waker, struct transport *transport);
/* Consumer. */
void waker_announce(struct waker *waker);
void waker_awake(struct waker *waker);
/* Futex sleepers only: returns on a wake, at the deadline, or for no reason. */
void waker_sleep(struct waker *waker, uint64_t timeout_ns);
/* Any thread. */
void waker_wake(struct waker *waker);

/* A futex by itself, for callers that wait for an answer: waits while *word == expected. */
void futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
void futex_wake_all(_Atomic uint32_t *word);

#endif
