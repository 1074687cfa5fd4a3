/* core/base/hash.c - see hash.h. */
#include "core/base/hash.h"
#include <string.h>
/* All of it in here: a call through the shared library's table costs as much as hashing 16 bytes.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(const void *bytes, size_t size) {
    return XXH3_64bits(bytes, size);
}

uint64_t hash64_seeded(const void *bytes, size_t size, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, size, seed);
}

uint64_t hash64_text(const char *text) {
    return XXH3_64bits(text, strlen(text));
}

/* Over bytes in little-endian order, so that machines of either order agree. */
uint64_t hash64_pair(uint64_t first, uint64_t second) {
    uint8_t bytes[16];
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(first >> (8 * i));
        bytes[8 + i] = (uint8_t)(second >> (8 * i));
    }
    return XXH3_64bits(bytes, sizeof(bytes));
}

struct hash128 hash128_pieces(uint64_t seed, const void *const *pieces, const size_t *sizes,
                              size_t count) {
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset_withSeed(&state, seed);
    for (size_t i = 0; i < count; i++) {
        if (sizes[i] > 0) {
            XXH3_128bits_update(&state, pieces[i], sizes[i]);
        }
    }
    XXH128_hash_t digest = XXH3_128bits_digest(&state);
    return (struct hash128){.low = digest.low64, .high = digest.high64};
}
