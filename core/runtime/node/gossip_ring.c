/* core/runtime/node/gossip_ring.c - which members make the rings of a node, and their renewal: by a
 * table that is free again, brought up to date, or else by a copy of the present ring.
 *
 * The present ring is made of the ACTIVE and DRAINING members, the next one of the JOINING and
 * ACTIVE ones, each as if it were ACTIVE: so its fingerprint is that of the ring that will be, when
 * the joining ones have joined and the draining ones have gone. While nobody joins or drains both
 * are one object. JOINING members do not count for the present ring: one who comes and goes does
 * not change it. But after a cut all may come back at once, each of them JOINING for a while
 * (membership/standing.h), and somebody has to own the keys: where nobody is ACTIVE or DRAINING,
 * they do.
 *
 * Members of more points than a ring can have (RING_POINTS_MAX) leave the present ring as it is,
 * and of those who join or drain the views say nothing meanwhile. Where there is no ring to stay,
 * as nobody has read yet, it is empty. */
#include "core/base/hash.h"
#include "core/base/mutant.h"
#include "core/runtime/node/gossip_node.h"
#include <string.h>

static bool is_in_ring(const struct gossip_node *node, const struct member *member,
                       uint64_t now_ns) {
    if (!member->record || (member->status == HENGE_LEFT && !MUTANT(RING_KEEPS_THE_LEFT))) {
        return false;
    }
    return member->status != HENGE_DEAD ||
           now_ns - member_status_since_ns(member, now_ns) < node->settings.ring_removal_delay_ns;
}

struct ring_member gossip_node_ring_member(const struct record *record, uint32_t slot) {
    return (struct ring_member){
        .name = record->name,
        .zone = record->zone,
        .region = record->region,
        .role = record->role,
        .slot = (uint16_t)slot,
        .vnodes = record->vnodes,
        .weight = MUTANT(RING_OF_SLOTS) ? (uint16_t)(slot % 3) : record->weight,
        .ring_state = record->ring_state,
        .choices_bytes = record->choices_bytes,
        .choices = record->choices,
    };
}

/* A record never changes, and many nodes share it: it is hashed once. */
static uint64_t ring_hash_of(struct record *record, uint32_t slot) {
    if (record->ring_hash == 0 || MUTANT(RING_OF_SLOTS)) {
        struct ring_member member = gossip_node_ring_member(record, slot);
        record->ring_hash = ring_member_hash(&member);
    }
    return record->ring_hash;
}

static bool is_member_of(enum henge_ring_which which, uint8_t ring_state) {
    return ring_state != (which == HENGE_RING_CURRENT ? (uint8_t)HENGE_RING_JOINING
                                                      : (uint8_t)HENGE_RING_DRAINING);
}

size_t gossip_node_ring_gather(const struct gossip_node *node, enum henge_ring_which which,
                               uint64_t now_ns, struct ring_member *members_out) {
    size_t count = 0;
    uint32_t slots = membership_slots(node->membership);
    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct member *member = membership_member(node->membership, slot);
        if (is_in_ring(node, member, now_ns) && is_member_of(which, member->record->ring_state)) {
            struct ring_member *entry = &members_out[count++];
            *entry = gossip_node_ring_member(member->record, slot);
            if (which == HENGE_RING_NEXT && entry->ring_state != HENGE_RING_ACTIVE) {
                entry->ring_state = HENGE_RING_ACTIVE;
            } else {
                entry->hash = ring_hash_of(member->record, slot);
            }
        }
    }
    return count;
}

/* A new ring, or the number of one, has taken the place of the last. */
static void ring_replaced(struct gossip_node *node, uint64_t fingerprint) {
    uint64_t old_version = node->ring_version;
    node->ring_version = old_version + 1;
    node->ring_fingerprint = fingerprint;
    if (old_version != 0) {
        gossip_node_event_topology(node, old_version);
    }
}

struct ring_parameters gossip_node_ring_parameters(const struct gossip_node *node,
                                                   uint64_t version) {
    struct ring_parameters parameters = {.version = version, .up_by_slot = node->overlay->up};
    memcpy(parameters.salt, node->settings.ring_salt, sizeof(parameters.salt));
    return parameters;
}

/* The spare table, of the members in the scratch array now; NULL if it cannot be. */
static struct henge_ring *spare_take(struct gossip_node *node, size_t count,
                                     const struct ring_parameters *parameters) {
    struct henge_ring *spare = node->view_owner.spare;
    node->view_owner.spare = NULL;
    if (spare &&
        ring_apply(node->memory, spare, parameters, node->ring_members, count) != HENGE_OK) {
        ring_destroy(node->memory, spare);
        return NULL;
    }
    return spare;
}

