/* The small parts alone: table, tombstones, token bucket, scripts, and memory that runs out. */
#include "core/base/hash.h"
#include "membership/script.h"
#include "membership/state.h"
#include "membership/table.h"
#include "membership/token_bucket.h"
#include "membership/tombstones.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <string.h>

static struct memory memory;

static void setup(void) {
    memory_init(&memory, NULL);
}

static void teardown(void) {
    cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), 0);
}

TestSuite(parts, .init = setup, .fini = teardown);

static const struct henge_address nowhere;

static void put(struct tombstones *stones, uint64_t name, uint64_t now_ns,
                const struct henge_address *address, struct henge_address *dropped) {
    struct liveness dead = {name, 0, HENGE_DEAD};
    tombstones_put(stones, name, &dead, address, false, now_ns, dropped);
}

Test(parts, tombstones_expire_in_order_and_renewal_counts) {
    struct tombstones stones;
    struct henge_address dropped;
    cr_assert(tombstones_init(&stones, &memory, 100, 1000));
    put(&stones, 1, 0, &nowhere, &dropped);
    put(&stones, 2, 100, &nowhere, &dropped);
    put(&stones, 1, 200, &nowhere, &dropped);
    cr_assert_eq(stones.count, 2);
    cr_assert_eq(tombstones_deadline(&stones), 1100);
    cr_assert_not(tombstones_expire(&stones, 1099, &dropped));
    cr_assert(tombstones_expire(&stones, 1100, &dropped));
    cr_assert_null(tombstones_find(&stones, 2));
    cr_assert_not_null(tombstones_find(&stones, 1));
    cr_assert(tombstones_expire(&stones, 1200, &dropped));
    cr_assert_eq(tombstones_deadline(&stones), TIME_NEVER);
    tombstones_deinit(&stones);
}

Test(parts, full_tombstones_drop_the_oldest_and_hand_its_address_on) {
    struct tombstones stones;
    struct henge_address dropped;
    cr_assert(tombstones_init(&stones, &memory, 20, 1000));
    for (uint32_t i = 0; i < 500; i++) {
        struct henge_address address = cluster_address(i);
        put(&stones, i, i, &address, &dropped);
        struct henge_address first = i >= 20 ? cluster_address(i - 20) : nowhere;
        cr_assert_eq(memcmp(&dropped, &first, sizeof first), 0);
        cr_assert_leq(stones.count, 20);
    }
    cr_assert_null(tombstones_find(&stones, 479));
    cr_assert_not_null(tombstones_find(&stones, 480));
    tombstones_remove(&stones, 490);
    tombstones_remove(&stones, 490);
    cr_assert_eq(stones.count, 19);
    tombstones_deinit(&stones);
}

Test(parts, a_tombstone_keeps_the_address_it_once_had) {
    struct tombstones stones;
    struct henge_address dropped, address = cluster_address(5);
    cr_assert(tombstones_init(&stones, &memory, 20, 1000));
    put(&stones, 1, 0, &address, &dropped);
    put(&stones, 1, 5, NULL, &dropped);
    cr_assert_eq(tombstones_find(&stones, 1)->address.port, address.port);
    tombstones_deinit(&stones);
}

Test(parts, token_bucket_gives_burst_then_rate) {
    struct token_bucket bucket = token_bucket_of(100, 32);
    uint64_t now_ns = 50 * NS_PER_S;
    uint32_t taken = 0;
    while (token_bucket_take(&bucket, now_ns))
        taken++;
    cr_assert_eq(taken, 32);
    cr_assert_eq(token_bucket_ready(&bucket), now_ns + 10 * NS_PER_MS);
    taken = 0;
    for (uint64_t i = 0; i < 1000; i++)
        taken += token_bucket_take(&bucket, now_ns + i * NS_PER_MS);
    cr_assert_eq(taken, 99);
}

Test(parts, scripts_live_as_long_as_they_are_lent) {
    struct scripts scripts;
    scripts_init(&scripts, &memory);
    struct script *script = script_take(&scripts, 100);
    uint64_t token = script_token(script);
    script_share(&scripts, script, 1, 0);
    cr_assert_eq(script->references, 2);
    scripts_step(&scripts, SCRIPT_SHARED_NS - 1);
    cr_assert_eq(script->references, 2);
    scripts_step(&scripts, SCRIPT_SHARED_NS);
    cr_assert_eq(script->references, 1);
    cr_assert_eq(scripts.entries[0], script, "a slow stream still sends it");
    script_done(&scripts, 0);
    script_done(&scripts, token);
    cr_assert_null(scripts.entries[0]);
    for (uint32_t i = 0; i < SCRIPTS_MAX; i++)
        cr_assert_not_null(script_take(&scripts, 10));
    cr_assert_null(script_take(&scripts, 10), "all out is an answer");
    scripts_deinit(&scripts);
}

