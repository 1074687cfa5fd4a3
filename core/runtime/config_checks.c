/* core/runtime/config_checks.c - what each kind of value must look like. See config_internal.h. */
#include "core/runtime/config_internal.h"
#include "henge/address.h"
#include <sched.h>
#include <string.h>

enum {
    PAIR_KEY_BYTES_MAX = 255, /* one length byte on the wire */
    PAIR_OVERHEAD_BYTES = 2,
    PORT_MAX = 65535,
    PORT_DIGITS_MAX = 5
};

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_name_byte(char byte) {
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           byte == '.' || byte == '_' || byte == '-';
}

/* Values go to logs, listings and JSON: no line ends, no terminal codes. Bytes of UTF-8 are. */
static bool has_control_bytes(const char *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

bool config_check_number(const char *key, const struct config_row *row, uint64_t value,
                         struct report *report) {
    bool is_power = value != 0 && (value & (value - 1)) == 0;
    if (value < row->min || value > row->max || (row->kind == CONFIG_POWER_OF_TWO && !is_power)) {
        report_add(report, "%s: %llu is not in %s", key, (unsigned long long)value,
                   row->shown.value_form);
        return false;
    }
    return true;
}

static bool check_name(const char *name, struct report *report) {
    if (name[0] == '\0') {
        report_add(report, "name: required, 1..%d of A-Z a-z 0-9 . _ -", HENGE_NAME_BYTES - 1);
        return false;
    }
    for (const char *at = name; *at != '\0'; at++) {
        if (!is_name_byte(*at)) {
            report_add(report, "name: \"%s\" has other bytes than A-Z a-z 0-9 . _ -",
                       quote(name).text);
            return false;
        }
    }
    return true;
}

static bool check_plain(const char *key, const char *text, struct report *report) {
    if (has_control_bytes(text, strlen(text))) {
        report_add(report, "%s: \"%s\" has control characters", key, quote(text).text);
        return false;
    }
    return true;
}

/* Does `roles` name one of these bytes in front of `end`? */
static bool is_named_before(const char *roles, const char *end, const char *role, size_t bytes) {
    for (const char *at = roles; at < end; at += strcspn(at, ",") + 1) {
        if (strcspn(at, ",") == bytes && memcmp(at, role, bytes) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_roles(const char *key, const char *text, struct report *report) {
    size_t count = 0;
    for (const char *at = text; *text != '\0'; at++) {
        const size_t bytes = strcspn(at, ",");
        if (bytes == 0 || bytes >= HENGE_LABEL_BYTES || ++count > HENGE_RING_ROLES_MAX) {
            report_add(report, "%s: \"%s\" is not up to %d roles of 1..%d bytes, comma separated",
                       key, quote(text).text, HENGE_RING_ROLES_MAX, HENGE_LABEL_BYTES - 1);
            return false;
        }
        if (is_named_before(text, at, at, bytes)) {
            report_add(report, "%s: \"%s\" names a role twice", key, quote(text).text);
            return false;
        }
        at += bytes;
        if (*at == '\0') {
            break;
        }
    }
    return check_plain(key, text, report);
}

static bool check_bind(const char *text, struct report *report) {
    struct henge_address address;
    if (henge_address_parse(text, &address) != HENGE_OK) {
        report_add(report, "bind: \"%s\" is not a numeric ADDR:PORT", quote(text).text);
        return false;
    }
    return true;
}

static bool check_advertise(const char *text, struct report *report) {
    struct henge_address address;
    static const uint8_t unspecified[sizeof(address.bytes)];
    if (text[0] == '\0') {
        return true;
    }
    if (henge_address_parse(text, &address) != HENGE_OK) {
        report_add(report, "advertise: \"%s\" is not a numeric ADDR:PORT", quote(text).text);
        return false;
    }
    if (address.port == 0 || memcmp(address.bytes, unspecified, sizeof(unspecified)) == 0) {
        report_add(report, "advertise: nobody can be reached at \"%s\"", quote(text).text);
        return false;
    }
    return true;
}

static bool check_affinity(const char *text, struct report *report) {
    if (config_affinity_cpus(text) < 0) {
        report_add(report, "affinity: \"%s\" is not auto, none or 1..3 CPU numbers below %d",
                   quote(text).text, CPU_SETSIZE);
        return false;
    }
    return true;
}

bool config_check_text(const struct config_row *row, const char *text, struct report *report) {
    switch (row->kind) {
    case CONFIG_NAME:
        return check_name(text, report);
    case CONFIG_BIND:
        return check_bind(text, report);
    case CONFIG_ADVERTISE:
        return check_advertise(text, report);
    case CONFIG_AFFINITY:
        return check_affinity(text, report);
    case CONFIG_ROLES:
        return check_roles(row->shown.key, text, report);
    case CONFIG_METADATA:
        return config_check_metadata(text, report);
    default:
        return check_plain(row->shown.key, text, report);
    }
}

int config_affinity_cpus(const char *affinity) {
    if (strcmp(affinity, "auto") == 0 || strcmp(affinity, "none") == 0) {
        return 0;
    }
    enum { CPUS_MAX = 3 };
    int cpus = 0;
    for (const char *at = affinity;; at++) {
        if (!is_digit(*at)) {
            return -1;
        }
        uint32_t number = 0;
        for (; is_digit(*at); at++) {
            number = number * 10 + (uint32_t)(*at - '0');
            if (number >= CPU_SETSIZE) {
                return -1;
            }
        }
        cpus++;
        if (*at == '\0') {
            return cpus <= CPUS_MAX ? cpus : -1;
        }
        if (*at != ',') {
            return -1;
        }
    }
}

/* A host name (resolved later) or a numeric address in brackets or not, and a port above 0. */
static bool is_endpoint(const char *endpoint) {
    struct henge_address address;
    if (endpoint[0] == '[') {
        return henge_address_parse(endpoint, &address) == HENGE_OK && address.port != 0;
    }
    const char *at = endpoint;
    while (is_name_byte(*at)) {
        at++;
    }
    if (at == endpoint || *at != ':') {
        return false;
    }
    const char *port_text = at + 1;
    uint32_t port = 0;
    size_t digits = 0;
    for (; digits < PORT_DIGITS_MAX && is_digit(port_text[digits]); digits++) {
        port = port * 10 + (uint32_t)(port_text[digits] - '0');
    }
    return digits > 0 && port_text[digits] == '\0' && port > 0 && port <= PORT_MAX;
}

bool config_check_endpoint(const char *key, const char *endpoint, struct report *report) {
    if (!is_endpoint(endpoint)) {
        report_add(report, "%s: \"%s\" is not host:port", key, quote(endpoint).text);
        return false;
    }
    return true;
}

bool config_check_pair(const char *pair, size_t bytes, struct report *report) {
    const char *equals = memchr(pair, '=', bytes);
    if (equals == NULL || equals == pair) {
        report_add(report, "meta: a pair is not key=value");
        return false;
    }
    size_t key_bytes = (size_t)(equals - pair);
    for (size_t i = 0; i < key_bytes; i++) {
        if (pair[i] <= ' ' || pair[i] > '~') {
            report_add(report, "meta: a key has other bytes than printable ASCII");
            return false;
        }
    }
    if (key_bytes > PAIR_KEY_BYTES_MAX) {
        report_add(report, "meta: a key is longer than %d bytes", PAIR_KEY_BYTES_MAX);
        return false;
    }
    if (has_control_bytes(equals, bytes - key_bytes)) {
        report_add(report, "meta: the value of \"%.*s\" has control characters", (int)key_bytes,
                   pair);
        return false;
    }
    return true;
}

static size_t key_bytes_of(const char *pair) {
    return strcspn(pair, "=");
}

/* Whether a pair before `pair` has the same key. All pairs up to there are good. */
static bool is_key_repeated(const char *metadata, const char *pair) {
    size_t key_bytes = key_bytes_of(pair);
    for (const char *at = metadata; at < pair; at = strchr(at, '\n') + 1) {
        if (key_bytes_of(at) == key_bytes && memcmp(at, pair, key_bytes) == 0) {
            return true;
        }
    }
    return false;
}

bool config_check_metadata(const char *metadata, struct report *report) {
    size_t pairs = 0, sum = 0;
    for (const char *at = metadata; *at != '\0';) {
        size_t bytes = strcspn(at, "\n");
        if (!config_check_pair(at, bytes, report)) {
            return false;
        }
        if (is_key_repeated(metadata, at)) {
            report_add(report, "meta: the key \"%.*s\" is there twice", (int)key_bytes_of(at), at);
            return false;
        }
        pairs++;
        sum += bytes - 1 + PAIR_OVERHEAD_BYTES; /* less its '=' */
        at += bytes + (at[bytes] == '\n');
    }
    if (pairs > HENGE_METADATA_PAIRS_MAX) {
        report_add(report, "meta: %zu pairs are more than %d", pairs, HENGE_METADATA_PAIRS_MAX);
        return false;
    }
    if (sum > HENGE_METADATA_BYTES) {
        report_add(report, "meta: %zu bytes in all are more than %d", sum, HENGE_METADATA_BYTES);
        return false;
    }
    return true;
}
