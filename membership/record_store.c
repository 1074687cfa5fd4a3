/* membership/record_store.c - interning: equal encodings share one record.
 *
 * Found by the digest of the encoding, confirmed byte by byte. Two contents with one digest (only
 * by a forger's work) are both kept; the later one is just not shared. */
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include "membership/record.h"
#include "membership/record_wire.h"
#include <string.h>

enum { STORE_EXPECTED = 64 };
#define NOT_SHARED UINT32_MAX

struct record_block {
    size_t bytes; /* of the whole block */
    struct record record;
};

struct record_store {
    struct memory *memory;
    struct map by_digest;   /* -> index into shared */
    struct record **shared; /* by store_index; NULL = free */
    uint32_t *free_indices; /* a stack */
    uint32_t free_count;
    uint32_t capacity;
};

struct record_store *record_store_create(struct memory *memory) {
    struct record_store *store = memory_alloc_zeroed(memory, sizeof *store, HENGE_MEMORY_MEMBER);
    if (store == NULL)
        return NULL;
    store->memory = memory;
    if (!map_init(&store->by_digest, memory, STORE_EXPECTED, HENGE_MEMORY_MEMBER)) {
        memory_release(memory, store, sizeof *store, HENGE_MEMORY_MEMBER);
        return NULL;
    }
    return store;
}

static struct record_block *block_of(struct record *record) {
    return (struct record_block *)(void *)((char *)record - offsetof(struct record_block, record));
}

static void block_release(struct record_store *store, struct record *record) {
    struct record_block *block = block_of(record);
    memory_release(store->memory, block, block->bytes, HENGE_MEMORY_MEMBER);
}

void record_store_destroy(struct record_store *store) {
    if (store == NULL)
        return;
    for (uint32_t i = 0; i < store->capacity; i++)
        if (store->shared[i] != NULL)
            block_release(store, store->shared[i]);
    memory_release(store->memory, store->shared, store->capacity * sizeof *store->shared,
                   HENGE_MEMORY_MEMBER);
    memory_release(store->memory, store->free_indices,
                   store->capacity * sizeof *store->free_indices, HENGE_MEMORY_MEMBER);
    map_deinit(&store->by_digest);
    memory_release(store->memory, store, sizeof *store, HENGE_MEMORY_MEMBER);
}

/* Both arrays grow together, or neither is seen to. */
static bool store_grow(struct record_store *store) {
    uint32_t capacity = store->capacity == 0 ? STORE_EXPECTED : store->capacity * 2;
    struct record **shared =
        memory_alloc_array(store->memory, capacity, sizeof *shared, HENGE_MEMORY_MEMBER);
    uint32_t *indices =
        memory_alloc_array(store->memory, capacity, sizeof *indices, HENGE_MEMORY_MEMBER);
    if (shared == NULL || indices == NULL) {
        memory_release(store->memory, shared, capacity * sizeof *shared, HENGE_MEMORY_MEMBER);
        memory_release(store->memory, indices, capacity * sizeof *indices, HENGE_MEMORY_MEMBER);
        return false;
    }
    if (store->capacity > 0)
        memcpy(shared, store->shared, store->capacity * sizeof *shared);
    for (uint32_t i = capacity; i > store->capacity; i--)
        indices[store->free_count++] = i - 1; /* the stack was empty */
    memory_release(store->memory, store->shared, store->capacity * sizeof *shared,
                   HENGE_MEMORY_MEMBER);
    memory_release(store->memory, store->free_indices, store->capacity * sizeof *indices,
                   HENGE_MEMORY_MEMBER);
    store->shared = shared;
    store->free_indices = indices;
    store->capacity = capacity;
    return true;
}

static const char *put_text(char **at, const char *text, size_t size) {
    char *start = *at;
    if (size > 0)
        memcpy(start, text, size);
    start[size] = '\0';
    *at = start + size + 1;
    return start;
}

/* The choices go behind the texts. */
static size_t text_bytes(const struct record_fields *fields) {
    size_t total = (size_t)fields->name_bytes + fields->role_bytes + fields->region_bytes +
                   fields->zone_bytes + 4 + fields->choices_bytes;
    for (size_t i = 0; i < fields->metadata_count; i++)
        total += (size_t)fields->metadata[i].key_bytes + fields->metadata[i].value_bytes + 2;
    return total;
}

