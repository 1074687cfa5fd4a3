/* tests/unit/ring/test_build.c - what a ring may be built of, what it must not depend on, and that
 * a failed build leaves nothing behind. */
#include "tests/unit/ring/world.h"
#include "core/base/hash.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static uint64_t held(struct memory *memory) {
    uint64_t sum = 0;
    for (size_t tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        sum += atomic_load(&memory->held_bytes[tag]);
    }
    return sum;
}

static void check_invalid(const struct world *world, size_t count) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct henge_ring *ring = NULL;
    cr_assert(ring_build(&memory, &world->parameters, world->members, count, &ring) ==
              HENGE_INVALID);
    cr_assert(ring == NULL, "written on failure");
    cr_assert_eq(held(&memory), 0);
}

Test(build, refuses_a_slot_used_twice) {
    struct world *world = world_regular(5, 1, 10);
    world->members[4].slot = 2;
    check_invalid(world, 5);
    world->members[4].weight = 0; /* also of one who owns nothing: slots are unique */
    check_invalid(world, 5);
    world_free(world);
}

Test(build, refuses_the_slot_that_means_nobody) {
    struct world *world = world_regular(1, 1, 10);
    world->members[0].slot = HENGE_NO_SLOT;
    check_invalid(world, 1);
    world_free(world);
}

Test(build, refuses_a_name_used_twice_and_bad_names) {
    struct world *world = world_regular(3, 1, 10);
    world->members[2].name = "node-0";
    check_invalid(world, 3);
    world->members[2].name = "";
    check_invalid(world, 3);
    char name[HENGE_NAME_BYTES + 1];
    memset(name, 'x', sizeof(name));
    name[HENGE_NAME_BYTES] = '\0';
    world->members[2].name = name;
    check_invalid(world, 3);
    name[HENGE_NAME_BYTES - 1] = '\0';
    struct memory memory;
    memory_init(&memory, NULL);
    ring_destroy(&memory, world_ring(world, &memory));
    world_free(world);
}

Test(build, refuses_more_points_than_the_limit) {
    struct world *world = world_regular(3, 1, 1000);
    world->members[0].vnodes = 0xffff; /* 2^24 = 65535 * 256 + 256 */
    world->members[0].weight = 256;
    world->members[1].vnodes = 257;
    check_invalid(world, 2);
    world->members[0].weight = 0xffff; /* the product passes 32 bits by far less than the sum */
    world->members[1].vnodes = 0xffff;
    world->members[1].weight = 0xffff;
    check_invalid(world, 2);
    world_free(world);
}

Test(build, refuses_more_members_than_slots) {
    struct memory memory;
    memory_init(&memory, NULL);
    const size_t count = SLOT_SEE_POINTS + 1;
    struct ring_member *members = calloc(count, sizeof(*members));
    for (size_t i = 0; i < count; i++) {
        members[i] = (struct ring_member){
            .name = "same", .zone = "", .region = "", .role = "", .slot = (uint16_t)i};
    }
    const struct ring_parameters parameters = {.version = 1};
    struct henge_ring *ring = NULL;
    cr_assert(ring_build(&memory, &parameters, members, count, &ring) == HENGE_INVALID);
    /* As many as there are slots is fine. */
    cr_assert(ring_build(&memory, &parameters, members, count - 1, &ring) == HENGE_OK);
    ring_destroy(&memory, ring);
    cr_assert_eq(held(&memory), 0);
    free(members);
}

Test(build, leaks_nothing_when_memory_runs_out) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(60, 60, 5); /* zones enough to make the zone map grow */
    enum henge_status status = HENGE_NO_MEMORY;
    int64_t failures = 0;
    for (; status == HENGE_NO_MEMORY; failures++) {
        cr_assert_lt(failures, 100);
        struct henge_ring *ring = NULL;
        memory_fail_after(&memory, failures);
        status = ring_build(&memory, &world->parameters, world->members, world->count, &ring);
        memory_fail_after(&memory, -1);
        cr_assert((status == HENGE_OK) == (ring != NULL));
        ring_destroy(&memory, ring);
        cr_assert_eq(held(&memory), 0);
    }
    cr_assert(status == HENGE_OK);
    cr_assert_geq(failures, 5, "a build has more allocations than that");
    world_free(world);
}

Test(build, keeps_to_a_few_bytes_per_point) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(300, 3, 100);
    struct henge_ring *ring = world_ring(world, &memory);
    cr_assert_leq(held(&memory), 32 * henge_ring_points_count(ring) + 1024);
    ring_destroy(&memory, ring);
    world_free(world);
}

