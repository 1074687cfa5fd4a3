/* A place in the ring: what the owner wants, and the hold after a death that was none. */
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <string.h>

static struct cluster *formed(uint64_t seed, uint32_t count) {
    struct cluster *cluster = cluster_create(seed);
    cluster->settings.rejoin_hold_ns = 5 * NS_PER_S;
    cluster_form(cluster, count);
    return cluster;
}

/* `from` tells `to` that it is held so, at its present version; `accuser` NOBODY: by whom not. */
static const uint32_t NOBODY = UINT32_MAX;
static void call_by(struct cluster *cluster, uint32_t to, uint32_t from, uint8_t status,
                    uint32_t accuser) {
    const struct member *speaker = membership_member(cluster->nodes[from].membership, 0);
    const struct member *member = membership_member(cluster->nodes[to].membership, 0);
    uint8_t message[128];
    struct bytes_writer writer = bytes_writer_of(message, sizeof message);
    struct message_head head = {MESSAGE_GOSSIP, speaker->record->name_hash,
                                member_generation(speaker)};
    struct update update = {.name_hash = member->record->name_hash,
                            .liveness = {member_generation(member), member->version, status}};
    if (accuser != NOBODY)
        update.accusers[update.accusers_count++] =
            membership_member(cluster->nodes[accuser].membership, 0)->record->name_hash;
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &update);
    cluster_inject(cluster, to, from, message, bytes_written(&writer));
}

static void call(struct cluster *cluster, uint32_t to, uint32_t from, uint8_t status) {
    call_by(cluster, to, from, status, NOBODY);
}

static uint8_t state_at(const struct cluster *cluster, uint32_t at, uint32_t subject) {
    return cluster_look(cluster, at, subject)->record->ring_state;
}

Test(standing, one_declared_dead_joins_the_ring_again_after_the_hold) {
    struct cluster *cluster = formed(600, 5);
    call(cluster, 2, 1, HENGE_DEAD);
    cluster_run(cluster, NS_PER_S);
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_eq(state_at(cluster, i, 2), HENGE_RING_JOINING);
        cr_assert_eq(cluster_look(cluster, i, 2)->status, HENGE_ALIVE);
    }
    cluster_run(cluster, 3900 * NS_PER_MS);
    cr_assert_eq(state_at(cluster, 2, 2), HENGE_RING_JOINING, "not after 4.9 s");
    cluster_run(cluster, 1100 * NS_PER_MS);
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_eq(state_at(cluster, i, 2), HENGE_RING_ACTIVE);
    cluster_destroy(cluster);
}

Test(standing, a_mere_suspicion_costs_no_place_but_prolongs_a_hold) {
    struct cluster *cluster = formed(601, 5);
    call(cluster, 2, 1, HENGE_SUSPECT);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_ACTIVE);
    call(cluster, 2, 1, HENGE_DEAD);
    cluster_run(cluster, 4 * NS_PER_S);
    call(cluster, 2, 1, HENGE_SUSPECT);
    cluster_run(cluster, 4900 * NS_PER_MS);
    cr_assert_eq(state_at(cluster, 2, 2), HENGE_RING_JOINING);
    cluster_run(cluster, 200 * NS_PER_MS);
    cr_assert_eq(state_at(cluster, 2, 2), HENGE_RING_ACTIVE);
    cluster_destroy(cluster);
}

/* Time until it is ACTIVE again, in tenths of a second. */
static uint64_t hold_of(struct cluster *cluster) {
    call(cluster, 2, 1, HENGE_DEAD);
    uint64_t tenths = 0;
    do {
        cluster_run(cluster, NS_PER_S / 10);
        tenths++;
    } while (state_at(cluster, 2, 2) == HENGE_RING_JOINING && tenths < 7000);
    return tenths;
}

