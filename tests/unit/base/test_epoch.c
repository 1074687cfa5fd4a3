/* Epochs in one thread: what is held back by whom, limits, destruction. */
#include "core/base/epoch.h"
#include <criterion/criterion.h>
#include <signal.h>

struct object {
    struct epoch_entry entry;
    int *released;
};

static void count_release(struct epoch_entry *entry) {
    struct object *object = (struct object *)(void *)entry;
    ++*object->released;
}

static void retire(struct epoch_domain *domain, struct object *object, int *released) {
    object->released = released;
    epoch_retire(domain, &object->entry, count_release);
}

static struct epoch_domain *domain_of(struct memory *memory, uint32_t readers_max) {
    memory_init(memory, NULL);
    struct epoch_domain *domain = epoch_domain_create(memory, readers_max);
    cr_assert_not_null(domain);
    return domain;
}

/* More turns than any grace period takes. */
static uint32_t poll_often(struct epoch_domain *domain) {
    uint32_t pending = 0;
    for (int i = 0; i < 8; i++) {
        pending = epoch_poll(domain);
    }
    return pending;
}

Test(epoch, with_no_open_section_a_poll_releases_all) {
    struct memory memory;
    struct epoch_domain *domain = domain_of(&memory, 4);
    struct epoch_reader *reader = epoch_reader_create(domain);
    epoch_begin(reader);
    epoch_end(reader);
    struct object objects[10];
    int released = 0;
    for (size_t i = 0; i < 10; i++) {
        retire(domain, &objects[i], &released);
    }
    cr_assert_eq(released, 0, "retiring releases nothing");
    cr_assert_eq(poll_often(domain), 0);
    cr_assert_eq(released, 10);
    epoch_reader_destroy(reader);
    epoch_domain_destroy(domain);
    cr_assert_eq(memory.held_bytes[HENGE_MEMORY_CORE], 0);
}

Test(epoch, an_open_section_holds_what_was_retired_during_it) {
    struct memory memory;
    struct epoch_domain *domain = domain_of(&memory, 4);
    struct epoch_reader *holder = epoch_reader_create(domain);
    struct epoch_reader *passer = epoch_reader_create(domain);
    struct object objects[20];
    int released = 0;
    epoch_begin(holder);
    for (size_t i = 0; i < 20; i++) {
        retire(domain, &objects[i], &released);
        epoch_begin(passer); /* others come and go */
        epoch_poll(domain);
        epoch_end(passer);
        epoch_poll(domain);
    }
    cr_assert_eq(released, 0);
    cr_assert_eq(poll_often(domain), 20);
    epoch_end(holder);
    cr_assert_eq(poll_often(domain), 0);
    cr_assert_eq(released, 20);
    epoch_reader_destroy(holder);
    epoch_reader_destroy(passer);
    epoch_domain_destroy(domain);
}

/* What a release retires is not of the same grace period. */
static struct object follower;
static struct epoch_domain *follower_domain;

static void retire_another(struct epoch_entry *entry) {
    struct object *object = (struct object *)(void *)entry;
    ++*object->released;
    retire(follower_domain, &follower, object->released);
}

Test(epoch, a_release_may_retire_more) {
    struct memory memory;
    struct object object;
    int released = 0;
    follower_domain = domain_of(&memory, 1);
    object.released = &released;
    epoch_retire(follower_domain, &object.entry, retire_another);
    cr_assert_eq(epoch_poll(follower_domain), 1);
    cr_assert_eq(released, 1);
    cr_assert_eq(epoch_poll(follower_domain), 0);
    cr_assert_eq(released, 2);
    epoch_domain_destroy(follower_domain);
}

Test(epoch, works_without_membarrier_too) {
    struct memory memory;
    struct epoch_domain *domain = domain_of(&memory, 2);
    epoch_domain_fence(domain);
    struct epoch_reader *reader = epoch_reader_create(domain);
    struct object object;
    int released = 0;
    epoch_begin(reader);
    retire(domain, &object, &released);
    cr_assert_eq(poll_often(domain), 1);
    epoch_end(reader);
    cr_assert_eq(poll_often(domain), 0);
    cr_assert_eq(released, 1);
    epoch_domain_destroy(domain);
}

