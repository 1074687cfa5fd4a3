/* core/runtime/node/slot_numbers.h - the slots that views and rings show: a number for each name,
 * the same for all nodes of one gossip thread.
 *
 * Each node has slots of its own for its members, in the order in which it learnt of them. Rings
 * hold slots, so nodes that agree could not share one. Therefore a name has one number as long as
 * any node holds it; what no node holds is given to the next name. Gossip thread only. */
#ifndef CORE_RUNTIME_NODE_SLOT_NUMBERS_H
#define CORE_RUNTIME_NODE_SLOT_NUMBERS_H

#include "core/base/memory.h"
#include "core/base/slot_index.h"
#include "henge/ring.h"

enum { SLOT_NUMBERS_MAX = 65534 }; /* all different names that the nodes of a thread know */

struct slot_name {
    uint64_t hash;
    uint32_t references; /* 0: free, and */
    uint32_t next_free;  /* the next of these; SLOT_INDEX_NONE: the last */
};

struct slot_numbers {
    struct memory *memory;
    struct slot_name *names; /* by number */
    uint32_t count;          /* all that were ever given */
    uint32_t capacity;
    uint32_t first_free;
    struct slot_index by_hash;
};

void slot_numbers_init(struct slot_numbers *numbers, struct memory *memory, uint64_t secret);
void slot_numbers_deinit(struct slot_numbers *numbers);
/* One holder more. HENGE_NO_SLOT: no memory, or SLOT_NUMBERS_MAX are held. */
uint32_t slot_numbers_hold(struct slot_numbers *numbers, uint64_t name_hash);
void slot_numbers_release(struct slot_numbers *numbers, uint32_t number);

#endif
