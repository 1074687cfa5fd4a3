/* Stories of who may judge: profiles, verification, budgets, freeze. */
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

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

static struct cluster *cluster_of(uint64_t seed, const struct profile *profile, uint32_t count) {
    struct cluster *cluster = cluster_create(seed);
    cluster->settings.profile = profile;
    cluster_form(cluster, count);
    cluster_run(cluster, 5 * NS_PER_S); /* what there is to say of the joins has been said */
    return cluster;
}

/* Profiles. */

Test(verdicts, lifeguard_scales_with_the_size_and_confirmations_shorten) {
    struct cluster *cluster = cluster_of(700, &profile_lifeguard, 20);
    struct membership *membership = cluster->nodes[0].membership;
    uint64_t min_ns = membership_suspicion_min_ns(membership);
    cr_assert_lt(fabs((double)min_ns - 4e9 * log10(20)), 1e3);
    cluster_kill(cluster, 7);
    for (uint32_t i = 0; i < 4; i++)
        fail_probe(cluster, i, 7);
    cluster_run(cluster, min_ns - TENTH);
    cr_assert_eq(status_at(cluster, 0, 7), HENGE_SUSPECT);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(status_at(cluster, 0, 7), HENGE_DEAD);
    cluster_kill(cluster, 8);
    fail_probe(cluster, 0, 8);
    uint64_t max_ns = 6 * membership_suspicion_min_ns(membership);
    cluster_run(cluster, max_ns - TENTH);
    cr_assert_eq(status_at(cluster, 0, 8), HENGE_SUSPECT);
    cluster_run(cluster, 2 * TENTH);
    cr_assert_eq(status_at(cluster, 0, 8), HENGE_DEAD);
    cluster_destroy(cluster);
}

Test(verdicts, classic_waits_the_minimum_and_takes_no_confirmation) {
    struct cluster *cluster = cluster_of(701, &profile_classic, 5);
    struct membership *membership = cluster->nodes[0].membership;
    cr_assert_eq(membership_suspicion_min_ns(membership), 4 * NS_PER_S, "log10 N at least 1");
    cluster_kill(cluster, 4);
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, NS_PER_S);
    fail_probe(cluster, 1, 4);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(accusers_at(cluster, 0, 4), 1);
    cr_assert_eq(accusers_at(cluster, 1, 4), 1, "an equal accusation is no news");
    cluster_run(cluster, 2 * NS_PER_S - TENTH);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_SUSPECT);
    cluster_run(cluster, 2 * TENTH);
    cr_assert_eq(status_at(cluster, 0, 4), HENGE_DEAD);
    cluster_destroy(cluster);
}

Test(verdicts, unweighed_a_suspected_accuser_counts_and_nobody_is_budgeted) {
    struct cluster *cluster = cluster_of(702, &profile_classic, 8);
    for (uint32_t i = 4; i < 8; i++) {
        cluster_kill(cluster, i);
        fail_probe(cluster, 0, i);
    }
    cr_assert_eq(cluster_counters(cluster, 0).accusations, 4);
    cluster_run(cluster, NS_PER_S);
    cluster_kill(cluster, 0);
    fail_probe(cluster, 1, 0);
    cluster_run(cluster, 5 * NS_PER_S);
    for (uint32_t i = 4; i < 8; i++)
        cr_assert_eq(status_at(cluster, 2, i), HENGE_DEAD, "%u", i);
    cluster_destroy(cluster);
}

/* Verification: who is asked, when, and who keeps out. */

static uint32_t asked[CLUSTER_NODES_MAX];
static bool is_asking_refused;

static bool on_verify(void *context, uint32_t slot) {
    struct cluster_node *node = context;
    cr_assert_eq(membership_member(node->membership, slot)->status, HENGE_SUSPECT);
    if (is_asking_refused)
        return false;
    asked[node->number]++;
    return true;
}

static void ask(struct cluster *cluster) {
    memset(asked, 0, sizeof asked);
    is_asking_refused = false;
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
        if (cluster->nodes[i].membership != NULL)
            cluster->nodes[i].membership->observer.on_verify = on_verify;
}

static uint32_t askers(void) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
        cr_assert_leq(asked[i], 1);
        count += asked[i];
    }
    return count;
}

Test(verdicts, six_verify_a_suspicion_at_once) {
    struct cluster *cluster = cluster_of(703, &profile_henge, 60);
    ask(cluster);
    cluster_kill(cluster, 7);
    fail_probe(cluster, 0, 7);
    cluster_run(cluster, TENTH);
    uint32_t count = askers();
    cr_assert_geq(count, VERIFIERS - 1, "the accuser may be one of them");
    cr_assert_leq(count, VERIFIERS);
    for (uint32_t i = 0; i < 60; i++)
        if (asked[i] > 0)
            fail_probe(cluster, i, 7);
    cluster_run(cluster, TENTH);
    uint64_t min_ns = membership_suspicion_min_ns(cluster->nodes[0].membership);
    cluster_run(cluster, min_ns - 3 * TENTH);
    cr_assert_eq(status_at(cluster, 0, 7), HENGE_SUSPECT);
    cr_assert_leq(askers(), VERIFIERS, "a confirmation is not verified again");
    cluster_run(cluster, 5 * TENTH);
    for (uint32_t i = 0; i < 60; i++)
        if (i != 7)
            cr_assert_eq(status_at(cluster, i, 7), HENGE_DEAD, "at the minimum, and a tick");
    cluster_destroy(cluster);
}

