/* Nodes of one runtime over the memory transport: join, lookups, events, metadata, leave. */
#include "tests/support/nodes.h"
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static uint64_t ring_fingerprint(struct henge_node *node) {
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    cr_assert_eq(henge_stats_get(node, &stats), HENGE_OK);
    return stats.ring_fingerprint;
}

static bool wait_equal_rings(struct henge_node *first, struct henge_node *second) {
    for (int tries = 0; tries < 3000; tries++) {
        if (ring_fingerprint(first) == ring_fingerprint(second)) {
            return true;
        }
        nodes_sleep_ms(10);
    }
    return false;
}

/* The next event of this type; others are passed over. */
static bool wait_event(struct henge_events *events, enum henge_event_type type,
                       struct henge_event *event) {
    for (int tries = 0; tries < 3000; tries++) {
        struct pollfd poller = {.fd = henge_events_fd(events), .events = POLLIN};
        while (henge_events_next(events, event) == HENGE_OK) {
            if (event->type == type) {
                return true;
            }
        }
        poll(&poller, 1, 10);
    }
    return false;
}

ParameterizedTestParameters(node, three_join_and_agree) {
    static unsigned threads[] = {1, 2, 3};
    return cr_make_param_array(unsigned, threads, 3);
}

ParameterizedTest(unsigned *threads, node, three_join_and_agree, .timeout = 120) {
    struct henge_config config = nodes_config("a", *threads);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    cr_assert_eq(nodes_count(a, HENGE_ALIVE), 1);
    struct henge_node *b = nodes_start(runtime, &config, "b", a);
    struct henge_node *c = nodes_start(runtime, &config, "c", a);
    cr_assert_eq(nodes_count(c, HENGE_ALIVE), 3, "the snapshot is in the view after the join");
    cr_assert(nodes_wait_count(a, HENGE_ALIVE, 3));
    cr_assert(nodes_wait_count(b, HENGE_ALIVE, 3));
    cr_assert(wait_equal_rings(a, b));
    cr_assert(wait_equal_rings(a, c));

    struct henge_reader *readers[2];
    const struct henge_view *views[2];
    struct henge_member first, second;
    struct henge_route routes[2];
    cr_assert_eq(henge_reader_create(a, "one", &readers[0]), HENGE_OK);
    cr_assert_eq(henge_reader_create(c, "two", &readers[1]), HENGE_OK);
    henge_reader_begin(readers[0], &views[0]);
    henge_reader_begin(readers[1], &views[1]);
    for (uint64_t key = 0; key < 1000; key++) {
        uint64_t hash = henge_ring_hash(&key, sizeof(key));
        for (int side = 0; side < 2; side++) {
            cr_assert_eq(henge_ring_owners(henge_view_ring(views[side], HENGE_RING_CURRENT), hash,
                                           3, &routes[side]),
                         HENGE_OK);
            cr_assert_eq(routes[side].owners_count, 3);
        }
        for (uint32_t owner = 0; owner < 3; owner++) {
            cr_assert_eq(henge_members_by_slot(views[0], routes[0].owners[owner].slot, &first),
                         HENGE_OK);
            cr_assert_eq(henge_members_by_slot(views[1], routes[1].owners[owner].slot, &second),
                         HENGE_OK);
            cr_assert_str_eq(first.name, second.name);
            cr_assert(routes[0].owners[owner].flags & HENGE_OWNER_UP);
        }
    }
    henge_reader_end(readers[0]);
    henge_reader_end(readers[1]);
    henge_reader_destroy(readers[0]);
    henge_reader_destroy(readers[1]);
    henge_runtime_destroy(runtime);
}

Test(node, a_silent_node_is_declared_dead_and_its_keys_move, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_node *b = nodes_start(runtime, &config, "b", a);
    struct henge_node *c = nodes_start(runtime, &config, "c", a);
    struct henge_events *events;
    struct henge_event event;
    cr_assert_eq(henge_events_subscribe(a, HENGE_EVENTS_ALL, 256, &events), HENGE_OK);
    cr_assert(nodes_wait_count(b, HENGE_ALIVE, 3));
    henge_node_destroy(c); /* without a leave: a crash to the others */
    cr_assert(wait_event(events, HENGE_MEMBER_SUSPECTED, &event));
    cr_assert_str_eq(event.name, "c");
    cr_assert(wait_event(events, HENGE_MEMBER_FAILED, &event));
    cr_assert_str_eq(event.name, "c");
    cr_assert(wait_event(events, HENGE_TOPOLOGY_CHANGED, &event));
    cr_assert(nodes_wait_count(a, HENGE_DEAD, 1));
    cr_assert(nodes_wait_count(b, HENGE_DEAD, 1));
    cr_assert(wait_equal_rings(a, b));
    henge_events_unsubscribe(events);
    henge_runtime_destroy(runtime);
}

