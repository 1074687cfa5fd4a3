/* Hash, random and histogram. */
#include "core/base/hash.h"
#include "core/base/histogram.h"
#include "core/base/random.h"
#include <criterion/criterion.h>

Test(hash, is_xxh3_as_others_compute_it) {
    /* Published XXH3 values of the empty input: every node, of any version, must agree on these. */
    cr_assert_eq(hash64("", 0), UINT64_C(0x2d06800538d394c2));
    struct hash128 empty = hash128_pieces(0, NULL, NULL, 0);
    cr_assert_eq(empty.high, UINT64_C(0x99aa06d3014798d8));
    cr_assert_eq(empty.low, UINT64_C(0x6001c324468d497f));
    cr_assert_eq(hash64_text("abc"), hash64("abc", 3));
    cr_assert_eq(hash64_seeded("abc", 3, 0), hash64("abc", 3));
    cr_assert_neq(hash64_seeded("abc", 3, 1), hash64("abc", 3));
}

Test(hash, pieces_hash_as_their_concatenation) {
    uint8_t text[600];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t)(i * 7);
    }
    const void *whole[] = {text};
    size_t whole_size[] = {sizeof(text)};
    struct hash128 expected = hash128_pieces(9, whole, whole_size, 1);
    for (size_t cut = 0; cut <= sizeof(text); cut += 37) {
        const void *pieces[] = {text, text + cut};
        size_t sizes[] = {cut, sizeof(text) - cut};
        struct hash128 got = hash128_pieces(9, pieces, sizes, 2);
        cr_assert_eq(got.low, expected.low);
        cr_assert_eq(got.high, expected.high);
    }
    struct hash128 other = hash128_pieces(10, whole, whole_size, 1);
    cr_assert_neq(other.low, expected.low);
}

Test(hash, a_pair_has_an_order) {
    cr_assert_neq(hash64_pair(1, 2), hash64_pair(2, 1));
    cr_assert_eq(hash64_pair(1, 2), hash64_pair(1, 2));
    uint8_t bytes[16] = {1, 0, 0, 0, 0, 0, 0, 0, 2};
    cr_assert_eq(hash64_pair(1, 2), hash64(bytes, 16));
}

Test(random, follows_xoshiro256_starstar) {
    /* Outputs of the authors' program for the state {1, 2, 3, 4}. */
    static const uint64_t expected[] = {11520,
                                        0,
                                        1509978240,
                                        UINT64_C(1215971899390074240),
                                        UINT64_C(1216172134540287360),
                                        UINT64_C(607988272756665600),
                                        UINT64_C(16172922978634559625)};
    struct random random = {.state = {1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        cr_assert_eq(random_u64(&random), expected[i], "output %zu", i);
    }
    /* splitmix64's first output for 0 is published: 0xe220a8397b1dcdaf. */
    cr_assert_eq(random_of_seed(0).state[0], UINT64_C(0xe220a8397b1dcdaf));
}

Test(random, below_a_limit_every_value_comes_about_equally_often) {
    struct random random = random_of_seed(5);
    uint32_t counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t value = random_below(&random, 7);
        cr_assert_lt(value, 7);
        counts[value]++;
    }
    for (size_t i = 0; i < 7; i++) {
        cr_assert_gt(counts[i], 9500); /* 10000 expected, deviation 93: five of them */
        cr_assert_lt(counts[i], 10500);
    }
    cr_assert_eq(random_below(&random, 1), 0);
    /* 3/4 of 2^64: scaling alone would give every multiple of three twice as often. */
    uint64_t limit = UINT64_C(3) << 62;
    uint32_t multiples = 0;
    for (int i = 0; i < 30000; i++) {
        uint64_t value = random_below(&random, limit);
        cr_assert_lt(value, limit);
        multiples += value % 3 == 0;
    }
    cr_assert_gt(multiples, 9500); /* 10000 expected, deviation 82 */
    cr_assert_lt(multiples, 10500);
}

Test(random, a_shuffle_is_a_permutation_and_reaches_all_of_them) {
    struct random random = random_of_seed(6);
    uint32_t seen[27] = {0};
    for (int round = 0; round < 6000; round++) {
        uint32_t items[3] = {0, 1, 2};
        random_shuffle_u32(&random, items, 3);
        cr_assert_eq((1U << items[0]) | (1U << items[1]) | (1U << items[2]), 7);
        seen[items[0] * 9 + items[1] * 3 + items[2]]++;
    }
    uint32_t orders = 0;
    for (size_t i = 0; i < 27; i++) {
        orders += seen[i] > 0;
        cr_assert(seen[i] == 0 || (seen[i] > 850 && seen[i] < 1150)); /* 1000, deviation 29 */
    }
    cr_assert_eq(orders, 6);
    random_shuffle_u32(&random, NULL, 0);
}

Test(random, the_system_gives_different_bytes_each_time) {
    uint8_t first[32] = {0}, second[32] = {0};
    cr_assert(random_from_system(first, sizeof(first)));
    cr_assert(random_from_system(second, sizeof(second)));
    cr_assert_arr_neq(first, second, sizeof(first));
}

static void check_single(uint64_t value) {
    struct histogram histogram;
    histogram_init(&histogram);
    histogram_add(&histogram, value);
    histogram_add(&histogram, UINT64_MAX); /* so that max does not hide the bucket's edge */
    uint64_t found = histogram_quantile(&histogram, 0.5);
    cr_assert_geq(found, value);
    cr_assert_leq(found - value, value / 16, "value %llu", (unsigned long long)value);
}

Test(histogram, a_value_is_known_to_a_sixteenth) {
    for (uint64_t value = 0; value < 5000; value++) {
        check_single(value);
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t power = UINT64_C(1) << bit;
        check_single(power);
        check_single(power - 1);
        check_single(power + power / 16);
        check_single(power + (power - 1));
    }
}

Test(histogram, the_rank_is_rounded_up) {
    struct histogram histogram;
    histogram_init(&histogram);
    for (uint64_t value = 1; value <= 3; value++) {
        histogram_add(&histogram, value);
    }
    cr_assert_eq(histogram_quantile(&histogram, 0.3), 1);
    cr_assert_eq(histogram_quantile(&histogram, 0.5), 2);
    cr_assert_eq(histogram_quantile(&histogram, 0.7), 3);
}

static int by_value(const void *first, const void *second) {
    uint64_t a = *(const uint64_t *)first, b = *(const uint64_t *)second;
    return a < b ? -1 : a > b;
}

Test(histogram, quantiles_lie_where_a_sorted_array_has_them) {
    enum { COUNT = 10000 };
    static uint64_t values[COUNT];
    struct histogram histogram;
    histogram_init(&histogram);
    cr_assert_eq(histogram_quantile(&histogram, 0.5), 0);
    struct random random = random_of_seed(7);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = random_u64(&random) >> random_below(&random, 60);
        histogram_add(&histogram, values[i]);
    }
    qsort(values, COUNT, sizeof(values[0]), by_value);
    double shares[] = {0.0001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0};
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        uint64_t exact = values[(size_t)(shares[i] * COUNT + 0.5) - 1];
        uint64_t found = histogram_quantile(&histogram, shares[i]);
        cr_assert_geq(found, exact, "share %f", shares[i]);
        cr_assert_leq(found - exact, exact / 16, "share %f", shares[i]);
    }
    cr_assert_eq(histogram_quantile(&histogram, 1.0), values[COUNT - 1], "the maximum is exact");
    cr_assert_leq(histogram_quantile(&histogram, 0), values[0] + values[0] / 16);
}
