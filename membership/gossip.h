/* membership/gossip.h - dissemination: news goes out at once, and again a little later.
 *
 * One entry per subject, the newest news replaces. Order: class, then fewest transmissions, then
 * newest; kept as lists by (class, transmissions), linked by entry id through one array. That holds
 * the queued ones only, and grows by an eighth as more are queued, until all is said; a slot of the
 * table knows its own. Only what was put into a packet that was sent counts as a transmission.
 *
 * An entry's life: after the window a wave of `fanout` copies to members at random; REPEAT_WINDOWS
 * later a second wave, to this node's successors in the circle of name hashes; then a wave per tick
 * to the successors that follow, until the limit (gossip_bound.c has the reasons and the figures).
 * All targets of one wave get one and the same packet, built once. With more than
 * REPEAT_PACKETS_MAX packets to repeat, the successors get a SYNC instead of the rest. What has not
 * to reach everybody goes in fewer waves: an accusation in two (it is its victim that has to hear,
 * and is told by pings too), a confirmation in one, with the next tick, and so does a verdict, for
 * others are about to reach it by themselves; to whom it is news, he passes it on in full. Such
 * entries end early when HEARD_ENOUGH others have said the same (feedback: Demers et al., PODC
 * 1987, section 1.4). Verdicts go to successors, whom this leaves covered: who falls silent has
 * heard his predecessors, and all but one of these speak to his successors too. In profiles that
 * are bound to the timer: on each tick one packet to each of `fanout` members at random, and
 * nothing else. */
#ifndef MEMBERSHIP_GOSSIP_H
#define MEMBERSHIP_GOSSIP_H

#include "core/base/memory.h"
#include "membership/merge.h"
#include "membership/outbox.h"
#include "membership/table.h"
#include "membership/token_bucket.h"

enum gossip_class {
    GOSSIP_OWN = 0, /* own refutation, and departures */
    GOSSIP_STATUS,
    GOSSIP_PAYLOAD,
    GOSSIP_LATER, /* shared verdicts, accusers that confirm: with the next tick, or where there is
                     room */
    GOSSIP_CLASSES
};

struct gossip_entry {
    uint16_t next, previous; /* entry ids, GOSSIP_NONE at the ends; free ones are linked by next */
    uint16_t slot;           /* the subject; not looked at in those of tombstones */
    uint8_t transmissions;
    uint8_t turn;          /* gossip.turn when it was last put into a packet */
    uint8_t is_queued : 1; /* linked */
    uint8_t is_full : 1;   /* the record goes along */
    uint8_t class : 2;     /* enum gossip_class */
    uint8_t waves : 2;     /* that will do, 0: as many as the limit asks for */
    uint8_t heard : 2;     /* from others, while it waits here */
};

enum { GOSSIP_NONE = TABLE_NONE, GOSSIP_ENTRIES_KEPT = 48 };
_Static_assert(sizeof(struct gossip_entry) == 10, "one per member and node while all join");

struct gossip {
    struct memory *memory;
    struct gossip_entry *entries; /* TOMBSTONE_NEWS_MAX of tombstones, then those of slots */
    uint32_t capacity, reached;
    uint16_t free_first;
    uint16_t first[GOSSIP_CLASSES][TRANSMISSIONS_MAX];
    uint32_t queued;
    struct update *tombstone_news;
    uint32_t tombstone_capacity; /* up to TOMBSTONE_NEWS_MAX */
    uint32_t tombstone_next;
    uint64_t fresh_due_ns, repeat_due_ns, tick_due_ns;
    uint64_t tick_phase_ns; /* ticks that are bound to the timer fall on phase + n * tick */
    uint8_t turn;
    struct token_bucket bucket;
};

struct delivery;

void gossip_init(struct membership *membership);
void gossip_deinit(struct gossip *gossip);

/* Passes on what a merge found to be news. */
void gossip_news(struct membership *membership, const struct merge_result *result);
/* This node's own news, before everything else. */
void gossip_own_news(struct membership *membership);
void gossip_tombstone(struct membership *membership, const struct update *update);
/* Somebody said what is known here already. */
void gossip_heard(struct membership *membership, uint32_t slot, const struct update *update);
/* Nothing is said about the slot any more. */
void gossip_drop(struct membership *membership, uint32_t slot);
/* What is still to be said about it; NULL: nothing. */
const struct gossip_entry *gossip_entry_of(const struct membership *membership, uint32_t slot);
/* Between the files of gossip: something fresh is queued; entries on and off their lists. */
void gossip_wake(struct membership *membership);
uint32_t gossip_first_width(const struct membership *membership);
void gossip_entry_link(struct gossip *gossip, uint32_t id);
void gossip_entry_unlink(struct gossip *gossip, uint32_t id);
/* While nothing is queued: an array that a storm of news has made large is given back. */
void gossip_entries_spare(struct gossip *gossip);
/* Off its list, and out of the array. */
void gossip_entry_end(struct membership *membership, uint32_t id);
struct update gossip_entry_update(const struct membership *membership, uint32_t id);

void gossip_step(struct membership *membership, struct outbox *outbox);
uint64_t gossip_deadline(const struct membership *membership);
/* GOSSIP and GOSSIP_REPLY. */
void gossip_receive(struct membership *membership, struct delivery *delivery);
/* Sends one update to one address, as GOSSIP_REPLY (never answered). False: no buffer. */
bool gossip_tell(struct membership *membership, const struct update *update,
                 const struct henge_address *address, struct outbox *outbox);

/* gossip_bound.c. How often each update is sent by one node: a whole part, the rest as a
 * probability. */
double gossip_limit(uint32_t size, uint32_t fanout);
double gossip_limit_stepped(uint32_t size);
struct gossip_pace {
    uint64_t window_ns, tick_ns;
    uint64_t hop_ns; /* one way through the network and the receiver's queues */
    uint32_t fanout;
    bool is_event_driven;
};
/* D: one update reaches all with probability 1 - 10^-6 at 10 % loss. */
uint64_t gossip_bound(uint32_t size, const struct gossip_pace *pace);
uint64_t gossip_bound_ns(const struct membership *membership);

#endif
