/* core/runtime/node/gossip_place.c - who joins chooses where it stands before it is ACTIVE.
 *
 * A choice is good in the ring that it was made for (ring/placement.c): members that choose at the
 * same time aim at the same gaps. So those that join together take turns, in the order of their
 * name hashes. Once joined, a node waits until all others should have heard of it and it of them;
 * then it chooses as soon as nobody is before it. That takes one gossip of the one before.
 *
 * The wait has an end. Where so many come at once that turns would not do, or the end has come and
 * those that have not chosen are more than a quarter of the owners, a node stays at its first
 * places: many choices made side by side are worse than none. */
#include "core/base/clock.h"
#include "core/runtime/node/gossip_node.h"

enum {
    AHEAD_MAX = 64,  /* that it is worth waiting for */
    CROWD_PART = 4,  /* of the owners may choose side by side */
    WAIT_BOUNDS = 8, /* times that news need to reach all */
    RETRY_MS = 100   /* without memory */
};

/* Members that join now and have not chosen. */
struct crowd {
    uint32_t owners;
    uint32_t others;
    uint32_t ahead; /* of these: before this node */
};

static struct crowd crowd_of(const struct gossip_node *node) {
    const struct membership *membership = node->membership;
    const uint64_t own_hash = membership_member(membership, 0)->record->name_hash;
    struct crowd crowd = {0};
    uint32_t slots = membership_slots(membership);
    for (uint32_t slot = 1; slot < slots; slot++) {
        const struct member *member = membership_member(membership, slot);
        if (!member->record || member->status >= HENGE_DEAD) {
            continue;
        }
        if (member->record->ring_state != HENGE_RING_JOINING) {
            crowd.owners++;
        } else if (member->record->choices_bytes == 0) {
            crowd.others++;
            crowd.ahead += member->record->name_hash < own_hash;
        }
    }
    return crowd;
}

/* With these choices; with the present ones, should these make the record too large. */
static enum henge_status set_payload(struct gossip_node *node, const struct record_fields *fields,
                                     const uint8_t *choices, uint8_t choices_bytes,
                                     uint64_t now_ns) {
    struct record_fields chosen = *fields;
    chosen.choices = choices;
    chosen.choices_bytes = choices_bytes;
    enum henge_status status = HENGE_FULL;
    if (!record_fields_check(&chosen)) {
        status = membership_set_payload(node->membership, &chosen, now_ns);
    }
    return status == HENGE_FULL ? membership_set_payload(node->membership, fields, now_ns) : status;
}

static enum henge_status make_active(struct gossip_node *node, const uint8_t *choices,
                                     uint8_t choices_bytes, uint64_t now_ns) {
    struct record_fields fields;
    record_fields_of(membership_member(node->membership, 0)->record, &fields);
    fields.ring_state = HENGE_RING_ACTIVE;
    return set_payload(node, &fields, choices, choices_bytes, now_ns);
}

/* In the ring of the members as they are known now, which may not be published yet. `members` has
 * room for all. */
static enum henge_status choose_among(const struct gossip_node *node, struct ring_member *members,
                                      const struct ring_member *self, uint32_t kept,
                                      uint64_t now_ns, uint8_t *choices_out) {
    const struct ring_parameters parameters = gossip_node_ring_parameters(node, 0);
    const size_t count = gossip_node_ring_gather(node, HENGE_RING_CURRENT, now_ns, members);
    struct henge_ring *ring = NULL;
    enum henge_status status = ring_build(node->memory, &parameters, members, count, &ring);
    if (status != HENGE_OK) {
        return status;
    }
    const struct ring_choice choice = {.parameters = &parameters,
                                       .ring = ring,
                                       .members = members,
                                       .count = count,
                                       .self = self,
                                       .candidates = node->settings.token_choices,
                                       .kept = kept};
    status = ring_choose(node->memory, &choice, choices_out);
    ring_destroy(node->memory, ring);
    return status;
}

/* *bytes_out is without what is 0 at the end, as records have it. */
static enum henge_status choose(const struct gossip_node *node, const struct ring_member *self,
                                uint32_t kept, uint64_t now_ns, uint8_t *choices_out,
                                uint8_t *bytes_out) {
    const size_t slots = membership_slots(node->membership);
    struct ring_member *members =
        memory_alloc(node->memory, slots * sizeof(*members), HENGE_MEMORY_RING);
    if (!members) {
        return HENGE_NO_MEMORY;
    }
    const enum henge_status status = choose_among(node, members, self, kept, now_ns, choices_out);
    memory_release(node->memory, members, slots * sizeof(*members), HENGE_MEMORY_RING);
    *bytes_out = RING_CHOICES_BYTES;
    while (status == HENGE_OK && *bytes_out > 0 && choices_out[*bytes_out - 1] == 0) {
        (*bytes_out)--;
    }
    return status;
}

