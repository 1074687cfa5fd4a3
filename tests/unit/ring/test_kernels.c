/* All kernels give one answer, which is the oracle's: on crowded cells, ties and keys that equal a
 * threshold too. */
#include "tests/unit/ring/world.h"
#include <criterion/criterion.h>
#include <string.h>

static const char *const names[] = {"plain", "sse2", "avx2"};
enum { KERNELS = sizeof(names) / sizeof(names[0]), HASHES = 257 };

static void check_route(const struct henge_ring *ring, uint64_t hash) {
    for (size_t count = 1; count <= LIST_OWNERS && ring->points_count > 0; count++) {
        struct henge_route fast, exact;
        memset(&fast, 0, sizeof(fast));
        memset(&exact, 0, sizeof(exact));
        cr_assert(henge_ring_owners(ring, hash, count, &fast) == HENGE_OK);
        ring_exact_route(ring, hash, (uint32_t)count, &exact);
        cr_assert(memcmp(&fast, &exact, sizeof(fast)) == 0, "%s: route of %016lx",
                  ring->kernel->name, (unsigned long)hash);
    }
}

static void check_world(struct random *random, const struct world_limits *limits) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_random(random, limits);
    struct henge_ring *ring = world_ring(world, &memory);
    uint64_t hashes[HASHES];
    uint16_t slots[HASHES];
    for (size_t i = 0; i < HASHES; i++) {
        hashes[i] = world_hash(world, random);
    }
    for (size_t k = 0; k < KERNELS; k++) {
        const struct ring_kernel *kernel = ring_kernel_of_name(names[k]);
        if (kernel == NULL) {
            continue; /* not on this processor */
        }
        ring->kernel = kernel;
        henge_ring_owner_many(ring, hashes, HASHES, slots);
        for (size_t i = 0; i < HASHES; i++) {
            const struct ring_member *owner = world_owner(world, hashes[i]);
            const uint32_t expected = owner == NULL ? HENGE_NO_SLOT : owner->slot;
            cr_assert_eq(slots[i], expected);
            cr_assert_eq(henge_ring_owner_hash(ring, hashes[i]), expected);
            check_route(ring, hashes[i]);
        }
    }
    ring_destroy(&memory, ring);
    world_free(world);
}

Test(kernels, agree) {
    static const size_t sizes[] = {0, 1, 2, 3, 9, 40, 120, 300};
    struct random random = random_of_seed(21);
    for (size_t i = 0; i < 40; i++) {
        const size_t members = sizes[i % 8];
        check_world(&random, &(struct world_limits){.members = members,
                                                    .zones = 1 + random_below(&random, 5),
                                                    .vnodes_max = 1 + random_below(&random, 100),
                                                    .weight_max = 2,
                                                    .slots = members + 1});
    }
}

/* Tokens of few bits: cells that hold hundreds of points beside empty ones, and nothing but ties.
 */
Test(kernels, agree_in_crowded_cells) {
    static const uint64_t masks[] = {0xf00000000000, 0xffc000000000, 0x00000ff00000, 0x00000000003f,
                                     0x800000000001, 0x0003fffc0000, 0xffff00000000};
    struct random random = random_of_seed(22);
    for (size_t i = 0; i < 42; i++) {
        const size_t members = 1 + random_below(&random, 60);
        check_world(&random, &(struct world_limits){.members = members,
                                                    .zones = 1 + random_below(&random, 5),
                                                    .vnodes_max = 30,
                                                    .weight_max = 2,
                                                    .slots = members + 3,
                                                    .token_mask = masks[i % 7]});
    }
}

Test(kernels, are_there_by_name) {
    cr_assert_not_null(ring_kernel_best());
    cr_assert_eq(ring_kernel_of_name(ring_kernel_best()->name), ring_kernel_best());
    cr_assert_not_null(ring_kernel_of_name("plain"));
    cr_assert_null(ring_kernel_of_name("nosuch"));
}
