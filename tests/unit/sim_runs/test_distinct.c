/* Counting different values: exact while few, near the truth when many. */
#include "core/base/random.h"
#include "tools/sim/distinct.h"
#include <criterion/criterion.h>

TestSuite(distinct, .timeout = 60);

Test(distinct, few_are_counted_exactly_and_each_once) {
    struct distinct distinct;
    cr_assert(distinct_init(&distinct));
    cr_assert_eq(distinct_count(&distinct), 0);
    for (int round = 0; round < 2; round++) {
        struct random random = random_of_seed(1);
        for (uint32_t i = 0; i < DISTINCT_KEPT - 1; i++) {
            distinct_note(&distinct, random_u64(&random));
        }
        distinct_note(&distinct, 0);
        cr_assert_eq(distinct_count(&distinct), DISTINCT_KEPT);
    }
    distinct_deinit(&distinct);
}

Test(distinct, two_million_within_two_percent_and_each_once) {
    enum { MANY = 2000000 };
    struct distinct distinct;
    cr_assert(distinct_init(&distinct));
    for (int round = 0; round < 2; round++) {
        struct random random = random_of_seed(2);
        for (uint32_t i = 0; i < MANY; i++) {
            distinct_note(&distinct, random_u64(&random));
        }
        cr_assert_gt(distinct_count(&distinct), MANY / 100 * 98);
        cr_assert_lt(distinct_count(&distinct), MANY / 100 * 102);
    }
    cr_assert_leq(distinct.count, DISTINCT_KEPT);
    distinct_deinit(&distinct);
}
