/* json_test.c - the documents have the keys that others rely on, in all their cases. */
#include "tests/unit/tools/fake_library.h"
#include "tools/json_tools.h"
#include "tools/json_view.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct henge_view *const no_view = NULL; /* the fakes look at nothing in it */

static void member_add(const char *name, uint32_t slot, const char *zone) {
    fake.members[fake.members_count++] =
        (struct henge_member){.name = name,
                              .address = {.port = (uint16_t)(7000 + slot), .family = 4},
                              .generation = 1700000000000000u,
                              .version = 3,
                              .status = HENGE_ALIVE,
                              .ring_state = HENGE_RING_ACTIVE,
                              .weight = 1,
                              .vnodes = 100,
                              .slot = slot,
                              .role = "",
                              .region = "eu",
                              .zone = zone,
                              .rtt_us = 120,
                              .last_seen_ms = 40};
}

/* The document as its --json line, to be compared as a whole. */
static void expect_line(json_t *document, const char *wanted) {
    size_t bytes = 0;
    char *line = json_line(document, &bytes);
    cr_expect_str_eq(line, wanted);
    cr_expect_eq(bytes, strlen(line));
    free(line);
    json_decref(document);
}

Test(json, members_have_the_documented_keys) {
    member_add("n1", 0, "a");
    fake.members[0].is_self = true;
    fake.members[0].last_seen_ms = UINT64_MAX;
    fake.members[0].metadata_count = 1;
    fake.metadata_key = "disk";
    fake.metadata_value = "ssd";
    static const uint8_t choices[] = {0x0f, 0xa1};
    fake.members[0].choices = choices;
    fake.members[0].choices_bytes = 2;
    expect_line(json_members(no_view),
                "{\"members\": [{\"name\": \"n1\", \"address\": \"127.0.0.1:7000\", "
                "\"status\": \"ALIVE\", \"ring_state\": \"active\", \"zone\": \"a\", "
                "\"region\": \"eu\", \"role\": \"\", \"weight\": 1, "
                "\"vnodes\": 100, \"choices\": \"0fa1\", "
                "\"generation\": 1700000000000000, \"version\": 3, \"rtt_us\": 120, "
                "\"last_seen_ms\": null, \"metadata\": {\"disk\": \"ssd\"}}], \"view\": 12, "
                "\"self\": \"n1\"}\n");
}

Test(json, text_that_is_not_utf8_costs_neither_key_nor_document) {
    member_add("n1", 0, "zo\xffne");
    fake.members[0].metadata_count = 1;
    fake.metadata_key = "\xfe";
    fake.metadata_value = "\x80x";
    json_t *document = json_members(no_view);
    json_t *member = json_array_get(json_object_get(document, "members"), 0);
    cr_expect_str_eq(json_text(member, "zone", ""), "zo?ne");
    cr_expect_str_eq(json_text(json_object_get(member, "metadata"), "?", ""), "?x");
    json_decref(document);
}

Test(json, a_lookup_names_its_owners_in_order) {
    member_add("n1", 0, "a");
    member_add("n2", 5, "b");
    member_add("n3", 3, "c");
    struct henge_route route = {.owners_count = 3,
                                .owners = {{.slot = 5, .flags = HENGE_OWNER_UP},
                                           {.slot = 0, .flags = HENGE_OWNER_LEAVING},
                                           {.slot = 99, .flags = HENGE_OWNER_UP}},
                                .pending_count = 2,
                                .pending = {{.slot = 3, .flags = HENGE_OWNER_UP, .replaces = 0},
                                            {.slot = 99, .replaces = 0}}};
    expect_line(json_lookup(no_view, "k\"1", 0x1fu, &route),
                "{\"key\": \"k\\\"1\", \"hash\": \"000000000000001f\", \"ring_version\": 7, "
                "\"ring_fingerprint\": \"00000000000000ab\", \"owners\": [{\"name\": \"n2\", "
                "\"address\": \"127.0.0.1:7005\", \"zone\": \"b\", \"up\": true, "
                "\"leaving\": false}, "
                "{\"name\": \"n1\", \"address\": \"127.0.0.1:7000\", \"zone\": \"a\", "
                "\"up\": false, \"leaving\": true}], \"pending\": [{\"name\": \"n3\", "
                "\"address\": \"127.0.0.1:7003\", \"zone\": \"c\", \"up\": true, "
                "\"replaces\": \"n1\"}]}\n");
}

