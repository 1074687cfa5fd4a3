/* Current and next ring: who leaves, who is pending, and whose place it takes. */
#include "tests/unit/ring/world.h"
#include <criterion/criterion.h>
#include <string.h>

/* The world with some members left out. Members keep their slots. */
static struct henge_ring *ring_without(const struct world *world, struct memory *memory,
                                       const bool *is_out) {
    static struct world part;
    part = *world;
    part.count = 0;
    for (size_t i = 0; i < world->count; i++) {
        if (!is_out[i]) {
            part.members[part.count++] = world->members[i];
        }
    }
    return world_ring(&part, memory);
}

static bool names_owner(const struct henge_route *route, uint16_t slot) {
    bool found = false;
    for (uint32_t i = 0; i < route->owners_count; i++) {
        found |= route->owners[i].slot == slot;
    }
    return found;
}

static const struct henge_route_pending *pending_of(const struct henge_route *route,
                                                    uint16_t slot) {
    for (uint32_t i = 0; i < route->pending_count; i++) {
        if (route->pending[i].slot == slot) {
            return &route->pending[i];
        }
    }
    return NULL;
}

static void check(const struct henge_ring *current, const struct henge_ring *next, uint64_t hash,
                  size_t count) {
    struct henge_route route;
    struct henge_route then;
    cr_assert_eq(henge_ring_owners(current, hash, count, &route), HENGE_OK);
    cr_assert_eq(henge_ring_owners(next, hash, count, &then), HENGE_OK);
    const struct henge_route before = route;
    ring_route_pending(next, count, &route);
    cr_assert_eq(route.owners_count, before.owners_count);
    uint32_t leaving = 0;
    for (uint32_t i = 0; i < route.owners_count; i++) {
        cr_assert_eq(route.owners[i].slot, before.owners[i].slot);
        const bool leaves = (route.owners[i].flags & HENGE_OWNER_LEAVING) != 0;
        cr_assert_eq(leaves, !names_owner(&then, route.owners[i].slot));
        leaving += leaves;
    }
    uint32_t pending = 0;
    uint32_t replaced = 0;
    for (uint32_t i = 0; i < then.owners_count; i++) {
        const struct henge_route_pending *entry = pending_of(&route, then.owners[i].slot);
        cr_assert_eq(entry != NULL, !names_owner(&before, then.owners[i].slot));
        if (entry == NULL) {
            continue;
        }
        pending++;
        cr_assert_eq(entry->flags, then.owners[i].flags);
        for (uint32_t j = 0; j < route.owners_count && entry->replaces != HENGE_NO_SLOT; j++) {
            replaced += entry->replaces == route.owners[j].slot &&
                        (route.owners[j].flags & HENGE_OWNER_LEAVING) != 0;
        }
    }
    cr_assert_eq(route.pending_count, pending);
    cr_assert_eq(replaced, pending < leaving ? pending : leaving, "each place is taken once");
}

Test(pending, are_those_who_are_owners_in_the_next_ring_only) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct random random = random_of_seed(41);
    for (int round = 0; round < 300; round++) {
        struct world *world =
            world_regular(3 + random_below(&random, 12), 1 + random_below(&random, 4), 6);
        bool joins[WORLD_MEMBERS_MAX] = {false};
        bool drains[WORLD_MEMBERS_MAX] = {false};
        for (size_t i = 2; i < world->count; i++) {
            joins[i] = random_below(&random, 3) == 0;
            drains[i] = !joins[i] && random_below(&random, 3) == 0;
        }
        struct henge_ring *current = ring_without(world, &memory, joins);
        struct henge_ring *next = ring_without(world, &memory, drains);
        for (int i = 0; i < 50; i++) {
            check(current, next, random_u64(&random),
                  1 + random_below(&random, HENGE_ROUTE_OWNERS_MAX));
        }
        ring_destroy(&memory, current);
        ring_destroy(&memory, next);
        world_free(world);
    }
}

Test(pending, are_none_when_all_drain) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(3, 3, 4);
    struct henge_ring *current = world_ring(world, &memory);
    const struct ring_parameters parameters = {.version = 1};
    struct henge_ring *next = NULL;
    cr_assert_eq(ring_build(&memory, &parameters, NULL, 0, &next), HENGE_OK);
    struct henge_route route;
    cr_assert_eq(henge_ring_owners(current, 5, 3, &route), HENGE_OK);
    ring_route_pending(next, 3, &route);
    cr_assert_eq(route.pending_count, 0);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert(route.owners[i].flags & HENGE_OWNER_LEAVING);
    }
    ring_destroy(&memory, current);
    ring_destroy(&memory, next);
    world_free(world);
}
