/* membership/contact.h - healing: halves that were cut off find each other again.
 *
 * Seeds, members held DEAD, tombstones with an address and former peers are contacted for ever:
 * about one attempt per second over the whole cluster, so each of N nodes tries after a random,
 * exponentially distributed time of mean N seconds. A contact is a SYNC (which is answered whoever
 * asks), preceded for a dead one by its verdict, so that it can refute. */
#ifndef MEMBERSHIP_CONTACT_H
#define MEMBERSHIP_CONTACT_H

#include "core/base/memory.h"
#include "henge/address.h"
#include "membership/limits.h"
#include "membership/outbox.h"
#include <stdint.h>

struct membership;

struct contact {
    struct memory *memory;
    struct henge_address *former;
    uint32_t former_count, former_capacity; /* up to FORMER_ADDRESSES_MAX */
    uint64_t due_ns;                        /* TIME_NEVER: nobody to be contacted */
    uint32_t size_drawn;                    /* cluster size for which due_ns was drawn */
};

void contact_init(struct contact *contact, struct memory *memory);
void contact_deinit(struct contact *contact);
/* Family 0 is ignored. */
void contact_former_add(struct membership *membership, const struct henge_address *address);
/* The peers of an earlier life; an own address among them is left out. */
void contact_remember(struct membership *membership, const struct henge_address *addresses,
                      uint32_t count);
/* membership_former_addresses. */
uint32_t contact_known_addresses(const struct membership *membership,
                                 struct henge_address *addresses_out, uint32_t max);
void contact_step(struct membership *membership, struct outbox *outbox);
uint64_t contact_deadline(const struct membership *membership);

#endif