Test(json, shares_of_the_ring_add_up_and_the_balance_is_max_by_mean) {
    const uint64_t quarter = UINT64_C(1) << 62;
    member_add("n1", 0, "a");
    member_add("n2", 1, "b");
    member_add("idle", 2, "c");
    fake.ranges[0] = (struct henge_ring_range){.after = 3 * quarter, .until = 0, .slot = 0};
    fake.ranges[1] = (struct henge_ring_range){.after = 0, .until = quarter, .slot = 1};
    fake.ranges[2] = (struct henge_ring_range){.after = quarter, .until = 3 * quarter, .slot = 0};
    fake.ranges[3] =
        (struct henge_ring_range){.after = 3 * quarter, .until = 3 * quarter, .slot = 1};
    fake.ranges_count = 4;
    enum henge_status status = HENGE_INVALID;
    json_t *document = json_ring(no_view, true, &status);
    cr_assert_eq(status, HENGE_OK);
    json_t *members = json_object_get(document, "members");
    cr_assert_eq(json_array_size(members), 2, "idle owns nothing");
    cr_expect_lt(fabs(json_fraction(json_array_get(members, 0), "share", 0) - 0.75), 1e-12);
    cr_expect_lt(fabs(json_fraction(json_array_get(members, 1), "share", 0) - 0.25), 1e-12);
    cr_expect_eq(json_number(json_array_get(members, 1), "points", 0), 2);
    cr_expect_lt(fabs(json_fraction(document, "balance", 0) - 1.5), 1e-12);
    cr_expect_eq(json_array_size(json_object_get(document, "ranges")), 4);
    const json_t *range = json_array_get(json_object_get(document, "ranges"), 1);
    cr_expect_str_eq(json_text(range, "until", ""), "4000000000000000");
    cr_expect_str_eq(json_text(range, "owner", ""), "n2");
    json_decref(document);
}

static void expect_step(const json_t *explain, size_t index, int64_t range, const char *name,
                        const char *verdict) {
    const json_t *step = json_array_get(json_object_get(explain, "walk"), index);
    cr_expect_eq(json_number(step, "range", -1), range);
    cr_expect_str_eq(json_text(step, "name", ""), name);
    cr_expect_str_eq(json_text(step, "verdict", ""), verdict);
}

/* n1 and n2 share a zone; n3 has another one, and is met after n2 and n1 again. */
Test(json, an_explanation_is_the_walk_to_the_last_owner) {
    member_add("n1", 0, "a");
    member_add("n2", 1, "a");
    member_add("n3", 2, "b");
    const uint32_t slots[] = {2, 1, 0, 1, 0};
    for (size_t i = 0; i < 5; i++) {
        fake.ranges[i] = (struct henge_ring_range){
            .after = i == 0 ? 500 : 100 * i, .until = 100 * (i + 1), .slot = slots[i]};
    }
    fake.ranges_count = 5;
    struct henge_route route = {
        .hash = 201, .owners_count = 2, .owners = {{.slot = 0}, {.slot = 2}}};
    json_t *explain = json_explain(no_view, &route);
    cr_expect_eq(json_number(explain, "range", -1), 2);
    cr_expect_eq(json_number(explain, "ranges_count", -1), 5);
    cr_expect_str_eq(json_text(explain, "after", ""), "00000000000000c8");
    cr_expect_not(json_flag(explain, "is_cut"));
    cr_assert_eq(json_array_size(json_object_get(explain, "walk")), 4);
    expect_step(explain, 0, 2, "n1", "owner 1");
    expect_step(explain, 1, 3, "n2", "zone taken");
    expect_step(explain, 2, 4, "n1", "again");
    expect_step(explain, 3, 0, "n3", "owner 2");
    json_decref(explain);
    route.hash = 501; /* behind the last: the first range, which wraps around */
    explain = json_explain(no_view, &route);
    cr_expect_eq(json_number(explain, "range", -1), 0);
    json_decref(explain);
    fake.ranges_count = 0;
    explain = json_explain(no_view, &(struct henge_route){.hash = 7});
    cr_expect_eq(json_array_size(json_object_get(explain, "walk")), 0);
    cr_expect_null(json_object_get(explain, "range"));
    json_decref(explain);
}

Test(json, a_single_point_is_the_whole_circle) {
    member_add("n1", 0, "a");
    fake.ranges[0] = (struct henge_ring_range){.after = 77, .until = 77, .slot = 0};
    fake.ranges_count = 1;
    enum henge_status status = HENGE_INVALID;
    json_t *document = json_ring(no_view, false, &status);
    json_t *members = json_object_get(document, "members");
    cr_expect_eq(json_fraction(json_array_get(members, 0), "share", 0), 1.0);
    cr_expect_null(json_object_get(document, "ranges"));
    json_decref(document);
}