Test(epoch, readers_are_limited_and_come_back) {
    struct memory memory;
    struct epoch_domain *domain = domain_of(&memory, 3);
    for (int round = 0; round < 100; round++) {
        struct epoch_reader *readers[3];
        for (size_t i = 0; i < 3; i++) {
            readers[i] = epoch_reader_create(domain);
            cr_assert_not_null(readers[i]);
        }
        cr_assert_neq(readers[0], readers[1]);
        cr_assert_neq(readers[1], readers[2]);
        cr_assert_neq(readers[0], readers[2]);
        cr_assert_null(epoch_reader_create(domain));
        epoch_begin(readers[round % 3]);
        epoch_end(readers[round % 3]);
        for (size_t i = 0; i < 3; i++) {
            epoch_reader_destroy(readers[i]);
        }
    }
    epoch_domain_destroy(domain);
}

Test(epoch, a_reader_that_was_recycled_holds_again) {
    struct memory memory;
    struct epoch_domain *domain = domain_of(&memory, 1);
    struct object objects[50];
    int released = 0;
    for (int round = 0; round < 50; round++) {
        struct epoch_reader *reader = epoch_reader_create(domain);
        epoch_begin(reader);
        retire(domain, &objects[round], &released);
        poll_often(domain);
        cr_assert_eq(released, round, "round %d: held", round);
        epoch_end(reader);
        epoch_reader_destroy(reader);
        poll_often(domain);
        cr_assert_eq(released, round + 1);
    }
    epoch_domain_destroy(domain);
}

struct chain {
    struct epoch_entry entry;
    struct epoch_domain *domain;
    struct chain *next;
    int released;
};

static void release_chain(struct epoch_entry *entry) {
    struct chain *chain = (struct chain *)(void *)entry;
    chain->released++;
    if (chain->next != NULL) {
        epoch_retire(chain->domain, &chain->next->entry, release_chain);
    }
}

Test(epoch, destroy_releases_what_releases_retire) {
    struct memory memory;
    struct epoch_domain *domain = domain_of(&memory, 1);
    struct chain chain[5] = {0};
    for (size_t i = 0; i < 5; i++) {
        chain[i].domain = domain;
        chain[i].next = i < 4 ? &chain[i + 1] : NULL;
    }
    epoch_retire(domain, &chain[0].entry, release_chain);
    epoch_domain_destroy(domain);
    for (size_t i = 0; i < 5; i++) {
        cr_assert_eq(chain[i].released, 1);
    }
    cr_assert_eq(memory.held_bytes[HENGE_MEMORY_CORE], 0);
}

Test(epoch, without_memory_there_is_no_domain) {
    struct memory memory;
    memory_init(&memory, NULL);
    memory_fail_after(&memory, 0);
    cr_assert_null(epoch_domain_create(&memory, 4));
}

Test(epoch, ending_what_was_not_begun_is_a_broken_invariant, .signal = SIGABRT) {
    struct memory memory;
    struct epoch_domain *domain = domain_of(&memory, 1);
    epoch_end(epoch_reader_create(domain));
}

Test(epoch, sections_of_one_reader_do_not_nest, .signal = SIGABRT) {
    struct memory memory;
    struct epoch_domain *domain = domain_of(&memory, 1);
    struct epoch_reader *reader = epoch_reader_create(domain);
    epoch_begin(reader);
    epoch_begin(reader);
}

Test(epoch, destroying_a_reader_in_a_section_is_a_broken_invariant, .signal = SIGABRT) {
    struct memory memory;
    struct epoch_domain *domain = domain_of(&memory, 1);
    struct epoch_reader *reader = epoch_reader_create(domain);
    epoch_begin(reader);
    epoch_reader_destroy(reader);
}
