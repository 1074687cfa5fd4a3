/* One gossip half without threads: the rings that it makes of its members. */
#include "tests/unit/runtime/gossip_world.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(gossip_ring, .init = world_begin, .fini = world_end, .timeout = 60);
TestSuite(gossip_ring_apart, .timeout = 60); /* each begins and ends a world of its own */

static const struct henge_ring *ring_now(void) {
    return world.node->ring->ring;
}

static void b_comes(uint64_t generation) {
    hear_b(generation, 1, HENGE_ALIVE, OLD_PORT);
    step(3000 * MS);
    step(0);
    cr_assert_eq(henge_ring_members_count(ring_now()), 2);
}

static void b_leaves(uint64_t generation) {
    hear_b(generation, 2, HENGE_LEFT, OLD_PORT);
    step(3000 * MS);
    step(0);
    cr_assert_eq(henge_ring_members_count(ring_now()), 1);
}

static const struct ring_table *table_now(void) {
    return world.node->ring->table;
}

/* Two tables take turns, as long as nobody holds on to one. */
Test(gossip_ring, a_ring_that_nobody_reads_becomes_the_next_one) {
    const struct ring_table *first = table_now();
    const uint64_t alone = henge_ring_fingerprint(ring_now());
    b_comes(GENERATION);
    const struct ring_table *second = table_now();
    cr_assert_neq(second, first);
    cr_assert_eq(world.rings->spare, first);
    b_leaves(GENERATION);
    cr_assert_eq(table_now(), first);
    cr_assert_eq(henge_ring_fingerprint(ring_now()), alone);
    cr_assert_eq(henge_ring_version(ring_now()), 3);
    cr_assert_eq(world.rings->spare, second);
}

Test(gossip_ring, a_ring_that_is_held_stays_as_it_is) {
    b_comes(GENERATION);
    b_leaves(GENERATION);
    const struct ring_table *second = world.rings->spare;
    const struct ring_table *held_table = table_now();
    epoch_begin(world.reader);
    const struct henge_ring *held = henge_view_ring(view(), HENGE_RING_CURRENT);
    const uint64_t alone = henge_ring_fingerprint(held);
    b_comes(GENERATION + 1);
    cr_assert_eq(table_now(), second);
    cr_assert_null(world.rings->spare);
    b_leaves(GENERATION + 1); /* as before: there it is yet */
    cr_assert_eq(table_now(), held_table);
    cr_assert_eq(henge_ring_fingerprint(held), alone);
    cr_assert_eq(henge_ring_members_count(held), 1);
    cr_assert_eq(henge_ring_version(held), 3, "its head is its own");
    cr_assert_eq(henge_ring_version(ring_now()), 5);
    epoch_end(world.reader);
    step(0);
    cr_assert_not_null(world.rings->spare);
}

/* The node gives it another slot of its own; what views show stays, as long as any view shows it.
 */
Test(gossip_ring, a_member_that_comes_back_is_shown_in_its_slot) {
    hear_b(GENERATION, 1, HENGE_ALIVE, OLD_PORT);
    step(3000 * MS);
    const uint32_t old_slot = member_b(view()).slot;
    epoch_begin(world.reader); /* a long section: publication waits, membership does not */
    for (uint64_t i = 0; i < 4; i++) {
        hear_b(GENERATION + 1 + i, 1, HENGE_ALIVE, OLD_PORT);
        step(3000 * MS);
    }
    hear_b(GENERATION + 9, 1, HENGE_DEAD, OLD_PORT);
    for (int i = 0; i < 200; i++) {
        step(1000 * MS);
    }
    hear_b(GENERATION + 20, 1, HENGE_ALIVE, OLD_PORT);
    step(1 * MS);
    epoch_end(world.reader);
    for (int i = 0; i < 20; i++) {
        step(1000 * MS);
    }
    const struct henge_ring *ring = henge_view_ring(view(), HENGE_RING_CURRENT);
    cr_assert_eq(member_b(view()).slot, old_slot);
    cr_assert_eq(henge_ring_slot_of(ring, "b"), old_slot);
    cr_assert(henge_view_is_up(view(), old_slot));
}

/* Counts what it gave, and refuses once `left` is 0. */
static struct purse {
    int64_t left;
    int64_t blocks;
} purse;

