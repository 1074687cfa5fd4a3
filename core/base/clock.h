/* core/base/clock.h - words for time, and the real clocks.
 *
 * Protocol code never calls these: `now_ns` is handed to it. */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define TIME_NEVER UINT64_MAX /* a deadline that does not come */

uint64_t clock_monotonic_ns(void);  /* deadlines */
uint64_t clock_boot_ns(void);       /* goes on while the machine sleeps: to notice that it did */
uint64_t clock_thread_cpu_ns(void); /* a system call */
uint64_t clock_wall_ms(void);       /* generations and event times only */

#endif
