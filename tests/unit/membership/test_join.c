/* Stories of joining: sizes, snapshots by stream, restarts, refusals. */
#include "core/base/bytes.h"
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <string.h>

static void form(uint32_t count, uint64_t seed) {
    struct cluster *cluster = cluster_create(seed);
    for (uint32_t i = 0; i < count; i++) {
        cluster_start(cluster, i, 0, 1000000 + i);
        if (i > 0)
            cluster_join(cluster, i, 0);
    }
    cr_assert(cluster_run_until(cluster, 20 * NS_PER_S, cluster_all_joined));
    cluster->probes = true;
    cr_assert(cluster_run_until(cluster, 20 * NS_PER_S, cluster_agrees));
    for (uint32_t i = 1; i < count; i++)
        cr_assert_eq(membership_join_state(cluster->nodes[i].membership), JOIN_DONE);
    cr_assert_eq(cluster_counters(cluster, count - 1).alive, count);
    cluster_destroy(cluster);
}

Test(join, two_nodes) {
    form(2, 1);
}

Test(join, five_nodes_at_once) {
    form(5, 2);
}

Test(join, fifty_nodes_at_once_through_one_seed) {
    form(50, 3);
}

Test(join, fifty_nodes_at_once_with_loss) {
    struct cluster *cluster = cluster_create(4);
    cluster->loss_permille = 200;
    cluster->probes = true;
    for (uint32_t i = 0; i < 50; i++) {
        cluster_start(cluster, i, 0, 1000000);
        if (i > 0)
            cluster_join(cluster, i, 0);
    }
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, cluster_agrees));
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, cluster_all_joined));
    cluster_destroy(cluster);
}

Test(join, a_late_joiner_has_the_whole_snapshot_when_done) {
    struct cluster *cluster = cluster_create(5);
    cluster_form(cluster, 40);
    cluster_reset_counts(cluster);
    cluster_start(cluster, 40, 0, 2000000);
    cluster_join(cluster, 40, 7);
    cr_assert(cluster_run_until(cluster, 3 * NS_PER_S, cluster_all_joined));
    cr_assert_eq(cluster_counters(cluster, 40).alive, 41);
    cr_assert_eq(cluster->nodes[40].streams, 1, "too large for a datagram: by stream");
    /* What came by snapshot is not gossiped on: the joiner spoke of nobody yet. */
    cr_assert_eq(cluster_counters(cluster, 40).updates_sent, 0);
    cr_assert(cluster_run_until(cluster, 3 * NS_PER_S, cluster_agrees));
    cluster_destroy(cluster);
}

Test(join, one_snapshot_serves_joiners_of_the_same_moment) {
    struct cluster *cluster = cluster_create(6);
    cluster_form(cluster, 40);
    for (uint32_t i = 40; i < 43; i++) {
        cluster_start(cluster, i, 0, 2000000);
        cluster_join(cluster, i, 0);
        cluster_run(cluster, NS_PER_S); /* the gossip about this one is over */
    }
    cr_assert(cluster_run_until(cluster, 3 * NS_PER_S, cluster_all_joined));
    const struct membership *seed = cluster->nodes[0].membership;
    uint32_t scripts = 0;
    for (size_t i = 0; i < SCRIPTS_MAX; i++)
        scripts += seed->scripts.entries[i] != NULL;
    cr_assert_eq(scripts, 1, "one buffer for the three");
    cr_assert_lt(seed->scripts.shared_changes, seed->table.changes);
    cr_assert(cluster_run_until(cluster, 3 * NS_PER_S, cluster_agrees),
              "what changed after the snapshot was made has to follow");
    cluster_run(cluster, 6 * NS_PER_S);
    cr_assert_null(seed->scripts.entries[0], "freed after five seconds");
    cluster_destroy(cluster);
}

Test(join, is_retried_until_the_seed_is_there) {
    struct cluster *cluster = cluster_create(7);
    cluster_start(cluster, 1, 0, 1000);
    cluster_join(cluster, 1, 0);
    cluster_run(cluster, 5 * NS_PER_S);
    cr_assert_eq(membership_join_state(cluster->nodes[1].membership), JOIN_UNDER_WAY);
    cr_assert_geq(cluster->nodes[1].packets_by_type[MESSAGE_JOIN], 5);
    cr_assert_leq(cluster->nodes[1].packets_by_type[MESSAGE_JOIN], 7);
    cluster_start(cluster, 0, 0, 1000);
    cr_assert(cluster_run_until(cluster, 2 * NS_PER_S, cluster_all_joined));
    cluster_destroy(cluster);
}

