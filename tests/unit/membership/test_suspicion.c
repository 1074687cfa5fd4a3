/* Stories of suspicion: who accuses, how long it takes, and how it ends. */
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>

#define TENTH (NS_PER_S / 10)

static void fail_probe(struct cluster *cluster, uint32_t at, uint32_t subject) {
    struct membership *membership = cluster->nodes[at].membership;
    const struct member *member = cluster_look(cluster, at, subject);
    membership_probe_failed(membership, cluster_slot(cluster, at, subject),
                            member_generation(member), member->version, cluster->now_ns);
    cluster->nodes[at].is_dirty = true;
}

static uint8_t status_at(const struct cluster *cluster, uint32_t at, uint32_t subject) {
    const struct member *member = cluster_look(cluster, at, subject);
    cr_assert_not_null(member);
    return member->status;
}

static uint32_t accusers_at(const struct cluster *cluster, uint32_t at, uint32_t subject) {
    const struct membership *membership = cluster->nodes[at].membership;
    uint32_t id = table_suspicion(&membership->table, cluster_slot(cluster, at, subject));
    return id == NO_SLOT ? 0 : membership->suspicions.entries[id].accusers_count;
}

static uint64_t min_ns(const struct cluster *cluster) {
    return membership_suspicion_min_ns(cluster->nodes[0].membership);
}

Test(suspicion, formula_goes_from_max_to_min) {
    cr_assert_eq(suspicion_timeout_ns(0, 3, 1000, 6000), 6000, "a lone accuser waits longest");
    cr_assert_eq(suspicion_timeout_ns(3, 3, 1000, 6000), 1000);
    cr_assert_eq(suspicion_timeout_ns(9, 3, 1000, 6000), 1000);
    cr_assert_eq(suspicion_timeout_ns(0, 0, 1000, 6000), 1000, "nobody could confirm");
    /* One of three: max - (max - min) ln 2 / ln 4 = the middle. */
    uint64_t middle = suspicion_timeout_ns(1, 3, 1000, 6000);
    cr_assert(middle >= 3499 && middle <= 3501);
    cr_assert_lt(suspicion_timeout_ns(2, 3, 1000, 6000), middle);
}

Test(suspicion, min_covers_the_way_of_an_accusation_and_back) {
    struct cluster *cluster = cluster_create(20);
    cluster_form(cluster, 5);
    const struct membership *membership = cluster->nodes[0].membership;
    uint64_t bound_ns = membership_dissemination_bound_ns(membership);
    cr_assert_geq(min_ns(cluster), 3 * NS_PER_S);
    cr_assert_geq(min_ns(cluster), 2 * bound_ns + NS_PER_S);
    cluster_destroy(cluster);
}

Test(suspicion, lone_accuser_not_dead_before_dead_after) {
    struct cluster *cluster = cluster_create(21);
    cluster_form(cluster, 5);
    cluster_kill(cluster, 4);
    uint64_t max_ns = 6 * min_ns(cluster);
    fail_probe(cluster, 0, 4);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_SUSPECT);
    cluster_run(cluster, max_ns - TENTH);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(status_at(cluster, i, 4), HENGE_SUSPECT);
    cluster_run(cluster, 2 * TENTH);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(status_at(cluster, i, 4), HENGE_DEAD);
    cr_assert_eq(cluster_counters(cluster, 0).accusations, 1);
    cr_assert_eq(cluster_counters(cluster, 1).accusations, 0,
                 "hearsay is no accusation of one's own");
    cr_assert_eq(cluster_counters(cluster, 0).alive, 4);
    cr_assert_eq(cluster_counters(cluster, 0).dead, 1);
    cluster_destroy(cluster);
}

Test(suspicion, confirmations_shorten_to_min) {
    struct cluster *cluster = cluster_create(22);
    cluster_form(cluster, 5);
    cluster_kill(cluster, 4);
    uint64_t shortest_ns = min_ns(cluster);
    for (uint32_t i = 0; i < 4; i++)
        fail_probe(cluster, i, 4);
    cluster_run(cluster, shortest_ns - TENTH);
    cr_assert_eq(accusers_at(cluster, 2, 4), 4);
    cr_assert_eq(status_at(cluster, 2, 4), HENGE_SUSPECT);
    cluster_run(cluster, 2 * TENTH);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(status_at(cluster, i, 4), HENGE_DEAD);
    cluster_destroy(cluster);
}

