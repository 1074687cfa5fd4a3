/* tests/support/cluster.c - see cluster.h. */
#include "tests/support/cluster.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "membership/merge.h"
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster_network.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct henge_address cluster_address(uint32_t number) {
    struct henge_address address = {.family = 4, .port = 7000};
    address.bytes[0] = 127;
    address.bytes[1] = 1;
    address.bytes[2] = (uint8_t)(number >> 8);
    address.bytes[3] = (uint8_t)number;
    return address;
}

struct cluster *cluster_create(uint64_t seed) {
    struct cluster *cluster = calloc(1, sizeof *cluster);
    ASSERT(cluster != NULL);
    memory_init(&cluster->memory, NULL);
    cluster->store = record_store_create(&cluster->memory);
    ASSERT(cluster->store != NULL);
    cluster->random = random_of_seed(seed);
    cluster->now_ns = 1000 * NS_PER_S;
    cluster->delay_ns = 500 * NS_PER_US;
    cluster->jitter_ns = NS_PER_MS;
    cluster->zone_every = 2;
    cluster->settings = (struct membership_settings){.ring_parameters = 77,
                                                     .probe_period_ns = NS_PER_S,
                                                     .suspicion_max_factor = 6,
                                                     .fanout = 4,
                                                     .gossip_tick_ns = 200 * NS_PER_MS,
                                                     .gossip_window_ns = 5 * NS_PER_MS,
                                                     .packets_per_s = 100,
                                                     .packets_burst = 32,
                                                     .payload_bytes_max = 1348,
                                                     .members_max = CLUSTER_SLOTS_MAX,
                                                     .tombstone_ns = 24 * 3600 * NS_PER_S,
                                                     .dead_shown_ns = 120 * NS_PER_S};
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
        struct cluster_node *node = &cluster->nodes[i];
        node->cluster = cluster;
        node->number = i;
        node->address = cluster_address(i);
        (void)snprintf(node->name, sizeof node->name, "node-%u", i);
    }
    return cluster;
}

void cluster_destroy(struct cluster *cluster) {
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
        membership_destroy(cluster->nodes[i].membership);
    cluster_network_clear(cluster);
    record_store_destroy(cluster->store);
    ASSERT(atomic_load(&cluster->memory.held_bytes[HENGE_MEMORY_MEMBER]) == 0);
    free(cluster);
}

static void on_change(void *context, const struct member_change *change) {
    struct cluster_node *node = context;
    ASSERT(change->slot < CLUSTER_SLOTS_MAX);
    struct cluster_view *view = &node->views[change->slot];
    const struct member *member = membership_member(node->membership, change->slot);
    ASSERT(member->record != NULL);
    node->changes++;
    node->is_dirty = true;
    ASSERT(view->is_known == !change->is_new);
    if (!change->is_new)
        ASSERT(view->liveness.status == change->before_status);
    if (change->is_forgotten) {
        ASSERT(change->before_status >= HENGE_DEAD);
        view->is_known = false;
        return;
    }
    struct liveness now = {member_generation(member), member->version, member->status};
    ASSERT(now.status == change->status);
    if (!change->is_new)
        ASSERT(liveness_compare(&now, &view->liveness) >= 0);
    if (now.status < HENGE_DEAD)
        ASSERT(member->record->generation == member_generation(member));
    if (change->slot != 0 && (change->is_new || change->before_status != change->status))
        node->statuses_seen[change->status]++;
    *view = (struct cluster_view){now, true};
}

static bool on_accused(void *context, uint64_t generation, uint32_t version) {
    struct cluster_node *node = context;
    node->accused_calls++;
    if (node->accused_refused)
        return false;
    node->has_accusation = true;
    node->accused_generation = generation;
    node->accused_version = version;
    node->is_dirty = true;
    return true;
}

static void on_generation(void *context, uint64_t generation) {
    struct cluster_node *node = context;
    node->generation_calls++;
    node->generation = generation;
    node->version = 0;
    node->has_accusation = false;
}

