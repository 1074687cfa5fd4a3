/* tests/unit/ring/test_placement.c - what a member chooses: even shares, its own tokens alone, the
 * same whatever the slots. */
#include "tests/unit/ring/world.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void choose(struct world *world, struct memory *memory, struct ring_member *self,
                   uint32_t candidates, uint32_t kept) {
    struct henge_ring *ring = world_ring(world, memory);
    const struct ring_choice choice = {.parameters = &world->parameters,
                                       .ring = ring,
                                       .members = world->members,
                                       .count = world->count,
                                       .self = self,
                                       .candidates = candidates,
                                       .kept = kept};
    uint8_t *mine = world->choices[self - world->members];
    cr_assert(ring_choose(memory, &choice, mine) == HENGE_OK);
    self->choices = mine;
    self->choices_bytes = RING_CHOICES_BYTES;
    ring_destroy(memory, ring);
}

/* All members of a regular world, joined one after the other. */
static struct world *joined(size_t members, size_t zones, uint32_t candidates,
                            struct memory *memory) {
    struct world *world = world_regular(members, zones, 100);
    for (world->count = 0; world->count < members; world->count++) {
        choose(world, memory, &world->members[world->count], candidates, 0);
    }
    return world;
}

static double width_of(const struct henge_ring_range *range) {
    return (double)(range->until - range->after) / 0x1p64;
}

/* Of the three lists of each range, by slot: parts of the circle. */
struct shares {
    double primaries[WORLD_MEMBERS_MAX];
    double replicas[WORLD_MEMBERS_MAX];
};

static struct shares shares_of(const struct henge_ring *ring) {
    struct shares shares = {0};
    struct henge_ring_range range;
    for (size_t i = 0; henge_ring_range_at(ring, i, &range) == HENGE_OK; i++) {
        struct henge_route route;
        cr_assert(henge_ring_owners(ring, range.until, 3, &route) == HENGE_OK);
        shares.primaries[range.slot] += width_of(&range);
        for (uint32_t owner = 0; owner < route.owners_count; owner++) {
            shares.replicas[route.owners[owner].slot] += width_of(&range);
        }
    }
    return shares;
}

/* The peak over the mean; slots are the indices of members. */
static double peak_of(const double *shares, size_t count) {
    double peak = 0;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        peak = shares[i] > peak ? shares[i] : peak;
        sum += shares[i];
    }
    return peak * (double)count / sum;
}

Test(placement, spreads_primaries_and_replicas_evenly) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = joined(99, 3, RING_CANDIDATES, &memory);
    struct henge_ring *ring = world_ring(world, &memory);
    const struct shares shares = shares_of(ring);
    cr_assert_lt(peak_of(shares.primaries, 99), 1.03);
    cr_assert_lt(peak_of(shares.replicas, 99), 1.03);
    ring_destroy(&memory, ring);
    world_free(world);
}

/* What the figures above are to be compared with: without choices they are far from it. */
Test(placement, of_one_candidate_is_plain) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = joined(99, 3, 1, &memory);
    struct henge_ring *ring = world_ring(world, &memory);
    struct world *plain = world_regular(99, 3, 100);
    struct henge_ring *other = world_ring(plain, &memory);
    cr_assert_eq(henge_ring_fingerprint(ring), henge_ring_fingerprint(other));
    const struct shares shares = shares_of(ring);
    cr_assert_gt(peak_of(shares.primaries, 99), 1.15);
    cr_assert_gt(peak_of(shares.replicas, 99), 1.15);
    ring_destroy(&memory, other);
    world_free(plain);
    ring_destroy(&memory, ring);
    world_free(world);
}

Test(placement, keeps_balance_while_members_are_replaced) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct random random = random_of_seed(51);
    struct world *world = joined(60, 3, RING_CANDIDATES, &memory);
    for (unsigned i = 0; i < 100; i++) {
        const size_t gone = random_below(&random, world->count);
        struct ring_member *member = &world->members[gone];
        snprintf(world->names[gone], WORLD_TEXT_BYTES, "new-%u", i);
        member->ring_state = HENGE_RING_JOINING;
        choose(world, &memory, member, RING_CANDIDATES, 0);
        member->ring_state = HENGE_RING_ACTIVE;
    }
    struct henge_ring *ring = world_ring(world, &memory);
    const struct shares shares = shares_of(ring);
    cr_assert_lt(peak_of(shares.primaries, 60), 1.05);
    cr_assert_lt(peak_of(shares.replicas, 60), 1.05);
    ring_destroy(&memory, ring);
    world_free(world);
}

