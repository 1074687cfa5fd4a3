/* What the nodes of one thread share of their rings: numbers of names, and tables. */
#include "core/base/hash.h"
#include "core/runtime/node/ring_house.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct memory memory;
static struct ring_house *house;

static void begin(void) {
    memory_init(&memory, NULL);
    house = ring_house_create(&memory, 77);
    cr_assert_not_null(house);
}

static void end(void) {
    memory_fail_after(&memory, -1);
    ring_house_destroy(house);
    for (size_t tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        cr_assert_eq(atomic_load(&memory.held_bytes[tag]), 0, "tag %zu", tag);
    }
}

TestSuite(ring_house, .init = begin, .fini = end, .timeout = 60);

Test(ring_house, a_name_has_one_number_until_nobody_holds_it) {
    struct slot_numbers *numbers = &house->numbers;
    cr_assert_eq(slot_numbers_hold(numbers, 100), 0);
    cr_assert_eq(slot_numbers_hold(numbers, 200), 1);
    cr_assert_eq(slot_numbers_hold(numbers, 100), 0);
    slot_numbers_release(numbers, 0);
    cr_assert_eq(slot_numbers_hold(numbers, 300), 2, "100 is held yet");
    slot_numbers_release(numbers, 0);
    cr_assert_eq(slot_numbers_hold(numbers, 400), 0);
    cr_assert_eq(slot_numbers_hold(numbers, 100), 3);
}

Test(ring_house, there_are_so_many_numbers_and_no_more) {
    struct slot_numbers *numbers = &house->numbers;
    for (uint32_t i = 0; i < SLOT_NUMBERS_MAX; i++) {
        cr_assert_eq(slot_numbers_hold(numbers, hash64_pair(i, 1)), i);
    }
    cr_assert_eq(slot_numbers_hold(numbers, 1), HENGE_NO_SLOT);
    for (uint32_t i = 0; i < SLOT_NUMBERS_MAX; i++) {
        cr_assert_eq(slot_numbers_hold(numbers, hash64_pair(i, 1)), i);
        slot_numbers_release(numbers, i);
        slot_numbers_release(numbers, i);
    }
    cr_assert_eq(slot_numbers_hold(numbers, 1), SLOT_NUMBERS_MAX - 1, "given back last");
}

Test(ring_house, without_memory_there_is_no_number_and_nothing_is_lost) {
    struct slot_numbers *numbers = &house->numbers;
    uint32_t held = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        memory_fail_after(&memory, i % 3);
        held += slot_numbers_hold(numbers, hash64_pair(held, 2)) == held;
    }
    cr_assert_gt(held, 500);
    cr_assert_lt(held, 1000);
    for (uint32_t i = 0; i < held; i++) {
        cr_assert_eq(slot_numbers_hold(numbers, hash64_pair(i, 2)), i);
    }
}

enum { MEMBERS = 40 };

static struct ring_member members[MEMBERS];
static char names[MEMBERS][8];
static struct ring_parameters parameters;

static struct ring_wish wish_of(size_t count, uint64_t slots_sum) {
    for (uint16_t i = 0; i < MEMBERS; i++) {
        snprintf(names[i], sizeof(names[i]), "m%u", i);
        members[i] = (struct ring_member){.name = names[i],
                                          .zone = "",
                                          .region = "",
                                          .role = "",
                                          .slot = i,
                                          .vnodes = 20,
                                          .weight = 1,
                                          .ring_state = HENGE_RING_ACTIVE};
    }
    return (struct ring_wish){.parameters = &parameters,
                              .members = members,
                              .count = count,
                              .fingerprint = ring_fingerprint_of(&parameters, members, count),
                              .slots_sum = slots_sum};
}

Test(ring_house, who_wants_the_same_gets_the_same) {
    const struct ring_wish fewer = wish_of(MEMBERS - 1, 1);
    const struct ring_wish other_slots = wish_of(MEMBERS - 1, 2);
    struct ring_table *first = ring_house_take(house, &fewer, NULL);
    cr_assert_not_null(first);
    cr_assert_eq(ring_house_take(house, &fewer, NULL), first);
    struct ring_table *second = ring_house_take(house, &other_slots, first);
    cr_assert_neq(second, first);
    ring_house_let_go(house, second);
    ring_house_let_go(house, first);
    cr_assert_eq(house->spare, second, "the first is held yet");
    ring_house_let_go(house, first);
    cr_assert_eq(house->spare, first);
    const struct ring_wish all = wish_of(MEMBERS, 3);
    cr_assert_eq(ring_house_take(house, &all, NULL), first, "brought up to date");
    cr_assert_eq(henge_ring_fingerprint(first->ring), all.fingerprint);
    ring_house_let_go(house, first);
}

