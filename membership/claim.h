/* membership/claim.h - two live processes under one name: exactly one of them goes on.
 *
 * A node that hears its own name at a generation not below its own, from another address than its
 * own, asks there: WHO. A live process of that name answers HERE with its claim. The asker compares
 * the two claims; if the other's is stronger it yields: it falls silent for good, and its owner is
 * told. Otherwise, or if nobody answers (a restart at another address, or an old life of its own),
 * it surpasses what it heard.
 *
 * The stronger claim: who has been of a cluster before who has not; then who is longer there (the
 * lower generation at its start); then the lower boot id, the lower address. So the newcomer
 * yields, and the one it would have displaced stays. Claims are a total order, and a node yields
 * only to an answer to its own fresh question, so never both: a claim only grows stronger until its
 * holder yields (a pause, which makes it weaker, voids the open question), and who has yielded
 * answers only that. */
#ifndef MEMBERSHIP_CLAIM_H
#define MEMBERSHIP_CLAIM_H

#include "membership/outbox.h"
#include "membership/wire.h"

struct membership;
struct delivery;

enum { WHO_TRIES = 3 };

struct claim {
    uint64_t seniority; /* generation at the start of this process */
    bool is_settled;    /* has been of a cluster */
    bool has_yielded;
    /* The question under way. */
    bool is_asking;
    uint32_t asked;
    uint64_t nonce;
    uint64_t heard_generation; /* to be surpassed if nobody stronger answers */
    uint64_t next_ns;
    struct henge_address address;
};

void claim_init(struct claim *claim, uint64_t seniority);
/* Somebody claims this node's name at another address. */
void claim_ask(struct membership *membership, const struct henge_address *address,
               uint64_t heard_generation);
/* This node was away: others may have taken its place with good reason. */
void claim_paused(struct membership *membership);
void claim_step(struct membership *membership, struct outbox *outbox);
uint64_t claim_deadline(const struct membership *membership);
void who_receive(struct membership *membership, struct delivery *delivery);
void here_receive(struct membership *membership, struct delivery *delivery);
/* WHO to an address: is the member of this name there? False: no room. */
bool who_send(struct membership *membership, const struct henge_address *address,
              uint64_t name_hash, uint64_t nonce, struct outbox *outbox);

#endif
