/* membership/detector/peers.c - see peers.h. */
#include "membership/detector/peers.h"

#include "core/base/assert.h"
#include "henge/members.h"
#include <string.h>

enum {
    /* A sample is drawn at random, with so many draws for each that is wanted; where that may fail
     * the list is walked. */
    SAMPLE_DRAWS = 8,
    SAMPLE_DRAWN_FROM = 64 /* a shorter list is walked at once */
};

static const enum henge_memory_tag TAG = HENGE_MEMORY_MEMBER;

static uint64_t hash_of(const void *context, uint32_t slot) {
    const struct peers *peers = context;
    return peers_identity(peers, &peers->by_slot[slot])->name_hash;
}

void peers_init(struct peers *peers, struct identities *identities, struct memory *memory,
                struct random *random, uint32_t peers_max) {
    *peers =
        (struct peers){.identities = identities,
                       .memory = memory,
                       .capacity_max = peers_max < PEER_SLOTS_MAX ? peers_max + 1 : PEER_SLOTS_MAX};
    peers->by_name.multiplier = random_u64(random) | 1;
    peers->by_name.hash_of = hash_of;
    pendings_init(&peers->pendings, memory);
    peers->probed.stride = peers->dead.stride = sizeof(struct peer);
}

static size_t cells_bytes(uint32_t cells_count) {
    return cells_count * sizeof(uint32_t);
}

static void release_arrays(struct peers *peers) {
    memory_release(peers->memory, peers->by_slot, peers->capacity * sizeof *peers->by_slot, TAG);
    memory_release(peers->memory, peers->probed.slots, peers->capacity * sizeof(uint16_t), TAG);
    memory_release(peers->memory, peers->by_name.cells, cells_bytes(peers->by_name.cells_count),
                   TAG);
}

void peers_deinit(struct peers *peers) {
    peers_clear(peers);
    release_arrays(peers);
    pendings_deinit(&peers->pendings);
    memory_release(peers->memory, peers->dead.slots, peers->dead_capacity * sizeof(uint16_t), TAG);
}

/* All blocks are there before the old ones go, so that a refusal changes nothing. */
static bool grow(struct peers *peers, uint32_t slot) {
    if (slot >= peers->capacity_max) {
        return false;
    }
    uint32_t capacity =
        slot_index_capacity(peers->capacity, slot, peers->capacity_max, peers->expected);
    uint32_t cells_count = slot_index_cells(capacity);
    struct memory *memory = peers->memory;
    struct peer *by_slot = memory_alloc_array(memory, capacity, sizeof *by_slot, TAG);
    uint16_t *slots = memory_alloc_array(memory, capacity, sizeof *slots, TAG);
    uint32_t *cells = memory_alloc_array(memory, cells_count, sizeof *cells, TAG);
    if (by_slot == NULL || slots == NULL || cells == NULL) {
        memory_release(memory, by_slot, capacity * sizeof *by_slot, TAG);
        memory_release(memory, slots, capacity * sizeof *slots, TAG);
        memory_release(memory, cells, cells_bytes(cells_count), TAG);
        return false;
    }
    if (peers->capacity > 0) {
        memcpy(by_slot, peers->by_slot, peers->capacity * sizeof *by_slot);
        memcpy(slots, peers->probed.slots, peers->probed.count * sizeof *slots);
    }
    struct peers old = *peers;
    slot_index_move(&peers->by_name, cells, cells_count);
    release_arrays(&old);
    peers->by_slot = by_slot;
    peers->capacity = capacity;
    peers->probed.slots = slots;
    peers->probed.places = peers->dead.places =
        (unsigned char *)by_slot + offsetof(struct peer, place);
    return true;
}

