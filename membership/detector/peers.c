/* membership/detector/peers.c - see peers.h. */
#include "membership/detector/peers.h"

#include "core/base/assert.h"
#include "henge/members.h"
#include <string.h>

enum {
    CAPACITY_FIRST = 16,
    INDEX_ARRAYS = 4 /* places, probed, dead, pending */
};

static const enum henge_memory_tag TAG = HENGE_MEMORY_MEMBER;

bool peers_init(struct peers *peers, struct memory *memory, uint32_t peers_max) {
    *peers = (struct peers){.memory = memory,
                            .capacity_max = peers_max == UINT32_MAX ? peers_max : peers_max + 1};
    return map_init(&peers->by_name, memory, CAPACITY_FIRST, TAG);
}

static size_t index_bytes(uint32_t capacity) {
    return (size_t)INDEX_ARRAYS * capacity * sizeof(uint32_t);
}

static void release_arrays(struct peers *peers) {
    memory_release(peers->memory, peers->by_slot, peers->capacity * sizeof *peers->by_slot, TAG);
    memory_release(peers->memory, peers->indices, index_bytes(peers->capacity), TAG);
}

void peers_deinit(struct peers *peers) {
    release_arrays(peers);
    map_deinit(&peers->by_name);
}

static void copy_indices(uint32_t *to, const uint32_t *from, uint32_t count) {
    if (count > 0) {
        memcpy(to, from, count * sizeof *to);
    }
}

/* Both blocks are there before the old ones go, so that a refusal changes nothing. */
static bool grow(struct peers *peers, uint32_t slot) {
    if (slot >= peers->capacity_max) {
        return false;
    }
    uint64_t wide = peers->capacity == 0 ? CAPACITY_FIRST : peers->capacity;
    while (wide <= slot) {
        wide *= 2;
    }
    uint32_t capacity = wide > peers->capacity_max ? peers->capacity_max : (uint32_t)wide;
    struct peer *by_slot = memory_alloc_array(peers->memory, capacity, sizeof *by_slot, TAG);
    uint32_t *indices =
        memory_alloc_array(peers->memory, (size_t)INDEX_ARRAYS * capacity, sizeof *indices, TAG);
    if (by_slot == NULL || indices == NULL) {
        memory_release(peers->memory, by_slot, capacity * sizeof *by_slot, TAG);
        memory_release(peers->memory, indices, index_bytes(capacity), TAG);
        return false;
    }
    uint32_t *places = indices, *probed = places + capacity, *dead = probed + capacity;
    uint32_t *pending_slots = dead + capacity;
    if (peers->capacity > 0) {
        memcpy(by_slot, peers->by_slot, peers->capacity * sizeof *by_slot);
    }
    copy_indices(places, peers->indices, peers->capacity);
    copy_indices(probed, peers->probed.slots, peers->probed.count);
    copy_indices(dead, peers->dead.slots, peers->dead.count);
    copy_indices(pending_slots, peers->pending_slots, peers->pending_count);
    release_arrays(peers);
    peers->by_slot = by_slot;
    peers->indices = indices;
    peers->capacity = capacity;
    peers->probed.slots = probed;
    peers->dead.slots = dead;
    peers->probed.places = peers->dead.places = places;
    peers->pending_slots = pending_slots;
    return true;
}

bool peers_is_probed(uint8_t status) {
    return status == HENGE_ALIVE || status == HENGE_SUSPECT;
}

static struct rotation *rotation_of(struct peers *peers, uint8_t status) {
    if (peers_is_probed(status)) {
        return &peers->probed;
    }
    return status == HENGE_DEAD ? &peers->dead : NULL;
}

static void move_to(struct peers *peers, struct random *random, uint32_t slot, uint8_t status) {
    struct peer *peer = &peers->by_slot[slot];
    struct rotation *from = peer->is_used ? rotation_of(peers, peer->status) : NULL;
    struct rotation *to = rotation_of(peers, status);
    peer->status = status;
    if (from == to) {
        return;
    }
    if (from != NULL) {
        rotation_remove(from, slot);
    }
    if (to != NULL) {
        rotation_insert(to, random, slot);
    }
}

