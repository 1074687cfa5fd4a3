/* ring/merge.h - see merge.c. */
#ifndef RING_MERGE_H
#define RING_MERGE_H

#include "ring/ring_internal.h"

/* `marks` has a bit for each cell. */
void cells_mark(uint64_t *marks, size_t cell);

/* Those at these ascending indices. */
void points_take_out(struct henge_ring *ring, const struct ring_arrays *arrays,
                     const uint32_t *indices, size_t count, uint64_t *marks);
/* Points in clockwise order, for which there is room; `places` is scratch for as many. False when
 * one conflicts with a point that is there: nothing has been done then. */
bool points_put_in(struct henge_ring *ring, const struct ring_arrays *arrays,
                   const uint64_t *points, size_t count, uint32_t *places, uint64_t *marks);

#endif