Test(standing, each_flap_doubles_the_hold_up_to_ten_minutes_and_is_forgotten) {
    struct cluster *cluster = formed(602, 3);
    uint64_t expected = 50;
    for (uint32_t i = 0; i < 9; i++) {
        uint64_t tenths = hold_of(cluster);
        cr_assert(tenths >= expected && tenths <= expected + 1, "%lu after %u", tenths, i);
        expected = expected * 2 < 6000 ? expected * 2 : 6000;
    }
    cluster_run(cluster, 9 * 600 * NS_PER_S);
    uint64_t tenths = hold_of(cluster);
    cr_assert(tenths >= 50 && tenths <= 51, "%lu", tenths);
    cluster_destroy(cluster);
}

Test(standing, one_and_the_same_verdict_counts_once) {
    struct cluster *cluster = formed(603, 4);
    const struct member *own = membership_member(cluster->nodes[2].membership, 0);
    uint32_t version = own->version;
    for (uint32_t i = 0; i < 10; i++)
        membership_declared_dead(cluster->nodes[2].membership, member_generation(own), version,
                                 cluster->now_ns);
    cr_assert_eq(cluster->nodes[2].membership->standing.flaps, 1);
    membership_declared_dead(cluster->nodes[2].membership, member_generation(own) - 1, version + 1,
                             cluster->now_ns);
    cr_assert_eq(cluster->nodes[2].membership->standing.flaps, 1, "of an older generation");
    membership_declared_dead(cluster->nodes[2].membership, member_generation(own), version + 1,
                             cluster->now_ns);
    cr_assert_eq(cluster->nodes[2].membership->standing.flaps, 2);
    cluster_destroy(cluster);
}

Test(standing, a_restart_is_not_held_back) {
    struct cluster *cluster = formed(604, 4);
    call(cluster, 2, 1, HENGE_DEAD);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_JOINING);
    cluster_kill(cluster, 2);
    cluster_start(cluster, 2, 0, 5000000);
    cluster_join(cluster, 2, 0);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_ACTIVE);
    cluster_destroy(cluster);
}

Test(standing, the_owner_decides_and_a_hold_keeps_to_it) {
    struct cluster *cluster = formed(605, 4);
    struct membership *membership = cluster->nodes[2].membership;
    cr_assert_eq(membership_set_ring_state(membership, HENGE_RING_DRAINING, cluster->now_ns),
                 HENGE_OK);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_DRAINING);
    call(cluster, 2, 1, HENGE_DEAD);
    cluster_run(cluster, 20 * NS_PER_S);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_DRAINING, "it was about to go anyway");

    cr_assert_eq(membership_set_ring_state(membership, HENGE_RING_ACTIVE, cluster->now_ns),
                 HENGE_OK);
    call(cluster, 2, 1, HENGE_DEAD);
    cluster_run(cluster, NS_PER_S);
    struct record_fields fields;
    record_fields_of(membership_member(membership, 0)->record, &fields);
    cr_assert_eq(fields.ring_state, HENGE_RING_JOINING);
    fields.weight = 7;
    cr_assert_eq(membership_set_payload(membership, &fields, cluster->now_ns), HENGE_OK);
    cluster_run(cluster, 30 * NS_PER_S);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_ACTIVE, "a new weight was no wish to wait");
    cr_assert_eq(cluster_look(cluster, 0, 2)->record->weight, 7);

    record_fields_of(membership_member(membership, 0)->record, &fields);
    fields.ring_state = HENGE_RING_JOINING;
    cr_assert_eq(membership_set_payload(membership, &fields, cluster->now_ns), HENGE_OK);
    cluster_run(cluster, 30 * NS_PER_S);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_JOINING);
    cluster_destroy(cluster);
}

/* `times` accusations of one, `apart` from each other, by `accusers` in turn. */
static void doubt(struct cluster *cluster, uint32_t to, uint32_t times, uint64_t apart_ns,
                  uint32_t accusers) {
    for (uint32_t i = 0; i < times; i++) {
        uint32_t accuser = (to + 1 + i % accusers) % 10;
        call_by(cluster, to, accuser, HENGE_SUSPECT, accuser);
        cluster_run(cluster, apart_ns);
    }
}

