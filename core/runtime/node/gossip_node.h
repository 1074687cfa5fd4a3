/* core/runtime/node/gossip_node.h - the gossip role's part of a node: membership joined with the
 * view, the events and the feed of the detector. No thread, no clock, no socket: the simulator runs
 * it too.
 *
 * Owned by the gossip thread; `view` and `overlay` are read by others, and the counters too. */
#ifndef CORE_RUNTIME_NODE_GOSSIP_NODE_H
#define CORE_RUNTIME_NODE_GOSSIP_NODE_H

#include "core/base/epoch.h"
#include "core/runtime/node/counters.h"
#include "core/runtime/node/overlay.h"
#include "core/runtime/node/publication.h"
#include "core/runtime/node/role_message.h"
#include "core/runtime/node/view.h"
#include "henge/events.h"
#include "membership/membership.h"

enum {
    GOSSIP_NODE_EVENTS_PENDING = 256, /* held back until the view that shows them is published */
    GOSSIP_NODE_EVENTS_UNREAD = 1,    /* room for them when nobody reads; more is borrowed */
    GOSSIP_NODE_DIRTY_LISTED = 128,   /* beyond that the marks themselves are walked */
};

struct gossip_node_hooks {
    void *context;
    /* False when the detector's queue is full: offered again at the next step. */
    bool (*to_detector)(void *context, const struct role_message *message);
    void (*on_event)(void *context, const struct henge_event *event);
    /* May be NULL: every change of the table, as it happens. For those who watch a node. */
    void (*on_change)(void *context, const struct member_change *change);
};

struct gossip_node_settings {
    struct membership_settings membership;
    uint32_t id;
    uint8_t ring_salt[16];
    uint64_t ring_removal_delay_ns;
    uint64_t publish_window_ns;
    uint64_t publish_window_max_ns;
    uint32_t live_views_max;
    uint32_t token_choices; /* places for each virtual node; 1: all at their first */
    /* Nobody reads, until gossip_node_read: numbers and fingerprints are kept as if views and rings
     * had been built. */
    bool is_unread;
    /* Comma separated, each has a ring of its own. Read by gossip_node_create only; may be NULL. */
    const char *ring_roles;
};

struct ring_roles {
    char names[HENGE_RING_ROLES_MAX][HENGE_LABEL_BYTES];
    struct role_rings rings[HENGE_RING_ROLES_MAX];
    size_t count;
};

/* What the nodes of one gossip thread share. */
struct gossip_commons {
    struct memory *memory;
    struct record_store *store;
    struct ring_house *rings;
    struct epoch_domain *epochs;
};

/* Written by the gossip thread once per step that did something. */
struct gossip_node_counters {
    counter view_number, ring_version, ring_fingerprint, view_fingerprint;
    counter generation, version, is_joined, is_partitioned, has_name_conflict;
    counter alive, suspect, dead, left, agreement_permille;
    counter malformed, misdirected;
    counter accusations, verdicts, updates_sent, updates_received, updates_news, updates_refused;
    counter syncs_started, records_received, evictions, leaves_refused, members_refused;
    counter views_published, views_reclaimed, views_delayed, rings_refused, rings_put_off;
    counter oldest_view_number, oldest_view_retired_ns; /* retired, not yet reclaimed; 0 = none */
};

struct gossip_node {
    struct gossip_node_settings settings;
    struct gossip_node_hooks hooks;
    struct memory *memory;
    struct record_store *store;
    struct epoch_domain *epochs;
    struct membership *membership;
    struct overlay *overlay;

    /* The view. */
    _Atomic(struct henge_view *) view;
    struct view_owner view_owner;
    uint16_t *numbers; /* by slot: the one that views show + 1; 0: none yet */
    uint32_t numbers_capacity;
    struct shared_ring *ring;      /* the present one */
    struct shared_ring *ring_next; /* the same object while nobody joins or drains */
    struct ring_roles *roles;      /* NULL: none */
    struct publication publication;
    bool has_unshown;               /* members in the overlay that the view does not show yet */
    uint64_t publish_not_before_ns; /* after a publication that could not be */
    uint64_t ring_not_before_ns;    /* after a ring that there was no budget for */
    uint64_t removal_ns; /* when the next DEAD member leaves the ring, TIME_NEVER = none */
    uint64_t view_number;
    uint64_t ring_publications; /* also of rings that were the same again */
    uint64_t ring_version;
    uint64_t ring_fingerprint;
    bool is_ring_refused; /* the members have too many points for a ring: the last one stays */
    bool has_forgotten;   /* with is_unread: forgotten slots wait for the end of the call only */
    struct henge_view **retired; /* not yet reclaimed, oldest first; live_views_max */
    uint32_t retired_count;

    /* gossip_place.c: when to look again, and when it may be, and has to be, decided. */
    uint64_t place_due_ns;
    uint64_t place_from_ns;
    uint64_t place_until_ns; /* TIME_NEVER: not joined yet */

    /* Slots that were forgotten and wait for the views that name them. */
    struct slot_wait {
        uint32_t slot;
        uint64_t view_number;      /* the last view that may name it */
        uint64_t ring_publication; /* the first ring that does not */
    } * slots_waiting;             /* members_max */
    uint32_t slots_waiting_count;

    /* What the detector has still to hear: state, offered until taken. */
    uint8_t *peer_dirty;     /* PEER_DIRTY_*, two bits by slot; members_max */
    uint16_t *dirty_slots;   /* those with a mark, ... */
    uint32_t dirty_capacity; /* up to GOSSIP_NODE_DIRTY_LISTED */
    uint32_t dirty_count;    /* all of them; */
    uint32_t dirty_unlisted; /* ... but for so many */
    bool generation_dirty;
    bool is_silent; /* evicted, or without its name: the detector is to be silent too */
    bool feed_is_behind;
    uint64_t fingerprint_told;

