/* membership/parts.h - finer than the buckets of a SYNC: sixteen parts of each, for a PULL.
 *
 * Who pulls the buckets that differ sends one byte for each of their parts, a sum of what it holds
 * there, and is answered with the members of the parts whose sums differ: what is repaired is the
 * difference and not the table (the idea of Merkle trees, Merkle 1987, two levels deep). A byte
 * hides a difference once in 256 times: where no part of a bucket shows one, all of it is sent; and
 * it is salted with the number of the request, so it does not hide the same one twice. */
#ifndef MEMBERSHIP_PARTS_H
#define MEMBERSHIP_PARTS_H

#include "membership/limits.h"
#include <stdbool.h>
#include <stdint.h>

struct table;

enum { PARTS = 16 };

/* Some parts of some buckets, a bit each. */
struct parts {
    uint16_t of_bucket[SYNC_BUCKETS];
};

struct part_sums {
    uint8_t of_bucket[SYNC_BUCKETS][PARTS];
};

#define BUCKETS_ALL UINT64_MAX

/* All parts of these buckets. */
struct parts parts_of_buckets(uint64_t buckets);
bool parts_have(const struct parts *parts, uint64_t name_hash);
/* O(slots). */
void parts_sum(const struct table *table, uint32_t salt, struct part_sums *sums_out);
/* Those, of these buckets, where this table's sums are others than the ones heard; all parts of one
 * where none is. */
struct parts parts_that_differ(const struct table *table, uint64_t buckets, uint32_t salt,
                               const struct part_sums *heard);

#endif