static enum henge_status choose_and_be_active(struct gossip_node *node, uint64_t now_ns) {
    const struct ring_member self =
        gossip_node_ring_member(membership_member(node->membership, 0)->record, 0);
    uint8_t choices[RING_CHOICES_BYTES];
    uint8_t bytes = 0;
    const enum henge_status status = choose(node, &self, 0, now_ns, choices, &bytes);
    if (status == HENGE_INVALID) { /* they have too many points: nobody knows where the gaps are */
        return make_active(node, NULL, 0, now_ns);
    }
    return status == HENGE_OK ? make_active(node, choices, bytes, now_ns) : status;
}

/* The virtual nodes that are new are chosen, unless they were once before. */
enum henge_status gossip_node_set_weight(struct gossip_node *node, uint16_t weight,
                                         uint64_t now_ns) {
    const struct record *own = membership_member(node->membership, 0)->record;
    struct ring_member self = gossip_node_ring_member(own, 0);
    const uint32_t before = (uint32_t)self.vnodes * self.weight;
    const uint32_t chosen = 2U * own->choices_bytes;
    const uint32_t kept = before > chosen ? before : chosen;
    struct record_fields fields;
    record_fields_of(own, &fields);
    fields.weight = weight;
    self.weight = weight;
    uint8_t choices[RING_CHOICES_BYTES];
    uint8_t bytes = 0;
    bool is_grown = own->choices_bytes > 0 && (uint32_t)self.vnodes * weight > kept;
    if (is_grown && choose(node, &self, kept, now_ns, choices, &bytes) == HENGE_OK) {
        return set_payload(node, &fields, choices, bytes, now_ns);
    }
    return membership_set_payload(node->membership, &fields, now_ns);
}

bool gossip_node_place_of(const struct gossip_node *node, const uint8_t **choices_out,
                          uint8_t *bytes_out) {
    const struct record *own = membership_member(node->membership, 0)->record;
    *choices_out = own->choices;
    *bytes_out = own->choices_bytes;
    return !membership_is_placing(node->membership) && node->settings.token_choices > 1 &&
           counter_get(&node->counters.is_joined) != 0;
}

/* Its time has come, or it will be looked at again at place_due_ns. */
static enum henge_status place(struct gossip_node *node, enum membership_join_state state,
                               uint64_t now_ns) {
    bool is_over = now_ns >= node->place_until_ns || state == JOIN_REFUSED;
    if (!is_over && (now_ns < node->place_from_ns || state != JOIN_DONE)) {
        node->place_due_ns =
            now_ns < node->place_from_ns ? node->place_from_ns : node->place_until_ns;
        return HENGE_OK;
    }
    const struct crowd crowd = crowd_of(node);
    if (!is_over && crowd.ahead > 0 && crowd.ahead <= AHEAD_MAX) {
        node->place_due_ns = node->place_until_ns;
        return HENGE_OK;
    }
    bool is_crowded = crowd.ahead > 0 && crowd.others > crowd.owners / CROWD_PART;
    return is_crowded || state != JOIN_DONE ? make_active(node, NULL, 0, now_ns)
                                            : choose_and_be_active(node, now_ns);
}

void gossip_node_place(struct gossip_node *node, uint64_t now_ns) {
    const struct membership *membership = node->membership;
    const enum membership_join_state state = membership_join_state(membership);
    node->place_due_ns = TIME_NEVER;
    if (!membership_is_placing(membership) ||
        membership_member(membership, 0)->status == HENGE_LEFT) {
        return;
    }
    bool is_alone = counter_get(&node->counters.alive) <= 1;
    if (node->place_until_ns == TIME_NEVER) {
        if (state == JOIN_UNDER_WAY && is_alone) {
            return; /* JOINING or not, it owns everything */
        }
        const uint64_t bound_ns = membership_dissemination_bound_ns(membership);
        node->place_from_ns = now_ns + bound_ns;
        node->place_until_ns = node->place_from_ns + WAIT_BOUNDS * bound_ns;
    }
    if (place(node, state, now_ns) != HENGE_OK) {
        node->place_due_ns = now_ns + RETRY_MS * NS_PER_MS;
    }
}
