/* ring/kernel_avx2.c - a look into a cell with one compare. Compiled for processors with AVX2, so
 * nothing in here may be called before kernel.c has asked the processor. */
#include "ring/kernel.h"

#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,popcnt")
#endif
#include <immintrin.h>

static inline unsigned cell_entry(const struct ring_cell *cell, int16_t key) {
    const __m256i thresholds = _mm256_load_si256((const __m256i *)(const void *)cell->thresholds);
    const __m256i below = _mm256_cmpgt_epi16(_mm256_set1_epi16(key), thresholds);
    /* Two bits each. They ascend, so those below come first. */
    return (unsigned)__builtin_popcount((unsigned)_mm256_movemask_epi8(below));
}

#define KERNEL kernel_avx2
#define KERNEL_NAME "avx2"
#include "ring/kernel_body.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
