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
    struct identities *identities = identities_create(&memory, 1);
    peers_init(&peers, identities, &memory, &random, 200);
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
    identities_destroy(identities);
    cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), 0);
}

/* Gossip marks slots dirty and tells them in any order: a name may stand in its new slot before the
 * old one is taken away. */
Test(peers, a_name_that_moved_is_found_in_its_new_slot) {
    struct memory memory;
    struct peers peers;
    struct random random = random_of_seed(1);
    memory_init(&memory, NULL);
    struct identities *identities = identities_create(&memory, 1);
    peers_init(&peers, identities, &memory, &random, 20);
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
    identities_destroy(identities);
}

Test(peers, round_trip_belongs_to_the_address) {
    struct memory memory;
    struct peers peers;
    struct random random = random_of_seed(1);
    memory_init(&memory, NULL);
    struct identities *identities = identities_create(&memory, 1);
    peers_init(&peers, identities, &memory, &random, 20);
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
    identities_destroy(identities);
}

Test(peers, without_memory_nothing_changes) {
    for (int64_t allowed = 0; allowed < 3; allowed++) {
        struct memory memory;
        struct peers peers;
        struct random random = random_of_seed(1);
        memory_init(&memory, NULL);
        struct identities *identities = identities_create(&memory, 1);
        peers_init(&peers, identities, &memory, &random, 100);
        struct detector_peer known = known_peer(1, HENGE_ALIVE);
        struct detector_peer far = known_peer(90, HENGE_ALIVE);
        cr_assert(peers_set(&peers, &random, 1, &known));
        memory_fail_after(&memory, allowed);
        cr_assert_not(peers_set(&peers, &random, 90, &far));
        cr_assert_not_null(peers_at(&peers, 1));
        cr_assert_eq(peers.probed.count, 1);
        cr_assert(peers_set(&peers, &random, 90, &far));
        peers_deinit(&peers);
        identities_destroy(identities);
        cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), 0);
    }
}

Test(peers, helpers_are_distinct_alive_and_never_the_target) {
    struct memory memory;
    struct peers peers;
    struct random random = random_of_seed(1);
    memory_init(&memory, NULL);
    struct identities *identities = identities_create(&memory, 1);
    peers_init(&peers, identities, &memory, &random, 40);
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
    identities_destroy(identities);
}

/* A third of the candidates: drawn while that goes well, else by walking the list. */
Test(peers, helpers_of_a_long_list_are_as_likely_each) {
    struct memory memory;
    struct peers peers;
    struct random random = random_of_seed(1);
    memory_init(&memory, NULL);
    struct identities *identities = identities_create(&memory, 1);
    peers_init(&peers, identities, &memory, &random, 300);
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
    identities_destroy(identities);
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
        struct identities *identities = identities_create(&memory, 1);
        peers_init(&peers, identities, &memory, &random, SLOTS - 1);
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
        identities_destroy(identities);
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
        struct identities *identities = identities_create(&memory, 1);
        peers_init(&peers, identities, &memory, &random, 65534);
        for (uint32_t slot = 0; slot < counts[i]; slot++) {
            struct detector_peer known = known_peer(slot, HENGE_ALIVE);
            cr_assert(peers_set(&peers, &random, slot, &known));
        }
        uint64_t bytes = atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]);
        uint64_t shared = identities->capacity * sizeof(struct identity) +
                          (sizeof(uint32_t) << identities->homes_bits) + sizeof *identities;
        printf("%u peers: %.1f bytes each, and %.1f shared\n", counts[i],
               (double)(bytes - shared) / counts[i], (double)shared / counts[i]);
        cr_assert_leq(bytes - shared, (uint64_t)counts[i] * 32);
        cr_assert_leq(shared, (uint64_t)counts[i] * 64);
        peers_deinit(&peers);
        identities_destroy(identities);
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

/* Identities: once for all, however many know them, and gone with the last. */

static struct henge_address address_of(uint32_t number) {
    return known_peer(number, HENGE_ALIVE).address;
}