Test(node, a_leave_is_heard_and_never_a_suspicion, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_node *b = nodes_start(runtime, &config, "b", a);
    struct henge_events *events;
    struct henge_event event;
    cr_assert(nodes_wait_count(a, HENGE_ALIVE, 2));
    uint32_t mask = 1u << HENGE_MEMBER_SUSPECTED | 1u << HENGE_MEMBER_LEFT;
    cr_assert_eq(henge_events_subscribe(a, mask, 64, &events), HENGE_OK);
    cr_assert_eq(henge_node_leave(b, NODES_WAIT_MS), HENGE_OK);
    cr_assert(nodes_wait_count(a, HENGE_LEFT, 1));
    henge_node_destroy(b);
    nodes_sleep_ms(1000);
    cr_assert_eq(henge_events_next(events, &event), HENGE_OK);
    cr_assert_eq(event.type, HENGE_MEMBER_LEFT);
    cr_assert_eq(henge_events_next(events, &event), HENGE_EMPTY);

    b = nodes_start(runtime, &config, "b", a);
    cr_assert(nodes_wait_count(a, HENGE_ALIVE, 2), "it may join again");
    henge_events_unsubscribe(events);
    henge_runtime_destroy(runtime);
}

Test(node, it_can_leave_and_join_again_without_being_made_anew, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_node *b = nodes_start(runtime, &config, "b", a);
    struct henge_stats before = {.size_bytes = sizeof(before)};
    struct henge_stats after = before;
    char text[HENGE_ADDRESS_TEXT_BYTES];
    struct henge_address address = henge_node_address(a);
    const char *seeds[] = {henge_address_format(&address, text)};
    cr_assert_eq(henge_stats_get(b, &before), HENGE_OK);
    cr_assert_eq(henge_node_leave(b, NODES_WAIT_MS), HENGE_OK);
    cr_assert(nodes_wait_count(a, HENGE_LEFT, 1));
    cr_assert_eq(henge_node_join(b, seeds, 1, NODES_WAIT_MS), HENGE_OK);
    cr_assert(nodes_wait_count(a, HENGE_ALIVE, 2));
    cr_assert_eq(henge_stats_get(b, &after), HENGE_OK);
    cr_assert_gt(after.generation, before.generation);
    henge_runtime_destroy(runtime);
}

Test(node, metadata_and_weight_reach_the_others, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_node *b = nodes_start(runtime, &config, "b", a);
    struct henge_events *events;
    struct henge_event event;
    cr_assert(nodes_wait_count(a, HENGE_ALIVE, 2));
    cr_assert_eq(henge_events_subscribe(a, 1u << HENGE_MEMBER_UPDATED, 64, &events), HENGE_OK);
    cr_assert_eq(henge_node_set_metadata(b, "shard", "17"), HENGE_OK);
    cr_assert_eq(henge_node_set_metadata(b, "zone", "east"), HENGE_OK);
    cr_assert_eq(henge_node_set_weight(b, 0), HENGE_OK);
    cr_assert_eq(henge_node_set_metadata(b, "none", NULL), HENGE_NOT_FOUND);
    cr_assert_eq(henge_node_set_metadata(b, "a=b", "x"), HENGE_INVALID);
    cr_assert_eq(henge_node_set_weight(b, 101), HENGE_INVALID);
    bool seen = false;
    for (int tries = 0; tries < 50 && !seen; tries++) {
        struct henge_reader *reader;
        const struct henge_view *view;
        struct henge_member member;
        const char *key;
        const char *value;
        cr_assert(wait_event(events, HENGE_MEMBER_UPDATED, &event));
        cr_assert_eq(henge_reader_create(a, NULL, &reader), HENGE_OK);
        henge_reader_begin(reader, &view);
        cr_assert_eq(henge_members_find(view, "b", &member), HENGE_OK);
        seen = henge_member_metadata(&member, 0, &key, &value) == HENGE_OK &&
               strcmp(key, "shard") == 0 && strcmp(value, "17") == 0 &&
               strcmp(member.zone, "east") == 0 && member.weight == 0;
        henge_reader_end(reader);
        henge_reader_destroy(reader);
    }
    cr_assert(seen);
    cr_assert(wait_equal_rings(a, b));
    henge_events_unsubscribe(events);
    henge_runtime_destroy(runtime);
}

