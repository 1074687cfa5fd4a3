/* membership/suspicion.h - who accuses whom, and when a suspicion becomes a verdict.
 *
 * Per suspected incarnation a grow-only set of distinct accusers. Each confirmation shortens the
 * time (Lifeguard: Dadgar, Phillips, Currey, DSN 2018, section IV-B). Accusers that are themselves
 * suspected or dead count for nothing; with no accuser that counts there is no verdict. */
#ifndef MEMBERSHIP_SUSPICION_H
#define MEMBERSHIP_SUSPICION_H

#include "core/base/memory.h"
#include "membership/limits.h"
#include <stdbool.h>
#include <stdint.h>

struct membership;

struct suspicion {
    uint64_t started_ns;
    uint64_t accusers[ACCUSERS_MAX]; /* name hashes */
    uint32_t slot;                   /* of the suspected; NO_SLOT when the entry is free */
    uint32_t next_free;
    uint8_t accusers_count;
};

struct suspicions {
    struct memory *memory;
    struct suspicion *entries;
    uint32_t count, reached, capacity, free_first;
    uint64_t next_ns;         /* no verdict is due before; may be early, never late */
    bool is_horizon_wanted;   /* one is due and waits for the receive horizon */
    uint64_t budget_since_ns; /* own accusations: this period began */
    uint32_t budget_used;
};

/* Time to a verdict. `confirmations` beyond the first accuser, of at most `k` that are possible;
 * k == 0: nobody could confirm, so waiting longer teaches nothing. */
uint64_t suspicion_timeout_ns(uint32_t confirmations, uint32_t k, uint64_t min_ns, uint64_t max_ns);

void suspicions_init(struct suspicions *suspicions, struct memory *memory);
void suspicions_deinit(struct suspicions *suspicions);
/* Makes sure that the next start finds room. */
bool suspicions_reserve(struct suspicions *suspicions);
uint32_t suspicion_start(struct suspicions *suspicions, uint32_t slot, uint64_t now_ns);
void suspicion_end(struct suspicions *suspicions, uint32_t id);
/* True when the accuser is new to the set. */
bool suspicion_add(struct suspicions *suspicions, uint32_t id, uint64_t accuser);
void suspicions_shift(struct suspicions *suspicions, uint64_t gap_ns);

/* May this node accuse once more in this period? Counts it. */
bool suspicions_spend(struct suspicions *suspicions, uint64_t period_ns, uint64_t now_ns);
/* Declares dead whose time is over, as far as the horizon allows. */
void suspicions_judge(struct membership *membership, uint64_t horizon_ns);
uint64_t suspicions_deadline(const struct suspicions *suspicions);
uint64_t suspicion_min_ns(const struct membership *membership);

#endif
