/* membership/suspicion.h - who accuses whom, and when a suspicion becomes a verdict.
 *
 * Per suspected incarnation a grow-only set of distinct accusers. Each confirmation shortens the
 * time (Lifeguard: Dadgar, Phillips, Currey, DSN 2018, section IV-B). Accusers that are themselves
 * suspected or dead count for nothing; with no accuser that counts there is no verdict. And nobody
 * accuses without measure (accuser_budget.h). An accuser whom nobody confirms tells and probes
 * again every shortest suspicion: perhaps it is the one who is not heard, or does not hear.
 * Profiles leave out one or the other: see profile.h.
 */
#ifndef MEMBERSHIP_SUSPICION_H
#define MEMBERSHIP_SUSPICION_H

#include "core/base/memory.h"
#include "membership/accuser_budget.h"
#include "membership/limits.h"
#include <stdbool.h>
#include <stdint.h>

struct membership;
struct update;

struct suspicion {
    uint64_t started_ns;
    uint64_t told_ns;                /* this node's own accusation, as long as nobody confirms it */
    uint64_t accusers[ACCUSERS_MAX]; /* name hashes */
    uint32_t slot;                   /* of the suspected; NO_SLOT when the entry is free */
    uint32_t next_free;
    uint8_t accusers_count;
};

struct suspicions {
    struct memory *memory;
    struct suspicion *entries;
    uint32_t count, reached, capacity, free_first;
    uint32_t begun;         /* since the start; wraps round */
    uint64_t next_ns;       /* no verdict is due before; may be early, never late */
    bool is_horizon_wanted; /* one is due and waits for the receive horizon */
    uint8_t accusers_max;   /* of each; 1 where confirmations mean nothing */
    struct accuser_budget own;
    struct accuser_budgets others;
};

/* Time to a verdict. `confirmations` beyond the first accuser, of at most `k` that are possible;
 * k == 0: nobody could confirm, so waiting longer teaches nothing. */
uint64_t suspicion_timeout_ns(uint32_t confirmations, uint32_t k, uint64_t min_ns, uint64_t max_ns);

void suspicions_init(struct membership *membership);
void suspicions_deinit(struct suspicions *suspicions);
/* Makes sure that the next start finds room. */
bool suspicions_reserve(struct suspicions *suspicions);
uint32_t suspicion_start(struct suspicions *suspicions, uint32_t slot, uint64_t now_ns);
void suspicion_end(struct suspicions *suspicions, uint32_t id);
bool suspicion_has(const struct suspicions *suspicions, uint32_t id, uint64_t accuser);
/* True when the accuser is new to the set. */
bool suspicion_add(struct suspicions *suspicions, uint32_t id, uint64_t accuser);
void suspicions_shift(struct suspicions *suspicions, uint64_t gap_ns, uint64_t now_ns);

/* Contact is back after a freeze: it took no time. */
void suspicions_thaw(struct suspicions *suspicions, uint64_t frozen_ns, uint64_t now_ns);
/* How many has this one accused? */
uint32_t suspicions_by(const struct suspicions *suspicions, uint64_t accuser);
/* May this node accuse, or confirm, once more? Counts it. */
bool suspicions_spend(struct membership *membership, bool is_first);
/* Takes over accusers heard of a suspected slot. True when one is new. */
bool suspicion_hear(struct membership *membership, uint32_t slot, const struct update *update);

/* Declares dead whose time is over, as far as the horizon allows. */
void suspicions_judge(struct membership *membership, uint64_t horizon_ns);
uint64_t suspicions_deadline(const struct suspicions *suspicions);
uint64_t suspicion_min_ns(const struct membership *membership);
uint64_t suspicion_max_ns(const struct membership *membership);

#endif
