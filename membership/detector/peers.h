/* membership/detector/peers.h - the detector's own compact list of peers: by slot, by name hash,
 * and in the two round-robin orders that probing follows (probed: ALIVE and SUSPECT; dead: DEAD).
 *
 * Owned by the detector thread; fed by gossip through detector_peer_set. Memory grows by doubling
 * up to slots 0..peers_max, never per packet. */
#ifndef MEMBERSHIP_DETECTOR_PEERS_H
#define MEMBERSHIP_DETECTOR_PEERS_H

#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/base/random.h"
#include "membership/detector/detector.h"
#include "membership/detector/rotation.h"
#include "membership/detector/rtt.h"
#include <stdbool.h>
#include <stdint.h>

/* Reports about a peer that the observer had no room for. */
enum { PENDING_FAILED = 1, PENDING_ALIVE = 2, PENDING_NOT_ME = 4 };

/* 72 bytes, with its places in the arrays below and in the map about 110 per peer. */
struct peer {
    uint64_t name_hash;
    uint64_t generation;
    uint64_t alive_generation; /* the news of PENDING_ALIVE */
    uint32_t alive_version;
    uint32_t version;
    struct henge_address address;
    struct rtt rtt;
    uint8_t status;
    uint8_t pending;
    bool is_listed; /* in the list of pending slots */
    bool is_used;
};

struct peers {
    struct peer *by_slot;
    uint32_t *indices;       /* one block: places, probed.slots, dead.slots, pending */
    uint32_t *pending_slots; /* those with pending != 0, each once */
    uint32_t pending_count;
    uint32_t capacity; /* slots there is memory for */
    uint32_t capacity_max;
    struct rotation probed, dead;
    struct map by_name;
    struct memory *memory;
};

bool peers_init(struct peers *peers, struct memory *memory, uint32_t peers_max);
void peers_deinit(struct peers *peers);

/* False: no such slot, or no memory; the slot is as it was, or empty if it had another name. */
bool peers_set(struct peers *peers, struct random *random, uint32_t slot,
               const struct detector_peer *known);
void peers_remove(struct peers *peers, uint32_t slot);

/* ALIVE or SUSPECT. */
bool peers_is_probed(uint8_t status);
/* NULL when there is none. Good until the next peers_set. */
struct peer *peers_at(const struct peers *peers, uint32_t slot);
struct peer *peers_find(const struct peers *peers, uint64_t name_hash);
uint32_t peers_slot(const struct peers *peers, const struct peer *peer);

/* Up to `want` distinct ALIVE peers other than `except`, each set equally likely; fewer only if
 * there are no more. O(number of peers), once per probe at most. */
uint32_t peers_sample_alive(const struct peers *peers, struct random *random, uint32_t except,
                            uint32_t *slots_out, uint32_t want);

/* Marks a report as refused. */
void peers_pending_add(struct peers *peers, struct peer *peer, uint8_t pending);
/* Takes it back, from all peers. */
void peers_pending_drop(struct peers *peers, uint8_t pending);

#endif
