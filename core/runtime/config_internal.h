/* core/runtime/config_internal.h - the settings as a table, shared by the config_*.c files:
 *
 *   config.c        defaults, presets, checking the whole
 *   config_keys.c   the table: one row per key
 *   config_values.c one value from and to text
 *   config_checks.c what each kind of text must look like
 *   config_load.c   files and the environment
 *
 * A draft is changed and copied back only when all of it was good, so a bad value changes nothing.
 */
#ifndef CORE_RUNTIME_CONFIG_INTERNAL_H
#define CORE_RUNTIME_CONFIG_INTERNAL_H

#include "henge/config.h"
#include <stdbool.h>

/* ---- reasons: one per line, cut at the caller's room ---- */

enum { REPORT_WHERE_BYTES = 80, QUOTED_BYTES = 72 };

struct report {
    char *text;
    size_t bytes;
    size_t used;
    bool has_any;
    char where[REPORT_WHERE_BYTES]; /* begins each reason: "line 3: ", "HENGE_NAME: " or nothing */
};

/* `text` may be NULL. */
void report_init(struct report *report, char *text, size_t bytes);
void report_add(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A value as a reason may show it: cut, control characters replaced. Not for secrets. */
struct quoted {
    char text[QUOTED_BYTES];
};
struct quoted quote(const char *value);

/* ---- the table ---- */

enum config_kind {
    CONFIG_NUMBER,       /* uint32_t or uint64_t by size, min..max */
    CONFIG_POWER_OF_TWO, /* the same */
    CONFIG_CHOICE,       /* 32-bit index into `choices` */
    CONFIG_PRESET,       /* a choice that lays its defaults over the protocol's settings */
    CONFIG_NAME,
    CONFIG_LABEL,
    CONFIG_ROLES, /* labels, comma separated */
    CONFIG_PATH,
    CONFIG_BIND,
    CONFIG_ADVERTISE,
    CONFIG_SEEDS,
    CONFIG_METADATA,
    CONFIG_AFFINITY,
    CONFIG_KEY_FILE,
    CONFIG_SECRET /* bytes from hexadecimal digits */
};

struct config_row {
    struct henge_config_key shown;
    enum config_kind kind;
    size_t offset; /* of the field in struct henge_config, and its size */
    size_t bytes;
    uint64_t min, max;
    const char *const *choices; /* NULL after the last */
};

/* NULL after the last. */
const struct config_row *config_row_at(size_t index);
const struct config_row *config_row_find(const char *key);

/* The value of a number or choice. */
uint64_t config_number(const struct henge_config *config, const struct config_row *row);
/* The field of a text row. */
const char *config_text(const struct henge_config *config, const struct config_row *row);

void config_apply_preset(struct henge_config *config, enum henge_preset preset);

/* ---- values ---- */

/* henge_config_set into a report. False: nothing was changed. */
bool config_set(struct henge_config *config, const char *key, const char *value,
                struct report *report);

/* ---- checks: each names the key and the reason; true = good ---- */

bool config_check_number(const char *key, const struct config_row *row, uint64_t value,
                         struct report *report);
bool config_check_text(const struct config_row *row, const char *text, struct report *report);
bool config_check_endpoint(const char *key, const char *endpoint, struct report *report);
/* One pair "key=value" of `bytes` bytes. */
bool config_check_pair(const char *pair, size_t bytes, struct report *report);
bool config_check_metadata(const char *metadata, struct report *report);
/* How many CPUs an affinity names, 0 for auto and none, -1 when it is neither. */
int config_affinity_cpus(const char *affinity);

/* ---- files ---- */

/* Reads key and ring_salt into the config. */
bool config_load_key_file(struct henge_config *config, const char *path, struct report *report);

/* Exactly `bytes` bytes from twice as many hexadecimal digits. */
bool config_parse_hex(const char *text, uint8_t *bytes_out, size_t bytes);

#endif
