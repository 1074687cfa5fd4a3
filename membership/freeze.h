/* membership/freeze.h - is it we who are cut off? Then no verdicts for a while.
 *
 * In a cluster of FREEZE_MEMBERS_MIN or more this node takes itself to be cut off
 * - when at least 6 of its last 8 probes failed and more than a third of the members, or more than
 *   FREEZE_OWN_MAX of them, are suspect by its own probes (a third of a thousand takes longer to
 *   suspect than a verdict takes to fall), or
 * - when its probes fail and it has heard nothing at all for SILENT_PERIODS: members that live
 *   would ping it.
 * What others accuse does not count. While frozen, verdicts of its own are held back, those of
 * others are believed; for one longest suspicion at most, then they go on. Either way the
 * suspicions lose no time by the freeze: when contact is back, refutations come first. */
#ifndef MEMBERSHIP_FREEZE_H
#define MEMBERSHIP_FREEZE_H

#include <stdbool.h>
#include <stdint.h>

struct membership;

struct freeze {
    uint32_t failed;   /* of my last eight probes */
    uint64_t heard_ns; /* the last word of anybody */
    uint64_t since_ns; /* when it began */
    uint64_t until_ns; /* when it ended; 0: never was */
    bool is_cut_off;   /* as seen last */
    bool is_frozen;    /* and its time is not over yet */
};

void freeze_heard(struct membership *membership);
void freeze_probes(struct membership *membership, uint32_t failed);
void freeze_paused(struct membership *membership, uint64_t gap_ns);
/* Looks again; true while no verdict may fall. */
bool freeze_check(struct membership *membership);
/* How long it is, or has been a moment ago; 0: it is not. */
uint64_t freeze_was_cut_off_ns(const struct membership *membership);
uint64_t freeze_deadline(const struct membership *membership);

#endif
