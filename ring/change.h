/* ring/change.h - what the steps of a change share: see change.c. */
#ifndef RING_CHANGE_H
#define RING_CHANGE_H

#include "ring/ring_internal.h"

/* How the owner of a slot is another than before. */
enum {
    DIFFERS_IN_POINTS = 1, /* its name and its zone are the same: what it has, stays */
    DIFFERS_ALL
};

struct change {
    struct memory *memory;
    struct henge_ring *ring;
    struct ring_arrays arrays;
    const struct ring_member *members;
    size_t count;
    struct ring_size size; /* of the new ring */
    size_t slots_count;    /* of both rings */
    uint64_t hash_sum;     /* of the members */

    /* By slot: the first of a block of by_slot_bytes. */
    uint16_t *member_of_slot; /* NO_MEMBER */
    uint16_t *changed;        /* a list of those that differ */
    uint8_t *differs;         /* DIFFERS_* */
    size_t by_slot_bytes;
    size_t changed_count;
    size_t kept; /* points of owners that do not differ */

    /* Points: the first of a block of scratch_bytes. */
    uint64_t *come;    /* points that are new */
    uint64_t *scratch; /* for as many */
    uint64_t *marks;   /* a bit for each cell that is to be filled */
    uint32_t *gone;    /* indices of those that go, ascending */
    size_t scratch_bytes;
    size_t come_count;
    size_t gone_count;
};

/* Who is to own points in that slot, or NULL. */
static inline const struct ring_member *change_owner(const struct change *change, size_t slot) {
    const uint16_t index = change->member_of_slot[slot];
    const struct ring_member *member = index == NO_MEMBER ? NULL : &change->members[index];
    return member != NULL && member_points(member) > 0 ? member : NULL;
}

/* zones.c: gives the slots that differ their new hashes, names and zones, and settles in what they
 * differ. */
void change_zones(struct change *change);

#endif
