/* core/runtime/node/ring_house.h - the tables of rings that the nodes of one gossip thread share.
 *
 * Nodes that agree on the members hold one table: a thousand nodes in one process have one ring in
 * memory, and build it once. What is a node's own, its version and its liveness overlay, is in a
 * head beside it (struct shared_ring). Tables are found by fingerprint and by who has which slot;
 * slots mean the same in all of them as long as a name is known (slot_numbers.h).
 *
 * While a thousand nodes find each other, hardly two of them hold the same members at one moment,
 * and tables of the way would be most of the thread's work: a ring that is not there yet waits for
 * the house's budget, which one node with ten thousand members does not feel, and by then more
 * has come together in it. Gossip thread only. */
#ifndef CORE_RUNTIME_NODE_RING_HOUSE_H
#define CORE_RUNTIME_NODE_RING_HOUSE_H

#include "core/runtime/node/slot_numbers.h"
#include "ring/ring.h"
#include "core/base/clock.h"

struct ring_table {
    struct henge_ring *ring;
    uint8_t salt[16];
    uint64_t slots_sum; /* of who has which slot: the fingerprint does not tell */
    uint32_t references;
    struct ring_table *next;
};

/* The budget: a table costs so much for each member, a tenth of a CPU in all at most. */
#define RING_HOUSE_MEMBER_NS (20 * NS_PER_US)
#define RING_HOUSE_BURST_NS (500 * NS_PER_MS)

struct ring_house {
    struct memory *memory;
    struct slot_numbers numbers;
    struct ring_table *tables; /* those that somebody holds */
    struct ring_table *spare;  /* the one that was let go last, for the next one; or NULL */
    struct ring_member *scratch;
    uint32_t scratch_capacity;
    bool has_budget;        /* its nodes are of one process, and of one clock */
    uint64_t paid_until_ns; /* what has been built is paid for by then */
};

/* What a table is to be made of. */
struct ring_wish {
    const struct ring_parameters *parameters;
    const struct ring_member *members;
    size_t count;
    uint64_t fingerprint;
    uint64_t slots_sum;
};

/* `secret` makes the places of names in its index unpredictable. NULL: no memory. */
struct ring_house *ring_house_create(struct memory *memory, uint64_t secret);
/* When all nodes have gone. NULL is ignored. */
void ring_house_destroy(struct ring_house *house);

/* True when there is no budget, when a ring of this fingerprint is there, or when one of so many
 * members may be built now, which is taken as done. */
bool ring_house_allows(struct ring_house *house, uint64_t fingerprint, size_t count,
                       uint64_t now_ns);

/* Room for so many members, until the next call; NULL: no memory. */
struct ring_member *ring_house_scratch(struct ring_house *house, uint32_t count);

/* The table of these members, one reference more: one that is there, or else the spare brought up
 * to date, or a changed copy of `like` (same salt, may be NULL), or a new one. NULL: no memory. */
struct ring_table *ring_house_take(struct ring_house *house, const struct ring_wish *wish,
                                   const struct ring_table *like);
/* The last one to let go of a table makes it the spare: no head names it any more, so nobody reads
 * it. */
void ring_house_let_go(struct ring_house *house, struct ring_table *table);

#endif
