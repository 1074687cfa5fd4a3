/* tools/sim/shrink.h - a failing scenario made smaller while it still fails the same invariant. */
#ifndef TOOLS_SIM_SHRINK_H
#define TOOLS_SIM_SHRINK_H

#include "tools/sim/run.h"

/* Takes out actions (halves, then smaller parts: delta debugging, Zeller and Hildebrandt, TSE
 * 2002), drops hosts, from the last, and from what befalls many, shortens faults, cuts the end off,
 * takes the usual network. Changes `scenario` in place;
 * stops when nothing helps any more, the time is over or a run is interrupted; but for
 * such an end the same run gives the same result. *result is the
 * failing run before, the smallest one after. */
void shrink_scenario(struct scenario *scenario, const struct run_options *options,
                     uint8_t invariant, uint64_t budget_ms, struct run_result *result);

#endif
