/* tests/unit/membership/test_detector_peers.c - the list of peers and the reports that wait. */
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "henge/members.h"
#include "membership/detector/peers.h"
#include "membership/detector/probe.h"
#include <criterion/criterion.h>
#include <stdio.h>

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
    peers_init(&peers, &memory, &random, 200);
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
    peers_init(&peers, &memory, &random, 20);
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
    peers_init(&peers, &memory, &random, 20);
    struct detector_peer known = known_peer(7, HENGE_ALIVE);
    cr_assert(peers_set(&peers, &random, 3, &known));
    rtt_measured(&peers_at(&peers, 3)->rtt, 1000000);
    known.generation++;
    cr_assert(peers_set(&peers, &random, 3, &known));
    cr_assert_eq(rtt_smoothed_us(&peers_at(&peers, 3)->rtt), 1000);
    known.address.port++;
    cr_assert(peers_set(&peers, &random, 3, &known));
    cr_assert_eq(rtt_smoothed_us(&peers_at(&peers, 3)->rtt), 0);
    peers_deinit(&peers);
}

Test(peers, without_memory_nothing_changes) {
    for (int64_t allowed = 0; allowed < 3; allowed++) {
        struct memory memory;
        struct peers peers;
        struct random random = random_of_seed(1);
        memory_init(&memory, NULL);
        peers_init(&peers, &memory, &random, 100);
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
    peers_init(&peers, &memory, &random, 40);
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

/* A third of the candidates: drawn while that goes well, else by walking the list. */
Test(peers, helpers_of_a_long_list_are_as_likely_each) {
    struct memory memory;
    struct peers peers;
    struct random random = random_of_seed(1);
    memory_init(&memory, NULL);
    peers_init(&peers, &memory, &random, 300);
    for (uint32_t slot = 0; slot < 300; slot++) {
        struct detector_peer known = known_peer(slot, slot % 3 == 0 ? HENGE_ALIVE : HENGE_SUSPECT);
        cr_assert(peers_set(&peers, &random, slot, &known));
    }
    uint32_t hits[300] = {0};
    for (int round = 0; round < 33000; round++) {
        uint32_t slots[PROBE_HELPERS_MAX];
        cr_assert_eq(peers_sample_alive(&peers, &random, 9, slots, 3), 3);
        cr_assert(slots[0] != slots[1] && slots[1] != slots[2] && slots[0] != slots[2]);
        for (int i = 0; i < 3; i++) {
            hits[slots[i]]++;
        }
    }
    for (uint32_t slot = 0; slot < 300; slot++) {
        /* 99 candidates: 1000 expected each, deviation 31. */
        bool may = slot % 3 == 0 && slot != 9;
        cr_assert(may ? hits[slot] > 800 && hits[slot] < 1200 : hits[slot] == 0, "%u: %u", slot,
                  hits[slot]);
    }
    for (uint32_t slot = 3; slot < 300; slot++) {
        struct detector_peer known = known_peer(slot, HENGE_SUSPECT);
        cr_assert(peers_set(&peers, &random, slot, &known));
    }
    uint32_t slots[3];
    for (int round = 0; round < 1000; round++) {
        cr_assert_eq(peers_sample_alive(&peers, &random, 1, slots, 3), 1);
        cr_assert_eq(slots[0], 0, "the only candidate is never missed");
    }
    peers_deinit(&peers);
}

/* Names come, go and move between slots; what is found is what a plain list says. */
Test(peers, found_by_name_through_any_history) {
    enum { NAMES = 60, SLOTS = 90 };
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct memory memory;
        struct peers peers;
        struct random random = random_of_seed(seed);
        uint32_t name_of[SLOTS], slot_of[NAMES];
        memory_init(&memory, NULL);
        peers_init(&peers, &memory, &random, SLOTS - 1);
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            name_of[slot] = NAMES;
        }
        for (uint32_t name = 0; name < NAMES; name++) {
            slot_of[name] = SLOTS;
        }
        for (int step = 0; step < 2000; step++) {
            uint32_t slot = (uint32_t)random_below(&random, SLOTS);
            uint32_t name = (uint32_t)random_below(&random, NAMES);
            if (name_of[slot] < NAMES && slot_of[name_of[slot]] == slot) {
                slot_of[name_of[slot]] = SLOTS;
            }
            name_of[slot] = NAMES;
            if (random_below(&random, 3) == 0) {
                peers_remove(&peers, slot);
            } else {
                struct detector_peer known = known_peer(name, (uint8_t)(random_below(&random, 4)));
                cr_assert(peers_set(&peers, &random, slot, &known));
                name_of[slot] = name;
                slot_of[name] = slot;
            }
            name = (uint32_t)random_below(&random, NAMES);
            const struct peer *found = peers_find(&peers, 1000 + name);
            cr_assert_eq(found != NULL, slot_of[name] < SLOTS);
            cr_assert(found == NULL || peers_slot(&peers, found) == slot_of[name]);
        }
        peers_deinit(&peers);
        cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), 0);
    }
}

/* What a simulation of ten thousand nodes holds 10^8 times. */
Test(peers, memory_per_peer) {
    const uint32_t counts[] = {100, 1000, 10000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct memory memory;
        struct peers peers;
        struct random random = random_of_seed(i);
        memory_init(&memory, NULL);
        peers_init(&peers, &memory, &random, 65534);
        for (uint32_t slot = 0; slot < counts[i]; slot++) {
            struct detector_peer known = known_peer(slot, HENGE_ALIVE);
            cr_assert(peers_set(&peers, &random, slot, &known));
        }
        uint64_t bytes = atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]);
        printf("%u peers: %.1f bytes each\n", counts[i], (double)bytes / counts[i]);
        cr_assert_leq(bytes, (uint64_t)counts[i] * 64);
        peers_deinit(&peers);
    }
}

/* Sixty-four reports wait; one more is dropped, and the table empties itself. */
Test(pending, is_bounded_and_closes_its_gaps) {
    struct memory memory;
    struct pendings pendings;
    memory_init(&memory, NULL);
    pendings_init(&pendings, &memory);
    for (uint32_t slot = 0; slot < PENDINGS_MAX; slot++) {
        cr_assert_not_null(pending_add(&pendings, slot, PENDING_ALIVE));
    }
    cr_assert_null(pending_add(&pendings, 900, PENDING_FAILED));
    cr_assert_not_null(pending_add(&pendings, 5, PENDING_FAILED), "it stands there already");
    pending_drop(&pendings, 7, PENDING_ALIVE);
    cr_assert_null(pending_find(&pendings, 7));
    struct pending *pending = pending_add(&pendings, 900, PENDING_FAILED);
    cr_assert_not_null(pending);
    cr_assert_eq(pending->reports, PENDING_FAILED);
    pending_drop_all(&pendings, PENDING_ALIVE);
    cr_assert_eq(pending_compact(&pendings), 2);
    cr_assert_eq(pending_find(&pendings, 5)->reports, PENDING_FAILED);
    pendings_deinit(&pendings);
}
