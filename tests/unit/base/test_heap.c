/* The deadline heap against a plain array of deadlines. */
#include "core/base/clock.h"
#include "core/base/heap.h"
#include "core/base/random.h"
#include <criterion/criterion.h>
#include <signal.h>

enum { IDS = 64, STEPS = 20000 };

static uint64_t earliest(const uint64_t *deadlines) {
    uint64_t found = TIME_NEVER;
    for (size_t id = 0; id < IDS; id++) {
        found = deadlines[id] < found ? deadlines[id] : found;
    }
    return found;
}

static void check_order(const struct heap *heap) {
    for (uint32_t i = 0; i < heap->count; i++) {
        cr_assert_eq(heap->positions[heap->entries[i].id], i + 1);
        cr_assert_leq(heap->entries[(i - (i > 0)) / 2].deadline, heap->entries[i].deadline);
    }
}

Test(heap, agrees_with_an_array_after_every_random_step) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct heap heap;
    cr_assert(heap_init(&heap, &memory, IDS));
    uint64_t model[IDS];
    for (size_t id = 0; id < IDS; id++) {
        model[id] = TIME_NEVER;
    }
    struct random random = random_of_seed(1);
    for (int step = 0; step < STEPS; step++) {
        uint32_t id = (uint32_t)random_below(&random, IDS);
        uint64_t deadline = random_below(&random, 50); /* few values: many ties */
        switch (random_below(&random, 8)) {
        case 0:
            heap_remove(&heap, id);
            model[id] = TIME_NEVER;
            break;
        case 1:
            heap_set(&heap, id, TIME_NEVER);
            model[id] = TIME_NEVER;
            break;
        default:
            heap_set(&heap, id, deadline);
            model[id] = deadline;
        }
        check_order(&heap);
        cr_assert_eq(heap_deadline(&heap), earliest(model), "step %d", step);
        if (heap.count > 0) {
            cr_assert_eq(model[heap_top(&heap)], earliest(model), "step %d", step);
        }
    }
    heap_deinit(&heap, &memory);
    cr_assert_eq(memory.held_bytes[HENGE_MEMORY_CORE], 0);
}

Test(heap, gives_all_ids_in_order_of_deadline) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct heap heap;
    cr_assert(heap_init(&heap, &memory, IDS));
    struct random random = random_of_seed(2);
    for (uint32_t id = 0; id < IDS; id++) {
        heap_set(&heap, id, random_u64(&random) / 2);
    }
    uint64_t last = 0;
    for (uint32_t left = IDS; left > 0; left--) {
        cr_assert_eq(heap.count, left);
        cr_assert_geq(heap_deadline(&heap), last);
        last = heap_deadline(&heap);
        heap_remove(&heap, heap_top(&heap));
    }
    cr_assert_eq(heap_deadline(&heap), TIME_NEVER);
    heap_deinit(&heap, &memory);
}

Test(heap, init_fails_cleanly_without_memory) {
    for (int64_t allocations = 0; allocations < 2; allocations++) {
        struct memory memory;
        memory_init(&memory, NULL);
        memory_fail_after(&memory, allocations);
        struct heap heap;
        cr_assert(!heap_init(&heap, &memory, IDS));
        cr_assert_eq(memory.held_bytes[HENGE_MEMORY_CORE], 0);
    }
}

Test(heap, refuses_an_id_out_of_range, .signal = SIGABRT) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct heap heap;
    cr_assert(heap_init(&heap, &memory, IDS));
    heap_set(&heap, IDS, 1);
}
