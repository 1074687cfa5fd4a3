/* membership/membership.h - one node's knowledge of its cluster: table, gossip, sync, join, leave,
 * suspicions. The gossip half of the protocol; the detector half is detector/detector.h.
 *
 * A calculation: time, bytes and random numbers go in, messages (outbox) and changes (observer)
 * come out. No socket, no clock, no thread, no allocation per packet: memory is taken as members
 * come, and for what is rarely needed (memory_grow) when it is first needed, up to bounds. All
 * functions of one struct membership belong to one thread. `now_ns` never goes backwards.
 *
 * Receive horizon: no suspicion is judged (turned into DEAD) before the caller says that everything
 * received up to the suspicion's deadline has been handed in: membership_step's horizon_ns. */
#ifndef MEMBERSHIP_MEMBERSHIP_H
#define MEMBERSHIP_MEMBERSHIP_H

#include "core/base/memory.h"
#include "henge/config.h"
#include "henge/members.h"
#include "membership/outbox.h"
#include "membership/profile.h"
#include "membership/record.h"
#include <stdbool.h>
#include <stdint.h>

struct membership;

struct membership_settings {
    const struct profile *profile; /* NULL: profile_henge */
    /* Read by membership_create only. generation = the floor to start from; payload_version 0. */
    const struct record_fields *self;
    uint64_t ring_parameters; /* hash of salt and the like: JOIN refuses a different one */
    uint64_t probe_period_ns;
    uint32_t suspicion_max_factor;
    uint32_t fanout;
    uint64_t gossip_tick_ns;
    uint64_t gossip_window_ns;
    uint32_t packets_per_s, packets_burst;
    uint32_t payload_bytes_max; /* of a datagram's message, sealing taken off */
    uint32_t members_max;
    uint32_t slots_expected; /* memory is taken for so many at once; 0: not known */
    uint64_t tombstone_ns;
    uint64_t rejoin_hold_ns; /* standing.h; 0: none */
    uint64_t dead_shown_ns;
    bool is_placed_first; /* JOINING until its owner has chosen: membership_is_placing */
    /* Peers of an earlier life, contacted for ever; read by membership_create only. */
    const struct henge_address *former;
    uint32_t former_count;
    uint64_t random_seed;
    uint64_t wall_ms; /* at creation: bounds the generations that are believed */
    /* Proof of a leave (departure.h): a one-way function, and 16 random bytes of this process.
     * NULL: no proof is wanted or given, for tests that say so. */
    void (*one_way)(const uint8_t secret[RECORD_PROOF_BYTES], uint8_t out[RECORD_PROOF_BYTES]);
    uint8_t leave_secret[RECORD_PROOF_BYTES];
};

/* What is known of one member. `record` is NULL in an unused slot. */
struct member {
    struct record *record;
    uint32_t version;
    uint32_t status_since; /* in ticks: member_status_since_ns */
    uint32_t changed;      /* table.h's own, as the next two */
    uint16_t live_position;
    uint8_t slot_use;
    uint8_t status; /* enum henge_member_status */
};

/* Ticks of 17 ms: after 2.3 years without a change it seems to have been now. */
enum { MEMBER_TICK_BITS = 24 };

static inline uint32_t member_tick(uint64_t now_ns) {
    return (uint32_t)(now_ns >> MEMBER_TICK_BITS);
}

/* Up to a tick before it really was. */
static inline uint64_t member_status_since_ns(const struct member *member, uint64_t now_ns) {
    uint64_t ticks = member_tick(now_ns) - member->status_since;
    return (now_ns >> MEMBER_TICK_BITS << MEMBER_TICK_BITS) - (ticks << MEMBER_TICK_BITS);
}

/* Of a slot in use. */
static inline uint64_t member_generation(const struct member *member) {
    return member->record->life;
}

/* Who brought a change about. */
enum change_origin {
    CHANGE_SELF = 0, /* this node about itself, or its operator */
    CHANGE_VERDICT,  /* this node's own judgement of another: accusation or death */
    CHANGE_DIRECT,   /* contact with the member itself */
    CHANGE_HEARSAY   /* another node's word */
};