/* Two nodes that gave the same members other slots, in another order, at another ring version. */
Test(build, depends_on_neither_slots_nor_order_nor_version) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct random random = random_of_seed(21);
    for (size_t i = 0; i < 30; i++) {
        struct world *here =
            world_random(&random, &(struct world_limits){.members = 1 + random_below(&random, 60),
                                                         .zones = 4,
                                                         .vnodes_max = 10,
                                                         .weight_max = 2,
                                                         .slots = 70,
                                                         .token_mask = i % 2 == 0 ? 0 : 0xff});
        struct world *there = malloc(sizeof(*there));
        cr_assert(there != NULL);
        *there = *here;
        there->points = NULL;
        world_deal_again(there, &random, 5000);
        there->parameters.version = 77;
        struct henge_ring *one = world_ring(here, &memory);
        struct henge_ring *other = world_ring(there, &memory);
        cr_assert_eq(henge_ring_fingerprint(one), henge_ring_fingerprint(other));
        cr_assert_eq(henge_ring_version(other), 77);
        for (size_t k = 0; k < 200 && here->points_count > 0; k++) {
            const uint64_t hash = world_hash(here, &random);
            struct henge_route near;
            struct henge_route far;
            cr_assert(henge_ring_owners(one, hash, 5, &near) == HENGE_OK);
            cr_assert(henge_ring_owners(other, hash, 5, &far) == HENGE_OK);
            cr_assert_eq(near.owners_count, far.owners_count);
            for (size_t o = 0; o < near.owners_count; o++) {
                cr_assert(strcmp(world_name_of_slot(here, near.owners[o].slot),
                                 world_name_of_slot(there, far.owners[o].slot)) == 0);
                cr_assert_eq(near.owners[o].flags, far.owners[o].flags);
            }
        }
        ring_destroy(&memory, one);
        ring_destroy(&memory, other);
        world_free(here);
        world_free(there);
    }
}

static uint64_t fingerprint_of(const struct world *world) {
    return ring_fingerprint_of(&world->parameters, world->members, world->count);
}

Test(build, fingerprint_is_known_without_building) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct world *world = world_regular(7, 2, 10);
    struct henge_ring *ring = world_ring(world, &memory);
    cr_assert_eq(henge_ring_fingerprint(ring), fingerprint_of(world));
    ring_destroy(&memory, ring);
    world_free(world);
}

/* Each input, changed alone in one member, gives a fingerprint never seen before. */
Test(build, fingerprint_tells_every_input_apart) {
    enum { CHANGES = 13 };
    static const uint8_t choices[] = {0x10, 0x01, 0};
    uint64_t seen[CHANGES + 1];
    for (size_t change = 0; change <= CHANGES; change++) {
        struct world *world = world_regular(4, 2, 10);
        struct ring_member *member = &world->members[1];
        switch (change) {
        case 1:
            member->name = "node-9";
            break;
        case 2:
            member->zone = "z9";
            break;
        case 3:
            member->region = "eu";
            break;
        case 4:
            member->role = "eu";
            break; /* not the same as a region of that name */
        case 5:
            member->vnodes = 11;
            break;
        case 6:
            member->weight = 2;
            break;
        case 7:
            member->ring_state = HENGE_RING_DRAINING;
            break;
        case 8:
            member->ring_state = HENGE_RING_JOINING;
            break;
        case 9:
            world->parameters.salt[0] = 1;
            break;
        case 10:
            world->parameters.salt[15] = 1;
            break;
        case 11:
            world->count--;
            break;
        case 12:
            member->choices = choices;
            member->choices_bytes = 1;
            break;
        case 13:
            member->choices = choices;
            member->choices_bytes = 2;
            break;
        default:
            break;
        }
        seen[change] = fingerprint_of(world);
        for (size_t before = 0; before < change; before++) {
            cr_assert_neq(seen[change], seen[before], "changes %zu and %zu", change, before);
        }
        world->parameters.version += 5;
        member->slot = 50;
        cr_assert_eq(fingerprint_of(world), seen[change]);
        world_free(world);
    }
}

Test(build, choices_of_0_are_none) {
    static const uint8_t choices[] = {0x21, 0x03, 0, 0};
    struct world *world = world_regular(4, 2, 10);
    const uint64_t plain = fingerprint_of(world);
    world->members[1].choices = &choices[2];
    world->members[1].choices_bytes = 2;
    cr_assert_eq(fingerprint_of(world), plain);
    world->members[1].choices = choices;
    const uint64_t chosen = fingerprint_of(world);
    cr_assert_neq(chosen, plain);
    world->members[1].choices_bytes = 4;
    cr_assert_eq(fingerprint_of(world), chosen);
    world_free(world);
}

/* Nodes of different builds must agree on tokens and fingerprints: these values may only change
 * together with RING_ALGORITHM. They were computed by a program that uses xxhash alone. */
Test(build, tokens_and_fingerprint_stay_as_they_are) {
    struct world *world = world_regular(3, 3, 4);
    uint64_t tokens[2];
    struct token_source source = token_source_of_salt(world->parameters.salt);
    source.fill(source.context, &world->members[0], tokens, 2);
    cr_assert_eq(tokens[0], 0x8ad30edb42e0);
    cr_assert_eq(tokens[1], 0xa2b9418f40b9);
    cr_assert_eq(fingerprint_of(world), 0x1e28145b7cec2136);
    for (uint8_t i = 0; i < 16; i++) {
        world->parameters.salt[i] = i;
    }
    source.fill(source.context, &world->members[0], tokens, 2);
    cr_assert_eq(tokens[0], 0xfb74ccd6bd85);
    cr_assert_eq(tokens[1], 0xc46ae380b1cf);
    static const uint8_t choices[] = {0xf1};
    world->members[0].choices = choices;
    world->members[0].choices_bytes = 1;
    source.fill(source.context, &world->members[0], tokens, 2);
    cr_assert_eq(tokens[0], 0x493ff13421d9);
    cr_assert_eq(tokens[1], 0xfcba76eda8ab);
    world->members[0].choices_bytes = 0;
    cr_assert_eq(fingerprint_of(world), 0xa712725cba56aff2);
    world_free(world);
}
