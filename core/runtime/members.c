/* core/runtime/members.c - the public functions that look at members in a view. */
#include "core/base/clock.h"
#include "core/runtime/node/view.h"
#include "henge/members.h"
#include <string.h>

const char *henge_member_status_text(enum henge_member_status status) {
    static const char *const texts[] = {"ALIVE", "SUSPECT", "DEAD", "LEFT"};
    return (unsigned)status < 4 ? texts[status] : "unknown";
}

const char *henge_ring_state_text(enum henge_ring_state state) {
    static const char *const texts[] = {"joining", "active", "draining"};
    return (unsigned)state < 3 ? texts[state] : "unknown";
}

size_t henge_members_count(const struct henge_view *view) {
    return view->count;
}

static void member_fill(const struct henge_view *view, size_t index, struct henge_member *member) {
    const struct view_member *entry = &view->members[index];
    const struct record *record = entry->record;
    const struct overlay_entry live = overlay_read(view->overlay, entry->slot);
    uint64_t now = clock_monotonic_ns();
    uint64_t seen = live.last_seen_ns;
    bool is_present = overlay_is_of(live.state, entry->generation);
    *member = (struct henge_member){
        .name = record->name,
        .address = record->address,
        .generation = entry->generation,
        .version = is_present ? overlay_version(live.state) : entry->version,
        .status =
            (enum henge_member_status)(is_present ? overlay_status(live.state) : entry->status),
        .ring_state = (enum henge_ring_state)record->ring_state,
        .weight = record->weight,
        .vnodes = record->vnodes,
        .choices_bytes = record->choices_bytes,
        .choices = record->choices,
        .slot = view->shown_slots[index],
        .role = record->role,
        .region = record->region,
        .zone = record->zone,
        .metadata_count = record->metadata_count,
        .rtt_us = live.rtt_us,
        .last_seen_ms = UINT64_MAX,
        .is_self = view->shown_slots[index] == view->self_slot,
        .record = record,
    };
    if (member->is_self) {
        member->last_seen_ms = 0;
    } else if (seen != 0) {
        member->last_seen_ms = now > seen ? (now - seen) / NS_PER_MS : 0;
    }
}

enum henge_status henge_members_at(const struct henge_view *view, size_t index,
                                   struct henge_member *member_out) {
    if (index >= view->count) {
        return HENGE_NOT_FOUND;
    }
    member_fill(view, index, member_out);
    return HENGE_OK;
}

enum henge_status henge_members_find(const struct henge_view *view, const char *name,
                                     struct henge_member *member_out) {
    size_t low = 0;
    size_t high = view->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(view->members[middle].record->name, name);
        if (order == 0) {
            member_fill(view, middle, member_out);
            return HENGE_OK;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return HENGE_NOT_FOUND;
}

enum henge_status henge_members_by_slot(const struct henge_view *view, uint32_t slot,
                                        struct henge_member *member_out) {
    if (slot >= view->slots || view->index_by_slot[slot] == 0) {
        return HENGE_NOT_FOUND;
    }
    member_fill(view, view->index_by_slot[slot] - 1U, member_out);
    return HENGE_OK;
}

enum henge_status henge_member_metadata(const struct henge_member *member, uint32_t index,
                                        const char **key_out, const char **value_out) {
    const struct record *record = member->record;
    if (!record || index >= record->metadata_count) {
        return HENGE_NOT_FOUND;
    }
    const char *const *pair = &record->metadata[(size_t)2 * index];
    *key_out = pair[0];
    *value_out = pair[1];
    return HENGE_OK;
}

const struct henge_ring *henge_view_ring(const struct henge_view *view,
                                         enum henge_ring_which which) {
    return which == HENGE_RING_NEXT ? view->ring_next->ring : view->ring->ring;
}

static enum henge_status route(const struct henge_ring *current, const struct henge_ring *next,
                               uint64_t hash, size_t count, struct henge_route *route_out) {
    const enum henge_status status = henge_ring_owners(current, hash, count, route_out);
    if (status == HENGE_OK && next != current) {
        ring_route_pending(next, count, route_out);
    }
    return status;
}

enum henge_status henge_view_route(const struct henge_view *view, uint64_t hash, size_t count,
                                   struct henge_route *route_out) {
    return route(view->ring->ring, view->ring_next->ring, hash, count, route_out);
}

const struct henge_ring *henge_view_ring_of_role(const struct henge_view *view, const char *role,
                                                 enum henge_ring_which which) {
    for (size_t i = 0; i < HENGE_RING_ROLES_MAX && view->role_rings[i].current; i++) {
        const struct role_rings *rings = &view->role_rings[i];
        if (strcmp(rings->role, role) == 0) {
            return which == HENGE_RING_NEXT ? rings->next->ring : rings->current->ring;
        }
    }
    return NULL;
}

enum henge_status henge_view_route_of_role(const struct henge_view *view, const char *role,
                                           uint64_t hash, size_t count,
                                           struct henge_route *route_out) {
    const struct henge_ring *current = henge_view_ring_of_role(view, role, HENGE_RING_CURRENT);
    if (!current) {
        return HENGE_NOT_FOUND;
    }
    return route(current, henge_view_ring_of_role(view, role, HENGE_RING_NEXT), hash, count,
                 route_out);
}

/* Views are handed out as const: what they show never changes, and pins are not shown. */
static _Atomic uint32_t *pins_of(const struct henge_view *view) {
    return &((struct henge_view *)(uintptr_t)view)->pins;
}

/* Relaxed: inside a section, or pinned already, the view cannot go. */
void henge_view_pin(const struct henge_view *view) {
    atomic_fetch_add_explicit(pins_of(view), 1, memory_order_relaxed);
}

/* Release: pairs with release_entry (node/gossip_view.c): what was read came before. */
void henge_view_unpin(const struct henge_view *view) {
    atomic_fetch_sub_explicit(pins_of(view), 1, memory_order_release);
}

uint64_t henge_view_number(const struct henge_view *view) {
    return view->number;
}

uint64_t henge_view_fingerprint(const struct henge_view *view) {
    return view->fingerprint;
}

bool henge_view_is_up(const struct henge_view *view, uint32_t slot) {
    return slot < view->slots && view->index_by_slot[slot] != 0 &&
           atomic_load_explicit(&view->overlay->up[slot], memory_order_relaxed) != 0;
}

uint32_t henge_view_self(const struct henge_view *view) {
    return view->self_slot;
}
