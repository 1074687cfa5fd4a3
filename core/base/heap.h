/* core/base/heap.h - a binary min-heap of deadlines, each with a 32-bit id, positions tracked so
 * that an id's deadline can be changed or removed in O(log n). Ids are 0..capacity-1. */
#ifndef CORE_BASE_HEAP_H
#define CORE_BASE_HEAP_H

#include "core/base/memory.h"
#include <stdbool.h>
#include <stdint.h>

struct heap {
    struct heap_entry *entries;
    uint32_t *positions; /* by id: index into entries + 1, 0 = not in the heap */
    uint32_t count;
    uint32_t capacity;
};

struct heap_entry {
    uint64_t deadline;
    uint32_t id;
};

bool heap_init(struct heap *heap, struct memory *memory, uint32_t capacity);
void heap_deinit(struct heap *heap, struct memory *memory);
/* Inserts or moves. TIME_NEVER removes. */
void heap_set(struct heap *heap, uint32_t id, uint64_t deadline);
void heap_remove(struct heap *heap, uint32_t id);
/* The earliest deadline, TIME_NEVER when empty. */
uint64_t heap_deadline(const struct heap *heap);
/* The id with the earliest deadline; the heap must not be empty. */
uint32_t heap_top(const struct heap *heap);

#endif
