/* core/base/slot_index.h - hash of a name -> slot, in four bytes per cell: the slot and 16 bits of
 * the hash. The hash to compare with is read from the slot itself, and only where these bits agree,
 * which is the right slot but for one in (65536 / names) look-ups.
 *
 * Open addressing, linear probing, backward-shift deletion (Knuth, volume 3, algorithm 6.4 R). The
 * bits are drawn by a secret odd multiplier (Dietzfelbinger et al. 1997), so nobody can choose
 * names that collide; and they decide the home, so that cells move without a look at the slots. The
 * cells are lent by the owner, slot_index_cells for so many slots: a ninth is always free. `slots`
 * is the owner's array, handed through to hash_of. */
#ifndef CORE_BASE_SLOT_INDEX_H
#define CORE_BASE_SLOT_INDEX_H

#include <stdint.h>

enum {
    SLOT_INDEX_NONE = 65535,
    SLOT_INDEX_MAX = 65535 /* slots: 0..65534 */
};

struct slot_index {
    uint32_t *cells; /* bits of the hash << 16 | slot */
    uint32_t cells_count;
    uint64_t multiplier;
    uint64_t (*hash_of)(const void *slots, uint32_t slot); /* of a slot that was put */
};

uint32_t slot_index_cells(uint32_t slots);
/* Takes over new cells, all names of the old ones put in. */
void slot_index_move(struct slot_index *index, uint32_t *cells, uint32_t cells_count);
/* SLOT_INDEX_NONE when the name is not there. */
uint32_t slot_index_find(const struct slot_index *index, const void *slots, uint64_t hash);
/* This slot, whose hash need not be readable yet, is from now on the one of the name. */
void slot_index_put(struct slot_index *index, const void *slots, uint64_t hash, uint32_t slot);
/* Unless another slot is the one of the name. */
void slot_index_remove(struct slot_index *index, uint64_t hash, uint32_t slot);

/* How far arrays by slot grow so that they hold `slot` (< max): an eighth at a time, for what lies
 * unused is memory in every node. Where the owner knows how many are to be expected (0: he does
 * not), growing is over once a sixteenth of them has come: each step copies, and leaves a hole. */
uint32_t slot_index_capacity(uint32_t before, uint32_t slot, uint32_t max, uint32_t expected);

#endif
