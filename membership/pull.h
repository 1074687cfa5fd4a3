/* membership/pull.h - PULL asks for the records of some buckets, RECORDS brings them.
 *
 * By datagram first: the answer comes in up to RECORDS_DATAGRAMS_MAX datagrams, or says that a
 * stream is needed; then the PULL goes again over a stream. A join pulls everything over a stream
 * at once. What is learnt this way is not gossiped on. */
#ifndef MEMBERSHIP_PULL_H
#define MEMBERSHIP_PULL_H

#include "membership/limits.h"
#include "membership/outbox.h"
#include "membership/wire.h"
#include <stdbool.h>
#include <stdint.h>

struct membership;
struct delivery;

enum pull_purpose { PULL_FOR_JOIN = 0, PULL_FOR_SYNC, PULL_PURPOSES };

/* One stream pull under way. */
struct pull {
    bool is_active;
    uint32_t request_id;
    struct henge_address address; /* of the one asked: its stream's messages come from there */
    uint32_t stream;              /* bound by the first message; 0 = none came yet */
    uint16_t next_part;           /* parts come in order on a stream */
    uint64_t timeout_ns;          /* given up then */
};

enum { BUSY_ANSWER_BYTES = 2 + MESSAGE_HEAD_BYTES + WIRE_RECORDS_BYTES };

struct pulls {
    struct pull streams[PULL_PURPOSES];
    struct asked {
        uint32_t request_id;
        uint64_t buckets;
    } asked[RECORDS_DATAGRAMS_MAX]; /* by datagram, latest ones: a ring */
    uint32_t asked_next;
    uint32_t last_request_id;
    uint8_t busy[BUSY_ANSWER_BYTES]; /* the answer that can always be lent; never changes */
};

void pulls_init(struct pulls *pulls, uint64_t name_hash, uint64_t generation);
void pull_by_datagram(struct membership *membership, const struct henge_address *address,
                      uint64_t generation, uint64_t buckets, struct outbox *outbox);
/* False: one of this purpose is under way, or no stream is to be had. */
bool pull_by_stream(struct membership *membership, enum pull_purpose purpose,
                    const struct henge_address *address, uint64_t generation, uint64_t buckets,
                    struct outbox *outbox);
void pull_receive(struct membership *membership, struct delivery *delivery);
void records_receive(struct membership *membership, struct delivery *delivery);
void pull_stream_ended(struct membership *membership, uint64_t request_token, bool failed);
/* True while an answer of this purpose may still come. */
bool pull_is_active(const struct membership *membership, enum pull_purpose purpose);

#endif
