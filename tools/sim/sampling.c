/* tools/sim/sampling.c - see sampling.h. */
#include "tools/sim/sampling.h"

enum { SAMPLE_MILLION = 1000000, FRACTION_BITS = 16 };
#define LN2_32 UINT64_C(2977044472) /* ln 2 in units of 2^-32 */

bool sample_chance(struct random *random, uint64_t ppm) {
    return ppm > 0 && random_below(random, SAMPLE_MILLION) < ppm;
}

/* -log2(word / 2^64) in units of 2^-16; word > 0. The bits of the fraction come by squaring the
 * mantissa: it reaches 2 exactly when the next bit of its logarithm is 1. */
static uint64_t negative_log2(uint64_t word) {
    uint32_t zeros = (uint32_t)__builtin_clzll(word);
    uint64_t mantissa = (word << zeros) >> 32; /* 1..2 in units of 2^-31 */
    uint64_t fraction = 0;
    for (int bit = 0; bit < FRACTION_BITS; bit++) {
        mantissa = (mantissa * mantissa) >> 31;
        fraction <<= 1;
        if (mantissa >> 32) {
            fraction |= 1;
            mantissa >>= 1;
        }
    }
    return ((uint64_t)(zeros + 1) << FRACTION_BITS) - fraction;
}

uint64_t sample_exponential(struct random *random, uint64_t mean) {
    if (mean == 0) {
        return 0;
    }
    __extension__ unsigned __int128 product = negative_log2(random_u64(random) | 1);
    product = product * LN2_32 * mean;
    return (uint64_t)(product >> (FRACTION_BITS + 32));
}
