/* membership/seeds.h - whom a joiner asks, and how each of them answered.
 *
 * The seeds are its owner's, and are kept for healing. Hints are members that a busy seed has
 * named; they are asked at once, and forgotten with the join. */
#ifndef MEMBERSHIP_SEEDS_H
#define MEMBERSHIP_SEEDS_H

#include "henge/address.h"
#include "membership/limits.h"
#include <stdbool.h>
#include <stddef.h>

enum { HINTS_MAX = 16, BUSY_NAMES = 5 };

enum seed_outcome {
    SEED_SILENT = 0, /* asked, no answer */
    SEED_BUSY,       /* named others instead */
    SEED_REFUSED_RING,
    SEED_REFUSED_FULL,
    SEED_REFUSED,       /* for a reason that this version does not know */
    SEED_STREAM_FAILED, /* took us in, but its table could not be had */
    SEED_ANSWERED
};

struct hints {
    struct henge_address addresses[HINTS_MAX];
    uint32_t count, asked; /* the first `asked` have been asked */
    uint8_t outcomes[HINTS_MAX];
};

struct join;

/* False when it is known, or there is no room. */
bool seeds_hint(struct join *join, const struct henge_address *address);
/* Of a seed or hint; others are not looked at. */
void seeds_note(struct join *join, const struct henge_address *address, enum seed_outcome outcome);
bool seeds_have_all_refused(const struct join *join);
/* Has somebody else taken us in? */
bool seeds_has_another_answered(const struct join *join, const struct henge_address *than);
void seeds_forget_outcomes(struct join *join);
/* "127.0.0.1:7001: no answer; 127.0.0.1:7002: busy". Returns the bytes written, without the NUL. */
size_t seeds_report(const struct join *join, char *text, size_t room);

#endif
