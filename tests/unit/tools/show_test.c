/* show_test.c - the daemon's documents as people read them. */
#include "tools/henge_show.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *shown(void (*show)(const json_t *document, FILE *out), const char *json) {
    json_error_t error;
    char *text = NULL;
    size_t bytes = 0;
    json_t *document = json_loads(json, 0, &error);
    cr_assert_not_null(document, "%s", error.text);
    FILE *out = open_memstream(&text, &bytes);
    show(document, out);
    fclose(out);
    json_decref(document);
    return text;
}

Test(show, members) {
    char *text = shown(
        show_members,
        "{\"members\":[{\"name\":\"n1\",\"address\":\"127.0.0.1:1\",\"status\":\"ALIVE\","
        "\"ring_state\":\"active\",\"zone\":\"a\",\"role\":\"\",\"generation\":5,\"version\":0,"
        "\"rtt_us\":0,\"last_seen_ms\":null},"
        "{\"name\":\"n2\",\"address\":\"127.0.0.1:20\",\"status\":\"SUSPECT\","
        "\"ring_state\":\"active\",\"zone\":\"\",\"role\":\"db\",\"generation\":6,\"version\":2,"
        "\"rtt_us\":1250,\"last_seen_ms\":4500},"
        "{\"name\":\"n3\",\"address\":\"127.0.0.1:3\",\"status\":\"DEAD\","
        "\"ring_state\":\"active\",\"zone\":\"\",\"role\":\"\",\"generation\":6,\"version\":2,"
        "\"rtt_us\":800,\"last_seen_ms\":null}],\"view\":9,\"self\":\"n1\"}");
    cr_expect_str_eq(text,
                     "NAME  ADDRESS       STATUS   RING    ZONE  ROLE  INCARNATION     RTT   SEEN\n"
                     "n1    127.0.0.1:1   ALIVE    active  a     -     5.0               -   self\n"
                     "n2    127.0.0.1:20  SUSPECT  active  -     db    6.2          1.2 ms  4.5 s\n"
                     "n3    127.0.0.1:3   DEAD     active  -     -     6.2          800 us  never\n"
                     "3 members in view 9 of n1\n");
    free(text);
}

Test(show, a_lookup_that_finds_owners_and_one_that_does_not) {
    char *text =
        shown(show_lookup,
              "{\"key\":\"k\",\"hash\":\"0f\",\"ring_version\":3,\"ring_fingerprint\":"
              "\"ab\",\"owners\":[{\"name\":\"n2\",\"address\":\"127.0.0.1:2\",\"zone\":"
              "\"b\",\"up\":true},{\"name\":\"n1\",\"address\":\"127.0.0.1:1\",\"zone\":"
              "\"\",\"up\":false,\"leaving\":true}],\"pending\":[{\"name\":\"n3\",\"address\":"
              "\"127.0.0.1:3\",\"zone\":\"c\",\"up\":true,\"replaces\":\"n1\"},"
              "{\"name\":\"n4\",\"address\":\"127.0.0.1:4\",\"replaces\":\"\"}]}");
    cr_expect_str_eq(text, "key k  hash 0f  ring version 3  fingerprint ab\n"
                           "#  OWNER  ADDRESS      ZONE  UP\n"
                           "1  n2     127.0.0.1:2  b     up\n"
                           "2  n1     127.0.0.1:1  -     down, leaving\n"
                           "pending: n3 at 127.0.0.1:3, takes the place of n1\n"
                           "pending: n4 at 127.0.0.1:4, in a new place\n");
    free(text);
    text = shown(show_lookup, "{\"key\":\"k\",\"hash\":\"0f\",\"ring_version\":3,"
                              "\"ring_fingerprint\":\"ab\",\"owners\":[]}");
    cr_expect_not_null(strstr(text, "nobody owns it"));
    free(text);
}

Test(show, events_in_one_line_each) {
    char *text = shown(show_event, "{\"event\":\"member-left\",\"number\":4,\"time_ms\":1007,"
                                   "\"name\":\"n2\",\"address\":\"127.0.0.1:2\",\"generation\":8,"
                                   "\"version\":2}");
    cr_expect_not_null(
        strstr(text, ".007       4  member-left       n2  127.0.0.1:2  incarnation 8.2\n"));
    free(text);
    text = shown(show_event, "{\"event\":\"resync\",\"number\":4,\"time_ms\":7,\"lost\":12}");
    cr_expect_not_null(strstr(text, "12 events were lost\n"));
    free(text);
    text = shown(show_event, "{\"event\":\"partitioned\",\"is_partitioned\":true}");
    cr_expect_not_null(strstr(text, "seems cut off"));
    free(text);
    text = shown(show_event, "{\"event\":\"partitioned\",\"is_partitioned\":false}");
    cr_expect_not_null(strstr(text, "in touch again"));
    free(text);
    text = shown(show_event, "{\"event\":\"name-conflict\",\"name\":\"n1\",\"address\":"
                             "\"127.0.0.1:3\",\"generation\":9}");
    cr_expect_not_null(strstr(text, "n1 lives at 127.0.0.1:3 too, generation 9\n"));
    free(text);
}

