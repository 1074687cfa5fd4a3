/* The order of beliefs: the laws of a join-semilattice, and that whole nodes keep them. */
#include "core/base/hash.h"
#include "membership/message.h"
#include "membership/merge.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <string.h>

enum { TRIALS = 20000 };

static const uint8_t contents[3][4] = {"aaa", "aab", "zz"};

static struct belief any_belief(struct random *random) {
    struct belief belief = {.liveness = {1 + random_below(random, 3),
                                         (uint32_t)random_below(random, 3),
                                         (uint8_t)random_below(random, 4)}};
    if (random_below(random, 4) == 0)
        return belief; /* without a payload */
    const uint8_t *content = contents[random_below(random, 3)];
    belief.payload = (struct payload_key){.generation = 1 + random_below(random, 3),
                                          .payload_version = (uint32_t)random_below(random, 3),
                                          .encoded = content,
                                          .encoded_bytes = (uint16_t)(1 + random_below(random, 3))};
    return belief;
}

static bool is_equal(const struct belief *left, const struct belief *right) {
    return liveness_compare(&left->liveness, &right->liveness) == 0 &&
           payload_compare(&left->payload, &right->payload) == 0;
}

Test(merge, is_commutative_associative_and_idempotent) {
    struct random random = random_of_seed(1);
    for (uint32_t i = 0; i < TRIALS; i++) {
        struct belief a = any_belief(&random), b = any_belief(&random), c = any_belief(&random);
        struct belief ab = belief_merge(&a, &b), ba = belief_merge(&b, &a);
        cr_assert(is_equal(&ab, &ba));
        struct belief bc = belief_merge(&b, &c);
        struct belief left = belief_merge(&ab, &c), right = belief_merge(&a, &bc);
        cr_assert(is_equal(&left, &right));
        struct belief same = belief_merge(&ab, &b);
        cr_assert(is_equal(&same, &ab));
        cr_assert_geq(liveness_compare(&ab.liveness, &a.liveness), 0, "never backwards");
        cr_assert_geq(payload_compare(&ab.payload, &a.payload), 0);
    }
}

Test(merge, orders_are_total) {
    struct random random = random_of_seed(2);
    for (uint32_t i = 0; i < TRIALS; i++) {
        struct belief a = any_belief(&random), b = any_belief(&random), c = any_belief(&random);
        int ab = liveness_compare(&a.liveness, &b.liveness);
        cr_assert_eq(ab, -liveness_compare(&b.liveness, &a.liveness));
        if (ab <= 0 && liveness_compare(&b.liveness, &c.liveness) <= 0)
            cr_assert_leq(liveness_compare(&a.liveness, &c.liveness), 0);
        int payload = payload_compare(&a.payload, &b.payload);
        cr_assert_eq(payload > 0, payload_compare(&b.payload, &a.payload) < 0);
    }
}

Test(merge, rank_is_alive_suspect_dead_left) {
    struct liveness base = {5, 5, HENGE_ALIVE};
    const uint8_t rising[] = {HENGE_ALIVE, HENGE_SUSPECT, HENGE_DEAD, HENGE_LEFT};
    for (size_t i = 0; i + 1 < 4; i++) {
        struct liveness low = base, high = base;
        low.status = rising[i];
        high.status = rising[i + 1];
        cr_assert_lt(liveness_compare(&low, &high), 0);
    }
    struct liveness dead = {5, 5, HENGE_LEFT}, refuted = {5, 6, HENGE_ALIVE};
    cr_assert_lt(liveness_compare(&dead, &refuted), 0);
    struct liveness restarted = {6, 0, HENGE_ALIVE};
    cr_assert_lt(liveness_compare(&refuted, &restarted), 0);
}

/* Whole nodes: the same updates about one stranger, in different orders, leave the same belief. */

static struct record_fields stranger(uint64_t generation, uint32_t payload_version) {
    return (struct record_fields){.name = "stranger",
                                  .name_bytes = 8,
                                  .role = "",
                                  .region = "",
                                  .zone = "",
                                  .generation = generation,
                                  .payload_version = payload_version,
                                  .address = cluster_address(77),
                                  .weight = (uint16_t)(payload_version % 3),
                                  .vnodes = 10};
}

static uint64_t stranger_hash(void) {
    return hash64("stranger", 8);
}

