/* Stories of dissemination: reach, cost, bounds, quiet. */
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static void set_weight(struct cluster *cluster, uint32_t number, uint16_t weight) {
    struct membership *membership = cluster->nodes[number].membership;
    struct record_fields fields;
    record_fields_of(membership_member(membership, 0)->record, &fields);
    fields.weight = weight;
    cr_assert_eq(membership_set_payload(membership, &fields, cluster->now_ns), HENGE_OK);
    cluster->nodes[number].is_dirty = true;
}

static uint32_t reached(const struct cluster *cluster, uint32_t count, uint32_t subject,
                        uint16_t weight) {
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < count; i++)
        nodes += cluster_look(cluster, i, subject)->record->weight == weight;
    return nodes;
}

Test(gossip, news_reaches_all_within_the_bound) {
    struct cluster *cluster = cluster_create(70);
    cluster_form(cluster, 50);
    uint64_t bound_ns = membership_dissemination_bound_ns(cluster->nodes[0].membership);
    cr_assert_lt(bound_ns, 2 * NS_PER_S);
    for (uint16_t weight = 2; weight < 22; weight++) {
        set_weight(cluster, weight, weight);
        cluster_run(cluster, bound_ns);
        cr_assert_eq(reached(cluster, 50, weight, weight), 50);
    }
    cluster_destroy(cluster);
}

Test(gossip, the_first_wave_is_not_bound_to_the_tick) {
    struct cluster *cluster = cluster_create(71);
    cluster_form(cluster, 50);
    set_weight(cluster, 3, 9);
    cluster_run(cluster, 60 * NS_PER_MS);
    cr_assert_geq(reached(cluster, 50, 3, 9), 40);
    cluster_destroy(cluster);
}

Test(gossip, with_loss_nothing_stays_missing) {
    struct cluster *cluster = cluster_create(72);
    cluster_form(cluster, 30);
    cluster->probes = true;
    cluster->loss_permille = 200;
    for (uint16_t weight = 2; weight < 30; weight++) {
        set_weight(cluster, weight, weight);
        cluster_run(cluster, NS_PER_S / 2);
    }
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, cluster_agrees));
    cluster_destroy(cluster);
}

Test(gossip, an_update_is_sent_to_the_limit_by_each) {
    struct cluster *cluster = cluster_create(73);
    cluster_form(cluster, 50);
    uint64_t before = 0, after = 0;
    for (uint32_t i = 0; i < 50; i++)
        before += cluster_counters(cluster, i).updates_sent;
    set_weight(cluster, 3, 9);
    cluster_run(cluster, 10 * NS_PER_S);
    for (uint32_t i = 0; i < 50; i++)
        after += cluster_counters(cluster, i).updates_sent;
    double each = (double)(after - before) / 50;
    cr_assert_geq(each, 9.9, "gossip_limit(50, 4) = 10.14, but was %f", each);
    cr_assert_leq(each, 10.4);
    cluster_destroy(cluster);
}

Test(gossip, the_limit_has_no_steps) {
    cr_assert_lt(fabs(gossip_limit(1000, 4) - gossip_limit(999, 4)), 0.01);
    cr_assert_lt(fabs(gossip_limit(1000, 4) - 4 * log10(1001)), 1e-9);
    cr_assert_lt(gossip_limit(65535, 16), TRANSMISSIONS_MAX);
    cr_assert_eq(gossip_limit_stepped(999), 12);
    cr_assert_eq(gossip_limit_stepped(1000), 16);
}

Test(gossip, the_limit_suffices_for_a_millionth) {
    /* A copy at random is worth 0.39 decimal digits, one to a successor a whole one. */
    for (uint32_t size = 10; size <= 10000; size *= 10) {
        double missed = size * exp(-0.9 * 4) * pow(0.1, gossip_limit(size, 4) - 4);
        cr_assert_lt(missed, 1.001e-6, "%u nodes", size);
    }
}

static uint64_t bound_of(uint32_t size, uint32_t fanout, bool is_event_driven) {
    struct gossip_pace pace = {.window_ns = 5 * NS_PER_MS,
                               .tick_ns = 200 * NS_PER_MS,
                               .hop_ns = 50 * NS_PER_MS,
                               .fanout = fanout,
                               .is_event_driven = is_event_driven};
    return gossip_bound(size, &pace);
}

Test(gossip, the_bound_grows_with_size_and_leaves_the_minimum_at_three_periods) {
    cr_assert_lt(bound_of(5, 4, true), bound_of(5000, 4, true));
    cr_assert_lt(bound_of(50, 4, true), bound_of(50, 1, true));
    cr_assert_lt(2 * bound_of(1000, 4, true), bound_of(1000, 4, false));
    for (uint32_t size = 3; size <= 10000; size++)
        cr_assert_leq(2 * bound_of(size, 4, true) + NS_PER_S, 3 * NS_PER_S, "%u nodes", size);
}

Test(gossip, what_was_not_sent_does_not_count) {
    struct cluster *cluster = cluster_create(74);
    cluster_form(cluster, 10);
    cluster_reset_counts(cluster);
    uint64_t before = cluster_counters(cluster, 3).updates_sent;
    cluster->no_buffers = true;
    set_weight(cluster, 3, 9);
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_eq(cluster_counters(cluster, 3).updates_sent, before);
    cr_assert_lt(cluster->nodes[3].steps, 400);
    cluster->no_buffers = false;
    cluster_run(cluster, 2 * NS_PER_S);
    cr_assert_eq(reached(cluster, 10, 3, 9), 10);
    cluster_destroy(cluster);
}