struct member_change {
    uint32_t slot;
    bool is_new;          /* the slot was not in use: before_* mean nothing */
    bool is_forgotten;    /* the slot is being given up (DEAD or LEFT for dead_shown_ns) */
    bool payload_changed; /* another record, same name */
    bool generation_changed;
    bool is_evicted; /* LEFT by an operator's verdict */
    uint8_t before_status;
    uint8_t status;
    uint8_t origin; /* enum change_origin */
    uint32_t before_version;
    uint64_t before_generation;
    uint32_t before_payload_version;
};

/* Called synchronously, once per change, by the one function that changes a member's state. Must
 * not call back into membership but for its const functions. */
struct membership_observer {
    void *context;
    void (*on_change)(void *context, const struct member_change *change);
    /* Somebody calls this node something else than ALIVE at (generation, version >= own). The owner
     * of the version (the detector) is to raise it above and to answer by membership_self_version.
     * False: could not be passed on now, is asked again at the next step. */
    bool (*on_accused)(void *context, uint64_t generation, uint32_t version);
    /* This node has a new generation (version 0): joined again, or heard a higher one. */
    void (*on_generation)(void *context, uint64_t generation);
    /* This suspect is to be probed at once, as the table has it now. False: no room now, is asked
     * again at the next step. NULL: nothing is verified. */
    bool (*on_verify)(void *context, uint32_t slot);
    /* This node takes itself to be cut off, and gives no verdicts for a while; or no longer. */
    void (*on_partitioned)(void *context, bool begins);
    /* Two live processes bear one name. Slot 0: this node's, and the other one stays: this node has
     * fallen silent for good, its detector should too. Another slot: that member's, as far as one
     * can tell (two contents under one payload version). May be NULL. */
    void (*on_conflict)(void *context, uint32_t slot, const struct henge_address *other,
                        uint64_t other_generation);
};

/* NULL: no memory, or self breaks a limit or does not fit into one datagram. */
struct membership *membership_create(const struct membership_settings *settings,
                                     const struct membership_observer *observer,
                                     struct record_store *store, struct memory *memory,
                                     uint64_t now_ns);
void membership_destroy(struct membership *membership);

/* The three doors. */
void membership_receive(struct membership *membership, const uint8_t *message, size_t bytes,
                        const struct packet_source *source, uint64_t now_ns, struct outbox *outbox);
void membership_step(struct membership *membership, uint64_t now_ns, uint64_t horizon_ns,
                     struct outbox *outbox);
uint64_t membership_deadline(const struct membership *membership);
/* True when a judgement waits for the horizon: the caller should bring it up to now. */
bool membership_wants_horizon(const struct membership *membership);

/* The caller's thread was away for gap_ns: suspicion deadlines move by as much. */
void membership_paused(struct membership *membership, uint64_t gap_ns, uint64_t now_ns);

/* From the detector. A generation or version that is not the table's present one is stale and
 * ignored, except that a higher one of peer_alive is news. */
void membership_probe_failed(struct membership *membership, uint32_t slot, uint64_t generation,
                             uint32_t version, uint64_t now_ns);
void membership_peer_alive(struct membership *membership, uint32_t slot, uint64_t generation,
                           uint32_t version, uint64_t now_ns);
/* The process at the member's address is another incarnation. */
void membership_not_me(struct membership *membership, uint32_t slot, uint64_t generation,
                       uint64_t now_ns);
/* True: a step may have something to do. Of two that agree, and did before, each probe brings one
 * of these. */
bool membership_peer_fingerprint(struct membership *membership, uint32_t slot, uint64_t fingerprint,
                                 uint64_t age_ns, uint64_t now_ns);
void membership_self_version(struct membership *membership, uint64_t generation, uint32_t version,
                             uint64_t now_ns);
/* How many of the last eight probes failed; told whenever it changes. */
void membership_probes(struct membership *membership, uint32_t failed_of_last_8, uint64_t now_ns);

/* Streams. */
void membership_script_done(struct membership *membership, uint64_t script_token);
void membership_stream_ended(struct membership *membership, uint64_t request_token, bool failed,
                             uint64_t now_ns);

/* Orders. */
enum membership_join_state { JOIN_IDLE = 0, JOIN_UNDER_WAY, JOIN_DONE, JOIN_REFUSED };
/* Contacts all seeds at once, and again, after a second at most, until joined; they stay known as
 * seeds for healing. After a leave this starts a new generation. */
