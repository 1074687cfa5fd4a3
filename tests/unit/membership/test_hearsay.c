/* Meeting again after longer than anything is remembered; and the two steps of a merge. */
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>

static void cut(struct cluster *cluster, uint32_t from, uint32_t until, uint32_t side) {
    for (uint32_t i = from; i < until; i++)
        cluster->nodes[i].side = side;
}

static struct cluster *forgotten_halves(uint64_t seed, uint32_t count) {
    struct cluster *cluster = cluster_create(seed);
    cluster->settings.tombstone_ns = 60 * NS_PER_S;
    cluster_form(cluster, count);
    cluster->probes = true;
    cut(cluster, count / 2, count, 1);
    cluster_run(cluster, 500 * NS_PER_S);
    for (uint32_t i = 0; i < count / 2; i++)
        cr_assert_null(cluster_look(cluster, i, count - 1));
    return cluster;
}

Test(hearsay, who_was_forgotten_is_asked_himself_and_all_meet_again) {
    struct cluster *cluster = forgotten_halves(700, 30);
    cut(cluster, 15, 30, 0);
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, cluster_agrees));
    uint64_t asked = 0;
    for (uint32_t i = 0; i < 30; i++)
        asked += cluster_counters(cluster, i).hearsay_asked;
    cr_assert_gt(asked, 0);
    cr_assert_lt(asked, 30 * 30, "who is verified by one is gossiped to the others");
    cluster_destroy(cluster);
}

/* One dies on the other side just before the meeting: they still hold it ALIVE. */
Test(hearsay, the_dead_of_the_other_side_are_not_taken_for_alive) {
    struct cluster *cluster = forgotten_halves(701, 12);
    cluster_kill(cluster, 9);
    cluster_reset_counts(cluster);
    cut(cluster, 6, 12, 0);
    cluster_run(cluster, 60 * NS_PER_S);
    for (uint32_t i = 0; i < 6; i++) {
        cr_assert_null(cluster_look(cluster, i, 9), "node %u", i);
        cr_assert_eq(cluster_counters(cluster, i).alive, 11);
    }
    cluster_destroy(cluster);
}

static struct cluster *of_a_stranger(uint64_t seed, uint64_t age_ns) {
    struct cluster *cluster = cluster_create(seed);
    cluster->settings.tombstone_ns = 60 * NS_PER_S;
    cluster_form(cluster, 3);
    cluster_run(cluster, age_ns);
    cluster_start(cluster, 20, 0, 1000000);
    cluster_start(cluster, 21, 0, 1000000);
    return cluster;
}

static void tell_records(struct cluster *cluster, uint32_t to, uint32_t from, uint32_t subject) {
    const struct member *speaker = membership_member(cluster->nodes[from].membership, 0);
    uint8_t message[1448];
    struct bytes_writer writer = bytes_writer_of(message, sizeof message);
    struct message_head head = {MESSAGE_RECORDS, speaker->record->name_hash,
                                member_generation(speaker)};
    struct wire_records records = {.flags = RECORDS_LAST, .count = 1};
    struct update update = merge_update_of(cluster->nodes[subject].membership, 0, true);
    message_head_put(&writer, &head);
    wire_records_put(&writer, &records);
    wire_update_put(&writer, &update);
    cluster_inject(cluster, to, from, message, bytes_written(&writer));
}

Test(hearsay, only_the_word_of_strangers_about_others_has_to_wait) {
    struct cluster *cluster = of_a_stranger(702, 100 * NS_PER_S);
    tell_records(cluster, 0, 20, 21);
    cr_assert_null(cluster_look(cluster, 0, 21));
    cluster_run(cluster, NS_PER_S / 10);
    cr_assert_not_null(cluster_look(cluster, 0, 21), "it answered for itself");
    cr_assert_not_null(cluster_look(cluster, 1, 21), "and is passed on");
    tell_records(cluster, 0, 20, 20);
    cr_assert_not_null(cluster_look(cluster, 0, 20), "of itself: at once");
    cluster_destroy(cluster);

    cluster = of_a_stranger(703, 10 * NS_PER_S);
    tell_records(cluster, 0, 20, 21);
    cr_assert_not_null(cluster_look(cluster, 0, 21), "a young node has forgotten nobody");
    cluster_destroy(cluster);

    cluster = of_a_stranger(704, 100 * NS_PER_S);
    tell_records(cluster, 0, 1, 21);
    cr_assert_not_null(cluster_look(cluster, 0, 21), "a member is no stranger");
    cluster_destroy(cluster);
}

Test(hearsay, who_does_not_answer_is_given_up_and_the_table_is_bounded) {
    struct cluster *cluster = of_a_stranger(705, 100 * NS_PER_S);
    cluster_kill(cluster, 21);
    for (uint32_t i = 30; i < 30 + HEARSAY_MAX + 10; i++) {
        cluster_start(cluster, i, 0, 1000000);
        tell_records(cluster, 0, 20, i);
        cluster_kill(cluster, i);
    }
    struct hearsay *hearsay = &cluster->nodes[0].membership->hearsay;
    cr_assert_eq(hearsay->count, HEARSAY_MAX);
    cluster->nodes[0].is_dirty = true;
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_eq(hearsay->count, 0);
    cr_assert_eq(hearsay->next_ns, TIME_NEVER);
    cr_assert_eq(cluster_counters(cluster, 0).alive, 3);
    cluster_destroy(cluster);
}

/* Declared dead on one side only: the other side's table says so, the dead one is told, refutes,
 * and is known to all. */
Test(hearsay, the_buried_are_told_before_the_merge_completes) {
    struct cluster *cluster = cluster_create(706);
    cluster_form(cluster, 6);
    cluster->nodes[5].side = 1;
    cluster->probes = true;
    cluster_run(cluster, 60 * NS_PER_S);
    cr_assert_eq(cluster_look(cluster, 0, 5)->status, HENGE_DEAD);
    uint32_t version = cluster->nodes[5].version;
    cluster->probes = false;
    cluster->nodes[5].side = 0;
    cluster_reset_counts(cluster);
    tell_records(cluster, 0, 5, 5);
    cr_assert_eq(cluster->nodes[0].packets_by_type[MESSAGE_GOSSIP_REPLY], 1);
    cluster_run(cluster, NS_PER_S);
    cr_assert_gt(cluster->nodes[5].version, version);
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_eq(cluster_look(cluster, i, 5)->status, HENGE_ALIVE);
    cluster_destroy(cluster);
}
