/* core/base/histogram.c - see histogram.h.
 *
 * Values below 16 have a bucket each. Above, the group is the place of the highest bit and the four
 * bits after it choose one of 16 buckets, each 1/16 of its group's lower end wide. */
#include "core/base/histogram.h"
#include <stddef.h>
#include <string.h>

enum { SUB_BITS = 4, SUB_COUNT = 1 << SUB_BITS };

_Static_assert(HISTOGRAM_BUCKETS == (64 - SUB_BITS + 1) * SUB_COUNT, "one group per highest bit");

static size_t bucket_of(uint64_t value) {
    if (value < SUB_COUNT) {
        return (size_t)value;
    }
    unsigned high_bit = 63U - (unsigned)__builtin_clzll(value);
    unsigned shift = high_bit - SUB_BITS;
    return (size_t)(shift + 1) * SUB_COUNT + (size_t)((value >> shift) & (SUB_COUNT - 1));
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top(size_t bucket) {
    if (bucket < SUB_COUNT) {
        return bucket;
    }
    size_t shift = bucket / SUB_COUNT - 1;
    uint64_t low = (uint64_t)(SUB_COUNT + bucket % SUB_COUNT) << shift;
    return low + ((UINT64_C(1) << shift) - 1);
}

void histogram_init(struct histogram *histogram) {
    memset(histogram, 0, sizeof(*histogram));
}

void histogram_add(struct histogram *histogram, uint64_t value) {
    histogram->counts[bucket_of(value)]++;
    histogram->total++;
    if (value > histogram->max) {
        histogram->max = value;
    }
}

/* The rank of the wanted value, 1..total: the smallest rank with rank / total >= share. */
static uint64_t rank_of(uint64_t total, double share) {
    if (!(share > 0)) {
        return 1;
    }
    if (share >= 1) {
        return total;
    }
    double exact = share * (double)total;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact) {
        rank++;
    }
    return rank == 0 ? 1 : rank > total ? total : rank;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share) {
    if (histogram->total == 0) {
        return 0;
    }
    uint64_t rank = rank_of(histogram->total, share);
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->counts[bucket];
        if (seen >= rank) {
            uint64_t top = bucket_top(bucket);
            return top < histogram->max ? top : histogram->max;
        }
    }
    return histogram->max;
}
