/* The jemalloc arena behind the allocator handle. */
#include "core/base/memory.h"
#include "henge/jemalloc.h"
#include <criterion/criterion.h>

Test(jemalloc, an_arena_counts_its_own_and_goes_as_one) {
    struct henge_allocator first, second;
    cr_assert_eq(henge_jemalloc_create(&first), HENGE_OK);
    cr_assert_eq(henge_jemalloc_create(&second), HENGE_OK);
    struct memory memory;
    memory_init(&memory, &first);
    void *blocks[100];
    for (size_t i = 0; i < 100; i++) {
        blocks[i] = memory_alloc(&memory, 1000, HENGE_MEMORY_CORE);
        cr_assert_not_null(blocks[i]);
    }
    size_t allocated = 0, mapped = 0, other_allocated = 0, other_mapped = 0;
    cr_assert_eq(henge_jemalloc_stats(&first, &allocated, &mapped), HENGE_OK);
    cr_assert_eq(henge_jemalloc_stats(&second, &other_allocated, &other_mapped), HENGE_OK);
    cr_assert_geq(allocated, 100000);
    cr_assert_geq(mapped, allocated);
    cr_assert_lt(other_allocated, 1000, "the other arena holds nothing");
    for (size_t i = 0; i < 50; i++) {
        memory_release(&memory, blocks[i], 1000, HENGE_MEMORY_CORE);
    }
    size_t less = 0;
    cr_assert_eq(henge_jemalloc_stats(&first, &less, &mapped), HENGE_OK);
    cr_assert_leq(less, allocated - 50000);
    henge_jemalloc_destroy(&first);
    henge_jemalloc_destroy(&second);
}

Test(jemalloc, blocks_are_aligned_and_keep_their_bytes_when_resized) {
    struct henge_allocator allocator;
    cr_assert_eq(henge_jemalloc_create(&allocator), HENGE_OK);
    struct memory memory;
    memory_init(&memory, &allocator);
    for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
        void *block = memory_alloc_aligned(&memory, 10, alignment, HENGE_MEMORY_NET);
        cr_assert_eq((uintptr_t)block % alignment, 0);
        memory_release(&memory, block, 10, HENGE_MEMORY_NET);
    }
    char *block = memory_alloc(&memory, 10, HENGE_MEMORY_NET);
    memcpy(block, "0123456789", 10);
    block = memory_resize(&memory, block, 10, 1 << 20, HENGE_MEMORY_NET);
    cr_assert_arr_eq(block, "0123456789", 10);
    memory_release(&memory, block, 1 << 20, HENGE_MEMORY_NET);
    cr_assert_eq(memory.held_bytes[HENGE_MEMORY_NET], 0);
    henge_jemalloc_destroy(&allocator);
}
