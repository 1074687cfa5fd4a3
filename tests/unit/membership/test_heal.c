/* Stories of healing: cuts of any length, sync by difference, tombstones. */
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>

static void cut(struct cluster *cluster, uint32_t from, uint32_t until) {
    for (uint32_t i = from; i < until; i++)
        cluster->nodes[i].side = 1;
}

static void uncut(struct cluster *cluster) {
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
        cluster->nodes[i].side = 0;
}

static void forget_seeds(struct cluster *cluster) {
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
        if (cluster->nodes[i].membership != NULL)
            cluster->nodes[i].membership->join.seeds_count = 0;
}

static void cut_and_heal(uint64_t seed, uint32_t count, uint64_t cut_ns, uint64_t tombstone_ns) {
    struct cluster *cluster = cluster_create(seed);
    cluster->settings.tombstone_ns = tombstone_ns;
    cluster_form(cluster, count);
    forget_seeds(cluster); /* they are to find each other by what they remember */
    cluster->probes = true;
    cut(cluster, count / 2, count);
    cluster_run(cluster, cut_ns);
    uint32_t half = count / 2;
    cr_assert_eq(cluster_counters(cluster, 0).alive, half);
    cr_assert_eq(cluster_counters(cluster, count - 1).alive, count - half);
    uncut(cluster);
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, cluster_agrees));
    cluster_run(cluster, 30 * NS_PER_S);
    cr_assert(cluster_agrees(cluster), "and it stays healed");
    cluster_destroy(cluster);
}

#define DAY (24 * 3600 * NS_PER_S)

Test(heal, halves_after_their_verdicts) {
    cut_and_heal(50, 10, 100 * NS_PER_S, DAY);
}

Test(heal, halves_after_they_forgot_each_other) {
    cut_and_heal(51, 10, 400 * NS_PER_S, DAY);
}

Test(heal, halves_after_every_tombstone_has_expired) {
    cut_and_heal(52, 10, 700 * NS_PER_S, 60 * NS_PER_S);
}

Test(heal, forty_nodes) {
    cut_and_heal(53, 40, 300 * NS_PER_S, DAY);
}

Test(heal, a_short_cut_is_refuted) {
    struct cluster *cluster = cluster_create(58);
    cluster_form(cluster, 10);
    cluster->probes = true;
    cut(cluster, 3, 4);
    cluster_run(cluster, 3 * NS_PER_S / 2);
    uncut(cluster);
    cr_assert(cluster_run_until(cluster, 20 * NS_PER_S, cluster_agrees));
    for (uint32_t i = 0; i < 10; i++)
        cr_assert_eq(cluster->nodes[i].statuses_seen[HENGE_DEAD], 0);
    cluster_destroy(cluster);
}

Test(heal, one_alone_finds_back_through_its_seed) {
    struct cluster *cluster = cluster_create(55);
    cluster->settings.tombstone_ns = 60 * NS_PER_S;
    cluster_form(cluster, 5);
    cluster->probes = true;
    cut(cluster, 3, 4);
    cluster_run(cluster, 500 * NS_PER_S);
    cr_assert_eq(cluster_counters(cluster, 3).alive, 1);
    uncut(cluster);
    cr_assert(cluster_run_until(cluster, 40 * NS_PER_S, cluster_agrees));
    cluster_destroy(cluster);
}

Test(heal, a_missed_change_is_repaired_by_difference) {
    struct cluster *cluster = cluster_create(56);
    cluster_form(cluster, 20);
    cluster->loss_permille = 1000; /* nobody hears of it by gossip */
    struct record_fields fields;
    record_fields_of(membership_member(cluster->nodes[3].membership, 0)->record, &fields);
    fields.weight = 9;
    cr_assert_eq(membership_set_payload(cluster->nodes[3].membership, &fields, cluster->now_ns),
                 HENGE_OK);
    cluster_run(cluster, 10 * NS_PER_S);
    cr_assert_eq(cluster_look(cluster, 5, 3)->record->weight, 1);
    cluster->loss_permille = 0;
    cluster_reset_counts(cluster);
    cluster->probes = true;
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, cluster_agrees));
    uint64_t syncs = 0, streams = 0, records = 0;
    for (uint32_t i = 0; i < 20; i++) {
        syncs += cluster->nodes[i].packets_by_type[MESSAGE_SYNC];
        streams += cluster->nodes[i].streams;
        records += cluster_counters(cluster, i).records_received;
    }
    cr_assert_gt(syncs, 0);
    cr_assert_eq(streams, 0, "one record needs no stream");
    cr_assert_lt(records, 20 * 20, "one bucket was exchanged, not the table");
    cluster_run(cluster, 15 * NS_PER_S); /* reports of before are no longer recent */
    cr_assert_eq(cluster_counters(cluster, 0).agreement_permille, 1000);
    cluster_destroy(cluster);
}

