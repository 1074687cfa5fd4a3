/* henge/members.h - what a view says about each member. */
#ifndef HENGE_MEMBERS_H
#define HENGE_MEMBERS_H

#include <henge/address.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct henge_view;

enum henge_member_status { HENGE_ALIVE = 0, HENGE_SUSPECT, HENGE_DEAD, HENGE_LEFT };

enum henge_ring_state {
    HENGE_RING_JOINING = 0, /* takes part in the next ring only */
    HENGE_RING_ACTIVE,      /* owns keys */
    HENGE_RING_DRAINING     /* in the current ring, not in the next */
};

/* One member, as plain data. The strings belong to the view and live until the section ends.
 * Status, version, last_seen_ms and rtt_us are the present ones, newer than the view may be. */
struct henge_member {
    const char *name;
    struct henge_address address;
    uint64_t generation; /* incarnation = (generation, version) */
    uint32_t version;
    enum henge_member_status status;
    enum henge_ring_state ring_state;
    uint32_t weight;
    uint32_t vnodes;        /* at weight 1 */
    uint32_t choices_bytes; /* of choices, which say where they stand: henge_ring_member */
    const uint8_t *choices;
    uint32_t slot; /* of this member in this node's views and rings, stable while it is known */
    const char *role;
    const char *region;
    const char *zone;
    uint32_t metadata_count;
    uint32_t rtt_us;       /* smoothed; 0 = not measured */
    uint64_t last_seen_ms; /* age of the last direct contact; UINT64_MAX = never */
    bool is_self;
    const void *record; /* for henge_member_metadata */
};

/* "ALIVE", "SUSPECT", "DEAD", "LEFT". Any thread. [wait-free] */
HENGE_PUBLIC const char *henge_member_status_text(enum henge_member_status status);
HENGE_PUBLIC const char *henge_ring_state_text(enum henge_ring_state state); /* "joining", ... */

/* Members in this view: ALIVE, SUSPECT, and DEAD or LEFT ones while they are remembered; ordered by
 * name. Inside a section. [wait-free] */
HENGE_PUBLIC size_t henge_members_count(const struct henge_view *view);

/* The index-th of them. HENGE_NOT_FOUND past the end. Inside a section. [wait-free] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_members_at(const struct henge_view *view, size_t index, struct henge_member *member_out);

/* By name, or by the slot a route carries. Inside a section. [wait-free, O(log n) and O(1)] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_members_find(const struct henge_view *view,
                                                                   const char *name,
                                                                   struct henge_member *member_out);
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_members_by_slot(const struct henge_view *view, uint32_t slot,
                      struct henge_member *member_out);

/* The index-th metadata pair, ordered by key; HENGE_NOT_FOUND past the end. [wait-free] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_member_metadata(const struct henge_member *member, uint32_t index, const char **key_out,
                      const char **value_out);

#ifdef __cplusplus
}
#endif
#endif