Test(identities, one_who_is_the_same_is_kept_once) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct identities *identities = identities_create(&memory, 7);
    struct henge_address here = address_of(1), there = address_of(2);
    uint32_t first = identities_take(identities, 5, 1, &here);
    cr_assert_eq(identities_take(identities, 5, 1, &here), first);
    uint32_t life = identities_take(identities, 5, 2, &here);
    uint32_t moved = identities_take(identities, 5, 1, &there);
    cr_assert(life != first && moved != first && moved != life);
    identities_give_back(identities, first);
    cr_assert_eq(identities_at(identities, first)->generation, 1, "one still knows it");
    identities_give_back(identities, first);
    cr_assert_eq(identities_take(identities, 9, 4, &there), first, "its place is free");
    cr_assert_eq(identities_take(identities, 5, 2, &here), life);
    cr_assert_eq(identities_take(identities, 5, 1, &there), moved);
    identities_destroy(identities);
    cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), 0);
}

/* Against an array: thousands come and go, by the names of a hundred. */
Test(identities, agree_with_an_array_through_growth_and_return) {
    enum { NAMES = 100, LIVES = 20, STEPS = 20000 };
    struct memory memory;
    memory_init(&memory, NULL);
    struct identities *identities = identities_create(&memory, 7);
    struct random random = random_of_seed(3);
    static uint32_t held[NAMES][LIVES], index_of[NAMES][LIVES];
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t name = (uint32_t)random_below(&random, NAMES);
        uint32_t life = (uint32_t)random_below(&random, LIVES);
        struct henge_address address = address_of(life);
        if (held[name][life] > 0 && random_below(&random, 2) == 0) {
            identities_give_back(identities, index_of[name][life]);
            held[name][life]--;
            continue;
        }
        uint32_t index = identities_take(identities, name, life, &address);
        cr_assert_neq(index, IDENTITY_NONE);
        cr_assert(held[name][life]++ == 0 || index == index_of[name][life]);
        index_of[name][life] = index;
    }
    for (uint32_t name = 0; name < NAMES; name++) {
        for (uint32_t life = 0; life < LIVES; life++) {
            const struct identity *identity = identities_at(identities, index_of[name][life]);
            cr_assert(held[name][life] == 0 ||
                      (identity->references == held[name][life] && identity->name_hash == name &&
                       identity->generation == life));
        }
    }
    identities_destroy(identities);
}

Test(identities, without_memory_there_is_none_and_nothing_changes) {
    struct memory memory;
    memory_init(&memory, NULL);
    memory_fail_after(&memory, 0);
    cr_assert_null(identities_create(&memory, 7));
    struct identities *identities = identities_create(&memory, 7);
    struct henge_address here = address_of(1);
    for (int64_t allowed = 0; allowed < 2; allowed++) {
        memory_fail_after(&memory, allowed);
        cr_assert_eq(identities_take(identities, 5, 1, &here), IDENTITY_NONE);
        memory_fail_after(&memory, -1);
    }
    uint32_t first = identities_take(identities, 0, 1, &here);
    for (uint64_t name = 1; name < identities->capacity; name++) {
        cr_assert_neq(identities_take(identities, name, 1, &here), IDENTITY_NONE);
    }
    memory_fail_after(&memory, 0);
    cr_assert_eq(identities_take(identities, 500, 1, &here), IDENTITY_NONE, "full");
    cr_assert_eq(identities_take(identities, 0, 1, &here), first);
    identities_destroy(identities);
}

Test(identities, nodes_that_know_the_same_share_it) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct identities *identities = identities_create(&memory, 7);
    struct random random = random_of_seed(1);
    struct peers one, other;
    peers_init(&one, identities, &memory, &random, 10);
    peers_init(&other, identities, &memory, &random, 10);
    struct detector_peer known = known_peer(7, HENGE_ALIVE);
    cr_assert(peers_set(&one, &random, 3, &known));
    cr_assert(peers_set(&other, &random, 4, &known));
    cr_assert_eq(peers_identity(&one, peers_at(&one, 3)),
                 peers_identity(&other, peers_at(&other, 4)));
    known.address.port++;
    cr_assert(peers_set(&one, &random, 3, &known));
    cr_assert(peers_is_at(&one, peers_at(&one, 3), &known.address));
    cr_assert_not(peers_is_at(&other, peers_at(&other, 4), &known.address));
    peers_clear(&one);
    cr_assert_null(peers_at(&one, 3));
    cr_assert_eq(one.probed.count, 0);
    cr_assert_not_null(peers_find(&other, known.name_hash));
    peers_deinit(&one);
    peers_deinit(&other);
    identities_destroy(identities);
    cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), 0);
}