Test(verdicts, ten_at_once_are_confirmed_at_once) {
    struct cluster *cluster = cluster_of(704, &profile_henge, 17);
    ask(cluster);
    for (uint32_t i = 7; i < 17; i++)
        cluster_kill(cluster, i);
    for (uint32_t i = 7; i < 17; i++)
        fail_probe(cluster, i % 7, i);
    cluster_run(cluster, TENTH);
    for (uint32_t at = 0; at < 7; at++)
        for (uint32_t i = 7; i < 17; i++)
            if (asked[at] > 0)
                fail_probe(cluster, at, i);
    cluster_run(cluster, 7 * TENTH); /* with the ticks */
    for (uint32_t i = 7; i < 17; i++)
        cr_assert_geq(accusers_at(cluster, 0, i), 3);
    cluster_destroy(cluster);
}

Test(verdicts, in_doubt_oneself_one_verifies_nothing) {
    struct cluster *cluster = cluster_of(705, &profile_henge, 6);
    ask(cluster);
    uint64_t generation = cluster->nodes[2].generation;
    membership_self_version(cluster->nodes[2].membership, generation, 1, cluster->now_ns);
    cluster_kill(cluster, 4);
    fail_probe(cluster, 0, 4);
    cluster_run(cluster, TENTH);
    cr_assert_eq(asked[1], 1);
    cr_assert_eq(asked[2], 0);
    cr_assert_eq(asked[3], 1);
    cluster_kill(cluster, 5);
    cluster_run(cluster, 4 * NS_PER_S);
    cr_assert_eq(asked[2], 1, "well again, and node 4 has found no second accuser");
    fail_probe(cluster, 0, 5);
    cluster_run(cluster, TENTH);
    cr_assert_eq(asked[2], 2);
    cluster_destroy(cluster);
}

Test(verdicts, a_wish_that_finds_no_room_is_passed_on_later) {
    struct cluster *cluster = cluster_of(706, &profile_henge, 6);
    ask(cluster);
    is_asking_refused = true;
    cluster_kill(cluster, 4);
    fail_probe(cluster, 0, 4);
    cluster_reset_counts(cluster);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(askers(), 0);
    cr_assert_lt(cluster->nodes[1].steps, 150, "without spinning");
    is_asking_refused = false;
    cluster_run(cluster, TENTH);
    cr_assert_eq(askers(), 4);
    cluster_destroy(cluster);
}

/* Budgets at the receiver. */

static void accuse(struct cluster *cluster, uint32_t at, uint32_t accuser, uint32_t subject) {
    struct membership *membership = cluster->nodes[at].membership;
    const struct member *member = cluster_look(cluster, at, subject);
    struct update update = {.name_hash = member->record->name_hash,
                            .liveness = {member_generation(member), member->version, HENGE_SUSPECT},
                            .accusers_count = 1,
                            .accusers = {cluster_look(cluster, at, accuser)->record->name_hash}};
    membership->now_ns = cluster->now_ns;
    (void)merge_update(membership, &update, NULL, MERGE_GOSSIP, update.accusers[0]);
}

Test(verdicts, who_accuses_all_counts_for_few) {
    struct cluster *cluster = cluster_of(707, &profile_henge, 20);
    cluster->loss_permille = 1000;
    for (uint32_t i = 2; i < 12; i++)
        accuse(cluster, 0, 1, i);
    uint32_t counted = 0;
    for (uint32_t i = 2; i < 12; i++) {
        cr_assert_eq(status_at(cluster, 0, i), HENGE_SUSPECT);
        counted += accusers_at(cluster, 0, i);
    }
    cr_assert_eq(counted, 4, "two periods' worth");
    cluster_run(cluster, NS_PER_S);
    for (uint32_t i = 12; i < 16; i++)
        accuse(cluster, 0, 1, i);
    for (uint32_t i = 12; i < 16; i++)
        counted += accusers_at(cluster, 0, i);
    cr_assert_eq(counted, 4 + 2, "two in each further one");
    cluster_run(cluster, 100 * NS_PER_S);
    cr_assert_eq(cluster_counters(cluster, 0).dead, 6);
    cluster_destroy(cluster);
}

Test(verdicts, many_accusers_are_watched_in_little_room) {
    struct memory memory;
    struct accuser_budgets budgets = {.memory = &memory};
    memory_init(&memory, NULL);
    for (uint64_t accuser = 1; accuser < 1000; accuser++)
        for (uint32_t i = 0; i < 6; i++)
            cr_assert_eq(accuser_budgets_spend(&budgets, accuser, true, NS_PER_S, NS_PER_S), i < 4);
    cr_assert(accuser_budgets_spend(&budgets, 999, false, NS_PER_S, NS_PER_S));
    cr_assert_eq(budgets.count, ACCUSERS_WATCHED_MAX);
    accuser_budgets_deinit(&budgets);
}

