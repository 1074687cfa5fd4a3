/* Settings one by one: every key with good, bad and boundary values; the text of each reason; get.
 */
#include "henge/config.h"
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct henge_config config;
    char reason[HENGE_REASON_BYTES];
};

static struct fixture fresh(void) {
    struct fixture fixture = {.reason = "untouched"};
    henge_config_init(&fixture.config, HENGE_PRESET_LAN);
    return fixture;
}

static enum henge_status set(struct fixture *fixture, const char *key, const char *value) {
    return henge_config_set(&fixture->config, key, value, fixture->reason, sizeof(fixture->reason));
}

static void expect_good(const char *key, const char *value, const char *expected) {
    struct fixture fixture = fresh();
    cr_assert_eq(set(&fixture, key, value), HENGE_OK, "%s = %s: %s", key, value, fixture.reason);
    cr_assert_str_eq(fixture.reason, "", "%s = %s", key, value);
    char text[8192];
    cr_assert_eq(henge_config_get(&fixture.config, key, text, sizeof(text)), HENGE_OK);
    cr_assert_str_eq(text, expected, "%s", key);
}

/* Refused, changing nothing, with a reason that begins with the key. */
static void expect_bad(const char *key, const char *value) {
    struct fixture fixture = fresh();
    struct henge_config before = fixture.config;
    cr_assert_eq(set(&fixture, key, value), HENGE_INVALID, "%s = \"%s\"", key, value);
    cr_assert_eq(memcmp(&before, &fixture.config, sizeof(before)), 0, "%s changed", key);
    size_t key_bytes = strlen(key);
    cr_assert_eq(strncmp(fixture.reason, key, key_bytes), 0, "%s: %s", key, fixture.reason);
    cr_assert_eq(strncmp(fixture.reason + key_bytes, ": ", 2), 0, "%s", fixture.reason);
    cr_assert_null(strchr(fixture.reason, '\n'), "one line: %s", fixture.reason);
    cr_assert_eq(henge_config_set(&fixture.config, key, value, NULL, 0), HENGE_INVALID);
}

static void repeat(char *out, char byte, size_t count) {
    memset(out, byte, count);
    out[count] = '\0';
}

/* The limits as the header tells them, so that a slip in the table does not move the test along. */
static const struct number_key {
    const char *key;
    uint64_t min, max, lan_default;
} number_keys[] = {
    {"weight", 0, 100, 1},
    {"vnodes", 1, 1000, 100},
    {"threads", 1, 3, 3},
    {"nodes_max", 1, 4096, 16},
    {"members_max", 2, 65534, 8192},
    {"readers_max", 1, 1024, 64},
    {"receive_buffers", 64, 32768, 1024},
    {"live_views_max", 2, 64, 8},
    {"random_seed", 0, UINT64_MAX, 0},
    {"probe.period_ms", 10, 60000, 1000},
    {"probe.timeout_min_ms", 1, 60000, 50},
    {"probe.timeout_max_ms", 1, 60000, 500},
    {"probe.indirect", 0, 8, 3},
    {"suspicion.max_factor", 1, 20, 6},
    {"gossip.fanout", 1, 16, 4},
    {"gossip.tick_ms", 10, 60000, 200},
    {"gossip.window_ms", 0, 1000, 5},
    {"gossip.packets_per_s", 1, 100000, 100},
    {"gossip.burst", 1, 1024, 32},
    {"datagram_bytes", 576, 1452, 1400},
    {"tombstone.hours", 1, 8760, 24},
    {"dead_shown_s", 1, 86400, 120},
    {"ring.removal_delay_ms", 0, 86400000, 0},
    {"publish.window_ms", 0, 60000, 250},
    {"publish.window_max_ms", 0, 60000, 2000},
    {"events.moved_ranges_max", 1, 1048576, 4096},
};

Test(config, numbers_hold_their_limits) {
    for (size_t i = 0; i < sizeof(number_keys) / sizeof(number_keys[0]); i++) {
        const struct number_key *row = &number_keys[i];
        char text[32];
        struct fixture fixture = fresh();
        cr_assert_eq(henge_config_get(&fixture.config, row->key, text, sizeof(text)), HENGE_OK);
        cr_assert_eq(strtoull(text, NULL, 10), row->lan_default, "%s = %s", row->key, text);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)row->min);
        expect_good(row->key, text, text);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)row->max);
        expect_good(row->key, text, text);
        if (row->min > 0) {
            snprintf(text, sizeof(text), "%llu", (unsigned long long)row->min - 1);
            expect_bad(row->key, text);
        }
        if (row->max < UINT64_MAX) {
            snprintf(text, sizeof(text), "%llu", (unsigned long long)row->max + 1);
            expect_bad(row->key, text);
        }
    }
}

