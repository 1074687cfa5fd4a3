/* core/runtime/config_values.c - one setting from text and to text. See config_internal.h. */
#include "core/runtime/config_internal.h"
#include "core/base/assert.h"
#include <stdio.h>
#include <string.h>

static void put_number(struct henge_config *config, const struct config_row *row, uint64_t value) {
    char *field = (char *)config + row->offset;
    uint32_t narrow = (uint32_t)value;
    if (row->bytes == sizeof(value)) {
        memcpy(field, &value, sizeof(value));
    } else {
        ASSERT(row->bytes == sizeof(narrow));
        memcpy(field, &narrow, sizeof(narrow));
    }
}

/* Decimal digits alone: no sign, no blank, no other base. */
static bool parse_number(const char *text, uint64_t *value_out) {
    uint64_t value = 0;
    if (*text == '\0') {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)) {
            return false;
        }
    }
    *value_out = value;
    return true;
}

static bool set_number(struct henge_config *config, const struct config_row *row, const char *text,
                       struct report *report) {
    uint64_t value = 0;
    if (!parse_number(text, &value)) {
        report_add(report, "%s: \"%s\" is not a number in %s", row->shown.key, quote(text).text,
                   row->shown.value_form);
        return false;
    }
    if (!config_check_number(row->shown.key, row, value, report)) {
        return false;
    }
    put_number(config, row, value);
    return true;
}

static bool set_choice(struct henge_config *config, const struct config_row *row, const char *text,
                       struct report *report) {
    for (uint32_t i = 0; row->choices[i] != NULL; i++) {
        if (strcmp(row->choices[i], text) == 0) {
            put_number(config, row, i);
            if (row->kind == CONFIG_PRESET) {
                config_apply_preset(config, (enum henge_preset)i);
            }
            return true;
        }
    }
    report_add(report, "%s: \"%s\" is not %s", row->shown.key, quote(text).text,
               row->shown.value_form);
    return false;
}

static bool set_text(struct henge_config *config, const struct config_row *row, const char *text,
                     struct report *report) {
    size_t bytes = strlen(text);
    if (bytes >= row->bytes) {
        report_add(report, "%s: \"%s\" is longer than %zu bytes", row->shown.key, quote(text).text,
                   row->bytes - 1);
        return false;
    }
    if (!config_check_text(row, text, report)) {
        return false;
    }
    char *field = (char *)config + row->offset;
    memset(field, 0, row->bytes);
    memcpy(field, text, bytes + 1);
    return true;
}

/* A seed that is there already is not added again: file and environment may both name it. */
static bool add_seed(struct henge_config *config, const char *seed, struct report *report) {
    for (size_t i = 0; i < config->seeds_count; i++) {
        if (strcmp(config->seeds[i], seed) == 0) {
            return true;
        }
    }
    if (config->seeds_count >= HENGE_SEEDS_MAX) {
        report_add(report, "join: more than %d seeds", HENGE_SEEDS_MAX);
        return false;
    }
    snprintf(config->seeds[config->seeds_count], HENGE_ENDPOINT_BYTES, "%s", seed);
    config->seeds_count++;
    return true;
}

/* An empty text adds nothing. */
static bool add_seeds(struct henge_config *config, const char *text, struct report *report) {
    while (*text != '\0') {
        text += strspn(text, " \t");
        size_t bytes = strcspn(text, ",");
        size_t trimmed = bytes;
        while (trimmed > 0 && (text[trimmed - 1] == ' ' || text[trimmed - 1] == '\t')) {
            trimmed--;
        }
        char seed[HENGE_ENDPOINT_BYTES];
        if (trimmed >= sizeof(seed)) {
            report_add(report, "join: \"%s\" is longer than %zu bytes", quote(text).text,
                       sizeof(seed) - 1);
            return false;
        }
        memcpy(seed, text, trimmed);
        seed[trimmed] = '\0';
        if (!config_check_endpoint("join", seed, report) || !add_seed(config, seed, report)) {
            return false;
        }
        text += bytes;
        if (*text == ',' && *++text == '\0') {
            return config_check_endpoint("join", "", report); /* a comma, and nothing after it */
        }
    }
    return true;
}

/* Takes the pair of the same key out of "key=value" lines, if there is one. */
static void remove_pair(char *metadata, const char *key, size_t key_bytes) {
    for (char *at = metadata; *at != '\0';) {
        size_t bytes = strcspn(at, "\n");
        char *next = at + bytes + (at[bytes] == '\n');
        if (bytes > key_bytes && at[key_bytes] == '=' && memcmp(at, key, key_bytes) == 0) {
            memmove(at, next, strlen(next) + 1);
            return;
        }
        at = next;
    }
}

static bool add_pair(struct henge_config *config, const char *pair, size_t bytes,
                     struct report *report) {
    if (!config_check_pair(pair, bytes, report)) {
        return false;
    }
    char *metadata = config->metadata;
    remove_pair(metadata, pair, strcspn(pair, "="));
    size_t used = strlen(metadata);
    while (used > 0 && metadata[used - 1] == '\n') {
        used--;
    }
    if (used + 1 + bytes >= sizeof(config->metadata)) {
        report_add(report, "meta: more than %d bytes in all", HENGE_METADATA_BYTES);
        return false;
    }
    if (used > 0) {
        metadata[used] = '\n';
        used++;
    }
    memcpy(metadata + used, pair, bytes);
    metadata[used + bytes] = '\0';
    return true;
}

