/* core/base/slot_index.h - hash of a name -> slot, in two bytes per cell: the hash to compare with
 * is read from the slot itself.
 *
 * Open addressing, linear probing, backward-shift deletion (Knuth, volume 3, algorithm 6.4 R). The
 * home of a name is drawn by a secret odd multiplier (Dietzfelbinger et al. 1997), so nobody can
 * choose names that collide. The cells are lent by the owner, slot_index_cells for so many slots:
 * 4/3 as many, a quarter is always free. `slots` is the owner's array, handed through to hash_of.
 */
#ifndef CORE_BASE_SLOT_INDEX_H
#define CORE_BASE_SLOT_INDEX_H

#include <stdint.h>

enum {
    SLOT_INDEX_NONE = 65535,
    SLOT_INDEX_MAX = 65535 /* slots: 0..65534 */
};

struct slot_index {
    uint16_t *cells; /* slots, SLOT_INDEX_NONE = free */
    uint32_t cells_count;
    uint64_t multiplier;
    uint64_t (*hash_of)(const void *slots, uint32_t slot); /* of a slot that was put */
};

uint32_t slot_index_cells(uint32_t slots);
/* Takes over new cells, all names of the old ones put in. */
void slot_index_move(struct slot_index *index, const void *slots, uint16_t *cells,
                     uint32_t cells_count);
/* SLOT_INDEX_NONE when the name is not there. */
uint32_t slot_index_find(const struct slot_index *index, const void *slots, uint64_t hash);
/* This slot, whose hash need not be readable yet, is from now on the one of the name. */
void slot_index_put(struct slot_index *index, const void *slots, uint64_t hash, uint32_t slot);
/* Unless another slot is the one of the name. */
void slot_index_remove(struct slot_index *index, const void *slots, uint64_t hash, uint32_t slot);

/* How far arrays by slot grow so that they hold `slot` (< max): an eighth at a time, for what lies
 * unused is memory in every node. */
uint32_t slot_index_capacity(uint32_t before, uint32_t slot, uint32_t max);

#endif
