/* tests/unit/ring/test_change.c - a ring that was changed is, byte for byte, the ring that is
 * built.
 *
 * Members come, go, and change their weight, zone, state or slot, one or several at a time. At each
 * step the ring before is changed into a copy, and the one before that in place, as a node does it
 * with a retired table; both must equal what ring_build makes of the same members. */
#include "tests/unit/ring/world.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *const zone_texts[] = {"", "a", "b", "c", "d", "e", "f"};

static uint64_t held(struct memory *memory) {
    uint64_t sum = 0;
    for (size_t tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        sum += atomic_load(&memory->held_bytes[tag]);
    }
    return sum;
}

static void check_equal(const struct henge_ring *ring, const struct henge_ring *built) {
    cr_assert_eq(ring->shift, built->shift);
    cr_assert_eq(ring->points_count, built->points_count);
    cr_assert_eq(ring->slots_count, built->slots_count);
    cr_assert_eq(ring->members_count, built->members_count);
    cr_assert_eq(ring->zones_count, built->zones_count);
    cr_assert_eq(ring->fingerprint, built->fingerprint);
    cr_assert_eq(ring->version, built->version);
    cr_assert_eq(ring->up_by_slot, built->up_by_slot);
    const size_t cells = ring_cells_count(built);
    const size_t slots = built->slots_count;
    cr_assert_arr_eq(ring->points, built->points, built->points_count * sizeof(*built->points));
    cr_assert_arr_eq(ring->starts, built->starts, (cells + 1) * sizeof(*built->starts));
    cr_assert_arr_eq(ring->cells, built->cells, cells * sizeof(*built->cells));
    cr_assert_arr_eq(ring->lists, built->lists, cells * sizeof(*built->lists));
    cr_assert_arr_eq(ring->hashes, built->hashes, slots * sizeof(*built->hashes));
    cr_assert_arr_eq(ring->zone_of_slot, built->zone_of_slot, slots * sizeof(uint16_t));
    cr_assert_arr_eq(ring->names, built->names, slots * HENGE_NAME_BYTES);
}

/* What may happen to the members of a world. Those behind world->count are not there, and may join.
 */
struct story {
    struct world *world;
    struct random random;
    size_t members_max;
    uint64_t slots;
    uint64_t zones;
    uint64_t vnodes_max;
    uint64_t weight_max;
    struct memory memory;
    struct henge_ring *ring;  /* the present one */
    struct henge_ring *spare; /* the one before */
    size_t in_place;          /* how often that had room */
};

static bool is_taken(const struct world *world, uint64_t slot) {
    for (size_t i = 0; i < world->count; i++) {
        if (world->members[i].slot == slot) {
            return true;
        }
    }
    return false;
}

static uint16_t free_slot(struct story *story) {
    uint64_t slot = random_below(&story->random, story->slots);
    while (is_taken(story->world, slot)) {
        slot = (slot + 1) % story->slots;
    }
    return (uint16_t)slot;
}

static struct ring_member *any_member(struct story *story, size_t from, size_t until) {
    return &story->world->members[from + random_below(&story->random, until - from)];
}

static void swap(struct ring_member *one, struct ring_member *other) {
    const struct ring_member held_one = *one;
    *one = *other;
    *other = held_one;
}

static void join(struct story *story) {
    struct world *world = story->world;
    if (world->count < story->members_max) {
        const uint16_t slot = free_slot(story);
        struct ring_member *joins = &world->members[world->count];
        swap(joins, any_member(story, world->count, story->members_max));
        joins->slot = slot;
        world->count++;
    }
}

static void leave(struct story *story) {
    struct world *world = story->world;
    if (world->count > 0) {
        swap(any_member(story, 0, world->count), &world->members[world->count - 1]);
        world->count--;
    }
}

/* Another takes the slot of one who leaves. */
static void replace(struct story *story) {
    struct world *world = story->world;
    if (world->count > 0 && world->count < story->members_max) {
        struct ring_member *leaves = any_member(story, 0, world->count);
        struct ring_member *joins = any_member(story, world->count, story->members_max);
        joins->slot = leaves->slot;
        swap(leaves, joins);
    }
}

