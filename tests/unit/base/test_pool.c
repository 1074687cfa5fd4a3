/* Pool and list. */
#include "core/base/list.h"
#include "core/base/pool.h"
#include "core/base/random.h"
#include <criterion/criterion.h>
#include <signal.h>

enum { CAPACITY = 37, OBJECT_BYTES = 21 };

Test(pool, hands_out_each_object_to_one_owner_and_all_come_back) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct pool pool;
    cr_assert(pool_init(&pool, &memory, OBJECT_BYTES, CAPACITY, HENGE_MEMORY_NET));
    uint8_t *owned[CAPACITY] = {0};
    uint32_t out = 0;
    struct random random = random_of_seed(4);
    for (int step = 0; step < 20000; step++) {
        uint8_t mark = (uint8_t)step;
        if (random_below(&random, 2) == 0) {
            uint8_t *object = pool_take(&pool);
            cr_assert_eq(object == NULL, out == CAPACITY);
            if (object == NULL) {
                continue;
            }
            uint32_t index = pool_index(&pool, object);
            cr_assert_null(owned[index], "object %u has an owner", index);
            cr_assert_eq(pool_at(&pool, index), object);
            cr_assert_eq((uintptr_t)object % _Alignof(max_align_t), 0);
            memset(object, mark, OBJECT_BYTES);
            object[OBJECT_BYTES - 1] = object[0];
            owned[index] = object;
            out++;
        } else {
            uint32_t index = (uint32_t)random_below(&random, CAPACITY);
            if (owned[index] != NULL) {
                cr_assert_eq(owned[index][0], owned[index][OBJECT_BYTES - 1], "overwritten");
                pool_give(&pool, owned[index]);
                owned[index] = NULL;
                out--;
            }
        }
        cr_assert_eq(pool.free_count, CAPACITY - out);
    }
    pool_deinit(&pool, &memory);
    cr_assert_eq(memory.held_bytes[HENGE_MEMORY_NET], 0);
}

Test(pool, a_size_that_overflows_or_no_memory_is_refused) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct pool pool;
    cr_assert(!pool_init(&pool, &memory, SIZE_MAX, 1, HENGE_MEMORY_NET));
    cr_assert(!pool_init(&pool, &memory, SIZE_MAX / 2, 4, HENGE_MEMORY_NET));
    memory_fail_after(&memory, 0);
    cr_assert(!pool_init(&pool, &memory, 8, 8, HENGE_MEMORY_NET));
    pool_deinit(&pool, &memory);
}

Test(pool, an_address_inside_an_object_is_not_an_object, .signal = SIGABRT) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct pool pool;
    cr_assert(pool_init(&pool, &memory, OBJECT_BYTES, CAPACITY, HENGE_MEMORY_NET));
    uint8_t *object = pool_take(&pool);
    pool_give(&pool, object + 1);
}

Test(pool, more_cannot_come_back_than_there_are, .signal = SIGABRT) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct pool pool;
    cr_assert(pool_init(&pool, &memory, OBJECT_BYTES, CAPACITY, HENGE_MEMORY_NET));
    pool_give(&pool, pool_at(&pool, 0));
}

struct item {
    int number;
    struct list_link link;
};

Test(list, keeps_order_and_removing_twice_is_harmless) {
    struct list_link head;
    list_init(&head);
    cr_assert(list_is_empty(&head));
    struct item items[4];
    for (int i = 0; i < 4; i++) {
        items[i].number = i;
        list_init(&items[i].link);
    }
    list_insert_last(&head, &items[1].link);
    list_insert_last(&head, &items[3].link);
    list_insert_first(&head, &items[0].link);
    list_insert_after(&items[1].link, &items[2].link);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    int expected[] = {0, 2, 3};
    size_t at = 0;
    for (struct list_link *link = head.next; link != &head; link = link->next) {
        cr_assert_lt(at, 3);
        cr_assert_eq(LIST_ITEM(link, struct item, link)->number, expected[at]);
        at++;
    }
    cr_assert_eq(at, 3);
}
