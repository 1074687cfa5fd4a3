/* membership/record.c - the limits of a record, and the loose form of an interned one. */
#include "membership/record.h"
#include "membership/limits.h"
#include "membership/record_wire.h"
#include <string.h>

static bool is_name_byte(char byte) {
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

static bool is_name(const char *text, size_t size) {
    if (size == 0 || size >= HENGE_NAME_BYTES || text == NULL)
        return false;
    for (size_t i = 0; i < size; i++)
        if (!is_name_byte(text[i]))
            return false;
    return true;
}

/* Text that can be printed on one line: no control byte, so no NUL either. UTF-8 passes. */
static bool is_line(const char *text, size_t size) {
    if (size > 0 && text == NULL)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return true;
}

static bool is_label(const char *text, size_t size) {
    return size < HENGE_LABEL_BYTES && is_line(text, size);
}

static bool is_address(const struct henge_address *address) {
    static const uint8_t zeros[12];
    if (address->port == 0 || address->zero != 0)
        return false;
    if (address->family == 4)
        return memcmp(address->bytes + 4, zeros, sizeof zeros) == 0;
    return address->family == 6;
}

static int key_compare(const struct record_pair *left, const struct record_pair *right) {
    size_t common = left->key_bytes < right->key_bytes ? left->key_bytes : right->key_bytes;
    int order = memcmp(left->key, right->key, common);
    if (order != 0)
        return order;
    return (left->key_bytes > right->key_bytes) - (left->key_bytes < right->key_bytes);
}

static const char *check_metadata(const struct record_fields *fields) {
    if (fields->metadata_count > HENGE_METADATA_PAIRS_MAX)
        return "metadata: more than 64 pairs";
    size_t total = 0;
    for (size_t i = 0; i < fields->metadata_count; i++) {
        const struct record_pair *pair = &fields->metadata[i];
        if (pair->key_bytes == 0 || !is_line(pair->key, pair->key_bytes))
            return "metadata: a key is empty or has control characters";
        if (memchr(pair->key, '=', pair->key_bytes) != NULL)
            return "metadata: a key has '=' in it";
        if (!is_line(pair->value, pair->value_bytes))
            return "metadata: a value has control characters";
        if (i > 0 && key_compare(&fields->metadata[i - 1], pair) >= 0)
            return "metadata: keys are not distinct and in order";
        total += (size_t)pair->key_bytes + pair->value_bytes + 2;
    }
    return total > HENGE_METADATA_BYTES ? "metadata: more than 1024 bytes" : NULL;
}

const char *record_fields_check(const struct record_fields *fields) {
    if (!is_name(fields->name, fields->name_bytes))
        return "name: not 1..63 bytes of A-Z a-z 0-9 . _ -";
    if (!is_label(fields->role, fields->role_bytes))
        return "role: longer than 63 bytes, or control characters";
    if (!is_label(fields->region, fields->region_bytes))
        return "region: longer than 63 bytes, or control characters";
    if (!is_label(fields->zone, fields->zone_bytes))
        return "zone: longer than 63 bytes, or control characters";
    if (!is_address(&fields->address))
        return "address: no family, no port, or stray bytes";
    if (fields->payload_version > VERSION_MAX)
        return "payload version: over 2^31";
    if (fields->weight > RECORD_WEIGHT_MAX)
        return "weight: over 100";
    if (fields->vnodes == 0 || fields->vnodes > RECORD_VNODES_MAX)
        return "vnodes: not 1..1000";
    if (fields->ring_state > HENGE_RING_DRAINING)
        return "ring state: unknown";
    if (fields->choices_bytes > HENGE_RING_CHOICES_BYTES ||
        (fields->choices_bytes > 0 && fields->choices[fields->choices_bytes - 1] == 0))
        return "choices: more than 128 bytes, or the last one is 0";
    const char *reason = check_metadata(fields);
    if (reason != NULL)
        return reason;
    return record_wire_bytes(fields) > RECORD_ENCODED_BYTES_MAX
               ? "record: labels and metadata together are too large for one datagram"
               : NULL;
}

void record_fields_of(const struct record *record, struct record_fields *fields_out) {
    memset(fields_out, 0, offsetof(struct record_fields, metadata));
    fields_out->name = record->name;
    fields_out->role = record->role;
    fields_out->region = record->region;
    fields_out->zone = record->zone;
    fields_out->name_bytes = record->name_bytes;
    fields_out->role_bytes = record->role_bytes;
    fields_out->region_bytes = record->region_bytes;
    fields_out->zone_bytes = record->zone_bytes;
    fields_out->generation = record->generation;
    fields_out->payload_version = record->payload_version;
    fields_out->address = record->address;
    fields_out->weight = record->weight;
    fields_out->vnodes = record->vnodes;
    fields_out->ring_state = record->ring_state;
    fields_out->choices_bytes = record->choices_bytes;
    fields_out->choices = record->choices;
    memcpy(fields_out->boot_id, record->boot_id, RECORD_BOOT_BYTES);
    memcpy(fields_out->leave_commitment, record->leave_commitment, RECORD_PROOF_BYTES);
    fields_out->metadata_count = record->metadata_count;
    for (size_t i = 0; i < record->metadata_count; i++) {
        struct record_pair *pair = &fields_out->metadata[i];
        pair->key = record->metadata[2 * i];
        pair->value = record->metadata[2 * i + 1];
        pair->key_bytes = (uint8_t)strlen(pair->key);
        pair->value_bytes = (uint16_t)strlen(pair->value);
    }
}
