/* Who may say that a member left: forged and replayed leaves, and an operator's evictions. */
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <string.h>

static void leave(struct cluster *cluster, uint32_t number) {
    membership_leave(cluster->nodes[number].membership, cluster->now_ns,
                     cluster->now_ns + 5 * NS_PER_S);
    cluster->nodes[number].is_dirty = true;
}

static void tell(struct cluster *cluster, uint32_t to, uint32_t from, uint8_t type,
                 const struct update *update) {
    const struct member *speaker = membership_member(cluster->nodes[from].membership, 0);
    uint8_t message[1448];
    struct bytes_writer writer = bytes_writer_of(message, sizeof message);
    struct message_head head = {type, speaker->record->name_hash, member_generation(speaker)};
    struct wire_records records = {.flags = RECORDS_LAST, .count = 1};
    message_head_put(&writer, &head);
    if (type == MESSAGE_RECORDS)
        wire_records_put(&writer, &records);
    else
        bytes_put_u16(&writer, 1);
    wire_update_put(&writer, update);
    cr_assert_not(writer.failed);
    cluster_inject(cluster, to, from, message, bytes_written(&writer));
}

static struct update left_of(const struct cluster *cluster, uint32_t subject, uint32_t version) {
    const struct member *member = membership_member(cluster->nodes[subject].membership, 0);
    return (struct update){.name_hash = member->record->name_hash,
                           .liveness = {member_generation(member), version, HENGE_LEFT}};
}

static uint8_t status_at(const struct cluster *cluster, uint32_t at, uint32_t subject) {
    return cluster_look(cluster, at, subject)->status;
}

Test(departure, a_forged_leave_is_refused_and_counted_by_every_way_it_may_come) {
    struct cluster *cluster = cluster_create(200);
    cluster_form(cluster, 4);
    const uint8_t types[] = {MESSAGE_GOSSIP, MESSAGE_GOSSIP_REPLY, MESSAGE_RECORDS};
    for (uint32_t i = 0; i < 3; i++) {
        struct update forged = left_of(cluster, 2, i);
        tell(cluster, 0, 1, types[i], &forged); /* without a proof */
        forged.proof = (struct proof){.kind = PROOF_OWNER, .bytes = {7}};
        tell(cluster, 0, 1, types[i], &forged); /* with a wrong one */
    }
    cr_assert_eq(status_at(cluster, 0, 2), HENGE_ALIVE);
    cr_assert_eq(cluster_counters(cluster, 0).leaves_refused, 6);
    struct update genuine = left_of(cluster, 2, 0);
    genuine.proof = departure_own_proof(cluster->nodes[2].membership);
    tell(cluster, 0, 1, MESSAGE_GOSSIP, &genuine);
    cr_assert_eq(status_at(cluster, 0, 2), HENGE_LEFT, "whoever brings the owner's proof");
    cluster_destroy(cluster);
}

Test(departure, a_forged_leave_of_a_generation_to_come_is_refused) {
    struct cluster *cluster = cluster_create(201);
    cluster_form(cluster, 4);
    struct update forged = left_of(cluster, 2, 0);
    forged.liveness.generation++;
    forged.proof = (struct proof){.kind = PROOF_OWNER, .bytes = {7}};
    tell(cluster, 0, 1, MESSAGE_GOSSIP, &forged);
    cr_assert_eq(status_at(cluster, 0, 2), HENGE_ALIVE);
    cluster_destroy(cluster);
}

Test(departure, a_leave_of_an_older_generation_ends_nothing_when_replayed) {
    struct cluster *cluster = cluster_create(202);
    cluster_form(cluster, 4);
    struct update genuine = left_of(cluster, 2, 0);
    genuine.proof = departure_own_proof(cluster->nodes[2].membership);
    leave(cluster, 2);
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_eq(status_at(cluster, 0, 2), HENGE_LEFT);
    cluster_join(cluster, 2, 0);
    cr_assert(cluster_run_until(cluster, 3 * NS_PER_S, cluster_agrees));
    tell(cluster, 0, 1, MESSAGE_GOSSIP, &genuine);
    cr_assert_eq(status_at(cluster, 0, 2), HENGE_ALIVE);
    genuine.liveness.generation = member_generation(cluster_look(cluster, 0, 2));
    tell(cluster, 0, 1, MESSAGE_GOSSIP, &genuine);
    cr_assert_eq(status_at(cluster, 0, 2), HENGE_ALIVE, "the old secret opens nothing new");
    cr_assert_eq(cluster_counters(cluster, 0).leaves_refused, 1);
    cluster_destroy(cluster);
}

