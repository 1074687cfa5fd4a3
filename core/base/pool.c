/* core/base/pool.c - see pool.h. Objects and the stack of free ids share one block. */
#include "core/base/pool.h"
#include "core/base/assert.h"

enum {
    OBJECT_ALIGNMENT = _Alignof(max_align_t),
    BLOCK_ALIGNMENT = 64 /* a cache line: objects of whole lines do not share one */
};

bool pool_init(struct pool *pool, struct memory *memory, size_t object_bytes, uint32_t capacity,
               enum henge_memory_tag tag) {
    *pool = (struct pool){.capacity = capacity, .tag = tag};
    if (object_bytes > SIZE_MAX - OBJECT_ALIGNMENT) {
        return false;
    }
    size_t rounded = (object_bytes + OBJECT_ALIGNMENT - 1) / OBJECT_ALIGNMENT * OBJECT_ALIGNMENT;
    size_t with_id = 0, total = 0;
    if (__builtin_add_overflow(rounded, sizeof(uint32_t), &with_id) ||
        __builtin_mul_overflow(with_id, capacity, &total)) {
        return false;
    }
    pool->objects = memory_alloc_aligned(memory, total, BLOCK_ALIGNMENT, tag);
    if (pool->objects == NULL) {
        return false;
    }
    pool->object_bytes = rounded;
    pool->allocated_bytes = total;
    pool->free_ids = (uint32_t *)(void *)(pool->objects + rounded * capacity);
    for (uint32_t i = 0; i < capacity; i++) {
        pool->free_ids[i] = capacity - 1 - i; /* the lowest index is taken first */
    }
    pool->free_count = capacity;
    return true;
}

void pool_deinit(struct pool *pool, struct memory *memory) {
    memory_release(memory, pool->objects, pool->allocated_bytes, pool->tag);
    *pool = (struct pool){0};
}

void *pool_take(struct pool *pool) {
    if (pool->free_count == 0) {
        return NULL;
    }
    pool->free_count--;
    return pool_at(pool, pool->free_ids[pool->free_count]);
}

void pool_give(struct pool *pool, void *object) {
    uint32_t index = pool_index(pool, object);
    ASSERT(pool->free_count < pool->capacity);
    pool->free_ids[pool->free_count] = index;
    pool->free_count++;
}

uint32_t pool_index(const struct pool *pool, const void *object) {
    const uint8_t *at = object;
    ASSERT(at >= pool->objects && at < pool->objects + pool->object_bytes * pool->capacity);
    size_t offset = (size_t)(at - pool->objects);
    ASSERT(offset % pool->object_bytes == 0);
    return (uint32_t)(offset / pool->object_bytes);
}

void *pool_at(const struct pool *pool, uint32_t index) {
    ASSERT(index < pool->capacity);
    return pool->objects + pool->object_bytes * index;
}
