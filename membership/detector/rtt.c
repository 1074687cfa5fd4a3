/* membership/detector/rtt.c - see rtt.h. */
#include "membership/detector/rtt.h"

#include "core/base/clock.h"

/* A minute: far above every timeout, and low enough that the sums below fit into 32 bits. */
#define SAMPLE_MAX_US UINT32_C(60000000)

enum { MANTISSA_BITS = 12, MANTISSA = 1 << MANTISSA_BITS };

static uint32_t expand(uint16_t packed) {
    uint32_t doublings = (uint32_t)packed >> MANTISSA_BITS;
    uint32_t mantissa = packed & (MANTISSA - 1);
    return doublings == 0 ? mantissa : (MANTISSA + mantissa) << (doublings - 1);
}

/* To the nearest; us below 2^27. */
static uint16_t pack(uint32_t us) {
    uint32_t shift = 0;
    while (us >> shift >= 2 * MANTISSA) {
        shift++;
    }
    uint32_t rounded = (us + (shift > 0 ? 1U << (shift - 1) : 0)) >> shift;
    if (rounded == 2 * MANTISSA) {
        rounded /= 2;
        shift++;
    }
    return rounded < MANTISSA ? (uint16_t)rounded
                              : (uint16_t)((shift + 1) << MANTISSA_BITS | (rounded - MANTISSA));
}

uint32_t rtt_smoothed_us(const struct rtt *rtt) {
    return expand(rtt->smoothed);
}

uint32_t rtt_deviation_us(const struct rtt *rtt) {
    return expand(rtt->deviation);
}

void rtt_measured(struct rtt *rtt, uint64_t sample_ns) {
    uint64_t wide_us = sample_ns / NS_PER_US;
    uint32_t sample_us = wide_us > SAMPLE_MAX_US ? SAMPLE_MAX_US : (uint32_t)wide_us;
    if (sample_us == 0) {
        sample_us = 1; /* 0 says "not measured" */
    }
    if (rtt->smoothed == 0) {
        rtt->smoothed = pack(sample_us);
        rtt->deviation = pack(sample_us / 2);
        return;
    }
    uint32_t smoothed_us = expand(rtt->smoothed);
    uint32_t error_us = sample_us > smoothed_us ? sample_us - smoothed_us : smoothed_us - sample_us;
    rtt->deviation = pack((3 * expand(rtt->deviation) + error_us) / 4);
    smoothed_us = (7 * smoothed_us + sample_us) / 8;
    rtt->smoothed = pack(smoothed_us > 0 ? smoothed_us : 1);
}

uint64_t rtt_timeout_ns(const struct rtt *rtt, uint64_t min_ns, uint64_t max_ns) {
    if (rtt->smoothed == 0) {
        return max_ns;
    }
    uint64_t timeout_ns =
        ((uint64_t)expand(rtt->smoothed) + 4 * (uint64_t)expand(rtt->deviation)) * NS_PER_US;
    if (timeout_ns < min_ns) {
        return min_ns;
    }
    return timeout_ns > max_ns ? max_ns : timeout_ns;
}
