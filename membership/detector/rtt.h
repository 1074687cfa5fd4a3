/* membership/detector/rtt.h - the round-trip time of one peer and the timeout that follows from it.
 *
 * Smoothed mean and deviation by RFC 6298 section 2 (alpha 1/8, beta 1/4, timeout = mean + 4 *
 * deviation). Every ping has a number of its own, so that no sample is ambiguous (Karn's problem,
 * section 3 there, does not arise). Four bytes, since every node keeps one for every other. */
#ifndef MEMBERSHIP_DETECTOR_RTT_H
#define MEMBERSHIP_DETECTOR_RTT_H

#include <stdint.h>

/* Microseconds with 13 significant bits, 0 to 134 s: 0..4095 as they are; above, the upper 4 bits
 * count the doublings. */
struct rtt {
    uint16_t smoothed; /* 0 = not measured yet */
    uint16_t deviation;
};

uint32_t rtt_smoothed_us(const struct rtt *rtt);
uint32_t rtt_deviation_us(const struct rtt *rtt);
void rtt_measured(struct rtt *rtt, uint64_t sample_ns);
/* Within [min_ns, max_ns]; max_ns while nothing is measured. */
uint64_t rtt_timeout_ns(const struct rtt *rtt, uint64_t min_ns, uint64_t max_ns);

#endif
