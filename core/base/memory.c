/* core/base/memory.c - see memory.h. */
#include "core/base/memory.h"
#include "core/base/assert.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_ALIGNMENT = _Alignof(max_align_t) };

static void *malloc_alloc(void *context, size_t bytes, size_t alignment,
                          enum henge_memory_tag tag) {
    (void)context;
    (void)tag;
    if (alignment <= DEFAULT_ALIGNMENT) {
        return malloc(bytes);
    }
    void *block = NULL;
    return posix_memalign(&block, alignment, bytes) == 0 ? block : NULL;
}

static void *malloc_resize(void *context, void *block, size_t old_bytes, size_t new_bytes,
                           size_t alignment, enum henge_memory_tag tag) {
    if (alignment <= DEFAULT_ALIGNMENT) {
        return realloc(block, new_bytes);
    }
    void *moved = malloc_alloc(context, new_bytes, alignment, tag);
    if (moved != NULL) {
        memcpy(moved, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        free(block);
    }
    return moved;
}

static void malloc_release(void *context, void *block, size_t bytes, enum henge_memory_tag tag) {
    (void)context;
    (void)bytes;
    (void)tag;
    free(block);
}

void memory_init(struct memory *memory, const struct henge_allocator *allocator) {
    memory->allocator = (struct henge_allocator){.size_bytes = sizeof(struct henge_allocator),
                                                 .alloc = malloc_alloc,
                                                 .resize = malloc_resize,
                                                 .release = malloc_release};
    if (allocator != NULL) {
        memory->allocator = *allocator;
    }
    for (size_t tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        atomic_init(&memory->held_bytes[tag], 0);
    }
    atomic_init(&memory->fail_after, -1);
}

void memory_fail_after(struct memory *memory, int64_t allocations) {
    atomic_store_explicit(&memory->fail_after, allocations, memory_order_relaxed);
}

/* Relaxed throughout: counters alone, nothing is published through them. */
static bool must_fail(struct memory *memory) {
    int64_t left = atomic_load_explicit(&memory->fail_after, memory_order_relaxed);
    while (left >= 0 &&
           !atomic_compare_exchange_weak_explicit(&memory->fail_after, &left, left - 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    return left == 0;
}

/* Allocators need not know what a block of nothing is. */
static size_t at_least_one(size_t bytes) {
    return bytes == 0 ? 1 : bytes;
}

static void count_held(struct memory *memory, enum henge_memory_tag tag, size_t added,
                       size_t removed) {
    atomic_fetch_add_explicit(&memory->held_bytes[tag], (uint64_t)added - (uint64_t)removed,
                              memory_order_relaxed);
}

void *memory_alloc_aligned(struct memory *memory, size_t bytes, size_t alignment,
                           enum henge_memory_tag tag) {
    ASSERT(tag < HENGE_MEMORY_TAG_COUNT);
    ASSERT(alignment > 0 && (alignment & (alignment - 1)) == 0);
    if (must_fail(memory)) {
        return NULL;
    }
    bytes = at_least_one(bytes);
    void *block = memory->allocator.alloc(memory->allocator.context, bytes, alignment, tag);
    if (block != NULL) {
        count_held(memory, tag, bytes, 0);
    }
    return block;
}

void *memory_alloc(struct memory *memory, size_t bytes, enum henge_memory_tag tag) {
    return memory_alloc_aligned(memory, bytes, DEFAULT_ALIGNMENT, tag);
}

void *memory_alloc_zeroed(struct memory *memory, size_t bytes, enum henge_memory_tag tag) {
    void *block = memory_alloc(memory, bytes, tag);
    if (block != NULL) {
        memset(block, 0, at_least_one(bytes));
    }
    return block;
}

void *memory_alloc_array(struct memory *memory, size_t count, size_t size,
                         enum henge_memory_tag tag) {
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return memory_alloc_zeroed(memory, bytes, tag);
}

void *memory_resize(struct memory *memory, void *block, size_t old_bytes, size_t new_bytes,
                    enum henge_memory_tag tag) {
    if (block == NULL) {
        return memory_alloc(memory, new_bytes, tag);
    }
    ASSERT(tag < HENGE_MEMORY_TAG_COUNT);
    if (must_fail(memory)) {
        return NULL;
    }
    old_bytes = at_least_one(old_bytes);
    new_bytes = at_least_one(new_bytes);
    void *moved = memory->allocator.resize(memory->allocator.context, block, old_bytes, new_bytes,
                                           DEFAULT_ALIGNMENT, tag);
    if (moved != NULL) {
        count_held(memory, tag, new_bytes, old_bytes);
    }
    return moved;
}

void *memory_grow(struct memory *memory, void *array, uint32_t *capacity, uint32_t max, size_t size,
                  enum henge_memory_tag tag) {
    uint64_t wanted = (uint64_t)*capacity + *capacity / 2 + 2;
    uint32_t more = wanted < max ? (uint32_t)wanted : max;
    if (*capacity >= max) {
        return NULL;
    }
    size_t old_bytes = *capacity * size;
    unsigned char *grown = memory_resize(memory, array, old_bytes, more * size, tag);
    if (grown != NULL) {
        memset(grown + old_bytes, 0, more * size - old_bytes);
        *capacity = more;
    }
    return grown;
}

void memory_release(struct memory *memory, void *block, size_t bytes, enum henge_memory_tag tag) {
    if (block == NULL) {
        return;
    }
    ASSERT(tag < HENGE_MEMORY_TAG_COUNT);
    bytes = at_least_one(bytes);
    count_held(memory, tag, 0, bytes);
    memory->allocator.release(memory->allocator.context, block, bytes, tag);
}
