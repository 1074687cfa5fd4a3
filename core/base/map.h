/* core/base/map.h - u64 key -> u32 value, open addressing with linear probing and backward-shift
 * deletion (no tombstones), growing by doubling at 3/4 full. Keys are hashes already, or are mixed.
 * One owner thread. */
#ifndef CORE_BASE_MAP_H
#define CORE_BASE_MAP_H

#include "core/base/memory.h"
#include <stdbool.h>
#include <stdint.h>

struct map {
    struct map_cell *cells;
    uint32_t capacity; /* power of two */
    uint32_t count;
    struct memory *memory;
    enum henge_memory_tag tag;
};

struct map_cell {
    uint64_t key;
    uint32_t value;
    uint32_t used;
};

bool map_init(struct map *map, struct memory *memory, uint32_t expected, enum henge_memory_tag tag);
void map_deinit(struct map *map);
/* NULL when absent; the pointer is good until the next set or remove. */
uint32_t *map_find(const struct map *map, uint64_t key);
/* Inserts or replaces; false when there is no memory to grow. */
bool map_set(struct map *map, uint64_t key, uint32_t value);
bool map_remove(struct map *map, uint64_t key);

#endif
