/* ring_plan.h - what a change of members would do to the ring, before anything happens.
 *
 * Two rings are built of plain members, with and without the changes, and compared: nothing here
 * knows of a cluster. */
#ifndef TOOLS_RING_PLAN_H
#define TOOLS_RING_PLAN_H

#include <henge/ring.h>
#include <jansson.h>

struct ring_plan {
    const struct henge_ring_parameters *parameters;
    const struct henge_ring_member *members; /* as they are */
    size_t count;
    uint16_t vnodes; /* of those who are added */
};

/* Why a request cannot be followed. */
struct ring_plan_reason {
    char text[256];
};

/* The request: {"count": owners of a key, "add": [{"name","zone","weight"}], "remove": [name],
 * "weights": [{"name","weight"}]}, each list may be missing. What is of another type is refused, by
 * where it stands: add[1].weight. The reply:
 *
 *     {"count","moved","lists_moved","copies","moves","before":{...},"after":{...},"members":[{
 *      "name","zone","weight_before","weight_after","share_before","share_after",
 *      "replicas_before","replicas_after"}]}
 *
 * moved: part of the hash space with another primary; lists_moved: with another list of owners;
 * copies: what has to be copied, in hash spaces. before and after: {"ring_fingerprint",
 * "members_count","points","owners_per_key","zones_per_key","balance","replica_balance"}: a key has
 * fewer zones than owners where zones are missing; balance is the largest load by what is due. A
 * member's share is its part of the hash space, its replicas the part of all copies. NULL with the
 * reason when the request cannot be followed. */
json_t *ring_plan_json(const struct ring_plan *plan, const json_t *request,
                       struct ring_plan_reason *reason_out);

#endif