/* What the sums keep up step by step has to be what a fresh walk gives. */
static void check_sums(const struct membership *membership) {
    const struct table *table = &membership->table;
    uint64_t fingerprint = 0, sums[SYNC_BUCKETS] = {0};
    uint32_t statuses[4] = {0}, live = 0;
    for (uint32_t slot = 0; slot < table->count; slot++) {
        const struct member *member = &table->members[slot];
        if (member->record == NULL)
            continue;
        statuses[member->status]++;
        cr_assert_eq(table_find(table, member->record->name_hash), slot);
        bool is_live = member->status < HENGE_DEAD;
        uint16_t position = member->live_position;
        cr_assert_eq(position != TABLE_NONE, is_live && slot != 0);
        if (position != TABLE_NONE)
            cr_assert_eq(table->live[position], slot);
        cr_assert_eq(table_suspicion(table, slot) != NO_SLOT, member->status == HENGE_SUSPECT);
        live += is_live && slot != 0;
        if (!is_live)
            continue;
        uint64_t share =
            hash64_pair(member->record->name_hash,
                        hash64_pair(member_generation(member), member->record->payload_version));
        fingerprint += share;
        sums[member->record->name_hash >> 58] += share;
    }
    cr_assert_eq(fingerprint, table->fingerprint);
    cr_assert_eq(memcmp(sums, table->sums, sizeof sums), 0);
    cr_assert_eq(memcmp(statuses, table->statuses, sizeof statuses), 0);
    cr_assert_eq(live, table->live_count);
}

Test(parts, sums_lists_and_counts_stay_true_through_a_stormy_life) {
    struct cluster *cluster = cluster_create(500);
    cluster->settings.dead_shown_ns = 10 * NS_PER_S;
    cluster_form(cluster, 20);
    cluster->probes = true;
    cluster->loss_permille = 100;
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t number = 1 + (uint32_t)random_below(&cluster->random, 19);
        if (cluster->nodes[number].membership == NULL) {
            cluster_start(cluster, number, 0, 2000000 + round * 10000);
            cluster_join(cluster, number, 0);
        } else if (round % 3 == 0) {
            membership_leave(cluster->nodes[number].membership, cluster->now_ns,
                             cluster->now_ns + NS_PER_S);
            cluster->nodes[number].is_dirty = true;
            cluster_run(cluster, NS_PER_S);
            cluster_kill(cluster, number);
        } else {
            cluster_kill(cluster, number);
        }
        cluster_run(cluster, 5 * NS_PER_S);
        for (uint32_t i = 0; i < 20; i++)
            if (cluster->nodes[i].membership != NULL)
                check_sums(cluster->nodes[i].membership);
    }
    cluster->loss_permille = 0;
    cluster_run(cluster, 60 * NS_PER_S);
    cr_assert(cluster_run_until(cluster, 60 * NS_PER_S, cluster_agrees));
    cluster_destroy(cluster);
}

/* Each allocation of a whole life fails in its turn: nothing breaks, and later all is well. */
Test(parts, every_allocation_may_fail) {
    for (int64_t after = 0; after < 120; after++) {
        struct cluster *cluster = cluster_create(501);
        cluster->probes = true;
        for (uint32_t i = 0; i < 20; i++) {
            cluster_start(cluster, i, 0, 1000000);
            if (i > 0)
                cluster_join(cluster, i, 0);
        }
        memory_fail_after(&cluster->memory, after);
        cr_assert(cluster_run_until(cluster, 100 * NS_PER_S, cluster_agrees), "after %d",
                  (int)after);
        memory_fail_after(&cluster->memory, -1);
        cluster_destroy(cluster);
    }
}

Test(parts, create_without_memory_gives_null_and_leaks_nothing) {
    struct record_store *store = record_store_create(&memory);
    struct record_fields self = {.name = "a",
                                 .name_bytes = 1,
                                 .role = "",
                                 .region = "",
                                 .zone = "",
                                 .address = cluster_address(1),
                                 .vnodes = 1};
    struct membership_settings settings = {
        .self = &self, .payload_bytes_max = 524, .members_max = 10, .fanout = 4};
    struct membership_observer observer = {0};
    uint32_t refused = 0;
    for (int64_t after = 0; after < 12; after++) {
        memory_fail_after(&memory, after);
        struct membership *membership = membership_create(&settings, &observer, store, &memory, 5);
        memory_fail_after(&memory, -1);
        refused += membership == NULL;
        membership_destroy(membership);
    }
    cr_assert_geq(refused, 5);
    self.vnodes = 0;
    cr_assert_null(membership_create(&settings, &observer, store, &memory, 5));
    self.vnodes = 1;
    settings.payload_bytes_max = 100;
    cr_assert_null(membership_create(&settings, &observer, store, &memory, 5), "fits nowhere");
    record_store_destroy(store);
}
