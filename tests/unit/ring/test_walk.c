/* Beyond the preference list: fallbacks, a pick by load, and the fence for requests of another
 * ring. */
#include "core/base/hash.h"
#include "tests/unit/ring/world.h"
#include <criterion/criterion.h>
#include <string.h>

enum { SLOTS = 400 };

static struct world *some_world(struct random *random) {
    const struct world_limits limits = {.members = 1 + random_below(random, 40),
                                        .zones = 1 + random_below(random, 6),
                                        .vnodes_max = 8,
                                        .weight_max = 2,
                                        .slots = SLOTS,
                                        .token_mask = random_below(random, 2) == 0 ? 0 : 0xff};
    struct world *world = world_random(random, &limits);
    world_sort(world);
    return world;
}

/* Owners in the order in which a walk from the hash meets them, each once. */
static size_t met(const struct world *world, uint64_t hash,
                  const struct ring_member **members_out) {
    size_t start = 0;
    while (start < world->points_count && world->points[start].token < hash >> 16) {
        start++;
    }
    size_t count = 0;
    for (size_t i = 0; i < world->points_count; i++) {
        const struct ring_member *member = world->points[(start + i) % world->points_count].member;
        bool is_new = true;
        for (size_t j = 0; j < count; j++) {
            is_new &= members_out[j] != member;
        }
        if (is_new) {
            members_out[count++] = member;
        }
    }
    return count;
}

/* Those who were the first of their zone, then the others. */
static size_t zones_first(const struct ring_member **members, size_t count, uint16_t *slots_out) {
    size_t placed = 0;
    for (int is_rest = 0; is_rest <= 1; is_rest++) {
        for (size_t i = 0; i < count; i++) {
            bool is_repeat = false;
            for (size_t j = 0; j < i; j++) {
                is_repeat |= strcmp(members[j]->zone, members[i]->zone) == 0;
            }
            if (is_repeat == (is_rest == 1)) {
                slots_out[placed++] = members[i]->slot;
            }
        }
    }
    return placed;
}

Test(walk, names_every_owner_once_and_zones_first) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct random random = random_of_seed(31);
    for (int round = 0; round < 200; round++) {
        struct world *world = some_world(&random);
        struct henge_ring *ring = world_ring(world, &memory);
        for (int i = 0; i < 20; i++) {
            const uint64_t hash = world_hash(world, &random);
            const struct ring_member *members[WORLD_MEMBERS_MAX];
            uint16_t expected[WORLD_MEMBERS_MAX];
            uint16_t slots[WORLD_MEMBERS_MAX];
            const size_t all = zones_first(members, met(world, hash, members), expected);
            const size_t asked = random_below(&random, WORLD_MEMBERS_MAX + 1);
            const size_t count = henge_ring_walk(ring, hash, asked, slots);
            cr_assert_eq(count, asked < all ? asked : all);
            cr_assert_arr_eq(slots, expected, count * sizeof(slots[0]));
        }
        ring_destroy(&memory, ring);
        world_free(world);
    }
}

Test(walk, begins_as_the_preference_list_does) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(50, 3, 20);
    world_sort(world);
    struct henge_ring *ring = world_ring(world, &memory);
    struct random random = random_of_seed(32);
    for (int i = 0; i < 1000; i++) {
        const uint64_t hash = random_u64(&random);
        uint16_t slots[HENGE_ROUTE_OWNERS_MAX];
        struct henge_route route;
        cr_assert_eq(henge_ring_walk(ring, hash, HENGE_ROUTE_OWNERS_MAX, slots), 8);
        cr_assert_eq(henge_ring_owners(ring, hash, HENGE_ROUTE_OWNERS_MAX, &route), HENGE_OK);
        for (uint32_t owner = 0; owner < HENGE_ROUTE_OWNERS_MAX; owner++) {
            cr_assert_eq(route.owners[owner].slot, slots[owner]);
        }
    }
    ring_destroy(&memory, ring);
    world_free(world);
}

Test(walk, of_none_writes_nothing) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(9, 3, 5);
    struct henge_ring *ring = world_ring(world, &memory);
    uint16_t slots[4] = {7, 7, 7, 7};
    cr_assert_eq(henge_ring_walk(ring, 1, 0, slots), 0);
    cr_assert_eq(slots[0] + slots[1] + slots[2] + slots[3], 28);
    ring_destroy(&memory, ring);
    world_free(world);
}

Test(walk, of_nobody_is_empty) {
    struct memory memory;
    memory_init(&memory, NULL);
    const struct ring_parameters parameters = {.version = 1};
    struct henge_ring *ring = NULL;
    cr_assert_eq(ring_build(&memory, &parameters, NULL, 0, &ring), HENGE_OK);
    uint16_t slot = 0;
    uint32_t load = 0;
    uint32_t owner = 0;
    cr_assert_eq(henge_ring_walk(ring, 1, 1, &slot), 0);
    cr_assert_eq(henge_ring_pick(ring, 1, 1, &load, 1), HENGE_NO_SLOT);
    cr_assert_eq(henge_fence(ring, henge_ring_fingerprint(ring), 1, &owner), HENGE_OK);
    cr_assert_eq(owner, HENGE_NO_SLOT);
    ring_destroy(&memory, ring);
}