Test(show, a_document_without_the_expected_keys_is_no_crash) {
    char *text = shown(show_members, "{}");
    cr_expect_not_null(strstr(text, "0 members"));
    free(text);
    free(shown(show_lookup, "{\"owners\":[1,{}]}"));
    free(shown(show_ring, "{\"members\":[null],\"ranges\":[{}]}"));
    free(shown(show_event, "{}"));
    free(shown(show_info, "{\"a\":null,\"b\":[1],\"c\":1.5}"));
}

Test(show, why_a_key_has_its_owners) {
    char *text = shown(
        show_lookup,
        "{\"key\":\"k\",\"hash\":\"0f\",\"ring_version\":3,\"ring_fingerprint\":\"ab\",\"owners\":[{"
        "\"name\":\"n2\",\"address\":\"127.0.0.1:2\",\"zone\":\"b\",\"up\":true}],\"explain\":{"
        "\"range\":4,\"ranges_count\":9,\"after\":\"0a\",\"until\":\"1f\",\"walk\":[{\"range\":4,"
        "\"until\":\"1f\",\"name\":\"n2\",\"zone\":\"b\",\"verdict\":\"owner 1\"}],\"is_cut\":true}}");
    cr_expect_str_eq(text, "key k  hash 0f  ring version 3  fingerprint ab\n"
                           "#  OWNER  ADDRESS      ZONE  UP\n"
                           "1  n2     127.0.0.1:2  b     up\n"
                           "range 4 of 9: hashes behind 0a up to 1f\n"
                           "RANGE  UNTIL  OWNER  ZONE  VERDICT\n"
                           "    4  1f     n2     b     owner 1\n"
                           "... and on\n");
    free(text);
}

Test(show, a_plan) {
    char *text = shown(
        show_plan,
        "{\"count\":2,\"moved\":0.25,\"lists_moved\":0.5,\"copies\":0.5,\"moves\":7,"
        "\"before\":{\"ring_fingerprint\":\"aa\",\"members_count\":1,\"points\":9,"
        "\"owners_per_key\":1,\"zones_per_key\":1,\"balance\":1,\"replica_balance\":1},"
        "\"after\":{\"ring_fingerprint\":\"bb\",\"members_count\":2,\"points\":18,"
        "\"owners_per_key\":2,\"zones_per_key\":1,\"balance\":1.5,\"replica_balance\":1.25},"
        "\"members\":[{\"name\":\"n1\",\"zone\":\"a\",\"weight_before\":1,\"weight_after\":1,"
        "\"share_before\":1,\"share_after\":0.75,\"replicas_before\":1,\"replicas_after\":0.5}]}");
    cr_expect_str_eq(
        text,
        "NAME  ZONE  WEIGHT  AFTER  SHARE %  AFTER  COPIES %  AFTER\n"
        "n1    a          1      1   100.00  75.00    100.00  50.00\n"
        "before: fingerprint aa  1 members  balance 1.000, replicas 1.000  each key has 1 owners "
        "in 1 zones\n"
        "after: fingerprint bb  2 members  balance 1.500, replicas 1.250  each key has 2 owners in "
        "1 zones: TOO FEW ZONES\n"
        "25.00 % of the keys move to another first owner; 50.00 % of one copy of all data is to be "
        "copied, in 7 moves\n");
    free(text);
}

Test(show, a_diff_of_rings) {
    char *text = shown(
        show_ring_diff,
        "{\"count\":2,\"moved\":0.25,\"copies\":0.5,\"moves\":2,\"from\":{\"file\":\"a.ring\","
        "\"ring_fingerprint\":\"0a\",\"members_count\":2,\"points\":8},\"to\":{\"file\":\"b.ring\","
        "\"ring_fingerprint\":\"0b\",\"members_count\":3,\"points\":12},\"ranges\":["
        "{\"after\":\"01\",\"until\":\"02\",\"old\":[\"n1\",\"n2\"],\"new\":[\"n3\",\"n1\"],"
        "\"lost\":[\"n2\"],\"gained\":[\"n3\"]},"
        "{\"after\":\"02\",\"until\":\"03\",\"old\":[],\"new\":[\"n3\"],\"lost\":[],"
        "\"gained\":[\"n3\"]}]}");
    cr_expect_str_eq(text,
                     "AFTER  UNTIL  OLD     NEW\n"
                     "01     02     n1 -n2  +n3 n1\n"
                     "02     03     -       +n3\n"
                     "from a.ring: fingerprint 0a  2 members  8 points\n"
                     "to b.ring: fingerprint 0b  3 members  12 points\n"
                     "25.00 % of the keys move to another first owner; 50.00 % of one copy of all "
                     "data is to be copied, in 2 moves\n");
    free(text);
}