static void *purse_alloc(void *context, size_t bytes, size_t alignment, enum henge_memory_tag tag) {
    (void)context;
    (void)tag;
    if (purse.left-- <= 0) {
        return NULL;
    }
    purse.blocks++;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void *purse_resize(void *context, void *block, size_t old_bytes, size_t new_bytes,
                          size_t alignment, enum henge_memory_tag tag) {
    void *bigger = purse_alloc(context, new_bytes, alignment, tag);
    if (bigger != NULL) {
        memcpy(bigger, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        free(block);
        purse.blocks--;
    }
    return bigger;
}

static void purse_release(void *context, void *block, size_t bytes, enum henge_memory_tag tag) {
    (void)context;
    (void)bytes;
    (void)tag;
    purse.blocks--;
    free(block);
}

static void begin_unread(void) {
    const struct henge_allocator allocator = {.size_bytes = sizeof(allocator),
                                              .alloc = purse_alloc,
                                              .resize = purse_resize,
                                              .release = purse_release};
    const struct record_fields self = fields_of("a", GENERATION, 1000);
    struct gossip_node_settings settings = world_settings(&self);
    settings.is_unread = true;
    purse.left = INT64_MAX;
    memory_init(&world.memory, &allocator);
    world_begin_as(&settings);
}

/* Each attempt finds other members than the one before, and each third comes further. */
Test(gossip_ring_apart, a_first_reading_without_memory_leaves_nothing_behind) {
    begin_unread();
    bool is_read = false;
    uint64_t tries = 0;
    for (; !is_read; tries++) {
        cr_assert_lt(tries, 100);
        hear_b(GENERATION + tries, 1, tries % 2 == 0 ? HENGE_ALIVE : HENGE_LEFT, OLD_PORT);
        step(3000 * MS);
        purse.left = (int64_t)(tries / 3) - (int64_t)(tries % 3);
        is_read = gossip_node_read(world.node, world.now_ns);
        purse.left = INT64_MAX;
        cr_assert(is_read || (!world.node->ring && !world.rings->tables), "as if nobody had asked");
    }
    cr_assert_geq(tries / 3, 8, "a first view has more allocations than that");
    cr_assert_eq(henge_members_count(view()), 2);
    world_end();
    cr_assert_eq(purse.blocks, 0);
}

static void hear_of(const char *name, uint64_t generation, uint32_t version, uint8_t status) {
    const struct record_fields fields = fields_of(name, generation, OLD_PORT);
    hear_member(&fields, version, status);
    step(3000 * MS);
}

/* What a member said last before it died may be heard after its death; its ranges are its own for a
 * while yet, so they are to be what it said. */
Test(gossip_ring_apart, of_a_dead_member_that_keeps_its_ranges_has_what_is_heard_late) {
    const struct record_fields self = fields_of("a", GENERATION, 1000);
    struct gossip_node_settings settings = world_settings(&self);
    settings.ring_removal_delay_ns = 60 * NS_PER_S;
    world_begin_as(&settings);
    hear_of("b", GENERATION, 1, HENGE_ALIVE);
    hear_of("b", GENERATION, 2, HENGE_DEAD);
    const uint64_t version = henge_ring_version(ring_now());
    cr_assert_eq(henge_ring_points_count(ring_now()), 20);

    struct record_fields late = fields_of("b", GENERATION, OLD_PORT);
    const struct record_pair pair = {.key = "k", .value = "v", .key_bytes = 1, .value_bytes = 1};
    late.payload_version = 1;
    late.metadata[0] = pair;
    late.metadata_count = 1;
    hear_member(&late, 2, HENGE_DEAD);
    step(3000 * MS);
    cr_assert_eq(member_b(view()).metadata_count, 1);
    cr_assert_eq(henge_ring_version(ring_now()), version, "metadata is not in the ring");

    late.payload_version = 2;
    late.weight = 3;
    hear_member(&late, 2, HENGE_DEAD);
    step(3000 * MS);
    cr_assert_eq(member_b(view()).status, HENGE_DEAD);
    cr_assert_eq(henge_ring_points_count(ring_now()), 40);
    cr_assert_eq(henge_view_ring(view(), HENGE_RING_CURRENT), ring_now());
    cr_assert_eq(henge_ring_version(ring_now()), version + 1);

    step(50 * NS_PER_S); /* 56 s after its death */
    cr_assert_eq(henge_ring_points_count(ring_now()), 40);
    step(3 * NS_PER_S);
    step(3 * NS_PER_S);
    cr_assert_eq(henge_ring_points_count(ring_now()), 10);
    world_end();
}

/* --- more points than a ring can have: nothing is built of them, so this costs little --- */

enum { GIANTS = 168, GIANT_VNODES = 1000, GIANT_WEIGHT = 100 };

_Static_assert(GIANTS *GIANT_VNODES *GIANT_WEIGHT > RING_POINTS_MAX &&
                   (GIANTS - 1) * GIANT_VNODES * GIANT_WEIGHT < RING_POINTS_MAX,
               "just too many");

static void hear_giants(uint32_t version, uint8_t status) {
    for (uint16_t i = 0; i < GIANTS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "giant%u", i);
        struct record_fields fields = fields_of(name, GENERATION, (uint16_t)(2000 + i));
        fields.vnodes = GIANT_VNODES;
        fields.weight = GIANT_WEIGHT;
        fields.role = "giant";
        fields.role_bytes = sizeof("giant") - 1;
        hear_member(&fields, version, status);
    }
}

static uint64_t refusals(void) {
    return counter_get(&world.node->counters.rings_refused);
}

static struct henge_member member_of(const char *name) {
    struct henge_member member;
    cr_assert_eq(henge_members_find(view(), name, &member), HENGE_OK);
    return member;
}

Test(gossip_ring, members_of_too_many_points_are_shown_beside_the_last_ring) {
    const uint64_t alone = henge_ring_fingerprint(ring_now());
    b_comes(GENERATION);
    const struct ring_table *two = table_now();
    hear_giants(1, HENGE_ALIVE);
    step(3000 * MS);
    cr_assert_eq(henge_members_count(view()), 2 + GIANTS);
    cr_assert_eq(world.event.type, HENGE_MEMBER_JOINED);
    cr_assert_eq(view()->ring->table, two);
    cr_assert_eq(view()->ring_next->table, two);
    cr_assert_eq(refusals(), 1);
    step(3000 * MS);
    cr_assert_eq(refusals(), 1, "not tried again before something changes");

    hear_b(GENERATION, 2, HENGE_LEFT, OLD_PORT);
    step(3000 * MS);
    cr_assert_eq(member_b(view()).status, HENGE_LEFT);
    cr_assert_eq(world.event.type, HENGE_MEMBER_LEFT);
    cr_assert_eq(view()->ring->table, two);
    cr_assert_eq(refusals(), 2);

    hear_giants(2, HENGE_LEFT);
    step(3000 * MS);
    cr_assert_eq(henge_ring_fingerprint(ring_now()), alone);
    cr_assert_eq(henge_ring_version(ring_now()), 3);
    cr_assert_eq(refusals(), 2);
}

/* The ring that stays names b by its slot, so nobody else may have it. */
Test(gossip_ring, a_slot_is_kept_as_long_as_the_ring_that_stays_has_it) {
    b_comes(GENERATION);
    const uint32_t slot = member_b(view()).slot;
    hear_giants(1, HENGE_ALIVE);
    hear_b(GENERATION, 2, HENGE_LEFT, OLD_PORT);
    struct henge_member member;
    while (henge_members_find(view(), "b", &member) == HENGE_OK) {
        step(1000 * MS);
        cr_assert_lt(world.now_ns, 1000000 * MS, "b is never forgotten");
    }
    step(3000 * MS);
    step(3000 * MS);
    struct record_fields fields = fields_of("c", GENERATION, 1003);
    hear_member(&fields, 1, HENGE_ALIVE);
    step(3000 * MS);
    cr_assert_neq(member_of("c").slot, slot);
    cr_assert_str_eq(henge_ring_name(henge_view_ring(view(), HENGE_RING_CURRENT), slot), "b");
    hear_giants(2, HENGE_LEFT);
    step(3000 * MS);
    cr_assert_eq(henge_ring_members_count(ring_now()), 2);
    step(3000 * MS);
    fields = fields_of("d", GENERATION, 1004);
    hear_member(&fields, 1, HENGE_ALIVE);
    step(3000 * MS);
    cr_assert_eq(member_of("d").slot, slot);
}

Test(gossip_ring_apart, of_too_many_points_that_is_read_for_the_first_time_is_empty) {
    const struct record_fields self = fields_of("a", GENERATION, 1000);
    struct gossip_node_settings settings = world_settings(&self);
    settings.is_unread = true;
    world_begin_as(&settings);
    const uint64_t alone = world.node->ring_fingerprint;
    hear_giants(1, HENGE_ALIVE);
    step(3000 * MS);
    cr_assert_eq(world.node->ring_fingerprint, alone);
    cr_assert_eq(refusals(), 1);
    cr_assert(gossip_node_read(world.node, world.now_ns));
    cr_assert_eq(henge_members_count(view()), 1 + GIANTS);
    cr_assert_eq(henge_ring_points_count(ring_now()), 0);
    hear_giants(2, HENGE_LEFT);
    step(3000 * MS);
    cr_assert_eq(henge_ring_fingerprint(ring_now()), alone);
    world_end();
}

Test(gossip_ring_apart, of_a_role_with_few_points_follows_its_members_beside_one_with_too_many) {
    const struct record_fields self = fields_of("a", GENERATION, 1000);
    struct gossip_node_settings settings = world_settings(&self);
    settings.ring_roles = "giant,store";
    world_begin_as(&settings);
    hear_giants(1, HENGE_ALIVE);
    struct record_fields fields = fields_of("b", GENERATION, OLD_PORT);
    fields.role = "store";
    fields.role_bytes = sizeof("store") - 1;
    hear_member(&fields, 1, HENGE_ALIVE);
    step(3000 * MS);
    for (int i = 0; i < 2; i++) {
        const enum henge_ring_which which = i == 0 ? HENGE_RING_CURRENT : HENGE_RING_NEXT;
        const struct henge_ring *giants = henge_view_ring_of_role(view(), "giant", which);
        const struct henge_ring *store = henge_view_ring_of_role(view(), "store", which);
        cr_assert_eq(henge_ring_members_count(giants), 0);
        cr_assert_eq(henge_ring_members_count(store), 1);
    }
    cr_assert_eq(henge_ring_members_count(ring_now()), 1, "a, as before");
    world_end();
}
