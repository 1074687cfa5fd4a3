/* membership/standing.h - this node's place in the ring: what its operator wants, and the hold
 * after a death that was none, or after too many doubts.
 *
 * A node that learns it was declared DEAD in its present generation was out of the others' rings.
 * It comes back as JOINING, and is ACTIVE again after rejoin_hold * 2^flaps, at most ten minutes,
 * in which nobody suspected it; so one that comes and goes moves its keys ever more seldom. One
 * that was cut off from all stays back twice as long as it was, up to the time of doubts.h; so a
 * link that fails every so often moves its keys once. One that is ill (doubts.h) steps back itself.
 * A flap is forgotten after ten minutes without one. A new generation is not held back.
 *
 * Who joins for the first time may have to be placed first (membership_is_placing). */
#ifndef MEMBERSHIP_STANDING_H
#define MEMBERSHIP_STANDING_H

#include "core/base/clock.h"
#include <stdbool.h>
#include <stdint.h>

struct membership;

#define REJOIN_HOLD_MAX_NS (600 * NS_PER_S)
#define FLAP_FORGOTTEN_NS (600 * NS_PER_S)

struct standing {
    uint8_t wanted;        /* enum henge_ring_state */
    bool is_dirty;         /* the record does not say so yet */
    bool is_placing;       /* JOINING until its owner has chosen where it stands, */
    bool was_placed;       /* which it does once */
    bool was_dead;         /* declared so in this generation, */
    uint32_t dead_version; /* at this version: heard of again, it is no news */
    uint32_t flaps;
    uint64_t flapped_ns; /* the last of them */
    uint64_t hold_ns;    /* of the hold under way */
    uint64_t active_ns;  /* its end; TIME_NEVER: none is under way */
};

void standing_init(struct standing *standing, uint8_t wanted);
void standing_declared_dead(struct membership *membership, uint32_t version);
/* So many doubt it that it had better step back (doubts.h). */
void standing_doubted(struct membership *membership);
void standing_suspected(struct membership *membership);
/* A new generation: nothing is held against it. */
void standing_new_generation(struct membership *membership);
/* It joins somebody. */
void standing_join(struct membership *membership);
/* If it is to be placed, it is where its last life stood. */
void standing_place_again(struct membership *membership, const uint8_t *choices,
                          uint8_t choices_bytes);
/* The owner asks for a state. */
void standing_want(struct membership *membership, uint8_t wanted);
/* What the record should say. */
uint8_t standing_ring_state(const struct membership *membership);
void standing_step(struct membership *membership);
uint64_t standing_deadline(const struct membership *membership);

#endif
