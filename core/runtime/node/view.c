/* core/runtime/node/view.c - building and releasing views. */
#include "core/runtime/node/view.h"
#include "core/base/assert.h"
#include <stdlib.h>
#include <string.h>

struct shared_ring *shared_ring_create(struct view_owner *owner, struct ring_table *table,
                                       const struct ring_parameters *parameters) {
    struct shared_ring *shared = memory_alloc(owner->memory, sizeof(*shared), HENGE_MEMORY_RING);
    struct henge_ring *head = ring_head_of(owner->memory, table->ring, parameters);
    if (shared && head) {
        *shared = (struct shared_ring){.ring = head, .table = table, .references = 1};
        return shared;
    }
    ring_destroy(owner->memory, head);
    memory_release(owner->memory, shared, sizeof(*shared), HENGE_MEMORY_RING);
    ring_house_let_go(owner->rings, table);
    return NULL;
}

void shared_ring_release(struct view_owner *owner, struct shared_ring *ring) {
    if (!ring) {
        return;
    }
    ASSERT(ring->references > 0);
    if (--ring->references == 0) {
        ring_destroy(owner->memory, ring->ring);
        ring_house_let_go(owner->rings, ring->table);
        memory_release(owner->memory, ring, sizeof(*ring), HENGE_MEMORY_RING);
    }
}

static int compare_names(const void *left, const void *right) {
    const struct view_member *first = left;
    const struct view_member *second = right;
    return strcmp(first->record->name, second->record->name);
}

/* How many members there are, and one more than the highest slot that is shown. */
static void measure(const struct view_content *content, uint32_t *count_out, uint32_t *slots_out) {
    uint32_t slots = membership_slots(content->membership);
    *count_out = 0;
    *slots_out = 0;
    for (uint32_t slot = 0; slot < slots; slot++) {
        if (membership_member(content->membership, slot)->record) {
            uint32_t end = content->numbers[slot];
            *slots_out = end > *slots_out ? end : *slots_out;
            (*count_out)++;
        }
    }
}

static struct henge_view *view_allocate(struct view_owner *owner,
                                        const struct view_content *content) {
    uint32_t count, slots;
    measure(content, &count, &slots);
    size_t members_bytes = (size_t)count * sizeof(struct view_member);
    size_t bytes =
        sizeof(struct henge_view) + members_bytes + ((size_t)slots + count) * sizeof(uint16_t);
    struct henge_view *view = memory_alloc_zeroed(owner->memory, bytes, HENGE_MEMORY_MEMBER);
    if (view) {
        view->allocated_bytes = bytes;
        view->count = count;
        view->slots = slots;
        view->index_by_slot = (uint16_t *)(void *)((uint8_t *)view->members + members_bytes);
        view->shown_slots = view->index_by_slot + slots;
    }
    return view;
}

static struct view_member shown(const struct view_content *content, uint32_t slot) {
    const struct member *member = membership_member(content->membership, slot);
    record_retain(member->record);
    return (struct view_member){.record = member->record,
                                .generation = member_generation(member),
                                .version = member->version,
                                .slot = (uint16_t)slot,
                                .status = member->status};
}

/* In the same slot of the node's own, that is. */
static bool is_in(const struct henge_view *before, uint32_t slot, uint32_t shown_slot) {
    if (!before || shown_slot >= before->slots || before->index_by_slot[shown_slot] == 0) {
        return false;
    }
    return before->members[before->index_by_slot[shown_slot] - 1].slot == slot;
}

/* Those that the last view had not, by name, at the end of the array; how many. */
static uint32_t newcomers_put(struct henge_view *view, const struct view_content *content) {
    struct view_member *end = view->members + view->count;
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < membership_slots(content->membership); slot++) {
        if (membership_member(content->membership, slot)->record &&
            !is_in(content->before, slot, content->numbers[slot] - 1U)) {
            *(end - ++count) = shown(content, slot);
        }
    }
    if (count > 0) {
        qsort(end - count, count, sizeof(*end), compare_names);
    }
    return count;
}

/* Most members were there before, and a slot is not given away while a view names it: so the order
 * is known, but for the newcomers' places in it. */
static void members_put(struct henge_view *view, const struct view_content *content) {
    const struct henge_view *before = content->before;
    const struct view_member *newcomer = view->members + view->count - newcomers_put(view, content);
    const struct view_member *end = view->members + view->count;
    struct view_member *to = view->members;
    for (uint32_t i = 0; before && i < before->count; i++) {
        const struct view_member *old = &before->members[i];
        if (!membership_member(content->membership, old->slot)->record) {
            continue;
        }
        while (newcomer < end && strcmp(newcomer->record->name, old->record->name) < 0) {
            *to++ = *newcomer++;
        }
        *to++ = shown(content, old->slot);
    }
    ASSERT(to == newcomer);
}

static void rings_take(struct henge_view *view, const struct view_content *content) {
    view->ring = content->ring;
    view->ring_next = content->ring_next;
    view->ring->references++;
    view->ring_next->references++;
    const struct role_rings *roles = content->role_rings;
    for (size_t i = 0; roles && i < HENGE_RING_ROLES_MAX && roles[i].current; i++) {
        view->role_rings[i] = roles[i];
        roles[i].current->references++;
        roles[i].next->references++;
    }
}

struct henge_view *view_build(struct view_owner *owner, const struct view_content *content) {
    struct henge_view *view = view_allocate(owner, content);
    if (!view) {
        return NULL;
    }
    view->number = content->number;
    view->fingerprint = membership_fingerprint(content->membership);
    view->overlay = content->overlay;
    view->owner = owner;
    view->self_slot = content->numbers[0] - 1U;
    rings_take(view, content);
    members_put(view, content);
    for (uint32_t index = 0; index < view->count; index++) {
        uint16_t slot = (uint16_t)(content->numbers[view->members[index].slot] - 1U);
        view->shown_slots[index] = slot;
        view->index_by_slot[slot] = (uint16_t)(index + 1);
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