Test(node, a_subscriber_that_falls_behind_gets_one_resync, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_events *events;
    struct henge_event event;
    char value[16];
    cr_assert_eq(henge_events_subscribe(a, 1u << HENGE_MEMBER_UPDATED, 16, &events), HENGE_OK);
    for (int change = 0; change < 200; change++) {
        snprintf(value, sizeof(value), "%d", change);
        cr_assert_eq(henge_node_set_metadata(a, "n", value), HENGE_OK);
    }
    uint64_t got = 0;
    uint64_t number = 0;
    event.type = HENGE_EVENT_TYPE_COUNT;
    for (int tries = 0; tries < 3000 && event.type != HENGE_RESYNC; tries++) {
        while (event.type != HENGE_RESYNC && henge_events_next(events, &event) == HENGE_OK) {
            if (event.type == HENGE_MEMBER_UPDATED) {
                cr_assert(number == 0 || event.number == number + 1, "no gap before the resync");
                number = event.number;
                got++;
            }
        }
        nodes_sleep_ms(10);
    }
    cr_assert_eq(event.type, HENGE_RESYNC);
    cr_assert_geq(got, 16);
    cr_assert_gt(event.lost, 0);
    cr_assert_eq(henge_node_set_metadata(a, "n", "end"), HENGE_OK);
    cr_assert(wait_event(events, HENGE_MEMBER_UPDATED, &event), "what is newer follows");
    henge_events_unsubscribe(events);
    henge_runtime_destroy(runtime);
}

Test(node, limits_and_misuse_have_clear_answers, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    char reason[HENGE_REASON_BYTES];
    struct henge_node *node;
    struct henge_reader *readers[3];
    config.nodes_max = 1;
    config.readers_max = 2;
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    cr_assert_eq(henge_runtime_start(runtime), HENGE_INVALID);
    cr_assert_eq(henge_node_create(runtime, &config, &node, reason, sizeof(reason)), HENGE_FULL);
    cr_assert(strstr(reason, "nodes_max"));
    cr_assert_eq(henge_reader_create(a, NULL, &readers[0]), HENGE_OK);
    cr_assert_eq(henge_reader_create(a, NULL, &readers[1]), HENGE_OK);
    cr_assert_eq(henge_reader_create(a, NULL, &readers[2]), HENGE_FULL);
    henge_reader_destroy(readers[1]);
    cr_assert_eq(henge_reader_create(a, NULL, &readers[2]), HENGE_OK);
    const char *nowhere[] = {"127.0.0.1:1"};
    cr_assert_eq(henge_node_join(a, nowhere, 1, 100), HENGE_TIMEOUT);
    cr_assert_eq(henge_node_join(a, NULL, 0, 100), HENGE_INVALID);
    cr_assert_eq(henge_node_leave(a, 1000), HENGE_OK, "a cluster of one leaves at once");
    henge_reader_destroy(readers[0]);
    henge_reader_destroy(readers[2]);
    henge_runtime_stop(runtime);
    cr_assert_eq(henge_node_set_weight(a, 1), HENGE_STOPPED);
    henge_runtime_destroy(runtime);
}

static void count_full(void *context, enum henge_log_level level, const char *line) {
    _Atomic unsigned *lines = context;
    if (level == HENGE_LOG_ERROR && strstr(line, "no room for another member (members_max is 2)")) {
        atomic_fetch_add(lines, 1);
    }
}

