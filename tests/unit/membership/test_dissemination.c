/* Stories of waves: how fast, to whom, how many; and what the profiles do instead. */
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <string.h>

static uint32_t reached(const struct cluster *cluster, uint32_t count, uint32_t subject,
                        uint16_t weight) {
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < count; i++)
        nodes += cluster_look(cluster, i, subject)->record->weight == weight;
    return nodes;
}

Test(dissemination, the_first_repeat_reaches_all_before_the_tick) {
    struct cluster *cluster = cluster_create(600);
    cluster_form(cluster, 100);
    for (uint16_t weight = 2; weight < 12; weight++) {
        cluster_set_weight(cluster, weight, weight);
        cluster_run(cluster, 70 * NS_PER_MS);
        cr_assert_eq(reached(cluster, 100, weight, weight), 100);
        cluster_run(cluster, NS_PER_S);
    }
    cluster_destroy(cluster);
}

/* Nobody asks, nothing is repaired: gossip alone. 30 updates at 100 nodes. */
Test(dissemination, at_ten_percent_loss_nobody_is_missed) {
    struct cluster *cluster = cluster_create(601);
    cluster_form(cluster, 100);
    uint64_t bound_ns = membership_dissemination_bound_ns(cluster->nodes[0].membership);
    cluster->loss_permille = 100;
    for (uint16_t weight = 2; weight < 32; weight++) {
        cluster_set_weight(cluster, weight, weight);
        cluster_run(cluster, bound_ns);
        cr_assert_eq(reached(cluster, 100, weight, weight), 100);
    }
    cluster_destroy(cluster);
}

/* Every node's successors, as kept, against all members looked at. */
static void check_successors(const struct cluster *cluster, uint32_t number) {
    const struct membership *membership = cluster->nodes[number].membership;
    const struct table *table = &membership->table;
    const struct successors *lists[] = {&membership->targets.near, &membership->targets.far};
    for (size_t i = 0; i < 2; i++)
        for (uint32_t at = 0; at < lists[i]->count; at++) {
            uint32_t nearer = 0, slot = lists[i]->slots[at];
            uint64_t own = table->members[slot].record->name_hash - membership->name_hash;
            for (uint32_t j = 0; j < table->live_count; j++) {
                uint32_t other = table->live[j];
                uint64_t distance = table->members[other].record->name_hash - membership->name_hash;
                nearer += table_is_near(table, other) == (i == 0) && distance < own;
            }
            cr_assert_eq(nearer, at);
            cr_assert_leq(own, lists[i]->farthest);
            cr_assert(own == lists[i]->farthest || at + 1 < lists[i]->count);
            cr_assert_eq(table_is_near(table, slot), i == 0);
        }
}

Test(dissemination, successors_are_kept_through_all_changes) {
    struct cluster *cluster = cluster_create(602);
    cluster->probes = true;
    cluster_form(cluster, 60);
    for (uint32_t round = 0; round < 40; round++) {
        uint32_t number = 1 + (uint32_t)random_below(&cluster->random, 59);
        if (cluster->nodes[number].membership == NULL) {
            cluster_start(cluster, number, 0, 2000000 + round * 10000);
            cluster_join(cluster, number, 0);
        } else {
            cluster_kill(cluster, number);
        }
        cluster_set_weight(cluster, 0, (uint16_t)round);
        cluster_run(cluster, 4 * NS_PER_S);
        for (uint32_t i = 0; i < 60; i++)
            if (cluster->nodes[i].membership != NULL)
                check_successors(cluster, i);
    }
    cluster_destroy(cluster);
}

/* Zones. The filter counts who tells whom. */
static uint32_t within, across;

static bool count_zones(struct cluster *cluster, uint32_t from, uint32_t to, uint8_t *message,
                        size_t bytes) {
    (void)bytes;
    if (message[0] == MESSAGE_GOSSIP && to < CLUSTER_NODES_MAX) {
        bool is_same = (from % cluster->zone_every == 0) == (to % cluster->zone_every == 0);
        within += is_same;
        across += !is_same;
    }
    return true;
}

static void count_update(struct cluster *cluster, uint32_t subject) {
    cluster->filter = count_zones;
    within = across = 0;
    cluster_set_weight(cluster, subject, 9);
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_eq(reached(cluster, 100, subject, 9), 100);
    cluster->filter = NULL;
}

Test(dissemination, a_quarter_of_the_copies_leaves_the_zone) {
    struct cluster *cluster = cluster_create(603);
    cluster_form(cluster, 100);
    count_update(cluster, 8);
    cr_assert_gt(across, (within + across) / 5);
    cr_assert_lt(across, (within + across) / 3);
    cluster_destroy(cluster);
}

