/* core/base/random.h - a seeded generator (xoshiro256**, Blackman and Vigna 2018). Never global:
 * each owner has its own, so one seed replays a whole run. */
#ifndef CORE_BASE_RANDOM_H
#define CORE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

struct random random_of_seed(uint64_t seed); /* seed expanded by splitmix64 */
uint64_t random_u64(struct random *random);
/* 0..limit-1 without bias; limit > 0. */
uint64_t random_below(struct random *random, uint64_t limit);
/* Fisher-Yates over `count` 32-bit items. */
void random_shuffle_u32(struct random *random, uint32_t *items, size_t count);
/* From the operating system; for seeds and boot ids. False when the kernel refuses. */
int random_from_system(void *bytes_out, size_t size);

#endif
