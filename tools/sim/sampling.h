/* tools/sim/sampling.h - drawing from distributions by integers alone, so that every machine and
 * compiler draws the same. */
#ifndef TOOLS_SIM_SAMPLING_H
#define TOOLS_SIM_SAMPLING_H

#include "core/base/random.h"
#include <stdbool.h>
#include <stdint.h>

/* True with probability ppm / 10^6. Draws nothing for 0. */
bool sample_chance(struct random *random, uint64_t ppm);
/* Exponential with this mean; at most 44 times it. Draws nothing for 0. */
uint64_t sample_exponential(struct random *random, uint64_t mean);

#endif