/* A peer's table says that a member is dead which is held to live. */
static void tell_record(struct cluster *cluster, uint32_t to, uint32_t from, uint32_t subject,
                        uint8_t type, uint8_t status) {
    const struct member *speaker = membership_member(cluster->nodes[from].membership, 0);
    const struct member *member = membership_member(cluster->nodes[subject].membership, 0);
    uint8_t message[128];
    struct bytes_writer writer = bytes_writer_of(message, sizeof message);
    struct message_head head = {type, speaker->record->name_hash, member_generation(speaker)};
    struct wire_records records = {.flags = RECORDS_LAST, .count = 1};
    struct update update = {.name_hash = member->record->name_hash,
                            .liveness = {member_generation(member), member->version, status}};
    message_head_put(&writer, &head);
    if (type == MESSAGE_RECORDS)
        wire_records_put(&writer, &records);
    else
        bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &update);
    cluster_inject(cluster, to, from, message, bytes_written(&writer));
}

Test(heal, a_synced_verdict_only_accuses) {
    struct cluster *cluster = cluster_create(62);
    cluster_form(cluster, 10);
    cluster_reset_counts(cluster);
    tell_record(cluster, 0, 1, 4, MESSAGE_RECORDS, HENGE_DEAD);
    cr_assert_eq(cluster_look(cluster, 0, 4)->status, HENGE_SUSPECT);
    cluster_run(cluster, 3 * NS_PER_S);
    for (uint32_t i = 0; i < 10; i++) {
        cr_assert_eq(cluster_look(cluster, i, 4)->status, HENGE_ALIVE);
        cr_assert_eq(cluster_look(cluster, i, 4)->version, 1, "its victim was told, and answered");
        cr_assert_eq(cluster->nodes[i].statuses_seen[HENGE_DEAD], 0);
    }
    tell_record(cluster, 0, 1, 4, MESSAGE_GOSSIP, HENGE_DEAD);
    cr_assert_eq(cluster_look(cluster, 0, 4)->status, HENGE_DEAD, "gossip brings verdicts");
    cluster_destroy(cluster);
}

Test(heal, who_calls_a_node_dead_gets_its_word_directly) {
    struct cluster *cluster = cluster_create(63);
    cluster_start(cluster, 0, 0, 1000);
    cluster_start(cluster, 1, 0, 1000); /* strangers: no gossip goes between them */
    tell_record(cluster, 0, 1, 0, MESSAGE_GOSSIP_REPLY, HENGE_DEAD);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(cluster->nodes[0].packets_by_type[MESSAGE_GOSSIP_REPLY], 1);
    const struct member *seen = cluster_look(cluster, 1, 0);
    cr_assert_not_null(seen);
    cr_assert_eq(seen->version, 1);
    cr_assert_eq(seen->status, HENGE_ALIVE);
    cr_assert_eq(cluster->nodes[1].packets_by_type[MESSAGE_GOSSIP_REPLY], 0,
                 "and that is not answered");
    cluster_destroy(cluster);
}

