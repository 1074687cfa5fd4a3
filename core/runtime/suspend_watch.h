/* core/runtime/suspend_watch.h - notices that the machine slept: CLOCK_BOOTTIME went on while
 * CLOCK_MONOTONIC, by which all deadlines are kept, stood still. A calculation. */
#ifndef CORE_RUNTIME_SUSPEND_WATCH_H
#define CORE_RUNTIME_SUSPEND_WATCH_H

#include "core/base/clock.h"
#include <stdbool.h>

/* Readings further apart say nothing: this thread was away between them. */
#define SUSPEND_READ_MAX_NS (1 * NS_PER_MS)
/* Below this it is the clocks' own grain. */
#define SUSPEND_GAP_MIN_NS (10 * NS_PER_MS)

struct suspend_watch {
    uint64_t ahead_ns; /* boot time before monotonic time, when last looked at */
    bool is_set;
};

/* boot_ns was read between the two others. How long the machine slept since the last call, or 0. */
uint64_t suspend_watch_gap(struct suspend_watch *watch, uint64_t before_ns, uint64_t boot_ns,
                           uint64_t after_ns);

#endif
