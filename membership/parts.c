/* membership/parts.c - see parts.h. */
#include "membership/parts.h"
#include "core/base/hash.h"
#include "membership/table.h"
#include <string.h>

static uint32_t part_of(uint64_t name_hash) {
    return (uint32_t)(name_hash >> 54) % PARTS; /* the bits behind those of the bucket */
}

struct parts parts_of_buckets(uint64_t buckets) {
    struct parts parts;
    for (uint32_t i = 0; i < SYNC_BUCKETS; i++)
        parts.of_bucket[i] = (buckets >> i & 1) != 0 ? UINT16_MAX : 0;
    return parts;
}

bool parts_have(const struct parts *parts, uint64_t name_hash) {
    return (parts->of_bucket[table_bucket(name_hash)] >> part_of(name_hash) & 1) != 0;
}

void parts_sum(const struct table *table, uint32_t salt, struct part_sums *sums_out) {
    uint64_t sums[SYNC_BUCKETS][PARTS];
    memset(sums, 0, sizeof sums);
    for (uint32_t slot = 0; slot < table->count; slot++) {
        const struct record *record = table->members[slot].record;
        if (record != NULL)
            sums[table_bucket(record->name_hash)][part_of(record->name_hash)] +=
                table_share(table, slot);
    }
    for (uint32_t i = 0; i < SYNC_BUCKETS; i++)
        for (uint32_t j = 0; j < PARTS; j++)
            sums_out->of_bucket[i][j] = (uint8_t)(hash64_pair(sums[i][j], salt) >> 56);
}

struct parts parts_that_differ(const struct table *table, uint64_t buckets, uint32_t salt,
                               const struct part_sums *heard) {
    struct parts parts = parts_of_buckets(buckets);
    struct part_sums own;
    parts_sum(table, salt, &own);
    for (uint32_t i = 0; i < SYNC_BUCKETS; i++) {
        uint16_t differing = 0;
        for (uint32_t j = 0; parts.of_bucket[i] != 0 && j < PARTS; j++)
            if (own.of_bucket[i][j] != heard->of_bucket[i][j])
                differing |= (uint16_t)(1U << j);
        if (differing != 0)
            parts.of_bucket[i] = differing;
    }
    return parts;
}
