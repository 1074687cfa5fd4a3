/* One gossip half without threads: what a reader of an older view is told when a member's next life
 * takes over its slot. */
#include "tests/unit/runtime/gossip_world.h"
#include <criterion/criterion.h>
#include <string.h>

TestSuite(gossip_node, .init = world_begin, .fini = world_end, .timeout = 60);

/* b was alive, is dead in the view that the reader holds, and comes back at another address. */
static const struct henge_view *held_dead(void) {
    hear_b(GENERATION, 1, HENGE_ALIVE, OLD_PORT);
    step(0);
    hear_b(GENERATION, 5, HENGE_DEAD, OLD_PORT);
    step(3000 * MS);
    epoch_begin(world.reader);
    const struct henge_view *held = view();
    cr_assert_eq(member_b(held).status, HENGE_DEAD);
    return held;
}

Test(gossip_node, an_old_view_keeps_what_it_knew_of_an_earlier_life) {
    const struct henge_view *held = held_dead();
    uint32_t slot = member_b(held).slot;
    hear_b(GENERATION + 7, 0, HENGE_ALIVE, NEW_PORT);
    for (int round = 0; round < 2; round++) { /* before the next view is there, and after */
        struct henge_member old = member_b(held);
        cr_expect_eq(old.status, HENGE_DEAD);
        cr_expect_eq(old.generation, GENERATION);
        cr_expect_eq(old.version, 5);
        cr_expect_eq(old.address.port, OLD_PORT);
        cr_expect(round > 0 || !henge_view_is_up(held, slot), "nobody is at the old address");
        step(20 * MS);
    }
    struct henge_member present = member_b(view());
    cr_expect_eq(present.slot, slot);
    cr_expect_eq(present.generation, GENERATION + 7);
    cr_expect_eq(present.status, HENGE_ALIVE);
    cr_expect_eq(present.address.port, NEW_PORT);
    cr_expect(henge_view_is_up(view(), slot));
    hear_b(GENERATION + 7, 1, HENGE_DEAD, NEW_PORT);
    cr_expect_eq(member_b(view()).status, HENGE_DEAD, "the same life is always the present one");
    cr_expect_not(henge_view_is_up(view(), slot));
    epoch_end(world.reader);
}

Test(gossip_node, another_life_is_not_up_until_a_view_has_its_address) {
    const struct henge_view *held = held_dead();
    uint32_t slot = member_b(held).slot;
    uint64_t number = 0;
    for (uint64_t life = 1; life < 6; life++) { /* live_views_max is reached on the way */
        number = henge_view_number(view());
        hear_b(GENERATION + life, 0, HENGE_ALIVE, (uint16_t)(NEW_PORT + life));
        cr_expect_not(henge_view_is_up(view(), slot));
        hear_b(GENERATION + life, 1, HENGE_ALIVE, (uint16_t)(NEW_PORT + life));
        cr_expect_not(henge_view_is_up(view(), slot));
        step(20 * MS);
    }
    cr_expect_eq(henge_view_number(view()), number, "publication waits for the reader");
    cr_expect_not(henge_view_is_up(view(), slot));
    epoch_end(world.reader);
    for (int round = 0; round < 3; round++) {
        step(20 * MS);
    }
    cr_expect_gt(henge_view_number(view()), number);
    cr_expect(henge_view_is_up(view(), slot));
    cr_expect_eq(member_b(view()).generation, GENERATION + 5);
}

Test(gossip_node, another_generation_is_published_before_the_interval_of_members) {
    hear_b(GENERATION, 0, HENGE_ALIVE, OLD_PORT);
    step(0);
    uint64_t number = henge_view_number(view());
    hear_b(GENERATION + 1, 0, HENGE_ALIVE, NEW_PORT);
    step(PUBLICATION_GENERATION_NS - 1);
    cr_expect_eq(henge_view_number(view()), number);
    step(1);
    cr_expect_eq(henge_view_number(view()), number + 1);
    cr_expect_eq(member_b(view()).generation, GENERATION + 1);
}

Test(gossip_node, a_name_conflict_and_a_partition_are_told_and_counted) {
    const struct henge_address other = {.bytes = {127, 0, 0, 9}, .port = 9, .family = 4};
    gossip_node_event_conflict(world.node, 0, &other, 77);
    step(20 * MS);
    cr_expect_eq(world.event.type, HENGE_NAME_CONFLICT);
    cr_expect_str_eq(world.event.name, "a");
    cr_expect_eq(memcmp(&world.event.address, &other, sizeof(other)), 0);
    cr_expect_eq(world.event.generation, 77);
    cr_expect_eq(counter_get(&world.node->counters.has_name_conflict), 1);
    gossip_node_event_partitioned(world.node, true);
    cr_expect_eq(counter_get(&world.node->counters.is_partitioned), 1);
    gossip_node_event_partitioned(world.node, false);
    step(20 * MS);
    cr_expect_eq(world.event.type, HENGE_PARTITIONED);
    cr_expect_not(world.event.is_partitioned);
    cr_expect_eq(counter_get(&world.node->counters.is_partitioned), 0);
}

Test(gossip_node, the_conflict_of_another_does_not_silence_this_one) {
    const struct henge_address other = {.bytes = {127, 0, 0, 9}, .port = 9, .family = 4};
    hear_b(GENERATION, 0, HENGE_ALIVE, OLD_PORT);
    step(20 * MS);
    gossip_node_event_conflict(world.node, member_b(view()).slot, &other, 77);
    cr_expect_eq(counter_get(&world.node->counters.has_name_conflict), 0);
}
