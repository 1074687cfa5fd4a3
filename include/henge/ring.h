/* henge/ring.h - which member owns a key: consistent hashing with virtual nodes.
 *
 * (Karger et al., Consistent Hashing and Random Trees, STOC 1997; virtual nodes as in Stoica et
 * al., Chord, SIGCOMM 2001.) A ring is immutable. One that comes out of a view belongs to that view
 * and lives until the section ends. All lookups are wait-free: no lock, no allocation, no system
 * call, no shared write. */
#ifndef HENGE_RING_H
#define HENGE_RING_H

#include <henge/members.h>
#include <henge/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct henge_ring; /* opaque */

enum { HENGE_ROUTE_OWNERS_MAX = 8, HENGE_NO_SLOT = 0xffff, HENGE_RING_CHOICES_BYTES = 128 };

enum henge_ring_which { HENGE_RING_CURRENT = 0, HENGE_RING_NEXT };

enum {
    HENGE_OWNER_UP = 1u << 0,          /* ALIVE when the route was made */
    HENGE_OWNER_ZONE_REPEAT = 1u << 1, /* its zone was already taken: not enough zones */
    HENGE_OWNER_LEAVING = 1u << 2      /* no owner of this hash in the next ring */
};

struct henge_route_owner {
    uint16_t slot;  /* of this node's views: henge_members_by_slot */
    uint16_t flags; /* HENGE_OWNER_* */
};

/* One who will be an owner. */
struct henge_route_pending {
    uint16_t slot;
    uint16_t flags; /* of HENGE_OWNER_*, as an owner in the next ring */
    uint16_t
        replaces; /* slot of the LEAVING owner whose place it takes, HENGE_NO_SLOT: a new place */
};

/* Where a key lives. Plain data: may be copied out of the section. */
struct henge_route {
    uint64_t ring_fingerprint;
    uint64_t ring_version;
    uint64_t hash;
    uint32_t owners_count;
    uint32_t zones_count;   /* distinct zones among the owners */
    uint32_t pending_count; /* 0 but for henge_view_route, while members join or drain */
    struct henge_route_owner owners[HENGE_ROUTE_OWNERS_MAX];
    struct henge_route_pending pending[HENGE_ROUTE_OWNERS_MAX];
};

/* The hash that all lookups use: XXH3, 64 bits, seed 0. Any thread. [wait-free] */
HENGE_PUBLIC uint64_t henge_ring_hash(const void *key, size_t key_bytes);

/* Slot of the primary owner, or HENGE_NO_SLOT when nobody owns anything. Liveness is not looked at:
 * ask henge_view_is_up, or use henge_ring_owners. Inside a section. [wait-free] */
HENGE_PUBLIC uint32_t henge_ring_owner(const struct henge_ring *ring, const void *key,
                                       size_t key_bytes);
HENGE_PUBLIC uint32_t henge_ring_owner_hash(const struct henge_ring *ring, uint64_t hash);

/* The primary owners of many hashes, as henge_ring_owner_hash gives them: hides the cache misses of
 * one behind the others, so it pays from a dozen on. Inside a section. [wait-free] */
HENGE_PUBLIC void henge_ring_owner_many(const struct henge_ring *ring, const uint64_t *hashes,
                                        size_t count, uint16_t *slots_out);

/* Up to `count` distinct owners in preference order, one per zone as long as there are unused zones
 * in the ring, then repeating zones with HENGE_OWNER_ZONE_REPEAT. Owners that are not up are listed
 * in their place without HENGE_OWNER_UP. Fewer members than `count` give fewer owners.
 * HENGE_INVALID if count is 0 or over HENGE_ROUTE_OWNERS_MAX; HENGE_EMPTY if nobody owns anything.
 * Up to three owners are read from the table; more are a walk to the last of them: some ten steps
 * where zones are of like size, about a thousand to a zone of one member in a thousand. Inside a
 * section. [wait-free] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_ring_owners(const struct henge_ring *ring,
                                                                  uint64_t hash, size_t count,
                                                                  struct henge_route *route_out);

/* The preference list beyond what a route holds: the first `count` members that own a part of the
 * ring, in the order in which henge_ring_owners names them, into slots_out; returns how many there
 * were. For fallbacks when all owners are down. Bounded by one turn of the circle, the longer the
 * more are asked for. [wait-free] */
HENGE_PUBLIC size_t henge_ring_walk(const struct henge_ring *ring, uint64_t hash, size_t count,
                                    uint16_t *slots_out);

/* For work that any of the first `count` owners can do: the first that is up and has less than
 * load_max to do, by the caller's own figures; when all have more, the one with the least;
 * HENGE_NO_SLOT when none is up. Consistent hashing with bounded loads (Mirrokni, Thorup,
 * Zadimoghaddam, SODA 2018), with load_max = c * mean, c = 1.25 or so, as a choice for one request:
 * nobody's ownership moves. load_by_slot covers every slot of the ring. [wait-free] */