Test(departure, a_leave_is_handed_on_with_its_proof_from_table_and_tombstone) {
    struct cluster *cluster = cluster_create(203);
    cluster_form(cluster, 6);
    uint64_t name_hash = left_of(cluster, 2, 0).name_hash;
    cluster->nodes[5].side = 1;
    leave(cluster, 2);
    cluster_run(cluster, 3 * NS_PER_S);
    cluster_kill(cluster, 2);
    cluster->nodes[5].side = 0;
    cr_assert_eq(status_at(cluster, 5, 2), HENGE_ALIVE);
    cluster->probes = true;
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, cluster_agrees));
    cluster_run(cluster, 10 * NS_PER_S);
    cr_assert_eq(status_at(cluster, 5, 2), HENGE_LEFT, "it missed the leave, sync brought it");
    cr_assert_eq(cluster_counters(cluster, 5).leaves_refused, 0);
    cluster_run(cluster, 200 * NS_PER_S);
    cr_assert_null(cluster_look(cluster, 0, 2));
    const struct tombstone *stone =
        tombstones_find(&cluster->nodes[5].membership->tombstones, name_hash);
    cr_assert_eq(stone->proof.kind, PROOF_OWNER);
    cluster_destroy(cluster);
}

/* A leave about somebody unknown cannot be checked; his record decides when it comes. */
Test(departure, a_forged_tombstone_gives_way_to_the_record_it_does_not_match) {
    struct cluster *cluster = cluster_create(204);
    cluster_form(cluster, 3);
    cluster_start(cluster, 7, 0, 5000000);
    struct update forged = left_of(cluster, 7, 9);
    forged.proof = (struct proof){.kind = PROOF_OWNER, .bytes = {7}};
    tell(cluster, 0, 1, MESSAGE_GOSSIP, &forged);
    cr_assert_null(cluster_look(cluster, 0, 7));
    struct update alive = merge_update_of(cluster->nodes[7].membership, 0, true);
    tell(cluster, 0, 7, MESSAGE_GOSSIP, &alive);
    cr_assert_not_null(cluster_look(cluster, 0, 7));
    cr_assert_eq(status_at(cluster, 0, 7), HENGE_ALIVE);

    struct update genuine = left_of(cluster, 7, 9);
    genuine.proof = departure_own_proof(cluster->nodes[7].membership);
    tell(cluster, 1, 0, MESSAGE_GOSSIP, &genuine);
    tell(cluster, 1, 7, MESSAGE_GOSSIP, &alive);
    cr_assert_null(cluster_look(cluster, 1, 7), "a true one holds");
    cluster_destroy(cluster);
}

Test(departure, of_a_dead_one_is_checked_against_what_its_tombstone_kept) {
    struct cluster *cluster = cluster_create(205);
    cluster_form(cluster, 4);
    cluster->probes = true;
    struct update forged = left_of(cluster, 2, 9), genuine = forged;
    forged.proof = (struct proof){.kind = PROOF_OWNER, .bytes = {7}};
    genuine.proof = departure_own_proof(cluster->nodes[2].membership);
    cluster_kill(cluster, 2);
    cluster_run(cluster, 300 * NS_PER_S);
    cr_assert_null(cluster_look(cluster, 0, 2));
    const struct tombstones *stones = &cluster->nodes[0].membership->tombstones;
    tell(cluster, 0, 1, MESSAGE_GOSSIP, &forged);
    cr_assert_eq(tombstones_find(stones, forged.name_hash)->liveness.status, HENGE_DEAD);
    tell(cluster, 0, 1, MESSAGE_GOSSIP, &genuine);
    cr_assert_eq(tombstones_find(stones, forged.name_hash)->liveness.status, HENGE_LEFT);
    cluster_destroy(cluster);
}

static void evict(struct cluster *cluster, uint32_t at, uint32_t subject) {
    cr_assert(membership_evict(cluster->nodes[at].membership, cluster_slot(cluster, at, subject),
                               cluster->now_ns));
    cluster->nodes[at].is_dirty = true;
}

