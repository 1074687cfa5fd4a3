/* membership/verify.h - a suspicion one hears of is looked into at once.
 *
 * SWIM's other members come upon a suspect in their own rounds, a period or more later each. Here
 * the VERIFIERS members that precede the suspect in the circle of name hashes probe it as soon as
 * they hear: about so many, whatever the size, and each knows by itself whether it is one. Who
 * finds the suspect silent too is one more independent accuser; so confirmations come within the
 * time of a probe. Who finds it alive brings it the accusation, and its refutation back. A node
 * that was itself in doubt a short while ago, or is cut off, keeps out. */
#ifndef MEMBERSHIP_VERIFY_H
#define MEMBERSHIP_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

struct membership;

/* VERIFIERS: the accuser and three confirmations suffice, and a verifier or two may be gone. */
enum { VERIFIERS = 6, VERIFY_PENDING_MAX = 16, DOUBTED_PERIODS = 3 };

struct verify {
    struct verify_wish {
        uint32_t slot;
        uint32_t version;
        uint64_t generation;
    } * wishes;                /* not yet passed to the detector */
    uint32_t count, capacity;  /* up to VERIFY_PENDING_MAX */
    uint64_t doubted_until_ns; /* this node had to raise its version */
};

void verify_deinit(struct membership *membership);
/* There was news of a suspect, by another's word. */
void verify_heard(struct membership *membership, uint32_t slot);
/* This node's own suspect, whom nobody confirms. */
void verify_again(struct membership *membership, uint32_t slot);
void verify_doubted(struct membership *membership);
void verify_step(struct membership *membership);
uint64_t verify_deadline(const struct membership *membership);

#endif