Test(json, too_many_ranges_are_refused) {
    enum henge_status status = HENGE_OK;
    fake.points_count = JSON_RANGES_MAX + 1u;
    cr_expect_null(json_ring(no_view, true, &status));
    cr_expect_eq(status, HENGE_FULL);
}

Test(json, info_has_the_documented_keys_and_every_counter) {
    static const char *const keys[] = {"name",
                                       "address",
                                       "view",
                                       "ring_version",
                                       "ring_fingerprint",
                                       "agreement",
                                       "members_alive",
                                       "members_suspect",
                                       "members_dead",
                                       "members_left",
                                       "health",
                                       "transport",
                                       "transport_reason",
                                       "threads",
                                       "insecure",
                                       "label",
                                       "fingerprint",
                                       "pid",
                                       "generation",
                                       "version",
                                       "is_joined",
                                       "is_partitioned",
                                       "has_name_conflict",
                                       "view_number",
                                       "packets_received",
                                       "packets_forged",
                                       "packets_malformed",
                                       "accusations",
                                       "verdicts",
                                       "evictions",
                                       "leaves_refused",
                                       "members_refused",
                                       "rings_refused",
                                       "rings_put_off",
                                       "refutations",
                                       "pauses",
                                       "views_published",
                                       "oldest_section_reader",
                                       "memory_bytes",
                                       "turns_io",
                                       "wakes",
                                       "metadata",
                                       "profile",
                                       "zone"};
    member_add("n1", 0, "a");
    struct henge_config config = {.threads = 3, .insecure = 1, .label = "blue"};
    struct henge_stats stats = {.agreement_permille = 750, .wakes = 9, .generation = 5};
    json_t *document = json_info(NULL, no_view, &config, &stats);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        cr_expect_not_null(json_object_get(document, keys[i]), "%s is missing", keys[i]);
    }
    cr_expect_eq(json_fraction(document, "agreement", 0), 0.75);
    cr_expect_eq(json_number(document, "wakes", 0), 9);
    cr_expect_str_eq(json_text(document, "fingerprint", ""), "fedcba9876543210");
    cr_expect_str_eq(json_text(document, "address", ""), "127.0.0.1:7946");
    cr_expect(json_flag(document, "insecure"));
    json_decref(document);
}

Test(json, each_kind_of_event_has_its_own_keys) {
    struct henge_event event = {.type = HENGE_MEMBER_JOINED,
                                .number = 4,
                                .time_ms = 1000,
                                .name = "n2",
                                .address = {.port = 1, .family = 4},
                                .generation = 8,
                                .version = 2};
    expect_line(json_event(&event),
                "{\"event\": \"member-joined\", \"number\": 4, \"time_ms\": 1000, \"name\": "
                "\"n2\", \"address\": \"127.0.0.1:1\", \"generation\": 8, \"version\": 2}\n");
    event = (struct henge_event){.type = HENGE_TOPOLOGY_CHANGED,
                                 .number = 5,
                                 .time_ms = 1001,
                                 .ring_version_old = 1,
                                 .ring_version_new = 2,
                                 .ring_fingerprint = 0xffu};
    expect_line(json_event(&event),
                "{\"event\": \"topology-changed\", \"number\": 5, \"time_ms\": 1001, "
                "\"ring_version_old\": 1, \"ring_version_new\": 2, \"ring_fingerprint\": "
                "\"00000000000000ff\"}\n");
    event = (struct henge_event){.type = HENGE_RESYNC, .number = 6, .time_ms = 1002, .lost = 3};
    expect_line(json_event(&event),
                "{\"event\": \"resync\", \"number\": 6, \"time_ms\": 1002, \"lost\": 3}\n");
    event = (struct henge_event){
        .type = HENGE_PARTITIONED, .number = 7, .time_ms = 1003, .is_partitioned = true};
    expect_line(json_event(&event), "{\"event\": \"partitioned\", \"number\": 7, \"time_ms\": "
                                    "1003, \"is_partitioned\": true}\n");
    event.is_partitioned = false;
    expect_line(json_event(&event), "{\"event\": \"partitioned\", \"number\": 7, \"time_ms\": "
                                    "1003, \"is_partitioned\": false}\n");
    event = (struct henge_event){.type = HENGE_NAME_CONFLICT,
                                 .number = 8,
                                 .time_ms = 1004,
                                 .name = "n1",
                                 .address = {.port = 3, .family = 4},
                                 .generation = 9};
    expect_line(json_event(&event),
                "{\"event\": \"name-conflict\", \"number\": 8, \"time_ms\": 1004, \"name\": "
                "\"n1\", \"address\": \"127.0.0.1:3\", \"generation\": 9, \"version\": 0}\n");
}