static void on_conflict(void *context, uint32_t slot, const struct henge_address *other,
                        uint64_t other_generation) {
    struct cluster_node *node = context;
    (void)other_generation;
    node->conflicts_seen += slot != 0;
    if (slot == 0) {
        ASSERT(!node->has_yielded);
        node->has_yielded = true;
        node->winner = *other;
    }
}

/* Good enough to tell a right proof from a wrong one. */
static void one_way(const uint8_t secret[RECORD_PROOF_BYTES], uint8_t out[RECORD_PROOF_BYTES]) {
    uint64_t low = hash64(secret, RECORD_PROOF_BYTES), high = hash64_pair(low, 1);
    memcpy(out, &low, sizeof low);
    memcpy(out + sizeof low, &high, sizeof high);
}

static struct record_fields fields_of(const struct cluster_node *node, uint64_t generation) {
    struct record_fields fields = {.name = node->name,
                                   .name_bytes = (uint8_t)strlen(node->name),
                                   .role = "store",
                                   .role_bytes = 5,
                                   .region = "",
                                   .zone = node->number % node->cluster->zone_every == 0 ? "zone-a"
                                                                                         : "zone-b",
                                   .zone_bytes = 6,
                                   .generation = generation,
                                   .address = node->address,
                                   .weight = 1,
                                   .vnodes = 100,
                                   .ring_state = HENGE_RING_ACTIVE};
    memcpy(fields.boot_id, node->boot_id, sizeof fields.boot_id);
    return fields;
}

void cluster_start(struct cluster *cluster, uint32_t number, uint64_t generation_floor,
                   uint64_t wall_ms) {
    struct cluster_node *node = &cluster->nodes[number];
    ASSERT(node->membership == NULL);
    uint64_t boot[2] = {random_u64(&cluster->random), ++cluster->starts};
    memcpy(node->boot_id, boot, sizeof boot);
    memset(node->views, 0, sizeof node->views);
    struct membership_settings settings = cluster->settings;
    const struct record_fields fields = fields_of(node, generation_floor);
    settings.self = &fields;
    settings.wall_ms = wall_ms;
    settings.random_seed = random_u64(&cluster->random);
    settings.one_way = one_way;
    memcpy(settings.leave_secret, boot, sizeof boot);
    struct membership_observer observer = {.context = node,
                                           .on_change = on_change,
                                           .on_accused = on_accused,
                                           .on_generation = on_generation,
                                           .on_conflict = on_conflict};
    node->membership =
        membership_create(&settings, &observer, cluster->store, &cluster->memory, cluster->now_ns);
    ASSERT(node->membership != NULL);
    const struct member *self = membership_member(node->membership, 0);
    node->views[0] = (struct cluster_view){{member_generation(self), 0, HENGE_ALIVE}, true};
    node->generation = member_generation(self);
    node->version = 0;
    node->has_accusation = false;
    node->has_yielded = false;
    node->is_dirty = true;
    node->probe_ns = cluster->now_ns + random_below(&cluster->random, NS_PER_S);
}

void cluster_kill(struct cluster *cluster, uint32_t number) {
    struct cluster_node *node = &cluster->nodes[number];
    cluster_network_forget(cluster, number);
    membership_destroy(node->membership);
    node->membership = NULL;
}

void cluster_join(struct cluster *cluster, uint32_t number, uint32_t seed_number) {
    struct henge_address seed = cluster_address(seed_number);
    membership_join(cluster->nodes[number].membership, &seed, 1, cluster->now_ns);
    cluster->nodes[number].is_dirty = true;
}

uint32_t cluster_slot(const struct cluster *cluster, uint32_t at, uint32_t subject) {
    const struct membership *membership = cluster->nodes[at].membership;
    for (uint32_t slot = 0; slot < membership_slots(membership); slot++) {
        const struct member *member = membership_member(membership, slot);
        if (member->record != NULL &&
            strcmp(member->record->name, cluster->nodes[subject].name) == 0)
            return slot;
    }
    return NO_SLOT;
}

