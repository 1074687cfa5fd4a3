/* core/base/hash.h - the one 64-bit hash (XXH3); the only file pair that names xxhash. */
#ifndef CORE_BASE_HASH_H
#define CORE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *bytes, size_t size);
uint64_t hash64_seeded(const void *bytes, size_t size, uint64_t seed);
uint64_t hash64_text(const char *text);
/* Mixes two words into one: for sums of hashes that must not cancel. */
uint64_t hash64_pair(uint64_t first, uint64_t second);

struct hash128 {
    uint64_t low, high;
};

/* Incremental 128-bit hash over several pieces, with a seed. */
struct hash128 hash128_pieces(uint64_t seed, const void *const *pieces, const size_t *sizes,
                              size_t count);

#endif