void membership_join(struct membership *membership, const struct henge_address *seeds, size_t count,
                     uint64_t now_ns);
/* The seeds' names have been resolved again. None keeps the old ones. */
void membership_seeds_set(struct membership *membership, const struct henge_address *seeds,
                          size_t count);
/* Whom to give as `former` to the next life: other members, the live ones first, then former peers.
 * Distinct; at most `max`; how many. */
uint32_t membership_former_addresses(const struct membership *membership,
                                     struct henge_address *addresses_out, uint32_t max);
enum membership_join_state membership_join_state(const struct membership *membership);
/* "ring parameters differ", ...: of the last refusal; empty without one. */
const char *membership_join_reason(const struct membership *membership);
/* How each seed answered so far: "127.0.0.1:7001: no answer; ...". The bytes written. */
size_t membership_join_report(const struct membership *membership, char *text, size_t room);

enum membership_leave_state { LEAVE_NONE = 0, LEAVE_UNDER_WAY, LEAVE_DONE };
void membership_leave(struct membership *membership, uint64_t now_ns, uint64_t deadline_ns);
enum membership_leave_state membership_leave_state(const struct membership *membership);
/* Distinct members that have acknowledged the leave. */
uint32_t membership_leave_acks(const struct membership *membership);

/* An operator's verdict on the member's present generation: LEFT, whatever it says. It spreads, and
 * the evicted one falls silent until an explicit join. False: nobody to evict in that slot. */
bool membership_evict(struct membership *membership, uint32_t slot, uint64_t now_ns);

/* This node's payload: same name and generation, next payload version. HENGE_INVALID names no
 * field: check with record_fields_check before. HENGE_FULL: too large for one datagram. */
enum henge_status membership_set_payload(struct membership *membership,
                                         const struct record_fields *fields, uint64_t now_ns);

/* Where this node is to stand in the ring, until the next such call. */
enum henge_status membership_set_ring_state(struct membership *membership,
                                            enum henge_ring_state state, uint64_t now_ns);
/* This node joins a cluster for the first time, and stays JOINING until its owner has chosen where
 * it stands in the ring: until membership_set_payload says ACTIVE, or membership_set_ring_state
 * what the operator wants. */
bool membership_is_placing(const struct membership *membership);
/* The detector has seen that somebody holds this node DEAD at (generation, version). It has refuted
 * by itself; what follows for the ring is decided here. */
void membership_declared_dead(struct membership *membership, uint64_t generation, uint32_t version,
                              uint64_t now_ns);

/* Looking. Slots run from 0 to membership_slots - 1; the own one is 0. */
uint32_t membership_slots(const struct membership *membership);
const struct member *membership_member(const struct membership *membership, uint32_t slot);
uint64_t membership_fingerprint(const struct membership *membership);
/* Since when the fingerprint is what it is. */
uint64_t membership_fingerprint_since(const struct membership *membership);
/* Are there suspicions that may still end in a verdict? (publication waits for them) */
bool membership_is_suspecting(const struct membership *membership);
/* Is this node, as it believes, cut off? */
bool membership_is_partitioned(const struct membership *membership);
/* Time in which one update reaches all with probability 1 - 10^-6 at 10 % loss. */
uint64_t membership_dissemination_bound_ns(const struct membership *membership);
/* Shortest suspicion time at the present size. */
uint64_t membership_suspicion_min_ns(const struct membership *membership);

/* A forgotten slot may be used again: no view refers to it any more. */
void membership_slot_free(struct membership *membership, uint32_t slot);
/* All forgotten slots, for an owner without views. O(slots). */
void membership_slots_free(struct membership *membership);

struct membership_counters {
    uint64_t malformed, misdirected, unknown_type;
    uint64_t accusations, verdicts, verifications;
    uint64_t updates_sent, updates_received, updates_news, updates_refused;
    uint64_t syncs_started, records_received;
    uint64_t conflicts;     /* of names: this node's, and others' that were seen */
    uint64_t hearsay_asked; /* members that a stranger told of, to be asked themselves */
    uint64_t evictions, leaves_refused; /* ordered here; without the owner's proof */
    uint64_t members_refused;           /* for want of room in the table, each time */
    uint32_t alive, suspect, dead, left;
    uint32_t agreement_permille;
};
void membership_counters_get(const struct membership *membership, struct membership_counters *out);

#endif
