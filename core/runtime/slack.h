/* core/runtime/slack.h - how late a timer may be where many nodes share a thread, so that their
 * timers come due together: one wake-up for all of them, and one for all answers to what they send.
 *
 * A thousand nodes that probe once a second, each at its own moment, wake their thread 3000 times a
 * second; on a common grid, 50 times. The grid is the coarsest power of two that is not above an
 * eighth of the way to the deadline: what is near is on time, what is far has the time. */
#ifndef CORE_RUNTIME_SLACK_H
#define CORE_RUNTIME_SLACK_H

#include "core/base/clock.h"

#define SLACK_MAX_NS (UINT64_C(1) << 26) /* 67 ms */
enum { SLACK_PART = 8 };

static inline uint64_t slack_deadline(uint64_t deadline_ns, uint64_t now_ns) {
    if (deadline_ns == TIME_NEVER || deadline_ns <= now_ns) {
        return deadline_ns;
    }
    const uint64_t slack_ns = (deadline_ns - now_ns) / SLACK_PART;
    uint64_t grid_ns = SLACK_MAX_NS;
    while (grid_ns > slack_ns && grid_ns > 1) {
        grid_ns /= 2;
    }
    return (deadline_ns + grid_ns - 1) & ~(grid_ns - 1);
}

#endif
