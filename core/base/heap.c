/* core/base/heap.c - see heap.h. */
#include "core/base/heap.h"
#include "core/base/assert.h"
#include "core/base/clock.h"

bool heap_init(struct heap *heap, struct memory *memory, uint32_t capacity) {
    *heap = (struct heap){.capacity = capacity};
    heap->entries =
        memory_alloc_array(memory, capacity, sizeof(struct heap_entry), HENGE_MEMORY_CORE);
    heap->positions = memory_alloc_array(memory, capacity, sizeof(uint32_t), HENGE_MEMORY_CORE);
    if (heap->entries == NULL || heap->positions == NULL) {
        heap_deinit(heap, memory);
        return false;
    }
    return true;
}

void heap_deinit(struct heap *heap, struct memory *memory) {
    memory_release(memory, heap->entries, heap->capacity * sizeof(struct heap_entry),
                   HENGE_MEMORY_CORE);
    memory_release(memory, heap->positions, heap->capacity * sizeof(uint32_t), HENGE_MEMORY_CORE);
    *heap = (struct heap){0};
}

static void place(struct heap *heap, uint32_t index, struct heap_entry entry) {
    heap->entries[index] = entry;
    heap->positions[entry.id] = index + 1;
}

/* Moves the hole at `index` up until `entry` may stand in it. */
static void sift_up(struct heap *heap, uint32_t index, struct heap_entry entry) {
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;
        if (heap->entries[parent].deadline <= entry.deadline) {
            break;
        }
        place(heap, index, heap->entries[parent]);
        index = parent;
    }
    place(heap, index, entry);
}

static void sift_down(struct heap *heap, uint32_t index, struct heap_entry entry) {
    for (;;) {
        uint64_t child = (uint64_t)index * 2 + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count &&
            heap->entries[child + 1].deadline < heap->entries[child].deadline) {
            child++;
        }
        if (heap->entries[child].deadline >= entry.deadline) {
            break;
        }
        place(heap, index, heap->entries[child]);
        index = (uint32_t)child;
    }
    place(heap, index, entry);
}

void heap_set(struct heap *heap, uint32_t id, uint64_t deadline) {
    ASSERT(id < heap->capacity);
    if (deadline == TIME_NEVER) {
        heap_remove(heap, id);
        return;
    }
    struct heap_entry entry = {.deadline = deadline, .id = id};
    uint32_t position = heap->positions[id];
    if (position == 0) {
        heap->count++;
        sift_up(heap, heap->count - 1, entry);
    } else if (deadline < heap->entries[position - 1].deadline) {
        sift_up(heap, position - 1, entry);
    } else {
        sift_down(heap, position - 1, entry);
    }
}

void heap_remove(struct heap *heap, uint32_t id) {
    ASSERT(id < heap->capacity);
    uint32_t position = heap->positions[id];
    if (position == 0) {
        return;
    }
    uint32_t index = position - 1;
    uint64_t removed_deadline = heap->entries[index].deadline;
    heap->positions[id] = 0;
    heap->count--;
    if (index == heap->count) {
        return;
    }
    struct heap_entry last = heap->entries[heap->count];
    if (last.deadline < removed_deadline) {
        sift_up(heap, index, last);
    } else {
        sift_down(heap, index, last);
    }
}

uint64_t heap_deadline(const struct heap *heap) {
    return heap->count == 0 ? TIME_NEVER : heap->entries[0].deadline;
}

uint32_t heap_top(const struct heap *heap) {
    ASSERT(heap->count > 0);
    return heap->entries[0].id;
}
