/* ring/sort.c - points in clockwise order: a radix sort over the token, least digit first.
 *
 * Six passes of one byte. The time is the same for any tokens, so nobody can pick names that make
 * a build slow; 256 streams of output stay in the first-level cache. */
#include "ring/ring_internal.h"
#include <string.h>

enum { DIGIT_BITS = 8, DIGIT_VALUES = 1 << DIGIT_BITS, DIGITS = TOKEN_BITS / DIGIT_BITS };

_Static_assert(DIGITS % 2 == 0, "the last pass must end in `points`");

static size_t digit_of(uint64_t point, unsigned digit) {
    return (size_t)(point >> (POINT_SLOT_BITS + digit * DIGIT_BITS)) & (DIGIT_VALUES - 1);
}

static void scatter(const uint64_t *from, uint64_t *to, size_t count, unsigned digit,
                    const uint32_t *occurrences) {
    uint32_t next[DIGIT_VALUES];
    uint32_t before = 0;
    for (size_t value = 0; value < DIGIT_VALUES; value++) {
        next[value] = before;
        before += occurrences[value];
    }
    for (size_t i = 0; i < count; i++) {
        to[next[digit_of(from[i], digit)]++] = from[i];
    }
}

void sort_points(uint64_t *points, uint64_t *scratch, size_t count) {
    uint32_t occurrences[DIGITS][DIGIT_VALUES];
    memset(occurrences, 0, sizeof(occurrences));
    for (size_t i = 0; i < count; i++) {
        for (unsigned digit = 0; digit < DIGITS; digit++) {
            occurrences[digit][digit_of(points[i], digit)]++;
        }
    }
    for (unsigned digit = 0; digit < DIGITS; digit += 2) {
        scatter(points, scratch, count, digit, occurrences[digit]);
        scatter(scratch, points, count, digit + 1, occurrences[digit + 1]);
    }
}