Test(config, numbers_are_digits_alone) {
    const char *bad[] = {"",           " ",
                         "-1",         "+1",
                         "1 ",         " 1",
                         "1k",         "0x10",
                         "1.",         "1e2",
                         "one",        "18446744073709551616",
                         "4294967297", "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof(number_keys) / sizeof(number_keys[0]); i++) {
        for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
            bool is_wide = strcmp(number_keys[i].key, "random_seed") == 0;
            if (!is_wide || strcmp(bad[j], "4294967297") != 0) {
                expect_bad(number_keys[i].key, bad[j]);
            }
        }
    }
    expect_bad("receive_buffers", "1000"); /* in the limits, but no power of two */
    expect_good("random_seed", "4294967297", "4294967297");
}

Test(config, choices_take_their_words_only) {
    const char *words[][6] = {{"preset", "lan", "wan", "local"},
                              {"insecure", "yes", "no"},
                              {"transport", "auto", "io_uring", "epoll", "memory"}};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 1; j < 6 && words[i][j] != NULL; j++) {
            expect_good(words[i][0], words[i][j], words[i][j]);
        }
        expect_bad(words[i][0], "");
        expect_bad(words[i][0], "1");
        expect_bad(words[i][0], "LAN");
        expect_bad(words[i][0], "y");
    }
}

Test(config, names_are_of_63_bytes_and_few_characters) {
    char text[80];
    expect_good("name", "a", "a");
    expect_good("name", "Node-1.zone_B", "Node-1.zone_B");
    repeat(text, 'n', HENGE_NAME_BYTES - 1);
    expect_good("name", text, text);
    repeat(text, 'n', HENGE_NAME_BYTES);
    expect_bad("name", text);
    for (int byte = 1; byte < 256; byte++) {
        char name[] = {'a', (char)byte, '\0'};
        bool is_allowed =
            byte < 128 && (isalnum(byte) || byte == '.' || byte == '_' || byte == '-');
        if (is_allowed) {
            expect_good("name", name, name);
        } else {
            expect_bad("name", name);
        }
    }
    expect_bad("name", "");
}

Test(config, labels_are_of_63_bytes_without_control_characters) {
    const char *keys[] = {"role", "region", "zone", "label"};
    char text[80];
    for (size_t i = 0; i < 4; i++) {
        expect_good(keys[i], "", "");
        expect_good(keys[i], "eu west / 1", "eu west / 1");
        repeat(text, 'l', HENGE_LABEL_BYTES - 1);
        expect_good(keys[i], text, text);
        repeat(text, 'l', HENGE_LABEL_BYTES);
        expect_bad(keys[i], text);
        expect_bad(keys[i], "two\nlines");
        expect_bad(keys[i], "\x1b[31m");
        expect_bad(keys[i], "\x7f");
    }
}

Test(config, a_path_fits_its_field) {
    char text[HENGE_PATH_BYTES + 8];
    expect_good("data_dir", "", "");
    expect_good("data_dir", "/var/lib/henge", "/var/lib/henge");
    repeat(text, 'p', HENGE_PATH_BYTES - 1);
    expect_good("data_dir", text, text);
    repeat(text, 'p', HENGE_PATH_BYTES);
    expect_bad("data_dir", text);
    expect_bad("data_dir", "a\tb");
}

Test(config, addresses_are_numeric) {
    expect_good("bind", "127.0.0.1:0", "127.0.0.1:0");
    expect_good("bind", "0.0.0.0:7946", "0.0.0.0:7946");
    expect_good("bind", "[::1]:65535", "[::1]:65535");
    expect_good("advertise", "", "");
    expect_good("advertise", "10.0.0.1:1", "10.0.0.1:1");
    const char *bad[] = {"localhost:1", "1.2.3.4", "1.2.3.4:65536", ":1", "[::1]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect_bad("bind", bad[i]);
        expect_bad("advertise", bad[i]);
    }
    expect_bad("bind", "");
    expect_bad("advertise", "10.0.0.1:0");
    expect_bad("advertise", "0.0.0.0:7946");
    expect_bad("advertise", "[::]:7946");
}