Test(gossip, a_node_never_exceeds_its_packet_rate) {
    struct cluster *cluster = cluster_create(75);
    cluster_form(cluster, 10);
    cluster_reset_counts(cluster);
    for (uint32_t i = 0; i < 300; i++) {
        set_weight(cluster, 3, (uint16_t)(i % 100));
        cluster_run(cluster, 10 * NS_PER_MS);
    }
    uint64_t packets = cluster->nodes[3].packets_by_type[MESSAGE_GOSSIP];
    cr_assert_leq(packets, 32 + 300 + 1);
    cr_assert_geq(packets, 200, "the rate is used where there is something to say");
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_eq(reached(cluster, 10, 3, 299 % 100), 10, "the newest replaces what was not sent");
    cluster_destroy(cluster);
}

Test(gossip, a_burst_shares_packets) {
    struct cluster *cluster = cluster_create(76);
    cluster_form(cluster, 30);
    cluster_reset_counts(cluster);
    struct membership *membership = cluster->nodes[0].membership;
    for (uint32_t slot = 1; slot < 21; slot++)
        membership_not_me(membership, slot, member_generation(membership_member(membership, slot)),
                          cluster->now_ns);
    cluster->nodes[0].is_dirty = true;
    cluster_run(cluster, 6 * NS_PER_MS);
    cr_assert_leq(cluster->nodes[0].packets_by_type[MESSAGE_GOSSIP], 5,
                  "20 verdicts of 24 bytes fit into one packet, to 4 and perhaps to a dead one");
    cr_assert_gt(cluster->nodes[0].packets_by_type[MESSAGE_GOSSIP], 0);
    cluster_destroy(cluster);
}

Test(gossip, an_idle_cluster_is_quiet_and_asleep) {
    struct cluster *cluster = cluster_create(77);
    cluster_form(cluster, 20);
    cluster_run(cluster, 20 * NS_PER_S);
    cluster_reset_counts(cluster);
    cluster_run(cluster, 100 * NS_PER_S);
    for (uint32_t i = 0; i < 20; i++) {
        const struct cluster_node *node = &cluster->nodes[i];
        cr_assert_eq(node->packets_by_type[MESSAGE_GOSSIP], 0);
        cr_assert_leq(node->packets, 30, "a sync per 30 periods, and its share of answers");
        cr_assert_leq(node->steps, 100, "wakes: syncs, and the healing contact about every 20 s");
    }
    cluster_destroy(cluster);
}

Test(gossip, a_lone_node_keeps_nothing_to_say) {
    struct cluster *cluster = cluster_create(78);
    cluster_start(cluster, 0, 0, 1000);
    set_weight(cluster, 0, 5);
    cluster_run(cluster, NS_PER_S);
    cluster_reset_counts(cluster);
    cluster_run(cluster, 100 * NS_PER_S);
    cr_assert_eq(cluster->nodes[0].steps, 0);
    cr_assert_eq(membership_deadline(cluster->nodes[0].membership), TIME_NEVER);
    cluster_destroy(cluster);
}

Test(gossip, payload_and_liveness_do_not_disturb_each_other) {
    struct cluster *cluster = cluster_create(79);
    cluster_form(cluster, 10);
    struct membership *membership = cluster->nodes[3].membership;
    membership_self_version(membership, cluster->nodes[3].generation, 5, cluster->now_ns);
    set_weight(cluster, 3, 9);
    cluster_run(cluster, 3 * NS_PER_S);
    const struct member *seen = cluster_look(cluster, 8, 3);
    cr_assert_eq(seen->version, 5);
    cr_assert_eq(seen->record->weight, 9);
    cr_assert_eq(seen->record->payload_version, 1);
    struct record_fields other;
    record_fields_of(seen->record, &other);
    other.name = "node-x";
    other.name_bytes = 6;
    cr_assert_eq(membership_set_payload(membership, &other, cluster->now_ns), HENGE_INVALID);
    cluster_destroy(cluster);
}

Test(gossip, version_at_its_end_becomes_a_generation) {
    struct cluster *cluster = cluster_create(80);
    cluster_form(cluster, 5);
    uint64_t before = cluster->nodes[3].generation;
    membership_self_version(cluster->nodes[3].membership, before, UINT32_C(1) << 31,
                            cluster->now_ns);
    cluster->nodes[3].is_dirty = true;
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_eq(member_generation(cluster_look(cluster, 0, 3)), before + 1);
    cr_assert_eq(cluster_look(cluster, 0, 3)->version, 0);
    cluster_destroy(cluster);
}

Test(gossip, small_datagrams_are_kept_to_and_large_records_refused) {
    struct cluster *cluster = cluster_create(81);
    cluster->settings.payload_bytes_max = 524; /* the outbox asserts it */
    cluster->probes = true;
    cluster_form(cluster, 30);
    cr_assert(cluster_run_until(cluster, 30 * NS_PER_S, cluster_agrees));
    struct record_fields fields;
    char value[500];
    memset(value, 'v', sizeof value);
    struct membership *membership = cluster->nodes[3].membership;
    record_fields_of(membership_member(membership, 0)->record, &fields);
    fields.metadata_count = 1;
    fields.metadata[0] = (struct record_pair){"k", value, 1, 300};
    cr_assert_eq(membership_set_payload(membership, &fields, cluster->now_ns), HENGE_OK);
    fields.metadata[0].value_bytes = 500;
    cr_assert_eq(membership_set_payload(membership, &fields, cluster->now_ns), HENGE_FULL);
    cluster->nodes[3].is_dirty = true;
    cluster_run(cluster, 5 * NS_PER_S);
    cr_assert_eq(cluster_look(cluster, 20, 3)->record->metadata_count, 1);
    cluster_destroy(cluster);
}
