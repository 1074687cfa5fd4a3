/* Reports and timelines: what a reader or a program finds in them. */
#include "tests/unit/sim_runs/reading.h"
#include "tools/sim/report.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(pictures, .fini = reading_close, .timeout = 120);

static struct run_result result;

static struct timeline *run(const char *text) {
    struct timeline *timeline = timeline_create();
    struct run_options options = {.mask = CHECKERS_ALL, .timeline = timeline};
    reading_whole(text);
    run_scenario(&reading, &options, &result);
    cr_assert(timeline && result.is_done);
    return timeline;
}

static char *drawn(const struct timeline *timeline, bool is_svg) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    cr_assert(out);
    cr_expect(is_svg ? timeline_write_svg(timeline, "a < b & c", out)
                     : timeline_write_text(timeline, out));
    cr_assert_eq(fclose(out), 0);
    return text;
}

static const char crash[] =
    "nodes 8\nduration 60\nat 20 crash 5\nat 40 restart 5 after 0 through 0\n"
    "at 20 loss-in 2 50% for 10\nat 10 loss 1% for 5\n";

static uint32_t count(const char *text, const char *what) {
    uint32_t found = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        found++;
    }
    return found;
}

Test(pictures, the_text_shows_who_was_held_dead) {
    struct timeline *timeline = run(crash);
    char *text = drawn(timeline, false);
    const char *row = strstr(text, "n5 ");
    const char *other = strstr(text, "n6 ");
    cr_assert(row && other);
    cr_expect_gt(strcspn(row, "X"), 20, "%s", text);
    cr_expect_lt(strcspn(row, "X"), 40);
    cr_expect_lt(strcspn(row, "\n"), 100);
    cr_expect_gt(count(strstr(text, "n2 "), "~"), 5, "n2 is under a fault");
    cr_expect_eq(count(row, "~"), 0);
    cr_expect_eq(count(other, "X"), 0);
    free(text);
    timeline_destroy(timeline);
}

Test(pictures, the_svg_is_whole_and_the_same_every_time) {
    struct timeline *timeline = run(crash);
    char *text = drawn(timeline, true);
    cr_expect_eq(strncmp(text, "<svg xmlns=", 11), 0);
    cr_expect_str_eq(text + strlen(text) - 7, "</svg>\n");
    cr_expect(strstr(text, "a &lt; b &amp; c"));
    cr_expect_eq(count(text, "<title>"), 8 + 1 + 1 + 1 + 1, "starts, crash, restart, two losses");
    cr_expect_eq(count(text, "<rect"), count(text, "/>") + count(text, "</rect>"));
    cr_expect_eq(count(text, "http"), 1, "the name of the format, and no asset from outside");
    cr_expect(strstr(text, ">n5</text>"));
    char *again = drawn(timeline, true);
    cr_expect_str_eq(text, again);
    free(text);
    free(again);
    timeline_destroy(timeline);
}

/* Two columns become one when there are too many: 48 h fit. */
Test(pictures, a_long_run_has_wider_columns) {
    struct timeline *timeline = run("nodes 3\nduration 9000\nat 8000 pause 2 for 800\n");
    char *text = drawn(timeline, false);
    cr_expect(strstr(text, "0 to 8992 s") || strstr(text, "0 to 9000 s"), "%.200s", text);
    cr_expect_geq(count(strstr(text, "n2 "), "X"), 1);
    free(text);
    timeline_destroy(timeline);
}

Test(pictures, too_many_hosts_make_no_picture) {
    struct timeline *timeline = timeline_create();
    struct run_options options = {.timeline = timeline};
    reading_whole("nodes 513\nduration 1\n");
    run_scenario(&reading, &options, &result);
    cr_expect_not(result.is_done);
    timeline_destroy(timeline);
}

static json_t *report_of(const char *text) {
    struct run_options options = {.mask = CHECKERS_ALL};
    reading_whole(text);
    run_scenario(&reading, &options, &result);
    struct report_head head = {
        .scenario = "s", .replay = "henge sim --seed 1", .settings = &reading.settings};
    return report_json(&head, &result);
}

Test(pictures, json_has_its_keys) {
    static const char *const keys[] = {"seed",
                                       "replay",
                                       "trace_hash",
                                       "nodes",
                                       "profile",
                                       "scenario",
                                       "virtual_s",
                                       "wall_s",
                                       "events",
                                       "violations",
                                       "violations_count",
                                       "converged",
                                       "converged_ms",
                                       "verdicts",
                                       "false_positives",
                                       "false_positives_healthy",
                                       "verdicts_on_faulty",
                                       "verdicts_on_down",
                                       "dead_seen_healthy",
                                       "dead_seen_faulty",
                                       "interrupted",
                                       "liveness_unjudged",
                                       "crashes",
                                       "undetected",
                                       "detect_ms",
                                       "detect_first_ms",
                                       "detect_all_ms",
                                       "outages",
                                       "outage_ms",
                                       "outage_first_ms",
                                       "dissemination_ms",
                                       "updates",
                                       "undelivered",
                                       "update_bytes",
                                       "ring_versions_max",
                                       "ring_versions_max_faulty",
                                       "faulty_owners",
                                       "views_distinct",
                                       "views_at_end",
                                       "packets_per_node_s",
                                       "bytes_per_node_s",
                                       "stream_bytes",
                                       "memory_bytes",
                                       "bytes_per_member"};
    json_t *object = report_of("nodes 8\nduration 40\nat 20 crash 5\n");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        cr_expect(json_object_get(object, keys[i]), "%s", keys[i]);
    }
    cr_expect_eq(json_object_size(object), sizeof(keys) / sizeof(keys[0]));
    json_t *detect = json_object_get(object, "detect_ms");
    cr_expect_gt(json_real_value(json_object_get(detect, "median")), 1000);
    cr_expect_eq(json_integer_value(json_object_get(detect, "count")), 7);
    cr_expect(json_is_null(json_object_get(json_object_get(object, "outage_ms"), "median")));
    cr_expect_eq(strlen(json_string_value(json_object_get(object, "trace_hash"))), 16);
    cr_expect_eq(json_array_size(json_object_get(object, "violations")), 0);
    json_decref(object);
}

Test(pictures, violations_say_when_where_and_what) {
    struct report_head head = {.scenario = "", .replay = "henge sim --seed 1"};
    reading_whole("nodes 8\nduration 10\n");
    head.settings = &reading.settings;
    result = (struct run_result){.is_done = true, .violations_count = 1, .violations_kept = 1};
    result.violations[0] = (struct violation){
        .at_ns = 1500 * NS_PER_MS, .host = 3, .subject = SIM_NOBODY, .invariant = 8, .text = "so"};
    json_t *object = report_json(&head, &result);
    json_t *first = json_array_get(json_object_get(object, "violations"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(first, "node")), "n3");
    cr_expect(json_is_null(json_object_get(first, "about")));
    cr_expect_eq(json_real_value(json_object_get(first, "at_ms")), 1500);
    cr_expect_str_eq(json_string_value(json_object_get(first, "text")), "so");
    json_decref(object);
    char text[2048] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");
    cr_assert(out);
    report_text(&head, &result, out);
    fclose(out);
    cr_expect_eq(strncmp(text, "seed 1 FAILS: 1 violations\n  henge sim --seed 1\n", 47), 0,
                 "the seed and its command come first: %s", text);
    cr_expect(strstr(text, "1.500 s  I8 no-false-death  at n3: so"), "%s", text);
}
