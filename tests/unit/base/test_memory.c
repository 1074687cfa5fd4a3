/* The allocator handle: accounting, planted failures, a replaced allocator. */
#include "core/base/memory.h"
#include <criterion/criterion.h>

static uint64_t held(struct memory *memory, enum henge_memory_tag tag) {
    return atomic_load(&memory->held_bytes[tag]);
}

Test(memory, counts_what_is_held_by_tag) {
    struct memory memory;
    memory_init(&memory, NULL);
    void *first = memory_alloc(&memory, 100, HENGE_MEMORY_RING);
    void *second = memory_alloc_aligned(&memory, 50, 4096, HENGE_MEMORY_NET);
    cr_assert_eq((uintptr_t)second % 4096, 0);
    cr_assert_eq(held(&memory, HENGE_MEMORY_RING), 100);
    cr_assert_eq(held(&memory, HENGE_MEMORY_NET), 50);
    first = memory_resize(&memory, first, 100, 30, HENGE_MEMORY_RING);
    cr_assert_eq(held(&memory, HENGE_MEMORY_RING), 30);
    memory_release(&memory, first, 30, HENGE_MEMORY_RING);
    memory_release(&memory, second, 50, HENGE_MEMORY_NET);
    memory_release(&memory, NULL, 50, HENGE_MEMORY_NET);
    for (int tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        cr_assert_eq(held(&memory, (enum henge_memory_tag)tag), 0);
    }
}

Test(memory, resize_keeps_contents_and_takes_null_as_alloc) {
    struct memory memory;
    memory_init(&memory, NULL);
    uint8_t *block = memory_resize(&memory, NULL, 0, 10, HENGE_MEMORY_CORE);
    memcpy(block, "0123456789", 10);
    block = memory_resize(&memory, block, 10, 100000, HENGE_MEMORY_CORE);
    cr_assert_arr_eq(block, "0123456789", 10);
    memory_fail_after(&memory, 0);
    cr_assert_null(memory_resize(&memory, block, 100000, 200000, HENGE_MEMORY_CORE));
    cr_assert_arr_eq(block, "0123456789", 10);
    cr_assert_eq(held(&memory, HENGE_MEMORY_CORE), 100000);
    memory_release(&memory, block, 100000, HENGE_MEMORY_CORE);
}

Test(memory, fail_after_lets_n_pass_and_fails_one) {
    for (int64_t allocations = 0; allocations < 5; allocations++) {
        struct memory memory;
        memory_init(&memory, NULL);
        memory_fail_after(&memory, allocations);
        for (int64_t i = 0; i < 8; i++) {
            void *block = memory_alloc(&memory, 16, HENGE_MEMORY_CORE);
            cr_assert_eq(block == NULL, i == allocations, "allocation %d", (int)i);
            memory_release(&memory, block, 16, HENGE_MEMORY_CORE);
        }
        cr_assert_eq(held(&memory, HENGE_MEMORY_CORE), 0);
    }
}

Test(memory, arrays_are_zeroed_and_do_not_overflow) {
    struct memory memory;
    memory_init(&memory, NULL);
    cr_assert_null(memory_alloc_array(&memory, SIZE_MAX / 2, 3, HENGE_MEMORY_CORE));
    uint8_t *zeros = memory_alloc_array(&memory, 100, 7, HENGE_MEMORY_CORE);
    for (size_t i = 0; i < 700; i++) {
        cr_assert_eq(zeros[i], 0);
    }
    memory_release(&memory, zeros, 700, HENGE_MEMORY_CORE);
    void *nothing = memory_alloc_array(&memory, 0, 7, HENGE_MEMORY_CORE);
    cr_assert_not_null(nothing, "a block of nothing is a block");
    memory_release(&memory, nothing, 0, HENGE_MEMORY_CORE);
    cr_assert_eq(held(&memory, HENGE_MEMORY_CORE), 0);
}

Test(memory, grows_by_half_up_to_a_bound_and_zeroes_what_is_new) {
    struct memory memory;
    memory_init(&memory, NULL);
    uint32_t capacity = 0, steps = 0;
    uint64_t *array = NULL, *grown;
    while ((grown = memory_grow(&memory, array, &capacity, 64, sizeof *array, HENGE_MEMORY_CORE)) !=
           NULL) {
        array = grown;
        cr_assert_eq(array[capacity - 1], 0);
        for (uint32_t i = 0; i < capacity; i++) {
            cr_assert(array[i] == 0 || array[i] == i + 1);
            array[i] = i + 1;
        }
        cr_assert_leq(++steps, 10);
    }
    cr_assert_eq(capacity, 64);
    cr_assert_eq(array[63], 64, "the refusal has changed nothing");
    cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_CORE]), 64 * sizeof *array);
    memory_release(&memory, array, capacity * sizeof *array, HENGE_MEMORY_CORE);
}

Test(memory, without_memory_an_array_does_not_grow) {
    struct memory memory;
    memory_init(&memory, NULL);
    uint32_t capacity = 0;
    memory_fail_after(&memory, 0);
    cr_assert_null(memory_grow(&memory, NULL, &capacity, 64, 8, HENGE_MEMORY_CORE));
    cr_assert_eq(capacity, 0);
}

struct witness {
    size_t calls, bytes, alignment;
    enum henge_memory_tag tag;
};

static void *witness_alloc(void *context, size_t bytes, size_t alignment,
                           enum henge_memory_tag tag) {
    struct witness *witness = context;
    *witness = (struct witness){witness->calls + 1, bytes, alignment, tag};
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void witness_release(void *context, void *block, size_t bytes, enum henge_memory_tag tag) {
    struct witness *witness = context;
    *witness = (struct witness){witness->calls + 1, bytes, 0, tag};
    free(block);
}

Test(memory, a_replaced_allocator_sees_sizes_and_tags) {
    struct witness witness = {0};
    struct henge_allocator allocator = {.size_bytes = sizeof(allocator),
                                        .context = &witness,
                                        .alloc = witness_alloc,
                                        .release = witness_release};
    struct memory memory;
    memory_init(&memory, &allocator);
    void *block = memory_alloc_aligned(&memory, 77, 128, HENGE_MEMORY_EVENT);
    cr_assert_eq(witness.calls, 1);
    cr_assert_eq(witness.bytes, 77);
    cr_assert_eq(witness.alignment, 128);
    cr_assert_eq(witness.tag, HENGE_MEMORY_EVENT);
    memory_release(&memory, block, 77, HENGE_MEMORY_EVENT);
    cr_assert_eq(witness.calls, 2);
    cr_assert_eq(witness.bytes, 77);
}
