/* membership/detector/name_index.h - name hash -> slot, in two bytes per cell: the hash to compare
 * with stands in the peer.
 *
 * Open addressing, linear probing, backward-shift deletion (Knuth, volume 3, algorithm 6.4 R). The
 * home of a name is drawn by a secret odd multiplier (Dietzfelbinger et al. 1997), so nobody can
 * choose names that collide. The cells are lent by the owner (peers.c), 4/3 as many as peers: a
 * quarter is always free. */
#ifndef MEMBERSHIP_DETECTOR_NAME_INDEX_H
#define MEMBERSHIP_DETECTOR_NAME_INDEX_H

#include <stdbool.h>
#include <stdint.h>

struct peer;

enum { NAME_INDEX_NONE = 65535 };

struct name_index {
    uint16_t *cells; /* slots, NAME_INDEX_NONE = free */
    uint32_t cells_count;
    uint64_t multiplier;
};

uint32_t name_index_cells(uint32_t peers); /* for so many peers */
/* Takes over new cells, all names of the old ones put in. */
void name_index_move(struct name_index *index, const struct peer *by_slot, uint16_t *cells,
                     uint32_t cells_count);
/* NAME_INDEX_NONE when the name is not there. */
uint32_t name_index_find(const struct name_index *index, const struct peer *by_slot,
                         uint64_t name_hash);
/* The peer in this slot, whose name is set, is from now on the one of its name. */
void name_index_put(struct name_index *index, const struct peer *by_slot, uint32_t slot);
/* Unless another slot is the one of its name. */
void name_index_remove(struct name_index *index, const struct peer *by_slot, uint32_t slot);

#endif
