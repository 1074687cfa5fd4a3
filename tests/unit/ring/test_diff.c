/* What moves between two rings, against the oracle: a diff applied to the old ring is the new one,
 * and tells nothing that did not move. */
#include "tests/unit/ring/world.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = HENGE_ROUTE_OWNERS_MAX };

/* Two worlds, their rings, and what henge_ring_diff says of them. */
struct pair {
    struct memory memory;
    const struct world *worlds[2];
    struct henge_ring *rings[2];
    size_t count;
    struct henge_ring_move *moves;
    struct henge_ring_diff_sum sum;
};

struct names {
    size_t count;
    const char *names[COUNT_MAX];
};

static struct names expected_names(const struct world *world, uint64_t hash, size_t count) {
    const struct world_owners owners = world_owners(world, hash, count);
    struct names names = {.count = owners.count};
    for (size_t i = 0; i < owners.count; i++) {
        names.names[i] = owners.members[i]->name;
    }
    return names;
}

static struct names names_of(const struct henge_ring *ring, const uint16_t *slots, size_t count) {
    struct names names = {.count = count};
    for (size_t i = 0; i < count; i++) {
        names.names[i] = henge_ring_name(ring, slots[i]);
        cr_assert_not_null(names.names[i]);
    }
    return names;
}

static bool are_equal(const struct names *one, const struct names *other) {
    bool equal = one->count == other->count;
    for (size_t i = 0; equal && i < one->count; i++) {
        equal = strcmp(one->names[i], other->names[i]) == 0;
    }
    return equal;
}

/* Bit i: the i-th of `these` is not among the others. */
static uint32_t missing(const struct names *these, const struct names *others) {
    uint32_t bits = 0;
    for (size_t i = 0; i < these->count; i++) {
        bool is_there = false;
        for (size_t k = 0; k < others->count; k++) {
            is_there |= strcmp(these->names[i], others->names[k]) == 0;
        }
        bits |= is_there ? 0 : 1u << i;
    }
    return bits;
}

static bool is_inside(uint64_t after, uint64_t until, uint64_t hash) {
    return after == until || hash - after - 1 < until - after;
}

static const struct henge_ring_move *move_with(const struct pair *pair, uint64_t hash) {
    const struct henge_ring_move *found = NULL;
    for (size_t i = 0; i < pair->sum.moves; i++) {
        if (is_inside(pair->moves[i].after, pair->moves[i].until, hash)) {
            cr_assert_null(found, "moves overlap");
            found = &pair->moves[i];
        }
    }
    return found;
}

static void check_hash(const struct pair *pair, uint64_t hash) {
    const struct names then = expected_names(pair->worlds[0], hash, pair->count);
    const struct names now = expected_names(pair->worlds[1], hash, pair->count);
    const struct henge_ring_move *move = move_with(pair, hash);
    if (move == NULL) {
        cr_assert(are_equal(&then, &now), "%016lx moves and is not told", (unsigned long)hash);
        return;
    }
    cr_assert(!are_equal(&then, &now), "%016lx is told and does not move", (unsigned long)hash);
    const struct names old_names = names_of(pair->rings[0], move->old_slots, move->old_count);
    const struct names new_names = names_of(pair->rings[1], move->new_slots, move->new_count);
    cr_assert(are_equal(&then, &old_names));
    cr_assert(are_equal(&now, &new_names));
    cr_assert_eq(move->lost, missing(&then, &now));
    cr_assert_eq(move->gained, missing(&now, &then));
}

static void check_range(const struct henge_ring *ring, uint32_t number, uint64_t hash) {
    struct henge_ring_range range;
    if (henge_ring_points_count(ring) == 0) {
        cr_assert_eq(number, HENGE_NO_RANGE);
        return;
    }
    cr_assert(henge_ring_range_at(ring, number, &range) == HENGE_OK);
    cr_assert(is_inside(range.after, range.until, hash));
}

