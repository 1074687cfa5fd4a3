/* membership/wire.c - see wire.h. */
#include "membership/wire.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "henge/members.h"
#include <string.h>

/* An update: u16 bytes that follow, then
 *   u8   bits 0..1 status, bit 2 a record follows, bit 3 evicted, bit 4 a proof follows
 *   with record: u16 record bytes, record;  without: u64 name hash, u64 generation
 *   u32  version
 *   u8   accusers, then a u64 name hash each (only SUSPECT has any)
 *   with proof: 16 bytes (only LEFT has one)
 * Bytes that follow are a later version's and are skipped. */
enum {
    PULL_HAS_SUMS = 1,
    UPDATE_STATUS_MASK = 3,
    UPDATE_HAS_RECORD = 4,
    UPDATE_IS_EVICTED = 8,
    UPDATE_HAS_PROOF = 16,
    UPDATE_LENGTH_BYTES = 2,
    UPDATE_FIXED_BYTES = 1 + 4 + 1,
    UPDATE_BYTES_MAX =
        UPDATE_LENGTH_BYTES + UPDATE_FIXED_BYTES + 2 + RECORD_ENCODED_BYTES_MAX + 8 * ACCUSERS_MAX
};
_Static_assert(RECORD_PROOF_BYTES <= 8 * ACCUSERS_MAX, "no update has both");
_Static_assert(MESSAGE_HEAD_BYTES + WIRE_RECORDS_BYTES + UPDATE_BYTES_MAX <= MESSAGE_BYTES_MAX,
               "the largest record with its suspicion must fit into one message");

_Static_assert(MESSAGE_HEAD_BYTES + WIRE_RECORDS_BYTES + UPDATE_BYTES_MAX <=
                   RECORD_MESSAGE_BYTES + RECORD_ENCODED_BYTES_MAX,
               "what RECORD_MESSAGE_BYTES says");
_Static_assert(MESSAGE_HEAD_BYTES + WIRE_JOIN_REPLY_BYTES + UPDATE_LENGTH_BYTES +
                       UPDATE_FIXED_BYTES + 2 <=
                   RECORD_MESSAGE_BYTES,
               "a join reply has no more beside its first record");

size_t wire_update_bytes(const struct update *update) {
    size_t subject = update->encoded != NULL ? 2 + (size_t)update->encoded_bytes : 16;
    size_t proof = update->proof.kind == PROOF_OWNER ? RECORD_PROOF_BYTES : 0;
    return UPDATE_LENGTH_BYTES + UPDATE_FIXED_BYTES + subject + 8 * (size_t)update->accusers_count +
           proof;
}

void wire_update_put(struct bytes_writer *writer, const struct update *update) {
    ASSERT(update->accusers_count <= ACCUSERS_MAX);
    bytes_put_u16(writer, (uint16_t)(wire_update_bytes(update) - UPDATE_LENGTH_BYTES));
    uint8_t kind = update->liveness.status;
    if (update->proof.kind == PROOF_OWNER)
        kind |= UPDATE_HAS_PROOF;
    else if (update->proof.kind == PROOF_EVICTED)
        kind |= UPDATE_IS_EVICTED;
    if (update->encoded != NULL) {
        bytes_put_u8(writer, kind | UPDATE_HAS_RECORD);
        bytes_put_u16(writer, update->encoded_bytes);
        bytes_put(writer, update->encoded, update->encoded_bytes);
    } else {
        bytes_put_u8(writer, kind);
        bytes_put_u64(writer, update->name_hash);
        bytes_put_u64(writer, update->liveness.generation);
    }
    bytes_put_u32(writer, update->liveness.version);
    bytes_put_u8(writer, update->accusers_count);
    for (size_t i = 0; i < update->accusers_count; i++)
        bytes_put_u64(writer, update->accusers[i]);
    if (update->proof.kind == PROOF_OWNER)
        bytes_put(writer, update->proof.bytes, RECORD_PROOF_BYTES);
}