Test(ring_house, a_spare_of_another_salt_is_of_no_use) {
    const struct ring_wish fewer = wish_of(MEMBERS - 1, 1);
    ring_house_let_go(house, ring_house_take(house, &fewer, NULL));
    parameters.salt[3] = 1;
    const struct ring_wish salted = wish_of(MEMBERS - 1, 1);
    struct ring_table *table = ring_house_take(house, &salted, NULL);
    struct henge_ring *built = NULL;
    cr_assert_eq(ring_build(&memory, &parameters, members, MEMBERS - 1, &built), HENGE_OK);
    for (uint64_t key = 0; key < 100; key++) {
        const uint64_t hash = hash64_pair(key, 9);
        cr_assert_eq(henge_ring_owner_hash(table->ring, hash), henge_ring_owner_hash(built, hash));
    }
    ring_destroy(&memory, built);
    ring_house_let_go(house, table);
}

Test(ring_house, heads_differ_in_version_and_liveness) {
    _Atomic uint8_t up[2][MEMBERS] = {{0}, {0}};
    const struct ring_wish fewer = wish_of(MEMBERS - 1, 1);
    struct ring_table *table = ring_house_take(house, &fewer, NULL);
    struct henge_ring *heads[2];
    memset((void *)up[0], 1, sizeof(up[0]));
    for (uint64_t i = 0; i < 2; i++) {
        const struct ring_parameters own = {.version = 10 + i, .up_by_slot = up[i]};
        heads[i] = ring_head_of(&memory, table->ring, &own);
        struct henge_route route;
        cr_assert_eq(henge_ring_owners(heads[i], 12345, 2, &route), HENGE_OK);
        cr_assert_eq(route.ring_version, 10 + i);
        cr_assert_eq(route.ring_fingerprint, fewer.fingerprint);
        cr_assert_eq((route.owners[0].flags & HENGE_OWNER_UP) != 0, i == 0);
        cr_assert_eq(route.owners[0].slot, henge_ring_owner_hash(table->ring, 12345));
    }
    ring_destroy(&memory, heads[0]);
    ring_destroy(&memory, heads[1]);
    ring_house_let_go(house, table);
}

Test(ring_house, without_memory_there_is_no_table_and_nothing_is_lost) {
    const struct ring_wish fewer = wish_of(MEMBERS - 1, 1);
    struct ring_table *table = NULL;
    int64_t allocations = 0;
    while (!table) {
        memory_fail_after(&memory, allocations++);
        table = ring_house_take(house, &fewer, NULL);
        cr_assert_lt(allocations, 100);
    }
    cr_assert_gt(allocations, 3);
    cr_assert_eq(table->references, 1);
    ring_house_let_go(house, table);
}

Test(ring_house, what_is_built_has_a_budget_and_what_is_there_has_none) {
    const uint64_t now_ns = 5 * NS_PER_S;
    uint32_t built = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert(ring_house_allows(house, i, 10000, now_ns), "no budget");
    }
    house->has_budget = true;
    while (ring_house_allows(house, built + 1, 1000, now_ns) && built < 100000) {
        built++;
    }
    cr_assert_eq(built, 1 + RING_HOUSE_BURST_NS / (1000 * RING_HOUSE_MEMBER_NS));
    cr_assert_not(ring_house_allows(house, 7, 1, now_ns), "whatever its size");
    cr_assert(ring_house_allows(house, 7, 1000, now_ns + 1000 * RING_HOUSE_MEMBER_NS));
    cr_assert_not(ring_house_allows(house, 8, 1000, now_ns + 1000 * RING_HOUSE_MEMBER_NS));

    const struct ring_wish wanted = wish_of(3, 0);
    struct ring_table *table = ring_house_take(house, &wanted, NULL);
    cr_assert_not_null(table);
    cr_assert(ring_house_allows(house, wanted.fingerprint, 1, now_ns), "it is there");
    ring_house_let_go(house, table);
    cr_assert_not(ring_house_allows(house, wanted.fingerprint, 1, now_ns), "it was");
    for (uint64_t second = 0; second < 100; second++) {
        for (uint32_t i = 0; i < 4; i++) {
            cr_assert(ring_house_allows(house, i, 10000,
                                        now_ns + (second + 3) * NS_PER_S + i * NS_PER_S / 4),
                      "one node of ten thousand members, each publish.window_ms");
        }
    }
}