Test(join, a_dead_seed_beside_a_live_one_costs_nothing) {
    struct cluster *cluster = cluster_create(8);
    cluster_form(cluster, 3);
    struct henge_address seeds[] = {cluster_address(90), cluster_address(91), cluster_address(2)};
    cluster_start(cluster, 5, 0, 1000);
    membership_join(cluster->nodes[5].membership, seeds, 3, cluster->now_ns);
    cr_assert(cluster_run_until(cluster, NS_PER_S / 2, cluster_all_joined));
    cluster_destroy(cluster);
}

Test(join, a_node_cannot_join_itself) {
    struct cluster *cluster = cluster_create(9);
    cluster_start(cluster, 0, 0, 1000);
    cluster_join(cluster, 0, 0);
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_eq(membership_join_state(cluster->nodes[0].membership), JOIN_UNDER_WAY);
    cr_assert_eq(cluster_counters(cluster, 0).alive, 1);
    cluster_destroy(cluster);
}

static uint8_t captured[1448];
static size_t captured_bytes;

static bool capture_join(struct cluster *cluster, uint32_t from, uint32_t to, uint8_t *message,
                         size_t bytes) {
    (void)cluster;
    (void)from;
    (void)to;
    if (message[0] == MESSAGE_JOIN) {
        memcpy(captured, message, bytes);
        captured_bytes = bytes;
    }
    return true;
}

Test(join, its_own_join_coming_back_is_ignored) {
    struct cluster *cluster = cluster_create(10);
    cluster->filter = capture_join;
    cluster_start(cluster, 0, 0, 1000);
    cluster_start(cluster, 1, 0, 1000);
    cluster_join(cluster, 1, 0);
    cluster_run(cluster, NS_PER_S);
    cr_assert_gt(captured_bytes, 0);
    cluster_reset_counts(cluster);
    cluster_inject(cluster, 1, 0, captured, captured_bytes);
    cr_assert_eq(cluster->nodes[1].packets, 0, "no reply to ourselves through another interface");
    cluster_inject(cluster, 0, 1, captured, captured_bytes);
    cr_assert_eq(cluster->nodes[0].packets, 1, "the same bytes are good for anybody else");
    cluster_destroy(cluster);
}

Test(join, different_ring_parameters_are_refused_with_a_reason) {
    struct cluster *cluster = cluster_create(11);
    cluster_form(cluster, 3);
    cluster->settings.ring_parameters = 78;
    cluster_start(cluster, 5, 0, 1000);
    cluster_join(cluster, 5, 0);
    cluster_run(cluster, 2 * NS_PER_S);
    struct membership *stranger = cluster->nodes[5].membership;
    cr_assert_eq(membership_join_state(stranger), JOIN_REFUSED);
    cr_assert_not_null(strstr(membership_join_reason(stranger), "ring parameters differ"));
    cr_assert_null(cluster_look(cluster, 0, 5), "it must not be admitted either");
    cluster_destroy(cluster);
}

Test(join, a_full_table_refuses_and_stays_whole) {
    struct cluster *cluster = cluster_create(12);
    cluster->settings.members_max = 4;
    cluster_form(cluster, 4);
    cluster_start(cluster, 5, 0, 1000);
    cluster_join(cluster, 5, 0);
    cluster_run(cluster, 2 * NS_PER_S);
    cr_assert_eq(membership_join_state(cluster->nodes[5].membership), JOIN_REFUSED);
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(cluster_counters(cluster, i).alive, 4);
        cr_assert_null(cluster_look(cluster, i, 5));
    }
    cr_assert_gt(cluster_counters(cluster, 0).updates_refused, 0);
    cluster_destroy(cluster);
}

static bool is_back(struct cluster *cluster) {
    return cluster_agrees(cluster);
}

