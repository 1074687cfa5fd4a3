/* Two processes under one name: exactly one of them goes on, whoever comes first, hears first, or
 * asks first; and a restart is not held up by it. */
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <string.h>

static void bear_name_of(struct cluster *cluster, uint32_t number, uint32_t other) {
    cr_assert_neq(number, other);
    memcpy(cluster->nodes[number].name, cluster->nodes[other].name,
           sizeof cluster->nodes[number].name);
}

static uint32_t speaking(const struct cluster *cluster, uint32_t one, uint32_t other) {
    return (uint32_t)!cluster->nodes[one].has_yielded +
           (uint32_t)!cluster->nodes[other].has_yielded;
}

/* All who are up and speak hold `name` ALIVE at the address of `number`. */
static bool is_borne_by(const struct cluster *cluster, uint32_t number) {
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
        const struct cluster_node *node = &cluster->nodes[i];
        if (node->membership == NULL || node->has_yielded || i == number)
            continue;
        const struct member *member = cluster_look(cluster, i, number);
        if (member == NULL || member->status != HENGE_ALIVE ||
            memcmp(&member->record->address, &cluster->nodes[number].address,
                   sizeof(struct henge_address)) != 0)
            return false;
    }
    return true;
}

static void newcomer(uint64_t seed, uint64_t wall_ms, uint32_t through) {
    struct cluster *cluster = cluster_create(seed);
    cluster_form(cluster, 8);
    cluster->probes = true;
    bear_name_of(cluster, 20, 3);
    cluster_start(cluster, 20, 0, wall_ms);
    cluster_join(cluster, 20, through);
    cluster_run(cluster, 2 * NS_PER_S);
    cr_assert(cluster->nodes[20].has_yielded, "the newcomer");
    cr_assert_not(cluster->nodes[3].has_yielded);
    cr_assert_eq(memcmp(&cluster->nodes[20].winner, &cluster->nodes[3].address,
                        sizeof(struct henge_address)),
                 0);
    cr_assert(is_borne_by(cluster, 3));
    cr_assert_eq(cluster_counters(cluster, 20).conflicts, 1);
    cluster_reset_counts(cluster);
    cluster_run(cluster, 60 * NS_PER_S);
    cr_assert_eq(cluster->nodes[20].packets, 0, "silent for good");
    cr_assert(is_borne_by(cluster, 3));
    cr_assert_eq(cluster->nodes[3].generation_calls, 0, "nothing is left to surpass");
    cluster_destroy(cluster);
}

Test(claim, a_newcomer_yields) {
    newcomer(300, 5000000, 0);
}

Test(claim, a_newcomer_whose_clock_is_behind_yields) {
    newcomer(301, 10, 0);
}

Test(claim, a_newcomer_that_joins_through_its_rival_yields) {
    newcomer(302, 5000000, 3);
    newcomer(303, 10, 3);
}

Test(claim, a_newcomer_gets_told_why_its_join_failed) {
    struct cluster *cluster = cluster_create(304);
    cluster_form(cluster, 4);
    bear_name_of(cluster, 20, 3);
    cluster_start(cluster, 20, 0, 10);
    cluster_join(cluster, 20, 0);
    cluster_run(cluster, NS_PER_S);
    const struct membership *loser = cluster->nodes[20].membership;
    cr_assert_eq(membership_join_state(loser), JOIN_REFUSED);
    cr_assert_str_eq(membership_join_reason(loser), "another live process bears this name");
    cluster_destroy(cluster);
}

/* Both are of a cluster, and meet when the two become one: each hears of the other and asks. */
Test(claim, two_grown_up_ones_settle_it_with_exactly_one_left) {
    for (uint32_t seed = 0; seed < 20; seed++) {
        struct cluster *cluster = cluster_create(310 + seed);
        cluster_form(cluster, 4);
        bear_name_of(cluster, 22, 2);
        for (uint32_t i = 20; i < 24; i++) {
            cluster_start(cluster, i, 0, 1000000 + 5 * (i + seed % 2));
            if (i > 20)
                cluster_join(cluster, i, 20);
        }
        cluster->loss_permille = seed % 3 * 100;
        cluster_run(cluster, 5 * NS_PER_S);
        cr_assert_eq(speaking(cluster, 2, 22), 2);
        struct henge_address there = cluster_address(20);
        membership_seeds_set(cluster->nodes[0].membership, &there, 1);
        cluster->probes = true;
        cluster_run(cluster, 60 * NS_PER_S);
        cr_assert_eq(speaking(cluster, 2, 22), 1, "seed %u", seed);
        cr_assert(is_borne_by(cluster, cluster->nodes[2].has_yielded ? 22 : 2), "seed %u", seed);
        cluster_destroy(cluster);
    }
}