static void get_record(struct bytes_reader *item, const struct record_store *store,
                       struct update *update, struct record_fields *fields) {
    update->encoded_bytes = bytes_get_u16(item);
    update->encoded = bytes_get(item, update->encoded_bytes);
    if (update->encoded == NULL) {
        item->failed = true;
        return;
    }
    if (store != NULL)
        update->known = record_store_find(store, update->encoded, update->encoded_bytes);
    if (update->known != NULL) {
        record_fields_of(update->known, fields);
        update->name_hash = update->known->name_hash;
        update->liveness.generation = update->known->generation;
        return;
    }
    struct bytes_reader record = bytes_reader_of(update->encoded, update->encoded_bytes);
    if (!record_decode(&record, fields) || bytes_left(&record) != 0) {
        item->failed = true;
        return;
    }
    update->name_hash = hash64(fields->name, fields->name_bytes);
    update->liveness.generation = fields->generation;
}

static void get_accusers(struct bytes_reader *item, struct update *update) {
    uint8_t count = bytes_get_u8(item);
    if (count > ACCUSERS_MAX || (count > 0 && update->liveness.status != HENGE_SUSPECT)) {
        item->failed = true;
        return;
    }
    update->accusers_count = count;
    for (size_t i = 0; i < count; i++)
        update->accusers[i] = bytes_get_u64(item);
}

static void get_proof(struct bytes_reader *item, uint8_t kind, struct update *update) {
    if ((kind & (UPDATE_IS_EVICTED | UPDATE_HAS_PROOF)) == 0)
        return;
    if (update->liveness.status != HENGE_LEFT) {
        item->failed = true;
        return;
    }
    update->proof.kind = (kind & UPDATE_IS_EVICTED) != 0 ? PROOF_EVICTED : PROOF_OWNER;
    if ((kind & UPDATE_HAS_PROOF) == 0)
        return;
    const uint8_t *secret = bytes_get(item, RECORD_PROOF_BYTES);
    if (secret != NULL)
        memcpy(update->proof.bytes, secret, RECORD_PROOF_BYTES);
}

bool wire_update_get(struct bytes_reader *reader, const struct record_store *store,
                     struct update *update_out, struct record_fields *fields_out) {
    *update_out = (struct update){0};
    uint16_t bytes = bytes_get_u16(reader);
    const uint8_t *start = bytes_get(reader, bytes);
    if (start == NULL) {
        reader->failed = true;
        return false;
    }
    struct bytes_reader item = bytes_reader_of(start, bytes);
    uint8_t kind = bytes_get_u8(&item);
    update_out->liveness.status = kind & UPDATE_STATUS_MASK;
    if ((kind & UPDATE_HAS_RECORD) != 0) {
        get_record(&item, store, update_out, fields_out);
    } else {
        update_out->name_hash = bytes_get_u64(&item);
        update_out->liveness.generation = bytes_get_u64(&item);
    }
    update_out->liveness.version = bytes_get_u32(&item);
    get_accusers(&item, update_out);
    get_proof(&item, kind, update_out);
    /* Generation 0 means "not known" everywhere else; no incarnation has it. */
    if (item.failed || update_out->liveness.generation == 0 ||
        update_out->liveness.version > VERSION_MAX)
        reader->failed = true;
    return !reader->failed;
}

bool wire_updates_check(const struct bytes_reader *reader, const struct record_store *store,
                        uint32_t count) {
    struct bytes_reader walk = *reader;
    struct update update;
    struct record_fields fields;
    for (uint32_t i = 0; i < count; i++)
        if (!wire_update_get(&walk, store, &update, &fields))
            return false;
    return true;
}

void wire_join_put(struct bytes_writer *writer, const struct wire_join *join) {
    bytes_put_u64(writer, join->ring_parameters);
    bytes_put_u32(writer, join->request_id);
}

bool wire_join_get(struct bytes_reader *reader, struct wire_join *join_out) {
    join_out->ring_parameters = bytes_get_u64(reader);
    join_out->request_id = bytes_get_u32(reader);
    return !reader->failed;
}

