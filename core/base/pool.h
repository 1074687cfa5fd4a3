/* core/base/pool.h - a fixed number of equal objects, allocated once. One owner thread. */
#ifndef CORE_BASE_POOL_H
#define CORE_BASE_POOL_H

#include "core/base/memory.h"
#include <stdbool.h>
#include <stdint.h>

struct pool {
    uint8_t *objects;
    uint32_t *free_ids; /* a stack */
    uint32_t free_count;
    uint32_t capacity;
    size_t object_bytes;
    size_t allocated_bytes;
    enum henge_memory_tag tag;
};

bool pool_init(struct pool *pool, struct memory *memory, size_t object_bytes, uint32_t capacity,
               enum henge_memory_tag tag);
void pool_deinit(struct pool *pool, struct memory *memory);
void *pool_take(struct pool *pool); /* NULL when all are out; contents undefined */
void pool_give(struct pool *pool, void *object);
uint32_t pool_index(const struct pool *pool, const void *object);
void *pool_at(const struct pool *pool, uint32_t index);

#endif
