/* membership/join.h - coming into a cluster, and letting others in.
 *
 * The joiner sends its record to all seeds at once, again after a quarter of a second, half of one,
 * and then every second. A seed admits it as news,
 * and answers with what it held on that name (tombstone included) and its own table: inline when
 * that fits into the reply, else to be pulled over a stream. The join is done when the whole
 * snapshot has been applied. */
#ifndef MEMBERSHIP_JOIN_H
#define MEMBERSHIP_JOIN_H

#include "core/base/memory.h"
#include "henge/address.h"
#include "membership/limits.h"
#include "membership/membership.h"
#include "membership/outbox.h"
#include "membership/seeds.h"
#include "membership/token_bucket.h"

struct delivery;

struct join {
    struct memory *memory;
    enum membership_join_state state;
    const char *reason;
    struct henge_address seeds[SEEDS_MAX]; /* kept for healing too */
    uint32_t seeds_count;
    uint8_t outcomes[SEEDS_MAX]; /* enum seed_outcome, of the join under way or the last one */
    struct hints hints;
    struct henge_address pulled_from; /* the table is being fetched there */
    struct failed failed;
    bool has_pull_failed;           /* since the last round: the next one is for others */
    struct token_bucket admissions; /* of others through this node */
    uint32_t request_id;            /* of the present generation's attempts */
    uint64_t retry_ns;              /* TIME_NEVER when not joining */
    uint64_t wait_ns;               /* from one round to the next: doubles up to JOIN_RETRY_NS */
};

void join_init(struct join *join, struct memory *memory);
void join_start(struct membership *membership, const struct henge_address *seeds, size_t count);
/* They replace the old ones; the own address is left out. */
void join_seeds_set(struct membership *membership, const struct henge_address *seeds, size_t count);
void join_step(struct membership *membership, struct outbox *outbox);
uint64_t join_deadline(const struct membership *membership);
void join_receive(struct membership *membership, struct delivery *delivery);
void join_reply_receive(struct membership *membership, struct delivery *delivery);
/* With another generation than before, if a join is under way. */
void join_again(struct membership *membership);
void join_refuse(struct membership *membership, const char *reason);
/* The stream pull of the join has ended; is_whole: all of it was applied. */
void join_pull_over(struct membership *membership, bool is_whole);

#endif
