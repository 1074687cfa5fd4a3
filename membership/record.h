/* membership/record.h - the payload of a member: immutable, counted, interned.
 *
 * One record is one (name, generation, payload version) with all that a member says about itself.
 * Equal canonical encodings share one record per store, and a store serves all nodes of a runtime.
 * References are counted by the gossip thread alone; readers on other threads only read fields of
 * records that a live view holds. */
#ifndef MEMBERSHIP_RECORD_H
#define MEMBERSHIP_RECORD_H

#include "core/base/bytes.h"
#include "core/base/memory.h"
#include "henge/address.h"
#include "henge/config.h"
#include "henge/members.h"
#include "henge/ring.h"
#include <stdint.h>

enum { RECORD_BOOT_BYTES = 16, RECORD_PROOF_BYTES = 16, RECORD_ENCODED_BYTES_MAX = 1400 - 128 };

/* The loose form: what is encoded, and what decoding gives. Text points into the caller's bytes and
 * is NUL-terminated only in a struct record. */
struct record_fields {
    const char *name, *role, *region, *zone;
    uint8_t name_bytes, role_bytes, region_bytes, zone_bytes;
    uint64_t generation;
    uint32_t payload_version;
    struct henge_address address;
    uint16_t weight, vnodes;
    uint8_t ring_state;     /* enum henge_ring_state */
    uint8_t choices_bytes;  /* 0..HENGE_RING_CHOICES_BYTES; the last byte is not 0 */
    const uint8_t *choices; /* ring/ring.h: where its virtual nodes stand */
    uint8_t boot_id[RECORD_BOOT_BYTES];
    uint8_t leave_commitment[RECORD_PROOF_BYTES]; /* of this generation, see departure.h */
    uint16_t metadata_count;
    struct record_pair {
        const char *key, *value;
        uint8_t key_bytes;
        uint16_t value_bytes;
    } metadata[HENGE_METADATA_PAIRS_MAX]; /* ordered by key, keys distinct */
};

struct record {
    uint64_t name_hash; /* hash64 of the name */
    uint64_t generation;
    uint64_t life;   /* its generation too, but for record_store_get_later */
    uint64_t digest; /* hash64 of the encoding */
    uint32_t payload_version;
    uint32_t references;
    struct henge_address address;
    uint16_t weight, vnodes;
    uint8_t ring_state;
    uint8_t choices_bytes;
    uint8_t name_bytes, role_bytes, region_bytes, zone_bytes;
    uint8_t boot_id[RECORD_BOOT_BYTES];
    uint8_t leave_commitment[RECORD_PROOF_BYTES];
    uint16_t metadata_count;
    uint16_t encoded_bytes;
    uint32_t store_index;                    /* private to the store */
    uint64_t ring_hash;                      /* kept for the owner of the rings, 0 = none yet */
    const char *name, *role, *region, *zone; /* NUL-terminated, in this block */
    const char *const *metadata;             /* key, value, key, value, ... NUL-terminated */
    const uint8_t *choices;                  /* in this block */
    const uint8_t *encoded;                  /* canonical encoding, in this block */
};

struct record_store;

struct record_store *record_store_create(struct memory *memory);
void record_store_destroy(struct record_store *store);
/* The record with this content, made if need be, with one reference more. NULL: no memory, or the
 * fields break a limit (record_fields_check says which). */
struct record *record_store_get(struct record_store *store, const struct record_fields *fields);
/* The same of fields that record_decode made of these very bytes: no more to check or to encode. */
struct record *record_store_get_decoded(struct record_store *store,
                                        const struct record_fields *fields, const uint8_t *encoded,
                                        size_t encoded_bytes);
/* The same payload for who holds its member DEAD or LEFT in a later generation, whose own payload
 * never came: a copy that nobody shares, with this `life`. NULL: no memory. */
struct record *record_store_get_later(struct record_store *store, const struct record *record,
                                      uint64_t life);
/* The record with this encoding if it is there already, with no reference more: most of what a
 * cluster says is known, and what is known need not be decoded. NULL: it is not. */
struct record *record_store_find(const struct record_store *store, const uint8_t *encoded,
                                 size_t encoded_bytes);
void record_retain(struct record *record);
void record_release(struct record_store *store, struct record *record);

/* NULL when within all limits, else a static phrase naming the bad field. */
const char *record_fields_check(const struct record_fields *fields);
/* The loose form of a record; its texts point into the record. */
void record_fields_of(const struct record *record, struct record_fields *fields_out);
void record_encode(struct bytes_writer *writer, const struct record_fields *fields);
/* Decodes and checks; false (reader failed) if malformed. Text points into the reader's bytes. */
bool record_decode(struct bytes_reader *reader, struct record_fields *fields_out);

#endif
