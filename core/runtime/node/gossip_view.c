/* core/runtime/node/gossip_view.c - building, publishing and retiring views of a node.
 *
 * Publication: the view is complete before the release store that readers' acquire load pairs with;
 * without the pair a reader could see the pointer before the members. The old view is retired
 * through the epoch domain and released when no section can hold it any more. The writer never
 * waits. */
#include "core/runtime/node/gossip_node.h"
#include "core/base/assert.h"
#include "core/base/mutant.h"

static struct gossip_node *node_of_owner(struct view_owner *owner) {
    return (struct gossip_node *)(void *)((char *)owner - offsetof(struct gossip_node, view_owner));
}

/* No section holds the view any more, so nobody but who has pinned it can pin it again. Acquire:
 * pairs with henge_view_unpin, whose reads are over. */
static void release_entry(struct epoch_entry *entry) {
    struct henge_view *view =
        (struct henge_view *)(void *)((char *)entry - offsetof(struct henge_view, entry));
    if (atomic_load_explicit(&view->pins, memory_order_acquire) > 0) {
        epoch_retire(node_of_owner(view->owner)->epochs, entry, release_entry); /* asked again */
    } else {
        view_release(view);
    }
}

uint32_t gossip_node_shown_slot(const struct gossip_node *node, uint32_t slot) {
    bool has_number = slot < node->numbers_capacity && node->numbers[slot] != 0;
    return has_number ? node->numbers[slot] - 1U : HENGE_NO_SLOT;
}

static void number_release(struct gossip_node *node, uint32_t slot) {
    if (slot < node->numbers_capacity && node->numbers[slot] != 0) {
        slot_numbers_release(&node->view_owner.rings->numbers, node->numbers[slot] - 1U);
        node->numbers[slot] = 0;
    }
}

/* Before the member is in any view: not up before it is shown. */
static bool number_take(struct gossip_node *node, uint32_t slot) {
    const struct member *member = membership_member(node->membership, slot);
    if (!overlay_hold(node->overlay, node->memory, slot)) {
        return false;
    }
    uint32_t number =
        slot_numbers_hold(&node->view_owner.rings->numbers, member->record->name_hash);
    if (number == HENGE_NO_SLOT) {
        return false;
    }
    node->numbers[slot] = (uint16_t)(number + 1);
    overlay_up_set(node->overlay, number, false);
    overlay_set(node->overlay, slot, member->status, member_generation(member), member->version);
    node->has_unshown = true;
    return true;
}

/* All members have one then. */
static bool numbers_take(struct gossip_node *node) {
    uint32_t slots = membership_slots(node->membership);
    while (node->numbers_capacity < slots) {
        uint16_t *numbers = memory_grow(node->memory, node->numbers, &node->numbers_capacity,
                                        node->settings.membership.members_max, sizeof(*numbers),
                                        HENGE_MEMORY_MEMBER);
        if (!numbers) {
            return false;
        }
        node->numbers = numbers;
    }
    for (uint32_t slot = 0; slot < slots; slot++) {
        if (node->numbers[slot] == 0 && membership_member(node->membership, slot)->record &&
            !number_take(node, slot)) {
            return false;
        }
    }
    return true;
}

static void numbers_release(struct gossip_node *node) {
    for (uint32_t slot = 0; slot < node->numbers_capacity; slot++) {
        number_release(node, slot);
    }
    memory_release(node->memory, node->numbers, node->numbers_capacity * sizeof(*node->numbers),
                   HENGE_MEMORY_MEMBER);
    node->numbers = NULL;
    node->numbers_capacity = 0;
}

/* Slots whose last possible view is gone may be given to new members. */
static void slots_free(struct gossip_node *node) {
    if (node->has_forgotten) {
        membership_slots_free(node->membership);
        node->has_forgotten = false;
        return;
    }
    uint64_t oldest = node->retired_count > 0 ? node->retired[0]->number : node->view_number;
    uint32_t kept = 0;
    for (uint32_t index = 0; index < node->slots_waiting_count; index++) {
        struct slot_wait wait = node->slots_waiting[index];
        bool is_let_go = node->ring_publications >= wait.ring_publication;
        if (wait.view_number < oldest && is_let_go && !MUTANT(SLOTS_NEVER_FREED)) {
            number_release(node, wait.slot);
            membership_slot_free(node->membership, wait.slot);
        } else {
            node->slots_waiting[kept++] = wait;
        }
    }
    node->slots_waiting_count = kept;
}