Test(departure, an_evicted_live_node_is_gone_everywhere_and_falls_silent) {
    struct cluster *cluster = cluster_create(206);
    cluster_form(cluster, 10);
    cluster->probes = true;
    evict(cluster, 3, 7);
    cluster_run(cluster, 2 * NS_PER_S);
    for (uint32_t i = 0; i < 10; i++)
        if (i != 7)
            cr_assert_eq(status_at(cluster, i, 7), HENGE_LEFT);
    const struct membership *evicted = cluster->nodes[7].membership;
    cr_assert_eq(membership_member(evicted, 0)->status, HENGE_LEFT);
    cr_assert_eq(membership_leave_state(evicted), LEAVE_DONE);
    cluster_reset_counts(cluster);
    cluster_run(cluster, 100 * NS_PER_S);
    cr_assert_eq(cluster->nodes[7].packets, 0);
    for (uint32_t i = 0; i < 10; i++)
        if (i != 7)
            cr_assert_eq(cluster_counters(cluster, i).alive, 9, "and it stays out");
    cr_assert_eq(cluster_counters(cluster, 3).evictions, 1);

    cluster_join(cluster, 7, 3);
    cr_assert(cluster_run_until(cluster, 3 * NS_PER_S, cluster_agrees), "but it may join again");
    cluster_destroy(cluster);
}

/* What it knows grows old: a node that learnt the cluster from it would look for others where they
 * were, and hold them dead. */
Test(departure, nobody_learns_the_cluster_from_an_evicted_one) {
    struct cluster *cluster = cluster_create(212);
    cluster_form(cluster, 3);
    evict(cluster, 0, 2);
    cluster_run(cluster, 2 * NS_PER_S);
    cluster_start(cluster, 3, 0, cluster->nodes[0].generation);
    cluster_join(cluster, 3, 2);
    cluster_run(cluster, 30 * NS_PER_S);
    cr_assert_null(cluster_look(cluster, 3, 0));
    cr_assert_eq(membership_join_state(cluster->nodes[3].membership), JOIN_UNDER_WAY);
    cluster_join(cluster, 3, 1);
    cr_assert(cluster_run_until(cluster, 5 * NS_PER_S, cluster_all_joined));
    cluster_destroy(cluster);
}

Test(departure, an_eviction_stands_above_a_refutation_that_is_on_its_way) {
    struct cluster *cluster = cluster_create(207);
    cluster_form(cluster, 5);
    evict(cluster, 0, 2);
    struct update alive = merge_update_of(cluster->nodes[2].membership, 0, true);
    alive.liveness.version = 1000;
    tell(cluster, 0, 1, MESSAGE_GOSSIP, &alive);
    cr_assert_eq(status_at(cluster, 0, 2), HENGE_LEFT);
    cluster_destroy(cluster);
}

Test(departure, who_was_cut_off_hears_of_its_eviction_afterwards) {
    struct cluster *cluster = cluster_create(208);
    cluster_form(cluster, 6);
    cluster->probes = true;
    cluster->nodes[4].side = 1;
    cluster_run(cluster, NS_PER_S);
    evict(cluster, 0, 4);
    cluster_run(cluster, 20 * NS_PER_S);
    cr_assert_eq(membership_member(cluster->nodes[4].membership, 0)->status, HENGE_ALIVE);
    cluster->nodes[4].side = 0;
    cluster_run(cluster, 60 * NS_PER_S);
    cr_assert_eq(membership_member(cluster->nodes[4].membership, 0)->status, HENGE_LEFT);
    for (uint32_t i = 0; i < 6; i++)
        if (i != 4)
            cr_assert_eq(cluster_counters(cluster, i).alive, 5);
    cluster_destroy(cluster);
}

Test(departure, nobody_evicts_itself_or_a_departed_one) {
    struct cluster *cluster = cluster_create(209);
    cluster_form(cluster, 3);
    struct membership *membership = cluster->nodes[0].membership;
    cr_assert_not(membership_evict(membership, 0, cluster->now_ns));
    cr_assert_not(membership_evict(membership, 99, cluster->now_ns));
    evict(cluster, 0, 1);
    cr_assert_not(membership_evict(membership, cluster_slot(cluster, 0, 1), cluster->now_ns));
    cluster_destroy(cluster);
}

static struct member_change last_change;

static void keep_change(void *context, const struct member_change *change) {
    (void)context;
    last_change = *change;
}

Test(departure, the_eviction_of_a_generation_not_heard_of_yet_is_told_as_one) {
    struct cluster *cluster = cluster_create(414);
    cluster_form(cluster, 4);
    struct membership *membership = cluster->nodes[0].membership;
    membership->observer.on_change = keep_change;
    struct update evicted = left_of(cluster, 3, VERSION_MAX);
    evicted.liveness.generation++;
    evicted.proof = (struct proof){.kind = PROOF_EVICTED};
    (void)merge_update(membership, &evicted, NULL, MERGE_GOSSIP, 0);
    cr_assert_eq(last_change.status, HENGE_LEFT);
    cr_assert(last_change.is_evicted);
    cluster_destroy(cluster);
}
