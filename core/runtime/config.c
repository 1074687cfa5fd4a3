/* core/runtime/config.c - defaults, presets, and the check of the whole. See henge/config.h. */
#include "core/runtime/config_internal.h"
#include "henge/address.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What differs between presets; the rest of the protocol's defaults is the same for all. */
static const struct preset_times {
    uint32_t probe_period_ms, probe_timeout_min_ms, probe_timeout_max_ms, gossip_tick_ms;
} preset_times[] = {
    [HENGE_PRESET_LAN] = {1000, 50, 500, 200},
    [HENGE_PRESET_WAN] = {2000, 200, 2000, 500},
    [HENGE_PRESET_LOCAL] = {200, 20, 100, 50},
};

void config_apply_preset(struct henge_config *config, enum henge_preset preset) {
    /* A preset that does not exist is named by henge_config_validate. */
    bool is_known = (uint32_t)preset < sizeof(preset_times) / sizeof(preset_times[0]);
    const struct preset_times *times = &preset_times[is_known ? preset : HENGE_PRESET_LAN];
    config->preset = preset;
    config->probe_period_ms = times->probe_period_ms;
    config->probe_timeout_min_ms = times->probe_timeout_min_ms;
    config->probe_timeout_max_ms = times->probe_timeout_max_ms;
    config->probe_indirect = 3;
    config->suspicion_max_factor = 6;
    config->gossip_fanout = 4;
    config->gossip_tick_ms = times->gossip_tick_ms;
    config->gossip_window_ms = 5;
    config->gossip_packets_per_s = 100;
    config->gossip_burst = 32;
    config->datagram_bytes = 1400;
    config->tombstone_hours = 24;
    config->dead_shown_s = 120;
    config->ring_removal_delay_ms = 0;
    config->ring_rejoin_hold_ms = 5000;
    config->ring_token_choices = 1;
    config->publish_window_ms = 250;
    config->publish_window_max_ms = 2000;
}

void henge_config_init(struct henge_config *config, enum henge_preset preset) {
    memset(config, 0, sizeof(*config));
    config->size_bytes = sizeof(*config);
    snprintf(config->bind, sizeof(config->bind), "127.0.0.1:7946");
    config->weight = 1;
    config->vnodes = 100;
    config->threads = 3;
    snprintf(config->affinity, sizeof(config->affinity), "auto");
    config->nodes_max = 16;
    config->members_max = 8192;
    config->readers_max = 64;
    config->receive_buffers = 1024;
    config->live_views_max = 8;
    config_apply_preset(config, preset);
}

void report_init(struct report *report, char *text, size_t bytes) {
    *report = (struct report){.bytes = bytes};
    if (text != NULL && bytes > 0) {
        report->text = text;
        text[0] = '\0';
    }
}

void report_add(struct report *report, const char *format, ...) {
    report->has_any = true;
    if (report->text == NULL || report->used + 1 >= report->bytes) {
        return;
    }
    char reason[HENGE_REASON_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    size_t room = report->bytes - report->used;
    int length = snprintf(report->text + report->used, room, "%s%s%s", report->used > 0 ? "\n" : "",
                          report->where, reason);
    if (length > 0) {
        report->used += (size_t)length < room ? (size_t)length : room - 1;
    }
}

struct quoted quote(const char *value) {
    struct quoted quoted;
    size_t length = strnlen(value, QUOTED_BYTES);
    bool is_cut = length >= QUOTED_BYTES;
    snprintf(quoted.text, sizeof(quoted.text), "%.*s%s", QUOTED_BYTES - 4, value,
             is_cut ? "..." : "");
    for (char *at = quoted.text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            *at = '?';
        }
    }
    return quoted;
}

static void check_choice(const struct config_row *row, uint64_t value, struct report *report) {
    size_t count = 0;
    while (row->choices[count] != NULL) {
        count++;
    }
    if (value >= count) {
        report_add(report, "%s: must be %s", row->shown.key, row->shown.value_form);
    }
}