/* Reports that the new knowledge has overtaken are not told any more. */
static uint8_t still_pending(const struct peer *peer, const struct detector_peer *known) {
    uint8_t pending = peer->pending;
    if (known->generation != peer->generation) {
        pending &= (uint8_t) ~(PENDING_FAILED | PENDING_NOT_ME);
    }
    if (known->version != peer->version) {
        pending &= (uint8_t)~PENDING_FAILED;
    }
    if (known->generation > peer->alive_generation ||
        (known->generation == peer->alive_generation && known->version >= peer->alive_version)) {
        pending &= (uint8_t)~PENDING_ALIVE;
    }
    return pending;
}

bool peers_set(struct peers *peers, struct random *random, uint32_t slot,
               const struct detector_peer *known) {
    struct peer *peer = peers_at(peers, slot);
    if (peer != NULL && peer->name_hash != known->name_hash) {
        peers_remove(peers, slot);
    }
    if (slot >= peers->capacity && !grow(peers, slot)) {
        return false;
    }
    if (!map_set(&peers->by_name, known->name_hash, slot)) {
        return false;
    }
    peer = &peers->by_slot[slot];
    move_to(peers, random, slot, known->status);
    if (!peer->is_used) {
        /* A slot that was given up while it was listed stays listed, once. */
        bool is_listed = peer->is_listed;
        *peer = (struct peer){.is_used = true, .is_listed = is_listed, .status = known->status};
    }
    peer->pending = still_pending(peer, known);
    if (memcmp(&peer->address, &known->address, sizeof peer->address) != 0) {
        peer->rtt = (struct rtt){0};
    }
    peer->name_hash = known->name_hash;
    peer->generation = known->generation;
    peer->version = known->version;
    peer->address = known->address;
    return true;
}

void peers_remove(struct peers *peers, uint32_t slot) {
    struct peer *peer = peers_at(peers, slot);
    if (peer == NULL) {
        return;
    }
    struct rotation *rotation = rotation_of(peers, peer->status);
    if (rotation != NULL) {
        rotation_remove(rotation, slot);
    }
    /* The name may stand in a newer slot already: then the entry is that one's. */
    const uint32_t *found = map_find(&peers->by_name, peer->name_hash);
    if (found != NULL && *found == slot) {
        map_remove(&peers->by_name, peer->name_hash);
    }
    peer->is_used = false;
    peer->pending = 0;
}

struct peer *peers_at(const struct peers *peers, uint32_t slot) {
    if (slot >= peers->capacity || !peers->by_slot[slot].is_used) {
        return NULL;
    }
    return &peers->by_slot[slot];
}

struct peer *peers_find(const struct peers *peers, uint64_t name_hash) {
    const uint32_t *slot = map_find(&peers->by_name, name_hash);
    return slot != NULL ? peers_at(peers, *slot) : NULL;
}

uint32_t peers_slot(const struct peers *peers, const struct peer *peer) {
    return (uint32_t)(peer - peers->by_slot);
}

/* Reservoir sampling (Vitter 1985, algorithm R): one pass, so the only candidate is never missed.
 */
uint32_t peers_sample_alive(const struct peers *peers, struct random *random, uint32_t except,
                            uint32_t *slots_out, uint32_t want) {
    uint32_t seen = 0;
    for (uint32_t place = 0; place < peers->probed.count; place++) {
        uint32_t slot = peers->probed.slots[place];
        if (slot == except || peers->by_slot[slot].status != HENGE_ALIVE) {
            continue;
        }
        uint64_t chosen = seen < want ? seen : random_below(random, (uint64_t)seen + 1);
        if (chosen < want) {
            slots_out[chosen] = slot;
        }
        seen++;
    }
    return seen < want ? seen : want;
}

void peers_pending_add(struct peers *peers, struct peer *peer, uint8_t pending) {
    peer->pending |= pending;
    if (peer->is_listed) {
        return;
    }
    ASSERT(peers->pending_count < peers->capacity);
    peer->is_listed = true;
    peers->pending_slots[peers->pending_count++] = peers_slot(peers, peer);
}

void peers_pending_drop(struct peers *peers, uint8_t pending) {
    for (uint32_t i = 0; i < peers->pending_count; i++) {
        peers->by_slot[peers->pending_slots[i]].pending &= (uint8_t)~pending;
    }
}
