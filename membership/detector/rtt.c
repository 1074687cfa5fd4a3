/* membership/detector/rtt.c - see rtt.h. */
#include "membership/detector/rtt.h"

#include "core/base/clock.h"

/* A minute: far above every timeout, and low enough that the sums below fit into 32 bits. */
#define SAMPLE_MAX_US UINT32_C(60000000)

void rtt_measured(struct rtt *rtt, uint64_t sample_ns) {
    uint64_t wide_us = sample_ns / NS_PER_US;
    uint32_t sample_us = wide_us > SAMPLE_MAX_US ? SAMPLE_MAX_US : (uint32_t)wide_us;
    if (sample_us == 0) {
        sample_us = 1; /* 0 says "not measured" */
    }
    if (rtt->smoothed_us == 0) {
        rtt->smoothed_us = sample_us;
        rtt->deviation_us = sample_us / 2;
        return;
    }
    uint32_t error_us =
        sample_us > rtt->smoothed_us ? sample_us - rtt->smoothed_us : rtt->smoothed_us - sample_us;
    rtt->deviation_us = (3 * rtt->deviation_us + error_us) / 4;
    rtt->smoothed_us = (7 * rtt->smoothed_us + sample_us) / 8;
    if (rtt->smoothed_us == 0) {
        rtt->smoothed_us = 1;
    }
}

uint64_t rtt_timeout_ns(const struct rtt *rtt, uint64_t min_ns, uint64_t max_ns) {
    if (rtt->smoothed_us == 0) {
        return max_ns;
    }
    uint64_t timeout_ns =
        ((uint64_t)rtt->smoothed_us + 4 * (uint64_t)rtt->deviation_us) * NS_PER_US;
    if (timeout_ns < min_ns) {
        return min_ns;
    }
    return timeout_ns > max_ns ? max_ns : timeout_ns;
}
