/* tests/unit/membership/test_detector_parts.c - the pieces of the detector, each alone. */
#include "core/base/clock.h"
#include "membership/detector/local_health.h"
#include "membership/detector/relay.h"
#include "membership/detector/rotation.h"
#include "membership/detector/rtt.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* rtt */

Test(rtt, first_sample_gives_rfc_6298_values) {
    struct rtt rtt = {0};
    cr_assert_eq(rtt_timeout_ns(&rtt, 50 * NS_PER_MS, 500 * NS_PER_MS), 500 * NS_PER_MS);
    rtt_measured(&rtt, 40 * NS_PER_MS);
    cr_assert_eq(rtt_smoothed_us(&rtt), 40000);
    cr_assert_eq(rtt_deviation_us(&rtt), 20000);
    cr_assert_eq(rtt_timeout_ns(&rtt, 50 * NS_PER_MS, 500 * NS_PER_MS), 120 * NS_PER_MS);
    rtt_measured(&rtt, 48 * NS_PER_MS);
    cr_assert_leq(abs((int)rtt_deviation_us(&rtt) - 17000), 2); /* 3/4 * 20000 + 1/4 * 8000 */
    cr_assert_leq(abs((int)rtt_smoothed_us(&rtt) - 41000), 4);  /* 7/8 * 40000 + 1/8 * 48000 */
}

Test(rtt, timeout_stays_in_its_bounds) {
    struct rtt rtt = {0};
    rtt_measured(&rtt, 0);
    cr_assert_gt(rtt_smoothed_us(&rtt), 0, "measured, however short");
    cr_assert_eq(rtt_timeout_ns(&rtt, 50 * NS_PER_MS, 500 * NS_PER_MS), 50 * NS_PER_MS);
    for (int i = 0; i < 100; i++) {
        rtt_measured(&rtt, UINT64_MAX);
    }
    cr_assert_eq(rtt_timeout_ns(&rtt, 50 * NS_PER_MS, 500 * NS_PER_MS), 500 * NS_PER_MS);
    for (int i = 0; i < 1000; i++) {
        rtt_measured(&rtt, 0);
    }
    cr_assert_gt(rtt_smoothed_us(&rtt), 0);
    cr_assert_eq(rtt_timeout_ns(&rtt, 50 * NS_PER_MS, 500 * NS_PER_MS), 50 * NS_PER_MS);
}

/* Four bytes hold it to one part in 8192, and a steady value stays where it is. */
Test(rtt, packs_every_length_closely) {
    for (uint64_t us = 1; us <= 60000000; us = us * 9 / 8 + 1) {
        struct rtt rtt = {0};
        rtt_measured(&rtt, us * NS_PER_US);
        uint64_t kept = rtt_smoothed_us(&rtt);
        uint64_t error = kept > us ? kept - us : us - kept;
        cr_assert_leq(error * 8192, us, "%lu gives %lu", (unsigned long)us, (unsigned long)kept);
        for (int i = 0; i < 100; i++) {
            rtt_measured(&rtt, us * NS_PER_US);
        }
        uint64_t later = rtt_smoothed_us(&rtt);
        error = later > us ? later - us : us - later;
        cr_assert_leq(error * 500, us + 4000, "%lu drifts to %lu", (unsigned long)us,
                      (unsigned long)later);
        cr_assert_leq(rtt_deviation_us(&rtt) * 100, us + 400);
    }
    struct rtt rtt = {0};
    rtt_measured(&rtt, 8191 * NS_PER_US + 999);
    cr_assert_eq(rtt_smoothed_us(&rtt), 8191);
    rtt = (struct rtt){0};
    rtt_measured(&rtt, 16383 * NS_PER_US);
    cr_assert_eq(rtt_smoothed_us(&rtt), 16384, "rounded up to the next power");
}

/* local health */

Test(local_health, stays_between_0_and_8_and_stretches) {
    struct local_health health = {.max = LOCAL_HEALTH_MAX};
    local_health_improve(&health);
    cr_assert_eq(health.score, 0);
    cr_assert_eq(local_health_stretch(&health, 100), 100);
    local_health_worsen(&health, 2);
    cr_assert_eq(local_health_stretch(&health, 100), 300);
    local_health_worsen(&health, UINT32_MAX);
    cr_assert_eq(health.score, LOCAL_HEALTH_MAX);
    local_health_improve(&health);
    cr_assert_eq(local_health_stretch(&health, 100), 800);
    struct local_health none = {0};
    local_health_worsen(&none, 5);
    cr_assert_eq(local_health_stretch(&none, 100), 100, "a profile without it");
}

/* rotation */

enum { PLACES = 256 };

struct carousel {
    struct rotation rotation;
    struct random random;
    uint16_t slots[PLACES], places[PLACES];
};

static void carousel_init(struct carousel *carousel, uint64_t seed) {
    memset(carousel, 0, sizeof *carousel);
    carousel->random = random_of_seed(seed);
    carousel->rotation.slots = carousel->slots;
    carousel->rotation.places = (unsigned char *)carousel->places;
    carousel->rotation.stride = sizeof carousel->places[0];
}

static void carousel_check(const struct carousel *carousel) {
    const struct rotation *rotation = &carousel->rotation;
    cr_assert_leq(rotation->cursor, rotation->count);
    for (uint32_t i = 0; i < rotation->count; i++) {
        cr_assert_eq(carousel->places[rotation->slots[i]], i);
    }
}