static void check_move(const struct pair *pair, const struct henge_ring_move *move) {
    check_hash(pair, move->after + 1);
    check_hash(pair, move->until);
    check_hash(pair, move->until + 1);
    check_range(pair->rings[0], move->old_first, move->after + 1);
    check_range(pair->rings[0], move->old_last, move->until);
    check_range(pair->rings[1], move->new_first, move->after + 1);
    check_range(pair->rings[1], move->new_last, move->until);
}

static void check_neighbours(const struct henge_ring_move *move,
                             const struct henge_ring_move *next) {
    if (move != next && move->until == next->after) {
        cr_assert(move->old_count != next->old_count || move->new_count != next->new_count ||
                      memcmp(move->old_slots, next->old_slots, 2 * (size_t)move->old_count) != 0 ||
                      memcmp(move->new_slots, next->new_slots, 2 * (size_t)move->new_count) != 0,
                  "two moves that are one");
    }
}

/* The moves alone: in clockwise order, apart, and as wide as the sum says. */
static void check_moves(const struct pair *pair) {
    double share = 0;
    double copies = 0;
    for (size_t i = 0; i < pair->sum.moves; i++) {
        const struct henge_ring_move *move = &pair->moves[i];
        const double width =
            move->after == move->until ? 1 : ldexp((double)(move->until - move->after), -64);
        share += width;
        copies += width * __builtin_popcount(move->gained);
        const struct henge_ring_move *next = &pair->moves[(i + 1) % pair->sum.moves];
        check_neighbours(move, next);
        if (i + 1 < pair->sum.moves) {
            const uint64_t origin = pair->moves[0].after;
            cr_assert(move->until - origin <= next->after - origin,
                      "not clockwise, or overlapping");
        }
    }
    cr_assert_float_eq(pair->sum.share, share, 1e-9);
    cr_assert_float_eq(pair->sum.copies, copies, 1e-9);
    cr_assert_leq(share, 1.000001);
}

static struct pair *pair_of(const struct world *old_world, const struct world *new_world,
                            size_t count) {
    struct pair *pair = calloc(1, sizeof(*pair));
    cr_assert(pair != NULL);
    memory_init(&pair->memory, NULL);
    pair->worlds[0] = old_world;
    pair->worlds[1] = new_world;
    pair->rings[0] = world_ring(old_world, &pair->memory);
    pair->rings[1] = world_ring(new_world, &pair->memory);
    pair->count = count;
    const size_t room = old_world->points_count + new_world->points_count + 1;
    pair->moves = calloc(room, sizeof(*pair->moves));
    cr_assert(pair->moves != NULL);
    cr_assert(henge_ring_diff(pair->rings[0], pair->rings[1], count, pair->moves, room,
                              &pair->sum) == HENGE_OK);
    return pair;
}

static void pair_free(struct pair *pair) {
    ring_destroy(&pair->memory, pair->rings[0]);
    ring_destroy(&pair->memory, pair->rings[1]);
    free(pair->moves);
    free(pair);
}

/* A world a few changes later: members gone, come, heavier, in another zone; with other slots. */
static struct world *changed(struct world *world, struct random *random, size_t changes,
                             uint64_t slots) {
    struct world *later = malloc(sizeof(*later));
    cr_assert(later != NULL);
    *later = *world;
    later->points = NULL;
    for (size_t i = 0; i < changes; i++) {
        const uint64_t kind = random_below(random, 4);
        struct ring_member *member = &later->members[random_below(random, later->count + 1)];
        if (kind == 0 && later->count < WORLD_MEMBERS_MAX) {
            member = &later->members[later->count++];
            *member = (struct ring_member){.name = later->names[i],
                                           .zone = world->zones[random_below(random, 9)],
                                           .region = "",
                                           .role = "",
                                           .vnodes = (uint16_t)(1 + random_below(random, 10)),
                                           .weight = 1,
                                           .ring_state = HENGE_RING_ACTIVE};
            snprintf(later->names[i], WORLD_TEXT_BYTES, "later-%zu", i);
        } else if (member == &later->members[later->count]) {
            continue;
        } else if (kind == 1) {
            *member = later->members[--later->count];
        } else if (kind == 2) {
            member->weight = (uint16_t)random_below(random, 4);
        } else {
            member->zone = world->zones[random_below(random, 9)];
        }
    }
    world_deal_again(later, random, slots);
    return later;
}