static size_t gossip_of(const struct cluster *cluster, const struct liveness *liveness,
                        const struct record_fields *fields, uint8_t *message, size_t room) {
    const struct member *speaker = membership_member(cluster->nodes[1].membership, 0);
    struct bytes_writer writer = bytes_writer_of(message, room);
    struct message_head head = {MESSAGE_GOSSIP, speaker->record->name_hash,
                                member_generation(speaker)};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 1);
    struct update update = {.name_hash = stranger_hash(), .liveness = *liveness};
    uint8_t encoded[RECORD_ENCODED_BYTES_MAX];
    if (fields != NULL) {
        struct bytes_writer record = bytes_writer_of(encoded, sizeof encoded);
        record_encode(&record, fields);
        update.encoded = encoded;
        update.encoded_bytes = (uint16_t)bytes_written(&record);
    }
    wire_update_put(&writer, &update);
    cr_assert_not(writer.failed);
    return bytes_written(&writer);
}

static void tell(struct cluster *cluster, uint32_t to, const struct liveness *liveness,
                 const struct record_fields *fields) {
    uint8_t message[1448];
    size_t bytes = gossip_of(cluster, liveness, fields, message, sizeof message);
    cluster_inject(cluster, to, 1, message, bytes);
}

/* Liveness of the member or of its tombstone. */
static struct liveness held_by(const struct cluster *cluster, uint32_t number) {
    const struct membership *membership = cluster->nodes[number].membership;
    uint32_t slot = table_find(&membership->table, stranger_hash());
    if (slot != NO_SLOT) {
        const struct member *member = &membership->table.members[slot];
        return (struct liveness){member_generation(member), member->version, member->status};
    }
    const struct tombstone *stone = tombstones_find(&membership->tombstones, stranger_hash());
    return stone == NULL ? (struct liveness){0} : stone->liveness;
}

Test(merge, nodes_believe_the_same_in_whatever_order_they_heard) {
    enum { UPDATES = 6 };
    for (uint32_t trial = 0; trial < 150; trial++) {
        struct cluster *cluster = cluster_create(100 + trial);
        cluster->delay_ns = 3600 * NS_PER_S; /* they do not talk to each other */
        for (uint32_t i = 0; i < 5; i++)
            cluster_start(cluster, i, 0, 1000);
        struct liveness updates[UPDATES];
        uint32_t payloads[UPDATES], order[UPDATES];
        for (uint32_t i = 0; i < UPDATES; i++) {
            updates[i] = (struct liveness){1000 + random_below(&cluster->random, 2),
                                           (uint32_t)random_below(&cluster->random, 3),
                                           (uint8_t)random_below(&cluster->random, 4)};
            payloads[i] = (uint32_t)random_below(&cluster->random, 3);
            order[i] = i;
        }
        for (uint32_t node = 0; node < 5; node++) {
            random_shuffle_u32(&cluster->random, order, UPDATES);
            for (uint32_t i = 0; i < UPDATES; i++) {
                struct record_fields fields =
                    stranger(updates[order[i]].generation, payloads[order[i]]);
                tell(cluster, node, &updates[order[i]], &fields);
            }
        }
        struct liveness first = held_by(cluster, 0);
        cr_assert_neq(first.generation, 0);
        for (uint32_t node = 2; node < 5; node++) { /* node 1 is the speaker */
            struct liveness other = held_by(cluster, node);
            cr_assert_eq(liveness_compare(&first, &other), 0, "trial %u", trial);
        }
        cluster_destroy(cluster);
    }
}

static struct cluster *pair(uint64_t seed) {
    struct cluster *cluster = cluster_create(seed);
    cluster_start(cluster, 0, 0, 1000);
    cluster_start(cluster, 1, 0, 1000);
    cluster_join(cluster, 1, 0);
    cr_assert(cluster_run_until(cluster, NS_PER_S, cluster_agrees));
    return cluster;
}

Test(merge, a_stranger_needs_a_record) {
    struct cluster *cluster = pair(300);
    struct liveness alive = {1000, 4, HENGE_ALIVE};
    tell(cluster, 0, &alive, NULL);
    cr_assert_eq(held_by(cluster, 0).generation, 0);
    struct record_fields fields = stranger(1000, 0);
    tell(cluster, 0, &alive, &fields);
    cr_assert_eq(held_by(cluster, 0).generation, 1000);
    struct liveness restarted = {1001, 0, HENGE_ALIVE};
    tell(cluster, 0, &restarted, NULL);
    cr_assert_eq(held_by(cluster, 0).generation, 1000, "nor is a new generation taken without");
    fields = stranger(1001, 0);
    tell(cluster, 0, &restarted, &fields);
    cr_assert_eq(held_by(cluster, 0).generation, 1001);
    cluster_destroy(cluster);
}