/* Started at the same instant, with the same clock, through different seeds: only the boot ids
 * differ, and both ask at once. */
Test(claim, twins_settle_it_with_exactly_one_left) {
    for (uint32_t seed = 0; seed < 40; seed++) {
        struct cluster *cluster = cluster_create(400 + seed);
        cluster->jitter_ns = seed % 2 == 0 ? 0 : 20 * NS_PER_MS;
        cluster_form(cluster, 6);
        cluster->loss_permille = seed % 4 * 100;
        cluster->probes = true;
        bear_name_of(cluster, 21, 20);
        cluster_start(cluster, 20, 0, 2000000);
        cluster_start(cluster, 21, 0, 2000000);
        cluster_join(cluster, 20, 0);
        cluster_join(cluster, 21, 5);
        cluster_run(cluster, 30 * NS_PER_S);
        cr_assert_eq(speaking(cluster, 20, 21), 1, "seed %u", seed);
        cr_assert(is_borne_by(cluster, cluster->nodes[20].has_yielded ? 21 : 20), "seed %u", seed);
        cluster_destroy(cluster);
    }
}

static bool four_is_back(struct cluster *cluster) {
    return cluster_agrees(cluster) && is_borne_by(cluster, 4);
}

static void restart(uint64_t seed, uint64_t wall_ms, bool is_elsewhere, uint64_t within_ns) {
    struct cluster *cluster = cluster_create(seed);
    cluster_form(cluster, 10);
    cluster_kill(cluster, 4);
    if (is_elsewhere)
        cluster->nodes[4].address = cluster_address(99);
    cluster_start(cluster, 4, 0, wall_ms);
    cluster_join(cluster, 4, 0);
    cr_assert(cluster_run_until(cluster, within_ns, four_is_back));
    cluster_run(cluster, 5 * NS_PER_S);
    cr_assert(four_is_back(cluster));
    cr_assert_not(cluster->nodes[4].has_yielded);
    cluster_destroy(cluster);
}

Test(claim, a_restart_is_not_held_up) {
    restart(500, 5000000, false, 250 * NS_PER_MS);
    restart(501, 10, false, 250 * NS_PER_MS);
    restart(502, 5000000, true, 250 * NS_PER_MS);
    /* Only this one has to ask: nobody answers at the old address. */
    restart(503, 10, true, 600 * NS_PER_MS);
}

/* The one that was stopped for a minute comes back to find its place taken. */
Test(claim, who_was_away_gives_way_to_who_took_its_place) {
    struct cluster *cluster = cluster_create(510);
    cluster_form(cluster, 6);
    cluster->probes = true;
    cluster->nodes[3].side = 1; /* as good as stopped: it hears nothing, and says nothing */
    bear_name_of(cluster, 20, 3);
    cluster_start(cluster, 20, 0, 5000000);
    cluster_join(cluster, 20, 0);
    cluster_run(cluster, 6060 * NS_PER_S);
    membership_paused(cluster->nodes[3].membership, 6000 * NS_PER_S, cluster->now_ns);
    cluster->nodes[3].side = 0;
    cluster_run(cluster, 60 * NS_PER_S);
    cr_assert(cluster->nodes[3].has_yielded);
    cr_assert_not(cluster->nodes[20].has_yielded);
    cr_assert(is_borne_by(cluster, 20));
    cluster_destroy(cluster);
}

static size_t message_of(const struct cluster *cluster, uint32_t from, uint8_t type, uint64_t nonce,
                         uint8_t flags, uint64_t seniority, uint8_t *message, size_t room) {
    const struct member *speaker = membership_member(cluster->nodes[from].membership, 0);
    struct bytes_writer writer = bytes_writer_of(message, room);
    struct message_head head = {type, speaker->record->name_hash, member_generation(speaker)};
    struct wire_claim claim = {.flags = flags, .seniority = seniority};
    message_head_put(&writer, &head);
    if (type == MESSAGE_WHO) {
        struct wire_who who = {nonce, speaker->record->name_hash, claim};
        wire_who_put(&writer, &who);
    } else {
        struct wire_here here = {nonce, claim};
        struct update own = merge_update_of(cluster->nodes[from].membership, 0, true);
        wire_here_put(&writer, &here);
        wire_update_put(&writer, &own);
    }
    cr_assert_not(writer.failed);
    return bytes_written(&writer);
}

