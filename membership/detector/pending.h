/* membership/detector/pending.h - reports about peers that the observer had no room for, to be told
 * again.
 *
 * A small table beside the peers, walked: it is empty but when gossip stands still. What does not
 * fit is dropped and found out anew: the failure by the next probe, life by the next answer. */
#ifndef MEMBERSHIP_DETECTOR_PENDING_H
#define MEMBERSHIP_DETECTOR_PENDING_H

#include "core/base/memory.h"
#include <stdbool.h>
#include <stdint.h>

enum { PENDING_FAILED = 1, PENDING_ALIVE = 2, PENDING_NOT_ME = 4 };
enum { PENDINGS_MAX = 64 };

struct pending {
    uint64_t alive_generation; /* the news of PENDING_ALIVE */
    uint32_t alive_version;
    uint16_t slot;
    uint8_t reports; /* of PENDING_*; 0: nothing any more */
};

struct pendings {
    struct memory *memory;
    struct pending *table;
    uint32_t capacity; /* up to PENDINGS_MAX */
    uint32_t count;
};

void pendings_init(struct pendings *pendings, struct memory *memory);
void pendings_deinit(struct pendings *pendings);
/* NULL when nothing waits about this peer. */
struct pending *pending_find(struct pendings *pendings, uint32_t slot);
/* Marks a report as refused; NULL when the table is full, or without memory. */
struct pending *pending_add(struct pendings *pendings, uint32_t slot, uint8_t report);
/* Takes it back. */
void pending_drop(struct pendings *pendings, uint32_t slot, uint8_t reports);
/* The new knowledge of a peer overtakes what waits about it. */
void pending_overtaken(struct pendings *pendings, uint32_t slot, bool is_same_generation,
                       bool is_same_version, uint64_t generation, uint32_t version);
/* Takes it back, from all peers. */
void pending_drop_all(struct pendings *pendings, uint8_t reports);
/* Closes the gaps; how many are left. */
uint32_t pending_compact(struct pendings *pendings);

#endif