Test(pick, takes_the_first_that_is_up_and_has_room) {
    struct memory memory;
    memory_init(&memory, NULL);
    _Atomic uint8_t up[3] = {1, 1, 1};
    struct world *world = world_regular(3, 3, 10);
    world->parameters.up_by_slot = up;
    world_sort(world);
    struct henge_ring *ring = world_ring(world, &memory);
    uint16_t order[3];
    const uint64_t hash = UINT64_C(0x123456789abcdef0);
    cr_assert_eq(henge_ring_walk(ring, hash, 3, order), 3);
    uint32_t load[3] = {0};
    load[order[0]] = 9;
    load[order[1]] = 10;
    load[order[2]] = 11;
    cr_assert_eq(henge_ring_pick(ring, hash, 3, load, 10), order[0]);
    cr_assert_eq(henge_ring_pick(ring, hash, 3, load, 9), order[0],
                 "the least of all that have too much");
    load[order[0]] = 12;
    cr_assert_eq(henge_ring_pick(ring, hash, 3, load, 12), order[1]);
    cr_assert_eq(henge_ring_pick(ring, hash, 3, load, 5), order[1], "the least");
    cr_assert_eq(henge_ring_pick(ring, hash, 1, load, 5), order[0], "nobody else was asked for");
    atomic_store(&up[order[1]], 0);
    cr_assert_eq(henge_ring_pick(ring, hash, 3, load, 12), order[2]);
    cr_assert_eq(henge_ring_pick(ring, hash, 3, load, 5), order[2]);
    atomic_store(&up[order[0]], 0);
    atomic_store(&up[order[2]], 0);
    cr_assert_eq(henge_ring_pick(ring, hash, 3, load, 50), HENGE_NO_SLOT);
    cr_assert_eq(henge_ring_pick(ring, hash, 0, load, 50), HENGE_NO_SLOT);
    ring_destroy(&memory, ring);
    world_free(world);
}

/* Keys in turn, one each to whoever is picked: nobody gets more than c times the mean. */
Test(pick, bounds_the_load_of_each) {
    enum { MEMBERS = 40, KEYS = 20000 };
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(MEMBERS, 4, 8);
    world_sort(world);
    struct henge_ring *ring = world_ring(world, &memory);
    uint32_t load[MEMBERS] = {0};
    uint32_t plain[MEMBERS] = {0};
    struct random random = random_of_seed(33);
    for (uint32_t key = 0; key < KEYS; key++) {
        const uint64_t hash = random_u64(&random);
        const uint32_t load_max = (key + 1) * 5 / (4 * MEMBERS) + 1;
        plain[henge_ring_owner_hash(ring, hash)]++;
        load[henge_ring_pick(ring, hash, HENGE_ROUTE_OWNERS_MAX, load, load_max)]++;
    }
    uint32_t most = 0;
    uint32_t most_plain = 0;
    for (uint32_t i = 0; i < MEMBERS; i++) {
        most = load[i] > most ? load[i] : most;
        most_plain = plain[i] > most_plain ? plain[i] : most_plain;
    }
    cr_assert_leq(most, KEYS * 5 / (4 * MEMBERS) + 1);
    cr_assert_gt(most_plain, KEYS * 3 / (2 * MEMBERS), "eight virtual nodes alone are uneven");
    ring_destroy(&memory, ring);
    world_free(world);
}

/* The range of a hash is the one that holds it. */
Test(range_of, finds_the_range_that_holds_the_hash) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct random random = random_of_seed(35);
    for (int round = 0; round < 100; round++) {
        struct world *world = some_world(&random);
        struct henge_ring *ring = world_ring(world, &memory);
        for (int i = 0; i < 100; i++) {
            const uint64_t hash = world_hash(world, &random);
            const size_t number = henge_ring_range_of(ring, hash);
            struct henge_ring_range range;
            if (henge_ring_points_count(ring) == 0) {
                cr_assert_eq(number, SIZE_MAX);
                continue;
            }
            cr_assert_eq(henge_ring_range_at(ring, number, &range), HENGE_OK);
            cr_assert_eq(range.slot, henge_ring_owner_hash(ring, hash));
            /* Clockwise from `after` the hash comes no later than `until`. */
            cr_assert(range.after == range.until ||
                      hash - range.after - 1 <= range.until - range.after - 1);
        }
        ring_destroy(&memory, ring);
        world_free(world);
    }
}

Test(fence, passes_the_same_ring_and_names_the_owner_to_others) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(10, 3, 20);
    world_sort(world);
    struct henge_ring *ring = world_ring(world, &memory);
    struct henge_ring *same = world_ring(world, &memory);
    world->members[4].weight = 2;
    struct henge_ring *other = world_ring(world, &memory);
    struct random random = random_of_seed(34);
    for (int i = 0; i < 1000; i++) {
        const uint64_t hash = random_u64(&random);
        uint32_t owner = 0;
        cr_assert_eq(henge_fence(ring, henge_ring_fingerprint(same), hash, &owner), HENGE_OK);
        cr_assert_eq(owner, henge_ring_owner_hash(ring, hash));
        cr_assert_eq(henge_fence(ring, henge_ring_fingerprint(other), hash, &owner), HENGE_STALE);
        cr_assert_eq(owner, henge_ring_owner_hash(ring, hash), "by the receiver's ring");
    }
    ring_destroy(&memory, ring);
    ring_destroy(&memory, same);
    ring_destroy(&memory, other);
    world_free(world);
}