Test(suspicion, a_second_accuser_is_news_and_travels) {
    struct cluster *cluster = cluster_create(23);
    cluster_form(cluster, 12);
    cluster_kill(cluster, 4);
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, 2 * NS_PER_S);
    cr_assert_eq(accusers_at(cluster, 9, 4), 1);
    fail_probe(cluster, 1, 4);
    cluster_run(cluster, 2 * NS_PER_S);
    uint32_t know = 0;
    for (uint32_t i = 0; i < 12; i++)
        know += i != 4 && accusers_at(cluster, i, 4) == 2;
    cr_assert_geq(know, 10, "one wave");
    cluster_destroy(cluster);
}

Test(suspicion, of_two_nodes_the_other_needs_no_confirmation) {
    struct cluster *cluster = cluster_create(24);
    cluster_form(cluster, 2);
    cluster_kill(cluster, 1);
    uint64_t shortest_ns = min_ns(cluster);
    fail_probe(cluster, 0, 1);
    cluster_run(cluster, shortest_ns - TENTH);
    cr_assert_eq(status_at(cluster, 0, 1), HENGE_SUSPECT);
    cluster_run(cluster, 2 * TENTH);
    cr_assert_eq(status_at(cluster, 0, 1), HENGE_DEAD);
    cluster_destroy(cluster);
}

Test(suspicion, is_refuted_by_its_victim) {
    struct cluster *cluster = cluster_create(25);
    cluster_form(cluster, 20);
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, 3 * NS_PER_S);
    for (uint32_t i = 0; i < 20; i++) {
        cr_assert_eq(status_at(cluster, i, 4), HENGE_ALIVE);
        cr_assert_eq(cluster_look(cluster, i, 4)->version, 1);
    }
    cr_assert_eq(cluster->nodes[4].version, 1, "once is enough");
    cluster_run(cluster, 60 * NS_PER_S);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_ALIVE, "the suspicion has ended");
    cr_assert_not(membership_is_suspecting(cluster->nodes[0].membership));
    cluster_destroy(cluster);
}

Test(suspicion, an_accusation_that_finds_no_room_is_passed_on_later) {
    struct cluster *cluster = cluster_create(26);
    cluster_form(cluster, 5);
    cluster->nodes[4].accused_refused = true;
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, NS_PER_S);
    cr_assert_gt(cluster->nodes[4].accused_calls, 10, "asked again and again");
    cr_assert_lt(cluster->nodes[4].accused_calls, 200, "but without spinning");
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_SUSPECT);
    cluster->nodes[4].accused_refused = false;
    cluster_run(cluster, 2 * NS_PER_S);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_ALIVE);
    cluster_destroy(cluster);
}

Test(suspicion, a_suspected_accuser_counts_for_nothing) {
    struct cluster *cluster = cluster_create(27);
    cluster_form(cluster, 6);
    uint64_t max_ns = 6 * min_ns(cluster);
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, NS_PER_S / 2);
    cluster_kill(cluster, 4); /* it refuted once; now it is really gone */
    cr_assert_eq(status_at(cluster, 2, 4), HENGE_ALIVE);
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, NS_PER_S);
    cluster_kill(cluster, 0);
    fail_probe(cluster, 1, 0);
    cluster_run(cluster, max_ns + NS_PER_S);
    cr_assert_eq(status_at(cluster, 2, 0), HENGE_DEAD);
    cr_assert_eq(status_at(cluster, 2, 4), HENGE_SUSPECT);
    fail_probe(cluster, 3, 4);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(status_at(cluster, 2, 4), HENGE_DEAD, "one who counts suffices, its time is over");
    cluster_destroy(cluster);
}

