/* Rings of one's own, built of plain structs: against the oracle, what is refused, and whose memory
 * it is. */
#include "tests/unit/ring/world.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* What is left of a world in one of its two rings. */
static struct world *world_of(const struct world *all, enum henge_ring_which which) {
    struct world *world = malloc(sizeof(*world));
    cr_assert(world != NULL);
    *world = *all;
    world->points = NULL;
    world->count = 0;
    for (size_t i = 0; i < all->count; i++) {
        struct ring_member member = all->members[i];
        if (which == HENGE_RING_CURRENT && member.ring_state == HENGE_RING_JOINING) {
            continue;
        }
        if (which == HENGE_RING_NEXT) {
            if (member.ring_state == HENGE_RING_DRAINING) {
                continue;
            }
            member.ring_state = HENGE_RING_ACTIVE;
        }
        world->members[world->count++] = member;
    }
    world_sort(world);
    return world;
}

static void check_hash(const struct world *all, const struct world *expected,
                       const struct henge_ring *ring, uint64_t hash) {
    const struct ring_member *owner = world_owner(expected, hash);
    const uint32_t slot = henge_ring_owner_hash(ring, hash);
    if (owner == NULL) {
        cr_assert_eq(slot, HENGE_NO_SLOT);
        return;
    }
    cr_assert_lt(slot, all->count);
    cr_assert_str_eq(all->members[slot].name, owner->name, "a slot is an index");
    cr_assert_str_eq(henge_ring_name(ring, slot), owner->name);
    const struct world_owners owners = world_owners(expected, hash, 5);
    struct henge_route route;
    cr_assert(henge_ring_owners(ring, hash, 5, &route) == HENGE_OK);
    cr_assert_eq(route.owners_count, owners.count);
    cr_assert_eq(route.zones_count, owners.zones);
    for (size_t i = 0; i < owners.count; i++) {
        cr_assert_str_eq(henge_ring_name(ring, route.owners[i].slot), owners.members[i]->name);
        cr_assert(route.owners[i].flags & HENGE_OWNER_UP, "nobody is known to be down");
    }
}

static void check_world(struct random *random, const struct world *all,
                        enum henge_ring_which which) {
    struct world *expected = world_of(all, which);
    if (expected->count == 0) { /* nobody but JOINING ones: they own */
        world_free(expected);
        expected = world_of(all, HENGE_RING_NEXT);
    }
    struct henge_ring *ring = world_plain_ring(all, which);
    cr_assert_eq(henge_ring_points_count(ring), expected->points_count);
    cr_assert_eq(henge_ring_fingerprint(ring),
                 ring_fingerprint_of(&expected->parameters, expected->members, expected->count));
    for (size_t i = 0; i < 100; i++) {
        check_hash(all, expected, ring, world_hash(expected, random));
    }
    henge_ring_destroy(ring);
    world_free(expected);
}

Test(plain, is_the_ring_of_the_same_members) {
    static const size_t sizes[] = {0, 1, 2, 3, 10, 100, 300};
    struct random random = random_of_seed(31);
    for (size_t i = 0; i < 84; i++) {
        const size_t members = sizes[i % 7];
        struct world *world =
            world_random(&random, &(struct world_limits){.members = members,
                                                         .zones = i % 3 == 0 ? 1 : 5,
                                                         .vnodes_max = 1 + i % 30,
                                                         .weight_max = 2,
                                                         .slots = members + 1});
        check_world(&random, world, HENGE_RING_CURRENT);
        check_world(&random, world, HENGE_RING_NEXT);
        world_free(world);
    }
}

Test(plain, is_the_ring_of_three_thousand_members) {
    struct random random = random_of_seed(32);
    struct world *world = world_random(
        &random,
        &(struct world_limits){
            .members = 3000, .zones = 7, .vnodes_max = 20, .weight_max = 3, .slots = 3000});
    check_world(&random, world, HENGE_RING_CURRENT);
    world_free(world);
}

/* Nobody is there who could own the keys but those who join. */
Test(plain, of_members_that_all_join_is_theirs) {
    struct world *world = world_regular(5, 2, 10);
    for (size_t i = 0; i < 5; i++) {
        world->members[i].ring_state = HENGE_RING_JOINING;
    }
    struct henge_ring *current = world_plain_ring(world, HENGE_RING_CURRENT);
    struct henge_ring *next = world_plain_ring(world, HENGE_RING_NEXT);
    cr_assert_eq(henge_ring_members_count(current), 5);
    cr_assert_eq(henge_ring_fingerprint(current), henge_ring_fingerprint(next));
    henge_ring_destroy(current);
    henge_ring_destroy(next);
    world_free(world);
}

