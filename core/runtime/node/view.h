/* core/runtime/node/view.h - the published object: members and ring, immutable.
 *
 * Built and retired by the gossip thread, read inside reader sections. A ring is shared by all
 * views between two changes of it and counted by the gossip thread. */
#ifndef CORE_RUNTIME_NODE_VIEW_H
#define CORE_RUNTIME_NODE_VIEW_H

#include "core/base/epoch.h"
#include "core/runtime/node/overlay.h"
#include "core/runtime/node/ring_house.h"
#include "henge/reader.h"
#include "membership/membership.h"

/* A ring of a node and the views that hold it. Gossip thread only. */
struct shared_ring {
    struct henge_ring *ring; /* the head: version and overlay are the node's */
    struct ring_table *table;
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
    uint16_t slot; /* the node's own */
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
    uint32_t count;
    uint32_t self_slot;
    uint32_t slots;               /* length of index_by_slot */
    uint16_t *index_by_slot;      /* slots as shown -> index into members + 1; 0 = not there */
    uint16_t *shown_slots;        /* by index */
    struct view_member members[]; /* ordered by name */
};

/* What building and releasing need; one per node. */
struct view_owner {
    struct memory *memory;
    struct record_store *store;
    struct ring_house *rings;
    /* Told on the gossip thread when a view's memory is about to go. */
    void (*on_release)(struct view_owner *owner, struct henge_view *view);
};

/* What a view is to show: each ring has one reference more then. */
struct view_content {
    const struct membership *membership;
    const uint16_t *numbers; /* by own slot: the slot to be shown + 1 */
    const struct overlay *overlay;
    struct shared_ring *ring;
    struct shared_ring *ring_next;
    const struct role_rings *role_rings; /* or NULL */
    const struct henge_view *before;     /* the node's last one, or NULL: its order is taken over */
    uint64_t number;
};

/* NULL: no memory. */
struct henge_view *view_build(struct view_owner *owner, const struct view_content *content);
/* Gives back records, ring and memory. */
void view_release(struct henge_view *view);

/* Takes the reference of the table over, also if it fails: NULL, no memory. */
struct shared_ring *shared_ring_create(struct view_owner *owner, struct ring_table *table,
                                       const struct ring_parameters *parameters);
/* NULL is ignored. */
void shared_ring_release(struct view_owner *owner, struct shared_ring *ring);

#endif