Test(claim, an_answer_that_was_not_asked_for_ends_nobody) {
    struct cluster *cluster = cluster_create(511);
    cluster_form(cluster, 3);
    bear_name_of(cluster, 20, 1);
    cluster_start(cluster, 20, 0, 10);
    uint8_t message[1448];
    size_t bytes =
        message_of(cluster, 20, MESSAGE_HERE, 4711, CLAIM_IS_SETTLED, 1, message, sizeof message);
    cluster_inject(cluster, 1, 20, message, bytes);
    cluster_run(cluster, NS_PER_S);
    cr_assert_not(cluster->nodes[1].has_yielded);
    /* An old question of a stronger one that is gone: asked back, nobody answers. */
    bytes =
        message_of(cluster, 20, MESSAGE_WHO, 4711, CLAIM_IS_SETTLED, 1, message, sizeof message);
    cluster_kill(cluster, 20);
    cluster_inject(cluster, 1, 20, message, bytes);
    cluster_run(cluster, 2 * NS_PER_S);
    cr_assert_gt(cluster->nodes[1].packets_by_type[MESSAGE_WHO], 0);
    cr_assert_not(cluster->nodes[1].has_yielded);
    cluster_destroy(cluster);
}

Test(claim, two_contents_of_one_payload_version_are_counted_and_the_greater_wins) {
    struct cluster *cluster = cluster_create(512);
    cluster_form(cluster, 4);
    struct record_fields fields;
    record_fields_of(membership_member(cluster->nodes[2].membership, 0)->record, &fields);
    fields.address = cluster_address(250); /* greater bytes at the first that differ */
    struct record *copy = record_store_get(cluster->store, &fields);
    uint8_t message[1448];
    struct bytes_writer writer = bytes_writer_of(message, sizeof message);
    struct message_head head = {MESSAGE_GOSSIP, 4711, 1};
    struct update update = {.name_hash = copy->name_hash,
                            .liveness = {copy->generation, 0, HENGE_ALIVE},
                            .encoded = copy->encoded,
                            .encoded_bytes = copy->encoded_bytes};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &update);
    cluster_inject(cluster, 0, 1, message, bytes_written(&writer));
    cr_assert_eq(cluster_counters(cluster, 0).conflicts, 1);
    cr_assert_eq(cluster->nodes[0].conflicts_seen, 1);
    cr_assert_eq(cluster_look(cluster, 0, 2)->record, copy, "the greater encoding");
    cluster_run(cluster, 3 * NS_PER_S);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(memcmp(&cluster_look(cluster, i, 2)->record->address,
                            &cluster->nodes[2].address, sizeof(struct henge_address)),
                     0, "the owner raised its payload version above both");
    record_release(cluster->store, copy);
    cluster_destroy(cluster);
}

Test(claim, only_the_answer_to_the_fresh_question_counts) {
    struct cluster *cluster = cluster_create(513);
    cluster_form(cluster, 3);
    bear_name_of(cluster, 20, 1);
    cluster_start(cluster, 20, 0, 10);
    struct membership *asker = cluster->nodes[1].membership;
    claim_ask(asker, &cluster->nodes[20].address, member_generation(&asker->table.members[0]));
    uint8_t message[1448];
    uint64_t nonce = asker->claim.nonce;
    size_t bytes = message_of(cluster, 20, MESSAGE_HERE, nonce + 1, CLAIM_IS_SETTLED, 1, message,
                              sizeof message);
    cluster_inject(cluster, 1, 20, message, bytes);
    cr_assert_not(cluster->nodes[1].has_yielded, "another nonce");
    bytes =
        message_of(cluster, 20, MESSAGE_HERE, nonce, CLAIM_IS_SETTLED, 1, message, sizeof message);
    cluster_inject(cluster, 1, 2, message, bytes);
    cr_assert_not(cluster->nodes[1].has_yielded, "another address");
    cluster_inject(cluster, 1, 20, message, bytes);
    cr_assert(cluster->nodes[1].has_yielded);
    cluster_destroy(cluster);
}

static void tell_of(struct cluster *cluster, uint32_t to, uint32_t subject) {
    uint8_t message[1448];
    struct bytes_writer writer = bytes_writer_of(message, sizeof message);
    struct message_head head = {MESSAGE_GOSSIP, 4711, 1};
    struct update update = merge_update_of(cluster->nodes[subject].membership, 0, true);
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &update);
    cluster_inject(cluster, to, 30, message, bytes_written(&writer));
}

