/* membership/gossip.h - dissemination: news goes out at once, ticks only repeat.
 *
 * One entry per subject, the newest news replaces. Order: class, then fewest transmissions, then
 * newest; kept as lists by (class, transmissions), linked by entry id through one array. An entry
 * is done after lambda * log10(N + 1) transmissions; only what was put into a packet that was sent
 * counts. All targets of one wave get one and the same packet, built once. */
#ifndef MEMBERSHIP_GOSSIP_H
#define MEMBERSHIP_GOSSIP_H

#include "core/base/memory.h"
#include "membership/merge.h"
#include "membership/outbox.h"
#include "membership/token_bucket.h"

enum gossip_class {
    GOSSIP_OWN = 0, /* own refutation, and departures */
    GOSSIP_STATUS,
    GOSSIP_PAYLOAD,
    GOSSIP_CLASSES
};

struct gossip_entry {
    uint32_t next, previous; /* entry ids, NO_SLOT at the ends */
    uint8_t is_queued;
    uint8_t is_full; /* the record goes along */
    uint8_t class;   /* enum gossip_class */
    uint8_t transmissions;
};

struct gossip {
    struct memory *memory;
    struct gossip_entry *entries; /* TOMBSTONE_NEWS_MAX of tombstones, then one per slot */
    uint32_t capacity;
    uint32_t first[GOSSIP_CLASSES][TRANSMISSIONS_MAX];
    uint32_t queued, fresh; /* fresh: never sent yet */
    struct update tombstone_news[TOMBSTONE_NEWS_MAX];
    uint32_t tombstone_next;
    uint64_t fresh_due_ns, tick_due_ns;
    struct token_bucket bucket;
};

struct delivery;

void gossip_init(struct gossip *gossip, struct memory *memory, uint32_t per_s, uint32_t burst);
void gossip_deinit(struct gossip *gossip);

/* Passes on what a merge found to be news. */
void gossip_news(struct membership *membership, const struct merge_result *result);
/* This node's own news, before everything else. */
void gossip_own_news(struct membership *membership);
void gossip_tombstone(struct membership *membership, const struct update *update);
void gossip_drop(struct gossip *gossip, uint32_t slot);

void gossip_step(struct membership *membership, struct outbox *outbox);
uint64_t gossip_deadline(const struct membership *membership);
/* GOSSIP and GOSSIP_REPLY. */
void gossip_receive(struct membership *membership, struct delivery *delivery);
/* Sends one update to one address, as GOSSIP_REPLY (never answered). False: no buffer. */
bool gossip_tell(struct membership *membership, const struct update *update,
                 const struct henge_address *address, struct outbox *outbox);

/* How often each update is sent by one node: a whole part, the rest as a probability. */
double gossip_limit(uint32_t size);
/* D: one update reaches all with probability 1 - 10^-6 at 10 % loss. */
uint64_t gossip_bound(uint32_t size, uint32_t fanout, uint64_t window_ns, uint64_t tick_ns);
uint64_t gossip_bound_ns(const struct membership *membership);

#endif
