/* The hash map against an array of (key, value) pairs. */
#include "core/base/map.h"
#include "core/base/random.h"
#include <criterion/criterion.h>

enum { KEYS = 300, STEPS = 30000 };

struct model {
    bool present[KEYS];
    uint32_t value[KEYS];
    uint32_t count;
};

/* Keys of several habits: small numbers, multiples of a power of two, the two ends. */
static uint64_t key_of(uint32_t index) {
    switch (index % 3) {
    case 0:
        return index;
    case 1:
        return (uint64_t)index << 40;
    default:
        return UINT64_MAX - index;
    }
}

static void check_all(const struct map *map, const struct model *model) {
    cr_assert_eq(map->count, model->count);
    for (uint32_t i = 0; i < KEYS; i++) {
        const uint32_t *found = map_find(map, key_of(i));
        cr_assert_eq(found != NULL, model->present[i], "key %u", i);
        if (found != NULL) {
            cr_assert_eq(*found, model->value[i], "key %u", i);
        }
    }
}

Test(map, agrees_with_an_array_through_random_sets_and_removes) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct map map;
    cr_assert(map_init(&map, &memory, 0, HENGE_MEMORY_MEMBER));
    struct model model = {0};
    struct random random = random_of_seed(3);
    for (int step = 0; step < STEPS; step++) {
        uint32_t index = (uint32_t)random_below(&random, KEYS);
        /* The share of removes swings, so that the map fills and empties several times. */
        if (random_below(&random, 100) < (step / 3000 % 2 == 0 ? 30U : 70U)) {
            cr_assert_eq(map_remove(&map, key_of(index)), model.present[index]);
            model.count -= model.present[index];
            model.present[index] = false;
        } else {
            uint32_t value = (uint32_t)random_u64(&random);
            cr_assert(map_set(&map, key_of(index), value));
            model.count += !model.present[index];
            model.present[index] = true;
            model.value[index] = value;
        }
        if (step % 100 == 0) {
            check_all(&map, &model);
        }
    }
    check_all(&map, &model);
    map_deinit(&map);
    cr_assert_eq(memory.held_bytes[HENGE_MEMORY_MEMBER], 0);
}

Test(map, is_never_more_than_three_quarters_full) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct map map;
    cr_assert(map_init(&map, &memory, 0, HENGE_MEMORY_CORE));
    for (uint64_t key = 0; key < 5000; key++) {
        cr_assert(map_set(&map, key, (uint32_t)key));
        cr_assert_leq((uint64_t)map.count * 4, (uint64_t)map.capacity * 3);
    }
    map_deinit(&map);
}

Test(map, sized_for_what_is_expected_it_does_not_allocate_again) {
    for (uint32_t expected = 0; expected < 200; expected++) {
        struct memory memory;
        memory_init(&memory, NULL);
        struct map map;
        cr_assert(map_init(&map, &memory, expected, HENGE_MEMORY_CORE));
        memory_fail_after(&memory, 0);
        for (uint64_t key = 0; key < expected; key++) {
            cr_assert(map_set(&map, key, 1), "key %u of %u", (unsigned)key, expected);
        }
        map_deinit(&map);
    }
}

Test(map, is_unchanged_when_it_cannot_grow) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct map map;
    cr_assert(map_init(&map, &memory, 0, HENGE_MEMORY_CORE));
    uint64_t keys = 0;
    memory_fail_after(&memory, 0);
    while (map_set(&map, keys, (uint32_t)keys)) {
        keys++;
    }
    cr_assert_eq(map.count, keys);
    cr_assert_null(map_find(&map, keys));
    for (uint64_t key = 0; key < keys; key++) {
        cr_assert_eq(*map_find(&map, key), key);
    }
    cr_assert(map_set(&map, 0, 7), "replacing needs no memory");
    cr_assert(map_set(&map, keys, 1), "memory_fail_after fails once");
    map_deinit(&map);
}