Test(config, seeds_are_listed_with_commas) {
    expect_good("join", "", "");
    expect_good("join", "a:1", "a:1");
    expect_good("join", "seed-1.example.com:7946, 10.0.0.1:7946 ,[::1]:7946",
                "seed-1.example.com:7946,10.0.0.1:7946,[::1]:7946");
    expect_good("join", "a:1,a:1", "a:1"); /* the same seed once */
    const char *bad[] = {"a",     "a:",    "a:0",    "a:65536", ":1",
                         "a:1,",  ",a:1",  "a:1,,b", "a:1 b:2", "::1:1",
                         "[::1]", "[a]:1", "a:+1",   "a b:1",   "a:000001"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect_bad("join", bad[i]);
    }
}

Test(config, seeds_add_up_to_sixteen_and_no_more) {
    struct fixture fixture = fresh();
    char seed[32];
    for (int i = 0; i < HENGE_SEEDS_MAX; i++) {
        snprintf(seed, sizeof(seed), "host%d:1", i);
        cr_assert_eq(set(&fixture, "join", seed), HENGE_OK);
        cr_assert_eq(fixture.config.seeds_count, (size_t)i + 1);
    }
    cr_assert_eq(set(&fixture, "join", "host3:1"), HENGE_OK, "one that is there needs no room");
    cr_assert_eq(set(&fixture, "join", "onemore:1"), HENGE_INVALID);
    cr_assert_eq(strncmp(fixture.reason, "join: ", 6), 0);
    cr_assert_eq(fixture.config.seeds_count, HENGE_SEEDS_MAX);
}

Test(config, a_list_of_seeds_is_taken_whole_or_not_at_all) {
    struct fixture fixture = fresh();
    cr_assert_eq(set(&fixture, "join", "good:1,bad"), HENGE_INVALID);
    cr_assert_eq(fixture.config.seeds_count, 0);
    char seed[HENGE_ENDPOINT_BYTES + 2];
    repeat(seed, 'h', HENGE_ENDPOINT_BYTES - 3);
    strncat(seed, ":1", 3);
    cr_assert_eq(strlen(seed), HENGE_ENDPOINT_BYTES - 1);
    expect_good("join", seed, seed);
    repeat(seed, 'h', HENGE_ENDPOINT_BYTES - 2);
    strncat(seed, ":1", 3);
    expect_bad("join", seed);
}

Test(config, affinity_is_a_word_or_a_list_of_cpus) {
    const char *good[] = {"auto", "none", "0", "0,1", "2,1,0", "7,7,7", "1023"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        expect_good("affinity", good[i], good[i]);
    }
    const char *bad[] = {"",    "all", "0,",      ",0",   "0,,1",   "0 1",       "-1",
                         "0-2", "0x1", "0,1,2,3", "1024", "auto,0", "4294967296"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect_bad("affinity", bad[i]);
    }
}

Test(config, metadata_pairs_add_and_replace) {
    struct fixture fixture = fresh();
    cr_assert_eq(set(&fixture, "meta", "rack=7"), HENGE_OK);
    cr_assert_eq(set(&fixture, "meta", "ra=8"), HENGE_OK);
    cr_assert_eq(set(&fixture, "meta", "url=http://x/?a=b"), HENGE_OK);
    cr_assert_str_eq(fixture.config.metadata, "rack=7\nra=8\nurl=http://x/?a=b");
    cr_assert_eq(set(&fixture, "meta", "rack="), HENGE_OK);
    cr_assert_str_eq(fixture.config.metadata, "ra=8\nurl=http://x/?a=b\nrack=");
    cr_assert_eq(set(&fixture, "meta", "ra=1\nnew=2"), HENGE_OK);
    cr_assert_str_eq(fixture.config.metadata, "url=http://x/?a=b\nrack=\nra=1\nnew=2");
    cr_assert_eq(set(&fixture, "meta", ""), HENGE_OK);
    cr_assert_str_eq(fixture.config.metadata, "url=http://x/?a=b\nrack=\nra=1\nnew=2");
    expect_good("meta", "k=gr\xc3\xbc\xc3\x9f", "k=gr\xc3\xbc\xc3\x9f");
    const char *bad[] = {"rack",       "=7",     "a b=1",      "\x01=1",
                         "\xc3\xbc=1", "a=\x01", "a=1\n\nb=2", "\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect_bad("meta", bad[i]);
    }
}