Test(merge, a_dead_incarnation_does_not_return) {
    struct cluster *cluster = pair(301);
    struct liveness dead = {1000, 3, HENGE_DEAD};
    struct record_fields fields = stranger(1000, 0);
    tell(cluster, 0, &dead, NULL); /* of one never heard of: a tombstone */
    cr_assert_eq(cluster->nodes[0].membership->tombstones.count, 1);
    for (uint32_t version = 0; version <= 3; version++) {
        struct liveness alive = {1000, version, HENGE_ALIVE};
        tell(cluster, 0, &alive, &fields);
        cr_assert_eq(held_by(cluster, 0).status, HENGE_DEAD);
        cr_assert_eq(cluster_counters(cluster, 0).alive, 2);
    }
    struct liveness refuted = {1000, 4, HENGE_ALIVE};
    tell(cluster, 0, &refuted, &fields);
    cr_assert_eq(held_by(cluster, 0).status, HENGE_ALIVE);
    cr_assert_eq(cluster->nodes[0].membership->tombstones.count, 0);
    tell(cluster, 0, &dead, NULL);
    cr_assert_eq(held_by(cluster, 0).status, HENGE_ALIVE, "old verdicts are over");
    cluster_destroy(cluster);
}

Test(merge, a_verdict_may_come_before_its_record) {
    struct cluster *cluster = pair(302);
    struct record_fields old = stranger(1000, 0), new = stranger(1005, 0);
    struct liveness alive = {1000, 0, HENGE_ALIVE}, dead = {1005, 2, HENGE_DEAD};
    tell(cluster, 0, &alive, &old);
    memory_fail_after(&cluster->memory, 0);
    tell(cluster, 0, &dead, NULL);
    struct liveness held = held_by(cluster, 0);
    cr_assert_eq(liveness_compare(&held, &alive), 0, "without memory it is refused");
    memory_fail_after(&cluster->memory, -1);
    tell(cluster, 0, &dead, NULL);
    cr_assert_eq(held_by(cluster, 0).status, HENGE_DEAD, "the old incarnation is over for certain");
    cr_assert_eq(held_by(cluster, 0).generation, 1005);
    struct liveness late = {1005, 0, HENGE_ALIVE};
    tell(cluster, 0, &late, &new);
    cr_assert_eq(held_by(cluster, 0).status, HENGE_DEAD);
    struct liveness refuted = {1005, 3, HENGE_ALIVE};
    tell(cluster, 0, &refuted, NULL);
    cr_assert_eq(held_by(cluster, 0).status, HENGE_ALIVE, "its record is known by now");
    cluster_destroy(cluster);
}

Test(merge, since_when_is_known_to_a_tick_for_years) {
    const uint64_t tick_ns = UINT64_C(1) << MEMBER_TICK_BITS, start_ns = 12345 * NS_PER_S + 678;
    struct member member = {.status_since = member_tick(start_ns)};
    const uint64_t later_ns[] = {0, 1, tick_ns, 60 * NS_PER_S, 800 * 86400 * NS_PER_S};
    for (size_t i = 0; i < sizeof later_ns / sizeof later_ns[0]; i++) {
        uint64_t since_ns = member_status_since_ns(&member, start_ns + later_ns[i]);
        cr_assert(since_ns <= start_ns && start_ns - since_ns < tick_ns);
    }
}

Test(merge, generations_of_the_far_future_are_not_believed) {
    struct cluster *cluster = pair(303);
    const uint64_t year_ms = UINT64_C(365) * 24 * 3600 * 1000;
    uint64_t highest = cluster->nodes[0].membership->table.highest_generation;
    const uint64_t bad[] = {UINT64_MAX, UINT64_MAX - 1, highest + year_ms + 60000};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct liveness alive = {bad[i], 0, HENGE_ALIVE}, dead = {bad[i], 0, HENGE_DEAD};
        struct record_fields fields = stranger(bad[i], 0);
        tell(cluster, 0, &alive, &fields);
        tell(cluster, 0, &dead, NULL);
        cr_assert_eq(held_by(cluster, 0).generation, 0);
    }
    cr_assert_eq(cluster_counters(cluster, 0).updates_refused, 6);
    struct liveness alive = {highest + year_ms - 60000, 0, HENGE_ALIVE};
    struct record_fields fields = stranger(alive.generation, 0);
    tell(cluster, 0, &alive, &fields);
    cr_assert_eq(held_by(cluster, 0).generation, alive.generation);
    cluster_destroy(cluster);
}

Test(merge, versions_at_their_end_change_nothing_for_others) {
    struct cluster *cluster = pair(304);
    struct liveness beyond = {1000, VERSION_MAX + 1, HENGE_SUSPECT};
    struct liveness last = {1000, VERSION_MAX, HENGE_SUSPECT};
    struct record_fields fields = stranger(1000, 0);
    tell(cluster, 0, &beyond, &fields);
    cr_assert_eq(held_by(cluster, 0).generation, 0);
    cr_assert_eq(cluster_counters(cluster, 0).malformed, 1);
    tell(cluster, 0, &last, &fields);
    cr_assert_eq(held_by(cluster, 0).version, VERSION_MAX);
    struct liveness next = {1001, 0, HENGE_ALIVE};
    fields = stranger(1001, 0);
    tell(cluster, 0, &next, &fields);
    cr_assert_eq(held_by(cluster, 0).status, HENGE_ALIVE);
    cluster_destroy(cluster);
}