Test(standing, one_whom_many_doubt_steps_back_until_they_have_stopped_for_a_minute) {
    struct cluster *cluster = formed(606, 10);
    doubt(cluster, 2, DOUBTS_MANY - 1, 4 * NS_PER_S, 5);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_ACTIVE);
    doubt(cluster, 2, 1, 4 * NS_PER_S, 5);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_JOINING);
    cluster_run(cluster, 50 * NS_PER_S);
    doubt(cluster, 2, 1, 4 * NS_PER_S, 5);
    cluster_run(cluster, 55 * NS_PER_S);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_JOINING, "the minute begins again");
    cluster_run(cluster, 2 * NS_PER_S);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_ACTIVE);
    cluster_destroy(cluster);
}

Test(standing, what_one_address_says_under_many_names_makes_nobody_step_back) {
    struct cluster *cluster = formed(609, 10);
    for (uint32_t i = 0; i < 3 * DOUBTS_MANY; i++) {
        call_by(cluster, 2, 3, HENGE_SUSPECT, 4 + i % 6);
        cluster_run(cluster, 2 * NS_PER_S);
    }
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_ACTIVE);
    cluster_destroy(cluster);
}

/* All at once: as many as one pleases, but they were no sixty periods. */
Test(standing, what_is_said_in_one_moment_counts_once) {
    struct cluster *cluster = formed(610, 10);
    doubt(cluster, 2, 3 * DOUBTS_MANY, 10 * NS_PER_MS, 6);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_ACTIVE);
    cluster_destroy(cluster);
}

Test(standing, neither_rare_doubts_nor_those_of_a_few_liars_make_one_step_back) {
    struct cluster *cluster = formed(607, 10);
    doubt(cluster, 2, 20, 15 * NS_PER_S, 5);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_ACTIVE, "twenty in five minutes");
    cluster_run(cluster, 60 * NS_PER_S);
    doubt(cluster, 2, 50, NS_PER_S, DOUBTS_ACCUSERS - 1);
    cr_assert_eq(state_at(cluster, 0, 2), HENGE_RING_ACTIVE, "fifty by three");
    cluster_destroy(cluster);
}

/* `by` found it silent. */
static void accuse(struct cluster *cluster, uint32_t by, uint32_t subject) {
    const struct member *held = cluster_look(cluster, by, subject);
    membership_probe_failed(cluster->nodes[by].membership, cluster_slot(cluster, by, subject),
                            member_generation(held), held->version, cluster->now_ns);
}

Test(standing, nobody_steps_back_where_all_are_doubted) {
    struct cluster *cluster = formed(608, 10);
    for (uint32_t round = 0; round < 2 * DOUBTS_MANY; round++) {
        for (uint32_t subject = 0; subject < 10; subject++)
            accuse(cluster, (subject + 1 + round % 9) % 10, subject);
        cluster_run(cluster, 4 * NS_PER_S);
    }
    for (uint32_t i = 0; i < 10; i++) {
        cr_assert_geq(membership_member(cluster->nodes[i].membership, 0)->version, DOUBTS_MANY);
        cr_assert_eq(state_at(cluster, i, i), HENGE_RING_ACTIVE);
    }
    cluster_destroy(cluster);
}

/* --- To be placed before it is ACTIVE --- */

static const uint8_t choices[] = {0x12, 0x34, 0x56};

static struct cluster *placed_first(uint64_t seed) {
    struct cluster *cluster = cluster_create(seed);
    cluster->settings.is_placed_first = true;
    cluster_form(cluster, 3);
    return cluster;
}

static bool is_placing(const struct cluster *cluster, uint32_t number) {
    return membership_is_placing(cluster->nodes[number].membership);
}

static void place(struct cluster *cluster, uint32_t number) {
    struct record_fields fields;
    record_fields_of(membership_member(cluster->nodes[number].membership, 0)->record, &fields);
    fields.ring_state = HENGE_RING_ACTIVE;
    fields.choices = choices;
    fields.choices_bytes = sizeof choices;
    cr_assert_eq(
        membership_set_payload(cluster->nodes[number].membership, &fields, cluster->now_ns),
        HENGE_OK);
    cluster->nodes[number].is_dirty = true;
    cluster_run(cluster, NS_PER_S);
}

