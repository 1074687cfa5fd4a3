/* Settings one by one: the keys that are texts, each with good, bad and boundary values. */
#include "tests/unit/runtime/config_fixture.h"
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

Test(config, names_are_of_63_bytes_and_few_characters) {
    char text[80];
    config_expect_good("name", "a", "a");
    config_expect_good("name", "Node-1.zone_B", "Node-1.zone_B");
    config_repeat(text, 'n', HENGE_NAME_BYTES - 1);
    config_expect_good("name", text, text);
    config_repeat(text, 'n', HENGE_NAME_BYTES);
    config_expect_bad("name", text);
    for (int byte = 1; byte < 256; byte++) {
        char name[] = {'a', (char)byte, '\0'};
        bool is_allowed =
            byte < 128 && (isalnum(byte) || byte == '.' || byte == '_' || byte == '-');
        if (is_allowed) {
            config_expect_good("name", name, name);
        } else {
            config_expect_bad("name", name);
        }
    }
    config_expect_bad("name", "");
}

Test(config, labels_are_of_63_bytes_without_control_characters) {
    const char *keys[] = {"role", "region", "zone", "label"};
    char text[80];
    for (size_t i = 0; i < 4; i++) {
        config_expect_good(keys[i], "", "");
        config_expect_good(keys[i], "eu west / 1", "eu west / 1");
        config_repeat(text, 'l', HENGE_LABEL_BYTES - 1);
        config_expect_good(keys[i], text, text);
        config_repeat(text, 'l', HENGE_LABEL_BYTES);
        config_expect_bad(keys[i], text);
        config_expect_bad(keys[i], "two\nlines");
        config_expect_bad(keys[i], "\x1b[31m");
        config_expect_bad(keys[i], "\x7f");
    }
}

Test(config, a_path_fits_its_field) {
    char text[HENGE_PATH_BYTES + 8];
    config_expect_good("data_dir", "", "");
    config_expect_good("data_dir", "/var/lib/henge", "/var/lib/henge");
    config_repeat(text, 'p', HENGE_PATH_BYTES - 1);
    config_expect_good("data_dir", text, text);
    config_repeat(text, 'p', HENGE_PATH_BYTES);
    config_expect_bad("data_dir", text);
    config_expect_bad("data_dir", "a\tb");
}

Test(config, addresses_are_numeric) {
    config_expect_good("bind", "127.0.0.1:0", "127.0.0.1:0");
    config_expect_good("bind", "0.0.0.0:7946", "0.0.0.0:7946");
    config_expect_good("bind", "[::1]:65535", "[::1]:65535");
    config_expect_good("advertise", "", "");
    config_expect_good("advertise", "10.0.0.1:1", "10.0.0.1:1");
    const char *bad[] = {"localhost:1", "1.2.3.4", "1.2.3.4:65536", ":1", "[::1]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        config_expect_bad("bind", bad[i]);
        config_expect_bad("advertise", bad[i]);
    }
    config_expect_bad("bind", "");
    config_expect_bad("advertise", "10.0.0.1:0");
    config_expect_bad("advertise", "0.0.0.0:7946");
    config_expect_bad("advertise", "[::]:7946");
}

Test(config, seeds_are_listed_with_commas) {
    config_expect_good("join", "", "");
    config_expect_good("join", "a:1", "a:1");
    config_expect_good("join", "seed-1.example.com:7946, 10.0.0.1:7946 ,[::1]:7946",
                       "seed-1.example.com:7946,10.0.0.1:7946,[::1]:7946");
    config_expect_good("join", "a:1,a:1", "a:1"); /* the same seed once */
    const char *bad[] = {"a",     "a:",    "a:0",    "a:65536", ":1",
                         "a:1,",  ",a:1",  "a:1,,b", "a:1 b:2", "::1:1",
                         "[::1]", "[a]:1", "a:+1",   "a b:1",   "a:000001"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        config_expect_bad("join", bad[i]);
    }
}

