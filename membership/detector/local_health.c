/* membership/detector/local_health.c - see local_health.h. */
#include "membership/detector/local_health.h"

void local_health_worsen(struct local_health *health, uint32_t by) {
    uint32_t left = health->max - health->score;
    health->score += by < left ? by : left;
}

void local_health_improve(struct local_health *health) {
    if (health->score > 0) {
        health->score--;
    }
}

uint64_t local_health_stretch(const struct local_health *health, uint64_t duration_ns) {
    return duration_ns * (1 + (uint64_t)health->score);
}