/* The dead are few; their list has memory of its own. */
static bool has_place(struct peers *peers, uint8_t status) {
    if (status != HENGE_DEAD || peers->dead.count < peers->dead_capacity) {
        return true;
    }
    uint32_t capacity =
        slot_index_capacity(peers->dead_capacity, peers->dead_capacity, peers->capacity_max, 0);
    uint16_t *slots = memory_alloc_array(peers->memory, capacity, sizeof *slots, TAG);
    if (slots == NULL) {
        return false;
    }
    if (peers->dead_capacity > 0) {
        memcpy(slots, peers->dead.slots, peers->dead.count * sizeof *slots);
    }
    memory_release(peers->memory, peers->dead.slots, peers->dead_capacity * sizeof *slots, TAG);
    peers->dead.slots = slots;
    peers->dead_capacity = capacity;
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

bool peers_set(struct peers *peers, struct random *random, uint32_t slot,
               const struct detector_peer *known) {
    struct peer *peer = peers_at(peers, slot);
    if (peer != NULL && peers_identity(peers, peer)->name_hash != known->name_hash) {
        peers_remove(peers, slot);
    }
    if ((slot >= peers->capacity && !grow(peers, slot)) || !has_place(peers, known->status)) {
        return false;
    }
    uint32_t identity =
        identities_take(peers->identities, known->name_hash, known->generation, &known->address);
    if (identity == IDENTITY_NONE) {
        return false;
    }
    peer = &peers->by_slot[slot];
    move_to(peers, random, slot, known->status);
    if (peer->is_used) {
        pending_overtaken(&peers->pendings, slot,
                          known->generation == peers_generation(peers, peer),
                          known->version == peer->version, known->generation, known->version);
        if (!peers_is_at(peers, peer, &known->address)) {
            peer->rtt = (struct rtt){0};
        }
        identities_give_back(peers->identities, peer->identity);
    } else {
        *peer = (struct peer){.is_used = true, .status = known->status, .place = peer->place};
    }
    peer->identity = identity;
    peer->version = known->version;
    slot_index_put(&peers->by_name, peers, known->name_hash, slot);
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
    slot_index_remove(&peers->by_name, peers_identity(peers, peer)->name_hash, slot);
    pending_drop(&peers->pendings, slot, UINT8_MAX);
    identities_give_back(peers->identities, peer->identity);
    peer->is_used = false;
}

void peers_clear(struct peers *peers) {
    for (uint32_t slot = 0; slot < peers->capacity; slot++) {
        peers_remove(peers, slot);
    }
}

struct peer *peers_at(const struct peers *peers, uint32_t slot) {
    if (slot >= peers->capacity || !peers->by_slot[slot].is_used) {
        return NULL;
    }
    return &peers->by_slot[slot];
}

struct peer *peers_find(const struct peers *peers, uint64_t name_hash) {
    return peers_at(peers, slot_index_find(&peers->by_name, peers, name_hash));
}

uint32_t peers_slot(const struct peers *peers, const struct peer *peer) {
    return (uint32_t)(peer - peers->by_slot);
}

const struct identity *peers_identity(const struct peers *peers, const struct peer *peer) {
    return identities_at(peers->identities, peer->identity);
}

uint64_t peers_generation(const struct peers *peers, const struct peer *peer) {
    return peers_identity(peers, peer)->generation;
}

bool peers_is_at(const struct peers *peers, const struct peer *peer,
                 const struct henge_address *address) {
    return memcmp(&peers_identity(peers, peer)->address, address, sizeof *address) == 0;
}

static bool is_candidate(const struct peers *peers, uint32_t slot, uint32_t except) {
    return slot != except && peers->by_slot[slot].status == HENGE_ALIVE;
}

static bool is_among(const uint32_t *slots, uint32_t count, uint32_t slot) {
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i] == slot) {
            return true;
        }
    }
    return false;
}

/* Draws until enough distinct candidates are found; how many were, when the draws are used up. */
static uint32_t draw(const struct peers *peers, struct random *random, uint32_t except,
                     uint32_t *slots_out, uint32_t want) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < want * SAMPLE_DRAWS && found < want; i++) {
        uint32_t slot = peers->probed.slots[random_below(random, peers->probed.count)];
        if (is_candidate(peers, slot, except) && !is_among(slots_out, found, slot)) {
            slots_out[found++] = slot;
        }
    }
    return found;
}

/* Reservoir sampling (Vitter 1985, algorithm R): one pass, so the only candidate is never missed.
 */
static uint32_t walk(const struct peers *peers, struct random *random, uint32_t except,
                     uint32_t *slots_out, uint32_t want) {
    uint32_t seen = 0;
    for (uint32_t place = 0; place < peers->probed.count; place++) {
        uint32_t slot = peers->probed.slots[place];
        if (!is_candidate(peers, slot, except)) {
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

uint32_t peers_sample_alive(const struct peers *peers, struct random *random, uint32_t except,
                            uint32_t *slots_out, uint32_t want) {
    if (peers->probed.count >= SAMPLE_DRAWN_FROM &&
        draw(peers, random, except, slots_out, want) == want) {
        return want;
    }
    return walk(peers, random, except, slots_out, want);
}
