/* membership/contact.h - healing: halves that were cut off find each other again.
 *
 * Seeds, members held DEAD, tombstones with an address and former peers are contacted for ever:
 * about one attempt per second over the whole cluster, so each of N nodes tries after a random,
 * exponentially distributed time of mean N seconds. A contact is a SYNC (which is answered whoever
 * asks), preceded for a dead one by its verdict, so that it can refute. */
#ifndef MEMBERSHIP_CONTACT_H
#define MEMBERSHIP_CONTACT_H

#include "henge/address.h"
#include "membership/limits.h"
#include "membership/outbox.h"
#include <stdint.h>

struct membership;

struct contact {
    struct henge_address former[FORMER_ADDRESSES_MAX]; /* a ring */
    uint32_t former_count, former_next;
    uint64_t due_ns;     /* TIME_NEVER: nobody to be contacted */
    uint32_t size_drawn; /* cluster size for which due_ns was drawn */
};

void contact_init(struct contact *contact);
/* Family 0 is ignored. */
void contact_former_add(struct contact *contact, const struct henge_address *address);
void contact_step(struct membership *membership, struct outbox *outbox);
uint64_t contact_deadline(const struct membership *membership);

#endif
