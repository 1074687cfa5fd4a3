/* membership/detector/identities.h - who a peer is and where: name, life and address, kept once for
 * all detectors that share the store.
 *
 * Every node knows every other one, so where many live in one process (a runtime, a simulation)
 * these 40 bytes of each would be there as often as there are pairs; a peer keeps the four of an
 * index. Counted. All by the one thread of the detectors that share it. */
#ifndef MEMBERSHIP_DETECTOR_IDENTITIES_H
#define MEMBERSHIP_DETECTOR_IDENTITIES_H

#include "core/base/memory.h"
#include "henge/address.h"
#include <stdint.h>

#define IDENTITY_NONE UINT32_MAX

struct identity {
    uint64_t name_hash;
    uint64_t generation;
    struct henge_address address;
    uint32_t references; /* 0: free */
    uint32_t next;       /* with the same home, or the next free one */
};

struct identities {
    struct memory *memory;
    struct identity *all;
    uint32_t *homes; /* the first of each chain */
    uint32_t capacity;
    uint32_t homes_bits; /* there are 1 << homes_bits, as many as the capacity at least */
    uint32_t free_first;
    uint64_t multiplier;
};

/* NULL: no memory. `secret` makes it impossible to choose names that share a home. */
struct identities *identities_create(struct memory *memory, uint64_t secret);
void identities_destroy(struct identities *identities);
/* The one that is this, with one reference more; IDENTITY_NONE without memory. */
uint32_t identities_take(struct identities *identities, uint64_t name_hash, uint64_t generation,
                         const struct henge_address *address);
void identities_give_back(struct identities *identities, uint32_t index);
/* Good until the next take. */
const struct identity *identities_at(const struct identities *identities, uint32_t index);

#endif