static void check_seeds(const struct henge_config *config, struct report *report) {
    if (config->seeds_count > HENGE_SEEDS_MAX) {
        report_add(report, "join: more than %d seeds", HENGE_SEEDS_MAX);
        return;
    }
    for (size_t i = 0; i < config->seeds_count; i++) {
        if (memchr(config->seeds[i], '\0', sizeof(config->seeds[i])) == NULL) {
            report_add(report, "join: seed %zu has no end", i + 1);
        } else {
            config_check_endpoint("join", config->seeds[i], report);
        }
    }
}

static void check_row(const struct henge_config *config, const struct config_row *row,
                      struct report *report) {
    switch (row->kind) {
    case CONFIG_NUMBER:
    case CONFIG_POWER_OF_TWO:
        config_check_number(row->shown.key, row, config_number(config, row), report);
        break;
    case CONFIG_CHOICE:
    case CONFIG_PRESET:
        check_choice(row, config_number(config, row), report);
        break;
    case CONFIG_SEEDS:
        check_seeds(config, report);
        break;
    case CONFIG_SECRET:
        break; /* any bytes; whether there must be some: check_secrecy */
    default:
        if (memchr(config_text(config, row), '\0', row->bytes) == NULL) {
            report_add(report, "%s: longer than %zu bytes", row->shown.key, row->bytes - 1);
        } else {
            config_check_text(row, config_text(config, row), report);
        }
    }
}

static void check_secrecy(const struct henge_config *config, struct report *report) {
    if (config->has_key > 1) {
        report_add(report, "key: has_key must be 0 or 1");
    } else if (config->key_file[0] != '\0' && !config->has_key) {
        report_add(report, "key_file: named but not read, set it with henge_config_set");
    } else if (config->transport == HENGE_TRANSPORT_MEMORY) {
        return; /* nothing leaves the process */
    } else if (config->has_key && config->insecure) {
        report_add(report, "insecure: is yes, but there is a key; take one of the two away");
    } else if (!config->has_key && !config->insecure) {
        report_add(report, "key: missing; give key_file or key, or say insecure = yes");
    }
}

/* Settings that must fit each other. Only reached when each is good by itself. */
static void check_relations(const struct henge_config *config, struct report *report) {
    struct henge_address bound;
    if (henge_address_parse(config->bind, &bound) == HENGE_OK && config->advertise[0] == '\0') {
        static const uint8_t unspecified[sizeof(bound.bytes)];
        if (memcmp(bound.bytes, unspecified, sizeof(unspecified)) == 0) {
            report_add(report, "advertise: required, as nobody can be reached at bind = %s",
                       config->bind);
        }
    }
    if (config->probe_timeout_min_ms > config->probe_timeout_max_ms) {
        report_add(report, "probe.timeout_min_ms: %u is more than probe.timeout_max_ms = %u",
                   config->probe_timeout_min_ms, config->probe_timeout_max_ms);
    }
    if (config->probe_timeout_max_ms > config->probe_period_ms) {
        report_add(report, "probe.timeout_max_ms: %u is more than probe.period_ms = %u",
                   config->probe_timeout_max_ms, config->probe_period_ms);
    }
    if (config->publish_window_ms > config->publish_window_max_ms) {
        report_add(report, "publish.window_ms: %u is more than publish.window_max_ms = %u",
                   config->publish_window_ms, config->publish_window_max_ms);
    }
    int cpus = config_affinity_cpus(config->affinity);
    if (cpus > 0 && (uint32_t)cpus != config->threads) {
        report_add(report, "affinity: names %d CPUs for threads = %u", cpus, config->threads);
    }
}

enum henge_status henge_config_validate(const struct henge_config *config, char *reason_out,
                                        size_t reason_bytes) {
    struct report report;
    report_init(&report, reason_out, reason_bytes);
    if (config == NULL || config->size_bytes != sizeof(*config)) {
        report_add(&report, "size_bytes: the config was not filled by henge_config_init");
        return HENGE_INVALID;
    }
    const struct config_row *row;
    for (size_t i = 0; (row = config_row_at(i)) != NULL; i++) {
        check_row(config, row, &report);
    }
    check_secrecy(config, &report);
    if (!report.has_any) {
        check_relations(config, &report);
    }
    return report.has_any ? HENGE_INVALID : HENGE_OK;
}