    /* Events of this turn. */
    struct henge_event *events;
    uint32_t events_count, events_capacity;
    uint64_t event_number;

    uint64_t now_ns;      /* of the call under way: for the observer */
    uint64_t deadline_ns; /* as told last, for the pause guard */
    struct gossip_node_counters counters;
};

/* The self-only view is there when this returns. NULL: no memory. */
struct gossip_node *gossip_node_create(const struct gossip_node_settings *settings,
                                       const struct gossip_node_hooks *hooks,
                                       struct overlay *overlay,
                                       const struct gossip_commons *commons, uint64_t now_ns);
/* From now on views are built; the present one is there when this returns. False: no memory, and
 * nothing has changed. */
bool gossip_node_read(struct gossip_node *node, uint64_t now_ns);
/* Every retired view must have been reclaimed: gossip_node_is_reclaimed. */
void gossip_node_destroy(struct gossip_node *node);
bool gossip_node_is_reclaimed(const struct gossip_node *node);

void gossip_node_receive(struct gossip_node *node, const uint8_t *message, size_t bytes,
                         const struct packet_source *source, uint64_t now_ns,
                         struct outbox *outbox);
/* PROBE_FAILED, PEER_ALIVE, NOT_ME, SELF_VERSION, PEER_FINGERPRINT, SCRIPT_DONE, STREAM_ENDED.
 * True: the node is to be stepped. */
bool gossip_node_message(struct gossip_node *node, const struct role_message *message,
                         uint64_t now_ns);
/* Timers, feed of the detector, publication, events. */
void gossip_node_step(struct gossip_node *node, uint64_t now_ns, uint64_t horizon_ns,
                      struct outbox *outbox);
uint64_t gossip_node_deadline(struct gossip_node *node);

/* Publishes now what has changed, if anything. False: no memory, or live_views_max are alive. */
bool gossip_node_publish(struct gossip_node *node, uint64_t now_ns);

/* The members' part only, and only if it can be done now: an owner reads what it has just written.
 */
void gossip_node_publish_members(struct gossip_node *node, uint64_t now_ns);

/* gossip_view.c: publication if it is due. */
void gossip_node_publish_due(struct gossip_node *node, uint64_t now_ns);
uint64_t gossip_node_publish_deadline(const struct gossip_node *node);
void gossip_node_view_init(struct gossip_node *node, struct ring_house *rings);
bool gossip_node_first_view(struct gossip_node *node, uint64_t now_ns);
void gossip_node_last_view(struct gossip_node *node);
/* Does the present view hold this life of the member? */
bool gossip_node_is_shown(const struct gossip_node *node, uint32_t slot);
void gossip_node_slot_forgotten(struct gossip_node *node, uint32_t slot);
/* The slot that views and events show for one of the node's own; HENGE_NO_SLOT while nobody reads,
 * and before the first view that shows the member. */
uint32_t gossip_node_shown_slot(const struct gossip_node *node, uint32_t slot);

/* gossip_ring.c: the rings of the members that are in them now. False: no memory. */
bool gossip_node_ring_renew(struct gossip_node *node, uint64_t now_ns);
/* Is the present one there, for another node made it, or may it be made now? Takes it as made. */
bool gossip_node_ring_is_affordable(const struct gossip_node *node, uint64_t now_ns);
/* The number and fingerprint of the present one only. */
void gossip_node_ring_renew_unread(struct gossip_node *node, uint64_t now_ns);
void gossip_node_rings_release(struct gossip_node *node);
bool gossip_node_roles_create(struct gossip_node *node, const char *text); /* false: no memory */
void gossip_node_roles_destroy(struct gossip_node *node);
/* The members of one of the two rings, into an array with room for all slots; how many. */
size_t gossip_node_ring_gather(const struct gossip_node *node, enum henge_ring_which which,
                               uint64_t now_ns, struct ring_member *members_out);
struct ring_member gossip_node_ring_member(const struct record *record, uint32_t slot);
struct ring_parameters gossip_node_ring_parameters(const struct gossip_node *node,
                                                   uint64_t version);

/* gossip_place.c: a node that joins chooses where it stands, when its time has come. */
void gossip_node_place(struct gossip_node *node, uint64_t now_ns);
/* Where it stands, to be kept for the next life; false: nowhere for good. Lent until the record
 * changes. */
bool gossip_node_place_of(const struct gossip_node *node, const uint8_t **choices_out,
                          uint8_t *bytes_out);
/* With choices for virtual nodes that are new, if it has chosen at all. As membership_set_payload.
 */
enum henge_status gossip_node_set_weight(struct gossip_node *node, uint16_t weight,
                                         uint64_t now_ns);

/* gossip_feed.c: what the detector has to hear. */
bool gossip_node_feed_create(struct gossip_node *node); /* false: no memory */
void gossip_node_feed_destroy(struct gossip_node *node);
void gossip_node_feed_mark(struct gossip_node *node, const struct member_change *change);
bool gossip_node_feed(struct gossip_node *node); /* false: something is left */

/* gossip_events.c: changes to events. */
void gossip_node_event_change(struct gossip_node *node, const struct member_change *change);
void gossip_node_event_topology(struct gossip_node *node, uint64_t old_version);
void gossip_node_event_partitioned(struct gossip_node *node, bool begins);
/* Another live process bears the name of the member in `slot`; slot 0: this node's. */
void gossip_node_event_conflict(struct gossip_node *node, uint32_t slot,
                                const struct henge_address *other, uint64_t other_generation);
void gossip_node_events_flush(struct gossip_node *node);

#endif