void cluster_set_weight(struct cluster *cluster, uint32_t number, uint16_t weight) {
    struct membership *membership = cluster->nodes[number].membership;
    struct record_fields fields;
    record_fields_of(membership_member(membership, 0)->record, &fields);
    fields.weight = weight;
    ASSERT(membership_set_payload(membership, &fields, cluster->now_ns) == HENGE_OK);
    cluster->nodes[number].is_dirty = true;
}

const struct member *cluster_look(const struct cluster *cluster, uint32_t at, uint32_t subject) {
    uint32_t slot = cluster_slot(cluster, at, subject);
    return slot == NO_SLOT ? NULL : membership_member(cluster->nodes[at].membership, slot);
}

struct membership_counters cluster_counters(const struct cluster *cluster, uint32_t number) {
    struct membership_counters counters;
    membership_counters_get(cluster->nodes[number].membership, &counters);
    return counters;
}

void cluster_reset_counts(struct cluster *cluster) {
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
        struct cluster_node *node = &cluster->nodes[i];
        node->steps = node->packets = node->bytes = node->changes = 0;
        node->accused_calls = node->generation_calls = node->streams = 0;
        memset(node->packets_by_type, 0, sizeof node->packets_by_type);
        memset(node->statuses_seen, 0, sizeof node->statuses_seen);
    }
}

bool cluster_all_joined(struct cluster *cluster) {
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
        const struct membership *membership = cluster->nodes[i].membership;
        if (membership != NULL && membership_join_state(membership) == JOIN_UNDER_WAY)
            return false;
    }
    return true;
}

bool cluster_agrees(struct cluster *cluster) {
    uint32_t up = 0;
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
        up += cluster->nodes[i].membership != NULL;
    uint64_t fingerprint = 0;
    bool has_first = false;
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
        const struct membership *membership = cluster->nodes[i].membership;
        if (membership == NULL)
            continue;
        struct membership_counters counters = cluster_counters(cluster, i);
        if (counters.alive != up || counters.suspect != 0)
            return false;
        if (has_first && membership_fingerprint(membership) != fingerprint)
            return false;
        fingerprint = membership_fingerprint(membership);
        has_first = true;
    }
    return true;
}

void cluster_form(struct cluster *cluster, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        cluster_start(cluster, i, 0, 1000000 + i);
        if (i > 0)
            cluster_join(cluster, i, 0);
    }
    ASSERT(cluster_run_until(cluster, 60 * NS_PER_S, cluster_agrees));
    ASSERT(cluster_run_until(cluster, 10 * NS_PER_S, cluster_all_joined));
    cluster_run(cluster, 5 * NS_PER_S); /* the queues run out */
}

/* The detector's essence: refute what was heard. */
static void detector_turn(struct cluster *cluster, struct cluster_node *node) {
    if (!node->has_accusation)
        return;
    node->has_accusation = false;
    if (node->accused_generation != node->generation)
        return;
    uint32_t heard = node->accused_version;
    node->version = (heard > node->version ? heard : node->version) + 1;
    membership_self_version(node->membership, node->generation, node->version, cluster->now_ns);
}

static struct cluster_node *node_at(struct cluster *cluster, const struct henge_address *address) {
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
        if (memcmp(&cluster->nodes[i].address, address, sizeof *address) == 0)
            return &cluster->nodes[i];
    return NULL;
}

