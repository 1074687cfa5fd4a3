/* membership/detector/pending.c - see pending.h. */
#include "membership/detector/pending.h"

#include <stddef.h>

static const enum henge_memory_tag TAG = HENGE_MEMORY_MEMBER;

void pendings_init(struct pendings *pendings, struct memory *memory) {
    *pendings = (struct pendings){.memory = memory};
}

void pendings_deinit(struct pendings *pendings) {
    memory_release(pendings->memory, pendings->table, pendings->capacity * sizeof *pendings->table,
                   TAG);
}

struct pending *pending_find(struct pendings *pendings, uint32_t slot) {
    for (uint32_t i = 0; i < pendings->count; i++) {
        if (pendings->table[i].slot == slot && pendings->table[i].reports != 0) {
            return &pendings->table[i];
        }
    }
    return NULL;
}

static bool has_room(struct pendings *pendings) {
    if (pendings->count == pendings->capacity) {
        (void)pending_compact(pendings);
    }
    if (pendings->count < pendings->capacity) {
        return true;
    }
    struct pending *table = memory_grow(pendings->memory, pendings->table, &pendings->capacity,
                                        PENDINGS_MAX, sizeof *table, TAG);
    if (table != NULL) {
        pendings->table = table;
    }
    return table != NULL;
}

struct pending *pending_add(struct pendings *pendings, uint32_t slot, uint8_t report) {
    struct pending *pending = pending_find(pendings, slot);
    if (pending == NULL) {
        if (!has_room(pendings)) {
            return NULL;
        }
        pending = &pendings->table[pendings->count++];
        *pending = (struct pending){.slot = (uint16_t)slot};
    }
    pending->reports |= report;
    return pending;
}

void pending_drop(struct pendings *pendings, uint32_t slot, uint8_t reports) {
    struct pending *pending = pending_find(pendings, slot);
    if (pending != NULL) {
        pending->reports &= (uint8_t)~reports;
    }
}

void pending_overtaken(struct pendings *pendings, uint32_t slot, bool is_same_generation,
                       bool is_same_version, uint64_t generation, uint32_t version) {
    struct pending *pending = pending_find(pendings, slot);
    if (pending == NULL) {
        return;
    }
    if (!is_same_generation) {
        pending->reports &= (uint8_t) ~(PENDING_FAILED | PENDING_NOT_ME);
    }
    if (!is_same_version) {
        pending->reports &= (uint8_t)~PENDING_FAILED;
    }
    if (generation > pending->alive_generation ||
        (generation == pending->alive_generation && version >= pending->alive_version)) {
        pending->reports &= (uint8_t)~PENDING_ALIVE;
    }
}

void pending_drop_all(struct pendings *pendings, uint8_t reports) {
    for (uint32_t i = 0; i < pendings->count; i++) {
        pendings->table[i].reports &= (uint8_t)~reports;
    }
}

uint32_t pending_compact(struct pendings *pendings) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pendings->count; i++) {
        if (pendings->table[i].reports != 0) {
            pendings->table[kept++] = pendings->table[i];
        }
    }
    pendings->count = kept;
    return kept;
}
