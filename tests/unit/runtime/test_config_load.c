/* Settings from a file, from a key file, from the environment. */
#include "henge/config.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_LINE "key = 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define SALT_LINE "ring_salt = a0a1a2a3a4a5a6a7a8a9aaabacadaeaf\n"

static struct henge_config config;
static char reason[HENGE_REASON_BYTES];

static void setup(void) {
    henge_config_init(&config, HENGE_PRESET_LAN);
    memset(reason, '#', sizeof(reason) - 1);
}

static enum henge_status set(const char *key, const char *value) {
    return henge_config_set(&config, key, value, reason, sizeof(reason));
}

/* A file of the given bytes; the caller unlinks it. */
static void write_file(char path_out[32], const void *bytes, size_t size) {
    snprintf(path_out, 32, "/tmp/henge-test-XXXXXX");
    int fd = mkstemp(path_out);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static enum henge_status load_bytes(const void *bytes, size_t size) {
    char path[32];
    write_file(path, bytes, size);
    enum henge_status status = henge_config_load(&config, path, reason, sizeof(reason));
    unlink(path);
    return status;
}

static enum henge_status load(const char *text) {
    return load_bytes(text, strlen(text));
}

static enum henge_status set_key_file(const char *text) {
    char path[32];
    write_file(path, text, strlen(text));
    enum henge_status status = set("key_file", path);
    unlink(path);
    return status;
}

TestSuite(config_file, .init = setup);
TestSuite(config_environment, .init = setup);

Test(config_file, lines_are_settings_blanks_and_comments) {
    cr_assert_eq(load("# a comment\n"
                      "\n"
                      "name = node-1\n"
                      "  zone=a  # the first\n"
                      "\tgossip.fanout\t=\t5\r\n"
                      "role = a#b\n"
                      "meta = x=1\n"
                      "meta = y=2\n"
                      "join = a:1\n"
                      "join = b:2"),
                 HENGE_OK, "%s", reason);
    cr_assert_str_eq(reason, "");
    cr_assert_str_eq(config.name, "node-1");
    cr_assert_str_eq(config.zone, "a");
    cr_assert_str_eq(config.role, "a#b");
    cr_assert_eq(config.gossip_fanout, 5);
    cr_assert_str_eq(config.metadata, "x=1\ny=2");
    cr_assert_eq(config.seeds_count, 2);
}

Test(config_file, every_bad_line_is_named_and_the_good_ones_count) {
    cr_assert_eq(load("name = good\n"
                      "nonsense\n"
                      "threads = 9\n"
                      "\n"
                      "colour = blue\n"
                      "= 3\n"
                      "vnodes = 7\n"),
                 HENGE_INVALID);
    cr_assert_str_eq(config.name, "good");
    cr_assert_eq(config.vnodes, 7);
    cr_assert_eq(config.threads, 3);
    cr_assert_not_null(strstr(reason, "line 2: expected key = value"), "%s", reason);
    cr_assert_not_null(strstr(reason, "\nline 3: threads: 9 is not in 1..3"), "%s", reason);
    cr_assert_not_null(strstr(reason, "\nline 5: colour: "), "%s", reason);
    cr_assert_not_null(strstr(reason, "\nline 6: expected key = value"), "%s", reason);
    cr_assert_null(strstr(reason, "line 1:"));
    cr_assert_null(strstr(reason, "line 7:"));
}

Test(config_file, the_preset_counts_first_wherever_it_stands) {
    cr_assert_eq(load("probe.period_ms = 300\npreset = local\n"), HENGE_OK, "%s", reason);
    cr_assert_eq(config.probe_period_ms, 300);
    cr_assert_eq(config.gossip_tick_ms, 50);
}

Test(config_file, a_missing_file_is_not_found) {
    cr_assert_eq(henge_config_load(&config, "/nowhere/at/all", reason, sizeof(reason)),
                 HENGE_NOT_FOUND);
    cr_assert_not_null(strstr(reason, "/nowhere/at/all"));
    cr_assert_eq(henge_config_load(&config, "/nowhere", NULL, 0), HENGE_NOT_FOUND);
    cr_assert_eq(henge_config_load(&config, "/tmp", reason, sizeof(reason)), HENGE_SYSTEM);
    cr_assert_eq(henge_config_load(&config, NULL, reason, sizeof(reason)), HENGE_INVALID);
}

Test(config_file, a_file_that_is_no_text_or_has_no_end_is_refused) {
    cr_assert_eq(load_bytes("name = a\0b\n", 11), HENGE_INVALID);
    cr_assert_not_null(strstr(reason, "not a text file"));
    cr_assert_str_eq(config.name, "");
    cr_assert_eq(henge_config_load(&config, "/dev/zero", reason, sizeof(reason)), HENGE_INVALID);
    cr_assert_not_null(strstr(reason, "larger than"));
    static char many[400 * 10 + 1];
    for (size_t i = 0; i < 400; i++) {
        memcpy(many + i * 10, "zone = aa\n", 10);
    }
    cr_assert_eq(load(many), HENGE_INVALID);
    cr_assert_not_null(strstr(reason, "line 257: more than 256 settings"), "%s", reason);
    cr_assert_eq(load(""), HENGE_OK);
}

Test(config_file, random_bytes_never_do_harm) {
    for (unsigned seed = 1; seed <= 300; seed++) {
        char bytes[200];
        unsigned state = seed;
        for (size_t i = 0; i < sizeof(bytes); i++) {
            state = state * 1103515245U + 12345U;
            bytes[i] = "=\n# \tkeypreset.lan_\"0123\\\r\x80"[(state >> 16) % 27];
        }
        enum henge_status status = load_bytes(bytes, sizeof(bytes));
        cr_assert(status == HENGE_OK || status == HENGE_INVALID);
        cr_assert_eq(status == HENGE_OK, reason[0] == '\0');
    }
}

Test(config_file, a_key_file_is_read_at_once) {
    cr_assert_eq(set_key_file("# henge key file\n" KEY_LINE SALT_LINE), HENGE_OK, "%s", reason);
    cr_assert_eq(config.has_key, 1);
    for (uint8_t i = 0; i < 32; i++) {
        cr_assert_eq(config.key[i], i);
    }
    for (uint8_t i = 0; i < 16; i++) {
        cr_assert_eq(config.ring_salt[i], 0xa0 + i);
    }
    cr_assert_eq(strncmp(config.key_file, "/tmp/henge-test-", 16), 0);
    cr_assert_eq(set("key_file", ""), HENGE_OK);
    cr_assert_eq(config.has_key, 0, "the key goes with its file");
}

Test(config_file, the_last_of_key_and_key_file_counts) {
    cr_assert_eq(set_key_file(KEY_LINE SALT_LINE), HENGE_OK);
    char hex[65];
    memset(hex, 'f', 64);
    hex[64] = '\0';
    cr_assert_eq(set("key", hex), HENGE_OK);
    cr_assert_eq(config.key[0], 0xff);
    cr_assert_str_eq(config.key_file, "");
    cr_assert_eq(set("key_file", ""), HENGE_OK);
    cr_assert_eq(config.has_key, 1, "this key came from no file");
    cr_assert_eq(set_key_file(KEY_LINE SALT_LINE), HENGE_OK);
    cr_assert_eq(config.key[1], 1);
}

Test(config_file, a_bad_key_file_says_where_and_tells_no_secret) {
    const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "no line key"},
        {KEY_LINE, "no line ring_salt"},
        {SALT_LINE, "no line key"},
        {KEY_LINE KEY_LINE SALT_LINE, "line 2: a second key"},
        {"# x\nkey = 0001\n" SALT_LINE, "line 2: key must be 64"},
        {KEY_LINE "ring_salt = zz\n", "line 2: ring_salt must be 32"},
        {KEY_LINE SALT_LINE "name = x\n", "line 3: neither"},
        {KEY_LINE SALT_LINE "5ec4e7\n", "line 3: neither"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct henge_config before = config;
        cr_assert_eq(set_key_file(cases[i].text), HENGE_INVALID, "%s", cases[i].text);
        cr_assert_not_null(strstr(reason, cases[i].expected), "%s", reason);
        cr_assert_eq(strncmp(reason, "key_file: ", 10), 0, "%s", reason);
        cr_assert_null(strstr(reason, "5ec4e7"));
        cr_assert_null(strstr(reason, "0001"));
        cr_assert_eq(memcmp(&before, &config, sizeof(config)), 0);
    }
    cr_assert_eq(set("key_file", "/nowhere/at/all"), HENGE_INVALID);
    cr_assert_not_null(strstr(reason, "key_file: cannot open \"/nowhere/at/all\""), "%s", reason);
    cr_assert_eq(load("zone = a\nkey_file = /nowhere/at/all\n"), HENGE_INVALID);
    cr_assert_not_null(strstr(reason, "line 2: key_file: "), "%s", reason);
}

