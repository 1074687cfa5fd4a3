/* The pools of a runtime follow the nodes it is configured for, within bounds. */
#include "core/runtime/limits.h"
#include <criterion/criterion.h>

static struct runtime_limits limits(uint32_t nodes, uint32_t receive_buffers) {
    struct henge_config config;
    henge_config_init(&config, HENGE_PRESET_LAN);
    config.nodes_max = nodes;
    config.receive_buffers = receive_buffers;
    return limits_of(&config);
}

Test(limits, datagrams_that_may_wait_follow_the_nodes) {
    cr_expect_eq(limits(1, 64).received, 64, "as configured");
    cr_expect_eq(limits(1, 1024).received, 1024);
    cr_expect_eq(limits(64, 1024).received, 1024, "sixteen each");
    cr_expect_eq(limits(65, 1024).received, 2048, "a power of two");
    cr_expect_eq(limits(1000, 1024).received, 16384);
    cr_expect_eq(limits(1000, 32768).received, 32768, "more, where one wants more");
    cr_expect_eq(limits(4096, 1024).received, 32768, "io_uring's largest buffer ring");
}

Test(limits, a_stalled_gossip_thread_leaves_the_others_their_share) {
    for (uint32_t nodes = 1; nodes <= 4096; nodes *= 4) {
        const struct runtime_limits all = limits(nodes, 1024);
        const uint32_t *quota = all.received_quota;
        cr_expect_eq(quota[BUFFER_HOLDER_GOSSIP], all.received / 2);
        cr_expect_gt(quota[BUFFER_HOLDER_DETECTOR], all.received / 4);
        cr_expect_lt(quota[BUFFER_HOLDER_GOSSIP] + quota[BUFFER_HOLDER_DETECTOR], all.received,
                     "io keeps some");
        cr_expect_eq(all.frames, all.frames_quota[BUFFER_HOLDER_GOSSIP] +
                                     all.frames_quota[BUFFER_HOLDER_DETECTOR]);
        cr_expect_eq(all.nodes, nodes);
    }
}
