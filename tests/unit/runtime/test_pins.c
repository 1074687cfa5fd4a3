/* Pins: a view outlives the section it was read in, and goes when the last pin is gone. */
#include "tests/support/nodes.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct henge_stats stats_of(const struct henge_node *node) {
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    cr_assert_eq(henge_stats_get(node, &stats), HENGE_OK);
    return stats;
}

static bool waits_for_none(const struct henge_node *node) {
    const struct henge_stats stats = stats_of(node);
    return stats.views_reclaimed + 1 == stats.views_published;
}

static bool is_pin_shown(const struct henge_node *node) {
    return strcmp(stats_of(node).oldest_section_reader, "(pinned)") == 0;
}

static bool wait_until(const struct henge_node *node,
                       bool (*condition)(const struct henge_node *node)) {
    for (int tries = 0; tries < NODES_WAIT_MS / 10; tries++) {
        if (condition(node)) {
            return true;
        }
        nodes_sleep_ms(10);
    }
    return false;
}

static void publish_some(struct henge_node *node) {
    for (int i = 0; i < 5; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        cr_assert_eq(henge_node_set_metadata(node, "step", value), HENGE_OK);
    }
}

Test(pins, keep_a_view_until_the_last_is_gone, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *node = nodes_start(runtime, &config, "a", NULL);
    struct henge_reader *reader;
    const struct henge_view *view;
    struct henge_member member;
    cr_assert_eq(henge_reader_create(node, "test", &reader), HENGE_OK);
    henge_reader_begin(reader, &view);
    const uint64_t number = henge_view_number(view);
    henge_view_pin(view);
    henge_reader_end(reader);
    henge_view_pin(view); /* pinned already: no section needed */

    publish_some(node);
    cr_assert(wait_until(node, is_pin_shown));
    henge_view_unpin(view);
    publish_some(node);
    nodes_sleep_ms(300); /* three times the longest wait between two tries to reclaim */
    cr_assert_eq(henge_view_number(view), number);
    cr_assert_eq(henge_members_find(view, "a", &member), HENGE_OK);
    cr_assert_eq(henge_ring_owner_hash(henge_view_ring(view, HENGE_RING_CURRENT), 1), member.slot);

    henge_view_unpin(view);
    cr_assert(wait_until(node, waits_for_none));
    cr_assert_eq(stats_of(node).oldest_section_ms, 0);
    henge_reader_destroy(reader);
    henge_runtime_destroy(runtime);
}