Test(node, a_full_table_refuses_says_so_once_and_counts, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    _Atomic unsigned lines = 0;
    struct henge_log log = {sizeof(log), &lines, HENGE_LOG_ERROR, count_full};
    struct henge_runtime_options options = {.size_bytes = sizeof(options), .log = &log};
    struct henge_runtime *runtime;
    struct henge_node *third;
    char reason[HENGE_REASON_BYTES], text[HENGE_ADDRESS_TEXT_BYTES];
    config.members_max = 2;
    cr_assert_eq(henge_runtime_create(&config, &options, &runtime, reason, sizeof(reason)),
                 HENGE_OK, "%s", reason);
    cr_assert_eq(henge_runtime_start(runtime), HENGE_OK);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    (void)nodes_start(runtime, &config, "b", a);
    snprintf(config.name, sizeof(config.name), "c");
    cr_assert_eq(henge_node_create(runtime, &config, &third, reason, sizeof(reason)), HENGE_OK);
    struct henge_address address = henge_node_address(a);
    const char *seeds[] = {henge_address_format(&address, text)};
    for (unsigned tries = 1; tries <= 2; tries++) {
        struct henge_stats stats = {.size_bytes = sizeof(stats)};
        cr_assert_eq(henge_node_join(third, seeds, 1, NODES_WAIT_MS), HENGE_REFUSED);
        cr_assert_eq(henge_stats_get(a, &stats), HENGE_OK);
        cr_assert_geq(stats.members_refused, tries);
    }
    cr_assert(nodes_wait_count(a, HENGE_ALIVE, 2));
    for (int wait = 0; atomic_load(&lines) == 0 && wait < NODES_WAIT_MS / 10; wait++) {
        nodes_sleep_ms(10); /* the answer is sent before the line is written */
    }
    cr_assert_eq(atomic_load(&lines), 1);
    henge_runtime_stop(runtime);
    henge_runtime_destroy(runtime);
}

Test(node, prometheus_text_has_every_metric_once, .timeout = 60) {
    struct henge_config config = nodes_config("a", 1);
    struct henge_runtime *runtime = nodes_runtime(&config);
    char name[HENGE_NAME_BYTES] = "";
    memset(name, 'a', sizeof(name) - 1); /* it stands in every line */
    struct henge_node *a = nodes_start(runtime, &config, name, NULL);
    static char text[16 * 1024];
    size_t bytes;
    cr_assert_eq(henge_stats_prometheus(a, text, sizeof(text), &bytes), HENGE_OK);
    cr_assert_eq(strlen(text), bytes);
    cr_assert_lt(bytes, sizeof(text) - 2048, "room for numbers that have grown");
    cr_assert(strstr(text, "\nhenge_members_alive{node=\"aaa"));
    cr_assert_eq(henge_stats_prometheus(a, text, 100, &bytes), HENGE_FULL);
    henge_runtime_destroy(runtime);
}

Test(node, a_long_section_delays_publication_and_is_named, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    struct henge_reader *reader;
    const struct henge_view *view;
    char value[16];
    config.live_views_max = 3;
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    cr_assert_eq(henge_reader_create(a, "sleeper", &reader), HENGE_OK);
    henge_reader_begin(reader, &view);
    uint64_t number = henge_view_number(view);
    for (int change = 0; change < 20; change++) {
        snprintf(value, sizeof(value), "%d", change);
        cr_assert_eq(henge_node_set_metadata(a, "n", value), HENGE_OK);
        nodes_sleep_ms(20);
    }
    cr_assert_eq(henge_view_number(view), number);
    cr_assert_eq(henge_stats_get(a, &stats), HENGE_OK);
    cr_assert_gt(stats.views_delayed, 0);
    cr_assert_str_eq(stats.oldest_section_reader, "sleeper");
    cr_assert_leq(stats.view_number - number, 2, "live_views_max holds");
    henge_reader_end(reader);
    bool is_current = false;
    for (int tries = 0; tries < 3000 && !is_current; tries++) {
        struct henge_member member;
        const char *key;
        const char *text;
        henge_reader_begin(reader, &view);
        cr_assert_eq(henge_members_find(view, "a", &member), HENGE_OK);
        is_current =
            henge_member_metadata(&member, 0, &key, &text) == HENGE_OK && strcmp(text, "19") == 0;
        henge_reader_end(reader);
        nodes_sleep_ms(10);
    }
    cr_assert(is_current, "the newest comes through as soon as the section has ended");
    henge_reader_destroy(reader);
    henge_runtime_destroy(runtime);
}
