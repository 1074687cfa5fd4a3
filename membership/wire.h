/* membership/wire.h - gossip-lane messages <-> structs. docs/protocol.md has every byte.
 *
 * A receiver first checks a whole message (wire_*_get with its updates walked once), then applies.
 * Updates are decoded one at a time from the message's own bytes, so nothing is copied or allocated
 * and no count on the wire sizes anything. */
#ifndef MEMBERSHIP_WIRE_H
#define MEMBERSHIP_WIRE_H

#include "membership/limits.h"
#include "membership/parts.h"
#include "membership/message.h"
#include "membership/record.h"
#include <stdbool.h>
#include <stdint.h>

/* What one node says about a member's life. Ordered by liveness_compare (merge.h). */
struct liveness {
    uint64_t generation;
    uint32_t version;
    uint8_t status; /* enum henge_member_status */
};

/* Who says that a member left. A LEFT on the wire comes with OWNER or EVICTED. */
enum proof_kind {
    PROOF_NONE = 0,
    PROOF_OWNER,     /* the secret that the record commits to */
    PROOF_EVICTED,   /* an operator's verdict on the generation: nothing to be shown */
    PROOF_COMMITMENT /* never on the wire: what a tombstone keeps, to check a later LEFT */
};

struct proof {
    uint8_t kind; /* enum proof_kind */
    uint8_t bytes[RECORD_PROOF_BYTES];
};

/* One item of GOSSIP, RECORDS, JOIN, ...: liveness, and the payload if it comes along. */
struct update {
    uint64_t name_hash;
    struct liveness liveness;
    uint8_t accusers_count; /* only with SUSPECT */
    uint64_t accusers[ACCUSERS_MAX];
    struct proof proof;     /* only with LEFT */
    const uint8_t *encoded; /* canonical record of the same generation, or NULL */
    uint16_t encoded_bytes;
    struct record *known; /* the interned record with these bytes, not counted; NULL: not looked
                             for, or none */
};

/* Bytes that wire_update_put writes. */
size_t wire_update_bytes(const struct update *update);
void wire_update_put(struct bytes_writer *writer, const struct update *update);
/* False (reader failed) when malformed. With a record, *fields_out is it; else untouched. A record
 * that is in `store` (may be NULL) is taken from there, not decoded. */
bool wire_update_get(struct bytes_reader *reader, const struct record_store *store,
                     struct update *update_out, struct record_fields *fields_out);
/* Walks `count` updates over a copy of the reader. */
bool wire_updates_check(const struct bytes_reader *reader, const struct record_store *store,
                        uint32_t count);

/* Bodies; the head is written and read by message_head_*. */

struct wire_join {
    uint64_t ring_parameters;
    uint32_t request_id;
    /* then one update with record: the joiner */
};
void wire_join_put(struct bytes_writer *writer, const struct wire_join *join);
bool wire_join_get(struct bytes_reader *reader, struct wire_join *join_out);

enum join_verdict {
    JOIN_ACCEPTED = 0,
    JOIN_REFUSED_RING,
    JOIN_REFUSED_FULL,
    JOIN_BUSY /* the updates are others to be asked instead */
};
enum held_kind { HELD_NOTHING = 0, HELD_OTHER_BOOT, HELD_SAME_BOOT };
enum {
    HELD_KIND_MASK = 3,
    HELD_HAS_PLACE = 4
}; /* beside it: the one held was placed, see choices */

struct wire_join_reply {
    uint8_t verdict;     /* enum join_verdict; unknown ones refuse */
    uint8_t held_kind;   /* enum held_kind: what the responder held before this JOIN */
    uint8_t is_complete; /* the updates are the whole snapshot; else pull by stream */
    uint32_t request_id;
    struct liveness held;
    struct henge_address held_address; /* family 0: not known */
    uint32_t members_total;
    uint16_t count;
    bool has_place; /* of the one held, with these choices */
    uint8_t choices_bytes;
    uint8_t choices[HENGE_RING_CHOICES_BYTES];
    /* then `count` updates, the responder's first */
};
enum { WIRE_JOIN_REPLY_BYTES = 1 + 1 + 1 + 4 + 13 + 19 + 4 + 2 }; /* without a place */
void wire_join_reply_put(struct bytes_writer *writer, const struct wire_join_reply *reply);
bool wire_join_reply_get(struct bytes_reader *reader, struct wire_join_reply *reply_out);

/* GOSSIP, GOSSIP_REPLY, LEAVE: u16 count, then updates. LEAVE has one, about its sender. */
enum { WIRE_COUNT_BYTES = 2 };

enum {
    SYNC_IS_ANSWER = 1,
    SYNC_IS_FULL = 2 /* no comparing: each pulls all that the other has, over a stream */
};

struct wire_sync {
    uint8_t flags;
    uint64_t ring_parameters;
    uint64_t fingerprint;
    uint32_t sums[SYNC_BUCKETS]; /* folded: table_sum_folded */
};
void wire_sync_put(struct bytes_writer *writer, const struct wire_sync *sync);
bool wire_sync_get(struct bytes_reader *reader, struct wire_sync *sync_out);

struct wire_pull {
    uint32_t request_id;
    uint64_t buckets;      /* a bit each */
    bool has_sums;         /* else all of these buckets is wanted */
    struct part_sums sums; /* only those of these buckets travel */
};
enum { WIRE_PULL_BYTES = 13, WIRE_PULL_BYTES_MAX = WIRE_PULL_BYTES + SYNC_BUCKETS * PARTS };
size_t wire_pull_bytes(const struct wire_pull *pull);
void wire_pull_put(struct bytes_writer *writer, const struct wire_pull *pull);
bool wire_pull_get(struct bytes_reader *reader, struct wire_pull *pull_out);

enum {
    RECORDS_LAST = 1,       /* nothing follows this part */
    RECORDS_USE_STREAM = 2, /* too much for datagrams: pull again over a stream */
    RECORDS_BUSY = 4        /* no room for another answer now */
};

struct wire_records {
    uint32_t request_id;
    uint8_t flags;
    uint16_t part; /* counts up from 0 */
    uint16_t count;
};
enum { WIRE_RECORDS_BYTES = 4 + 1 + 2 + 2 };
void wire_records_put(struct bytes_writer *writer, const struct wire_records *records);
bool wire_records_get(struct bytes_reader *reader, struct wire_records *records_out);

enum { CLAIM_IS_SETTLED = 1, CLAIM_HAS_YIELDED = 2 };

/* A process's right to its name: claim.h. */
struct wire_claim {
    uint8_t flags;
    uint64_t seniority;
    uint8_t boot_id[RECORD_BOOT_BYTES];
};

struct wire_who {
    uint64_t nonce;     /* comes back in HERE */
    uint64_t name_hash; /* of the one who is asked for */
    struct wire_claim claim;
};
void wire_who_put(struct bytes_writer *writer, const struct wire_who *who);
bool wire_who_get(struct bytes_reader *reader, struct wire_who *who_out);

struct wire_here {
    uint64_t nonce;
    struct wire_claim claim;
    /* then one update with record: the responder */
};
void wire_here_put(struct bytes_writer *writer, const struct wire_here *here);
bool wire_here_get(struct bytes_reader *reader, struct wire_here *here_out);

struct wire_leave_ack {
    uint64_t generation; /* whose leave is acknowledged */
};
void wire_leave_ack_put(struct bytes_writer *writer, const struct wire_leave_ack *ack);
bool wire_leave_ack_get(struct bytes_reader *reader, struct wire_leave_ack *ack_out);

#endif
