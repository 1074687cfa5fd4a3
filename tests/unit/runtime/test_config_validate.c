/* The check of the whole: fields that were set directly, and settings that must fit each other. */
#include "henge/config.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct henge_config config;
static char reason[HENGE_REASON_BYTES];

static void setup(void) {
    henge_config_init(&config, HENGE_PRESET_LAN);
    memset(reason, '#', sizeof(reason) - 1);
}

static enum henge_status set(const char *key, const char *value) {
    return henge_config_set(&config, key, value, reason, sizeof(reason));
}

static enum henge_status validate(void) {
    return henge_config_validate(&config, reason, sizeof(reason));
}

TestSuite(config_validate, .init = setup);

/* What a node needs at least. */
static void make_valid(void) {
    setup();
    cr_assert_eq(set("name", "n"), HENGE_OK);
    cr_assert_eq(set("insecure", "yes"), HENGE_OK);
    cr_assert_eq(validate(), HENGE_OK, "%s", reason);
    cr_assert_str_eq(reason, "");
}

static void expect_reason(const char *expected) {
    cr_assert_eq(validate(), HENGE_INVALID, "expected: %s", expected);
    cr_assert_eq(strncmp(reason, expected, strlen(expected)), 0, "%s, not: %s", expected, reason);
    cr_assert_null(strchr(reason, '\n'), "one reason: %s", reason);
}

Test(config_validate, the_defaults_lack_a_name_and_a_key) {
    cr_assert_eq(validate(), HENGE_INVALID);
    cr_assert_eq(strncmp(reason, "name: required", 14), 0, "%s", reason);
    cr_assert_not_null(strstr(reason, "\nkey: missing"), "%s", reason);
}

Test(config_validate, presets_are_valid) {
    for (int preset = 0; preset <= HENGE_PRESET_LOCAL; preset++) {
        henge_config_init(&config, (enum henge_preset)preset);
        cr_assert_eq(set("name", "n"), HENGE_OK);
        cr_assert_eq(set("insecure", "yes"), HENGE_OK);
        cr_assert_eq(validate(), HENGE_OK, "%s", reason);
    }
}

Test(config_validate, a_key_or_plaintext_but_one_of_them) {
    make_valid();
    config.insecure = 0;
    expect_reason("key: missing");
    config.has_key = 1;
    cr_assert_eq(validate(), HENGE_OK);
    config.insecure = 1;
    expect_reason("insecure: ");
    config.transport = HENGE_TRANSPORT_MEMORY;
    cr_assert_eq(validate(), HENGE_OK);
    config.insecure = 0;
    config.has_key = 0;
    cr_assert_eq(validate(), HENGE_OK, "memory needs neither");
    config.has_key = 2;
    expect_reason("key: ");
    make_valid();
    snprintf(config.key_file, sizeof(config.key_file), "/some/file");
    expect_reason("key_file: named but not read");
}

/* A field that was set directly is checked as henge_config_set would have. */
Test(config_validate, fields_set_directly_are_checked_too) {
    const struct {
        uint32_t *field;
        uint32_t value;
        const char *expected;
    } numbers[] = {
        {&config.weight, 101, "weight: 101"},
        {&config.vnodes, 0, "vnodes: 0"},
        {&config.threads, 4, "threads: 4"},
        {&config.nodes_max, 0, "nodes_max: 0"},
        {&config.members_max, 65535, "members_max: 65535"},
        {&config.readers_max, 1025, "readers_max: 1025"},
        {&config.receive_buffers, 65, "receive_buffers: 65"},
        {&config.live_views_max, 1, "live_views_max: 1"},
        {&config.probe_period_ms, 9, "probe.period_ms: 9"},
        {&config.probe_timeout_min_ms, 0, "probe.timeout_min_ms: 0"},
        {&config.probe_timeout_max_ms, 60001, "probe.timeout_max_ms: 60001"},
        {&config.probe_indirect, 9, "probe.indirect: 9"},
        {&config.suspicion_max_factor, 0, "suspicion.max_factor: 0"},
        {&config.gossip_fanout, 0, "gossip.fanout: 0"},
        {&config.gossip_tick_ms, 9, "gossip.tick_ms: 9"},
        {&config.gossip_window_ms, 1001, "gossip.window_ms: 1001"},
        {&config.gossip_packets_per_s, 0, "gossip.packets_per_s: 0"},
        {&config.gossip_burst, 0, "gossip.burst: 0"},
        {&config.datagram_bytes, 575, "datagram_bytes: 575"},
        {&config.datagram_bytes, 1453, "datagram_bytes: 1453"},
        {&config.tombstone_hours, 0, "tombstone.hours: 0"},
        {&config.dead_shown_s, 0, "dead_shown_s: 0"},
        {&config.ring_removal_delay_ms, UINT32_MAX, "ring.removal_delay_ms: 4294967295"},
        {&config.ring_rejoin_hold_ms, 600001, "ring.rejoin_hold_ms: 600001"},
        {&config.publish_window_ms, 60001, "publish.window_ms: 60001"},
        {&config.publish_window_max_ms, 60001, "publish.window_max_ms: 60001"},
        {&config.insecure, 2, "insecure: must be yes | no"},
        /* relations */
        {&config.probe_timeout_min_ms, 501, "probe.timeout_min_ms: 501 is more than"},
        {&config.probe_timeout_max_ms, 1001, "probe.timeout_max_ms: 1001 is more than"},
        {&config.publish_window_ms, 2001, "publish.window_ms: 2001 is more than"},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        make_valid();
        *numbers[i].field = numbers[i].value;
        expect_reason(numbers[i].expected);
    }
    make_valid();
    config.preset = (enum henge_preset)7;
    expect_reason("preset: must be lan | wan | local");
    make_valid();
    config.transport = (enum henge_transport)7;
    expect_reason("transport: must be ");
    make_valid();
    config.profile = (enum henge_profile)3;
    expect_reason("profile: must be henge | lifeguard | classic");
}