static void alter(struct story *story, uint64_t what) {
    if (story->world->count == 0) {
        return;
    }
    struct random *random = &story->random;
    struct ring_member *member = any_member(story, 0, story->world->count);
    switch (what) {
    case 0:
        member->weight = (uint16_t)random_below(random, story->weight_max + 1);
        break;
    case 1:
        member->vnodes = (uint16_t)random_below(random, story->vnodes_max + 1);
        break;
    case 2:
        member->zone = zone_texts[random_below(random, story->zones)];
        break;
    case 3:
        member->ring_state = (uint8_t)random_below(random, HENGE_RING_DRAINING + 1);
        break;
    case 4:
        member->role = zone_texts[random_below(random, 3)];
        break;
    case 5:
        member->choices_bytes /= 2; /* those behind are plain then */
        break;
    default:
        member->slot = free_slot(story);
        break;
    }
}

static void one_change(struct story *story) {
    switch (random_below(&story->random, 4)) {
    case 0:
        join(story);
        break;
    case 1:
        leave(story);
        break;
    case 2:
        replace(story);
        break;
    default:
        alter(story, random_below(&story->random, 7));
        break;
    }
}

static void remember_hashes(struct story *story, bool are_known) {
    for (size_t i = 0; i < story->world->count; i++) {
        struct ring_member *member = &story->world->members[i];
        member->hash = are_known ? ring_member_hash(member) : 0;
    }
}

static enum henge_status apply(struct story *story, struct henge_ring *ring) {
    const struct world *world = story->world;
    const struct token_source source = world_source(world);
    return ring_apply_from(&story->memory, ring, &world->parameters, world->members, world->count,
                           &source);
}

static struct henge_ring *changed_copy(struct story *story) {
    const struct world *world = story->world;
    const struct token_source source = world_source(world);
    struct henge_ring *copy = NULL;
    cr_assert(ring_copy_changed_from(&story->memory, story->ring, &world->parameters,
                                     world->members, world->count, &source, &copy) == HENGE_OK);
    return copy;
}

/* Everything as it is to be now, both ways, and then the next ring in the place of the last. */
static void check_step(struct story *story) {
    struct henge_ring *built = world_ring(story->world, &story->memory);
    struct henge_ring *copy = changed_copy(story);
    check_equal(copy, built);
    const enum henge_status status = apply(story, story->spare);
    cr_assert(status == HENGE_OK || status == HENGE_FULL);
    if (status == HENGE_OK) {
        check_equal(story->spare, built);
        story->in_place++;
    }
    ring_destroy(&story->memory, status == HENGE_OK ? copy : story->spare);
    struct henge_ring *next = status == HENGE_OK ? story->spare : copy;
    story->spare = story->ring;
    story->ring = next;
    ring_destroy(&story->memory, built);
}

static void begin(struct story *story, size_t members, uint64_t token_mask) {
    memory_init(&story->memory, NULL);
    story->world =
        world_random(&story->random, &(struct world_limits){.members = story->members_max,
                                                            .zones = 1,
                                                            .vnodes_max = story->vnodes_max,
                                                            .weight_max = story->weight_max,
                                                            .slots = story->slots,
                                                            .token_mask = token_mask});
    for (size_t i = 0; i < story->members_max; i++) {
        story->world->members[i].zone = zone_texts[random_below(&story->random, story->zones)];
    }
    story->world->count = members;
    story->ring = world_ring(story->world, &story->memory);
    story->spare = world_ring(story->world, &story->memory);
}

static void end(struct story *story) {
    ring_destroy(&story->memory, story->ring);
    ring_destroy(&story->memory, story->spare);
    cr_assert_eq(held(&story->memory), 0);
    world_free(story->world);
}

static void tell(struct story *story, size_t members, uint64_t token_mask, size_t steps) {
    begin(story, members, token_mask);
    for (size_t step = 0; step < steps; step++) {
        const uint64_t changes =
            random_below(&story->random, 4) > 0 ? 1 : random_below(&story->random, 12);
        for (uint64_t i = 0; i < changes; i++) {
            one_change(story);
        }
        remember_hashes(story, step % 2 == 0);
        story->world->parameters.version++;
        check_step(story);
    }
    end(story);
}