/* Who has which slot: slots are this node's own, so the fingerprint does not tell. */
static uint64_t slots_sum_of(const struct gossip_node *node, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ring_member *member = &node->ring_members[i];
        sum += hash64_pair(hash64_text(member->name), member->slot);
    }
    return sum;
}

/* Of the members in the scratch array, in place of *ring. */
static bool ring_make(struct gossip_node *node, size_t count, uint64_t version,
                      struct shared_ring **ring) {
    const struct ring_parameters parameters = gossip_node_ring_parameters(node, version);
    struct henge_ring *made = spare_take(node, count, &parameters);
    enum henge_status status = HENGE_OK;
    const struct shared_ring *like = *ring ? *ring : node->ring;
    if (!made && like) {
        status = ring_copy_changed(node->memory, like->ring, &parameters, node->ring_members, count,
                                   &made);
    } else if (!made) {
        status = ring_build(node->memory, &parameters, node->ring_members, count, &made);
    }
    if (status != HENGE_OK) {
        return false;
    }
    struct shared_ring *shared = shared_ring_create(node->memory, made);
    if (!shared) {
        ring_destroy(node->memory, made);
        return false;
    }
    shared->slots_sum = slots_sum_of(node, count);
    shared_ring_release(&node->view_owner, *ring);
    *ring = shared;
    return true;
}

static bool is_made_of(const struct gossip_node *node, const struct shared_ring *ring,
                       uint64_t fingerprint, size_t count) {
    return ring && henge_ring_fingerprint(ring->ring) == fingerprint &&
           ring->slots_sum == slots_sum_of(node, count);
}

static uint64_t fingerprint_of(const struct gossip_node *node, size_t count) {
    const struct ring_parameters parameters = gossip_node_ring_parameters(node, 0);
    return ring_fingerprint_of(&parameters, node->ring_members, count);
}

/* Of members with too many points no ring is made: the one there is stays, or if there is none, one
 * of nobody is to be made. */
static bool has_to_stay(struct gossip_node *node, const struct shared_ring *ring, size_t *count) {
    if (ring_fits(node->ring_members, *count)) {
        return false;
    }
    node->is_ring_refused = true;
    *count = 0;
    return ring != NULL;
}

static bool current_renew(struct gossip_node *node, uint64_t now_ns) {
    size_t count = gossip_node_ring_gather(node, HENGE_RING_CURRENT, now_ns, node->ring_members);
    if (count == 0) {
        count = gossip_node_ring_gather(node, HENGE_RING_NEXT, now_ns, node->ring_members);
    }
    if (has_to_stay(node, node->ring, &count)) {
        return true;
    }
    const uint64_t fingerprint = fingerprint_of(node, count);
    if (is_made_of(node, node->ring, fingerprint, count) && node->ring_fingerprint == fingerprint) {
        return true;
    }
    /* Whoever keeps slots beside a version must see that they mean others now. */
    const bool is_new =
        node->ring || node->ring_version == 0 || node->ring_fingerprint != fingerprint;
    if (!ring_make(node, count, node->ring_version + is_new, &node->ring)) {
        return false;
    }
    if (is_new) {
        ring_replaced(node, fingerprint);
    }
    return true;
}

static bool next_renew(struct gossip_node *node, uint64_t now_ns) {
    size_t count = gossip_node_ring_gather(node, HENGE_RING_NEXT, now_ns, node->ring_members);
    const bool is_unknown = has_to_stay(node, node->ring, &count);
    const uint64_t fingerprint = fingerprint_of(node, count);
    if (is_unknown || is_made_of(node, node->ring, fingerprint, count)) {
        shared_ring_release(&node->view_owner, node->ring_next);
        node->ring_next = node->ring;
        node->ring_next->references++;
        return true;
    }
    return is_made_of(node, node->ring_next, fingerprint, count) ||
           ring_make(node, count, node->ring_version, &node->ring_next);
}

/* Those of the role, into the scratch array. */
static size_t role_gather(struct gossip_node *node, enum henge_ring_which which, const char *role,
                          uint64_t now_ns) {
    const size_t count = gossip_node_ring_gather(node, which, now_ns, node->ring_members);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(node->ring_members[i].role, role) == 0) {
            node->ring_members[kept++] = node->ring_members[i];
        }
    }
    return kept;
}

