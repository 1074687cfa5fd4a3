/* tests/unit/ring/test_owner.c - who owns a hash: against the oracle, and at the edges. */
#include "tests/unit/ring/world.h"
#include "core/base/hash.h"
#include <criterion/criterion.h>
#include <string.h>

static void check_hash(const struct world *world, const struct henge_ring *ring, uint64_t hash) {
    const struct ring_member *owner = world_owner(world, hash);
    const uint32_t expected = owner == NULL ? HENGE_NO_SLOT : owner->slot;
    const uint32_t found = henge_ring_owner_hash(ring, hash);
    cr_assert(found == expected, "hash %016lx: slot %u, expected %u (%zu points)",
              (unsigned long)hash, found, expected, world->points_count);
    cr_assert(henge_ring_is_mine(ring, hash, expected) == (owner != NULL));
    cr_assert(!henge_ring_is_mine(ring, hash, expected + 1));
}

/* Random hashes, the ends, and the tokens with their neighbours: all of them in a small ring. */
static void check_world(struct random *random, const struct world_limits *limits) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_random(random, limits);
    struct henge_ring *ring = world_ring(world, &memory);
    cr_assert_eq(henge_ring_points_count(ring), world->points_count);
    check_hash(world, ring, 0);
    check_hash(world, ring, UINT64_MAX);
    for (size_t i = 0; i < 300; i++) {
        check_hash(world, ring, random_u64(random));
    }
    const size_t step = world->points_count / 500 + 1;
    for (size_t i = 0; i < world->points_count; i += step) {
        const uint64_t token = world->points[i].token;
        check_hash(world, ring, token << 16);
        check_hash(world, ring, token << 16 | 0xffff);
        check_hash(world, ring, (token << 16) - 1);
        check_hash(world, ring, (token + 1) << 16);
    }
    ring_destroy(&memory, ring);
    world_free(world);
}

static const size_t sizes[] = {0, 1, 2, 3, 4, 7, 16, 33, 100, 300};
enum { SIZES_COUNT = sizeof(sizes) / sizeof(sizes[0]) };

Test(owner, agrees_with_the_oracle) {
    struct random random = random_of_seed(1);
    for (size_t i = 0; i < 6 * SIZES_COUNT; i++) {
        const size_t members = sizes[i % SIZES_COUNT];
        check_world(&random, &(struct world_limits){.members = members,
                                                    .zones = 1 + random_below(&random, 6),
                                                    .vnodes_max = 1 + random_below(&random, 40),
                                                    .weight_max = random_below(&random, 4),
                                                    .slots = i % 2 == 0 ? members + 1 : 0xffff});
    }
}

/* A few bits of token at the top, in the middle, at the bottom: points in heaps, and many ties. */
Test(owner, agrees_with_the_oracle_when_tokens_tie) {
    static const uint64_t masks[] = {0xf00000000000, 0x00000ff00000, 0x00000000003f, 0x800000000001,
                                     0x400000000000};
    struct random random = random_of_seed(2);
    for (size_t i = 0; i < 50; i++) {
        const size_t members = 1 + random_below(&random, 40);
        check_world(&random, &(struct world_limits){.members = members,
                                                    .zones = 3,
                                                    .vnodes_max = 10,
                                                    .weight_max = 2,
                                                    .slots = members + 10,
                                                    .token_mask = masks[i % 5]});
    }
}

/* Fills all tokens with the one word in `context`. */
static void fill_same(const void *context, const struct ring_member *member, uint64_t *tokens_out,
                      size_t count) {
    (void)member;
    for (size_t i = 0; i < count; i++) {
        tokens_out[i] = *(const uint64_t *)context;
    }
}