static enum henge_status try_build(const struct henge_ring_parameters *parameters,
                                   const struct henge_ring_member *members, size_t count) {
    struct henge_ring *ring = NULL;
    const enum henge_status status = henge_ring_build(parameters, members, count, &ring);
    cr_assert((status == HENGE_OK) == (ring != NULL));
    henge_ring_destroy(ring);
    return status;
}

Test(plain, says_what_it_is_not_built_of) {
    struct world *world = world_regular(4, 2, 10);
    struct henge_ring_member *members = world_plain(world);
    struct henge_ring_parameters parameters = {.size_bytes = sizeof(parameters)};
    cr_assert(try_build(NULL, members, 4) == HENGE_OK);
    cr_assert(try_build(&parameters, members, 4) == HENGE_OK);
    cr_assert(try_build(&parameters, NULL, 0) == HENGE_OK);

    parameters.size_bytes--;
    cr_assert(try_build(&parameters, members, 4) == HENGE_INVALID);
    parameters.size_bytes++;
    parameters.which = (enum henge_ring_which)2;
    cr_assert(try_build(&parameters, members, 4) == HENGE_INVALID);

    const struct henge_ring_member sound = members[3];
    struct henge_ring_member bad[] = {sound, sound, sound, sound, sound, sound, sound};
    bad[0].size_bytes--;
    bad[1].name = NULL;
    bad[2].name = "";
    bad[3].name = members[0].name;
    bad[4].ring_state = (enum henge_ring_state)3;
    bad[5].choices_bytes = 1;
    bad[6].choices = world->choices[0];
    bad[6].choices_bytes = HENGE_RING_CHOICES_BYTES + 1;
    for (size_t i = 0; i < 7; i++) {
        members[3] = bad[i];
        cr_assert(try_build(NULL, members, 4) == HENGE_INVALID, "number %zu", i);
    }
    members[3] = bad[3];
    members[3].weight = 0;
    cr_assert(try_build(NULL, members, 4) == HENGE_INVALID, "a name is used once, by anybody");
    members[3] = sound;
    members[3].ring_state = HENGE_RING_JOINING; /* not of the ring that is built */
    members[3].name = "";
    cr_assert(try_build(NULL, members, 4) == HENGE_INVALID);
    members[3].name = "0123456789012345678901234567890123456789012345678901234567890123";
    cr_assert(try_build(NULL, members, 4) == HENGE_INVALID, "64 bytes");
    members[3].name++;
    cr_assert(try_build(NULL, members, 4) == HENGE_OK, "63 bytes");
    members[3] = sound;
    members[0].size_bytes = 0;
    cr_assert(try_build(NULL, members, 4) == HENGE_INVALID);
    cr_assert(try_build(NULL, members, SLOT_SEE_POINTS + 1) == HENGE_INVALID);
    free(members);
    world_free(world);
}

/* A caller of a later header: its struct has fields that this library does not know. */
Test(plain, passes_over_fields_it_does_not_know) {
    struct later {
        struct henge_ring_member member;
        uint64_t something[3];
    };
    struct world *world = world_regular(20, 3, 10);
    struct henge_ring_member *members = world_plain(world);
    struct later later[20];
    memset(later, 0xff, sizeof(later));
    for (size_t i = 0; i < 20; i++) {
        later[i].member = members[i];
        later[i].member.size_bytes = sizeof(later[i]);
    }
    struct henge_ring *ring = NULL;
    cr_assert(henge_ring_build(NULL, &later[0].member, 20, &ring) == HENGE_OK);
    struct henge_ring *known = world_plain_ring(world, HENGE_RING_CURRENT);
    cr_assert_eq(henge_ring_fingerprint(ring), henge_ring_fingerprint(known));
    henge_ring_destroy(ring);
    henge_ring_destroy(known);
    free(members);
    world_free(world);
}

/* Counts what it gave, and refuses once `left` is 0. */
struct purse {
    int64_t left;
    int64_t blocks;
};

