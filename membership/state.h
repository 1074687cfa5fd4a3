/* membership/state.h - the whole of one node's knowledge: private to this room.
 *
 * Owned by one thread (in the runtime: gossip). now_ns is the time of the call under way. */
#ifndef MEMBERSHIP_STATE_H
#define MEMBERSHIP_STATE_H

#include "membership/claim.h"
#include "membership/contact.h"
#include "membership/departure.h"
#include "membership/doubts.h"
#include "membership/freeze.h"
#include "membership/gossip.h"
#include "membership/hearsay.h"
#include "membership/join.h"
#include "membership/leave.h"
#include "membership/membership.h"
#include "membership/script.h"
#include "membership/self.h"
#include "membership/standing.h"
#include "membership/suspicion.h"
#include "membership/sync.h"
#include "membership/table.h"
#include "membership/targets.h"
#include "membership/tombstones.h"
#include "membership/verify.h"

struct membership {
    struct membership_settings settings; /* .self is not kept: slot 0 is */
    struct membership_observer observer;
    struct record_store *store;
    struct memory *memory;
    struct random random;
    uint64_t now_ns, created_ns;
    uint64_t forget_ns;    /* no DEAD or LEFT member is due to be forgotten before */
    uint64_t name_hash;    /* own */
    uint8_t change_origin; /* enum change_origin: of the changes of this call */
    struct table table;
    struct tombstones tombstones;
    struct suspicions suspicions;
    struct freeze freeze;
    struct verify verify;
    struct targets targets;
    struct gossip gossip;
    struct scripts scripts;
    struct sync sync;
    struct join join;
    struct leave leave;
    struct departure departure;
    struct contact contact;
    struct self self;
    struct claim claim;
    struct hearsay hearsay;
    struct standing standing;
    struct doubts doubts;
    struct token_bucket replies;
    struct token_bucket notices; /* "you are held dead", to those whom others hold alive */
    struct membership_counters counters;
};

/* One message being received: checked whole before anything is applied. */
struct delivery {
    struct message_head head;
    struct bytes_reader reader; /* the body */
    const struct packet_source *source;
    struct outbox *outbox;
};

/* Has this node a voice in its cluster? Not one that has left, was evicted, or
 * has yielded its name. */
bool membership_can_speak(const struct membership *membership);
/* Begins a message with its head; NULL start when the outbox has no room. */
struct bytes_writer message_begin(const struct membership *membership, struct outbox *outbox,
                                  enum message_type type);
/* Sends it, or gives the room back when it did not fit. */
bool message_commit(struct outbox *outbox, struct bytes_writer *writer,
                    const struct henge_address *address, uint64_t generation);
void delivery_malformed(struct membership *membership);
/* Walks the updates of a message; false, and counted, when one is malformed. */
bool delivery_check(struct membership *membership, const struct delivery *delivery, uint32_t count);
/* Bytes that follow what is understood come from a later version: skipped and counted. */
void delivery_trailing(struct membership *membership, const struct delivery *delivery);
/* Hears one update: about this node, or to be merged, and passed on if it is news. */
struct merge_result hear(struct membership *membership, const struct update *update,
                         const struct record_fields *fields, enum merge_origin origin,
                         const struct delivery *delivery);

#endif
