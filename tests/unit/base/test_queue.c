/* The queue in one thread: order, fullness and wrap-around. Two threads: tests/stress. */
#include "core/base/queue.h"
#include "core/base/random.h"
#include <criterion/criterion.h>

static void fill_element(uint8_t *element, uint32_t bytes, uint64_t number) {
    for (uint32_t i = 0; i < bytes; i++) {
        element[i] = (uint8_t)(number * 31 + i);
    }
}

static void check_queue(uint32_t capacity, uint32_t element_bytes) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct queue *queue = queue_create(&memory, capacity, element_bytes);
    cr_assert_not_null(queue);
    uint8_t element[64], expected[64];
    uint64_t pushed = 0, popped = 0;
    struct random random = random_of_seed(capacity * 100 + element_bytes);
    for (int step = 0; step < 5000; step++) {
        uint64_t waiting = pushed - popped;
        cr_assert_eq(queue_count(queue), waiting);
        cr_assert_eq(queue_room(queue), capacity - 1 - waiting);
        if (random_below(&random, 2) == 0) {
            fill_element(element, element_bytes, pushed);
            bool is_pushed = queue_push(queue, element);
            cr_assert_eq(is_pushed, waiting < capacity - 1);
            pushed += is_pushed;
        } else {
            bool is_popped = queue_pop(queue, element);
            cr_assert_eq(is_popped, waiting > 0);
            if (is_popped) {
                fill_element(expected, element_bytes, popped);
                cr_assert_arr_eq(element, expected, element_bytes);
                popped++;
            }
        }
    }
    cr_assert_gt(pushed, 2 * capacity, "it went round");
    queue_destroy(queue);
    cr_assert_eq(memory.held_bytes[HENGE_MEMORY_CORE], 0);
}

Test(queue, keeps_order_and_contents_around_the_end) {
    uint32_t capacities[] = {4, 8, 64};
    uint32_t sizes[] = {1, 4, 8, 24, 40, 64};
    for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
            check_queue(capacities[i], sizes[j]);
        }
    }
}

Test(queue, without_memory_there_is_none) {
    struct memory memory;
    memory_init(&memory, NULL);
    memory_fail_after(&memory, 0);
    cr_assert_null(queue_create(&memory, 8, 8));
    queue_destroy(NULL);
}
