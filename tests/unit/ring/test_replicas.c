/* tests/unit/ring/test_replicas.c - the preference list: against the oracle and by hand. */
#include "tests/unit/ring/world.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void check_route(const struct world *world, const struct henge_ring *ring, uint64_t hash,
                        size_t count) {
    const struct world_owners expected = world_owners(world, hash, count);
    struct henge_route route;
    enum henge_status status = henge_ring_owners(ring, hash, count, &route);
    if (world->points_count == 0) {
        cr_assert(status == HENGE_EMPTY);
        return;
    }
    cr_assert(status == HENGE_OK);
    cr_assert_eq(route.hash, hash);
    cr_assert_eq(route.ring_fingerprint, henge_ring_fingerprint(ring));
    cr_assert_eq(route.ring_version, henge_ring_version(ring));
    cr_assert_eq(route.owners_count, expected.count);
    cr_assert_eq(route.zones_count, expected.zones);
    for (size_t i = 0; i < expected.count; i++) {
        const unsigned flags =
            HENGE_OWNER_UP | (expected.is_repeat[i] ? (unsigned)HENGE_OWNER_ZONE_REPEAT : 0);
        cr_assert(route.owners[i].slot == expected.members[i]->slot,
                  "hash %016lx, owner %zu of %zu: slot %u, expected %u", (unsigned long)hash, i,
                  count, route.owners[i].slot, expected.members[i]->slot);
        cr_assert_eq(route.owners[i].flags, flags);
    }
}

static void check_world(struct random *random, const struct world_limits *limits) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_random(random, limits);
    struct henge_ring *ring = world_ring(world, &memory);
    for (size_t count = 1; count <= HENGE_ROUTE_OWNERS_MAX; count++) {
        for (size_t i = 0; i < 40; i++) {
            check_route(world, ring, world_hash(world, random), count);
        }
    }
    ring_destroy(&memory, ring);
    world_free(world);
}

Test(replicas, agree_with_the_oracle) {
    static const size_t sizes[] = {0, 1, 2, 3, 5, 8, 20, 60, 150, 300};
    struct random random = random_of_seed(11);
    for (size_t i = 0; i < 60; i++) {
        const size_t members = sizes[i % 10];
        check_world(&random, &(struct world_limits){.members = members,
                                                    .zones = 1 + random_below(&random, 10),
                                                    .vnodes_max = 1 + random_below(&random, 20),
                                                    .weight_max = 1 + random_below(&random, 3),
                                                    .slots = i % 2 == 0 ? members + 1 : 0xffff});
    }
}

Test(replicas, agree_with_the_oracle_in_one_zone_and_in_a_zone_each) {
    struct random random = random_of_seed(12);
    for (size_t i = 0; i < 20; i++) {
        const size_t members = 1 + random_below(&random, 30);
        check_world(&random, &(struct world_limits){.members = members,
                                                    .zones = i % 2 == 0 ? 1 : 100000,
                                                    .vnodes_max = 20,
                                                    .weight_max = 2,
                                                    .slots = members});
    }
}

Test(replicas, agree_with_the_oracle_when_tokens_tie) {
    struct random random = random_of_seed(13);
    for (size_t i = 0; i < 30; i++) {
        const size_t members = 1 + random_below(&random, 25);
        check_world(&random,
                    &(struct world_limits){.members = members,
                                           .zones = 1 + random_below(&random, 5),
                                           .vnodes_max = 8,
                                           .weight_max = 2,
                                           .slots = members + 3,
                                           .token_mask = i % 2 == 0 ? 0xf : 0xe00000000000});
    }
}

/* Clockwise from 0: a(east) b(east) c(west) d(east) e(west). */
static void fill_by_slot(const void *context, const struct ring_member *member,
                         uint64_t *tokens_out, size_t count) {
    (void)context;
    for (size_t i = 0; i < count; i++) {
        tokens_out[i] = (uint64_t)(member->slot + 1) << 40;
    }
}

