/* core/runtime/node/gossip_feed.c - what the detector has to hear of the table: state, never lost.
 *
 * A dirty mark per slot; the newest state is offered until the queue takes it. The slots that have
 * one are listed, as far as a short list goes: more at once come with a snapshot only, and then the
 * marks are looked through. */
#include "core/runtime/node/gossip_node.h"

/* NEW: another process than before, so what is known of contact with it is void. */
enum { PEER_DIRTY_CHANGED = 1, PEER_DIRTY_NEW = 2 };

void gossip_node_feed_mark(struct gossip_node *node, const struct member_change *change) {
    uint32_t slot = change->slot;
    if (slot == 0) {
        return; /* the detector knows itself: see GENERATION and SELF_VERSION */
    }
    if (node->peer_dirty[slot] == 0) {
        if (node->dirty_count - node->dirty_unlisted < GOSSIP_NODE_DIRTY_LISTED) {
            node->dirty_slots[node->dirty_count - node->dirty_unlisted] = (uint16_t)slot;
        } else {
            node->dirty_unlisted++;
        }
        node->dirty_count++;
    }
    bool is_other = change->is_new || change->generation_changed;
    node->peer_dirty[slot] |= is_other ? PEER_DIRTY_NEW : PEER_DIRTY_CHANGED;
}

static bool offer(struct gossip_node *node, uint32_t slot) {
    const struct member *member = membership_member(node->membership, slot);
    struct role_message message = {.kind = ROLE_PEER_REMOVE, .node = node->settings.id};
    message.as.peer.slot = slot;
    if (member->record) {
        message.kind = ROLE_PEER_SET;
        message.flag = (node->peer_dirty[slot] & PEER_DIRTY_NEW) != 0;
        message.as.peer.peer = (struct detector_peer){
            .address = member->record->address,
            .name_hash = member->record->name_hash,
            .generation = member->generation,
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
    node->peer_dirty[slot] = 0;
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
        if (node->peer_dirty[slot] == 0) {
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
    message.as.incarnation.generation = membership_member(node->membership, 0)->generation;
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