Test(owner, of_one_point_is_everywhere) {
    static const uint64_t tokens[] = {0, 1, 0x7fffffffffff, 0xfffffffffffe, 0xffffffffffff};
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(1, 1, 1);
    world->members[0].slot = 0xfffd;
    for (size_t i = 0; i < 5; i++) {
        const struct token_source source = {.context = &tokens[i], .fill = fill_same};
        struct henge_ring *ring = NULL;
        cr_assert(ring_build_from(&memory, &world->parameters, world->members, 1, &source, &ring) ==
                  HENGE_OK);
        const uint64_t at = tokens[i] << 16;
        const uint64_t hashes[] = {0, 1, at, at - 1, at + 0xffff, at + 0x10000, UINT64_MAX};
        for (size_t k = 0; k < 7; k++) {
            cr_assert_eq(henge_ring_owner_hash(ring, hashes[k]), 0xfffd);
        }
        cr_assert(henge_ring_ownership(ring, 0xfffd) == 1.0);
        ring_destroy(&memory, ring);
    }
    world_free(world);
}

/* The name that sorts first takes what lies before a shared token. */
Test(owner, of_a_tie_is_the_first_name) {
    const uint64_t token = 0x123456789abc;
    const struct token_source source = {.context = &token, .fill = fill_same};
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(5, 2, 3);
    struct random random = random_of_seed(3);
    for (size_t i = 0; i < 20; i++) {
        world_deal_again(world, &random, 9);
        struct henge_ring *ring = NULL;
        cr_assert(ring_build_from(&memory, &world->parameters, world->members, 5, &source, &ring) ==
                  HENGE_OK);
        uint32_t owner = henge_ring_owner_hash(ring, random_u64(&random));
        cr_assert(strcmp(world_name_of_slot(world, owner), "node-0") == 0);
        ring_destroy(&memory, ring);
    }
    world_free(world);
}

Test(owner, of_an_empty_ring_is_nobody) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *idle = world_regular(3, 1, 10);
    idle->members[0].weight = 0;
    idle->members[1].ring_state = HENGE_RING_JOINING;
    idle->members[2].vnodes = 0;
    for (size_t count = 0; count <= 3; count += 3) {
        struct henge_ring *ring = NULL;
        cr_assert(ring_build(&memory, &idle->parameters, idle->members, count, &ring) == HENGE_OK);
        struct henge_route route;
        struct henge_ring_range range;
        cr_assert_eq(henge_ring_owner_hash(ring, 0), HENGE_NO_SLOT);
        cr_assert_eq(henge_ring_owner_hash(ring, UINT64_MAX), HENGE_NO_SLOT);
        cr_assert_eq(henge_ring_owner(ring, "key", 3), HENGE_NO_SLOT);
        cr_assert(!henge_ring_is_mine(ring, 7, HENGE_NO_SLOT));
        cr_assert(henge_ring_owners(ring, 7, 3, &route) == HENGE_EMPTY);
        cr_assert(henge_ring_range_at(ring, 0, &range) == HENGE_NOT_FOUND);
        cr_assert_eq(henge_ring_members_count(ring), 0);
        cr_assert_eq(henge_ring_points_count(ring), 0);
        cr_assert(henge_ring_ownership(ring, 0) == 0.0);
        ring_destroy(&memory, ring);
    }
    world_free(idle);
}

/* XXH3_64bits, seed 0: what any other implementation prints. Clients hash keys themselves. */
Test(owner, hashes_keys_as_xxh3) {
    cr_assert_eq(henge_ring_hash("", 0), 0x2d06800538d394c2);
    cr_assert_eq(henge_ring_hash("abc", 3), 0x78af5f94892f3950);
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(20, 3, 50);
    struct henge_ring *ring = world_ring(world, &memory);
    for (uint32_t key = 0; key < 200; key++) {
        const uint64_t hash = henge_ring_hash(&key, sizeof(key));
        cr_assert_eq(henge_ring_owner(ring, &key, sizeof(key)), henge_ring_owner_hash(ring, hash));
        check_hash(world, ring, hash);
    }
    ring_destroy(&memory, ring);
    world_free(world);
}
