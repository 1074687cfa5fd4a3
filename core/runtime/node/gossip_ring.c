/* core/runtime/node/gossip_ring.c - which members make the rings of a node, and their renewal, by
 * tables that all nodes of the thread share (ring_house.h).
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

/* Members in the scratch array of the thread, with the slots that are shown. */
struct gathered {
    const struct ring_member *members;
    size_t count;
    uint64_t fingerprint;
    uint64_t slots_sum; /* who has which slot: the fingerprint does not tell */
    bool is_too_large;  /* the ring that is there stays; if there is none, one of nobody is made */
};

static struct gathered gathered_of(const struct gossip_node *node, struct ring_member *members,
                                   size_t count) {
    const struct ring_parameters parameters = gossip_node_ring_parameters(node, 0);
    struct gathered gathered = {.members = members, .count = count};
    for (size_t i = 0; i < count; i++) {
        struct ring_member *member = &members[i];
        member->slot = (uint16_t)gossip_node_shown_slot(node, member->slot);
        gathered.slots_sum += hash64_pair(hash64_text(member->name), member->slot);
    }
    gathered.fingerprint = ring_fingerprint_of(&parameters, members, count);
    return gathered;
}

/* Those that the ring is made of; `role` NULL: of all roles. There is room in the scratch array. */
static struct gathered gather(struct gossip_node *node, enum henge_ring_which which,
                              const char *role, uint64_t now_ns) {
    struct ring_member *members = node->view_owner.rings->scratch;
    size_t count = 0;
    for (int tries = 0; tries < 2 && count == 0; tries++) {
        const size_t all = gossip_node_ring_gather(node, which, now_ns, members);
        for (size_t i = 0; i < all; i++) {
            if (!role || strcmp(members[i].role, role) == 0) {
                members[count++] = members[i];
            }
        }
        which = HENGE_RING_NEXT; /* somebody has to own the keys */
    }
    bool is_too_large = !ring_fits(members, count);
    node->is_ring_refused |= is_too_large;
    struct gathered gathered = gathered_of(node, members, is_too_large ? 0 : count);
    gathered.is_too_large = is_too_large;
    return gathered;
}

static bool has_to_stay(const struct shared_ring *ring, const struct gathered *gathered) {
    return ring && gathered->is_too_large;
}

/* Of these members, in place of *ring. */
static bool ring_make(struct gossip_node *node, const struct gathered *gathered, uint64_t version,
                      struct shared_ring **ring) {
    const struct ring_parameters parameters = gossip_node_ring_parameters(node, version);
    const struct ring_wish wish = {.parameters = &parameters,
                                   .members = gathered->members,
                                   .count = gathered->count,
                                   .fingerprint = gathered->fingerprint,
                                   .slots_sum = gathered->slots_sum};
    const struct shared_ring *like = *ring ? *ring : node->ring;
    struct ring_table *table =
        ring_house_take(node->view_owner.rings, &wish, like ? like->table : NULL);
    struct shared_ring *shared =
        table ? shared_ring_create(&node->view_owner, table, &parameters) : NULL;
    if (!shared) {
        return false;
    }
    shared_ring_release(&node->view_owner, *ring);
    *ring = shared;
    return true;
}

static bool is_made_of(const struct shared_ring *ring, const struct gathered *gathered) {
    return ring && henge_ring_fingerprint(ring->ring) == gathered->fingerprint &&
           ring->table->slots_sum == gathered->slots_sum;
}

static bool current_renew(struct gossip_node *node, uint64_t now_ns) {
    const struct gathered now = gather(node, HENGE_RING_CURRENT, NULL, now_ns);
    if (has_to_stay(node->ring, &now) ||
        (is_made_of(node->ring, &now) && node->ring_fingerprint == now.fingerprint)) {
        return true;
    }
    /* Whoever keeps slots beside a version must see that they mean others now. */
    const bool is_new =
        node->ring || node->ring_version == 0 || node->ring_fingerprint != now.fingerprint;
    if (!ring_make(node, &now, node->ring_version + is_new, &node->ring)) {
        return false;
    }
    if (is_new) {
        ring_replaced(node, now.fingerprint);
    }
    return true;
}

