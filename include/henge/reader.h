/* henge/reader.h - consistent, wait-free reading of members and ring.
 *
 *     const struct henge_view *view;
 *     henge_reader_begin(reader, &view);
 *     ... any number of lookups ...
 *     henge_reader_end(reader);
 *
 * Between begin and end nothing locks, allocates, makes a system call or waits for another thread.
 * A section that stays open keeps old views from being freed (and, when live_views_max of them are
 * alive, new ones from being published), so keep sections short, and pin the view for what takes
 * longer; stats name the oldest holder. */
#ifndef HENGE_READER_H
#define HENGE_READER_H

#include <henge/node.h>
#include <henge/ring.h>

#ifdef __cplusplus
extern "C" {
#endif

struct henge_reader; /* opaque */
struct henge_view;   /* opaque: one immutable {members, ring} */

/* Registers a reader. Used by one thread at a time, any thread but a henge thread. Views and rings
 * are built for nodes that are read: the first reader of a node waits for the first of them.
 * HENGE_FULL at readers_max, HENGE_STOPPED, HENGE_NO_MEMORY, HENGE_TIMEOUT after ten seconds.
 * `name` shows up in stats (at most 31 bytes, may be NULL). [may block] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_reader_create(struct henge_node *node, const char *name, struct henge_reader **reader_out);

/* Not inside a section. [may block] */
HENGE_PUBLIC void henge_reader_destroy(struct henge_reader *reader);

/* Opens a section; the view is complete and does not change. Sections of one reader do not nest.
 * [wait-free] */
HENGE_PUBLIC void henge_reader_begin(struct henge_reader *reader,
                                     const struct henge_view **view_out);
HENGE_PUBLIC void henge_reader_end(struct henge_reader *reader);

/* Keeps the view, its members and its rings beyond the section, for work that takes longer: a scan
 * of moved ranges, say. Inside a section, or while it is pinned; as often unpinned as pinned, by
 * any thread, before henge_node_destroy. A pinned view is one of live_views_max. The overlay goes
 * on telling who is up. [wait-free] */
HENGE_PUBLIC void henge_view_pin(const struct henge_view *view);
HENGE_PUBLIC void henge_view_unpin(const struct henge_view *view);

/* A ring of the view: the current one, of the members that are ACTIVE or DRAINING, or the next one,
 * of those that are JOINING or ACTIVE. They are one object while nobody joins or drains. The next
 * ring has the fingerprint that the current one will have when it has taken its place, and until
 * then the current one's version.
 *
 * Members of more than 2^24 virtual nodes in all make no ring: until they have fewer, the last
 * current one that could be made stays, with members in it that may have gone, and is the next one,
 * too. The log says so, and stats count it (rings_refused). [wait-free] */
HENGE_PUBLIC const struct henge_ring *henge_view_ring(const struct henge_view *view,
                                                      enum henge_ring_which which);

/* The owners of a hash in the current ring, as henge_ring_owners gives them, and beside them those
 * who will be owners in the next ring and are not yet: what is written meanwhile has to reach both.
 * [wait-free] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_view_route(const struct henge_view *view,
                                                                 uint64_t hash, size_t count,
                                                                 struct henge_route *route_out);

/* The same of the members of one role alone, for each role that `ring.roles` names: several rings
 * over one membership. Each counts its own versions; topology-changed events tell of the ring of
 * all members only. NULL, and HENGE_NOT_FOUND, for a role that is not named there. [wait-free] */
HENGE_PUBLIC const struct henge_ring *henge_view_ring_of_role(const struct henge_view *view,
                                                              const char *role,
                                                              enum henge_ring_which which);
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_view_route_of_role(const struct henge_view *view, const char *role, uint64_t hash,
                         size_t count, struct henge_route *route_out);

/* Rises by one with each publication on this node. [wait-free] */
HENGE_PUBLIC uint64_t henge_view_number(const struct henge_view *view);

/* Over the members that are ALIVE or SUSPECT; equal on nodes that agree. [wait-free] */
HENGE_PUBLIC uint64_t henge_view_fingerprint(const struct henge_view *view);

/* Is the member in this slot ALIVE at this moment? Read from the live overlay, so it may be newer
 * than the view. [wait-free] */
HENGE_PUBLIC bool henge_view_is_up(const struct henge_view *view, uint32_t slot);

/* This node's own slot. [wait-free] */
HENGE_PUBLIC uint32_t henge_view_self(const struct henge_view *view);

#ifdef __cplusplus
}
#endif
#endif