Test(config, seeds_add_up_to_sixteen_and_no_more) {
    struct fixture fixture = config_fresh();
    char seed[32];
    for (int i = 0; i < HENGE_SEEDS_MAX; i++) {
        snprintf(seed, sizeof(seed), "host%d:1", i);
        cr_assert_eq(config_try(&fixture, "join", seed), HENGE_OK);
        cr_assert_eq(fixture.config.seeds_count, (size_t)i + 1);
    }
    cr_assert_eq(config_try(&fixture, "join", "host3:1"), HENGE_OK,
                 "one that is there needs no room");
    cr_assert_eq(config_try(&fixture, "join", "onemore:1"), HENGE_INVALID);
    cr_assert_eq(strncmp(fixture.reason, "join: ", 6), 0);
    cr_assert_eq(fixture.config.seeds_count, HENGE_SEEDS_MAX);
}

Test(config, a_list_of_seeds_is_taken_whole_or_not_at_all) {
    struct fixture fixture = config_fresh();
    cr_assert_eq(config_try(&fixture, "join", "good:1,bad"), HENGE_INVALID);
    cr_assert_eq(fixture.config.seeds_count, 0);
    char seed[HENGE_ENDPOINT_BYTES + 2];
    config_repeat(seed, 'h', HENGE_ENDPOINT_BYTES - 3);
    strncat(seed, ":1", 3);
    cr_assert_eq(strlen(seed), HENGE_ENDPOINT_BYTES - 1);
    config_expect_good("join", seed, seed);
    config_repeat(seed, 'h', HENGE_ENDPOINT_BYTES - 2);
    strncat(seed, ":1", 3);
    config_expect_bad("join", seed);
}

Test(config, affinity_is_a_word_or_a_list_of_cpus) {
    const char *good[] = {"auto", "none", "0", "0,1", "2,1,0", "7,7,7", "1023"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        config_expect_good("affinity", good[i], good[i]);
    }
    const char *bad[] = {"",    "all", "0,",      ",0",   "0,,1",   "0 1",       "-1",
                         "0-2", "0x1", "0,1,2,3", "1024", "auto,0", "4294967296"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        config_expect_bad("affinity", bad[i]);
    }
}

Test(config, roles_of_rings_are_up_to_four_distinct_labels) {
    char full[64];
    config_repeat(full, 'r', 63);
    full[63] = '\0';
    const char *const good[] = {"", "store", "store,cache", "a,b,c,d", full};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        config_expect_good("ring.roles", good[i], good[i]);
    }
    char long_one[80];
    config_repeat(long_one, 'r', 64);
    long_one[64] = '\0';
    const char *const bad[] = {",",         "store,", ",store", "a,,b",
                               "a,b,c,d,e", "a,b,a",  "a,b\n",  long_one};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        config_expect_bad("ring.roles", bad[i]);
    }
}

Test(config, metadata_pairs_add_and_replace) {
    struct fixture fixture = config_fresh();
    cr_assert_eq(config_try(&fixture, "meta", "rack=7"), HENGE_OK);
    cr_assert_eq(config_try(&fixture, "meta", "ra=8"), HENGE_OK);
    cr_assert_eq(config_try(&fixture, "meta", "url=http://x/?a=b"), HENGE_OK);
    cr_assert_str_eq(fixture.config.metadata, "rack=7\nra=8\nurl=http://x/?a=b");
    cr_assert_eq(config_try(&fixture, "meta", "rack="), HENGE_OK);
    cr_assert_str_eq(fixture.config.metadata, "ra=8\nurl=http://x/?a=b\nrack=");
    cr_assert_eq(config_try(&fixture, "meta", "ra=1\nnew=2"), HENGE_OK);
    cr_assert_str_eq(fixture.config.metadata, "url=http://x/?a=b\nrack=\nra=1\nnew=2");
    cr_assert_eq(config_try(&fixture, "meta", ""), HENGE_OK);
    cr_assert_str_eq(fixture.config.metadata, "url=http://x/?a=b\nrack=\nra=1\nnew=2");
    config_expect_good("meta", "k=gr\xc3\xbc\xc3\x9f", "k=gr\xc3\xbc\xc3\x9f");
    const char *bad[] = {"rack",       "=7",     "a b=1",      "\x01=1",
                         "\xc3\xbc=1", "a=\x01", "a=1\n\nb=2", "\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        config_expect_bad("meta", bad[i]);
    }
}