/* The next ring of all, or of a role: the present one itself where it is the same. */
static bool next_renew(struct gossip_node *node, const char *role, struct shared_ring *current,
                       struct shared_ring **next, uint64_t version, uint64_t now_ns) {
    const struct gathered then = gather(node, HENGE_RING_NEXT, role, now_ns);
    if (has_to_stay(current, &then) || is_made_of(current, &then)) {
        shared_ring_release(&node->view_owner, *next);
        *next = current;
        current->references++;
        return true;
    }
    return is_made_of(*next, &then) || ring_make(node, &then, version, next);
}

/* As the rings of all members, but for the event and the counters of the node. */
static bool role_renew(struct gossip_node *node, struct role_rings *rings, uint64_t now_ns) {
    const struct gathered now = gather(node, HENGE_RING_CURRENT, rings->role, now_ns);
    if (!has_to_stay(rings->current, &now) && !is_made_of(rings->current, &now)) {
        if (!ring_make(node, &now, rings->version + 1, &rings->current)) {
            return false;
        }
        rings->version++;
    }
    return next_renew(node, rings->role, rings->current, &rings->next, rings->version, now_ns);
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
    const uint32_t slots = membership_slots(node->membership);
    node->is_ring_refused = false;
    bool is_done = ring_house_scratch(node->view_owner.rings, slots) &&
                   current_renew(node, now_ns) &&
                   next_renew(node, NULL, node->ring, &node->ring_next, node->ring_version, now_ns);
    for (size_t i = 0; is_done && node->roles && i < node->roles->count; i++) {
        is_done = role_renew(node, &node->roles->rings[i], now_ns);
    }
    return is_done;
}

static void let_go(struct gossip_node *node, struct shared_ring **ring) {
    shared_ring_release(&node->view_owner, *ring);
    *ring = NULL;
}

void gossip_node_rings_release(struct gossip_node *node) {
    let_go(node, &node->ring);
    let_go(node, &node->ring_next);
    for (size_t i = 0; node->roles && i < node->roles->count; i++) {
        let_go(node, &node->roles->rings[i].current);
        let_go(node, &node->roles->rings[i].next);
    }
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

/* What the present ring would be made of, without making it. */
struct ring_sum {
    uint64_t fingerprint;
    uint64_t points;
    size_t count;
};

static struct ring_sum ring_sum_of(const struct gossip_node *node, uint64_t now_ns) {
    struct ring_sum total = {0};
    uint64_t sum = 0;
    size_t joining = 0;
    uint64_t points_joining = 0;
    uint32_t slots = membership_slots(node->membership);
    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct member *member = membership_member(node->membership, slot);
        if (!is_in_ring(node, member, now_ns)) {
            continue;
        }
        if (is_member_of(HENGE_RING_CURRENT, member->record->ring_state)) {
            sum += ring_hash_of(member->record, slot);
            total.points += points_of(member->record);
            total.count++;
        } else {
            points_joining += points_of(member->record);
            joining++;
        }
    }
    if (total.count == 0) {
        sum = ring_sum_active(node, now_ns);
        total.points = points_joining;
        total.count = joining;
    }
    const struct ring_parameters parameters = gossip_node_ring_parameters(node, 0);
    total.fingerprint = ring_fingerprint_of_sum(&parameters, sum, total.count);
    return total;
}

bool gossip_node_ring_is_affordable(const struct gossip_node *node, uint64_t now_ns) {
    const struct ring_sum now = ring_sum_of(node, now_ns);
    return ring_house_allows(node->view_owner.rings, now.fingerprint, now.count, now_ns);
}

void gossip_node_ring_renew_unread(struct gossip_node *node, uint64_t now_ns) {
    const struct ring_sum now = ring_sum_of(node, now_ns);
    node->is_ring_refused = now.points > RING_POINTS_MAX;
    if (!node->is_ring_refused &&
        (node->ring_version == 0 || node->ring_fingerprint != now.fingerprint)) {
        ring_replaced(node, now.fingerprint);
    }
}
