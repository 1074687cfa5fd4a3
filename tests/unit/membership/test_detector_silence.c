/* A detector whose node has no voice any more: evicted, or without its name. */
#include "henge/members.h"
#include "membership/message.h"
#include "tests/unit/membership/detector_world.h"
#include <criterion/criterion.h>

static uint32_t sent_by(uint32_t node, uint32_t since) {
    uint32_t count = 0;
    for (uint8_t type = MESSAGE_PING; type <= MESSAGE_NOT_ME; type++)
        count += world_sent_count(node, type, since);
    return count;
}

Test(detector, silenced_asks_and_answers_nothing_until_its_next_generation) {
    world_create(4, 4);
    world_run(5 * PERIOD);
    struct detector *detector = world.nodes[0].detector;
    detector_silence(detector);
    cr_assert_eq(detector_deadline(detector), TIME_NEVER);
    uint32_t since = world.log_count;
    world_run(20 * PERIOD);
    cr_assert_eq(sent_by(0, since), 0);
    cr_assert_eq(world_failures(0), 0);
    cr_assert_gt(world.nodes[1].failed[1], 0, "so the others miss it");

    uint32_t version = detector_version(detector);
    detector_generation_set(detector, world.nodes[0].generation);
    world_run(PERIOD);
    cr_assert_eq(sent_by(0, since), 0, "the same one changes nothing");
    world.nodes[0].generation++;
    detector_generation_set(detector, world.nodes[0].generation);
    for (uint32_t i = 1; i < 4; i++)
        world_know(i, 0, world.nodes[0].generation, 0, HENGE_ALIVE);
    since = world.log_count;
    world_run(10 * PERIOD);
    cr_assert_gt(world_sent_count(0, MESSAGE_PING, since), 5);
    cr_assert_gt(world_sent_count(0, MESSAGE_ACK, since), 5);
    cr_assert_eq(world_counters(0).pauses, 0, "the silence was no pause");
    cr_assert_leq(detector_version(detector), version);
    world_destroy();
}