static void oldest_count(struct gossip_node *node) {
    const struct henge_view *oldest = node->retired_count > 0 ? node->retired[0] : NULL;
    counter_set(&node->counters.oldest_view_number, oldest ? oldest->number : 0);
    counter_set(&node->counters.oldest_view_retired_ns, oldest ? oldest->retired_ns : 0);
}

static void on_view_release(struct view_owner *owner, struct henge_view *view) {
    struct gossip_node *node = node_of_owner(owner);
    uint32_t kept = 0;
    for (uint32_t index = 0; index < node->retired_count; index++) {
        if (node->retired[index] != view) {
            node->retired[kept++] = node->retired[index];
        }
    }
    if (kept < node->retired_count) {
        node->retired_count = kept;
        counter_add(&node->counters.views_reclaimed, 1);
        oldest_count(node);
    }
}

bool gossip_node_is_shown(const struct gossip_node *node, uint32_t slot) {
    const struct henge_view *view = atomic_load_explicit(&node->view, memory_order_relaxed);
    if (node->settings.is_unread) {
        return true;
    }
    const uint32_t shown = gossip_node_shown_slot(node, slot);
    if (!view || shown >= view->slots || view->index_by_slot[shown] == 0) {
        return false;
    }
    return view->members[view->index_by_slot[shown] - 1].generation ==
           member_generation(membership_member(node->membership, slot));
}

static void unshown_show(struct gossip_node *node, const struct henge_view *view) {
    for (uint32_t index = 0; node->has_unshown && index < view->count; index++) {
        const struct member *member =
            membership_member(node->membership, view->members[index].slot);
        overlay_up_set(node->overlay, view->shown_slots[index], member->status == HENGE_ALIVE);
    }
    node->has_unshown = false;
}

static void refusal_count(struct gossip_node *node, bool with_ring) {
    counter_add(&node->counters.rings_refused, with_ring && node->is_ring_refused);
}

/* Numbers and fingerprints as if there were a view. */
static void publish_unread(struct gossip_node *node, uint64_t now_ns, bool with_ring) {
    if (with_ring) {
        gossip_node_ring_renew_unread(node, now_ns);
    }
    node->view_number++;
    refusal_count(node, with_ring);
    publication_done(&node->publication, now_ns, with_ring);
}

static bool view_publish(struct gossip_node *node, uint64_t now_ns, bool with_ring) {
    if (node->settings.is_unread) {
        publish_unread(node, now_ns, with_ring);
        return true;
    }
    struct henge_view *old = atomic_load_explicit(&node->view, memory_order_relaxed);
    if (node->retired_count + 1 >= node->settings.live_views_max) {
        counter_add(&node->counters.views_delayed, 1);
        return false;
    }
    if (!numbers_take(node) || (with_ring && !gossip_node_ring_renew(node, now_ns))) {
        return false;
    }
    const struct view_content content = {.membership = node->membership,
                                         .numbers = node->numbers,
                                         .overlay = node->overlay,
                                         .ring = node->ring,
                                         .ring_next = node->ring_next,
                                         .role_rings = node->roles ? node->roles->rings : NULL,
                                         .before = old,
                                         .number = node->view_number + 1};
    struct henge_view *view = view_build(&node->view_owner, &content);
    if (!view) {
        return false;
    }
    node->view_number = view->number;
    atomic_store_explicit(&node->view, view, memory_order_release);
    unshown_show(node, view);
    if (old) {
        old->retired_ns = now_ns;
        node->retired[node->retired_count++] = old;
        epoch_retire(node->epochs, &old->entry, release_entry);
    }
    publication_done(&node->publication, now_ns, with_ring);
    node->ring_publications += with_ring && !node->is_ring_refused;
    refusal_count(node, with_ring);
    counter_add(&node->counters.views_published, 1);
    oldest_count(node);
    return true;
}

void gossip_node_view_init(struct gossip_node *node, struct ring_house *rings) {
    node->view_owner = (struct view_owner){.memory = node->memory,
                                           .store = node->store,
                                           .rings = rings,
                                           .on_release = on_view_release};
}

bool gossip_node_first_view(struct gossip_node *node, uint64_t now_ns) {
    return view_publish(node, now_ns, true);
}

