/* core/runtime/config_load.c - settings from a file, from a key file, from the environment.
 *
 * A file is read whole into a buffer of fixed size, then split into settings, then applied: the
 * preset first, wherever it stands, because it lays its defaults over other settings. */
#include "core/runtime/config_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FILE_BYTES_MAX = 16384,
    FILE_SETTINGS_MAX = 256,
    ERROR_TEXT_BYTES = 128,
    ENVIRONMENT_NAME_BYTES = 64
};

struct setting {
    const char *key; /* NULL: the line is bad, `value` says why */
    const char *value;
    unsigned line;
};

struct file_text {
    struct setting settings[FILE_SETTINGS_MAX];
    size_t count;
    char bytes[FILE_BYTES_MAX + 1];
    size_t size;
};

/* HENGE_NOT_FOUND, _SYSTEM or _INVALID, each with its reason. */
static enum henge_status read_file(const char *path, struct file_text *file,
                                   struct report *report) {
    char error[ERROR_TEXT_BYTES];
    file->size = 0;
    file->count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        report_add(report, "cannot open \"%s\": %s", quote(path).text,
                   strerror_r(errno, error, sizeof(error)));
        return HENGE_NOT_FOUND;
    }
    ssize_t got = 0;
    do {
        got = read(fd, file->bytes + file->size, sizeof(file->bytes) - file->size);
        file->size += got > 0 ? (size_t)got : 0;
    } while ((got > 0 && file->size < sizeof(file->bytes)) || (got < 0 && errno == EINTR));
    int read_error = errno;
    close(fd);
    if (got < 0) {
        report_add(report, "cannot read \"%s\": %s", quote(path).text,
                   strerror_r(read_error, error, sizeof(error)));
        return HENGE_SYSTEM;
    }
    if (file->size > FILE_BYTES_MAX || memchr(file->bytes, '\0', file->size) != NULL) {
        report_add(report, "\"%s\" is %s", quote(path).text,
                   file->size > FILE_BYTES_MAX ? "larger than 16 KiB" : "not a text file");
        return HENGE_INVALID;
    }
    file->bytes[file->size] = '\0';
    return HENGE_OK;
}

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static char *trim(char *text) {
    while (is_blank(*text)) {
        text++;
    }
    size_t bytes = strlen(text);
    while (bytes > 0 && is_blank(text[bytes - 1])) {
        bytes--;
    }
    text[bytes] = '\0';
    return text;
}

/* A '#' starts a comment at the beginning of a line or after a blank, so values may contain one. */
static void cut_comment(char *line) {
    for (char *at = line; *at != '\0'; at++) {
        if (*at == '#' && (at == line || is_blank(at[-1]))) {
            *at = '\0';
            return;
        }
    }
}

/* False: an empty line. */
static bool split_line(char *line, struct setting *setting) {
    cut_comment(line);
    line = trim(line);
    if (*line == '\0') {
        return false;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL || equals == line) {
        setting->key = NULL;
        setting->value = "expected key = value";
        return true;
    }
    *equals = '\0';
    setting->key = trim(line);
    setting->value = trim(equals + 1);
    return true;
}

static bool split_file(struct file_text *file, struct report *report) {
    unsigned number = 1;
    char *line = file->bytes;
    while (line != NULL) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        struct setting setting = {.line = number};
        if (split_line(line, &setting)) {
            if (file->count == FILE_SETTINGS_MAX) {
                report_add(report, "line %u: more than %d settings", number, FILE_SETTINGS_MAX);
                return false;
            }
            file->settings[file->count] = setting;
            file->count++;
        }
        line = end == NULL ? NULL : end + 1;
        number++;
    }
    return true;
}

static void apply_settings(struct henge_config *config, const struct file_text *file,
                           bool presets_only, struct report *report) {
    for (size_t i = 0; i < file->count; i++) {
        const struct setting *setting = &file->settings[i];
        bool is_preset = setting->key != NULL && strcmp(setting->key, "preset") == 0;
        if (is_preset != presets_only) {
            continue;
        }
        snprintf(report->where, sizeof(report->where), "line %u: ", setting->line);
        if (setting->key == NULL) {
            report_add(report, "%s", setting->value);
        } else {
            config_set(config, setting->key, setting->value, report);
        }
    }
    report->where[0] = '\0';
}

