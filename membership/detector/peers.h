/* membership/detector/peers.h - the detector's own compact list of peers: by slot, by name hash,
 * and in the two round-robin orders that probing follows (probed: ALIVE and SUSPECT; dead: DEAD).
 *
 * Owned by the detector thread; fed by gossip through detector_peer_set. It is small on purpose:
 * 16 bytes and 7 of indices per peer, since ten thousand nodes in one simulation hold 10^8 of them;
 * who a peer is and where is kept once for all (identities.h). Memory grows by an eighth at a time
 * up to slots 0..peers_max, never per packet. */
#ifndef MEMBERSHIP_DETECTOR_PEERS_H
#define MEMBERSHIP_DETECTOR_PEERS_H

#include "core/base/memory.h"
#include "core/base/random.h"
#include "core/base/slot_index.h"
#include "membership/detector/detector.h"
#include "membership/detector/identities.h"
#include "membership/detector/pending.h"
#include "membership/detector/rotation.h"
#include "membership/detector/rtt.h"
#include <stdbool.h>
#include <stdint.h>

/* Slots are 16 bits wide, and the last one says "none"; henge/config.h allows 65534 members. */
enum { PEER_SLOTS_MAX = SLOT_INDEX_MAX };

struct peer {
    uint32_t identity; /* index: peers_identity */
    uint32_t version;
    struct rtt rtt;
    uint16_t place; /* in its rotation */
    uint8_t status;
    bool is_used;
};

_Static_assert(sizeof(struct peer) == 16, "the memory of a simulation hangs on it");

struct peers {
    struct peer *by_slot;
    uint32_t capacity; /* slots there is memory for */
    uint32_t capacity_max;
    uint32_t expected; /* slots, 0: not known; set after peers_init */
    uint32_t dead_capacity;
    struct rotation probed, dead;
    struct slot_index by_name;
    struct pendings pendings; /* reports that the observer had no room for */
    struct identities *identities;
    struct memory *memory;
};

void peers_init(struct peers *peers, struct identities *identities, struct memory *memory,
                struct random *random, uint32_t peers_max);
void peers_deinit(struct peers *peers);

/* False: no such slot, or no memory; the slot is as it was, or empty if it had another name. */
bool peers_set(struct peers *peers, struct random *random, uint32_t slot,
               const struct detector_peer *known);
void peers_remove(struct peers *peers, uint32_t slot);
/* None is left. */
void peers_clear(struct peers *peers);

/* ALIVE or SUSPECT. */
bool peers_is_probed(uint8_t status);
/* NULL when there is none. Good until the next peers_set. */
struct peer *peers_at(const struct peers *peers, uint32_t slot);
struct peer *peers_find(const struct peers *peers, uint64_t name_hash);
uint32_t peers_slot(const struct peers *peers, const struct peer *peer);

/* Who it is, and where. Good until any detector that shares them has the next peers_set. */
const struct identity *peers_identity(const struct peers *peers, const struct peer *peer);
uint64_t peers_generation(const struct peers *peers, const struct peer *peer);
bool peers_is_at(const struct peers *peers, const struct peer *peer,
                 const struct henge_address *address);

/* Up to `want` distinct ALIVE peers other than `except`, each set equally likely; fewer only if
 * there are no more. O(want) expected while most are ALIVE, O(number of peers) at worst. */
uint32_t peers_sample_alive(const struct peers *peers, struct random *random, uint32_t except,
                            uint32_t *slots_out, uint32_t want);

#endif