/* As the rings of all members, but for the event and the counters of the node. */
static bool role_renew(struct gossip_node *node, struct role_rings *rings, uint64_t now_ns) {
    size_t count = role_gather(node, HENGE_RING_CURRENT, rings->role, now_ns);
    if (count == 0) {
        count = role_gather(node, HENGE_RING_NEXT, rings->role, now_ns);
    }
    if (!has_to_stay(node, rings->current, &count) &&
        !is_made_of(node, rings->current, fingerprint_of(node, count), count)) {
        if (!ring_make(node, count, rings->version + 1, &rings->current)) {
            return false;
        }
        rings->version++;
    }
    count = role_gather(node, HENGE_RING_NEXT, rings->role, now_ns);
    const bool is_unknown = has_to_stay(node, rings->current, &count);
    const uint64_t fingerprint = fingerprint_of(node, count);
    if (is_unknown || is_made_of(node, rings->current, fingerprint, count)) {
        shared_ring_release(&node->view_owner, rings->next);
        rings->next = rings->current;
        rings->next->references++;
        return true;
    }
    return is_made_of(node, rings->next, fingerprint, count) ||
           ring_make(node, count, rings->version, &rings->next);
}

/* A value that henge_config_set has taken: neither too many nor too long. */
bool gossip_node_roles_create(struct gossip_node *node, const char *text) {
    if (!text || *text == '\0') {
        return true;
    }
    struct ring_roles *roles = memory_alloc_zeroed(node->memory, sizeof(*roles), HENGE_MEMORY_RING);
    while (roles && *text != '\0' && roles->count < HENGE_RING_ROLES_MAX) {
        const size_t bytes = strcspn(text, ",");
        const size_t kept = bytes < HENGE_LABEL_BYTES ? bytes : HENGE_LABEL_BYTES - 1;
        char *name = roles->names[roles->count];
        memcpy(name, text, kept);
        roles->rings[roles->count++].role = name;
        text += bytes + (text[bytes] == ',');
    }
    node->roles = roles;
    return roles != NULL;
}

void gossip_node_roles_destroy(struct gossip_node *node) {
    memory_release(node->memory, node->roles, sizeof(*node->roles), HENGE_MEMORY_RING);
}

bool gossip_node_ring_renew(struct gossip_node *node, uint64_t now_ns) {
    node->is_ring_refused = false;
    bool is_done = current_renew(node, now_ns) && next_renew(node, now_ns);
    for (size_t i = 0; is_done && node->roles && i < node->roles->count; i++) {
        is_done = role_renew(node, &node->roles->rings[i], now_ns);
    }
    return is_done;
}

void gossip_node_rings_release(struct gossip_node *node) {
    shared_ring_release(&node->view_owner, node->ring);
    shared_ring_release(&node->view_owner, node->ring_next);
    for (size_t i = 0; node->roles && i < node->roles->count; i++) {
        shared_ring_release(&node->view_owner, node->roles->rings[i].current);
        shared_ring_release(&node->view_owner, node->roles->rings[i].next);
    }
    ring_destroy(node->memory, node->view_owner.spare);
}

/* The sum of the present ring where nobody is ACTIVE or DRAINING. */
static uint64_t ring_sum_active(const struct gossip_node *node, uint64_t now_ns) {
    uint64_t sum = 0;
    uint32_t slots = membership_slots(node->membership);
    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct member *member = membership_member(node->membership, slot);
        if (is_in_ring(node, member, now_ns)) {
            struct ring_member entry = gossip_node_ring_member(member->record, slot);
            entry.ring_state = HENGE_RING_ACTIVE;
            sum += ring_member_hash(&entry);
        }
    }
    return sum;
}

static uint64_t points_of(const struct record *record) {
    return (uint64_t)record->vnodes * record->weight;
}

void gossip_node_ring_renew_unread(struct gossip_node *node, uint64_t now_ns) {
    uint64_t sum = 0;
    size_t count = 0;
    size_t joining = 0;
    uint64_t points = 0;
    uint64_t points_joining = 0;
    uint32_t slots = membership_slots(node->membership);
    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct member *member = membership_member(node->membership, slot);
        if (!is_in_ring(node, member, now_ns)) {
            continue;
        }
        if (is_member_of(HENGE_RING_CURRENT, member->record->ring_state)) {
            sum += ring_hash_of(member->record, slot);
            points += points_of(member->record);
            count++;
        } else {
            points_joining += points_of(member->record);
            joining++;
        }
    }
    if (count == 0) {
        sum = ring_sum_active(node, now_ns);
        points = points_joining;
        count = joining;
    }
    node->is_ring_refused = points > RING_POINTS_MAX;
    if (node->is_ring_refused) {
        return;
    }
    const struct ring_parameters parameters = gossip_node_ring_parameters(node, 0);
    const uint64_t fingerprint = ring_fingerprint_of_sum(&parameters, sum, count);
    if (node->ring_version == 0 || node->ring_fingerprint != fingerprint) {
        ring_replaced(node, fingerprint);
    }
}