Test(join, a_restart_is_a_higher_generation_everywhere) {
    struct cluster *cluster = cluster_create(13);
    cluster_form(cluster, 10);
    uint64_t before = member_generation(cluster_look(cluster, 0, 4));
    cluster_kill(cluster, 4);
    cluster_run(cluster, NS_PER_S);
    cluster_start(cluster, 4, 0, 5000000);
    cluster_join(cluster, 4, 0);
    cr_assert(cluster_run_until(cluster, 2 * NS_PER_S, is_back));
    for (uint32_t i = 0; i < 10; i++)
        cr_assert_gt(member_generation(cluster_look(cluster, i, 4)), before);
    cr_assert_eq(cluster->nodes[4].generation_calls, 0, "its clock was right at once");
    cluster_destroy(cluster);
}

Test(join, a_restart_with_a_clock_gone_back_surpasses_what_is_held) {
    struct cluster *cluster = cluster_create(14);
    cluster_form(cluster, 10);
    uint64_t before = member_generation(cluster_look(cluster, 0, 4));
    cluster_kill(cluster, 4);
    cluster_start(cluster, 4, 0, 10);
    cr_assert_lt(cluster->nodes[4].generation, before);
    cluster_join(cluster, 4, 0);
    cr_assert(cluster_run_until(cluster, 2 * NS_PER_S, cluster_all_joined));
    cr_assert_eq(member_generation(cluster_look(cluster, 0, 4)), before + 1,
                 "joined means that the seed has the generation that will last");
    cr_assert(cluster_run_until(cluster, 2 * NS_PER_S, is_back));
    cr_assert_eq(member_generation(cluster_look(cluster, 3, 4)), before + 1);
    cr_assert_geq(cluster->nodes[4].generation_calls, 1);
    cr_assert_eq(cluster->nodes[4].generation, before + 1);
    cluster_destroy(cluster);
}

static bool four_is_dead(struct cluster *cluster) {
    for (uint32_t i = 0; i < 4; i++) {
        const struct member *member = cluster_look(cluster, i, 4);
        if (member == NULL || member->status != HENGE_DEAD)
            return false;
    }
    return true;
}

static bool four_is_forgotten(struct cluster *cluster) {
    for (uint32_t i = 0; i < 4; i++)
        if (cluster_look(cluster, i, 4) != NULL)
            return false;
    return true;
}

Test(join, the_reply_tells_the_joiner_of_its_tombstone) {
    struct cluster *cluster = cluster_create(15);
    cluster_form(cluster, 5);
    cluster->probes = true;
    uint64_t before = member_generation(cluster_look(cluster, 0, 4));
    cluster_kill(cluster, 4);
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, four_is_dead));
    cr_assert(cluster_run_until(cluster, 300 * NS_PER_S, four_is_forgotten));
    cluster_start(cluster, 4, 0, 10); /* older than its own tombstone */
    cluster_join(cluster, 4, 0);
    cr_assert(cluster_run_until(cluster, 2 * NS_PER_S, is_back));
    cr_assert_gt(cluster->nodes[4].generation, before);
    cluster_destroy(cluster);
}

Test(join, a_restart_at_another_address_replaces_the_old_incarnation) {
    struct cluster *cluster = cluster_create(16);
    cluster_form(cluster, 6);
    cluster_kill(cluster, 4);
    cluster->nodes[4].address = cluster_address(99);
    cluster_start(cluster, 4, 0, 5000000);
    cluster_join(cluster, 4, 0);
    cr_assert(cluster_run_until(cluster, 2 * NS_PER_S, is_back));
    for (uint32_t i = 0; i < 6; i++) {
        struct henge_address address = cluster_look(cluster, i, 4)->record->address;
        cr_assert_eq(memcmp(&address, &cluster->nodes[4].address, sizeof address), 0);
    }
    cluster_destroy(cluster);
}

Test(join, works_where_no_stream_is_to_be_had_later) {
    struct cluster *cluster = cluster_create(17);
    cluster_form(cluster, 30);
    cluster->streams_refused = true;
    cluster_start(cluster, 30, 0, 5000000);
    cluster_join(cluster, 30, 0);
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_eq(membership_join_state(cluster->nodes[30].membership), JOIN_UNDER_WAY);
    cluster->streams_refused = false;
    cr_assert(cluster_run_until(cluster, 3 * NS_PER_S, cluster_all_joined));
    cr_assert_eq(cluster_counters(cluster, 30).alive, 31);
    cluster_destroy(cluster);
}
