/* core/runtime/node/view.c - building and releasing views. */
#include "core/runtime/node/view.h"
#include "core/base/assert.h"
#include <stdlib.h>
#include <string.h>

struct shared_ring *shared_ring_create(struct memory *memory, struct henge_ring *ring) {
    struct shared_ring *shared = memory_alloc(memory, sizeof(*shared), HENGE_MEMORY_RING);
    if (shared) {
        *shared = (struct shared_ring){.ring = ring, .references = 1};
    }
    return shared;
}

void shared_ring_release(struct view_owner *owner, struct shared_ring *ring) {
    if (!ring) {
        return;
    }
    ASSERT(ring->references > 0);
    if (--ring->references == 0) {
        ring_destroy(owner->memory, owner->spare);
        owner->spare = ring->ring;
        memory_release(owner->memory, ring, sizeof(*ring), HENGE_MEMORY_RING);
    }
}

static int compare_names(const void *left, const void *right) {
    const struct view_member *first = left;
    const struct view_member *second = right;
    return strcmp(first->record->name, second->record->name);
}

struct henge_view *view_build(struct view_owner *owner, const struct membership *membership,
                              const struct overlay *overlay, struct shared_ring *ring,
                              struct shared_ring *ring_next, const struct role_rings *role_rings,
                              uint64_t number) {
    uint32_t slots = membership_slots(membership);
    size_t members_bytes = (size_t)slots * sizeof(struct view_member);
    size_t bytes = sizeof(struct henge_view) + members_bytes + (size_t)slots * sizeof(uint16_t);
    struct henge_view *view = memory_alloc_zeroed(owner->memory, bytes, HENGE_MEMORY_MEMBER);
    if (!view) {
        return NULL;
    }
    view->allocated_bytes = bytes;
    view->number = number;
    view->fingerprint = membership_fingerprint(membership);
    view->overlay = overlay;
    view->ring = ring;
    view->ring_next = ring_next;
    view->owner = owner;
    view->slots = slots;
    view->index_by_slot = (uint16_t *)(void *)((uint8_t *)view->members + members_bytes);
    ring->references++;
    ring_next->references++;
    for (size_t i = 0; role_rings && i < HENGE_RING_ROLES_MAX && role_rings[i].current; i++) {
        view->role_rings[i] = role_rings[i];
        role_rings[i].current->references++;
        role_rings[i].next->references++;
    }
    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct member *member = membership_member(membership, slot);
        if (member->record) {
            record_retain(member->record);
            view->members[view->count++] =
                (struct view_member){.record = member->record,
                                     .generation = member_generation(member),
                                     .version = member->version,
                                     .slot = (uint16_t)slot,
                                     .status = member->status};
        }
    }
    qsort(view->members, view->count, sizeof(view->members[0]), compare_names);
    for (uint32_t index = 0; index < view->count; index++) {
        view->index_by_slot[view->members[index].slot] = (uint16_t)(index + 1);
    }
    return view;
}

void view_release(struct henge_view *view) {
    struct view_owner *owner = view->owner;
    owner->on_release(owner, view);
    for (uint32_t index = 0; index < view->count; index++) {
        record_release(owner->store, view->members[index].record);
    }
    shared_ring_release(owner, view->ring);
    shared_ring_release(owner, view->ring_next);
    for (size_t i = 0; i < HENGE_RING_ROLES_MAX; i++) {
        shared_ring_release(owner, view->role_rings[i].current);
        shared_ring_release(owner, view->role_rings[i].next);
    }
    memory_release(owner->memory, view, view->allocated_bytes, HENGE_MEMORY_MEMBER);
}
