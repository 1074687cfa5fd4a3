/* membership/tombstones.c - see tombstones.h. */
#include "membership/tombstones.h"
#include <string.h>

bool tombstones_init(struct tombstones *tombstones, struct memory *memory, uint32_t max,
                     uint64_t retention_ns) {
    *tombstones = (struct tombstones){.memory = memory,
                                      .max = max,
                                      .oldest = NO_SLOT,
                                      .newest = NO_SLOT,
                                      .free_first = NO_SLOT,
                                      .retention_ns = retention_ns};
    return map_init(&tombstones->by_name, memory, TOMBSTONES_FIRST, HENGE_MEMORY_MEMBER);
}

void tombstones_deinit(struct tombstones *tombstones) {
    memory_release(tombstones->memory, tombstones->stones,
                   tombstones->capacity * sizeof *tombstones->stones, HENGE_MEMORY_MEMBER);
    map_deinit(&tombstones->by_name);
}

struct tombstone *tombstones_find(const struct tombstones *tombstones, uint64_t name_hash) {
    const uint32_t *index = map_find(&tombstones->by_name, name_hash);
    return index == NULL ? NULL : &tombstones->stones[*index];
}

static void unlink_stone(struct tombstones *tombstones, uint32_t index) {
    struct tombstone *stone = &tombstones->stones[index];
    if (stone->previous != NO_SLOT)
        tombstones->stones[stone->previous].next = stone->next;
    else
        tombstones->oldest = stone->next;
    if (stone->next != NO_SLOT)
        tombstones->stones[stone->next].previous = stone->previous;
    else
        tombstones->newest = stone->previous;
}

static void link_newest(struct tombstones *tombstones, uint32_t index) {
    struct tombstone *stone = &tombstones->stones[index];
    stone->next = NO_SLOT;
    stone->previous = tombstones->newest;
    if (tombstones->newest != NO_SLOT)
        tombstones->stones[tombstones->newest].next = index;
    else
        tombstones->oldest = index;
    tombstones->newest = index;
}

static void end_stone(struct tombstones *tombstones, uint32_t index) {
    struct tombstone *stone = &tombstones->stones[index];
    (void)map_remove(&tombstones->by_name, stone->name_hash);
    unlink_stone(tombstones, index);
    *stone = (struct tombstone){.next = tombstones->free_first};
    tombstones->free_first = index;
    tombstones->count--;
}

static bool grow(struct tombstones *tombstones) {
    if (tombstones->capacity >= tombstones->max)
        return false;
    uint32_t capacity = tombstones->capacity == 0 ? TOMBSTONES_FIRST : tombstones->capacity * 2;
    capacity = capacity > tombstones->max ? tombstones->max : capacity;
    struct tombstone *stones =
        memory_resize(tombstones->memory, tombstones->stones, tombstones->capacity * sizeof *stones,
                      capacity * sizeof *stones, HENGE_MEMORY_MEMBER);
    if (stones == NULL)
        return false;
    tombstones->stones = stones;
    tombstones->capacity = capacity;
    return true;
}

/* Who was lost may be found again; who has left will not. */
static struct henge_address former_peer(const struct tombstone *stone) {
    static const struct henge_address none;
    return stone->liveness.status == HENGE_DEAD ? stone->address : none;
}

/* A place for one more, the oldest giving way if need be. NO_SLOT only without any memory. */
static uint32_t take(struct tombstones *tombstones, struct henge_address *dropped_out) {
    bool has_room = tombstones->free_first != NO_SLOT ||
                    tombstones->reached < tombstones->capacity || grow(tombstones);
    if (!has_room && tombstones->oldest != NO_SLOT) {
        *dropped_out = former_peer(&tombstones->stones[tombstones->oldest]);
        end_stone(tombstones, tombstones->oldest);
    }
    if (tombstones->free_first != NO_SLOT) {
        uint32_t index = tombstones->free_first;
        tombstones->free_first = tombstones->stones[index].next;
        return index;
    }
    return tombstones->reached < tombstones->capacity ? tombstones->reached++ : NO_SLOT;
}

void tombstones_put(struct tombstones *tombstones, uint64_t name_hash,
                    const struct liveness *liveness, const struct henge_address *address,
                    bool is_hearsay, uint64_t now_ns, struct henge_address *dropped_out) {
    static const struct henge_address none;
    *dropped_out = none;
    const uint32_t *known = map_find(&tombstones->by_name, name_hash);
    uint32_t index;
    struct proof proof = {.kind = PROOF_NONE};
    if (known != NULL) {
        index = *known;
        unlink_stone(tombstones, index);
        if (tombstones->stones[index].liveness.generation == liveness->generation)
            proof = tombstones->stones[index].proof;
        if (address == NULL || address->family == 0)
            address = &tombstones->stones[index].address; /* the last one that was known */
    } else {
        index = take(tombstones, dropped_out);
        if (index == NO_SLOT)
            return;
        if (!map_set(&tombstones->by_name, name_hash, index)) {
            tombstones->stones[index].next = tombstones->free_first;
            tombstones->free_first = index;
            return;
        }
        tombstones->count++;
    }
    struct tombstone stone = {.name_hash = name_hash,
                              .expires_ns = now_ns + tombstones->retention_ns,
                              .liveness = *liveness,
                              .proof = proof,
                              .address = address == NULL ? none : *address,
                              .is_used = 1,
                              .is_hearsay = is_hearsay};
    tombstones->stones[index] = stone;
    link_newest(tombstones, index);
}

void tombstones_prove(struct tombstones *tombstones, uint64_t name_hash,
                      const struct proof *proof) {
    struct tombstone *stone = tombstones_find(tombstones, name_hash);
    if (stone != NULL)
        stone->proof = *proof;
}

struct update tombstone_update(const struct tombstone *stone) {
    struct update update = {.name_hash = stone->name_hash, .liveness = stone->liveness};
    if (stone->liveness.status == HENGE_LEFT)
        update.proof = stone->proof;
    return update;
}

void tombstones_remove(struct tombstones *tombstones, uint64_t name_hash) {
    const uint32_t *index = map_find(&tombstones->by_name, name_hash);
    if (index != NULL)
        end_stone(tombstones, *index);
}

uint64_t tombstones_deadline(const struct tombstones *tombstones) {
    return tombstones->oldest == NO_SLOT ? TIME_NEVER
                                         : tombstones->stones[tombstones->oldest].expires_ns;
}

bool tombstones_expire(struct tombstones *tombstones, uint64_t now_ns,
                       struct henge_address *address_out) {
    if (tombstones_deadline(tombstones) > now_ns)
        return false;
    *address_out = former_peer(&tombstones->stones[tombstones->oldest]);
    end_stone(tombstones, tombstones->oldest);
    return true;
}
