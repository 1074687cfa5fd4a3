/* The index of slots against an array of hashes. */
#include "core/base/random.h"
#include "core/base/slot_index.h"
#include <criterion/criterion.h>

enum { SLOTS = 400, STEPS = 20000, CELLS = SLOTS + SLOTS / 8 + 1 };

static uint64_t hash_of(const void *slots, uint32_t slot) {
    return ((const uint64_t *)slots)[slot];
}

static uint64_t name(uint32_t slot) {
    return slot % 2 == 0 ? slot : (uint64_t)slot << 40; /* small numbers, and high bits only */
}

static void check_all(const struct slot_index *index, const uint64_t *hashes, const bool *is_in) {
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        uint32_t found = slot_index_find(index, hashes, name(slot));
        cr_assert_eq(found, is_in[slot] ? slot : SLOT_INDEX_NONE, "slot %u", slot);
    }
}

Test(slot_index, agrees_with_an_array_through_puts_removes_and_moves) {
    uint64_t hashes[SLOTS] = {0};
    bool is_in[SLOTS] = {false};
    uint32_t cells[2][CELLS + 50];
    struct random random = random_of_seed(3);
    struct slot_index index = {.multiplier = random_u64(&random) | 1, .hash_of = hash_of};
    cr_assert_eq(slot_index_find(&index, hashes, 7), SLOT_INDEX_NONE, "without cells");
    cr_assert_eq(slot_index_cells(SLOTS), CELLS);
    slot_index_move(&index, cells[0], CELLS);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t slot = (uint32_t)random_below(&random, SLOTS);
        /* It fills up, empties, and so on. */
        if (random_below(&random, 100) < (step / 2000 % 2 == 0 ? 10U : 90U)) {
            slot_index_remove(&index, name(slot), slot);
            is_in[slot] = false;
            hashes[slot] = UINT64_MAX; /* would be found if it still stood there */
        } else {
            slot_index_put(&index, hashes, name(slot), slot);
            hashes[slot] = name(slot);
            is_in[slot] = true;
        }
        if (step % 500 == 0) {
            check_all(&index, hashes, is_in);
            uint32_t more = (uint32_t)random_below(&random, 50);
            slot_index_move(&index, cells[1 - (index.cells == cells[1])], CELLS + more);
            check_all(&index, hashes, is_in);
        }
    }
}

Test(slot_index, another_slot_of_the_name_is_not_removed) {
    uint64_t hashes[2] = {5, 5};
    uint32_t cells[4];
    struct slot_index index = {.multiplier = 77, .hash_of = hash_of};
    slot_index_move(&index, cells, 4);
    slot_index_put(&index, hashes, 5, 0);
    slot_index_put(&index, hashes, 5, 1);
    cr_assert_eq(slot_index_find(&index, hashes, 5), 1);
    slot_index_remove(&index, 5, 0);
    cr_assert_eq(slot_index_find(&index, hashes, 5), 1);
    slot_index_remove(&index, 5, 1);
    cr_assert_eq(slot_index_find(&index, hashes, 5), SLOT_INDEX_NONE);
}

Test(slot_index, capacity_grows_by_an_eighth_up_to_its_bound) {
    uint32_t capacity = 0;
    for (uint32_t slot = 0; slot < SLOT_INDEX_MAX; slot++) {
        if (slot == capacity) {
            uint32_t before = capacity;
            capacity = slot_index_capacity(before, slot, SLOT_INDEX_MAX, 0);
            cr_assert(capacity > slot && capacity <= before + before / 8 + 16);
        }
    }
    cr_assert_eq(capacity, SLOT_INDEX_MAX);
    cr_assert_eq(slot_index_capacity(0, 0, 3, 0), 3);
}

Test(slot_index, capacity_grows_at_once_to_what_is_expected_when_a_part_of_it_is_there) {
    cr_assert_lt(slot_index_capacity(0, 0, 1000, 800), 50, "perhaps nobody comes");
    cr_assert_lt(slot_index_capacity(49, 49, 1000, 800), 100);
    cr_assert_eq(slot_index_capacity(50, 50, 1000, 800), 800);
    cr_assert_gt(slot_index_capacity(800, 800, 1000, 800), 800, "more than that come");
    cr_assert_eq(slot_index_capacity(0, 0, 3, 10), 3);
}

static uint32_t looks;

static uint64_t hash_looked_at(const void *slots, uint32_t slot) {
    looks++;
    return ((const uint64_t *)slots)[slot];
}

/* As many names as there are slots, so a look at one is a cache line of its own: about one for each
 * that is found, and a part of one for each that is not. Growing looks at none. */
Test(slot_index, slots_are_seldom_looked_at_in_vain) {
    enum { MANY = 10000, MANY_CELLS = MANY + MANY / 4 + 1 };
    static uint64_t hashes[MANY];
    static uint32_t cells[2][MANY_CELLS + 1];
    struct random random = random_of_seed(4);
    struct slot_index index = {.multiplier = random_u64(&random) | 1, .hash_of = hash_looked_at};
    slot_index_move(&index, cells[0], MANY_CELLS);
    for (uint32_t slot = 0; slot < MANY; slot++) {
        hashes[slot] = random_u64(&random);
        slot_index_put(&index, hashes, hashes[slot], slot);
    }
    looks = 0;
    slot_index_move(&index, cells[1], MANY_CELLS + 1);
    cr_assert_eq(looks, 0);
    for (uint32_t slot = 0; slot < MANY; slot++) {
        cr_assert_eq(slot_index_find(&index, hashes, hashes[slot]), slot);
    }
    cr_assert_leq(looks, MANY + MANY / 5);
    looks = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        cr_assert_eq(slot_index_find(&index, hashes, random_u64(&random)), SLOT_INDEX_NONE);
    }
    cr_assert_leq(looks, MANY / 5);
}
