/* membership/leave.h - a graceful departure.
 *
 * LEFT goes into the gossip before everything else, and as LEAVE directly to max(3 * fanout, sqrt
 * N) members, until three distinct ones (or all, if fewer) have acknowledged or the deadline comes.
 */
#ifndef MEMBERSHIP_LEAVE_H
#define MEMBERSHIP_LEAVE_H

#include "membership/limits.h"
#include "membership/membership.h"
#include "membership/outbox.h"

struct delivery;

struct leave {
    enum membership_leave_state state;
    uint64_t deadline_ns;
    uint64_t patient_until_ns; /* until then several acks are waited for */
    uint64_t retry_ns;
    uint64_t *acked_by;      /* name hashes */
    uint32_t acks, capacity; /* up to LEAVE_ACKS_MAX */
};

void leave_reset(struct membership *membership);
void leave_deinit(struct membership *membership);
void leave_start(struct membership *membership, uint64_t deadline_ns);
void leave_step(struct membership *membership, struct outbox *outbox);
uint64_t leave_deadline(const struct membership *membership);
void leave_receive(struct membership *membership, struct delivery *delivery);
void leave_ack_receive(struct membership *membership, struct delivery *delivery);

#endif
