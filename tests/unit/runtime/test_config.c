/* Settings one by one: numbers and choices at their limits, reasons, presets, get. The keys that
 * are texts: test_config_texts.c. */
#include "tests/unit/runtime/config_fixture.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    {"ring.rejoin_hold_ms", 0, 600000, 5000},
    {"ring.token_choices", 1, 16, 1},
    {"publish.window_ms", 0, 60000, 250},
    {"publish.window_max_ms", 0, 60000, 2000},
};

Test(config, numbers_hold_their_limits) {
    for (size_t i = 0; i < sizeof(number_keys) / sizeof(number_keys[0]); i++) {
        const struct number_key *row = &number_keys[i];
        char text[32];
        struct fixture fixture = config_fresh();
        cr_assert_eq(henge_config_get(&fixture.config, row->key, text, sizeof(text)), HENGE_OK);
        cr_assert_eq(strtoull(text, NULL, 10), row->lan_default, "%s = %s", row->key, text);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)row->min);
        config_expect_good(row->key, text, text);
        snprintf(text, sizeof(text), "%llu", (unsigned long long)row->max);
        config_expect_good(row->key, text, text);
        if (row->min > 0) {
            snprintf(text, sizeof(text), "%llu", (unsigned long long)row->min - 1);
            config_expect_bad(row->key, text);
        }
        if (row->max < UINT64_MAX) {
            snprintf(text, sizeof(text), "%llu", (unsigned long long)row->max + 1);
            config_expect_bad(row->key, text);
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
                config_expect_bad(number_keys[i].key, bad[j]);
            }
        }
    }
    config_expect_bad("receive_buffers", "1000"); /* in the limits, but no power of two */
    config_expect_good("random_seed", "4294967297", "4294967297");
}

Test(config, choices_take_their_words_only) {
    const char *words[][6] = {{"preset", "lan", "wan", "local"},
                              {"insecure", "yes", "no"},
                              {"profile", "henge", "lifeguard", "classic"},
                              {"transport", "auto", "io_uring", "epoll", "memory"}};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 1; j < 6 && words[i][j] != NULL; j++) {
            config_expect_good(words[i][0], words[i][j], words[i][j]);
        }
        config_expect_bad(words[i][0], "");
        config_expect_bad(words[i][0], "1");
        config_expect_bad(words[i][0], "LAN");
        config_expect_bad(words[i][0], "y");
    }
}

Test(config, an_unknown_key_is_named) {
    struct fixture fixture = config_fresh();
    cr_assert_eq(config_try(&fixture, "probe_period", "1"), HENGE_INVALID);
    cr_assert_not_null(strstr(fixture.reason, "probe_period"));
    cr_assert_eq(config_try(&fixture, "", "1"), HENGE_INVALID);
    cr_assert_eq(config_try(&fixture, NULL, "1"), HENGE_INVALID);
    cr_assert_eq(config_try(&fixture, "name", NULL), HENGE_INVALID);
    cr_assert_eq(henge_config_set(NULL, "name", "x", NULL, 0), HENGE_INVALID);
    char text[8];
    cr_assert_eq(henge_config_get(&fixture.config, "nothing", text, sizeof(text)), HENGE_NOT_FOUND);
    fixture.config.size_bytes = 1;
    cr_assert_eq(config_try(&fixture, "name", "x"), HENGE_INVALID, "not filled by init");
}

Test(config, a_reason_is_cut_at_every_length_with_its_nul) {
    struct fixture fixture = config_fresh();
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
    struct fixture fixture = config_fresh();
    cr_assert_eq(config_try(&fixture, "name", "kept"), HENGE_OK);
    cr_assert_eq(config_try(&fixture, "probe.period_ms", "777"), HENGE_OK);
    cr_assert_eq(config_try(&fixture, "preset", "local"), HENGE_OK);
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
    struct fixture fixture = config_fresh();
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
            cr_assert_eq(config_try(&fixture, row->key, text), HENGE_OK, "%s", fixture.reason);
        }
    }
    struct fixture untouched = config_fresh();
    cr_assert_eq(memcmp(&untouched.config, &fixture.config, sizeof(fixture.config)), 0);
    size_t others = 19; /* the keys of this file that are no numbers */
    cr_assert_eq(count, sizeof(number_keys) / sizeof(number_keys[0]) + others);
    cr_assert_null(henge_config_describe(SIZE_MAX));
}

Test(config, get_says_when_the_text_does_not_fit) {
    struct fixture fixture = config_fresh();
    cr_assert_eq(config_try(&fixture, "name", "abc"), HENGE_OK);
    cr_assert_eq(config_try(&fixture, "join", "abc:1,def:2"), HENGE_OK);
    char text[12];
    cr_assert_eq(henge_config_get(&fixture.config, "name", text, 4), HENGE_OK);
    cr_assert_eq(henge_config_get(&fixture.config, "name", text, 3), HENGE_FULL);
    cr_assert_eq(henge_config_get(&fixture.config, "join", text, 12), HENGE_OK);
    for (size_t room = 1; room < 12; room++) {
        cr_assert_eq(henge_config_get(&fixture.config, "join", text, room), HENGE_FULL);
    }
    cr_assert_eq(henge_config_get(&fixture.config, "name", text, 0), HENGE_INVALID);
}