/* About oneself. */

static void tell_self(struct cluster *cluster, uint64_t generation, uint32_t version,
                      uint8_t status) {
    struct membership *membership = cluster->nodes[0].membership;
    struct update update = {.name_hash = membership->name_hash,
                            .liveness = {generation, version, status}};
    uint8_t message[256];
    struct bytes_writer writer = bytes_writer_of(message, sizeof message);
    const struct member *speaker = membership_member(cluster->nodes[1].membership, 0);
    struct message_head head = {MESSAGE_GOSSIP, speaker->record->name_hash,
                                member_generation(speaker)};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &update);
    cluster_inject(cluster, 0, 1, message, bytes_written(&writer));
    cluster_run(cluster, NS_PER_S / 10);
}

Test(merge, an_owner_answers_accusations_only) {
    struct cluster *cluster = pair(305);
    struct cluster_node *self = &cluster->nodes[0];
    uint64_t generation = self->generation;
    tell_self(cluster, generation, 0, HENGE_ALIVE);
    tell_self(cluster, generation - 1, 9, HENGE_DEAD);
    cr_assert_eq(self->accused_calls, 0);
    tell_self(cluster, generation, 0, HENGE_SUSPECT);
    cr_assert_eq(self->version, 1);
    tell_self(cluster, generation, 0, HENGE_SUSPECT);
    cr_assert_eq(self->version, 1, "answered already");
    tell_self(cluster, generation, 7, HENGE_DEAD);
    cr_assert_eq(self->version, 8);
    tell_self(cluster, generation, 9, HENGE_LEFT);
    cr_assert_eq(self->version, 10, "nobody else says that we left");
    cr_assert_eq(membership_member(self->membership, 0)->status, HENGE_ALIVE);
    cr_assert_eq(cluster_look(cluster, 1, 0)->version, 10);
    cluster_destroy(cluster);
}

Test(merge, an_owner_surpasses_a_higher_generation_once_a_second) {
    struct cluster *cluster = pair(306);
    struct cluster_node *self = &cluster->nodes[0];
    uint64_t generation = self->generation;
    tell_self(cluster, generation + 10, 3, HENGE_DEAD);
    cr_assert_eq(self->generation, generation + 11);
    tell_self(cluster, generation + 20, 3, HENGE_DEAD);
    cr_assert_eq(self->generation, generation + 11, "not twice within a second");
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(self->generation, generation + 21);
    cr_assert_eq(member_generation(cluster_look(cluster, 1, 0)), generation + 21);
    tell_self(cluster, UINT64_MAX, 3, HENGE_DEAD);
    cluster_run(cluster, 2 * NS_PER_S);
    cr_assert_eq(self->generation, generation + 21, "no lie moves it to the end of numbers");
    cluster_destroy(cluster);
}

/* A forged record of ours at the end of payload versions: the next one is of a new generation, and
 * all others take it. */
Test(merge, payload_versions_at_their_end_raise_the_generation) {
    struct cluster *cluster = cluster_create(305);
    cluster_form(cluster, 4);
    struct membership *membership = cluster->nodes[0].membership;
    uint64_t generation = member_generation(membership_member(membership, 0));
    struct record_fields fields;
    record_fields_of(membership_member(membership, 0)->record, &fields);
    fields.payload_version = VERSION_MAX;
    struct liveness alive = {generation, 0, HENGE_ALIVE};
    struct record *forged = record_store_get(cluster->store, &fields);
    struct update update = {.name_hash = forged->name_hash,
                            .liveness = alive,
                            .encoded = forged->encoded,
                            .encoded_bytes = forged->encoded_bytes};
    uint8_t message[1448];
    struct bytes_writer writer = bytes_writer_of(message, sizeof message);
    const struct member *speaker = membership_member(cluster->nodes[1].membership, 0);
    struct message_head head = {MESSAGE_GOSSIP, speaker->record->name_hash,
                                member_generation(speaker)};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &update);
    cluster_inject(cluster, 0, 1, message, bytes_written(&writer));
    cluster_run(cluster, NS_PER_S);
    cr_assert_gt(member_generation(membership_member(membership, 0)), generation);
    record_fields_of(membership_member(membership, 0)->record, &fields);
    fields.weight = 7;
    cr_assert_eq(membership_set_payload(membership, &fields, cluster->now_ns), HENGE_OK);
    cluster->nodes[0].is_dirty = true;
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(cluster_look(cluster, 1, 0)->record->weight, 7);
    record_release(cluster->store, forged);
    cluster_destroy(cluster);
}