HENGE_PUBLIC uint32_t henge_ring_pick(const struct henge_ring *ring, uint64_t hash, size_t count,
                                      const uint32_t *load_by_slot, uint32_t load_max);

/* Is a request that was routed by the ring of `fingerprint` in the right place? HENGE_OK: sender
 * and receiver have the same ring. HENGE_STALE: they do not; *owner_out is the primary owner by
 * this ring, HENGE_NO_SLOT if there is none. So who is named still serves, and who is not tells the
 * sender where to go. *owner_out is written in both cases. [wait-free] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_fence(const struct henge_ring *ring,
                                                            uint64_t fingerprint, uint64_t hash,
                                                            uint32_t *owner_out);

/* True if `slot` is the primary owner of hash. [wait-free] */
HENGE_PUBLIC bool henge_ring_is_mine(const struct henge_ring *ring, uint64_t hash, uint32_t slot);

/* Equal on every node whose ring holds the same members with the same vnodes, weights, zones: this
 * is what travels in requests. The version counts this node's publications. [wait-free] */
HENGE_PUBLIC uint64_t henge_ring_fingerprint(const struct henge_ring *ring);
HENGE_PUBLIC uint64_t henge_ring_version(const struct henge_ring *ring);
/* Members that own a part of the ring: ACTIVE or DRAINING, of weight > 0. */
HENGE_PUBLIC size_t henge_ring_members_count(const struct henge_ring *ring);
HENGE_PUBLIC size_t henge_ring_points_count(const struct henge_ring *ring);

/* Share of the hash space whose primary owner is the slot, 0..1. O(points). Inside a section. */
HENGE_PUBLIC double henge_ring_ownership(const struct henge_ring *ring, uint32_t slot);

/* The index-th range: hashes in (after, until] belong to slot; the first range wraps around. Ranges
 * are ordered by `until`, neighbours may have the same owner. after == until is the whole circle at
 * index 0, and elsewhere an empty range (two virtual nodes on one spot). HENGE_NOT_FOUND past the
 * end, which is henge_ring_points_count. [wait-free] */
struct henge_ring_range {
    uint64_t after;
    uint64_t until;
    uint32_t slot;
};
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_ring_range_at(const struct henge_ring *ring, size_t index,
                    struct henge_ring_range *range_out);
/* The index of the range that a hash lies in: what a store names its files or its locks by. Not in
 * a route, for it costs a search among the points that a route does without. SIZE_MAX when nobody
 * owns anything. [wait-free] */
HENGE_PUBLIC size_t henge_ring_range_of(const struct henge_ring *ring, uint64_t hash);

/* --- Rings as data: docs/ring.md --- */

struct henge_allocator; /* henge/runtime.h */

/* A member, for a ring without a cluster. The strings are read during the call only. */
struct henge_ring_member {
    size_t size_bytes; /* sizeof(struct henge_ring_member), in each */
    const char *name;  /* 1..63 bytes; each once */
    const char *zone;  /* NULL is "" */
    const char *region;
    const char *role;
    uint16_t vnodes; /* at weight 1 */
    uint16_t weight; /* 0 owns nothing; points = vnodes * weight */
    enum henge_ring_state ring_state;
    /* Where its virtual nodes stand: 4 bits for each, the lower half of a byte first. Those behind
     * the last byte are at their first place. */
    const uint8_t *choices;
    size_t choices_bytes; /* 0..HENGE_RING_CHOICES_BYTES */
};

/* A member of a view as henge_ring_build takes it, for what-ifs. The strings are the view's. Those
 * whose slot has a name in henge_view_ring are in the ring. Inside a section. [wait-free] */
HENGE_PUBLIC void henge_ring_member_of(const struct henge_member *member,
                                       struct henge_ring_member *member_out);

struct henge_ring_parameters {
    size_t size_bytes;
    uint8_t salt[16];                        /* of the cluster; zero without a key */
    enum henge_ring_which which;             /* of the two rings of these members */
    uint64_t version;                        /* told back by henge_ring_version */
    const struct henge_allocator *allocator; /* copied; NULL takes malloc */
};

/* The ring of these members, in any order, the same as a node's whose view has them; a member's
 * slot is its index. Nobody is known to be down in it. `parameters` may be NULL: no salt, the
 * current ring, malloc. HENGE_INVALID: a size_bytes, state or `which` that this library does not
 * know, a name that is missing, too long or used twice, choices that are missing or too many, more
 * than 65534 members or 2^24 points.
 * HENGE_NO_MEMORY. The ring is a constant: any thread may look up in it, without a section, until
 * it is destroyed. Any thread. [may block: allocates] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_ring_build(const struct henge_ring_parameters *parameters,
                 const struct henge_ring_member *members, size_t count,
                 struct henge_ring **ring_out);

/* Of a ring that henge_ring_build or henge_ring_load made. NULL is ignored, and so is a ring of a
 * view, which is not the caller's. [may block] */
HENGE_PUBLIC void henge_ring_destroy(struct henge_ring *ring);