static void put_liveness(struct bytes_writer *writer, const struct liveness *liveness) {
    bytes_put_u64(writer, liveness->generation);
    bytes_put_u32(writer, liveness->version);
    bytes_put_u8(writer, liveness->status);
}

static void get_liveness(struct bytes_reader *reader, struct liveness *liveness) {
    liveness->generation = bytes_get_u64(reader);
    liveness->version = bytes_get_u32(reader);
    liveness->status = bytes_get_u8(reader);
    if (liveness->status > HENGE_LEFT)
        reader->failed = true;
}

/* Always 16 address bytes, the unused ones 0. */
static void put_address(struct bytes_writer *writer, const struct henge_address *address) {
    bytes_put_u8(writer, address->family);
    bytes_put(writer, address->bytes, sizeof address->bytes);
    bytes_put_u16(writer, address->port);
}

static void get_address(struct bytes_reader *reader, struct henge_address *address) {
    *address = (struct henge_address){.family = bytes_get_u8(reader)};
    const uint8_t *bytes = bytes_get(reader, sizeof address->bytes);
    if (bytes != NULL)
        memcpy(address->bytes, bytes, sizeof address->bytes);
    address->port = bytes_get_u16(reader);
    if (address->family != 0 && address->family != 4 && address->family != 6)
        reader->failed = true;
}

void wire_join_reply_put(struct bytes_writer *writer, const struct wire_join_reply *reply) {
    bytes_put_u8(writer, reply->verdict);
    bytes_put_u8(writer, (uint8_t)(reply->held_kind | (reply->has_place ? HELD_HAS_PLACE : 0)));
    bytes_put_u8(writer, reply->is_complete);
    bytes_put_u32(writer, reply->request_id);
    put_liveness(writer, &reply->held);
    put_address(writer, &reply->held_address);
    bytes_put_u32(writer, reply->members_total);
    bytes_put_u16(writer, reply->count);
    if (reply->has_place) {
        bytes_put_u8(writer, reply->choices_bytes);
        bytes_put(writer, reply->choices, reply->choices_bytes);
    }
}

static void get_held_place(struct bytes_reader *reader, struct wire_join_reply *reply) {
    reply->choices_bytes = bytes_get_u8(reader);
    const uint8_t *choices = bytes_get(reader, reply->choices_bytes);
    if (choices == NULL || reply->choices_bytes > sizeof reply->choices)
        reader->failed = true;
    else
        memcpy(reply->choices, choices, reply->choices_bytes);
}

bool wire_join_reply_get(struct bytes_reader *reader, struct wire_join_reply *reply_out) {
    reply_out->verdict = bytes_get_u8(reader);
    uint8_t held = bytes_get_u8(reader);
    reply_out->held_kind = held & HELD_KIND_MASK;
    reply_out->has_place = (held & HELD_HAS_PLACE) != 0;
    reply_out->is_complete = bytes_get_u8(reader);
    reply_out->request_id = bytes_get_u32(reader);
    get_liveness(reader, &reply_out->held);
    get_address(reader, &reply_out->held_address);
    reply_out->members_total = bytes_get_u32(reader);
    reply_out->count = bytes_get_u16(reader);
    reply_out->choices_bytes = 0;
    if (reply_out->has_place)
        get_held_place(reader, reply_out);
    return !reader->failed;
}

void wire_sync_put(struct bytes_writer *writer, const struct wire_sync *sync) {
    bytes_put_u8(writer, sync->flags);
    bytes_put_u64(writer, sync->ring_parameters);
    bytes_put_u64(writer, sync->fingerprint);
    for (size_t i = 0; i < SYNC_BUCKETS; i++)
        bytes_put_u32(writer, sync->sums[i]);
}

bool wire_sync_get(struct bytes_reader *reader, struct wire_sync *sync_out) {
    sync_out->flags = bytes_get_u8(reader);
    sync_out->ring_parameters = bytes_get_u64(reader);
    sync_out->fingerprint = bytes_get_u64(reader);
    for (size_t i = 0; i < SYNC_BUCKETS; i++)
        sync_out->sums[i] = bytes_get_u32(reader);
    return !reader->failed;
}

