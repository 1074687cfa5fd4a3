/* core/base/memory.h - the allocator handle: one per runtime, sizes and tags with every call.
 *
 * struct memory counts what is held per tag (relaxed atomics, readable from any thread). A block of
 * 0 bytes is given as one byte. The test door: after memory_fail_after(n) the next n allocations
 * and resizes succeed and the one after them fails, so n = 0 fails the very next. */
#ifndef CORE_BASE_MEMORY_H
#define CORE_BASE_MEMORY_H

#include "henge/runtime.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct memory {
    struct henge_allocator allocator;
    _Atomic uint64_t held_bytes[HENGE_MEMORY_TAG_COUNT];
    _Atomic int64_t fail_after; /* -1 = never; counts down; at 0 the allocation fails, once */
};

/* NULL takes malloc. */
void memory_init(struct memory *memory, const struct henge_allocator *allocator);
void memory_fail_after(struct memory *memory, int64_t allocations);

void *memory_alloc(struct memory *memory, size_t bytes, enum henge_memory_tag tag);
void *memory_alloc_zeroed(struct memory *memory, size_t bytes, enum henge_memory_tag tag);
void *memory_alloc_aligned(struct memory *memory, size_t bytes, size_t alignment,
                           enum henge_memory_tag tag);
/* NULL when there is none: the old block is as it was. New bytes are not zeroed. */
void *memory_resize(struct memory *memory, void *block, size_t old_bytes, size_t new_bytes,
                    enum henge_memory_tag tag);
/* More room in an array of *capacity elements of `size` bytes, for what is rarely needed and so has
 * none at first (NULL, 0): half as many again and two, at most `max`. The array, moved maybe, its
 * new elements zeroed. NULL: it has `max` elements already, or there is no memory; all is as it
 * was. */
void *memory_grow(struct memory *memory, void *array, uint32_t *capacity, uint32_t max, size_t size,
                  enum henge_memory_tag tag);
/* NULL blocks are ignored. */
void memory_release(struct memory *memory, void *block, size_t bytes, enum henge_memory_tag tag);
/* count * size, NULL on overflow. Zeroed. */
void *memory_alloc_array(struct memory *memory, size_t count, size_t size,
                         enum henge_memory_tag tag);

#endif