Test(config_validate, texts_set_directly_are_checked_too) {
    const struct {
        char *field;
        const char *value, *expected;
    } texts[] = {
        {config.name, "a b", "name: "},
        {config.name, "", "name: required"},
        {config.bind, "", "bind: "},
        {config.bind, "host:1", "bind: "},
        {config.bind, "0.0.0.0:7946", "advertise: required"},
        {config.bind, "[::]:0", "advertise: required"},
        {config.advertise, "1.2.3.4", "advertise: "},
        {config.role, "\n", "role: "},
        {config.region, "\x01", "region: "},
        {config.zone, "\r", "zone: "},
        {config.label, "\x7f", "label: "},
        {config.data_dir, "\n", "data_dir: "},
        {config.affinity, "some", "affinity: "},
        {config.affinity, "0,1", "affinity: names 2 CPUs for threads = 3"},
        {config.metadata, "k", "meta: "},
        {config.metadata, "k=1\nl=2\nk=3", "meta: the key \"k\" is there twice"},
        {config.metadata, "k=1\n\nl=2", "meta: "},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        make_valid();
        strncpy(texts[i].field, texts[i].value, HENGE_LABEL_BYTES - 1);
        expect_reason(texts[i].expected);
    }
    make_valid();
    memset(config.zone, 'z', sizeof(config.zone));
    expect_reason("zone: longer than 63 bytes");
    make_valid();
    memset(config.name, 'n', sizeof(config.name));
    expect_reason("name: longer than 63 bytes");
    make_valid();
    snprintf(config.bind, sizeof(config.bind), "0.0.0.0:7946");
    snprintf(config.advertise, sizeof(config.advertise), "10.0.0.1:7946");
    cr_assert_eq(validate(), HENGE_OK, "%s", reason);
}

Test(config_validate, seeds_set_directly_are_checked_too) {
    make_valid();
    config.seeds_count = 1;
    expect_reason("join: ");
    snprintf(config.seeds[0], sizeof(config.seeds[0]), "host:1");
    cr_assert_eq(validate(), HENGE_OK);
    memset(config.seeds[0], 's', sizeof(config.seeds[0]));
    expect_reason("join: seed 1 has no end");
    config.seeds_count = HENGE_SEEDS_MAX + 1;
    expect_reason("join: more than 16");
}

Test(config_validate, affinity_names_one_cpu_per_thread) {
    const char *lists[] = {"0", "0,1", "0,1,0"};
    for (uint32_t threads = 1; threads <= 3; threads++) {
        for (uint32_t cpus = 1; cpus <= 3; cpus++) {
            make_valid();
            config.threads = threads;
            cr_assert_eq(set("affinity", lists[cpus - 1]), HENGE_OK);
            cr_assert_eq(validate(), threads == cpus ? HENGE_OK : HENGE_INVALID);
        }
        make_valid();
        config.threads = threads;
        cr_assert_eq(validate(), HENGE_OK, "auto fits any number");
    }
}

Test(config_validate, all_that_is_wrong_is_told_at_once) {
    make_valid();
    config.threads = 0;
    config.vnodes = 0;
    config.name[0] = '\0';
    cr_assert_eq(validate(), HENGE_INVALID);
    cr_assert_not_null(strstr(reason, "name: "));
    cr_assert_not_null(strstr(reason, "\nvnodes: "));
    cr_assert_not_null(strstr(reason, "\nthreads: "));
    char small[10];
    cr_assert_eq(henge_config_validate(&config, small, sizeof(small)), HENGE_INVALID);
    cr_assert_eq(strlen(small), 9);
    cr_assert_eq(henge_config_validate(&config, NULL, 0), HENGE_INVALID);
    config.size_bytes = 0;
    expect_reason("size_bytes: ");
    cr_assert_eq(henge_config_validate(NULL, reason, sizeof(reason)), HENGE_INVALID);
}
