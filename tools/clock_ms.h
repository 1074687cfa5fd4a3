/* clock_ms.h - a monotonic clock in milliseconds, for the tools' deadlines. */
#ifndef TOOLS_CLOCK_MS_H
#define TOOLS_CLOCK_MS_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static inline void sleep_ms(unsigned ms) {
    struct timespec pause = {.tv_sec = ms / 1000u, .tv_nsec = (long)(ms % 1000u) * 1000000L};
    (void)nanosleep(&pause, NULL); /* a signal may cut it short; every caller loops */
}

#endif
