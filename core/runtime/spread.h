/* core/runtime/spread.h - when a thread that shares its CPU with the others of its runtime takes
 * another.
 *
 * Where there are few CPUs, the threads of a runtime are pinned to one: a hand-over between CPUs
 * costs ten times one on the same, and a calm cluster is nothing but hand-overs. But a thousand
 * nodes that join, or a flood, need what CPUs there are. So a thread that had a quarter of the CPU
 * for a while may run anywhere, until it has been calm for long. */
#ifndef CORE_RUNTIME_SPREAD_H
#define CORE_RUNTIME_SPREAD_H

#include "core/base/clock.h"
#include <stdbool.h>

#define SPREAD_WHILE_NS (50 * NS_PER_MS)
enum { SPREAD_BUSY_PERCENT = 25, SPREAD_CALM_PERCENT = 10, SPREAD_CALM_WHILES = 20 };

struct spread {
    uint64_t since_ns; /* the beginning of this while; 0: not yet */
    uint64_t used_ns;  /* of the CPU, until then */
    uint32_t calm;     /* whiles of calm in a row */
    bool is_wide;      /* it may run anywhere */
};

/* Once a while is over, so that nobody asks for the CPU time in each turn. */
static inline bool spread_is_due(const struct spread *spread, uint64_t now_ns) {
    return now_ns - spread->since_ns >= SPREAD_WHILE_NS;
}
/* used_ns: CPU time of the thread since it began. True: is_wide has changed. */
bool spread_look(struct spread *spread, uint64_t now_ns, uint64_t used_ns);

#endif
