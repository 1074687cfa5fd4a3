/* membership/seeds.h - whom a joiner asks, and how each of them answered.
 *
 * The seeds are its owner's, and are kept for healing. Hints are members that a busy seed has
 * named; they are asked at once, and forgotten with the join. Whose table could not be fetched is
 * known until the join is done, though it be called for again meanwhile: he is asked after all
 * others, and of several such it is each one's turn. */
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
    struct henge_address *addresses;
    uint32_t capacity;     /* up to HINTS_MAX */
    uint32_t count, asked; /* the first `asked` have been asked */
    uint8_t outcomes[HINTS_MAX];
};

enum { FAILED_MAX = SEEDS_MAX + HINTS_MAX };

/* In the order in which they failed, or had another turn. */
struct failed {
    struct henge_address *addresses;
    uint32_t capacity; /* up to FAILED_MAX */
    uint32_t count;
};

struct join;

/* What has grown while they were asked. */
void seeds_deinit(struct join *join);
/* False when it is known, or there is no room. */
bool seeds_hint(struct join *join, const struct henge_address *address);
/* Of a seed or hint; others are not looked at. */
void seeds_note(struct join *join, const struct henge_address *address, enum seed_outcome outcome);
bool seeds_have_all_refused(const struct join *join);
/* Its table could not be fetched. */
void seeds_failed(struct join *join, const struct henge_address *address);
bool seeds_has_failed(const struct join *join, const struct henge_address *address);
/* The seed or hint, of those that failed, whose turn it is. False: there is none. */
bool seeds_failed_turn(struct join *join, struct henge_address *address_out);
void seeds_forget_outcomes(struct join *join);
/* "127.0.0.1:7001: no answer; 127.0.0.1:7002: busy". Returns the bytes written, without the NUL. */
size_t seeds_report(const struct join *join, char *text, size_t room);

#endif