Test(heal, agreement_shows_a_difference) {
    struct cluster *cluster = cluster_create(57);
    cluster_form(cluster, 5);
    struct membership *membership = cluster->nodes[0].membership;
    uint64_t old_ns = 100 * NS_PER_S;
    cluster_run(cluster, old_ns);
    cr_assert_eq(cluster_counters(cluster, 0).agreement_permille, 1000);
    const uint32_t one = cluster_slot(cluster, 0, 1), two = cluster_slot(cluster, 0, 2);
    const uint64_t own = membership_fingerprint(membership), now_ns = cluster->now_ns;
    cr_assert(membership_peer_fingerprint(membership, one, 4711, old_ns, now_ns));
    membership_peer_fingerprint(membership, two, own, old_ns, now_ns);
    cr_assert_not(membership_peer_fingerprint(membership, two, own, old_ns, now_ns),
                  "as before: nothing to be done");
    cr_assert_eq(cluster_counters(cluster, 0).agreement_permille, 500);
    cr_assert(membership_peer_fingerprint(membership, one, own, old_ns, now_ns), "it agrees again");
    cr_assert_eq(cluster_counters(cluster, 0).agreement_permille, 1000);
    cluster_destroy(cluster);
}

Test(heal, syncs_are_one_per_second_and_a_few_at_once) {
    struct cluster *cluster = cluster_create(58);
    cluster_form(cluster, 5);
    cluster_run(cluster, 100 * NS_PER_S);
    struct membership *membership = cluster->nodes[0].membership;
    cluster_reset_counts(cluster);
    uint64_t before = cluster_counters(cluster, 0).syncs_started;
    for (uint32_t i = 0; i < 100; i++) {
        membership_peer_fingerprint(membership, 1 + i % 4, i, 100 * NS_PER_S, cluster->now_ns);
        cluster->nodes[0].is_dirty = true;
        cluster_run(cluster, NS_PER_S / 20);
    }
    uint64_t syncs = cluster_counters(cluster, 0).syncs_started - before;
    cr_assert_geq(syncs, SYNCS_BURST);
    cr_assert_leq(syncs, SYNCS_BURST + 6, "in five seconds");
    cluster_destroy(cluster);
}

Test(heal, a_young_difference_is_left_to_gossip) {
    struct cluster *cluster = cluster_create(59);
    cluster_form(cluster, 5);
    cluster_run(cluster, 10 * NS_PER_S);
    struct membership *membership = cluster->nodes[0].membership;
    uint64_t bound_ns = membership_dissemination_bound_ns(membership);
    membership_peer_fingerprint(membership, 1, 4711, bound_ns / 2, cluster->now_ns);
    cr_assert_eq(membership->sync.wanted_slot, NO_SLOT);
    membership_peer_fingerprint(membership, 1, 4711, bound_ns * 2, cluster->now_ns);
    cr_assert_eq(membership->sync.wanted_slot, 1);
    cluster_destroy(cluster);
}

Test(heal, clusters_with_other_ring_parameters_do_not_merge) {
    struct cluster *cluster = cluster_create(60);
    cluster_form(cluster, 3);
    cluster->settings.ring_parameters = 78;
    cluster_start(cluster, 10, 0, 1000000);
    cluster_start(cluster, 11, 0, 1000000);
    cluster_join(cluster, 11, 10);
    cluster_run(cluster, 5 * NS_PER_S);
    cr_assert_eq(cluster_counters(cluster, 10).alive, 2);
    /* The second cluster has a seed in the first: contacts go there for ever. */
    struct henge_address seed = cluster_address(0);
    membership_join(cluster->nodes[11].membership, &seed, 1, cluster->now_ns);
    cluster_run(cluster, 60 * NS_PER_S);
    cr_assert_eq(cluster_counters(cluster, 11).alive, 2);
    cr_assert_eq(cluster_counters(cluster, 0).alive, 3);
    cr_assert_gt(cluster_counters(cluster, 0).misdirected, 0);
    cluster_destroy(cluster);
}

Test(heal, a_dead_member_is_contacted_about_once_per_second_by_all_together) {
    struct cluster *cluster = cluster_create(61);
    cluster_form(cluster, 20);
    cluster->probes = true;
    cluster_kill(cluster, 7);
    cluster_run(cluster, 90 * NS_PER_S);
    cr_assert_eq(cluster_look(cluster, 0, 7)->status, HENGE_DEAD);
    cluster->probes = false;
    cluster_reset_counts(cluster);
    cluster_run(cluster, 100 * NS_PER_S);
    uint64_t told = 0;
    for (uint32_t i = 0; i < 20; i++)
        told += cluster->nodes[i].packets_by_type[MESSAGE_GOSSIP_REPLY];
    cr_assert_geq(told, 50);
    cr_assert_leq(told, 200);
    cluster_destroy(cluster);
}

