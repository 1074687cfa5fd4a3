/* membership/targets.h - whom news goes to: members at random, or this node's successors.
 *
 * Successors are the members that follow this node in the circle of name hashes; two lists of them,
 * those in this node's zone (region and zone are equal) and those in others. A wave stays with
 * NEAR_SHARE of its copies in the zone, the rest crosses; but on the whole no more crosses than if
 * targets were drawn from all, so that a large zone does not drown a small one. Without zones all
 * members are near.
 *
 * A list holds the nearest successors without a gap, as many as are known without looking at all
 * members; when it has become too short, they are looked at once. */
#ifndef MEMBERSHIP_TARGETS_H
#define MEMBERSHIP_TARGETS_H

#include "membership/limits.h"
#include <stdbool.h>
#include <stdint.h>

struct membership;

enum { SUCCESSORS_MAX = 24 };

struct successors {
    uint64_t farthest;              /* distance of the last: from the own name hash, modulo 2^64 */
    uint16_t slots[SUCCESSORS_MAX]; /* in order of distance */
    uint16_t count;
};

struct targets {
    struct successors near, far;
    uint64_t dead_due_ns; /* a DEAD member is told something not before then */
};

void targets_init(struct targets *targets);
/* A member becomes one who can be told something, or no longer is one. Before and after the table's
 * own count of it. */
void targets_add(struct membership *membership, uint32_t slot);
void targets_remove(struct membership *membership, uint32_t slot);
/* This node is in another zone. */
void targets_rezone(struct membership *membership);

/* Up to `count` distinct members at random; returns how many. */
uint32_t targets_random(struct membership *membership, uint32_t count, uint32_t *slots_out);
/* Up to `count` successors, `sent` copies having gone to those before them. */
uint32_t targets_successors(struct membership *membership, uint32_t sent, uint32_t count,
                            uint32_t *slots_out);
/* Is this node among the `count` members that precede this one? */
bool targets_is_predecessor(struct membership *membership, uint32_t slot, uint32_t count);
/* A DEAD member, now and then, that it may refute; NO_SLOT: not now. */
uint32_t targets_dead(struct membership *membership);

#endif