enum henge_status henge_config_load(struct henge_config *config, const char *path, char *reason_out,
                                    size_t reason_bytes) {
    struct report report;
    report_init(&report, reason_out, reason_bytes);
    if (config == NULL || path == NULL || config->size_bytes != sizeof(*config)) {
        report_add(&report, "a config filled by henge_config_init and a path must be given");
        return HENGE_INVALID;
    }
    struct file_text file;
    enum henge_status status = read_file(path, &file, &report);
    if (status == HENGE_OK && split_file(&file, &report)) {
        apply_settings(config, &file, true, &report);
        apply_settings(config, &file, false, &report);
    }
    explicit_bzero(file.bytes, sizeof(file.bytes)); /* it may hold a key */
    return status == HENGE_OK && report.has_any ? HENGE_INVALID : status;
}

/* ---- the key file: `key` and `ring_salt`, each once, nothing else ---- */

struct key_part {
    const char *key;
    uint8_t *bytes;
    size_t size;
    bool is_found;
};

static void take_key_line(const struct setting *setting, struct key_part parts[2], const char *path,
                          struct report *report) {
    for (size_t i = 0; setting->key != NULL && i < 2; i++) {
        struct key_part *part = &parts[i];
        if (strcmp(setting->key, part->key) != 0) {
            continue;
        }
        if (part->is_found) {
            report_add(report, "key_file: \"%s\" line %u: a second %s", path, setting->line,
                       part->key);
        } else if (!config_parse_hex(setting->value, part->bytes, part->size)) {
            report_add(report, "key_file: \"%s\" line %u: %s must be %zu hexadecimal digits", path,
                       setting->line, part->key, 2 * part->size);
        }
        part->is_found = true;
        return;
    }
    /* The line itself is not shown: it may be a mistyped secret. */
    report_add(report, "key_file: \"%s\" line %u: neither key nor ring_salt", path, setting->line);
}

bool config_load_key_file(struct henge_config *config, const char *path, struct report *report) {
    struct file_text file;
    struct report detail;
    char detail_text[HENGE_REASON_BYTES];
    report_init(&detail, detail_text, sizeof(detail_text));
    if (read_file(path, &file, &detail) != HENGE_OK || !split_file(&file, &detail)) {
        report_add(report, "key_file: %s", detail_text);
        explicit_bzero(file.bytes, sizeof(file.bytes));
        return false;
    }
    bool had_reasons = report->has_any;
    report->has_any = false;
    struct quoted shown = quote(path);
    struct key_part parts[2] = {
        {.key = "key", .bytes = config->key, .size = sizeof(config->key)},
        {.key = "ring_salt", .bytes = config->ring_salt, .size = sizeof(config->ring_salt)}};
    for (size_t i = 0; i < file.count; i++) {
        take_key_line(&file.settings[i], parts, shown.text, report);
    }
    for (size_t i = 0; i < 2; i++) {
        if (!parts[i].is_found) {
            report_add(report, "key_file: \"%s\" has no line %s = ...", shown.text, parts[i].key);
        }
    }
    explicit_bzero(file.bytes, sizeof(file.bytes));
    bool is_good = !report->has_any;
    report->has_any = report->has_any || had_reasons;
    config->has_key = is_good;
    return is_good;
}

static int hex_digit(char byte) {
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    if (byte >= 'A' && byte <= 'F') {
        return byte - 'A' + 10;
    }
    return -1;
}

bool config_parse_hex(const char *text, uint8_t *bytes_out, size_t bytes) {
    if (strlen(text) != 2 * bytes) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes_out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* ---- the environment ---- */

/* "probe.period_ms" -> "HENGE_PROBE_PERIOD_MS" */
static void environment_name(const char *key, char name_out[ENVIRONMENT_NAME_BYTES]) {
    snprintf(name_out, ENVIRONMENT_NAME_BYTES, "HENGE_%s", key);
    for (char *at = name_out; *at != '\0'; at++) {
        if (*at == '.') {
            *at = '_';
        } else if (*at >= 'a' && *at <= 'z') {
            *at = (char)(*at - 'a' + 'A'); /* toupper would ask the locale */
        }
    }
}

enum henge_status henge_config_load_environment(struct henge_config *config, char *reason_out,
                                                size_t reason_bytes) {
    struct report report;
    report_init(&report, reason_out, reason_bytes);
    if (config == NULL || config->size_bytes != sizeof(*config)) {
        report_add(&report, "a config filled by henge_config_init must be given");
        return HENGE_INVALID;
    }
    const struct config_row *row;
    for (size_t i = 0; (row = config_row_at(i)) != NULL; i++) {
        char name[ENVIRONMENT_NAME_BYTES];
        environment_name(row->shown.key, name);
        const char *value = getenv(name);
        if (value != NULL) {
            snprintf(report.where, sizeof(report.where), "%s: ", name);
            config_set(config, row->shown.key, value, &report);
        }
    }
    return report.has_any ? HENGE_INVALID : HENGE_OK;
}