/* Name of a member that owns a part of the ring; NULL for any other slot. It lives as long as the
 * ring. [wait-free] */
HENGE_PUBLIC const char *henge_ring_name(const struct henge_ring *ring, uint32_t slot);

/* Slot of the owner of that name, HENGE_NO_SLOT if there is none. O(slots). [wait-free] */
HENGE_PUBLIC uint32_t henge_ring_slot_of(const struct henge_ring *ring, const char *name);

/* Numbers of the ranges whose primary owner is the slot, ascending, as henge_ring_range_at counts
 * them; the first `room` of them into ranges_out. Returns how many there are. O(points).
 * [wait-free] */
HENGE_PUBLIC size_t henge_ring_ranges_of(const struct henge_ring *ring, uint32_t slot,
                                         uint32_t *ranges_out, size_t room);

/* Hashes in (after, until] whose list of owners differs between two rings. after == until is the
 * whole circle. Slots are each of its own ring. */
struct henge_ring_move {
    uint64_t after;
    uint64_t until;
    /* The ranges it lies in, as henge_ring_range_at numbers them: those from first to last, past
     * the end on from 0. HENGE_NO_RANGE in a ring without points. */
    uint32_t old_first, old_last;
    uint32_t new_first, new_last;
    uint32_t old_count, new_count; /* owners, in preference order */
    uint32_t lost;                 /* bit i: old_slots[i] is in the old list only */
    uint32_t gained;               /* bit i: new_slots[i] is in the new list only */
    uint16_t old_slots[HENGE_ROUTE_OWNERS_MAX];
    uint16_t new_slots[HENGE_ROUTE_OWNERS_MAX];
};
#define HENGE_NO_RANGE UINT32_MAX

/* What moves, summed. */
struct henge_ring_diff_sum {
    uint64_t moves;
    double share;  /* of the hash space that changes its list; with 1 owner: its primary */
    double copies; /* to be made, in hash spaces: each owner gained by the share that it gains */
};

/* From one ring to another: all moves, clockwise, for lists of the first `count` owners (1: the
 * primaries). Members are matched by name. Neighbouring ranges with the same two lists are one
 * move; where only the order of a list differs, it moves with `lost` and `gained` 0. The first
 * `room` moves into moves_out; HENGE_FULL if there are more; the sum is over all of them either
 * way. Either pointer may be NULL. HENGE_INVALID if count is 0 or over HENGE_ROUTE_OWNERS_MAX. One
 * merge walk, O(points of both). Rings of views: inside a section. [wait-free] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_ring_diff(const struct henge_ring *old_ring, const struct henge_ring *new_ring, size_t count,
                struct henge_ring_move *moves_out, size_t room,
                struct henge_ring_diff_sum *sum_out);

/* The same, one by one. The fields are the library's; both rings must outlive the cursor. */
struct henge_ring_diff_side {
    const struct henge_ring *ring;
    uint32_t index; /* of the point that owns what comes next */
    uint32_t count; /* its owners: first those who are in zones of their own, */
    uint32_t zones_count;
    uint32_t places[HENGE_ROUTE_OWNERS_MAX]; /* where they stand: points */
    uint16_t slots[HENGE_ROUTE_OWNERS_MAX];
};
struct henge_ring_diff_cursor {
    struct henge_ring_diff_side sides[2]; /* old, new */
    uint32_t count;
    uint64_t at;   /* token up to which the walk has come */
    uint64_t left; /* tokens of the circle before it */
};
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_ring_diff_begin(const struct henge_ring *old_ring, const struct henge_ring *new_ring,
                      size_t count, struct henge_ring_diff_cursor *cursor_out);
/* HENGE_NOT_FOUND behind the last. [wait-free] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_ring_diff_next(struct henge_ring_diff_cursor *cursor, struct henge_ring_move *move_out);

/* A ring as bytes, to be kept or sent: docs/ring.md has them one by one. Equal rings, whatever
 * their slots and versions, give equal bytes on every node. henge_ring_save writes
 * henge_ring_saved_bytes bytes; HENGE_FULL if there is less room, HENGE_NO_MEMORY: it needs a
 * little while it works (NULL: malloc). O(points). Rings of views: inside a section. [may block:
 * allocates] */
HENGE_PUBLIC size_t henge_ring_saved_bytes(const struct henge_ring *ring);
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_ring_save(const struct henge_ring *ring, const struct henge_allocator *allocator,
                void *bytes_out, size_t room);

/* The ring that was saved: lookups, fingerprint, names; a member's slot is its rank by name, and
 * the version 0. Any bytes may be given: HENGE_CORRUPT if they are not what henge_ring_save writes,
 * HENGE_UNSUPPORTED if they are of a later format, HENGE_NO_MEMORY. Memory taken is at most some
 * twenty times `size`. It is destroyed with henge_ring_destroy. [may block: allocates] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_ring_load(const struct henge_allocator *allocator, const void *bytes, size_t size,
                struct henge_ring **ring_out);

#ifdef __cplusplus
}
#endif
#endif
