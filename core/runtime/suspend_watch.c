/* core/runtime/suspend_watch.c - see suspend_watch.h. */
#include "core/runtime/suspend_watch.h"

uint64_t suspend_watch_gap(struct suspend_watch *watch, uint64_t before_ns, uint64_t boot_ns,
                           uint64_t after_ns) {
    if (after_ns - before_ns > SUSPEND_READ_MAX_NS || boot_ns < before_ns) {
        return 0;
    }
    uint64_t ahead_ns = boot_ns - before_ns;
    uint64_t gap_ns = ahead_ns > watch->ahead_ns ? ahead_ns - watch->ahead_ns : 0;
    bool is_gap = watch->is_set && gap_ns >= SUSPEND_GAP_MIN_NS;
    if (is_gap || !watch->is_set) {
        watch->ahead_ns = ahead_ns;
        watch->is_set = true;
    }
    return is_gap ? gap_ns : 0;
}