static void check_pair(struct random *random, const struct world *old_world,
                       const struct world *new_world, size_t count, size_t hashes) {
    struct pair *pair = pair_of(old_world, new_world, count);
    check_moves(pair);
    const size_t step = pair->sum.moves / hashes + 1;
    for (size_t i = 0; i < pair->sum.moves; i += step) {
        check_move(pair, &pair->moves[i]);
    }
    for (size_t i = 0; i < hashes; i++) {
        check_hash(pair, world_hash(i % 2 == 0 ? old_world : new_world, random));
    }
    pair_free(pair);
}

Test(diff, applied_to_the_old_ring_is_the_new_one) {
    static const size_t sizes[] = {0, 1, 2, 3, 5, 12, 40};
    static const uint64_t masks[] = {0, 0, 0xff, 0xf00000000000, 0x00000000000f, 0x800000000001};
    struct random random = random_of_seed(41);
    for (size_t i = 0; i < 420; i++) {
        const struct world_limits limits = {.members = sizes[i % 7],
                                            .zones = 1 + random_below(&random, 5),
                                            .vnodes_max = 1 + random_below(&random, 12),
                                            .weight_max = 2,
                                            .slots = sizes[i % 7] + 1,
                                            .token_mask = masks[i % 6]};
        struct world *world = world_random(&random, &limits);
        struct world *later = changed(world, &random, i / 7 % 9, 100);
        check_pair(&random, world, later, 1 + random_below(&random, COUNT_MAX), 60);
        check_pair(&random, later, world, 1, 60);
        world_free(world);
        world_free(later);
    }
}

Test(diff, of_worlds_that_have_nothing_in_common) {
    struct random random = random_of_seed(42);
    for (size_t i = 0; i < 60; i++) {
        struct world_limits limits = {.zones = 3,
                                      .vnodes_max = 9,
                                      .weight_max = 2,
                                      .slots = 60,
                                      .token_mask = i % 2 ? 63 : 0};
        limits.members = random_below(&random, 30);
        struct world *world = world_random(&random, &limits);
        limits.members = random_below(&random, 30);
        struct world *other = world_random(&random, &limits);
        check_pair(&random, world, other, 1 + i % COUNT_MAX, 100);
        world_free(world);
        world_free(other);
    }
}

Test(diff, of_three_thousand_members) {
    struct random random = random_of_seed(43);
    static const size_t counts[] = {1, 3, COUNT_MAX};
    for (size_t i = 0; i < 3; i++) {
        const size_t count = counts[i];
        struct world *world = world_random(
            &random,
            &(struct world_limits){
                .members = 2990, .zones = 5, .vnodes_max = 10, .weight_max = 2, .slots = 3000});
        struct world *later = changed(world, &random, 9, 60000);
        check_pair(&random, world, later, count, 200);
        world_free(world);
        world_free(later);
    }
}

/* One virtual node of 100 000 is in a zone of its own, and each list wants it: looked for anew from
 * every point that takes minutes, and the timeout ends it. */
Test(diff, looks_for_a_rare_zone_once, .timeout = 30) {
    struct random random = random_of_seed(45);
    struct world *world = world_regular(1000, 7, 100);
    world->members[0].vnodes = 1;
    world->members[0].zone = "rare";
    world_sort(world);
    struct world *later = changed(world, &random, 2, 1001);
    check_pair(&random, world, later, COUNT_MAX, 20);
    world_free(world);
    world_free(later);
}