/* Under his name others live elsewhere now, so no gossip reaches him any more. */
Test(claim, who_has_lost_his_name_is_told_at_his_old_address) {
    struct cluster *cluster = cluster_create(514);
    cluster_form(cluster, 3);
    bear_name_of(cluster, 20, 1);
    cluster_start(cluster, 20, 0, 5000000);
    cluster_reset_counts(cluster);
    tell_of(cluster, 0, 20);
    cr_assert_eq(cluster->nodes[0].packets_by_type[MESSAGE_GOSSIP_REPLY], 1);
    cluster_run(cluster, 10 * NS_PER_MS);
    cr_assert_gt(cluster->nodes[1].packets_by_type[MESSAGE_WHO], 0, "he asks who that is");
    cluster_destroy(cluster);
}

Test(claim, or_when_he_syncs) {
    struct cluster *cluster = cluster_create(515);
    cluster_form(cluster, 3);
    bear_name_of(cluster, 20, 1);
    cluster_start(cluster, 20, 0, 5000000);
    cluster->nodes[1].side = 1; /* the first word is lost */
    tell_of(cluster, 0, 20);
    cluster_run(cluster, 100 * NS_PER_MS);
    cluster->nodes[1].side = 0;
    cluster_reset_counts(cluster);
    uint8_t message[1448];
    struct bytes_writer writer = bytes_writer_of(message, sizeof message);
    const struct member *own = membership_member(cluster->nodes[1].membership, 0);
    struct message_head head = {MESSAGE_SYNC, own->record->name_hash, member_generation(own)};
    struct wire_sync sync = {.flags = SYNC_IS_ANSWER,
                             .ring_parameters = 77,
                             .fingerprint = membership_fingerprint(cluster->nodes[0].membership)};
    for (uint32_t i = 0; i < SYNC_BUCKETS; i++)
        sync.sums[i] = table_sum_folded(&cluster->nodes[0].membership->table, i);
    message_head_put(&writer, &head);
    wire_sync_put(&writer, &sync);
    cluster_inject(cluster, 0, 1, message, bytes_written(&writer));
    cr_assert_eq(cluster->nodes[0].packets_by_type[MESSAGE_GOSSIP_REPLY], 1);
    cr_assert_eq(cluster->nodes[0].packets, 1, "the fingerprints say nothing of it");
    cluster_destroy(cluster);
}

/* A generation that nobody believes cannot be surpassed, so it must not be tried for ever. */
Test(claim, a_rival_with_a_generation_of_the_far_future_costs_nothing) {
    struct cluster *cluster = cluster_create(720);
    cluster_form(cluster, 4);
    struct membership *membership = cluster->nodes[1].membership;
    uint64_t generation = member_generation(membership_member(membership, 0));
    bear_name_of(cluster, 20, 1);
    cluster_start(cluster, 20, 0, 3 * GENERATION_AHEAD_MAX_MS);
    cluster_join(cluster, 20, 1);
    uint64_t steps = cluster->nodes[1].steps;
    cluster_run(cluster, 10 * NS_PER_S);
    cr_assert_lt(cluster->nodes[1].steps - steps, 2000);
    cr_assert_eq(member_generation(membership_member(membership, 0)), generation);
    cr_assert_not(cluster->nodes[1].has_yielded);
    cluster_destroy(cluster);
}

/* Who has gone asks no more after his name, and comes back by a join only. */
Test(claim, who_leaves_or_is_evicted_while_asking_stays_gone) {
    for (uint32_t is_evicted = 0; is_evicted < 2; is_evicted++) {
        struct cluster *cluster = cluster_create(721 + is_evicted);
        cluster_form(cluster, 8);
        cluster->probes = true;
        struct membership *membership = cluster->nodes[4].membership;
        struct henge_address nobody = cluster_address(99);
        claim_ask(membership, &nobody, member_generation(membership_member(membership, 0)));
        cluster->nodes[4].is_dirty = true;
        cluster_run(cluster, 50 * NS_PER_MS);
        if (is_evicted == 1)
            membership_evict(cluster->nodes[0].membership, cluster_slot(cluster, 0, 4),
                             cluster->now_ns);
        else
            membership_leave(membership, cluster->now_ns, cluster->now_ns + 5 * NS_PER_S);
        cluster->nodes[is_evicted == 1 ? 0 : 4].is_dirty = true;
        cluster_run(cluster, 100 * NS_PER_MS);
        self_surpass(membership, member_generation(membership_member(membership, 0)));
        cluster_run(cluster, 20 * NS_PER_S);
        cr_assert_eq(membership_member(membership, 0)->status, HENGE_LEFT);
        cr_assert_eq(cluster_look(cluster, 0, 4)->status, HENGE_LEFT);
        cluster_destroy(cluster);
    }
}