Test(config_environment, known_names_count_and_others_are_left_alone) {
    setenv("HENGE_PROBE_PERIOD_MS", "300", 1);
    setenv("HENGE_PRESET", "local", 1);
    setenv("HENGE_JOIN", "a:1,b:2", 1);
    setenv("HENGE_PUBLISH_WINDOW_MAX_MS", "1700", 1);
    setenv("HENGE_CONTROL", "/run/henge.sock", 1);
    setenv("HENGE_WHATEVER", "x", 1);
    setenv("PROBE_INDIRECT", "8", 1);
    cr_assert_eq(henge_config_load_environment(&config, reason, sizeof(reason)), HENGE_OK, "%s",
                 reason);
    cr_assert_eq(config.probe_period_ms, 300, "the preset comes first");
    cr_assert_eq(config.gossip_tick_ms, 50);
    cr_assert_eq(config.seeds_count, 2);
    cr_assert_eq(config.publish_window_max_ms, 1700);
    cr_assert_eq(config.probe_indirect, 3);
}

Test(config_environment, every_bad_variable_is_named) {
    setenv("HENGE_THREADS", "0", 1);
    setenv("HENGE_GOSSIP_FANOUT", "many", 1);
    setenv("HENGE_VNODES", "10", 1);
    cr_assert_eq(henge_config_load_environment(&config, reason, sizeof(reason)), HENGE_INVALID);
    cr_assert_not_null(strstr(reason, "HENGE_THREADS: threads: 0"), "%s", reason);
    cr_assert_not_null(strstr(reason, "HENGE_GOSSIP_FANOUT: gossip.fanout: \"many\""), "%s",
                       reason);
    cr_assert_eq(config.vnodes, 10);
    cr_assert_eq(henge_config_load_environment(&config, NULL, 0), HENGE_INVALID);
}
