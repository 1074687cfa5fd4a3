/* ring/kernel_sse2.c - a look into a cell with what every x86-64 has: two compares, packed. */
#include "ring/kernel.h"

#ifdef __x86_64__
#include <emmintrin.h>

/* The thresholds ascend, so those below the key are the lowest bits; the sixteenth never is. */
static inline unsigned cell_entry(const struct ring_cell *cell, int16_t key) {
    const __m128i wanted = _mm_set1_epi16(key);
    const __m128i *halves = (const __m128i *)(const void *)cell->thresholds;
    const __m128i low = _mm_cmplt_epi16(_mm_load_si128(&halves[0]), wanted);
    const __m128i high = _mm_cmplt_epi16(_mm_load_si128(&halves[1]), wanted);
    const unsigned below = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(low, high));
    return 2 * (unsigned)__builtin_ctz(~below);
}

#define KERNEL kernel_sse2
#define KERNEL_NAME "sse2"
#include "ring/kernel_body.h"
#endif
