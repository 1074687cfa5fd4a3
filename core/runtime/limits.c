/* core/runtime/limits.c - see limits.h. */
#include "core/runtime/limits.h"

enum {
    SENDS_PER_NODE = 16,
    SENDS_MIN = 128,
    SENDS_MAX = 4096,
    RECEIVED_PER_NODE = 16, /* a wave of gossip reaches all nodes within milliseconds */
    RECEIVED_MAX = 32768,
    STREAMS_PER_NODE = 4,
    STREAMS_MIN = 128,
    STREAMS_MAX = 1024
};

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high) {
    if (value < low) {
        return low;
    }
    return value > high ? high : value;
}

uint32_t limits_power_of_two(uint32_t value) {
    uint32_t power = 4;
    while (power < value) {
        power *= 2;
    }
    return power;
}

struct runtime_limits limits_of(const struct henge_config *config) {
    struct runtime_limits limits = {.nodes = config->nodes_max};
    const uint32_t of_nodes = limits_power_of_two(RECEIVED_PER_NODE * config->nodes_max);
    const uint32_t received = clamp(of_nodes, config->receive_buffers, RECEIVED_MAX);
    limits.received = received;
    limits.sends = clamp(SENDS_PER_NODE * config->nodes_max, SENDS_MIN, SENDS_MAX);
    limits.streams = clamp(STREAMS_PER_NODE * config->nodes_max, STREAMS_MIN, STREAMS_MAX);
    limits.frames_quota[BUFFER_HOLDER_GOSSIP] = limits.streams;
    limits.frames_quota[BUFFER_HOLDER_DETECTOR] = limits.streams / 8;
    /* whole frames on their way to a role and back */
    limits.frames = limits.streams + limits.streams / 8;
    limits.received_quota[BUFFER_HOLDER_GOSSIP] = received / 2;
    limits.received_quota[BUFFER_HOLDER_DETECTOR] = received / 2 - received / 8;
    return limits;
}