Test(config, metadata_holds_1024_bytes_counting_two_a_pair) {
    char pair[HENGE_METADATA_BYTES + 8] = "k=";
    repeat(pair + 2, 'v', HENGE_METADATA_BYTES - 3); /* 1 + 1021 + 2 = 1024 */
    expect_good("meta", pair, pair);
    repeat(pair + 2, 'v', HENGE_METADATA_BYTES - 2);
    expect_bad("meta", pair);
    struct fixture fixture = fresh();
    repeat(pair + 2, 'v', 1000);
    cr_assert_eq(set(&fixture, "meta", pair), HENGE_OK);                   /* 1003 */
    cr_assert_eq(set(&fixture, "meta", "key=0123456789abcdef"), HENGE_OK); /* + 21 = 1024 */
    cr_assert_eq(set(&fixture, "meta", "x="), HENGE_INVALID);
    cr_assert_eq(set(&fixture, "meta", "key=0123456789abcdefg"), HENGE_INVALID);
    cr_assert_eq(set(&fixture, "meta", "key=0123456789abcdeF"), HENGE_OK);
    char key[300];
    repeat(key, 'k', 255);
    key[255] = '=';
    key[256] = '\0';
    expect_good("meta", key, key);
    repeat(key, 'k', 256);
    key[256] = '=';
    key[257] = '\0';
    expect_bad("meta", key);
}

Test(config, metadata_holds_64_pairs) {
    struct fixture fixture = fresh();
    char pair[16];
    for (int i = 0; i < HENGE_METADATA_PAIRS_MAX; i++) {
        snprintf(pair, sizeof(pair), "k%d=v", i);
        cr_assert_eq(set(&fixture, "meta", pair), HENGE_OK, "%d", i);
    }
    cr_assert_eq(set(&fixture, "meta", "more=v"), HENGE_INVALID);
    cr_assert_eq(strncmp(fixture.reason, "meta: ", 6), 0, "%s", fixture.reason);
    cr_assert_eq(set(&fixture, "meta", "k63=other"), HENGE_OK);
}

Test(config, secrets_are_hexadecimal_and_never_shown) {
    char hex[80];
    repeat(hex, 'a', 64);
    expect_good("key", hex, "set");
    repeat(hex, 'B', 32);
    expect_good("ring_salt", hex, "set");
    const char *keys[] = {"key", "ring_salt"};
    for (size_t i = 0; i < 2; i++) {
        size_t digits = i == 0 ? 64 : 32;
        expect_bad(keys[i], "");
        repeat(hex, 'a', digits - 1);
        expect_bad(keys[i], hex);
        repeat(hex, 'a', digits + 1);
        expect_bad(keys[i], hex);
        repeat(hex, 'a', digits);
        hex[digits - 1] = 'g';
        expect_bad(keys[i], hex);
        struct fixture fixture = fresh();
        cr_assert_eq(set(&fixture, keys[i], hex), HENGE_INVALID);
        cr_assert_null(strstr(fixture.reason, "aaaa"), "a secret in a reason");
        char text[16];
        cr_assert_eq(henge_config_get(&fixture.config, keys[i], text, sizeof(text)), HENGE_OK);
        cr_assert_str_eq(text, "unset");
    }
    struct fixture fixture = fresh();
    repeat(hex, '0', 64);
    hex[1] = '1';
    hex[62] = 'f';
    cr_assert_eq(set(&fixture, "key", hex), HENGE_OK);
    cr_assert_eq(fixture.config.key[0], 0x01);
    cr_assert_eq(fixture.config.key[31], 0xf0);
    cr_assert_eq(fixture.config.has_key, 1);
}

Test(config, an_unknown_key_is_named) {
    struct fixture fixture = fresh();
    cr_assert_eq(set(&fixture, "probe_period", "1"), HENGE_INVALID);
    cr_assert_not_null(strstr(fixture.reason, "probe_period"));
    cr_assert_eq(set(&fixture, "", "1"), HENGE_INVALID);
    cr_assert_eq(set(&fixture, NULL, "1"), HENGE_INVALID);
    cr_assert_eq(set(&fixture, "name", NULL), HENGE_INVALID);
    cr_assert_eq(henge_config_set(NULL, "name", "x", NULL, 0), HENGE_INVALID);
    char text[8];
    cr_assert_eq(henge_config_get(&fixture.config, "nothing", text, sizeof(text)), HENGE_NOT_FOUND);
    fixture.config.size_bytes = 1;
    cr_assert_eq(set(&fixture, "name", "x"), HENGE_INVALID, "not filled by init");
}

