/* tests/unit/membership/test_detector_parts.c - the pieces of the detector, each alone. */
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "henge/members.h"
#include "membership/detector/local_health.h"
#include "membership/detector/peers.h"
#include "membership/detector/probe.h"
#include "membership/detector/relay.h"
#include "membership/detector/rotation.h"
#include "membership/detector/rtt.h"
#include <criterion/criterion.h>
#include <string.h>

/* rtt */

Test(rtt, first_sample_gives_rfc_6298_values) {
    struct rtt rtt = {0};
    cr_assert_eq(rtt_timeout_ns(&rtt, 50 * NS_PER_MS, 500 * NS_PER_MS), 500 * NS_PER_MS);
    rtt_measured(&rtt, 40 * NS_PER_MS);
    cr_assert_eq(rtt.smoothed_us, 40000);
    cr_assert_eq(rtt.deviation_us, 20000);
    cr_assert_eq(rtt_timeout_ns(&rtt, 50 * NS_PER_MS, 500 * NS_PER_MS), 120 * NS_PER_MS);
    rtt_measured(&rtt, 48 * NS_PER_MS);
    cr_assert_eq(rtt.deviation_us, 17000); /* 3/4 * 20000 + 1/4 * 8000 */
    cr_assert_eq(rtt.smoothed_us, 41000);  /* 7/8 * 40000 + 1/8 * 48000 */
}

Test(rtt, timeout_stays_in_its_bounds) {
    struct rtt rtt = {0};
    rtt_measured(&rtt, 0);
    cr_assert_gt(rtt.smoothed_us, 0, "measured, however short");
    cr_assert_eq(rtt_timeout_ns(&rtt, 50 * NS_PER_MS, 500 * NS_PER_MS), 50 * NS_PER_MS);
    for (int i = 0; i < 100; i++) {
        rtt_measured(&rtt, UINT64_MAX);
    }
    cr_assert_eq(rtt_timeout_ns(&rtt, 50 * NS_PER_MS, 500 * NS_PER_MS), 500 * NS_PER_MS);
    for (int i = 0; i < 1000; i++) {
        rtt_measured(&rtt, 0);
    }
    cr_assert_gt(rtt.smoothed_us, 0);
    cr_assert_eq(rtt_timeout_ns(&rtt, 50 * NS_PER_MS, 500 * NS_PER_MS), 50 * NS_PER_MS);
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
    uint32_t slots[PLACES], places[PLACES];
};

static void carousel_init(struct carousel *carousel, uint64_t seed) {
    memset(carousel, 0, sizeof *carousel);
    carousel->random = random_of_seed(seed);
    carousel->rotation.slots = carousel->slots;
    carousel->rotation.places = carousel->places;
}

static void carousel_check(const struct carousel *carousel) {
    const struct rotation *rotation = &carousel->rotation;
    cr_assert_leq(rotation->cursor, rotation->count);
    for (uint32_t i = 0; i < rotation->count; i++) {
        cr_assert_eq(rotation->places[rotation->slots[i]], i);
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
    struct relays relays = {0};
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
}

/* peers */

static struct detector_peer known_peer(uint32_t number, uint8_t status) {
    return (struct detector_peer){
        .address = {.bytes = {10, 0, (uint8_t)(number >> 8), (uint8_t)number},
                    .port = 1,
                    .family = 4},
        .name_hash = 1000 + number,
        .generation = 5,
        .version = 2,
        .status = status};
}

Test(peers, found_by_slot_and_name_through_growth_and_removal) {
    struct memory memory;
    struct peers peers;
    struct random random = random_of_seed(1);
    memory_init(&memory, NULL);
    cr_assert(peers_init(&peers, &memory, 200));
    for (uint32_t slot = 0; slot <= 200; slot++) {
        struct detector_peer known = known_peer(slot, (uint8_t)(slot % 4));
        cr_assert(peers_set(&peers, &random, slot, &known));
    }
    struct detector_peer beyond = known_peer(201, HENGE_ALIVE);
    cr_assert_not(peers_set(&peers, &random, 201, &beyond));
    cr_assert_not(peers_set(&peers, &random, UINT32_MAX, &beyond));
    for (uint32_t slot = 0; slot <= 200; slot++) {
        struct peer *peer = peers_find(&peers, 1000 + slot);
        cr_assert_not_null(peer);
        cr_assert_eq(peers_slot(&peers, peer), slot);
        cr_assert_eq(peers_at(&peers, slot), peer);
    }
    cr_assert_eq(peers.probed.count, 101, "ALIVE and SUSPECT");
    cr_assert_eq(peers.dead.count, 50);
    for (uint32_t slot = 0; slot <= 200; slot += 2) {
        peers_remove(&peers, slot);
        peers_remove(&peers, slot);
        cr_assert_null(peers_find(&peers, 1000 + slot));
        cr_assert_null(peers_at(&peers, slot));
    }
    cr_assert_eq(peers.probed.count, 50);
    cr_assert_eq(peers.dead.count, 0);
    peers_deinit(&peers);
    cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), 0);
}

