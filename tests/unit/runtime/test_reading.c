/* Views are built for nodes that somebody reads: what the first reader finds, and when. */
#include "tests/support/nodes.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct henge_stats stats_of(const struct henge_node *node) {
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    cr_assert_eq(henge_stats_get(node, &stats), HENGE_OK);
    return stats;
}

static bool wait_alive(const struct henge_node *node, uint32_t count) {
    for (int tries = 0; tries < NODES_WAIT_MS / 10; tries++) {
        if (stats_of(node).members_alive == count) {
            return true;
        }
        nodes_sleep_ms(10);
    }
    return false;
}

/* A ring follows its members after a while; three that are equal are of all three. */
static bool wait_equal_rings(const struct henge_node *a, const struct henge_node *b,
                             const struct henge_node *c) {
    for (int tries = 0; tries < NODES_WAIT_MS / 10; tries++) {
        const uint64_t fingerprint = stats_of(a).ring_fingerprint;
        if (stats_of(b).ring_fingerprint == fingerprint &&
            stats_of(c).ring_fingerprint == fingerprint) {
            return true;
        }
        nodes_sleep_ms(10);
    }
    return false;
}

Test(reading, the_first_reader_finds_the_ring_that_was_counted_all_along, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_node *b = nodes_start(runtime, &config, "b", a);
    struct henge_node *c = nodes_start(runtime, &config, "c", a);
    cr_assert(wait_alive(a, 3));
    cr_assert(wait_alive(b, 3));
    cr_assert(wait_equal_rings(a, b, c));
    const struct henge_stats before = stats_of(a);
    cr_assert_eq(before.views_published, 0, "nobody reads");

    struct henge_reader *reader;
    const struct henge_view *view;
    cr_assert_eq(henge_reader_create(a, "first", &reader), HENGE_OK);
    henge_reader_begin(reader, &view);
    const struct henge_ring *ring = henge_view_ring(view, HENGE_RING_CURRENT);
    cr_assert_eq(henge_members_count(view), 3);
    cr_assert_eq(henge_ring_members_count(ring), 3);
    cr_assert_eq(henge_ring_version(ring), before.ring_version);
    cr_assert_eq(henge_ring_fingerprint(ring), before.ring_fingerprint);
    cr_assert_gt(henge_view_number(view), before.view_number);
    for (size_t i = 0; i < 3; i++) {
        struct henge_member member;
        cr_assert_eq(henge_members_at(view, i, &member), HENGE_OK);
        cr_assert(henge_view_is_up(view, member.slot));
    }
    henge_reader_end(reader);
    henge_reader_destroy(reader);
    cr_assert_eq(stats_of(b).views_published, 0, "nor is b read");
    henge_runtime_destroy(runtime);
}

struct heard {
    _Atomic unsigned begun;
    _Atomic unsigned ended;
};

static void count_refused(void *context, enum henge_log_level level, const char *line) {
    struct heard *heard = context;
    if (strncmp(line, "n0: ", 4) != 0) {
        return;
    }
    heard->begun += level == HENGE_LOG_ERROR && strstr(line, "virtual nodes in all") != NULL;
    heard->ended += level == HENGE_LOG_INFO && strstr(line, "follows its members") != NULL;
}

static bool wait_one(const _Atomic unsigned *count) {
    for (int tries = 0; *count == 0 && tries < NODES_WAIT_MS / 10; tries++) {
        nodes_sleep_ms(10);
    }
    return *count == 1;
}

/* So many that their ring would have more than 2^24 points. As nobody reads, none is built. */
Test(reading, a_ring_that_would_be_too_large_is_told_once_each_time, .timeout = 120) {
    enum { GIANTS = 168 };
    struct henge_config config = nodes_config("n0", 3);
    struct heard heard = {0};
    struct henge_log log = {sizeof(log), &heard, HENGE_LOG_INFO, count_refused};
    struct henge_runtime_options options = {.size_bytes = sizeof(options), .log = &log};
    struct henge_runtime *runtime;
    char reason[HENGE_REASON_BYTES];
    config.nodes_max = GIANTS;
    config.vnodes = 1000;
    config.weight = 100;
    cr_assert_eq(henge_runtime_create(&config, &options, &runtime, reason, sizeof(reason)),
                 HENGE_OK, "%s", reason);
    cr_assert_eq(henge_runtime_start(runtime), HENGE_OK);
    struct henge_node *first = nodes_start(runtime, &config, "n0", NULL);
    struct henge_node *last = first;
    for (unsigned i = 1; i < GIANTS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i);
        cr_assert_eq(heard.begun, 0);
        last = nodes_start(runtime, &config, name, first);
    }
    cr_assert(wait_one(&heard.begun));
    cr_assert_gt(stats_of(first).rings_refused, 0);
    cr_assert_eq(heard.ended, 0);
    cr_assert_eq(henge_node_set_weight(last, 1), HENGE_OK);
    cr_assert(wait_one(&heard.ended));
    cr_assert_eq(heard.begun, 1);
    henge_runtime_destroy(runtime);
}

Test(reading, after_the_runtime_has_stopped_there_is_no_first_reader, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_reader *reader;
    henge_runtime_stop(runtime);
    cr_assert_eq(henge_reader_create(a, "late", &reader), HENGE_STOPPED);
    henge_runtime_destroy(runtime);
}
