/* membership/detector/rotation.h - the shuffled round-robin order of SWIM (DSN 2002, section 4.3).
 *
 *      slots:   [ had their turn | still to come ]
 *                                ^cursor          ^count
 *
 * Every slot has one turn per round; at a wrap the order is shuffled anew. So between two turns of
 * one slot lie at most 2N-2 others. A new slot takes a random place and a slot leaves in O(1);
 * neither moves another across the cursor, so nobody's turn is lost or given twice.
 *
 * The memory is lent by the owner (peers.c): `slots` has room for all that are put in; where a slot
 * stands is kept in a uint16_t of the owner's own things, `stride` bytes from one slot to the next.
 * Slots are below 65535. */
#ifndef MEMBERSHIP_DETECTOR_ROTATION_H
#define MEMBERSHIP_DETECTOR_ROTATION_H

#include "core/base/random.h"
#include <stddef.h>
#include <stdint.h>

#define ROTATION_NONE UINT32_MAX

struct rotation {
    uint16_t *slots;
    unsigned char *places; /* of slot 0 */
    size_t stride;
    uint32_t count;
    uint32_t cursor;
};

/* The slot must not be in this rotation. */
void rotation_insert(struct rotation *rotation, struct random *random, uint32_t slot);
/* The slot must be in this rotation. */
void rotation_remove(struct rotation *rotation, uint32_t slot);
/* Whose turn it is, ROTATION_NONE when empty. */
uint32_t rotation_next(struct rotation *rotation, struct random *random);

#endif
