/* Repair by difference: a PULL's sums of parts, and what they bring. */
#include "membership/message.h"
#include "membership/parts.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <string.h>

/* Node 5 misses what `count` members say meanwhile, and is back. */
static struct cluster *behind(uint64_t seed, uint32_t count) {
    struct cluster *cluster = cluster_create(seed);
    cluster_form(cluster, 100);
    cluster->probes = true;
    cluster_run(cluster, 3 * NS_PER_S);
    cluster->nodes[5].side = 1;
    for (uint32_t i = 0; i < count; i++)
        cluster_set_weight(cluster, 10 + i, 9);
    cluster_run(cluster, 2 * NS_PER_S);
    cluster->nodes[5].side = 0;
    return cluster;
}

/* Peers that find the difference at the same moment each bring it: now and then a few do, so it is
 * the mean that counts. */
Test(repair, brings_little_more_than_what_differs) {
    enum { RUNS = 8 };
    for (uint32_t count = 1; count <= 64; count *= 8) {
        uint64_t brought_by_all = 0;
        for (uint32_t run = 0; run < RUNS; run++) {
            struct cluster *cluster = behind(800 + 1000 * run + count, count);
            uint64_t before = cluster_counters(cluster, 5).records_received;
            cr_assert(cluster_run_until(cluster, 20 * NS_PER_S, cluster_agrees));
            uint64_t brought = cluster_counters(cluster, 5).records_received - before;
            cr_assert_geq(brought, count);
            brought_by_all += brought;
            cluster_destroy(cluster);
        }
        cr_assert_leq(brought_by_all, (uint64_t)RUNS * (2 * count + 8), "%lu in %d runs for %u",
                      brought_by_all, RUNS, count);
    }
}

/* Whoever has no room in his datagrams for the sums gets whole buckets. */
Test(repair, works_with_small_datagrams_too) {
    struct cluster *cluster = cluster_create(801);
    cluster->settings.payload_bytes_max = 524;
    cluster_form(cluster, 60);
    cluster->probes = true;
    cluster_run(cluster, 3 * NS_PER_S);
    cluster->nodes[5].side = 1;
    for (uint32_t i = 10; i < 60; i++)
        cluster_set_weight(cluster, i, 9);
    cluster_run(cluster, 2 * NS_PER_S);
    cluster->nodes[5].side = 0;
    cr_assert(cluster_run_until(cluster, 20 * NS_PER_S, cluster_agrees));
    cluster_destroy(cluster);
}

Test(repair, the_parts_that_differ_are_those_of_the_members_that_do) {
    struct cluster *cluster = behind(802, 3);
    const struct table *left = &cluster->nodes[0].membership->table;
    const struct table *right = &cluster->nodes[5].membership->table;
    uint32_t hidden = 0;
    for (uint32_t salt = 0; salt < 1000; salt++) {
        struct part_sums sums;
        parts_sum(right, salt, &sums);
        struct parts parts = parts_that_differ(left, BUCKETS_ALL, salt, &sums);
        for (uint32_t i = 10; i < 13; i++)
            hidden += !parts_have(&parts, cluster_look(cluster, 0, i)->record->name_hash);
        struct parts none = parts_that_differ(left, 0, salt, &sums);
        for (uint32_t i = 0; i < SYNC_BUCKETS; i++)
            cr_assert_eq(none.of_bucket[i], 0);
    }
    cr_assert_lt(hidden, 40, "of 3000, only behind another difference in the same bucket");
    cluster_destroy(cluster);
}

/* Of a bucket whose sums show nothing all is sent: the asker knows better. */
Test(repair, where_no_part_differs_the_whole_bucket_is_sent) {
    struct cluster *cluster = behind(804, 0);
    const struct table *table = &cluster->nodes[0].membership->table;
    struct part_sums sums;
    parts_sum(table, 7, &sums);
    struct parts parts = parts_that_differ(table, 5, 7, &sums);
    for (uint32_t i = 0; i < SYNC_BUCKETS; i++)
        cr_assert_eq(parts.of_bucket[i], i == 0 || i == 2 ? UINT16_MAX : 0);
    cluster_destroy(cluster);
}

