/* tests/unit/ring/test_movement.c - how the circle is divided, and how little of it moves. */
#include "tests/unit/ring/world.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* The world's last member comes (or, read backwards, goes): a key that changes hands must be its.
 */
static void check_join(struct random *random, const struct world_limits *limits) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_random(random, limits);
    struct henge_ring *with = world_ring(world, &memory);
    const uint32_t newcomer = world->members[--world->count].slot;
    struct henge_ring *without = world_ring(world, &memory);
    size_t moved = 0;
    for (size_t i = 0; i < 2000; i++) {
        const uint64_t hash = world_hash(world, random);
        const uint32_t before = henge_ring_owner_hash(without, hash);
        const uint32_t after = henge_ring_owner_hash(with, hash);
        cr_assert(after == before || after == newcomer, "hash %016lx went from %u to %u",
                  (unsigned long)hash, before, after);
        moved += after != before ? 1 : 0;
    }
    cr_assert((henge_ring_ownership(with, newcomer) > 0.01) <= (moved > 0));
    ring_destroy(&memory, with);
    ring_destroy(&memory, without);
    world_free(world);
}

Test(movement, of_keys_is_only_to_who_joins_and_from_who_leaves) {
    struct random random = random_of_seed(31);
    for (size_t i = 0; i < 60; i++) {
        const size_t members = 1 + random_below(&random, 60);
        check_join(&random, &(struct world_limits){.members = members,
                                                   .zones = 3,
                                                   .vnodes_max = 30,
                                                   .weight_max = 2,
                                                   .slots = 100,
                                                   .token_mask = i % 4 == 0 ? 0xfff : 0});
    }
}

/* Without zones a newcomer is put into a preference list, and nobody changes places. */
Test(movement, of_replicas_is_an_insertion) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct random random = random_of_seed(32);
    struct world *world = world_regular(20, 1, 50);
    struct henge_ring *with = world_ring(world, &memory);
    const uint16_t newcomer = world->members[--world->count].slot;
    struct henge_ring *without = world_ring(world, &memory);
    size_t changed = 0;
    for (size_t i = 0; i < 5000; i++) {
        const uint64_t hash = random_u64(&random);
        struct henge_route before;
        struct henge_route after;
        cr_assert(henge_ring_owners(without, hash, 4, &before) == HENGE_OK);
        cr_assert(henge_ring_owners(with, hash, 4, &after) == HENGE_OK);
        size_t old = 0;
        for (size_t k = 0; k < 4; k++) {
            if (after.owners[k].slot == newcomer) {
                changed++;
            } else {
                cr_assert_eq(after.owners[k].slot, before.owners[old++].slot);
            }
        }
    }
    /* 4 of 20 lists: a fifth. */
    cr_assert_gt(changed, 5000 / 10);
    cr_assert_lt(changed, 5000 / 3);
    ring_destroy(&memory, with);
    ring_destroy(&memory, without);
    world_free(world);
}

Test(movement, weight_grows_a_share_without_moving_others) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct random random = random_of_seed(33);
    struct world *world = world_regular(10, 2, 100);
    struct henge_ring *before = world_ring(world, &memory);
    world->members[4].weight = 3;
    struct henge_ring *after = world_ring(world, &memory);
    for (size_t i = 0; i < 5000; i++) {
        const uint64_t hash = random_u64(&random);
        const uint32_t owner = henge_ring_owner_hash(after, hash);
        cr_assert(owner == 4 || owner == henge_ring_owner_hash(before, hash));
    }
    const double share = henge_ring_ownership(after, 4);
    cr_assert(share > 0.18 && share < 0.32, "3 of 12: %f", share);
    ring_destroy(&memory, before);
    ring_destroy(&memory, after);
    world_free(world);
}

Test(movement, ranges_cover_the_circle_once) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct random random = random_of_seed(34);
    for (size_t i = 0; i < 30; i++) {
        struct world *world =
            world_random(&random, &(struct world_limits){.members = 1 + random_below(&random, 50),
                                                         .zones = 3,
                                                         .vnodes_max = 10,
                                                         .weight_max = 2,
                                                         .slots = 60,
                                                         .token_mask = i % 3 == 0 ? 0x7f : 0});
        struct henge_ring *ring = world_ring(world, &memory);
        const size_t points = henge_ring_points_count(ring);
        double shares[60] = {0};
        struct henge_ring_range range;
        struct henge_ring_range last = {0};
        for (size_t index = 0; index < points; index++) {
            cr_assert(henge_ring_range_at(ring, index, &range) == HENGE_OK);
            if (index > 0) {
                cr_assert(range.after == last.until && range.until >= range.after);
            }
            if (index == 0 || range.after != range.until) {
                cr_assert_eq(henge_ring_owner_hash(ring, range.until), range.slot);
                cr_assert_eq(henge_ring_owner_hash(ring, range.after + 1), range.slot);
            }
            const uint64_t width = range.until - range.after; /* modulo 2^64 */
            shares[range.slot] += index == 0 && width == 0 ? 1.0 : ldexp((double)width, -64);
            last = range;
        }
        if (points > 0) {
            cr_assert(henge_ring_range_at(ring, 0, &range) == HENGE_OK);
            cr_assert_eq(range.after, last.until);
        }
        cr_assert(henge_ring_range_at(ring, points, &range) == HENGE_NOT_FOUND);
        for (uint32_t slot = 0; slot < 60; slot++) {
            cr_assert(fabs(shares[slot] - henge_ring_ownership(ring, slot)) < 1e-9);
        }
        ring_destroy(&memory, ring);
        world_free(world);
    }
}

/* 100 virtual nodes each: the standard deviation of a share is about a tenth of the mean. Loose
 * bounds, to catch tokens that are not spread. */
Test(movement, shares_are_about_equal) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(100, 3, 100);
    for (uint8_t salt = 0; salt < 5; salt++) {
        world->parameters.salt[3] = salt;
        world->parameters.salt[12] = salt;
        world_sort(world);
        struct henge_ring *ring = world_ring(world, &memory);
        double sum = 0;
        for (uint32_t slot = 0; slot < 100; slot++) {
            const double share = 100 * henge_ring_ownership(ring, slot);
            cr_assert(share > 0.6 && share < 1.5, "slot %u holds %f of the mean", slot, share);
            sum += share;
        }
        cr_assert(fabs(sum - 100) < 1e-6);
        ring_destroy(&memory, ring);
    }
    world_free(world);
}