/* Real tokens; a few bits of them, so that most tie, crowded in one cell or all over the circle. */
static const uint64_t masks[] = {0, 0, 0xff, 0xff00000000ff, 0xfff000000000};

Test(change, makes_the_ring_that_is_built) {
    size_t in_place = 0;
    enum { WORLDS = 100, STEPS = 100 };
    for (size_t world = 0; world < WORLDS; world++) {
        struct story story = {.random = random_of_seed(world),
                              .members_max = 1 + world * 3,
                              .slots = 2 + world * (world % 3 == 0 ? 4 : 30),
                              .zones = 1 + world % 7,
                              .vnodes_max = 1 + world % 20,
                              .weight_max = 1 + world % 3};
        tell(&story, world % 5 == 0 ? 0 : 1 + world * 2, masks[world % 5], STEPS);
        in_place += story.in_place;
    }
    cr_assert_gt(in_place, WORLDS * STEPS / 2, "%zu", in_place);
}

Test(change, makes_the_ring_that_is_built_of_thousands) {
    for (uint64_t zones = 1; zones <= 5; zones++) {
        struct story story = {.random = random_of_seed(zones),
                              .members_max = WORLD_MEMBERS_MAX,
                              .slots = WORLD_MEMBERS_MAX + 1000,
                              .zones = zones,
                              .vnodes_max = 20,
                              .weight_max = 2};
        tell(&story, WORLD_MEMBERS_MAX - 20, 0, 10);
        cr_assert_geq(story.in_place, 8);
    }
}

/* One member is alone in its zone, so it stands in every list, far behind most points. */
Test(change, makes_the_ring_that_is_built_with_a_rare_zone) {
    struct story story = {.random = random_of_seed(1),
                          .members_max = 200,
                          .slots = 300,
                          .zones = 2,
                          .vnodes_max = 20,
                          .weight_max = 1};
    begin(&story, 190, 0);
    for (size_t step = 0; step < 100; step++) {
        story.world->members[0].zone = "rare";
        one_change(&story);
        check_step(&story);
    }
    end(&story);
}

/* With two zones the third owner stands before the second or behind it: the same three may have
 * changed places. They do when they have more points than before, or fewer. */
Test(change, makes_the_ring_that_is_built_of_two_zones) {
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct story story = {.random = random_of_seed(seed),
                              .members_max = 4 + seed,
                              .slots = 40,
                              .zones = 2,
                              .vnodes_max = 100,
                              .weight_max = 1};
        begin(&story, story.members_max, 0);
        for (size_t step = 0; step < 200; step++) {
            alter(&story, step % 2);
            check_step(&story);
        }
        end(&story);
    }
}

/* A story of 100 members in three zones, at a ring that has seen nothing yet. */
static struct story quiet_story(void) {
    struct story story = {.random = random_of_seed(7),
                          .members_max = 400,
                          .slots = 500,
                          .zones = 3,
                          .vnodes_max = 20,
                          .weight_max = 1};
    begin(&story, 0, 0);
    for (size_t i = 0; i < story.members_max; i++) {
        story.world->members[i].slot = (uint16_t)i;
        story.world->members[i].vnodes = 20;
        story.world->members[i].choices_bytes = 0;
        story.world->members[i].weight = 1;
        story.world->members[i].ring_state = HENGE_RING_ACTIVE;
    }
    story.world->count = 100;
    ring_destroy(&story.memory, story.ring);
    ring_destroy(&story.memory, story.spare);
    story.ring = world_ring(story.world, &story.memory);
    story.spare = world_ring(story.world, &story.memory);
    return story;
}

static void check_full(struct story *story) {
    cr_assert(apply(story, story->spare) == HENGE_FULL);
    check_equal(story->spare, story->ring); /* as it was */
    struct henge_ring *built = world_ring(story->world, &story->memory);
    struct henge_ring *copy = changed_copy(story);
    check_equal(copy, built);
    ring_destroy(&story->memory, built);
    ring_destroy(&story->memory, copy);
}

