/* membership/detector/local_health.h - how far this node trusts its own judgement: Lifeguard's
 * local health multiplier (DSN 2018, section IV A). 0 is good, 8 is as bad as it gets; the own
 * period and timeouts are stretched by 1 + score. Without it (max = 0) nothing is ever stretched.
 */
#ifndef MEMBERSHIP_DETECTOR_LOCAL_HEALTH_H
#define MEMBERSHIP_DETECTOR_LOCAL_HEALTH_H

#include <stdint.h>

enum {
    LOCAL_HEALTH_MAX = 8,
    LOCAL_HEALTH_PAUSE = 2 /* what a pause costs */
};

struct local_health {
    uint32_t score;
    uint32_t max; /* LOCAL_HEALTH_MAX, or 0 */
};

void local_health_worsen(struct local_health *health, uint32_t by);
void local_health_improve(struct local_health *health);
uint64_t local_health_stretch(const struct local_health *health, uint64_t duration_ns);

#endif
