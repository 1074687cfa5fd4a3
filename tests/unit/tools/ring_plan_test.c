/* ring_plan_test.c - what-ifs: what is told of them, and what is refused. */
#include "tools/json_tools.h"
#include "tools/ring_plan.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { MEMBERS = 12 };

static struct henge_ring_member members[MEMBERS + 1];
static char names[MEMBERS + 1][32];
static struct henge_ring_parameters parameters;

static struct ring_plan plan_of(size_t count, size_t zones) {
    static const char *const texts[] = {"a", "b", "c", "d"};
    parameters = (struct henge_ring_parameters){.size_bytes = sizeof(parameters), .salt = {7}};
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof(names[i]), "n%zu", i);
        members[i] = (struct henge_ring_member){.size_bytes = sizeof(members[i]),
                                                .name = names[i],
                                                .zone = texts[i % zones],
                                                .vnodes = 50,
                                                .weight = 1,
                                                .ring_state = HENGE_RING_ACTIVE};
    }
    return (struct ring_plan){
        .parameters = &parameters, .members = members, .count = count, .vnodes = 50};
}

static json_t *planned(const struct ring_plan *plan, const char *text) {
    struct ring_plan_reason reason = {""};
    json_t *request = json_loads(text, 0, NULL);
    cr_assert_not_null(request);
    json_t *document = ring_plan_json(plan, request, &reason);
    cr_assert_not_null(document, "%s", reason.text);
    json_decref(request);
    return document;
}

static double number(const json_t *document, const char *side, const char *key) {
    return json_fraction(side == NULL ? document : json_object_get(document, side), key, -1);
}

static const json_t *member_of(const json_t *document, const char *name) {
    size_t index;
    json_t *member;
    json_array_foreach(json_object_get(document, "members"), index, member) {
        if (strcmp(json_text(member, "name", ""), name) == 0) {
            return member;
        }
    }
    cr_assert_fail("%s is not told of", name);
    return NULL;
}

static double sum(const json_t *document, const char *key) {
    double all = 0;
    size_t index;
    json_t *member;
    json_array_foreach(json_object_get(document, "members"), index, member) {
        all += json_fraction(member, key, 0);
    }
    return all;
}

static void check_sums(const json_t *document) {
    static const char *const keys[] = {"share_before", "share_after", "replicas_before",
                                       "replicas_after"};
    for (size_t i = 0; i < 4; i++) {
        cr_assert_float_eq(sum(document, keys[i]), 1, 1e-9, "%s", keys[i]);
    }
}

Test(ring_plan, of_nothing_moves_nothing) {
    const struct ring_plan plan = plan_of(MEMBERS, 3);
    json_t *document = planned(&plan, "{}");
    cr_assert_eq(json_number(document, "moves", -1), 0);
    cr_assert(number(document, NULL, "moved") == 0 && number(document, NULL, "copies") == 0);
    cr_assert(json_equal(json_object_get(document, "before"), json_object_get(document, "after")));
    cr_assert_eq(json_array_size(json_object_get(document, "members")), MEMBERS);
    check_sums(document);
    json_decref(document);
}

/* The ring after is the ring of those members: as if they had been there all along. */
Test(ring_plan, of_one_who_comes_is_what_it_will_own) {
    struct ring_plan plan = plan_of(MEMBERS, 3);
    json_t *document = planned(&plan, "{\"add\":[{\"name\":\"n12\",\"zone\":\"a\"}]}");
    const json_t *member = member_of(document, "n12");
    cr_assert_float_eq(json_fraction(member, "share_after", 0), number(document, NULL, "moved"),
                       1e-9);
    cr_assert_eq(json_number(member, "weight_before", -1), 0);
    cr_assert_eq(json_number(member, "weight_after", -1), 1);
    cr_assert_eq(number(document, "after", "members_count"), MEMBERS + 1);
    check_sums(document);
    plan = plan_of(MEMBERS + 1, 3);
    json_t *then = planned(&plan, "{}");
    cr_assert_str_eq(json_text(json_object_get(document, "after"), "ring_fingerprint", ""),
                     json_text(json_object_get(then, "before"), "ring_fingerprint", "-"));
    json_decref(document);
    json_decref(then);
}

Test(ring_plan, of_one_who_goes_and_one_who_weighs_more) {
    const struct ring_plan plan = plan_of(MEMBERS, 3);
    json_t *document = planned(&plan, "{\"remove\":[\"n3\"],\"count\":2,"
                                      "\"weights\":[{\"name\":\"n5\",\"weight\":4}]}");
    cr_assert_eq(json_number(document, "count", 0), 2);
    const json_t *gone = member_of(document, "n3");
    cr_assert_gt(json_fraction(gone, "share_before", 0), 0.01);
    cr_assert(json_fraction(gone, "share_after", 1) == 0);
    cr_assert(json_fraction(gone, "replicas_after", 1) == 0);
    const json_t *heavy = member_of(document, "n5");
    cr_assert_gt(json_fraction(heavy, "share_after", 0), json_fraction(heavy, "share_before", 1));
    cr_assert_eq(json_number(heavy, "weight_after", 0), 4);
    const double grown =
        json_fraction(heavy, "share_after", 0) - json_fraction(heavy, "share_before", 0);
    cr_assert_geq(number(document, NULL, "moved"), grown);
    cr_assert_leq(number(document, NULL, "moved"),
                  grown + json_fraction(gone, "share_before", 0) + 1e-9);
    cr_assert_geq(number(document, NULL, "lists_moved"), number(document, NULL, "moved"));
    cr_assert_lt(number(document, "after", "balance"), 2, "its load is due to its weight");
    check_sums(document);
    json_decref(document);
}