/* Gossip marks slots dirty and tells them in any order: a name may stand in its new slot before the
 * old one is taken away. */
Test(peers, a_name_that_moved_is_found_in_its_new_slot) {
    struct memory memory;
    struct peers peers;
    struct random random = random_of_seed(1);
    memory_init(&memory, NULL);
    cr_assert(peers_init(&peers, &memory, 20));
    struct detector_peer known = known_peer(7, HENGE_ALIVE);
    struct detector_peer other = known_peer(8, HENGE_ALIVE);
    cr_assert(peers_set(&peers, &random, 3, &known));
    cr_assert(peers_set(&peers, &random, 9, &known));
    peers_remove(&peers, 3);
    cr_assert_eq(peers_slot(&peers, peers_find(&peers, known.name_hash)), 9);
    cr_assert(peers_set(&peers, &random, 9, &other));
    cr_assert_null(peers_find(&peers, known.name_hash));
    cr_assert_eq(peers_slot(&peers, peers_find(&peers, other.name_hash)), 9);
    cr_assert_eq(peers.probed.count, 1);
    peers_deinit(&peers);
}

Test(peers, round_trip_belongs_to_the_address) {
    struct memory memory;
    struct peers peers;
    struct random random = random_of_seed(1);
    memory_init(&memory, NULL);
    cr_assert(peers_init(&peers, &memory, 20));
    struct detector_peer known = known_peer(7, HENGE_ALIVE);
    cr_assert(peers_set(&peers, &random, 3, &known));
    rtt_measured(&peers_at(&peers, 3)->rtt, 1000000);
    known.generation++;
    cr_assert(peers_set(&peers, &random, 3, &known));
    cr_assert_eq(peers_at(&peers, 3)->rtt.smoothed_us, 1000);
    known.address.port++;
    cr_assert(peers_set(&peers, &random, 3, &known));
    cr_assert_eq(peers_at(&peers, 3)->rtt.smoothed_us, 0);
    peers_deinit(&peers);
}

Test(peers, without_memory_nothing_changes) {
    for (int64_t allowed = 0; allowed < 2; allowed++) {
        struct memory memory;
        struct peers peers;
        struct random random = random_of_seed(1);
        memory_init(&memory, NULL);
        cr_assert(peers_init(&peers, &memory, 100));
        struct detector_peer known = known_peer(1, HENGE_ALIVE);
        struct detector_peer far = known_peer(90, HENGE_ALIVE);
        cr_assert(peers_set(&peers, &random, 1, &known));
        memory_fail_after(&memory, allowed);
        cr_assert_not(peers_set(&peers, &random, 90, &far));
        cr_assert_not_null(peers_at(&peers, 1));
        cr_assert_eq(peers.probed.count, 1);
        cr_assert(peers_set(&peers, &random, 90, &far));
        peers_deinit(&peers);
        cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), 0);
    }
}

Test(peers, helpers_are_distinct_alive_and_never_the_target) {
    struct memory memory;
    struct peers peers;
    struct random random = random_of_seed(1);
    memory_init(&memory, NULL);
    cr_assert(peers_init(&peers, &memory, 40));
    for (uint32_t slot = 0; slot < 40; slot++) {
        struct detector_peer known = known_peer(slot, (uint8_t)(slot % 4));
        cr_assert(peers_set(&peers, &random, slot, &known));
    }
    uint32_t hits[40] = {0};
    for (int round = 0; round < 3000; round++) {
        uint32_t slots[PROBE_HELPERS_MAX];
        cr_assert_eq(peers_sample_alive(&peers, &random, 8, slots, 3), 3);
        cr_assert(slots[0] != slots[1] && slots[1] != slots[2] && slots[0] != slots[2]);
        for (int i = 0; i < 3; i++) {
            hits[slots[i]]++;
        }
    }
    for (uint32_t slot = 0; slot < 40; slot++) {
        bool may = slot % 4 == HENGE_ALIVE && slot != 8;
        /* 9 candidates: 1000 expected each, deviation 26. */
        cr_assert(may ? hits[slot] > 740 && hits[slot] < 1260 : hits[slot] == 0);
    }
    uint32_t none[1];
    cr_assert_eq(peers_sample_alive(&peers, &random, 8, none, 0), 0);
    peers_deinit(&peers);
}
