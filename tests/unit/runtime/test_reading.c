/* Views are built for nodes that somebody reads: what the first reader finds, and when. */
#include "tests/support/nodes.h"
#include <criterion/criterion.h>

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

Test(reading, after_the_runtime_has_stopped_there_is_no_first_reader, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_reader *reader;
    henge_runtime_stop(runtime);
    cr_assert_eq(henge_reader_create(a, "late", &reader), HENGE_STOPPED);
    henge_runtime_destroy(runtime);
}