/* SWIM section 4.3: between two turns of one member lie at most 2N-2 others. */
Test(rotation, each_has_its_turn_within_2n_minus_1) {
    struct random sizes = random_of_seed(7);
    for (int round = 0; round < 200; round++) {
        uint32_t count = 1 + (uint32_t)random_below(&sizes, 60);
        uint64_t last_turn[PLACES] = {0};
        struct carousel carousel;
        carousel_init(&carousel, (uint64_t)round);
        for (uint32_t slot = 0; slot < count; slot++) {
            rotation_insert(&carousel.rotation, &carousel.random, slot);
        }
        for (uint64_t turn = 1; turn <= 20 * (uint64_t)count; turn++) {
            uint32_t slot = rotation_next(&carousel.rotation, &carousel.random);
            cr_assert_lt(slot, count);
            cr_assert_leq(turn - last_turn[slot], 2 * (uint64_t)count - 1);
            last_turn[slot] = turn;
        }
        carousel_check(&carousel);
        for (uint32_t slot = 0; slot < count; slot++) {
            cr_assert_gt(last_turn[slot], 19 * (uint64_t)count, "a turn in every round");
        }
    }
}

/* With members that come and go in the middle of a round, those that stay keep their one turn. */
Test(rotation, coming_and_going_takes_nobodys_turn) {
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct carousel carousel;
        carousel_init(&carousel, seed);
        struct random choice = random_of_seed(seed + 1000);
        uint32_t stay = 2 + (uint32_t)random_below(&choice, 30);
        bool is_in[PLACES] = {false};
        for (uint32_t slot = 0; slot < stay; slot++) {
            rotation_insert(&carousel.rotation, &carousel.random, slot);
        }
        for (int round = 0; round < 20; round++) {
            uint32_t turns[PLACES] = {0};
            do {
                turns[rotation_next(&carousel.rotation, &carousel.random)]++;
                uint32_t slot = stay + (uint32_t)random_below(&choice, 30);
                if (is_in[slot]) {
                    rotation_remove(&carousel.rotation, slot);
                } else {
                    rotation_insert(&carousel.rotation, &carousel.random, slot);
                }
                is_in[slot] = !is_in[slot];
                carousel_check(&carousel);
            } while (carousel.rotation.cursor < carousel.rotation.count);
            for (uint32_t slot = 0; slot < stay; slot++) {
                cr_assert_eq(turns[slot], 1, "seed %lu", (unsigned long)seed);
            }
        }
    }
}

Test(rotation, is_shuffled_anew_at_each_wrap) {
    struct carousel carousel;
    carousel_init(&carousel, 3);
    uint32_t rounds[2][16];
    int same = 0;
    for (uint32_t slot = 0; slot < 16; slot++) {
        rotation_insert(&carousel.rotation, &carousel.random, slot);
    }
    for (int round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < 16; i++) {
            rounds[round % 2][i] = rotation_next(&carousel.rotation, &carousel.random);
        }
        same += round > 0 && memcmp(rounds[0], rounds[1], sizeof rounds[0]) == 0;
    }
    cr_assert_eq(same, 0);
}

Test(rotation, a_new_one_goes_to_a_random_place) {
    uint32_t hits[11] = {0};
    for (uint64_t seed = 0; seed < 2200; seed++) {
        struct carousel carousel;
        carousel_init(&carousel, seed);
        for (uint32_t slot = 0; slot < 10; slot++) {
            rotation_insert(&carousel.rotation, &carousel.random, slot);
        }
        for (uint64_t i = 0; i < seed % 10; i++) {
            (void)rotation_next(&carousel.rotation, &carousel.random);
        }
        rotation_insert(&carousel.rotation, &carousel.random, 10);
        hits[carousel.places[10]]++;
        carousel_check(&carousel);
    }
    for (int place = 0; place < 11; place++) {
        /* 200 expected, deviation 13.5: ten of them away. */
        cr_assert(hits[place] > 65 && hits[place] < 335, "place %d: %u", place, hits[place]);
    }
}

/* relay */

Test(relay, nack_at_four_fifths_and_bounded) {
    struct memory memory;
    struct relays relays;
    memory_init(&memory, NULL);
    relays_init(&relays, &memory);
    for (uint32_t i = 0; i < RELAYS_MAX; i++) {
        struct relay *relay = relays_add(&relays, i + 1, 1000, 500);
        cr_assert_not_null(relay);
        relay->target_name_hash = 9;
        relay->target_generation = i;
        relay->origin_sequence = i + 100;
    }
    cr_assert_null(relays_add(&relays, 99, 1000, 500));
    cr_assert_eq(relays_deadline(&relays), 1400);
    cr_assert_null(relays_due(&relays, 1399));
    cr_assert_not_null(relays_due(&relays, 1400));
    cr_assert_null(relays_find(&relays, 5, 9, 5), "another generation");
    struct relay *relay = relays_find(&relays, 5, 9, 4);
    cr_assert_not_null(relay);
    struct henge_address nobody = {0};
    cr_assert(relays_has(&relays, &nobody, 104));
    relays_remove(&relays, relay);
    cr_assert_not(relays_has(&relays, &nobody, 104));
    cr_assert_null(relays_find(&relays, 5, 9, 4));
    cr_assert_null(relays_find(&relays, 0, 9, 4), "0 is no number");
    cr_assert_not_null(relays_add(&relays, 99, 1000, 500));
    relays_deinit(&relays);
}

Test(relay, without_memory_there_are_as_many_as_before) {
    struct memory memory;
    struct relays relays;
    memory_init(&memory, NULL);
    relays_init(&relays, &memory);
    uint32_t sequence = 1;
    memory_fail_after(&memory, 1);
    while (relays_add(&relays, sequence, 1000, 500) != NULL) {
        cr_assert_leq(++sequence, RELAYS_MAX);
    }
    cr_assert_eq(relays.count, sequence - 1);
    cr_assert_gt(relays.count, 0);
    cr_assert_not_null(relays_add(&relays, sequence, 1000, 500), "there is memory again");
    relays_deinit(&relays);
    cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), 0);
}