/* The last members of a zone go: three owners are left with two zones. */
Test(ring_plan, tells_when_zones_are_too_few) {
    const struct ring_plan plan = plan_of(6, 3);
    json_t *document = planned(&plan, "{\"remove\":[\"n2\",\"n5\"]}");
    cr_assert_eq(number(document, "before", "owners_per_key"), 3);
    cr_assert_eq(number(document, "before", "zones_per_key"), 3);
    cr_assert_eq(number(document, "after", "owners_per_key"), 3);
    cr_assert_eq(number(document, "after", "zones_per_key"), 2);
    json_decref(document);
}

Test(ring_plan, of_all_who_go_and_of_nobody_who_is_there) {
    struct ring_plan plan = plan_of(2, 1);
    json_t *document = planned(&plan, "{\"remove\":[\"n0\",\"n1\"]}");
    cr_assert(number(document, NULL, "moved") == 1 && number(document, NULL, "copies") == 0);
    cr_assert_eq(number(document, "after", "owners_per_key"), 0);
    json_decref(document);
    plan = plan_of(0, 1);
    document = planned(&plan, "{\"add\":[{\"name\":\"x\"}]}");
    cr_assert(number(document, NULL, "moved") == 1 && number(document, NULL, "copies") == 1);
    json_decref(document);
}

Test(ring_plan, says_what_cannot_be) {
    static const char *const requests[][2] = {
        {"{\"count\":0}", "1 to 8"},
        {"{\"count\":9}", "1 to 8"},
        {"{\"remove\":[\"nobody\"]}", "nobody"},
        {"{\"remove\":[\"n1\",\"n1\"]}", "n1"},
        {"{\"remove\":[7]}", "remove[0]: a text is wanted, not a whole number"},
        {"{\"count\":\"3\"}", "count: a whole number is wanted, not a text"},
        {"{\"add\":{\"name\":\"x\"}}", "add: a list is wanted, not an object"},
        {"{\"add\":[{\"name\":\"x\"},\"y\"]}", "add[1]: an object is wanted, not a text"},
        {"{\"add\":[{\"name\":\"x\"},{\"name\":7}]}", "add[1].name: a text"},
        {"{\"add\":[{\"name\":\"x\",\"zone\":null}]}", "add[0].zone: a text is wanted, not null"},
        {"{\"add\":[{\"name\":\"x\",\"weight\":\"2\"}]}", "add[0].weight: a whole number"},
        {"{\"remove\":\"n1\"}", "remove: a list is wanted, not a text"},
        {"{\"weights\":[{\"name\":\"n1\",\"weight\":1.5}]}",
         "weights[0].weight: a whole number is wanted, not a number with a fraction"},
        {"{\"weights\":[{\"name\":\"n1\",\"weight\":2},{\"name\":true,\"weight\":2}]}",
         "weights[1].name: a text is wanted, not true"},
        {"{\"weights\":[{\"name\":\"n1\"}]}", "0 to 100"},
        {"{\"weights\":[{\"name\":\"nobody\",\"weight\":1}]}", "nobody"},
        {"{\"weights\":[{\"name\":\"n1\",\"weight\":101}]}", "0 to 100"},
        {"{\"weights\":[{\"name\":\"n1\",\"weight\":-1}]}", "0 to 100"},
        {"{\"add\":[{\"name\":\"n1\"}]}", "already"},
        {"{\"add\":[{\"name\":\"x\"},{\"name\":\"x\"}]}", "already"},
        {"{\"add\":[{}]}", "a name"},
        {"{\"add\":[{\"name\":\"x\",\"weight\":101}]}", "0 to 100"},
        {"{\"add\":[{\"name\":\"0123456789012345678901234567890123456789"
         "012345678901234567890123\"}]}",
         "a name"},
    };
    const struct ring_plan plan = plan_of(3, 3);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct ring_plan_reason reason = {""};
        json_t *request = json_loads(requests[i][0], 0, NULL);
        cr_assert_not_null(request);
        cr_assert_null(ring_plan_json(&plan, request, &reason), "%s", requests[i][0]);
        cr_assert_not_null(strstr(reason.text, requests[i][1]), "%s: %s", requests[i][0],
                           reason.text);
        json_decref(request);
    }
}