static const struct ring_member five[] = {{.name = "a",
                                           .zone = "east",
                                           .region = "",
                                           .role = "",
                                           .slot = 0,
                                           .vnodes = 1,
                                           .weight = 1,
                                           .ring_state = HENGE_RING_ACTIVE},
                                          {.name = "b",
                                           .zone = "east",
                                           .region = "",
                                           .role = "",
                                           .slot = 1,
                                           .vnodes = 1,
                                           .weight = 1,
                                           .ring_state = HENGE_RING_ACTIVE},
                                          {.name = "c",
                                           .zone = "west",
                                           .region = "",
                                           .role = "",
                                           .slot = 2,
                                           .vnodes = 1,
                                           .weight = 1,
                                           .ring_state = HENGE_RING_ACTIVE},
                                          {.name = "d",
                                           .zone = "east",
                                           .region = "",
                                           .role = "",
                                           .slot = 3,
                                           .vnodes = 1,
                                           .weight = 1,
                                           .ring_state = HENGE_RING_DRAINING},
                                          {.name = "e",
                                           .zone = "west",
                                           .region = "",
                                           .role = "",
                                           .slot = 4,
                                           .vnodes = 1,
                                           .weight = 1,
                                           .ring_state = HENGE_RING_ACTIVE}};

static void check_slots(const struct henge_ring *ring, uint64_t hash, size_t count,
                        const char *expected) {
    struct henge_route route;
    cr_assert(henge_ring_owners(ring, hash, count, &route) == HENGE_OK);
    char found[64] = "";
    char *next = found;
    for (size_t i = 0; i < route.owners_count; i++) {
        *next++ = (char)('a' + route.owners[i].slot);
        if ((route.owners[i].flags & HENGE_OWNER_ZONE_REPEAT) != 0) {
            *next++ = '*';
        }
        if ((route.owners[i].flags & HENGE_OWNER_UP) == 0) {
            *next++ = '-';
        }
    }
    *next = '\0';
    cr_assert_str_eq(found, expected);
}

Test(replicas, spread_over_zones_then_repeat_them) {
    struct memory memory;
    memory_init(&memory, NULL);
    _Atomic uint8_t up[5] = {1, 1, 1, 1, 1};
    const struct ring_parameters parameters = {.version = 9, .up_by_slot = up};
    const struct token_source source = {.fill = fill_by_slot};
    struct henge_ring *ring = NULL;
    cr_assert(ring_build_from(&memory, &parameters, five, 5, &source, &ring) == HENGE_OK);
    check_slots(ring, 0, 1, "a");
    check_slots(ring, 0, 2, "ac");
    check_slots(ring, 0, 3, "acb*");
    check_slots(ring, 0, 4, "acb*d*");
    check_slots(ring, 0, 5, "acb*d*e*");
    check_slots(ring, 0, 8, "acb*d*e*");
    check_slots(ring, UINT64_C(3) << 56, 3, "cde*");
    check_slots(ring, UINT64_C(5) << 56, 3, "eab*");
    check_slots(ring, UINT64_MAX, 2, "ac"); /* behind the last point: round to the first */

    /* The overlay is read at lookup time; places do not move. */
    atomic_store(&up[2], 0);
    atomic_store(&up[1], 0);
    check_slots(ring, 0, 4, "ac-b*-d*");
    atomic_store(&up[2], 1);
    check_slots(ring, 0, 4, "acb*-d*");
    ring_destroy(&memory, ring);
}

Test(replicas, refuse_no_owners_and_too_many) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(10, 3, 5);
    struct henge_ring *ring = world_ring(world, &memory);
    struct henge_route route;
    memset(&route, 0x5a, sizeof(route));
    const struct henge_route before = route;
    cr_assert(henge_ring_owners(ring, 1, 0, &route) == HENGE_INVALID);
    cr_assert(henge_ring_owners(ring, 1, HENGE_ROUTE_OWNERS_MAX + 1, &route) == HENGE_INVALID);
    cr_assert(henge_ring_owners(ring, 1, SIZE_MAX, &route) == HENGE_INVALID);
    cr_assert(memcmp(&route, &before, sizeof(route)) == 0, "written on failure");
    cr_assert(henge_ring_owners(ring, 1, HENGE_ROUTE_OWNERS_MAX, &route) == HENGE_OK);
    ring_destroy(&memory, ring);
    world_free(world);
}
