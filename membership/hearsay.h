/* membership/hearsay.h - records from somebody who was away longer than tombstones are kept.
 *
 * What such a peer believes may be older than all that is remembered here: a member that it holds
 * ALIVE may have died and been forgotten long ago. So its word about members unknown here is not
 * merged: each of them is asked himself (WHO, as in claim.h), and his own answer is. A small table
 * bounds how many are asked at once; who finds no room is heard of again by the next sync. What a
 * peer says of itself needs no question, nor does what an explicit join brings. */
#ifndef MEMBERSHIP_HEARSAY_H
#define MEMBERSHIP_HEARSAY_H

#include "core/base/memory.h"
#include "membership/claim.h"
#include "membership/wire.h"

struct delivery;

enum { HEARSAY_MAX = 64 };

/* So long after it came in, or back, a peer is a stranger: until its table and ours are one. */
#define STRANGER_NS (60 * NS_PER_S)

struct hearsay {
    struct memory *memory;
    struct hearsay_question {
        uint64_t name_hash; /* 0: free */
        uint64_t nonce;
        uint64_t next_ns;
        struct henge_address address;
        uint32_t asked;
    } * questions;
    uint32_t capacity; /* up to HEARSAY_MAX */
    uint32_t count;
    uint64_t next_ns; /* of the first of them; TIME_NEVER: none */
};

void hearsay_init(struct hearsay *hearsay, struct memory *memory);
void hearsay_deinit(struct hearsay *hearsay);
/* True when the update is not to be merged: its subject is asked, if there is room. */
bool hearsay_holds_back(struct membership *membership, const struct update *update,
                        const struct record_fields *fields, const struct delivery *delivery);
/* A HERE from another name than ours; true when it answers a question: it is to be believed. */
bool hearsay_is_answer(struct membership *membership, const struct wire_here *here,
                       const struct update *update, const struct delivery *delivery);
void hearsay_step(struct membership *membership, struct outbox *outbox);

#endif