Test(dissemination, a_large_zone_does_not_drown_a_small_one) {
    struct cluster *cluster = cluster_create(604);
    cluster->zone_every = 25; /* four of a hundred nodes */
    cluster_form(cluster, 100);
    count_update(cluster, 8);
    /* At random 10.4 copies of 96 nodes would send 4 % there; a quarter would be 250. */
    cr_assert_gt(across, 20);
    cr_assert_lt(across, 120);
    count_update(cluster, 25);
    cluster_destroy(cluster);
}

Test(dissemination, one_alone_in_its_zone_tells_and_is_told) {
    struct cluster *cluster = cluster_create(605);
    cluster->zone_every = 200; /* only number 0 */
    cluster_form(cluster, 100);
    count_update(cluster, 0);
    count_update(cluster, 50);
    cluster_destroy(cluster);
}

Test(dissemination, whoever_changes_its_zone_is_counted_there) {
    struct cluster *cluster = cluster_create(606);
    cluster_form(cluster, 20);
    struct membership *membership = cluster->nodes[3].membership;
    struct record_fields fields;
    record_fields_of(membership_member(membership, 0)->record, &fields);
    cr_assert_eq(membership->table.near_count, 9);
    fields.zone = "zone-a";
    cr_assert_eq(membership_set_payload(membership, &fields, cluster->now_ns), HENGE_OK);
    cr_assert_eq(membership->table.near_count, 10);
    cluster->nodes[3].is_dirty = true;
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(cluster->nodes[4].membership->table.near_count, 10);
    cr_assert_eq(cluster->nodes[5].membership->table.near_count, 8);
    for (uint32_t i = 0; i < 20; i++)
        check_successors(cluster, i);
    cluster_destroy(cluster);
}

/* More to repeat than four packets. */
Test(dissemination, a_backlog_becomes_a_sync) {
    struct cluster *cluster = cluster_create(607);
    cluster_form(cluster, 100);
    cluster_run(cluster, 2 * NS_PER_S); /* the last SYNC is a second ago */
    cluster_reset_counts(cluster);
    uint64_t before = cluster_counters(cluster, 0).syncs_started;
    for (uint32_t i = 1; i < 90; i++)
        cluster_set_weight(cluster, i, 9);
    cluster_run(cluster, 50 * NS_PER_MS);
    cr_assert_gt(cluster_counters(cluster, 0).syncs_started, before);
    cr_assert(cluster_run_until(cluster, 20 * NS_PER_S, cluster_agrees));
    cluster_destroy(cluster);
}

static uint32_t to_the_dead;

static bool count_dead(struct cluster *cluster, uint32_t from, uint32_t to, uint8_t *message,
                       size_t bytes) {
    (void)from;
    (void)bytes;
    to_the_dead += message[0] == MESSAGE_GOSSIP && cluster->nodes[to].membership == NULL;
    return true;
}

Test(dissemination, the_dead_are_told_now_and_then) {
    struct cluster *cluster = cluster_create(608);
    cluster_form(cluster, 10);
    for (uint32_t i = 6; i < 10; i++) {
        cluster_kill(cluster, i);
        struct membership *membership = cluster->nodes[0].membership;
        uint32_t slot = cluster_slot(cluster, 0, i);
        membership_not_me(membership, slot, member_generation(membership_member(membership, slot)),
                          cluster->now_ns);
    }
    cluster->nodes[0].is_dirty = true;
    cluster_run(cluster, 2 * NS_PER_S);
    cluster->filter = count_dead;
    to_the_dead = 0;
    for (uint32_t i = 0; i < 50; i++) {
        cluster_set_weight(cluster, 3, (uint16_t)i);
        cluster_run(cluster, 100 * NS_PER_MS);
    }
    cr_assert_gt(to_the_dead, 10);
    cr_assert_leq(to_the_dead, 6 * 6, "each of six nodes once a period, in five periods");
    cluster_destroy(cluster);
}

Test(dissemination, status_leaves_room_for_payloads) {
    struct cluster *cluster = cluster_create(609);
    cluster_form(cluster, 100);
    struct membership *membership = cluster->nodes[0].membership;
    for (uint32_t slot = 1; slot < 80; slot++)
        membership_not_me(membership, slot, member_generation(membership_member(membership, slot)),
                          cluster->now_ns);
    uint32_t slot = membership_slots(membership) - 1;
    struct merge_result news = {.outcome = MERGE_NEWS, .slot = slot, .payload_news = true};
    gossip_news(membership, &news);
    cr_assert_eq(gossip_entry_of(membership, slot)->class, GOSSIP_PAYLOAD);
    cluster->loss_permille = 1000;
    cluster->nodes[0].is_dirty = true;
    cluster->settings.packets_burst = 1;
    membership->gossip.bucket = token_bucket_of(1, 1); /* one packet, to one member */
    cluster_run(cluster, 6 * NS_PER_MS);
    cr_assert_eq(gossip_entry_of(membership, slot)->transmissions, 1,
                 "79 verdicts of 24 bytes would have filled the packet");
    cluster_destroy(cluster);
}

