/* membership/detector/identities.c - see identities.h: an array, chained by the hash of the name.
 *
 * The lives and addresses of one name share a chain; there are two while nodes learn of a change,
 * seldom more. */
#include "membership/detector/identities.h"

#include "core/base/assert.h"
#include "core/base/slot_index.h"
#include <stdbool.h>
#include <string.h>

static const enum henge_memory_tag TAG = HENGE_MEMORY_MEMBER;

struct identities *identities_create(struct memory *memory, uint64_t secret) {
    struct identities *identities = memory_alloc_zeroed(memory, sizeof *identities, TAG);
    if (identities != NULL) {
        *identities = (struct identities){
            .memory = memory, .free_first = IDENTITY_NONE, .multiplier = secret | 1};
    }
    return identities;
}

static size_t homes_bytes(uint32_t bits) {
    return sizeof(uint32_t) << bits;
}

void identities_destroy(struct identities *identities) {
    if (identities == NULL) {
        return;
    }
    struct memory *memory = identities->memory;
    memory_release(memory, identities->all, identities->capacity * sizeof *identities->all, TAG);
    memory_release(memory, identities->homes, homes_bytes(identities->homes_bits), TAG);
    memory_release(memory, identities, sizeof *identities, TAG);
}

/* The upper bits of the product are the random ones (Dietzfelbinger et al. 1997). */
static uint32_t *home_of(const struct identities *identities, uint64_t name_hash) {
    uint64_t product = name_hash * identities->multiplier;
    return &identities->homes[product >> 32 >> (32 - identities->homes_bits)];
}

/* Into the chain of its name, or among the free ones. */
static void link_in(struct identities *identities, uint32_t index) {
    struct identity *identity = &identities->all[index];
    uint32_t *first = identity->references > 0 ? home_of(identities, identity->name_hash)
                                               : &identities->free_first;
    identity->next = *first;
    *first = index;
}

static void link_all(struct identities *identities) {
    identities->free_first = IDENTITY_NONE;
    memset(identities->homes, 0xff, homes_bytes(identities->homes_bits));
    for (uint32_t index = identities->capacity; index > 0; index--) {
        link_in(identities, index - 1);
    }
}

static bool grow(struct identities *identities) {
    struct memory *memory = identities->memory;
    uint32_t capacity =
        slot_index_capacity(identities->capacity, identities->capacity, IDENTITY_NONE, 0);
    uint32_t bits = identities->homes_bits;
    while (UINT64_C(1) << bits < capacity) {
        bits++;
    }
    uint32_t *homes = memory_alloc(memory, homes_bytes(bits), TAG);
    struct identity *all = memory_alloc_array(memory, capacity, sizeof *all, TAG);
    if (homes == NULL || all == NULL) {
        memory_release(memory, homes, homes_bytes(bits), TAG);
        memory_release(memory, all, capacity * sizeof *all, TAG);
        return false;
    }
    if (identities->capacity > 0) {
        memcpy(all, identities->all, identities->capacity * sizeof *all);
    }
    memory_release(memory, identities->all, identities->capacity * sizeof *all, TAG);
    memory_release(memory, identities->homes, homes_bytes(identities->homes_bits), TAG);
    identities->all = all;
    identities->homes = homes;
    identities->capacity = capacity;
    identities->homes_bits = bits;
    link_all(identities);
    return true;
}

static uint32_t find(const struct identities *identities, uint64_t name_hash, uint64_t generation,
                     const struct henge_address *address) {
    if (identities->capacity == 0) {
        return IDENTITY_NONE;
    }
    uint32_t index = *home_of(identities, name_hash);
    for (; index != IDENTITY_NONE; index = identities->all[index].next) {
        const struct identity *identity = &identities->all[index];
        if (identity->name_hash == name_hash && identity->generation == generation &&
            memcmp(&identity->address, address, sizeof *address) == 0) {
            break;
        }
    }
    return index;
}

uint32_t identities_take(struct identities *identities, uint64_t name_hash, uint64_t generation,
                         const struct henge_address *address) {
    uint32_t index = find(identities, name_hash, generation, address);
    if (index != IDENTITY_NONE) {
        identities->all[index].references++;
        return index;
    }
    if (identities->free_first == IDENTITY_NONE && !grow(identities)) {
        return IDENTITY_NONE;
    }
    index = identities->free_first;
    identities->free_first = identities->all[index].next;
    identities->all[index] = (struct identity){
        .name_hash = name_hash, .generation = generation, .address = *address, .references = 1};
    link_in(identities, index);
    return index;
}

void identities_give_back(struct identities *identities, uint32_t index) {
    struct identity *identity = &identities->all[index];
    ASSERT(identity->references > 0);
    if (--identity->references > 0) {
        return;
    }
    uint32_t *link = home_of(identities, identity->name_hash);
    while (*link != index) {
        link = &identities->all[*link].next;
    }
    *link = identity->next;
    link_in(identities, index);
}

const struct identity *identities_at(const struct identities *identities, uint32_t index) {
    return &identities->all[index];
}