/* One block: head, pointers to the metadata, encoding, texts. */
static struct record *record_make(struct record_store *store, const struct record_fields *fields,
                                  const uint8_t *encoded, size_t encoded_bytes) {
    size_t pointers = 2 * (size_t)fields->metadata_count * sizeof(char *);
    size_t bytes = sizeof(struct record_block) + pointers + encoded_bytes + text_bytes(fields);
    struct record_block *block = memory_alloc_zeroed(store->memory, bytes, HENGE_MEMORY_MEMBER);
    if (block == NULL)
        return NULL;
    block->bytes = bytes;
    struct record *record = &block->record;
    const char **metadata = (const char **)(void *)(block + 1);
    uint8_t *copy = (uint8_t *)(block + 1) + pointers;
    char *text = (char *)copy + encoded_bytes;
    memcpy(copy, encoded, encoded_bytes);
    record->encoded = copy;
    record->encoded_bytes = (uint16_t)encoded_bytes;
    record->generation = record->life = fields->generation;
    record->payload_version = fields->payload_version;
    record->address = fields->address;
    record->weight = fields->weight;
    record->vnodes = fields->vnodes;
    record->ring_state = fields->ring_state;
    memcpy(record->boot_id, fields->boot_id, RECORD_BOOT_BYTES);
    memcpy(record->leave_commitment, fields->leave_commitment, RECORD_PROOF_BYTES);
    record->name_bytes = fields->name_bytes;
    record->role_bytes = fields->role_bytes;
    record->region_bytes = fields->region_bytes;
    record->zone_bytes = fields->zone_bytes;
    record->name = put_text(&text, fields->name, fields->name_bytes);
    record->role = put_text(&text, fields->role, fields->role_bytes);
    record->region = put_text(&text, fields->region, fields->region_bytes);
    record->zone = put_text(&text, fields->zone, fields->zone_bytes);
    record->metadata_count = fields->metadata_count;
    for (size_t i = 0; i < fields->metadata_count; i++) {
        const struct record_pair *pair = &fields->metadata[i];
        metadata[2 * i] = put_text(&text, pair->key, pair->key_bytes);
        metadata[2 * i + 1] = put_text(&text, pair->value, pair->value_bytes);
    }
    record->metadata = metadata;
    record->choices_bytes = fields->choices_bytes;
    record->choices = (const uint8_t *)text;
    if (fields->choices_bytes > 0)
        memcpy(text, fields->choices, fields->choices_bytes);
    record->name_hash = hash64(record->name, fields->name_bytes);
    record->references = 1;
    record->store_index = NOT_SHARED;
    return record;
}

/* Without room in the store the record is good all the same, only not shared. */
static void store_share(struct record_store *store, struct record *record) {
    if (map_find(&store->by_digest, record->digest) != NULL)
        return;
    if (store->free_count == 0 && !store_grow(store))
        return;
    uint32_t index = store->free_indices[store->free_count - 1];
    if (!map_set(&store->by_digest, record->digest, index))
        return;
    store->free_count--;
    store->shared[index] = record;
    record->store_index = index;
}

static struct record *find(const struct record_store *store, uint64_t digest,
                           const uint8_t *encoded, size_t encoded_bytes) {
    const uint32_t *index = map_find(&store->by_digest, digest);
    if (index == NULL)
        return NULL;
    struct record *record = store->shared[*index];
    bool is_same = record->encoded_bytes == encoded_bytes &&
                   memcmp(record->encoded, encoded, encoded_bytes) == 0;
    return is_same ? record : NULL;
}

struct record *record_store_find(const struct record_store *store, const uint8_t *encoded,
                                 size_t encoded_bytes) {
    return find(store, hash64(encoded, encoded_bytes), encoded, encoded_bytes);
}

struct record *record_store_get_decoded(struct record_store *store,
                                        const struct record_fields *fields, const uint8_t *encoded,
                                        size_t encoded_bytes) {
    uint64_t digest = hash64(encoded, encoded_bytes);
    struct record *record = find(store, digest, encoded, encoded_bytes);
    if (record != NULL) {
        record_retain(record);
        return record;
    }
    record = record_make(store, fields, encoded, encoded_bytes);
    if (record == NULL)
        return NULL;
    record->digest = digest;
    store_share(store, record);
    return record;
}

struct record *record_store_get_later(struct record_store *store, const struct record *record,
                                      uint64_t life) {
    struct record_fields fields;
    record_fields_of(record, &fields);
    struct record *later = record_make(store, &fields, record->encoded, record->encoded_bytes);
    if (later != NULL) {
        later->digest = record->digest;
        later->life = life;
    }
    return later;
}

struct record *record_store_get(struct record_store *store, const struct record_fields *fields) {
    if (record_fields_check(fields) != NULL)
        return NULL;
    uint8_t encoded[RECORD_ENCODED_BYTES_MAX];
    struct bytes_writer writer = bytes_writer_of(encoded, sizeof encoded);
    record_encode(&writer, fields);
    ASSERT(!writer.failed);
    return record_store_get_decoded(store, fields, encoded, bytes_written(&writer));
}

void record_retain(struct record *record) {
    record->references++;
}

void record_release(struct record_store *store, struct record *record) {
    if (record == NULL)
        return;
    ASSERT(record->references > 0);
    if (--record->references > 0)
        return;
    if (record->store_index != NOT_SHARED) {
        store->shared[record->store_index] = NULL;
        store->free_indices[store->free_count++] = record->store_index;
        (void)map_remove(&store->by_digest, record->digest);
    }
    block_release(store, record);
}
