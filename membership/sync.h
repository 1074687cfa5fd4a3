/* membership/sync.h - repair by difference: fingerprints, SYNC, and agreement.
 *
 * When a peer's fingerprint and ours differ although both are older than the dissemination bound,
 * bucket sums are exchanged (SYNC, answered once) and each side pulls the buckets that differ
 * (pull.h). Besides, one random member now and then, whatever the fingerprints say; and soon again
 * after a repair that brought something, for there may be more: so a thousand that join at once are
 * known to all within a second or two. A table that
 * had no room for what a pull brought will differ again: for a while only these random ones are
 * left. In profiles with full sync nothing is compared: now and then two members exchange all they
 * have. */
#ifndef MEMBERSHIP_SYNC_H
#define MEMBERSHIP_SYNC_H

#include "core/base/memory.h"
#include "membership/limits.h"
#include "membership/outbox.h"
#include "membership/pull.h"
#include "membership/token_bucket.h"
#include <stdbool.h>
#include <stdint.h>

struct membership;
struct delivery;

struct peer_report {
    uint64_t fingerprint;
    uint64_t heard_ns;
    uint32_t age_ms; /* of the peer's fingerprint when it was heard */
    uint32_t slot;
};

struct sync {
    uint32_t wanted_slot;                   /* NO_SLOT: none */
    struct token_bucket budget;             /* of those sent: one per second, a few at once */
    uint64_t no_room_until_ns;              /* of the table: till then differences are left alone */
    uint64_t random_due_ns, random_mean_ns; /* the mean doubles up to SYNC_PERIODS_RANDOM */
    struct memory *memory;
    struct peer_report *reports;
    uint32_t reports_count, reports_capacity; /* up to PEER_REPORTS_MAX */
    struct pulls pulls;
};

void sync_init(struct sync *sync, struct memory *memory);
void sync_deinit(struct sync *sync);
/* False: it is this node's own, and was the last time. */
bool sync_peer_fingerprint(struct membership *membership, uint32_t slot, uint64_t fingerprint,
                           uint64_t age_ns);
/* Wants a SYNC with this member at the next step. */
void sync_want(struct membership *membership, uint32_t slot);
/* A repair brought something: there may be more to repair. */
void sync_brought(struct membership *membership);
/* A pull brought somebody for whom the table has no room. */
void sync_no_room(struct membership *membership);
void sync_step(struct membership *membership, struct outbox *outbox);
uint64_t sync_deadline(const struct membership *membership);
bool sync_send(struct membership *membership, const struct henge_address *address,
               uint64_t generation, uint8_t flags, struct outbox *outbox);
void sync_receive(struct membership *membership, struct delivery *delivery);
uint32_t sync_agreement_permille(const struct membership *membership);

#endif
