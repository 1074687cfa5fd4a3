/* core/runtime/affinity.h - which CPU each thread of a runtime runs on. */
#ifndef CORE_RUNTIME_AFFINITY_H
#define CORE_RUNTIME_AFFINITY_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

/* Fills cpus_out[count] (-1 = do not pin) from the setting:
 *   "none"    no pinning;
 *   "auto"    a CPU each where at least four may be used, otherwise all on one of them, where a
 *             hand-over between threads is cheapest, until they are busy (spread.h). Processes on
 *             one machine spread by their pid;
 *   "0,2,4"   these, io first; a list shorter than the threads repeats its last.
 * False: a CPU that this process may not use. */
bool affinity_choose(const char *setting, uint32_t count, int *cpus_out);
/* Do the threads of this setting share a CPU because there are few? */
bool affinity_is_shared(const char *setting, uint32_t count);
/* Pins the calling thread. */
bool affinity_pin(int cpu);
/* Lets the calling thread run on any of these. */
bool affinity_widen(const cpu_set_t *cpus);

#endif