static bool has_choices_at(const struct cluster *cluster, uint32_t at, uint32_t subject) {
    const struct record *record = cluster_look(cluster, at, subject)->record;
    return record->choices_bytes == sizeof choices &&
           memcmp(record->choices, choices, sizeof choices) == 0;
}

Test(standing, who_joins_is_joining_until_it_is_placed) {
    struct cluster *cluster = placed_first(610);
    cr_assert_eq(state_at(cluster, 1, 0), HENGE_RING_ACTIVE,
                 "who forms a cluster waits for nobody");
    cr_assert(is_placing(cluster, 1) && is_placing(cluster, 2));
    cluster_set_weight(cluster, 1, 3); /* something else is told meanwhile */
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(state_at(cluster, 0, 1), HENGE_RING_JOINING);
    place(cluster, 1);
    cr_assert_not(is_placing(cluster, 1));
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(state_at(cluster, i, 1), HENGE_RING_ACTIVE);
        cr_assert_eq(state_at(cluster, i, 2), HENGE_RING_JOINING);
        cr_assert(has_choices_at(cluster, i, 1));
    }
    cluster_join(cluster, 1, 2);
    cr_assert_not(is_placing(cluster, 1), "once in a life");
    cr_assert_eq(
        membership_set_ring_state(cluster->nodes[2].membership, HENGE_RING_ACTIVE, cluster->now_ns),
        HENGE_OK);
    cr_assert_not(is_placing(cluster, 2), "the operator knows better");
    cluster_destroy(cluster);
}

Test(standing, who_comes_again_stands_where_it_stood) {
    struct cluster *cluster = placed_first(611);
    place(cluster, 1);
    cluster_kill(cluster, 1);
    cluster_start(cluster, 1, 0, 2000000);
    cluster_join(cluster, 1, 0);
    cluster_run(cluster, NS_PER_S);
    cr_assert_not(is_placing(cluster, 1));
    cr_assert_eq(state_at(cluster, 2, 1), HENGE_RING_ACTIVE);
    cr_assert(has_choices_at(cluster, 2, 1));
    /* One that was still to be placed comes to be placed. */
    cluster_kill(cluster, 2);
    cluster_start(cluster, 2, 0, 2000000);
    cluster_join(cluster, 2, 0);
    cluster_run(cluster, NS_PER_S);
    cr_assert(is_placing(cluster, 2));
    cluster_destroy(cluster);
}

static struct wire_join_reply reply_read(const uint8_t *bytes, size_t size, bool *is_good_out) {
    struct wire_join_reply reply;
    struct bytes_reader reader = bytes_reader_of(bytes, size);
    *is_good_out = wire_join_reply_get(&reader, &reply) && bytes_left(&reader) == 0;
    return reply;
}

Test(standing, a_place_in_a_join_reply_is_whole_or_malformed) {
    struct wire_join_reply reply = {
        .held_kind = HELD_OTHER_BOOT, .has_place = true, .choices_bytes = HENGE_RING_CHOICES_BYTES};
    memset(reply.choices, 7, sizeof reply.choices);
    uint8_t bytes[256];
    bool is_good;
    struct bytes_writer writer = bytes_writer_of(bytes, sizeof bytes);
    wire_join_reply_put(&writer, &reply);
    const size_t size = bytes_written(&writer);
    cr_assert_eq(size, (size_t)WIRE_JOIN_REPLY_BYTES + 1 + HENGE_RING_CHOICES_BYTES);
    const struct wire_join_reply back = reply_read(bytes, size, &is_good);
    cr_assert(is_good && back.has_place && back.held_kind == HELD_OTHER_BOOT);
    cr_assert_eq(back.choices_bytes, HENGE_RING_CHOICES_BYTES);
    cr_assert_eq(memcmp(back.choices, reply.choices, sizeof reply.choices), 0);
    for (size_t cut = 0; cut < size; cut++) {
        (void)reply_read(bytes, cut, &is_good);
        cr_assert_not(is_good, "cut at %zu", cut);
    }
    bytes[WIRE_JOIN_REPLY_BYTES]++;
    (void)reply_read(bytes, sizeof bytes, &is_good);
    cr_assert_not(is_good, "more than there can be");
}