Test(heal, a_restarted_node_without_seeds_finds_its_cluster_by_what_it_remembered) {
    struct henge_address known[64];
    struct cluster *cluster = cluster_create(61);
    cluster_form(cluster, 5);
    struct membership *membership = cluster->nodes[4].membership;
    uint32_t count = membership_former_addresses(membership, known, 64);
    cr_assert_eq(count, 4);
    cr_assert_eq(membership_former_addresses(membership, known, 2), 2,
                 "no more than there is room");
    cr_assert_eq(membership_former_addresses(membership, known, 64), 4);
    known[0] = cluster_address(4); /* its own: not contacted */
    cluster_kill(cluster, 4);
    cluster->settings.former = known;
    cluster->settings.former_count = count;
    cluster_start(cluster, 4, 2000000, 2000000);
    membership = cluster->nodes[4].membership;
    cr_assert_eq(membership->contact.former_count, 3);
    known[0] = known[1]; /* membership keeps a copy */
    cluster->settings.former_count = 0;
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, cluster_agrees));
    cluster_destroy(cluster);
}

Test(heal, seeds_that_were_resolved_again_replace_the_old_ones) {
    struct cluster *cluster = cluster_create(62);
    cluster_form(cluster, 3);
    struct membership *membership = cluster->nodes[2].membership;
    const struct henge_address seeds[] = {cluster_address(7), cluster_address(2),
                                          cluster_address(8), cluster_address(7)};
    membership_seeds_set(membership, seeds, 4);
    cr_assert_eq(membership->join.seeds_count, 2, "not itself, and each once");
    cr_assert_eq(memcmp(&membership->join.seeds[1], &seeds[2], sizeof(seeds[2])), 0);
    membership_seeds_set(membership, NULL, 0);
    cr_assert_eq(membership->join.seeds_count, 2, "a name server that is down takes none away");
    cr_assert_eq(membership_join_state(membership), JOIN_DONE);
    cluster_destroy(cluster);
}

Test(heal, who_is_not_here_has_room_among_the_addresses_that_are_kept) {
    struct henge_address known[64];
    struct cluster *cluster = cluster_create(63);
    cluster_form(cluster, 110);
    cluster->probes = true;
    for (uint32_t i = 100; i < 110; i++)
        cluster_kill(cluster, i);
    struct membership *membership = cluster->nodes[0].membership;
    for (uint32_t i = 100; i < 110; i++)
        membership_probe_failed(membership, cluster_slot(cluster, 0, i),
                                member_generation(cluster_look(cluster, 0, i)), 0, cluster->now_ns);
    cluster_run(cluster, 60 * NS_PER_S);
    cr_assert_eq(membership_former_addresses(membership, known, 64), 64);
    uint32_t kept = 0;
    for (uint32_t i = 100; i < 110; i++)
        for (uint32_t j = 0; j < 64; j++)
            kept += memcmp(&known[j], &cluster->nodes[i].address, sizeof known[j]) == 0;
    cr_assert_eq(kept, 10);
    cluster_destroy(cluster);
}

/* They would push out the others. */
Test(heal, who_has_left_is_no_former_peer) {
    struct cluster *cluster = cluster_create(64);
    cluster->settings.tombstone_ns = 30 * NS_PER_S;
    cluster->settings.dead_shown_ns = 5 * NS_PER_S;
    cluster_form(cluster, 6);
    membership_leave(cluster->nodes[5].membership, cluster->now_ns, cluster->now_ns + 5 * NS_PER_S);
    cluster->nodes[5].is_dirty = true;
    cluster_run(cluster, 60 * NS_PER_S);
    cr_assert_eq(cluster->nodes[0].membership->tombstones.count, 0);
    cr_assert_eq(cluster->nodes[0].membership->contact.former_count, 0);
    cluster_destroy(cluster);
}
