/* core/runtime/node/counters.h - counts that other threads may read while their owner counts on.
 *
 * Each field has one writer thread; readers see each field whole, not one instant. */
#ifndef CORE_RUNTIME_NODE_COUNTERS_H
#define CORE_RUNTIME_NODE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

static inline void counter_add(counter *count, uint64_t more) {
    uint64_t old = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, old + more, memory_order_relaxed);
}

static inline void counter_set(counter *count, uint64_t value) {
    atomic_store_explicit(count, value, memory_order_relaxed);
}

static inline uint64_t counter_get(const counter *count) {
    return atomic_load_explicit((counter *)(uintptr_t)count, memory_order_relaxed);
}

#endif