/* Freeze. */

static uint32_t partitions_begun, partitions_ended;

static void on_partitioned(void *context, bool begins) {
    (void)context;
    partitions_begun += begins;
    partitions_ended += !begins;
}

static struct membership *cut_off(struct cluster *cluster, uint32_t number) {
    struct membership *membership = cluster->nodes[number].membership;
    membership->observer.on_partitioned = on_partitioned;
    partitions_begun = partitions_ended = 0;
    cluster->nodes[number].side = 1;
    return membership;
}

/* One probe fails per period. */
static void probes_fail(struct cluster *cluster, uint32_t at, uint32_t from, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        fail_probe(cluster, at, from + i);
        membership_probes(cluster->nodes[at].membership, i + 1, cluster->now_ns);
        cluster_run(cluster, NS_PER_S);
    }
}

Test(verdicts, cut_off_one_judges_nobody_for_a_while) {
    struct cluster *cluster = cluster_of(708, &profile_henge, 12);
    struct membership *membership = cut_off(cluster, 0);
    uint64_t from_ns = cluster->now_ns;
    uint64_t max_ns = 6 * membership_suspicion_min_ns(membership);
    probes_fail(cluster, 0, 1, 8);
    cr_assert_eq(partitions_begun, 1);
    cr_assert(membership_is_partitioned(membership));
    uint64_t frozen_ns = membership->freeze.since_ns;
    cr_assert_leq(frozen_ns, from_ns + 7 * NS_PER_S);
    cluster_run(cluster, frozen_ns + max_ns - TENTH - cluster->now_ns);
    cr_assert(membership->freeze.is_frozen);
    cluster_run(cluster, 2 * TENTH);
    cr_assert_not(membership->freeze.is_frozen);
    cluster_run(cluster, from_ns + 2 * max_ns - TENTH - cluster->now_ns);
    cr_assert_eq(cluster_counters(cluster, 0).dead, 0, "its time does not count");
    cluster_run(cluster, 2 * TENTH);
    cr_assert_gt(cluster_counters(cluster, 0).dead, 0, "then verdicts go on");
    cr_assert_eq(partitions_ended, 0);
    cluster_run(cluster, 20 * NS_PER_S);
    cr_assert_eq(partitions_begun, 1, "once");
    cluster_destroy(cluster);
}

Test(verdicts, back_in_contact_suspicions_lost_no_time) {
    struct cluster *cluster = cluster_of(709, &profile_henge, 12);
    struct membership *membership = cut_off(cluster, 0);
    uint64_t from_ns = cluster->now_ns;
    uint64_t max_ns = 6 * membership_suspicion_min_ns(membership);
    probes_fail(cluster, 0, 1, 8);
    cluster_run(cluster, from_ns + max_ns + NS_PER_S - cluster->now_ns);
    cr_assert_eq(cluster_counters(cluster, 0).dead, 0);
    cluster->nodes[0].side = 0;
    membership_probes(membership, 5, cluster->now_ns);
    membership_peer_fingerprint(membership, 1, 1, 0, cluster->now_ns);
    cluster->nodes[0].is_dirty = true;
    cluster->probes = true;
    cr_assert(cluster_run_until(cluster, 30 * NS_PER_S, cluster_agrees));
    cr_assert_eq(partitions_ended, 1);
    cr_assert_eq(cluster->nodes[0].statuses_seen[HENGE_DEAD], 0);
    cluster_destroy(cluster);
}

Test(verdicts, what_others_accuse_does_not_freeze) {
    struct cluster *cluster = cluster_of(710, &profile_henge, 12);
    struct membership *membership = cut_off(cluster, 0);
    cluster->nodes[0].side = 0;
    cluster->probes = true; /* they are heard */
    for (uint32_t i = 2; i < 10; i++)
        accuse(cluster, 0, i + 1, i);
    membership_probes(membership, 8, cluster->now_ns);
    cluster->nodes[0].is_dirty = true;
    cluster_run(cluster, TENTH);
    cr_assert_eq(partitions_begun, 0);
    fail_probe(cluster, 0, 3);
    cluster_run(cluster, TENTH);
    cr_assert_eq(partitions_begun, 0);
    cluster_destroy(cluster);
}

Test(verdicts, seven_members_are_too_few_and_profiles_do_not_freeze) {
    const struct profile *profiles[] = {&profile_henge, &profile_lifeguard};
    const uint32_t counts[] = {7, 12};
    for (size_t i = 0; i < 2; i++) {
        struct cluster *cluster = cluster_of(711, profiles[i], counts[i]);
        (void)cut_off(cluster, 0);
        probes_fail(cluster, 0, 1, 6);
        cluster_run(cluster, 60 * NS_PER_S);
        cr_assert_eq(partitions_begun, 0);
        cr_assert_eq(cluster_counters(cluster, 0).dead, 6);
        cluster_destroy(cluster);
    }
}
