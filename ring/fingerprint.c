/* ring/fingerprint.c - one number for everything that decides where keys live.
 *
 * A sum over the members, so order does not matter and neither slots nor ring versions, which are
 * local to a node, go in. Each member's hash chains its fields in a fixed order, so that a text
 * moved from one field to its neighbour is another member. */
#include "ring/ring_internal.h"
#include "core/base/hash.h"

/* Rises with any change of how tokens are made or owners are chosen: nodes that would place keys
 * differently then never agree on a fingerprint. */
static const uint64_t RING_ALGORITHM = 1;

/* Choices of 0 at the end change no token: with and without them it is the same member, and one
 * that is plain has nothing more to say. */
static uint64_t add_choices(uint64_t hash, const struct ring_member *member) {
    size_t bytes = member->choices_bytes;
    while (bytes > 0 && member->choices[bytes - 1] == 0) {
        bytes--;
    }
    return bytes == 0 ? hash : hash64_pair(hash, hash64(member->choices, bytes));
}

uint64_t ring_member_hash(const struct ring_member *member) {
    uint64_t hash = hash64_text(member->name);
    hash = hash64_pair(hash, hash64_text(member->zone));
    hash = hash64_pair(hash, hash64_text(member->region));
    hash = hash64_pair(hash, hash64_text(member->role));
    hash = add_choices(hash, member);
    return hash64_pair(hash, member->vnodes | (uint64_t)member->weight << 16 |
                                 (uint64_t)member->ring_state << 32);
}

uint64_t ring_fingerprint_of(const struct ring_parameters *parameters,
                             const struct ring_member *members, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += member_hash(&members[i]);
    }
    return ring_fingerprint_of_sum(parameters, sum, count);
}

uint64_t ring_fingerprint_of_sum(const struct ring_parameters *parameters, uint64_t sum,
                                 size_t count) {
    const uint64_t salt_hash = hash64(parameters->salt, sizeof(parameters->salt));
    return hash64_pair(hash64_pair(RING_ALGORITHM, salt_hash), hash64_pair(sum, count));
}
