/* tools/sim/swarm.h - a scenario drawn from a seed: which faults there are at all, how strong,
 * when.
 *
 * Swarm testing (Groce et al., ISSTA 2012): each seed leaves most kinds of faults out, so that
 * those that are in get room. Ranges are those of docs/simulator.md: loss to 30 %, duplication and
 * replay to 50 %, delay to 100 ms, and so on. */
#ifndef TOOLS_SIM_SWARM_H
#define TOOLS_SIM_SWARM_H

#include "tools/sim/scenario.h"

/* Fills a scenario that has been initialised; hosts 0: drawn too. False: no memory. */
bool swarm_draw(struct scenario *scenario, uint32_t hosts);

#endif