/* An empty text adds nothing. */
static bool add_metadata(struct henge_config *config, const char *text, struct report *report) {
    while (*text != '\0') {
        size_t bytes = strcspn(text, "\n");
        if (!add_pair(config, text, bytes, report)) {
            return false;
        }
        text += bytes + (text[bytes] == '\n');
    }
    return config_check_metadata(config->metadata, report);
}

static bool set_secret(struct henge_config *config, const struct config_row *row, const char *text,
                       struct report *report) {
    uint8_t *field = (uint8_t *)config + row->offset;
    if (!config_parse_hex(text, field, row->bytes)) {
        report_add(report, "%s: must be %s", row->shown.key, row->shown.value_form);
        return false;
    }
    if (field == config->key) {
        config->has_key = 1;
        config->key_file[0] = '\0'; /* the key no longer comes from there */
    }
    return true;
}

/* An empty path takes the file away again, and with it the key that came from it. */
static bool set_key_file(struct henge_config *config, const struct config_row *row,
                         const char *path, struct report *report) {
    if (path[0] == '\0') {
        if (config->key_file[0] != '\0') {
            memset(config->key, 0, sizeof(config->key));
            memset(config->ring_salt, 0, sizeof(config->ring_salt));
            config->has_key = 0;
            config->key_file[0] = '\0';
        }
        return true;
    }
    return set_text(config, row, path, report) && config_load_key_file(config, path, report);
}

static bool set_row(struct henge_config *config, const struct config_row *row, const char *value,
                    struct report *report) {
    switch (row->kind) {
    case CONFIG_NUMBER:
    case CONFIG_POWER_OF_TWO:
        return set_number(config, row, value, report);
    case CONFIG_CHOICE:
    case CONFIG_PRESET:
        return set_choice(config, row, value, report);
    case CONFIG_SEEDS:
        return add_seeds(config, value, report);
    case CONFIG_METADATA:
        return add_metadata(config, value, report);
    case CONFIG_SECRET:
        return set_secret(config, row, value, report);
    case CONFIG_KEY_FILE:
        return set_key_file(config, row, value, report);
    default:
        return set_text(config, row, value, report);
    }
}

bool config_set(struct henge_config *config, const char *key, const char *value,
                struct report *report) {
    const struct config_row *row = config_row_find(key);
    if (row == NULL) {
        report_add(report, "%s: there is no such setting", quote(key).text);
        return false;
    }
    struct henge_config draft = *config;
    bool is_good = set_row(&draft, row, value, report);
    if (is_good) {
        *config = draft;
    }
    explicit_bzero(&draft, sizeof(draft)); /* it has a copy of the key */
    return is_good;
}

enum henge_status henge_config_set(struct henge_config *config, const char *key, const char *value,
                                   char *reason_out, size_t reason_bytes) {
    struct report report;
    report_init(&report, reason_out, reason_bytes);
    if (config == NULL || key == NULL || value == NULL) {
        report_add(&report, "config, key and value must be given");
        return HENGE_INVALID;
    }
    if (config->size_bytes != sizeof(*config)) {
        report_add(&report, "%s: the config was not filled by henge_config_init", quote(key).text);
        return HENGE_INVALID;
    }
    return config_set(config, key, value, &report) ? HENGE_OK : HENGE_INVALID;
}

static int print_seeds(const struct henge_config *config, char *out, size_t bytes) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < config->seeds_count && i < HENGE_SEEDS_MAX && used < bytes; i++) {
        int length = snprintf(out + used, bytes - used, "%s%s", i > 0 ? "," : "", config->seeds[i]);
        used += (size_t)length;
    }
    return (int)used;
}

static const char *secret_state(const struct henge_config *config, const struct config_row *row) {
    static const uint8_t zeros[sizeof(config->key)];
    const uint8_t *field = (const uint8_t *)config + row->offset;
    bool is_set =
        field == config->key ? config->has_key != 0 : memcmp(field, zeros, row->bytes) != 0;
    return is_set ? "set" : "unset";
}

static const char *choice_name(const struct config_row *row, uint64_t value) {
    for (uint64_t i = 0; row->choices[i] != NULL; i++) {
        if (i == value) {
            return row->choices[i];
        }
    }
    return "unknown";
}

/* The length that the text has or would have. */
static int print_row(const struct henge_config *config, const struct config_row *row, char *out,
                     size_t bytes) {
    switch (row->kind) {
    case CONFIG_NUMBER:
    case CONFIG_POWER_OF_TWO:
        return snprintf(out, bytes, "%llu", (unsigned long long)config_number(config, row));
    case CONFIG_CHOICE:
    case CONFIG_PRESET:
        return snprintf(out, bytes, "%s", choice_name(row, config_number(config, row)));
    case CONFIG_SEEDS:
        return print_seeds(config, out, bytes);
    case CONFIG_SECRET:
        return snprintf(out, bytes, "%s", secret_state(config, row));
    default:
        return snprintf(out, bytes, "%.*s", (int)row->bytes - 1, config_text(config, row));
    }
}

enum henge_status henge_config_get(const struct henge_config *config, const char *key,
                                   char *value_out, size_t value_bytes) {
    if (config == NULL || key == NULL || value_out == NULL || value_bytes == 0) {
        return HENGE_INVALID;
    }
    const struct config_row *row = config_row_find(key);
    if (row == NULL) {
        return HENGE_NOT_FOUND;
    }
    int length = print_row(config, row, value_out, value_bytes);
    return length >= 0 && (size_t)length < value_bytes ? HENGE_OK : HENGE_FULL;
}