void wire_pull_put(struct bytes_writer *writer, const struct wire_pull *pull) {
    bytes_put_u32(writer, pull->request_id);
    bytes_put_u64(writer, pull->buckets);
    bytes_put_u8(writer, pull->has_sums ? PULL_HAS_SUMS : 0);
    for (uint32_t i = 0; pull->has_sums && i < SYNC_BUCKETS; i++)
        if ((pull->buckets >> i & 1) != 0)
            bytes_put(writer, pull->sums.of_bucket[i], PARTS);
}

size_t wire_pull_bytes(const struct wire_pull *pull) {
    size_t count = (size_t)__builtin_popcountll(pull->buckets);
    return WIRE_PULL_BYTES + (pull->has_sums ? count * PARTS : 0);
}

bool wire_pull_get(struct bytes_reader *reader, struct wire_pull *pull_out) {
    pull_out->request_id = bytes_get_u32(reader);
    pull_out->buckets = bytes_get_u64(reader);
    pull_out->has_sums = (bytes_get_u8(reader) & PULL_HAS_SUMS) != 0;
    for (uint32_t i = 0; pull_out->has_sums && i < SYNC_BUCKETS; i++) {
        bool is_asked = (pull_out->buckets >> i & 1) != 0;
        const uint8_t *sums = is_asked ? bytes_get(reader, PARTS) : NULL;
        if (sums != NULL)
            memcpy(pull_out->sums.of_bucket[i], sums, PARTS);
    }
    return !reader->failed;
}

void wire_records_put(struct bytes_writer *writer, const struct wire_records *records) {
    bytes_put_u32(writer, records->request_id);
    bytes_put_u8(writer, records->flags);
    bytes_put_u16(writer, records->part);
    bytes_put_u16(writer, records->count);
}

bool wire_records_get(struct bytes_reader *reader, struct wire_records *records_out) {
    records_out->request_id = bytes_get_u32(reader);
    records_out->flags = bytes_get_u8(reader);
    records_out->part = bytes_get_u16(reader);
    records_out->count = bytes_get_u16(reader);
    return !reader->failed;
}

static void put_claim(struct bytes_writer *writer, const struct wire_claim *claim) {
    bytes_put_u8(writer, claim->flags);
    bytes_put_u64(writer, claim->seniority);
    bytes_put(writer, claim->boot_id, sizeof claim->boot_id);
}

static void get_claim(struct bytes_reader *reader, struct wire_claim *claim) {
    claim->flags = bytes_get_u8(reader);
    claim->seniority = bytes_get_u64(reader);
    const uint8_t *boot_id = bytes_get(reader, sizeof claim->boot_id);
    if (boot_id != NULL)
        memcpy(claim->boot_id, boot_id, sizeof claim->boot_id);
}

void wire_who_put(struct bytes_writer *writer, const struct wire_who *who) {
    bytes_put_u64(writer, who->nonce);
    bytes_put_u64(writer, who->name_hash);
    put_claim(writer, &who->claim);
}

bool wire_who_get(struct bytes_reader *reader, struct wire_who *who_out) {
    who_out->nonce = bytes_get_u64(reader);
    who_out->name_hash = bytes_get_u64(reader);
    get_claim(reader, &who_out->claim);
    return !reader->failed;
}

void wire_here_put(struct bytes_writer *writer, const struct wire_here *here) {
    bytes_put_u64(writer, here->nonce);
    put_claim(writer, &here->claim);
}

bool wire_here_get(struct bytes_reader *reader, struct wire_here *here_out) {
    here_out->nonce = bytes_get_u64(reader);
    get_claim(reader, &here_out->claim);
    return !reader->failed;
}

void wire_leave_ack_put(struct bytes_writer *writer, const struct wire_leave_ack *ack) {
    bytes_put_u64(writer, ack->generation);
}

bool wire_leave_ack_get(struct bytes_reader *reader, struct wire_leave_ack *ack_out) {
    ack_out->generation = bytes_get_u64(reader);
    return !reader->failed;
}