Test(suspicion, at_most_two_accusations_per_period) {
    struct cluster *cluster = cluster_create(28);
    cluster_form(cluster, 8);
    for (uint32_t i = 4; i < 8; i++) {
        cluster_kill(cluster, i);
        fail_probe(cluster, 0, i);
    }
    cr_assert_eq(cluster_counters(cluster, 0).accusations, 2);
    cr_assert_eq(cluster_counters(cluster, 0).suspect, 2);
    cluster_run(cluster, NS_PER_S);
    fail_probe(cluster, 0, 7);
    cr_assert_eq(cluster_counters(cluster, 0).accusations, 3);
    cluster_destroy(cluster);
}

Test(suspicion, no_verdict_before_the_receive_horizon) {
    struct cluster *cluster = cluster_create(29);
    cluster_form(cluster, 5);
    uint64_t max_ns = 6 * min_ns(cluster);
    cluster->horizon_lag_ns = 10 * NS_PER_S;
    cluster_kill(cluster, 4);
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, max_ns - TENTH);
    cr_assert_not(membership_wants_horizon(cluster->nodes[0].membership));
    cluster_reset_counts(cluster);
    cluster_run(cluster, 5 * NS_PER_S);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_SUSPECT);
    cr_assert(membership_wants_horizon(cluster->nodes[0].membership));
    cr_assert_lt(cluster->nodes[0].steps, 600, "waiting for the horizon is no busy loop");
    cluster->horizon_lag_ns = 0;
    cluster_run(cluster, TENTH);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_DEAD);
    cr_assert_not(membership_wants_horizon(cluster->nodes[0].membership));
    cluster_destroy(cluster);
}

Test(suspicion, a_refutation_behind_the_horizon_wins) {
    struct cluster *cluster = cluster_create(30);
    cluster_form(cluster, 5);
    uint64_t max_ns = 6 * min_ns(cluster);
    cluster->horizon_lag_ns = 10 * NS_PER_S;
    cluster_kill(cluster, 4);
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, max_ns + NS_PER_S);
    struct membership *membership = cluster->nodes[0].membership;
    uint32_t slot = cluster_slot(cluster, 0, 4);
    uint64_t generation = member_generation(membership_member(membership, slot));
    membership_peer_alive(membership, slot, generation, 1, cluster->now_ns);
    cluster->horizon_lag_ns = 0;
    cluster_run(cluster, 2 * max_ns);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_ALIVE);
    cluster_destroy(cluster);
}

Test(suspicion, a_pause_moves_the_verdict) {
    struct cluster *cluster = cluster_create(31);
    cluster_form(cluster, 5);
    uint64_t max_ns = 6 * min_ns(cluster);
    cluster_kill(cluster, 4);
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, NS_PER_S);
    for (uint32_t i = 1; i < 4; i++)
        cluster_kill(cluster, i); /* whose verdicts would come by gossip */
    cluster->now_ns += 7 * NS_PER_S;
    membership_paused(cluster->nodes[0].membership, 7 * NS_PER_S, cluster->now_ns);
    cluster_run(cluster, max_ns - NS_PER_S - TENTH);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_SUSPECT);
    cluster_run(cluster, 2 * TENTH);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_DEAD);
    cluster_destroy(cluster);
}

Test(suspicion, stale_findings_of_the_detector_are_ignored) {
    struct cluster *cluster = cluster_create(32);
    cluster_form(cluster, 5);
    struct membership *membership = cluster->nodes[0].membership;
    uint32_t slot = cluster_slot(cluster, 0, 3);
    struct member member = *membership_member(membership, slot);
    uint64_t now_ns = cluster->now_ns;
    membership_peer_alive(membership, slot, member_generation(&member), 3, now_ns);
    cr_assert_eq(membership_member(membership, slot)->version, 3);
    membership_probe_failed(membership, slot, member_generation(&member), 2, now_ns);
    membership_probe_failed(membership, slot, member_generation(&member) + 1, 3, now_ns);
    membership_probe_failed(membership, slot, member_generation(&member) - 1, 3, now_ns);
    membership_probe_failed(membership, 0, cluster->nodes[0].generation, 0, now_ns);
    membership_probe_failed(membership, 4000, member_generation(&member), 3, now_ns);
    membership_not_me(membership, slot, member_generation(&member) - 1, now_ns);
    membership_peer_alive(membership, slot, member_generation(&member), 2, now_ns);
    cr_assert_eq(membership_member(membership, slot)->status, HENGE_ALIVE);
    cr_assert_eq(membership_member(membership, slot)->version, 3);
    cr_assert_eq(cluster_counters(cluster, 0).accusations, 0);
    cluster_destroy(cluster);
}