Test(repair, a_pull_is_read_as_it_was_written) {
    struct random random = random_of_seed(803);
    for (uint32_t i = 0; i < 1000; i++) {
        struct wire_pull pull, again;
        memset(&pull, 0, sizeof pull);
        pull.request_id = (uint32_t)random_u64(&random);
        pull.buckets = i % 3 == 0 ? BUCKETS_ALL : random_u64(&random) & random_u64(&random);
        pull.has_sums = i % 2 == 0;
        for (uint32_t j = 0; pull.has_sums && j < SYNC_BUCKETS; j++)
            for (uint32_t k = 0; (pull.buckets >> j & 1) != 0 && k < PARTS; k++)
                pull.sums.of_bucket[j][k] = (uint8_t)random_u64(&random);
        uint8_t bytes[WIRE_PULL_BYTES_MAX];
        struct bytes_writer writer = bytes_writer_of(bytes, sizeof bytes);
        wire_pull_put(&writer, &pull);
        cr_assert_eq(bytes_written(&writer), wire_pull_bytes(&pull));
        memset(&again, 0, sizeof again);
        struct bytes_reader reader = bytes_reader_of(bytes, bytes_written(&writer));
        cr_assert(wire_pull_get(&reader, &again));
        cr_assert_eq(memcmp(&pull, &again, sizeof pull), 0);
        struct bytes_reader cut = bytes_reader_of(bytes, bytes_written(&writer) - 1);
        cr_assert_not(wire_pull_get(&cut, &again));
    }
}

/* Datagrams need not be equally large everywhere: what has no room in one goes by stream, and
 * nothing is tried for ever. */
Test(repair, a_record_larger_than_ones_own_datagrams_is_handed_on_all_the_same) {
    static char value[900];
    memset(value, 'x', sizeof value);
    struct cluster *cluster = cluster_create(805);
    cluster_form(cluster, 3);
    cluster->probes = true;
    cluster_run(cluster, 60 * NS_PER_S);
    cluster->probes = false; /* the dead need no repair */
    cluster->nodes[1].membership->settings.payload_bytes_max = 576 - 52;
    struct membership *owner = cluster->nodes[0].membership;
    struct record_fields fields;
    record_fields_of(membership_member(owner, 0)->record, &fields);
    fields.metadata_count = 1;
    fields.metadata[0] = (struct record_pair){"k", value, 1, sizeof value};
    cluster->nodes[2].side = 1;
    cr_assert_eq(membership_set_payload(owner, &fields, cluster->now_ns), HENGE_OK);
    cluster->nodes[0].is_dirty = true;
    cluster_run(cluster, 30 * NS_PER_S); /* what there is to say of node 2 has been said too */
    cr_assert_eq(cluster_look(cluster, 1, 0)->record->payload_version, 1);
    cr_assert_eq(cluster->nodes[1].membership->gossip.queued, 0);
    cluster->nodes[0].side = 2; /* it can be had from node 1 only */
    cluster->nodes[1].side = 1;
    cluster_run(cluster, 300 * NS_PER_S);
    cr_assert_eq(cluster_look(cluster, 2, 0)->record->payload_version, 1);
    cluster_destroy(cluster);
}

static bool has_more_members_than_room(struct cluster *cluster) {
    return cluster_counters(cluster, 0).members_refused > 0;
}

/* members_max is to be larger than the cluster. If it is not, views differ, but without a storm. */
Test(repair, of_tables_that_are_full_is_tried_no_oftener_than_by_chance) {
    struct cluster *cluster = cluster_create(806);
    cluster->settings.members_max = 8;
    cluster->probes = true;
    for (uint32_t i = 0; i < 12; i++)
        cluster_start(cluster, i, 0, 1000000);
    for (uint32_t i = 1; i < 12; i++)
        cluster_join(cluster, i, i / 2); /* all at once: each takes in others */
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, has_more_members_than_room));
    cluster_run(cluster, 60 * NS_PER_S);
    uint64_t before[12];
    for (uint32_t i = 0; i < 12; i++)
        before[i] = cluster_counters(cluster, i).syncs_started;
    cluster_run(cluster, 600 * NS_PER_S);
    for (uint32_t i = 0; i < 12; i++)
        cr_assert_leq(cluster_counters(cluster, i).syncs_started - before[i], 2 * 600 / 30 + 5,
                      "one in 30 periods by chance, and one after as long a wait");
    for (uint32_t i = 7; i < 12; i++)
        cluster_kill(cluster, i);
    cr_assert(cluster_run_until(cluster, 600 * NS_PER_S, cluster_agrees), "there is room again");
    cluster_destroy(cluster);
}
