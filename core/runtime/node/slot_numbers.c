/* core/runtime/node/slot_numbers.c - see slot_numbers.h. */
#include "core/runtime/node/slot_numbers.h"
#include "core/base/assert.h"

static uint64_t hash_of(const void *names, uint32_t number) {
    return ((const struct slot_name *)names)[number].hash;
}

void slot_numbers_init(struct slot_numbers *numbers, struct memory *memory, uint64_t secret) {
    *numbers = (struct slot_numbers){.memory = memory,
                                     .first_free = SLOT_INDEX_NONE,
                                     .by_hash = {.multiplier = secret | 1, .hash_of = hash_of}};
}

void slot_numbers_deinit(struct slot_numbers *numbers) {
    memory_release(numbers->memory, numbers->names, numbers->capacity * sizeof(*numbers->names),
                   HENGE_MEMORY_RING);
    memory_release(numbers->memory, numbers->by_hash.cells,
                   numbers->by_hash.cells_count * sizeof(uint32_t), HENGE_MEMORY_RING);
}

static bool grow(struct slot_numbers *numbers) {
    struct slot_index *index = &numbers->by_hash;
    uint32_t capacity = slot_index_capacity(numbers->capacity, numbers->count, SLOT_NUMBERS_MAX, 0);
    uint32_t cells_count = slot_index_cells(capacity);
    size_t old_cells_bytes = index->cells_count * sizeof(uint32_t);
    uint32_t *old_cells = index->cells;
    if (numbers->count >= capacity) {
        return false;
    }
    uint32_t *cells =
        memory_alloc(numbers->memory, cells_count * sizeof(uint32_t), HENGE_MEMORY_RING);
    struct slot_name *names =
        cells ? memory_resize(numbers->memory, numbers->names, numbers->capacity * sizeof(*names),
                              capacity * sizeof(*names), HENGE_MEMORY_RING)
              : NULL;
    if (!names) {
        memory_release(numbers->memory, cells, cells_count * sizeof(uint32_t), HENGE_MEMORY_RING);
        return false;
    }
    numbers->names = names;
    numbers->capacity = capacity;
    slot_index_move(index, cells, cells_count);
    memory_release(numbers->memory, old_cells, old_cells_bytes, HENGE_MEMORY_RING);
    return true;
}

/* The number that was given back last, or one that never was given. */
static uint32_t take(struct slot_numbers *numbers) {
    uint32_t number = numbers->first_free;
    if (number != SLOT_INDEX_NONE) {
        numbers->first_free = numbers->names[number].next_free;
        return number;
    }
    if (numbers->count == numbers->capacity && !grow(numbers)) {
        return HENGE_NO_SLOT;
    }
    return numbers->count++;
}

uint32_t slot_numbers_hold(struct slot_numbers *numbers, uint64_t name_hash) {
    uint32_t number = slot_index_find(&numbers->by_hash, numbers->names, name_hash);
    if (number == SLOT_INDEX_NONE) {
        number = take(numbers);
        if (number == HENGE_NO_SLOT) {
            return HENGE_NO_SLOT;
        }
        numbers->names[number] = (struct slot_name){.hash = name_hash};
        slot_index_put(&numbers->by_hash, numbers->names, name_hash, number);
    }
    numbers->names[number].references++;
    return number;
}

void slot_numbers_release(struct slot_numbers *numbers, uint32_t number) {
    ASSERT(number < numbers->count && numbers->names[number].references > 0);
    struct slot_name *name = &numbers->names[number];
    if (--name->references == 0) {
        slot_index_remove(&numbers->by_hash, name->hash, number);
        name->next_free = numbers->first_free;
        numbers->first_free = number;
    }
}
