/* bench/ketama.h - libmemcached's ketama, the one that agrees with libketama (MD5, 160 points a
 * server), to be compared with. */
#ifndef BENCH_KETAMA_H
#define BENCH_KETAMA_H

#include <stddef.h>
#include <stdint.h>

enum { KETAMA_MEMBERS_MAX = 500 /* it aborts at 1000 */ };

struct ketama;

/* NULL: built without libmemcached, too many members, or no memory. Connects to nobody. */
struct ketama *ketama_create(size_t members);
void ketama_destroy(struct ketama *ketama);
uint32_t ketama_owner(const struct ketama *ketama, const void *key, size_t key_bytes);

#endif