Test(diff, of_equal_rings_is_nothing) {
    struct random random = random_of_seed(44);
    struct world *world = world_regular(50, 3, 20);
    struct world *again = changed(world, &random, 0, 3000);
    for (size_t count = 1; count <= COUNT_MAX; count++) {
        struct pair *pair = pair_of(world, again, count);
        cr_assert_eq(pair->sum.moves, 0);
        cr_assert(pair->sum.share == 0 && pair->sum.copies == 0);
        pair_free(pair);
    }
    world_free(world);
    world_free(again);
}

/* One member's arcs go to it, and nothing else moves. */
Test(diff, of_a_join_is_what_the_new_member_owns) {
    struct world *world = world_regular(50, 3, 20);
    struct world *later = world_regular(51, 3, 20);
    struct pair *pair = pair_of(world, later, 1);
    const double owned = henge_ring_ownership(pair->rings[1], 50);
    cr_assert_float_eq(pair->sum.share, owned, 1e-9);
    cr_assert_float_eq(pair->sum.copies, owned, 1e-9);
    for (size_t i = 0; i < pair->sum.moves; i++) {
        cr_assert_eq(pair->moves[i].new_slots[0], 50);
    }
    cr_assert_geq(pair->sum.moves, 20);
    pair_free(pair);
    world_free(world);
    world_free(later);
}

/* One member takes the place of another one by name alone: the circle is one move. */
Test(diff, of_a_whole_circle_is_one_move) {
    struct world *world = world_regular(1, 1, 20);
    struct world *later = world_regular(1, 1, 20);
    later->members[0].name = "other";
    world_sort(later);
    struct pair *pair = pair_of(world, later, 3);
    cr_assert_eq(pair->sum.moves, 1);
    cr_assert_eq(pair->moves[0].after, pair->moves[0].until);
    cr_assert(pair->sum.share == 1 && pair->sum.copies == 1);
    check_move(pair, pair->moves);
    pair_free(pair);
    world_free(world);
    world_free(later);
}

/* The same members in the other order: nobody has anything to fetch. */
Test(diff, tells_an_order_from_a_copy) {
    struct random random = random_of_seed(45);
    struct world *world = world_regular(2, 1, 20);
    struct world *later = changed(world, &random, 0, 5);
    later->members[0].vnodes = 10;
    world_sort(later);
    struct pair *pair = pair_of(world, later, 2);
    cr_assert_gt(pair->sum.moves, 0);
    cr_assert_gt(pair->sum.share, 0);
    cr_assert(pair->sum.copies == 0);
    pair_free(pair);
    world_free(world);
    world_free(later);
}

Test(diff, says_when_there_is_no_room) {
    struct world *world = world_regular(20, 3, 20);
    struct world *later = world_regular(21, 3, 20);
    struct pair *pair = pair_of(world, later, 2);
    const size_t all = pair->sum.moves;
    struct henge_ring_move *some = calloc(all, sizeof(*some));
    struct henge_ring_diff_sum sum;
    cr_assert(henge_ring_diff(pair->rings[0], pair->rings[1], 2, some, all - 1, &sum) ==
              HENGE_FULL);
    cr_assert(memcmp(&sum, &pair->sum, sizeof(sum)) == 0);
    cr_assert(memcmp(some, pair->moves, (all - 1) * sizeof(*some)) == 0);
    cr_assert_eq(some[all - 1].until, 0, "written behind the room");
    cr_assert(henge_ring_diff(pair->rings[0], pair->rings[1], 2, some, all, NULL) == HENGE_OK);
    cr_assert(henge_ring_diff(pair->rings[0], pair->rings[1], 2, NULL, 0, &sum) == HENGE_OK);
    cr_assert(henge_ring_diff(pair->rings[0], pair->rings[1], 0, some, all, NULL) == HENGE_INVALID);
    cr_assert(henge_ring_diff(pair->rings[0], pair->rings[1], 9, some, all, NULL) == HENGE_INVALID);
    free(some);
    pair_free(pair);
    world_free(world);
    world_free(later);
}
