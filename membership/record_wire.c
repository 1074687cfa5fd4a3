/* membership/record_wire.c - see record_wire.h, and record.h for the two public functions. */
#include "membership/record_wire.h"
#include <string.h>

enum {
    /* format, generation, payload version, family, port, weight, vnodes, ring state, boot id,
     * commitment, four text lengths, metadata count */
    RECORD_FIXED_BYTES =
        1 + 8 + 4 + 1 + 2 + 2 + 2 + 1 + RECORD_BOOT_BYTES + RECORD_PROOF_BYTES + 4 + 2,
    PAIR_FIXED_BYTES = 1 + 2,
    RING_STATE_MASK = 0x03,
    CHOICES_FOLLOW = 0x04 /* beside the ring state */
};

static size_t address_bytes(uint8_t family) {
    return family == 4 ? 4 : 16;
}

size_t record_wire_bytes(const struct record_fields *fields) {
    size_t total = RECORD_FIXED_BYTES + address_bytes(fields->address.family);
    total +=
        (size_t)fields->name_bytes + fields->role_bytes + fields->region_bytes + fields->zone_bytes;
    total += fields->choices_bytes > 0 ? 1U + fields->choices_bytes : 0;
    for (size_t i = 0; i < fields->metadata_count; i++)
        total += PAIR_FIXED_BYTES + (size_t)fields->metadata[i].key_bytes +
                 fields->metadata[i].value_bytes;
    return total;
}

static void put_text(struct bytes_writer *writer, const char *text, uint8_t size) {
    bytes_put_u8(writer, size);
    if (size > 0)
        bytes_put(writer, text, size);
}

static void put_ring_state(struct bytes_writer *writer, const struct record_fields *fields) {
    bool has_choices = fields->choices_bytes > 0;
    bytes_put_u8(writer, (uint8_t)(fields->ring_state | (has_choices ? CHOICES_FOLLOW : 0)));
    if (has_choices) {
        bytes_put_u8(writer, fields->choices_bytes);
        bytes_put(writer, fields->choices, fields->choices_bytes);
    }
}

void record_encode(struct bytes_writer *writer, const struct record_fields *fields) {
    bytes_put_u8(writer, RECORD_FORMAT);
    put_text(writer, fields->name, fields->name_bytes);
    bytes_put_u64(writer, fields->generation);
    bytes_put_u32(writer, fields->payload_version);
    bytes_put_u8(writer, fields->address.family);
    bytes_put(writer, fields->address.bytes, address_bytes(fields->address.family));
    bytes_put_u16(writer, fields->address.port);
    bytes_put_u16(writer, fields->weight);
    bytes_put_u16(writer, fields->vnodes);
    put_ring_state(writer, fields);
    bytes_put(writer, fields->boot_id, RECORD_BOOT_BYTES);
    bytes_put(writer, fields->leave_commitment, RECORD_PROOF_BYTES);
    put_text(writer, fields->role, fields->role_bytes);
    put_text(writer, fields->region, fields->region_bytes);
    put_text(writer, fields->zone, fields->zone_bytes);
    bytes_put_u16(writer, fields->metadata_count);
    for (size_t i = 0; i < fields->metadata_count; i++) {
        const struct record_pair *pair = &fields->metadata[i];
        bytes_put_u8(writer, pair->key_bytes);
        bytes_put_u16(writer, pair->value_bytes);
        bytes_put(writer, pair->key, pair->key_bytes);
        if (pair->value_bytes > 0)
            bytes_put(writer, pair->value, pair->value_bytes);
    }
}

static const char *get_text(struct bytes_reader *reader, uint8_t *size_out) {
    *size_out = bytes_get_u8(reader);
    const uint8_t *text = bytes_get(reader, *size_out);
    return text == NULL ? "" : (const char *)text;
}

static void get_address(struct bytes_reader *reader, struct henge_address *address) {
    address->family = bytes_get_u8(reader);
    const uint8_t *bytes = bytes_get(reader, address_bytes(address->family));
    if (bytes != NULL)
        memcpy(address->bytes, bytes, address_bytes(address->family));
    address->port = bytes_get_u16(reader);
}

static void get_metadata(struct bytes_reader *reader, struct record_fields *fields) {
    fields->metadata_count = bytes_get_u16(reader);
    if (fields->metadata_count > HENGE_METADATA_PAIRS_MAX) {
        reader->failed = true;
        fields->metadata_count = 0;
    }
    for (size_t i = 0; i < fields->metadata_count && !reader->failed; i++) {
        struct record_pair *pair = &fields->metadata[i];
        pair->key_bytes = bytes_get_u8(reader);
        pair->value_bytes = bytes_get_u16(reader);
        pair->key = (const char *)bytes_get(reader, pair->key_bytes);
        pair->value = (const char *)bytes_get(reader, pair->value_bytes);
    }
}

static void get_ring_state(struct bytes_reader *reader, struct record_fields *fields) {
    uint8_t flags = bytes_get_u8(reader);
    fields->ring_state = flags & RING_STATE_MASK;
    if ((flags & ~(RING_STATE_MASK | CHOICES_FOLLOW)) != 0)
        reader->failed = true;
    if ((flags & CHOICES_FOLLOW) != 0) {
        fields->choices_bytes = bytes_get_u8(reader);
        fields->choices = bytes_get(reader, fields->choices_bytes);
        if (fields->choices_bytes == 0 || fields->choices == NULL)
            reader->failed = true;
    }
}

bool record_decode(struct bytes_reader *reader, struct record_fields *fields_out) {
    /* The metadata pairs, most of the struct, are written one by one as far as they are counted. */
    memset(fields_out, 0, offsetof(struct record_fields, metadata));
    if (bytes_get_u8(reader) != RECORD_FORMAT)
        reader->failed = true;
    fields_out->name = get_text(reader, &fields_out->name_bytes);
    fields_out->generation = bytes_get_u64(reader);
    fields_out->payload_version = bytes_get_u32(reader);
    get_address(reader, &fields_out->address);
    fields_out->weight = bytes_get_u16(reader);
    fields_out->vnodes = bytes_get_u16(reader);
    get_ring_state(reader, fields_out);
    const uint8_t *boot_id = bytes_get(reader, RECORD_BOOT_BYTES);
    if (boot_id != NULL)
        memcpy(fields_out->boot_id, boot_id, RECORD_BOOT_BYTES);
    const uint8_t *commitment = bytes_get(reader, RECORD_PROOF_BYTES);
    if (commitment != NULL)
        memcpy(fields_out->leave_commitment, commitment, RECORD_PROOF_BYTES);
    fields_out->role = get_text(reader, &fields_out->role_bytes);
    fields_out->region = get_text(reader, &fields_out->region_bytes);
    fields_out->zone = get_text(reader, &fields_out->zone_bytes);
    get_metadata(reader, fields_out);
    if (!reader->failed && record_fields_check(fields_out) != NULL)
        reader->failed = true;
    return !reader->failed;
}