Test(suspicion, equal_version_does_not_recover_a_higher_one_does) {
    struct cluster *cluster = cluster_create(33);
    cluster_form(cluster, 5);
    cluster_kill(cluster, 4);
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, NS_PER_S);
    struct membership *membership = cluster->nodes[0].membership;
    uint32_t slot = cluster_slot(cluster, 0, 4);
    uint64_t generation = member_generation(membership_member(membership, slot));
    membership_peer_alive(membership, slot, generation, 0, cluster->now_ns);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_SUSPECT);
    membership_peer_alive(membership, slot, generation, 1, cluster->now_ns);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_ALIVE);
    cluster->nodes[0].is_dirty = true;
    cluster_run(cluster, 2 * NS_PER_S);
    cr_assert_eq(status_at(cluster, 2, 4), HENGE_ALIVE, "a recovery is news");
    cluster_destroy(cluster);
}

Test(suspicion, not_me_ends_an_incarnation_at_once_and_everywhere) {
    struct cluster *cluster = cluster_create(34);
    cluster_form(cluster, 6);
    cluster_kill(cluster, 4);
    struct membership *membership = cluster->nodes[0].membership;
    uint32_t slot = cluster_slot(cluster, 0, 4);
    membership_not_me(membership, slot, member_generation(membership_member(membership, slot)),
                      cluster->now_ns);
    cluster->nodes[0].is_dirty = true;
    cluster_run(cluster, NS_PER_S);
    for (uint32_t i = 0; i < 6; i++)
        if (i != 4)
            cr_assert_eq(status_at(cluster, i, 4), HENGE_DEAD);
    cr_assert_eq(cluster_counters(cluster, 0).verdicts, 1);
    cr_assert_eq(cluster_counters(cluster, 1).verdicts, 0);
    cluster_destroy(cluster);
}

Test(suspicion, the_dead_are_forgotten_and_their_slot_is_used_again) {
    struct cluster *cluster = cluster_create(35);
    cluster_form(cluster, 5);
    cluster_kill(cluster, 4);
    uint32_t slot = cluster_slot(cluster, 0, 4);
    cluster->probes = true;
    cluster_run(cluster, 60 * NS_PER_S);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_DEAD);
    uint64_t since_ns = member_status_since_ns(cluster_look(cluster, 0, 4), cluster->now_ns);
    cluster_run(cluster, since_ns + 120 * NS_PER_S - TENTH - cluster->now_ns);
    cr_assert_not_null(cluster_look(cluster, 0, 4));
    cluster_run(cluster, 2 * TENTH);
    cr_assert_null(cluster_look(cluster, 0, 4));
    cr_assert_eq(cluster->nodes[0].membership->tombstones.count, 1);
    cr_assert_eq(cluster_counters(cluster, 0).dead, 0);
    cluster_run(cluster, 10 * NS_PER_S);
    cluster_start(cluster, 9, 0, 5000000);
    cluster_join(cluster, 9, 0);
    cr_assert(cluster_run_until(cluster, 5 * NS_PER_S, cluster_agrees));
    cr_assert_eq(cluster_slot(cluster, 0, 9), slot);
    cluster_destroy(cluster);
}

Test(suspicion, a_crash_is_found_by_probing_alone) {
    struct cluster *cluster = cluster_create(36);
    cluster_form(cluster, 20);
    cluster->probes = true;
    cluster_kill(cluster, 7);
    uint64_t end_ns = cluster->now_ns + 60 * NS_PER_S;
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, cluster_agrees) == false ||
              cluster->now_ns <= end_ns);
    for (uint32_t i = 0; i < 20; i++)
        if (i != 7)
            cr_assert_eq(status_at(cluster, i, 7), HENGE_DEAD);
    for (uint32_t i = 0; i < 20; i++)
        if (i != 7)
            cr_assert_eq(cluster->nodes[i].version, 0, "nobody else was doubted");
    cluster_destroy(cluster);
}