static void ping(struct cluster *cluster, struct cluster_node *node, uint32_t slot) {
    const struct member *member = membership_member(node->membership, slot);
    struct cluster_node *peer = node_at(cluster, &member->record->address);
    uint64_t now_ns = cluster->now_ns;
    if (peer == NULL || peer->membership == NULL || peer->side != node->side || peer->has_yielded) {
        membership_probe_failed(node->membership, slot, member_generation(member), member->version,
                                now_ns);
        return;
    }
    if (strcmp(peer->name, member->record->name) != 0 ||
        peer->generation != member_generation(member)) {
        membership_not_me(node->membership, slot, member_generation(member), now_ns);
        return;
    }
    if (member->status == HENGE_SUSPECT && peer->version <= member->version) {
        peer->has_accusation = true; /* told by the ping itself */
        peer->accused_generation = member_generation(member);
        peer->accused_version = member->version;
        peer->is_dirty = true;
    }
    membership_peer_alive(node->membership, slot, peer->generation, peer->version, now_ns);
    membership_peer_fingerprint(node->membership, slot, membership_fingerprint(peer->membership),
                                now_ns - membership_fingerprint_since(peer->membership), now_ns);
}

static void probe_turn(struct cluster *cluster, struct cluster_node *node) {
    node->probe_ns = cluster->now_ns + cluster->settings.probe_period_ns;
    node->is_dirty = true;
    uint32_t slots = membership_slots(node->membership);
    uint32_t start = (uint32_t)random_below(&cluster->random, slots);
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t slot = (start + i) % slots;
        const struct member *member = membership_member(node->membership, slot);
        if (slot == 0 || member->record == NULL || member->status >= HENGE_DEAD)
            continue;
        ping(cluster, node, slot);
        return;
    }
}

static void step(struct cluster *cluster, struct cluster_node *node) {
    node->is_dirty = false;
    node->steps++;
    node->spins = node->spin_ns == cluster->now_ns ? node->spins + 1 : 0;
    node->spin_ns = cluster->now_ns;
    ASSERT(node->spins < CLUSTER_SPIN_MAX);
    detector_turn(cluster, node);
    struct outbox outbox = cluster_outbox(node);
    membership_step(node->membership, cluster->now_ns, cluster->now_ns - cluster->horizon_lag_ns,
                    &outbox);
    /* Nobody refers to a forgotten slot here. */
    for (uint32_t slot = 0; slot < membership_slots(node->membership); slot++)
        if (!node->views[slot].is_known)
            membership_slot_free(node->membership, slot);
}

static uint64_t next_time(const struct cluster *cluster) {
    uint64_t next_ns = cluster_network_next(cluster);
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
        const struct cluster_node *node = &cluster->nodes[i];
        if (node->membership == NULL)
            continue;
        if (node->is_dirty || node->has_accusation)
            return cluster->now_ns;
        uint64_t deadline_ns = membership_deadline(node->membership);
        next_ns = deadline_ns < next_ns ? deadline_ns : next_ns;
        if (cluster->probes && !node->has_yielded && node->probe_ns < next_ns)
            next_ns = node->probe_ns;
    }
    return next_ns < cluster->now_ns ? cluster->now_ns : next_ns;
}

static void instant(struct cluster *cluster) {
    cluster_network_deliver(cluster);
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
        struct cluster_node *node = &cluster->nodes[i];
        if (node->membership == NULL)
            continue;
        if (cluster->probes && !node->has_yielded && node->probe_ns <= cluster->now_ns)
            probe_turn(cluster, node);
        if (node->is_dirty || node->has_accusation ||
            membership_deadline(node->membership) <= cluster->now_ns)
            step(cluster, node);
    }
}

bool cluster_run_until(struct cluster *cluster, uint64_t duration_ns,
                       bool (*condition)(struct cluster *cluster)) {
    uint64_t end_ns = cluster->now_ns + duration_ns;
    while (condition == NULL || !condition(cluster)) {
        uint64_t next_ns = next_time(cluster);
        if (next_ns > end_ns) {
            cluster->now_ns = end_ns;
            return condition != NULL && condition(cluster);
        }
        cluster->now_ns = next_ns;
        instant(cluster);
    }
    return true;
}

void cluster_run(struct cluster *cluster, uint64_t duration_ns) {
    (void)cluster_run_until(cluster, duration_ns, NULL);
}
