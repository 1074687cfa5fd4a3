/* membership/detector/pending.c - see pending.h. */
#include "membership/detector/pending.h"

#include <stddef.h>

struct pending *pending_find(struct pendings *pendings, uint32_t slot) {
    for (uint32_t i = 0; i < pendings->count; i++) {
        if (pendings->table[i].slot == slot && pendings->table[i].reports != 0) {
            return &pendings->table[i];
        }
    }
    return NULL;
}

struct pending *pending_add(struct pendings *pendings, uint32_t slot, uint8_t report) {
    struct pending *pending = pending_find(pendings, slot);
    if (pending == NULL && pendings->count == PENDINGS_MAX) {
        (void)pending_compact(pendings);
    }
    if (pending == NULL) {
        if (pendings->count == PENDINGS_MAX) {
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
