/* membership/departure.h - who may say that a member left: its owner, or an operator.
 *
 * Each generation's record commits to one_way(secret); a LEFT reveals the secret, and every node
 * checks it before it believes. Secrets are made of one random seed per process and the generation,
 * so that a revealed one is worth nothing for the next. A LEFT about nobody known cannot be
 * checked: it becomes a tombstone with its proof, which gives way if a record of that generation
 * turns up that it does not match.
 *
 * An eviction is an operator's verdict on a whole generation: LEFT above every version of it, so no
 * refutation comes after it. Whoever is evicted falls silent; it comes back by an explicit join.
 *
 * A departed member has a tombstone from the first moment, which keeps the proof to be handed on.
 */
#ifndef MEMBERSHIP_DEPARTURE_H
#define MEMBERSHIP_DEPARTURE_H

#include "membership/outbox.h"
#include "membership/wire.h"

struct membership;

enum { EVICTION_TELLS = 3 }; /* the evicted one is told so often, a gossip tick apart */

struct departure {
    struct proof own; /* of this node, once it is LEFT */
    struct update told;
    struct henge_address tell_address;
    uint64_t tell_ns; /* TIME_NEVER: nobody */
    uint32_t tells_left;
};

void departure_init(struct departure *departure);
/* What this node's record of the generation commits to, and the secret itself. */
void departure_commitment(const struct membership *membership, uint64_t generation,
                          uint8_t commitment_out[RECORD_PROOF_BYTES]);
struct proof departure_own_proof(const struct membership *membership);
/* Is a LEFT to be believed? `fields` (NULL: none) is the record that came with it. */
bool departure_is_proven(const struct membership *membership, const struct update *update,
                         const struct record_fields *fields);
/* The tombstone says LEFT with a proof, and this record of the same generation refutes that. */
bool departure_is_forged(const struct membership *membership, uint64_t name_hash,
                         const struct record_fields *fields);
/* The member in `slot` is about to become LEFT. */
void departure_note(struct membership *membership, uint32_t slot, const struct update *update);
/* Of a LEFT member; kind NONE when it is not known any more. */
struct proof departure_proof(const struct membership *membership, uint32_t slot);
void departure_step(struct membership *membership, struct outbox *outbox);

#endif
