/* Whom a joiner asks: dead seeds, busy seeds and whom they name, and what is said of a failure. */
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <string.h>

Test(seeds, ten_dead_ones_cost_nothing) {
    struct cluster *cluster = cluster_create(800);
    cluster_form(cluster, 3);
    struct henge_address seeds[11];
    for (uint32_t i = 0; i < 10; i++)
        seeds[i] = cluster_address(90 + i);
    seeds[10] = cluster_address(1);
    cluster_start(cluster, 5, 0, 5000000);
    membership_join(cluster->nodes[5].membership, seeds, 11, cluster->now_ns);
    cluster->nodes[5].is_dirty = true;
    cr_assert(cluster_run_until(cluster, 50 * NS_PER_MS, cluster_all_joined));
    cluster_destroy(cluster);
}

static void make_busy(struct cluster *cluster, uint32_t number) {
    struct token_bucket *admissions = &cluster->nodes[number].membership->join.admissions;
    *admissions = token_bucket_of(1, 1);
    while (token_bucket_take(admissions, cluster->now_ns))
        continue;
}

Test(seeds, a_busy_one_names_others_who_take_the_joiner_in_at_once) {
    struct cluster *cluster = cluster_create(801);
    cluster_form(cluster, 10);
    make_busy(cluster, 0);
    cluster_reset_counts(cluster);
    cluster_start(cluster, 20, 0, 5000000);
    cluster_join(cluster, 20, 0);
    cr_assert(cluster_run_until(cluster, 100 * NS_PER_MS, cluster_all_joined));
    cr_assert_eq(cluster->nodes[20].membership->join.hints.count, BUSY_NAMES);
    cr_assert_eq(cluster->nodes[20].packets_by_type[MESSAGE_JOIN], 1 + BUSY_NAMES);
    cr_assert_eq(cluster->nodes[20].membership->join.outcomes[0], SEED_BUSY);
    cr_assert(cluster_run_until(cluster, NS_PER_S, cluster_agrees));
    cr_assert_eq(cluster->nodes[20].membership->join.seeds_count, 1, "they become no seeds");
    cluster_destroy(cluster);
}

Test(seeds, one_that_knows_nobody_else_is_never_busy) {
    struct cluster *cluster = cluster_create(802);
    cluster_start(cluster, 0, 0, 1000);
    make_busy(cluster, 0);
    cluster_start(cluster, 1, 0, 1000);
    cluster_join(cluster, 1, 0);
    cr_assert(cluster_run_until(cluster, 100 * NS_PER_MS, cluster_all_joined));
    cluster_destroy(cluster);
}

Test(seeds, the_report_says_of_each_how_it_failed) {
    struct cluster *cluster = cluster_create(803);
    cluster_form(cluster, 30);
    cluster->streams_refused = true;
    struct henge_address seeds[2] = {cluster_address(90), cluster_address(1)};
    cluster_start(cluster, 50, 0, 5000000);
    struct membership *joiner = cluster->nodes[50].membership;
    membership_join(joiner, seeds, 2, cluster->now_ns);
    cluster->nodes[50].is_dirty = true;
    cluster_run(cluster, 2 * NS_PER_S);
    char text[256];
    size_t bytes = membership_join_report(joiner, text, sizeof text);
    cr_assert_eq(bytes, strlen(text));
    cr_assert_str_eq(text, "127.1.0.90:7000: no answer; 127.1.0.1:7000: answered");
    char small[40];
    cr_assert_eq(membership_join_report(joiner, small, sizeof small),
                 strlen("127.1.0.90:7000: no answer"), "whole ones only");

    cluster->settings.ring_parameters = 78;
    cluster_start(cluster, 51, 0, 5000000);
    cluster_join(cluster, 51, 1);
    cluster_run(cluster, NS_PER_S);
    (void)membership_join_report(cluster->nodes[51].membership, text, sizeof text);
    cr_assert_str_eq(text, "127.1.0.1:7000: refused, ring parameters differ");
    cluster_destroy(cluster);
}

Test(seeds, a_failed_fetch_is_tried_again_soon_but_not_at_once) {
    struct cluster *cluster = cluster_create(804);
    cluster_form(cluster, 30);
    struct membership *seed = cluster->nodes[0].membership;
    /* All scripts are lent: the seed takes in, but its answer to PULL is "busy". */
    cluster_start(cluster, 50, 0, 5000000);
    cluster_join(cluster, 50, 0);
    cluster_run(cluster, 2 * NS_PER_MS);
    for (uint32_t i = 0; i < SCRIPTS_MAX; i++)
        if (seed->scripts.entries[i] == NULL)
            (void)script_take(&seed->scripts, 16);
    cluster_run(cluster, NS_PER_S / 2);
    cr_assert_leq(cluster->nodes[50].packets_by_type[MESSAGE_JOIN], 30);
    cr_assert_eq(membership_join_state(cluster->nodes[50].membership), JOIN_DONE,
                 "the busy seed named others");
    cluster_destroy(cluster);
}

