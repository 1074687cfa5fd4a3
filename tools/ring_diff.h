/* ring_diff.h - what moves from one ring to another, both kept in files by henge_ring_save. */
#ifndef TOOLS_RING_DIFF_H
#define TOOLS_RING_DIFF_H

#include <jansson.h>
#include <stddef.h>

/* No saved ring is larger: 65534 names of 63 bytes, 2^24 points of 8. */
enum { RING_FILE_BYTES_MAX = 160 * 1024 * 1024 };

/* Why a file is not what it should be. */
struct ring_diff_reason {
    char text[512];
};

/* From the ring in one file to the ring in the other, for lists of the first `count` owners, all
 * moves, clockwise:
 *
 *     {"count","moved","lists_moved","copies","moves","from":{...},"to":{...},"ranges":[{
 *      "after","until","old":[name],"new":[name],"lost":[name],"gained":[name]}]}
 *
 * moved: part of the hash space with another primary; lists_moved: with another list of owners;
 * copies: what has to be copied, in hash spaces; moves: how many ranges there are. from and to:
 * {"file","ring_fingerprint","members_count","points"}. Of old and new owners, in preference order,
 * lost are those in the old list only, gained those in the new one only. NULL with the reason. */
json_t *ring_diff_json(const char *from, const char *to, size_t count,
                       struct ring_diff_reason *reason_out);

#endif