Test(change, says_that_there_is_no_room) {
    struct story story = quiet_story();
    struct ring_member *members = story.world->members;
    members[99].slot = 400; /* beyond the slots that it has room for */
    check_full(&story);
    members[99].slot = 99;
    members[99].weight = 16; /* 300 points more: it has room for 1/16 and 128 */
    check_full(&story);
    members[99].weight = 28; /* 2540 points are for cells of 9 bits */
    check_full(&story);
    members[99].weight = 13; /* 240 more */
    cr_assert(apply(&story, story.spare) == HENGE_OK);
    end(&story);
}

Test(change, leaves_great_changes_to_a_build) {
    struct story story = quiet_story();
    for (size_t i = 0; i < 20; i++) {
        story.world->members[i].vnodes = 19;
    }
    cr_assert(apply(&story, story.spare) == HENGE_OK);
    struct henge_ring *built = world_ring(story.world, &story.memory);
    check_equal(story.spare, built);
    ring_destroy(&story.memory, story.ring);
    story.ring = built;
    for (size_t i = 0; i < 21; i++) {
        story.world->members[i].vnodes = 18;
    }
    check_full(&story);
    end(&story);
}

/* Nothing has happened but the number. */
Test(change, of_nothing_is_a_new_version) {
    struct story story = quiet_story();
    story.world->parameters.version = 9;
    check_step(&story);
    cr_assert_eq(henge_ring_version(story.ring), 9);
    cr_assert_eq(story.in_place, 1);
    end(&story);
}

Test(change, without_memory_changes_nothing) {
    struct story story = quiet_story();
    leave(&story);
    join(&story);
    alter(&story, 0);
    const uint64_t before = held(&story.memory);
    enum henge_status status = HENGE_NO_MEMORY;
    int64_t failures = 0;
    for (; status == HENGE_NO_MEMORY; failures++) {
        memory_fail_after(&story.memory, failures);
        status = apply(&story, story.spare);
        memory_fail_after(&story.memory, -1);
        cr_assert_eq(held(&story.memory), before);
        if (status == HENGE_NO_MEMORY) {
            check_equal(story.spare, story.ring);
        }
    }
    cr_assert(status == HENGE_OK);
    cr_assert_eq(failures, 3);
    end(&story);
}

Test(change, of_a_copy_leaks_nothing_when_memory_runs_out) {
    struct story story = quiet_story();
    leave(&story);
    const uint64_t before = held(&story.memory);
    const struct world *world = story.world;
    enum henge_status status = HENGE_NO_MEMORY;
    int64_t failures = 0;
    for (; status == HENGE_NO_MEMORY; failures++) {
        struct henge_ring *copy = NULL;
        memory_fail_after(&story.memory, failures);
        status = ring_copy_changed(&story.memory, story.ring, &world->parameters, world->members,
                                   world->count, &copy);
        memory_fail_after(&story.memory, -1);
        cr_assert((status == HENGE_OK) == (copy != NULL));
        ring_destroy(&story.memory, copy);
        cr_assert_eq(held(&story.memory), before);
    }
    cr_assert(status == HENGE_OK);
    cr_assert_eq(failures, 4);
    end(&story);
}

static void check_refused(struct story *story) {
    const struct world *world = story->world;
    const uint64_t before = held(&story->memory);
    struct henge_ring *copy = NULL;
    cr_assert(ring_copy_changed(&story->memory, story->ring, &world->parameters, world->members,
                                world->count, &copy) == HENGE_INVALID);
    cr_assert(copy == NULL);
    cr_assert_eq(held(&story->memory), before);
}

Test(change, refuses_what_a_build_refuses) {
    struct story story = quiet_story();
    struct ring_member *member = &story.world->members[99];
    const struct ring_member sound = *member;
    member->slot = 5; /* somebody has it */
    check_refused(&story);
    *member = sound;
    member->slot = HENGE_NO_SLOT;
    check_refused(&story);
    *member = sound;
    member->name = "";
    check_refused(&story);
    member->ring_state = HENGE_RING_JOINING;
    check_refused(&story);
    *member = sound;
    member->name = story.world->members[5].name; /* a name used twice: one was there, */
    check_refused(&story);
    member->name = "twin";
    story.world->members[98].name = "twin"; /* or both are new */
    check_refused(&story);
    end(&story);
}