/* A crash that all have been told of costs few copies: all judge by themselves. */
Test(dissemination, what_all_find_out_is_not_told_all) {
    struct cluster *cluster = cluster_create(612);
    cluster_form(cluster, 100);
    cluster_run(cluster, 10 * NS_PER_S);
    cluster_kill(cluster, 7);
    uint64_t before = 0, after = 0;
    for (uint32_t i = 0; i < 100; i++)
        before += i == 7 ? 0 : cluster_counters(cluster, i).updates_sent;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t slot = cluster_slot(cluster, i, 7);
        membership_probe_failed(cluster->nodes[i].membership, slot,
                                member_generation(cluster_look(cluster, i, 7)), 0, cluster->now_ns);
        cluster->nodes[i].is_dirty = true;
    }
    cluster_run(cluster, 6 * NS_PER_S);
    for (uint32_t i = 0; i < 100; i++) {
        if (i == 7)
            continue;
        cr_assert_eq(cluster_look(cluster, i, 7)->status, HENGE_DEAD);
        after += cluster_counters(cluster, i).updates_sent;
    }
    cr_assert_lt(after - before, 99 * 18, "accusation 8, confirmations 4, verdict 4 and a few");
    cr_assert_gt(after - before, 99 * 8);
    cluster_destroy(cluster);
}

/* The profiles. */

Test(dissemination, bound_to_the_timer_news_leaves_on_ticks_only) {
    struct cluster *cluster = cluster_create(610);
    cluster->settings.profile = &profile_lifeguard;
    cluster_form(cluster, 30);
    cluster_run(cluster, 20 * NS_PER_S);
    cluster_reset_counts(cluster);
    uint64_t before = 0, after = 0;
    for (uint32_t i = 0; i < 30; i++)
        before += cluster_counters(cluster, i).updates_sent;
    cluster_set_weight(cluster, 3, 9);
    uint64_t phase_ns = cluster->nodes[3].membership->gossip.tick_phase_ns;
    uint64_t tick_ns = 200 * NS_PER_MS;
    uint64_t wait_ns = tick_ns - (cluster->now_ns - phase_ns) % tick_ns;
    cluster_run(cluster, wait_ns - 1);
    cr_assert_eq(cluster->nodes[3].packets_by_type[MESSAGE_GOSSIP], 0);
    cluster_run(cluster, 1);
    cr_assert_eq(cluster->nodes[3].packets_by_type[MESSAGE_GOSSIP], 3, "the profile's fanout");
    cluster_run(cluster, 10 * NS_PER_S);
    cr_assert_eq(reached(cluster, 30, 3, 9), 30);
    for (uint32_t i = 0; i < 30; i++)
        after += cluster_counters(cluster, i).updates_sent;
    cr_assert_eq(after - before, 30 * 8, "4 * ceil(log10 31)");
    cluster_destroy(cluster);
}

/* A difference that gossip has not spread, and that fingerprints would show at the first ping. */
static uint32_t agree_after(const struct profile *profile, uint64_t *streams_out) {
    struct cluster *cluster = cluster_create(611);
    cluster->settings.profile = profile;
    cluster_form(cluster, 12);
    cluster_run(cluster, 60 * NS_PER_S);
    cluster->loss_permille = 1000;
    cluster_set_weight(cluster, 3, 9);
    cluster_run(cluster, 5 * NS_PER_S);
    cluster->loss_permille = 0;
    cluster->probes = true;
    cluster_reset_counts(cluster);
    uint64_t from_ns = cluster->now_ns;
    cr_assert(cluster_run_until(cluster, 200 * NS_PER_S, cluster_agrees));
    uint64_t took_ns = cluster->now_ns - from_ns;
    *streams_out = 0;
    for (uint32_t i = 0; i < 12; i++)
        *streams_out += cluster->nodes[i].streams;
    cluster_destroy(cluster);
    return (uint32_t)(took_ns / NS_PER_S);
}

Test(dissemination, with_full_sync_only_whole_tables_repair) {
    uint64_t by_difference = 0, by_tables = 0;
    uint32_t quick = agree_after(&profile_henge, &by_difference);
    uint32_t slow = agree_after(&profile_classic, &by_tables);
    cr_assert_eq(by_difference, 0);
    cr_assert_geq(by_tables, 2, "both ways");
    cr_assert_gt(slow, 3 * quick);
}
