/* core/base/random.c - see random.h. */
#include "core/base/random.h"
#include "core/base/assert.h"
#include <errno.h>
#include <sys/random.h>

static uint64_t rotate_left(uint64_t word, unsigned bits) {
    return (word << bits) | (word >> (64 - bits));
}

/* splitmix64 (Steele, Lea, Flood 2014): spreads any seed, zero too, over the whole state. */
static uint64_t splitmix64(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t word = *state;
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

struct random random_of_seed(uint64_t seed) {
    struct random random;
    for (size_t i = 0; i < 4; i++) {
        random.state[i] = splitmix64(&seed);
    }
    return random;
}

uint64_t random_u64(struct random *random) {
    uint64_t *state = random->state;
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

/* Lemire, Fast random integer generation in an interval, 2019: the high word of a product is even
 * once the 2^64 mod limit lowest low words are thrown away; the division is nearly never made. */
uint64_t random_below(struct random *random, uint64_t limit) {
    ASSERT(limit > 0);
    __extension__ unsigned __int128 product = random_u64(random);
    product *= limit;
    if ((uint64_t)product < limit) {
        uint64_t uneven = (UINT64_MAX - limit + 1) % limit;
        while ((uint64_t)product < uneven) {
            product = random_u64(random);
            product *= limit;
        }
    }
    return (uint64_t)(product >> 64);
}

void random_shuffle_u32(struct random *random, uint32_t *items, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)random_below(random, i);
        uint32_t kept = items[i - 1];
        items[i - 1] = items[other];
        items[other] = kept;
    }
}

int random_from_system(void *bytes_out, size_t size) {
    uint8_t *at = bytes_out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return 0;
        }
        at += got;
        size -= (size_t)got;
    }
    return 1;
}
