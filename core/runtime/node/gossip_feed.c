/* core/runtime/node/gossip_feed.c - what the detector has to hear of the table: state, never lost.
 *
 * A dirty mark per slot; the newest state is offered until the queue takes it. The slots that have
 * one are listed, as far as a short list goes: more at once come with a snapshot only, and then the
 * marks are looked through. */
#include "core/runtime/node/gossip_node.h"

/* NEW: another process than before, so what is known of contact with it is void. */
enum { PEER_DIRTY_CHANGED = 1, PEER_DIRTY_NEW = 2, MARK_BITS = 2, MARKS_PER_BYTE = 4 };

#define MARK 3U /* its bits */

static size_t marks_bytes(const struct gossip_node *node) {
    return node->settings.membership.members_max / MARKS_PER_BYTE + 1;
}

bool gossip_node_feed_create(struct gossip_node *node) {
    node->peer_dirty = memory_alloc_zeroed(node->memory, marks_bytes(node), HENGE_MEMORY_MEMBER);
    return node->peer_dirty != NULL;
}

void gossip_node_feed_destroy(struct gossip_node *node) {
    memory_release(node->memory, node->peer_dirty, marks_bytes(node), HENGE_MEMORY_MEMBER);
    memory_release(node->memory, node->dirty_slots,
                   node->dirty_capacity * sizeof(*node->dirty_slots), HENGE_MEMORY_MEMBER);
}

static uint32_t mark_of(const struct gossip_node *node, uint32_t slot) {
    uint32_t marks = node->peer_dirty[slot / MARKS_PER_BYTE];
    return marks >> slot % MARKS_PER_BYTE * MARK_BITS & MARK;
}

static void mark_set(struct gossip_node *node, uint32_t slot, uint32_t mark) {
    uint32_t shift = slot % MARKS_PER_BYTE * MARK_BITS;
    uint8_t *marks = &node->peer_dirty[slot / MARKS_PER_BYTE];
    *marks = (uint8_t)((*marks & ~(MARK << shift)) | mark << shift);
}

static bool is_listed(struct gossip_node *node, uint32_t slot) {
    uint32_t listed = node->dirty_count - node->dirty_unlisted;
    if (listed == node->dirty_capacity) {
        uint16_t *slots =
            memory_grow(node->memory, node->dirty_slots, &node->dirty_capacity,
                        GOSSIP_NODE_DIRTY_LISTED, sizeof(*slots), HENGE_MEMORY_MEMBER);
        if (!slots) {
            return false;
        }
        node->dirty_slots = slots;
    }
    node->dirty_slots[listed] = (uint16_t)slot;
    return true;
}

void gossip_node_feed_mark(struct gossip_node *node, const struct member_change *change) {
    uint32_t slot = change->slot;
    if (slot == 0) {
        return; /* the detector knows itself: see GENERATION and SELF_VERSION */
    }
    uint32_t mark = mark_of(node, slot);
    if (mark == 0) {
        node->dirty_unlisted += !is_listed(node, slot);
        node->dirty_count++;
    }
    bool is_other = change->is_new || change->generation_changed;
    mark_set(node, slot, mark | (is_other ? PEER_DIRTY_NEW : PEER_DIRTY_CHANGED));
}

static bool offer(struct gossip_node *node, uint32_t slot) {
    const struct member *member = membership_member(node->membership, slot);
    struct role_message message = {.kind = ROLE_PEER_REMOVE, .node = node->settings.id};
    message.as.peer.slot = slot;
    if (member->record) {
        message.kind = ROLE_PEER_SET;
        message.flag = (mark_of(node, slot) & PEER_DIRTY_NEW) != 0;
        message.as.peer.peer = (struct detector_peer){
            .address = member->record->address,
            .name_hash = member->record->name_hash,
            .generation = member_generation(member),
            .version = member->version,
            .status = member->status,
        };
    }
    return node->hooks.to_detector(node->hooks.context, &message);
}

static bool feed_slot(struct gossip_node *node, uint32_t slot) {
    if (!offer(node, slot)) {
        return false;
    }
    mark_set(node, slot, 0);
    node->dirty_count--;
    return true;
}

/* Whatever is marked when the list is empty is not listed. */
static bool feed_slots(struct gossip_node *node) {
    while (node->dirty_count > node->dirty_unlisted) {
        if (!feed_slot(node, node->dirty_slots[node->dirty_count - node->dirty_unlisted - 1])) {
            return false;
        }
    }
    for (uint32_t slot = 1; node->dirty_unlisted > 0; slot++) {
        if (mark_of(node, slot) == 0) {
            continue;
        }
        if (!feed_slot(node, slot)) {
            return false;
        }
        node->dirty_unlisted--;
    }
    return true;
}

static bool feed_generation(struct gossip_node *node) {
    struct role_message message = {.kind = ROLE_GENERATION, .node = node->settings.id};
    message.as.incarnation.generation = member_generation(membership_member(node->membership, 0));
    message.flag = node->is_silent;
    return node->hooks.to_detector(node->hooks.context, &message);
}

static bool feed_fingerprint(struct gossip_node *node, uint64_t fingerprint) {
    struct role_message message = {.kind = ROLE_FINGERPRINT, .node = node->settings.id};
    message.as.fingerprint.fingerprint = fingerprint;
    message.as.fingerprint.time_ns = membership_fingerprint_since(node->membership);
    return node->hooks.to_detector(node->hooks.context, &message);
}

bool gossip_node_feed(struct gossip_node *node) {
    if (node->generation_dirty) {
        if (!feed_generation(node)) {
            return false;
        }
        node->generation_dirty = false;
    }
    if (!feed_slots(node)) {
        return false;
    }
    uint64_t fingerprint = membership_fingerprint(node->membership);
    if (fingerprint != node->fingerprint_told) {
        if (!feed_fingerprint(node, fingerprint)) {
            return false;
        }
        node->fingerprint_told = fingerprint;
    }
    return true;
}