static void *purse_alloc(void *context, size_t bytes, size_t alignment, enum henge_memory_tag tag) {
    struct purse *purse = context;
    cr_assert_eq(tag, HENGE_MEMORY_RING);
    if (purse->left-- <= 0) {
        return NULL;
    }
    purse->blocks++;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void *purse_resize(void *context, void *block, size_t old_bytes, size_t new_bytes,
                          size_t alignment, enum henge_memory_tag tag) {
    (void)context;
    (void)block;
    (void)old_bytes;
    (void)new_bytes;
    (void)alignment;
    (void)tag;
    cr_assert_fail("a ring does not grow");
    return NULL;
}

static void purse_release(void *context, void *block, size_t bytes, enum henge_memory_tag tag) {
    struct purse *purse = context;
    (void)bytes;
    cr_assert_eq(tag, HENGE_MEMORY_RING);
    purse->blocks--;
    free(block);
}

Test(plain, keeps_to_the_allocator_it_is_given) {
    struct purse purse = {0};
    const struct henge_allocator allocator = {.size_bytes = sizeof(allocator),
                                              .context = &purse,
                                              .alloc = purse_alloc,
                                              .resize = purse_resize,
                                              .release = purse_release};
    const struct henge_ring_parameters parameters = {.size_bytes = sizeof(parameters),
                                                     .allocator = &allocator};
    struct world *world = world_regular(60, 60, 5);
    struct henge_ring_member *members = world_plain(world);
    enum henge_status status = HENGE_NO_MEMORY;
    int64_t given = 0;
    for (; status == HENGE_NO_MEMORY; given++) {
        cr_assert_lt(given, 100);
        purse.left = given;
        status = try_build(&parameters, members, 60);
        cr_assert_eq(purse.blocks, 0);
    }
    cr_assert(status == HENGE_OK);
    cr_assert_geq(given, 7, "a build has more allocations than that");
    free(members);
    world_free(world);
}

Test(plain, tells_names_slots_and_ranges) {
    struct random random = random_of_seed(33);
    struct world *world = world_random(
        &random, &(struct world_limits){
                     .members = 30, .zones = 3, .vnodes_max = 20, .weight_max = 1, .slots = 40});
    struct henge_ring *ring = world_plain_ring(world, HENGE_RING_CURRENT);
    const size_t points = henge_ring_points_count(ring);
    size_t all = 0;
    for (uint32_t slot = 0; slot < 50; slot++) {
        uint32_t numbers[600];
        const size_t count = henge_ring_ranges_of(ring, slot, numbers, 600);
        const char *name = henge_ring_name(ring, slot);
        cr_assert_eq(name != NULL, count > 0);
        if (name == NULL) {
            continue;
        }
        cr_assert_str_eq(name, world->members[slot].name);
        cr_assert_eq(henge_ring_slot_of(ring, name), slot);
        for (size_t i = 0; i < count; i++) {
            struct henge_ring_range range;
            cr_assert(henge_ring_range_at(ring, numbers[i], &range) == HENGE_OK);
            cr_assert_eq(range.slot, slot);
            cr_assert(i == 0 || numbers[i - 1] < numbers[i]);
        }
        uint32_t first[2] = {0, 12345};
        cr_assert_eq(henge_ring_ranges_of(ring, slot, first, 1), count);
        cr_assert_eq(first[0], numbers[0]);
        cr_assert_eq(first[1], 12345, "no more than there is room for");
        all += count;
    }
    cr_assert_eq(all, points, "each range is somebody's");
    cr_assert_null(henge_ring_name(ring, HENGE_NO_SLOT));
    cr_assert_eq(henge_ring_slot_of(ring, "nobody"), HENGE_NO_SLOT);
    cr_assert_eq(henge_ring_slot_of(ring, ""), HENGE_NO_SLOT);
    henge_ring_destroy(ring);
    world_free(world);
}

/* What a view says of a member is all that a ring wants to know. */
Test(plain, takes_a_member_as_a_view_has_it) {
    static const uint8_t choices[] = {0x21, 0x43};
    const struct henge_member seen = {.name = "a",
                                      .zone = "z",
                                      .region = "eu",
                                      .role = "db",
                                      .vnodes = 9,
                                      .weight = 2,
                                      .ring_state = HENGE_RING_DRAINING,
                                      .choices = choices,
                                      .choices_bytes = 2};
    const struct ring_member same = {.name = "a",
                                     .zone = "z",
                                     .region = "eu",
                                     .role = "db",
                                     .vnodes = 9,
                                     .weight = 2,
                                     .ring_state = HENGE_RING_DRAINING,
                                     .choices = choices,
                                     .choices_bytes = 2};
    struct henge_ring_member member;
    henge_ring_member_of(&seen, &member);
    struct henge_ring *ring = NULL;
    cr_assert(henge_ring_build(NULL, &member, 1, &ring) == HENGE_OK);
    const struct ring_parameters parameters = {.version = 0};
    cr_assert_eq(henge_ring_fingerprint(ring), ring_fingerprint_of(&parameters, &same, 1));
    cr_assert_eq(henge_ring_points_count(ring), 18);
    henge_ring_destroy(ring);
}