/* Member 7 grows to 300 points: its first 100 stay, the next are chosen, the last 44 are plain. */
Test(placement, of_a_greater_weight_keeps_what_was_chosen) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = joined(30, 3, RING_CANDIDATES, &memory);
    struct ring_member *member = &world->members[7];
    uint8_t before[RING_CHOICES_BYTES];
    memcpy(before, world->choices[7], sizeof(before));
    member->weight = 3;
    choose(world, &memory, member, RING_CANDIDATES, 100);
    cr_assert(memcmp(before, world->choices[7], 50) == 0);
    cr_assert(memcmp(before + 50, world->choices[7] + 50, 78) != 0);
    struct henge_ring *ring = world_ring(world, &memory);
    const struct shares shares = shares_of(ring);
    cr_assert_float_eq(shares.primaries[7] * 32 / 3, 1, 0.03);
    for (size_t i = 0; i < 30; i++) {
        cr_assert(i == 7 || shares.primaries[i] * 32 < 1.05);
    }
    ring_destroy(&memory, ring);
    world_free(world);
}

Test(placement, depends_on_neither_slots_nor_order) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct random random = random_of_seed(52);
    struct world *world = joined(40, 4, RING_CANDIDATES, &memory);
    uint8_t before[RING_CHOICES_BYTES];
    const char *name = world->members[39].name;
    memcpy(before, world->choices[39], sizeof(before));
    struct world *there = malloc(sizeof(*there));
    cr_assert(there != NULL);
    *there = *world;
    there->points = NULL;
    world_deal_again(there, &random, 3000);
    struct ring_member *self = there->members;
    while (self->name != name) {
        self++;
    }
    self->ring_state = HENGE_RING_JOINING; /* or ACTIVE: what it has already does not count */
    choose(there, &memory, self, RING_CANDIDATES, 0);
    cr_assert(memcmp(before, self->choices, sizeof(before)) == 0);
    self->ring_state = HENGE_RING_ACTIVE;
    choose(there, &memory, self, RING_CANDIDATES, 0);
    cr_assert(memcmp(before, self->choices, sizeof(before)) == 0);
    world_free(there);
    world_free(world);
}

/* Alone in the ring, alone in its zone, with nobody there at all, with nothing to place: any choice
 * is good, and every ring can be built. */
Test(placement, of_who_is_alone) {
    struct memory memory;
    memory_init(&memory, NULL);
    for (size_t members = 1; members <= 3; members++) {
        struct world *world = world_regular(members, members, 100);
        struct ring_member *self = &world->members[0];
        choose(world, &memory, self, RING_CANDIDATES, 0);
        self->vnodes = 1;
        choose(world, &memory, self, RING_CANDIDATES, 0);
        self->weight = 0;
        choose(world, &memory, self, RING_CANDIDATES, 3);
        self->weight = 5;
        self->vnodes = 1000; /* most of them plain */
        choose(world, &memory, self, 2, 17);
        world_sort(world);
        struct henge_ring *ring = world_ring(world, &memory);
        for (uint64_t hash = 0; hash < UINT64_MAX - (UINT64_C(1) << 58);
             hash += UINT64_C(1) << 58) {
            cr_assert_eq(henge_ring_owner_hash(ring, hash), world_owner(world, hash)->slot);
        }
        ring_destroy(&memory, ring);
        world_free(world);
    }
}

Test(placement, leaks_nothing_when_memory_runs_out) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(10, 2, 20);
    struct henge_ring *ring = world_ring(world, &memory);
    const uint64_t held = atomic_load(&memory.held_bytes[HENGE_MEMORY_RING]);
    const struct ring_choice choice = {.parameters = &world->parameters,
                                       .ring = ring,
                                       .members = world->members,
                                       .count = world->count,
                                       .self = &world->members[3],
                                       .candidates = RING_CANDIDATES};
    uint8_t choices[RING_CHOICES_BYTES] = {0};
    int64_t failures = 0;
    enum henge_status status = HENGE_NO_MEMORY;
    for (; status == HENGE_NO_MEMORY; failures++) {
        cr_assert_lt(failures, 100);
        memory_fail_after(&memory, failures);
        status = ring_choose(&memory, &choice, choices);
        memory_fail_after(&memory, -1);
        cr_assert((status == HENGE_OK) == (choices[0] != 0));
        cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_RING]), held);
    }
    cr_assert_geq(failures, 5);
    ring_destroy(&memory, ring);
    world_free(world);
}