static void ask_three(struct cluster *cluster, uint32_t number) {
    struct henge_address seeds[] = {cluster_address(0), cluster_address(1), cluster_address(2)};
    membership_join(cluster->nodes[number].membership, seeds, 3, cluster->now_ns);
    cluster->nodes[number].is_dirty = true;
}

static void join_three(struct cluster *cluster, uint32_t number) {
    cluster_start(cluster, number, 0, 5000000);
    ask_three(cluster, number);
}

Test(seeds, one_whose_streams_fail_is_passed_over_for_one_that_answered_too) {
    struct cluster *cluster = cluster_create(805);
    cluster_form(cluster, 40);
    cluster->jitter_ns = 0; /* it always answers first */
    cluster->nodes[0].no_streams_ns = 2 * NS_PER_MS;
    join_three(cluster, 50);
    cr_assert(cluster_run_until(cluster, 2 * NS_PER_S, cluster_all_joined));
    cr_assert_leq(cluster->nodes[50].streams, 4);
    cluster_destroy(cluster);
}

Test(seeds, two_whose_streams_fail_do_not_keep_the_joiner_from_the_third) {
    struct cluster *cluster = cluster_create(807);
    cluster_form(cluster, 40);
    cluster->jitter_ns = 0;
    cluster->nodes[0].no_streams_ns = cluster->nodes[1].no_streams_ns = 2 * NS_PER_MS;
    join_three(cluster, 50);
    cr_assert(cluster_run_until(cluster, 2 * NS_PER_S, cluster_all_joined));
    cr_assert_eq(cluster->nodes[50].streams, 3, "each was tried once");
    cluster_destroy(cluster);
}

/* The daemon calls for the join once a second, and each call begins it anew. */
Test(seeds, one_whose_connections_time_out_is_remembered_from_call_to_call) {
    struct cluster *cluster = cluster_create(808);
    cluster_form(cluster, 40);
    cluster->jitter_ns = 0;
    cluster->nodes[0].no_streams_ns = 2 * NS_PER_S;
    join_three(cluster, 50);
    for (uint32_t calls = 1; calls < 10; calls++)
        if (!cluster_run_until(cluster, NS_PER_S, cluster_all_joined))
            ask_three(cluster, 50);
    cr_assert_eq(membership_join_state(cluster->nodes[50].membership), JOIN_DONE);
    cr_assert_eq(cluster->nodes[50].streams, 2);
    cluster_destroy(cluster);
}

Test(seeds, the_only_one_that_answers_is_tried_again_though_its_streams_failed) {
    struct cluster *cluster = cluster_create(809);
    cluster_form(cluster, 40);
    cluster->nodes[0].no_streams_ns = 2 * NS_PER_MS;
    cluster_kill(cluster, 1);
    cluster_kill(cluster, 2);
    join_three(cluster, 50);
    cluster_run(cluster, 5 * NS_PER_S);
    char text[256];
    (void)membership_join_report(cluster->nodes[50].membership, text, sizeof text);
    cr_assert_not_null(strstr(text, "7000: answered, but its members could not be fetched; "), "%s",
                       text);
    cr_assert_geq(cluster->nodes[50].streams, 3);
    cluster->nodes[0].no_streams_ns = 0;
    cr_assert(cluster_run_until(cluster, 3 * NS_PER_S, cluster_all_joined));
    cluster_destroy(cluster);
}

static bool only_the_first_seed(struct cluster *cluster, uint32_t from, uint32_t to,
                                uint8_t *message, size_t bytes) {
    (void)cluster;
    (void)message;
    (void)bytes;
    return (from != 1 && from != 2) || to != 50;
}

Test(seeds, one_that_refuses_does_not_end_the_join_while_others_may_accept) {
    struct cluster *cluster = cluster_create(806);
    cluster_form(cluster, 5);
    struct table *table = &cluster->nodes[0].membership->table;
    const uint32_t capacity = table->capacity;
    table->max = table->capacity = table->count; /* full */
    cluster->filter = only_the_first_seed;
    join_three(cluster, 50);
    struct membership *joiner = cluster->nodes[50].membership;
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_eq(membership_join_state(joiner), JOIN_UNDER_WAY);
    char text[256];
    (void)membership_join_report(joiner, text, sizeof text);
    cr_assert_not_null(strstr(text, "127.1.0.0:7000: refused, no room"), "%s", text);
    cluster->filter = NULL;
    table->capacity = capacity; /* as its memory is counted */
    cluster_run(cluster, 2 * NS_PER_S);
    cr_assert_eq(membership_join_state(joiner), JOIN_DONE);
    cluster_destroy(cluster);
}
