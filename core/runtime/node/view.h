/* core/runtime/node/view.h - the published object: members and ring, immutable.
 *
 * Built and retired by the gossip thread, read inside reader sections. A ring is shared by all
 * views between two changes of it and counted by the gossip thread. */
#ifndef CORE_RUNTIME_NODE_VIEW_H
#define CORE_RUNTIME_NODE_VIEW_H

#include "core/base/epoch.h"
#include "core/runtime/node/overlay.h"
#include "henge/reader.h"
#include "membership/membership.h"
#include "ring/ring.h"

/* A ring and the views that hold it. Gossip thread only. */
struct shared_ring {
    struct henge_ring *ring;
    uint64_t slots_sum; /* of who has which slot: the fingerprint does not tell */
    uint32_t references;
};

/* The rings of the members of one role. Both are NULL where there is no such role. */
struct role_rings {
    const char *role; /* the node's */
    struct shared_ring *current;
    struct shared_ring *next;
    uint64_t version; /* counts the current ones; of the node only */
};

/* What was believed when the view was built: it stands when the overlay speaks of a later life. */
struct view_member {
    struct record *record; /* one reference */
    uint64_t generation;   /* above the record's, if that life was heard of but never seen */
    uint32_t version;
    uint16_t slot;
    uint8_t status;
};

struct henge_view {
    struct epoch_entry entry;
    _Atomic uint32_t pins; /* by any thread; see henge_view_pin */
    uint64_t number;
    uint64_t fingerprint;
    uint64_t retired_ns; /* set when it is replaced */
    const struct overlay *overlay;
    struct shared_ring *ring;
    struct shared_ring *ring_next;
    struct role_rings role_rings[HENGE_RING_ROLES_MAX];
    struct view_owner *owner;
    size_t allocated_bytes;
    uint32_t self_slot;
    uint32_t count;
    uint32_t slots;               /* length of index_by_slot */
    uint16_t *index_by_slot;      /* index into members + 1; 0 = not in this view */
    struct view_member members[]; /* ordered by name */
};

/* What building and releasing need; one per node. */
struct view_owner {
    struct memory *memory;
    struct record_store *store;
    struct henge_ring *spare; /* the ring that was let go last, for the next one; or NULL */
    /* Told on the gossip thread when a view's memory is about to go. */
    void (*on_release)(struct view_owner *owner, struct henge_view *view);
};

/* All members of the membership with these rings (one reference more). NULL: no memory. */
struct henge_view *view_build(struct view_owner *owner, const struct membership *membership,
                              const struct overlay *overlay, struct shared_ring *ring,
                              struct shared_ring *ring_next, const struct role_rings *role_rings,
                              uint64_t number);
/* Gives back records, ring and memory. */
void view_release(struct henge_view *view);

/* Builds the ring of what is in it now. */
struct shared_ring *shared_ring_create(struct memory *memory, struct henge_ring *ring);
/* The last one to let go of a ring makes it the owner's spare: no view names it any more, so nobody
 * reads it. NULL is ignored. */
void shared_ring_release(struct view_owner *owner, struct shared_ring *ring);

#endif