void gossip_node_last_view(struct gossip_node *node) {
    ASSERT(node->retired_count == 0);
    struct henge_view *view = atomic_load_explicit(&node->view, memory_order_relaxed);
    if (view) {
        view_release(view);
    }
    gossip_node_rings_release(node);
    numbers_release(node);
}

/* A ring that was to be published, and could not be, may have it still. */
static bool is_in_a_ring(const struct gossip_node *node, uint32_t slot) {
    bool is_named = henge_ring_name(node->ring->ring, slot) != NULL ||
                    henge_ring_name(node->ring_next->ring, slot) != NULL;
    for (size_t i = 0; node->roles && i < node->roles->count; i++) {
        const struct role_rings *rings = &node->roles->rings[i];
        is_named |= henge_ring_name(rings->current->ring, slot) != NULL ||
                    henge_ring_name(rings->next->ring, slot) != NULL;
    }
    return is_named;
}

void gossip_node_slot_forgotten(struct gossip_node *node, uint32_t slot) {
    if (node->settings.is_unread) {
        node->has_forgotten = true; /* no view names it: free as soon as this call is over */
        return;
    }
    const bool is_named = is_in_a_ring(node, slot);
    if (is_named) {
        publication_ring_changed(&node->publication, node->now_ns, false);
    }
    node->slots_waiting[node->slots_waiting_count++] =
        (struct slot_wait){.slot = slot,
                           .view_number = node->view_number,
                           .ring_publication = node->ring_publications + is_named};
}

static uint64_t ring_due(const struct gossip_node *node) {
    uint64_t due_ns =
        publication_ring_due(&node->publication, membership_is_suspecting(node->membership),
                             membership_suspicion_min_ns(node->membership));
    return due_ns > node->ring_not_before_ns ? due_ns : node->ring_not_before_ns;
}

/* Who has to wait for the budget of the thread's rings asks again. */
static bool is_ring_due(struct gossip_node *node, uint64_t now_ns) {
    if (ring_due(node) > now_ns) {
        return false;
    }
    if (node->settings.is_unread || gossip_node_ring_is_affordable(node, now_ns)) {
        return true;
    }
    node->ring_not_before_ns = now_ns + PUBLICATION_AFFORD_NS;
    counter_add(&node->counters.rings_put_off, 1);
    return false;
}

static uint64_t removal_next(const struct gossip_node *node, uint64_t now_ns) {
    uint64_t next_ns = TIME_NEVER;
    uint32_t slots = membership_slots(node->membership);
    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct member *member = membership_member(node->membership, slot);
        if (member->record && member->status == HENGE_DEAD) {
            uint64_t due_ns =
                member_status_since_ns(member, now_ns) + node->settings.ring_removal_delay_ns;
            next_ns = due_ns > now_ns && due_ns < next_ns ? due_ns : next_ns;
        }
    }
    return next_ns;
}

void gossip_node_publish_due(struct gossip_node *node, uint64_t now_ns) {
    slots_free(node);
    if (now_ns < node->publish_not_before_ns) {
        return;
    }
    if (node->removal_ns <= now_ns) {
        publication_ring_changed(&node->publication, now_ns, false);
        node->removal_ns = removal_next(node, now_ns);
    }
    bool ring_is_due = is_ring_due(node, now_ns);
    if (ring_is_due || publication_members_due(&node->publication) <= now_ns) {
        if (!view_publish(node, now_ns, ring_is_due)) {
            node->publish_not_before_ns = now_ns + PUBLICATION_RETRY_NS;
        }
    }
}

bool gossip_node_publish(struct gossip_node *node, uint64_t now_ns) {
    const struct publication *publication = &node->publication;
    if (!publication->members_dirty && !publication->ring_dirty) {
        return true;
    }
    return view_publish(node, now_ns, publication->ring_dirty);
}

void gossip_node_publish_members(struct gossip_node *node, uint64_t now_ns) {
    if (node->publication.members_dirty) {
        view_publish(node, now_ns, false);
    }
}

uint64_t gossip_node_publish_deadline(const struct gossip_node *node) {
    uint64_t members_ns = publication_members_due(&node->publication);
    uint64_t ring_ns = ring_due(node);
    uint64_t due_ns = members_ns < ring_ns ? members_ns : ring_ns;
    due_ns = due_ns < node->removal_ns ? due_ns : node->removal_ns;
    return due_ns > node->publish_not_before_ns ? due_ns : node->publish_not_before_ns;
}
