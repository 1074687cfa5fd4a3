/* io/buffers.c - packet buffers: one table of descriptions, one area of packet memory. */
#include "io/buffers.h"
#include "core/base/assert.h"

enum {
    CACHE_LINE_BYTES = 64,
    AREA_ALIGNMENT_BYTES = 4096 /* a page: io_uring pins whole pages */
};

bool buffer_pool_init(struct buffer_pool *pool, struct memory *memory, uint32_t count,
                      uint32_t headroom) {
    uint32_t stride = headroom + PACKET_BYTES_MAX;
    stride = (stride + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
    *pool = (struct buffer_pool){.count = count, .stride = stride};
    pool->buffers = memory_alloc_array(memory, count, sizeof(struct buffer), HENGE_MEMORY_NET);
    pool->area = memory_alloc_aligned(memory, (size_t)count * stride, AREA_ALIGNMENT_BYTES,
                                      HENGE_MEMORY_NET);
    if (pool->buffers == NULL || pool->area == NULL) {
        buffer_pool_deinit(pool, memory);
        return false;
    }
    /* Backwards, so that the first taken is the first of the area. */
    for (uint32_t i = count; i-- > 0;) {
        struct buffer *buffer = &pool->buffers[i];
        buffer->home = pool;
        buffer->index = i;
        buffer->packet = pool->area + (size_t)i * stride + headroom;
        buffer_give(buffer);
    }
    return true;
}

void buffer_pool_deinit(struct buffer_pool *pool, struct memory *memory) {
    memory_release(memory, pool->buffers, pool->count * sizeof(struct buffer), HENGE_MEMORY_NET);
    memory_release(memory, pool->area, (size_t)pool->count * pool->stride, HENGE_MEMORY_NET);
    *pool = (struct buffer_pool){0};
}

struct buffer *buffer_take(struct buffer_pool *pool) {
    struct buffer *buffer = pool->free;
    if (buffer == NULL) {
        return NULL;
    }
    pool->free = buffer->next;
    pool->free_count--;
    buffer->next = NULL;
    return buffer;
}

void buffer_give(struct buffer *buffer) {
    struct buffer_pool *pool = buffer->home;
    ASSERT(pool->free_count < pool->count);
    buffer->next = pool->free;
    pool->free = buffer;
    pool->free_count++;
}
