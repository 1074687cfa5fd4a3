/* tools/sim/distinct.h - how many different values were seen, in bounded memory.
 *
 * Exact up to DISTINCT_KEPT. Then the values whose lowest bits are 0 stand for the rest: whenever
 * too many are kept, one bit more has to be 0 (Wegman's adaptive sampling; Flajolet, Computing 43,
 * 1990), which errs by about 1.2 / sqrt(DISTINCT_KEPT), half a percent. The values are hashes. A
 * bootstrap of ten thousand nodes goes through 10^8 of them. */
#ifndef TOOLS_SIM_DISTINCT_H
#define TOOLS_SIM_DISTINCT_H

#include <stdbool.h>
#include <stdint.h>

enum { DISTINCT_KEPT = 65536, DISTINCT_CELLS = 2 * DISTINCT_KEPT };

struct distinct {
    uint64_t *cells;   /* open addressing by the value's upper half; 0 = free */
    uint64_t *scratch; /* DISTINCT_KEPT + 1 */
    uint32_t count;
    uint32_t bits; /* the lowest that have to be 0 */
    bool has_zero;
};

bool distinct_init(struct distinct *distinct);
void distinct_deinit(struct distinct *distinct);
void distinct_note(struct distinct *distinct, uint64_t value);
uint64_t distinct_count(const struct distinct *distinct);

#endif