Test(config, a_reason_is_cut_at_every_length_with_its_nul) {
    struct fixture fixture = fresh();
    char whole[HENGE_REASON_BYTES];
    cr_assert_eq(henge_config_set(&fixture.config, "threads", "9", whole, sizeof(whole)),
                 HENGE_INVALID);
    for (size_t room = 0; room <= strlen(whole) + 1; room++) {
        char *exact = malloc(room + 1);
        memset(exact, '#', room + 1);
        cr_assert_eq(henge_config_set(&fixture.config, "threads", "9", exact, room), HENGE_INVALID);
        if (room > 0) {
            cr_assert_eq(strlen(exact), room - 1);
            cr_assert_eq(strncmp(exact, whole, room - 1), 0);
        }
        cr_assert_eq(exact[room], '#', "nothing is written past the room");
        free(exact);
    }
}

Test(config, a_preset_lays_its_times_over_what_was_set) {
    struct fixture fixture = fresh();
    cr_assert_eq(set(&fixture, "name", "kept"), HENGE_OK);
    cr_assert_eq(set(&fixture, "probe.period_ms", "777"), HENGE_OK);
    cr_assert_eq(set(&fixture, "preset", "local"), HENGE_OK);
    struct henge_config local;
    henge_config_init(&local, HENGE_PRESET_LOCAL);
    cr_assert_eq(fixture.config.probe_period_ms, 200);
    cr_assert_eq(local.probe_period_ms, 200);
    cr_assert_eq(local.probe_timeout_min_ms, 20);
    cr_assert_eq(local.probe_timeout_max_ms, 100);
    cr_assert_eq(local.gossip_tick_ms, 50);
    cr_assert_str_eq(fixture.config.name, "kept");
    struct henge_config wan;
    henge_config_init(&wan, HENGE_PRESET_WAN);
    cr_assert_eq(wan.probe_period_ms, 2000);
    cr_assert_eq(wan.probe_timeout_min_ms, 200);
    cr_assert_eq(wan.probe_timeout_max_ms, 2000);
    cr_assert_eq(wan.gossip_tick_ms, 500);
}

Test(config, every_key_is_described_once_and_can_be_read_back) {
    struct fixture fixture = fresh();
    const struct henge_config_key *row;
    size_t count = 0;
    for (; (row = henge_config_describe(count)) != NULL; count++) {
        cr_assert_gt(strlen(row->value_form), 0, "%s", row->key);
        cr_assert_gt(strlen(row->description), 20, "%s", row->key);
        for (size_t other = 0; other < count; other++) {
            cr_assert_str_neq(henge_config_describe(other)->key, row->key);
        }
        char text[HENGE_REASON_BYTES];
        cr_assert_eq(henge_config_get(&fixture.config, row->key, text, sizeof(text)), HENGE_OK);
        /* What get gives, set takes: but not an unset name, nor the words for secrets. */
        if (strcmp(row->key, "name") != 0 && strcmp(text, "unset") != 0) {
            cr_assert_eq(set(&fixture, row->key, text), HENGE_OK, "%s", fixture.reason);
        }
    }
    struct fixture untouched = fresh();
    cr_assert_eq(memcmp(&untouched.config, &fixture.config, sizeof(fixture.config)), 0);
    size_t others = 17; /* the keys of this file that are no numbers */
    cr_assert_eq(count, sizeof(number_keys) / sizeof(number_keys[0]) + others);
    cr_assert_null(henge_config_describe(SIZE_MAX));
}

Test(config, get_says_when_the_text_does_not_fit) {
    struct fixture fixture = fresh();
    cr_assert_eq(set(&fixture, "name", "abc"), HENGE_OK);
    cr_assert_eq(set(&fixture, "join", "abc:1,def:2"), HENGE_OK);
    char text[12];
    cr_assert_eq(henge_config_get(&fixture.config, "name", text, 4), HENGE_OK);
    cr_assert_eq(henge_config_get(&fixture.config, "name", text, 3), HENGE_FULL);
    cr_assert_eq(henge_config_get(&fixture.config, "join", text, 12), HENGE_OK);
    for (size_t room = 1; room < 12; room++) {
        cr_assert_eq(henge_config_get(&fixture.config, "join", text, room), HENGE_FULL);
    }
    cr_assert_eq(henge_config_get(&fixture.config, "name", text, 0), HENGE_INVALID);
}
