/* tools/sim/sim_memory.h - memory of a simulation, which never runs out: the program does.
 *
 * A node that lacks memory drops what it cannot hold. In a run that would look like a fault of the
 * protocol, and prove nothing: so out of memory ends the program, and says so. */
#ifndef TOOLS_SIM_SIM_MEMORY_H
#define TOOLS_SIM_SIM_MEMORY_H

#include "core/base/memory.h"

/* malloc that does not return without a block: for memory_init of the engine, its nodes, and those
 * who watch them. */
extern const struct henge_allocator sim_allocator;

/* calloc and realloc likewise, for free(). */
void *sim_zeroed(size_t count, size_t bytes);
void *sim_resized(void *block, size_t bytes);

/* Ends the program with SIM_EXIT_ERROR (sim.h). */
_Noreturn void sim_no_memory(void);

#endif
