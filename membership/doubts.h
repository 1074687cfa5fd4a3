/* membership/doubts.h - is it we who are ill? Then we step back from the ring.
 *
 * A member that loses most of its packets, but not all, is suspected again and again and refutes
 * each time: nobody may declare it dead, and its keys are served badly for as long as that lasts.
 * Nobody but itself sees all of this, so it judges itself: DOUBTS_MANY accusations within
 * DOUBTS_PERIODS, by DOUBTS_ACCUSERS or more, and DOUBTS_OUTLIER times as many as the others get on
 * the average, make it JOINING (standing.h) until that time has passed without another one. When
 * all lose packets, nobody stands out and nobody steps back. One accusation per period counts, of a
 * member that is ALIVE; and they must come from as many senders as there must be accusers, so that
 * what one address says achieves nothing, under whatever names.
 *
 * A probe sends six pings and asks three helpers, so one of a member that loses 80 % in one
 * direction fails in 13 of 100 cases, and with 30 % in 2 of 100 000: the one is accused every 8
 * periods, the other never. The limits are from the simulator (docs/experiments.md). */
#ifndef MEMBERSHIP_DOUBTS_H
#define MEMBERSHIP_DOUBTS_H

#include <stdbool.h>
#include <stdint.h>

struct membership;
struct packet_source;
struct update;

enum { DOUBTS_MANY = 6, DOUBTS_PERIODS = 60, DOUBTS_ACCUSERS = 4, DOUBTS_OUTLIER = 8 };

struct doubt {
    uint64_t at_ns;
    uint64_t accuser;    /* name hash */
    uint64_t sender;     /* hash of the address it was heard from */
    uint32_t suspicions; /* of others, begun here until then; wraps round */
};

struct doubts {
    struct doubt *last; /* DOUBTS_MANY, at_ns 0: none yet. NULL: none at all */
    uint32_t next;      /* the oldest of them */
    uint32_t version;   /* the next that counts: each is doubted once */
};

/* Somebody calls this node, in its present generation, suspect. True: it should step back. */
bool doubts_heard(struct membership *membership, const struct update *update,
                  const struct packet_source *source);
void doubts_forget(struct membership *membership);
void doubts_deinit(struct membership *membership);
/* How long it stays back at least. */
uint64_t doubts_hold_ns(const struct membership *membership);

#endif