Test(config, metadata_holds_1024_bytes_counting_two_a_pair) {
    char pair[HENGE_METADATA_BYTES + 8] = "k=";
    config_repeat(pair + 2, 'v', HENGE_METADATA_BYTES - 3); /* 1 + 1021 + 2 = 1024 */
    config_expect_good("meta", pair, pair);
    config_repeat(pair + 2, 'v', HENGE_METADATA_BYTES - 2);
    config_expect_bad("meta", pair);
    struct fixture fixture = config_fresh();
    config_repeat(pair + 2, 'v', 1000);
    cr_assert_eq(config_try(&fixture, "meta", pair), HENGE_OK);                   /* 1003 */
    cr_assert_eq(config_try(&fixture, "meta", "key=0123456789abcdef"), HENGE_OK); /* + 21 = 1024 */
    cr_assert_eq(config_try(&fixture, "meta", "x="), HENGE_INVALID);
    cr_assert_eq(config_try(&fixture, "meta", "key=0123456789abcdefg"), HENGE_INVALID);
    cr_assert_eq(config_try(&fixture, "meta", "key=0123456789abcdeF"), HENGE_OK);
    char key[300];
    config_repeat(key, 'k', 255);
    key[255] = '=';
    key[256] = '\0';
    config_expect_good("meta", key, key);
    config_repeat(key, 'k', 256);
    key[256] = '=';
    key[257] = '\0';
    config_expect_bad("meta", key);
}

Test(config, metadata_holds_64_pairs) {
    struct fixture fixture = config_fresh();
    char pair[16];
    for (int i = 0; i < HENGE_METADATA_PAIRS_MAX; i++) {
        snprintf(pair, sizeof(pair), "k%d=v", i);
        cr_assert_eq(config_try(&fixture, "meta", pair), HENGE_OK, "%d", i);
    }
    cr_assert_eq(config_try(&fixture, "meta", "more=v"), HENGE_INVALID);
    cr_assert_eq(strncmp(fixture.reason, "meta: ", 6), 0, "%s", fixture.reason);
    cr_assert_eq(config_try(&fixture, "meta", "k63=other"), HENGE_OK);
}

Test(config, secrets_are_hexadecimal_and_never_shown) {
    char hex[80];
    config_repeat(hex, 'a', 64);
    config_expect_good("key", hex, "set");
    config_repeat(hex, 'B', 32);
    config_expect_good("ring_salt", hex, "set");
    const char *keys[] = {"key", "ring_salt"};
    for (size_t i = 0; i < 2; i++) {
        size_t digits = i == 0 ? 64 : 32;
        config_expect_bad(keys[i], "");
        config_repeat(hex, 'a', digits - 1);
        config_expect_bad(keys[i], hex);
        config_repeat(hex, 'a', digits + 1);
        config_expect_bad(keys[i], hex);
        config_repeat(hex, 'a', digits);
        hex[digits - 1] = 'g';
        config_expect_bad(keys[i], hex);
        struct fixture fixture = config_fresh();
        cr_assert_eq(config_try(&fixture, keys[i], hex), HENGE_INVALID);
        cr_assert_null(strstr(fixture.reason, "aaaa"), "a secret in a reason");
        char text[16];
        cr_assert_eq(henge_config_get(&fixture.config, keys[i], text, sizeof(text)), HENGE_OK);
        cr_assert_str_eq(text, "unset");
    }
    struct fixture fixture = config_fresh();
    config_repeat(hex, '0', 64);
    hex[1] = '1';
    hex[62] = 'f';
    cr_assert_eq(config_try(&fixture, "key", hex), HENGE_OK);
    cr_assert_eq(fixture.config.key[0], 0x01);
    cr_assert_eq(fixture.config.key[31], 0xf0);
    cr_assert_eq(fixture.config.has_key, 1);
}
