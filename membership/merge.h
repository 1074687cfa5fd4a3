/* membership/merge.h - the order of what is said about members, and the one function that changes
 * what is believed.
 *
 * A member has two lattices under one generation: liveness (generation, version, status rank) and
 * payload (generation, payload version, bytes). Merging takes the greater of each, so it is
 * commutative, associative and idempotent: nodes that heard the same things in any order believe
 * the same. A generation is believed ALIVE or SUSPECT only together with its payload. */
#ifndef MEMBERSHIP_MERGE_H
#define MEMBERSHIP_MERGE_H

#include "membership/wire.h"

struct membership;
struct member;

/* < 0, 0, > 0. Status rank ALIVE < SUSPECT < DEAD < LEFT. */
int liveness_compare(const struct liveness *left, const struct liveness *right);

struct payload_key {
    uint64_t generation;
    uint32_t payload_version;
    const uint8_t *encoded; /* equal versions with different content: the greater bytes win */
    uint16_t encoded_bytes;
};
int payload_compare(const struct payload_key *left, const struct payload_key *right);

/* The pure core: what is believed after hearing `heard`. */
struct belief {
    struct liveness liveness;
    struct payload_key payload; /* encoded NULL: none */
};
struct belief belief_merge(const struct belief *held, const struct belief *heard);
/* ALIVE and SUSPECT need the payload of their generation; DEAD and LEFT do not. */
bool belief_is_admissible(const struct belief *belief);

enum merge_origin {
    MERGE_GOSSIP, /* news on its way: verdicts are taken over */
    MERGE_SYNC,   /* a peer's table: its DEAD only accuses, so that the victim can refute */
    MERGE_LOCAL   /* this node's own doing */
};

enum merge_outcome {
    MERGE_SAME = 0, /* known already */
    MERGE_BEHIND,   /* the speaker lags: more is known here */
    MERGE_NEWS,
    MERGE_REFUSED /* limits, no memory, a generation of the far future, a payload missing */
};

struct merge_result {
    enum merge_outcome outcome;
    uint32_t slot;        /* NO_SLOT: about nobody in the table */
    bool is_new;          /* the member was not in the table */
    bool payload_news;    /* others may lack the record too */
    bool is_confirmation; /* only the set of accusers has grown */
    bool is_verdict;      /* this node's own, of a suspicion that many share */
    bool is_revived;      /* was DEAD or LEFT here */
    bool is_accusation;   /* a synced DEAD was turned into a suspicion */
    bool is_tombstone;    /* DEAD or LEFT of somebody not in the table */
    bool is_replaced;     /* the one at `loser` has lost this name to another address */
    bool is_conflict;     /* and both claim one payload version */
    struct henge_address loser;
};

/* About any member but this node (see self.h for that). `fields` is the update's record, NULL
 * without one; `speaker` is the name hash of the packet's source. */
struct merge_result merge_update(struct membership *membership, const struct update *update,
                                 const struct record_fields *fields, enum merge_origin origin,
                                 uint64_t speaker);

/* This node about itself. `record` (may be NULL: as before) is taken over by the table. */
void merge_self(struct membership *membership, const struct liveness *liveness,
                struct record *record);
/* DEAD or LEFT for long enough: only the tombstone remains. */
void merge_forget(struct membership *membership, uint32_t slot);

/* Is this generation believable at all? */
bool merge_is_sane(const struct membership *membership, uint64_t generation);

/* What this node holds, as an update; `is_full` adds the record, and SUSPECT brings its accusers.
 */
struct update merge_update_of(const struct membership *membership, uint32_t slot, bool is_full);

#endif
