/* Every decoder against bytes that nobody meant: nothing changes, nothing breaks. */
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_MAX = 64 };

/* One message of each type as real nodes send them. */
static uint8_t kept[KEPT_MAX][1448];
static size_t kept_bytes[KEPT_MAX];
static uint32_t kept_from[KEPT_MAX];

static bool keep(struct cluster *cluster, uint32_t from, uint32_t to, uint8_t *message,
                 size_t bytes) {
    (void)cluster;
    (void)to;
    uint8_t type = message[0] % KEPT_MAX;
    if (bytes > kept_bytes[type]) {
        memcpy(kept[type], message, bytes);
        kept_bytes[type] = bytes;
        kept_from[type] = from;
    }
    return true;
}

/* A small cluster that has sent everything there is. */
static struct cluster *talkative(uint64_t seed) {
    struct cluster *cluster = cluster_create(seed);
    cluster->filter = keep;
    cluster_form(cluster, 6);
    cluster->loss_permille = 1000;
    struct record_fields fields;
    record_fields_of(membership_member(cluster->nodes[3].membership, 0)->record, &fields);
    fields.weight = 9;
    (void)membership_set_payload(cluster->nodes[3].membership, &fields, cluster->now_ns);
    cluster_run(cluster, 5 * NS_PER_S);
    cluster->loss_permille = 0;
    cluster->probes = true;
    cluster_run(cluster, 40 * NS_PER_S);
    cluster_kill(cluster, 5);
    cluster_run(cluster, 60 * NS_PER_S);
    membership_leave(cluster->nodes[4].membership, cluster->now_ns, cluster->now_ns + NS_PER_S);
    cluster->nodes[4].is_dirty = true;
    cluster_run(cluster, 2 * NS_PER_S);
    cluster->filter = NULL;
    cluster->probes = false;
    return cluster;
}

static const uint8_t types[] = {MESSAGE_JOIN,    MESSAGE_JOIN_REPLY,   MESSAGE_GOSSIP,
                                MESSAGE_SYNC,    MESSAGE_GOSSIP_REPLY, MESSAGE_PULL,
                                MESSAGE_RECORDS, MESSAGE_LEAVE,        MESSAGE_LEAVE_ACK};

/* Nodes ignore their own echo, so a message goes to one that did not send its original. */
static uint32_t listener(uint8_t type) {
    return kept_from[type % KEPT_MAX] == 0 ? 2 : 0;
}

static void inject_exact(struct cluster *cluster, uint32_t to, const uint8_t *bytes, size_t size) {
    uint8_t *exact = malloc(size + (size == 0)); /* so that ASan sees a byte too far */
    memcpy(exact, bytes, size);
    cluster_inject(cluster, to, 1, exact, size);
    free(exact);
}

Test(decoders, the_sample_has_every_type) {
    struct cluster *cluster = talkative(400);
    for (size_t i = 0; i < sizeof types; i++)
        cr_assert_gt(kept_bytes[types[i]], MESSAGE_HEAD_BYTES, "type %u", types[i]);
    cluster_destroy(cluster);
}

Test(decoders, refuse_every_truncation_whole) {
    struct cluster *cluster = talkative(401);
    for (size_t i = 0; i < sizeof types; i++) {
        uint8_t type = types[i];
        for (size_t cut = 0; cut < kept_bytes[type]; cut++) {
            uint32_t to = listener(type);
            uint64_t before = cluster_counters(cluster, to).malformed;
            uint64_t changes = cluster->nodes[to].changes;
            inject_exact(cluster, to, kept[type], cut);
            cr_assert_eq(cluster_counters(cluster, to).malformed, before + 1, "type %u cut at %zu",
                         type, cut);
            cr_assert_eq(cluster->nodes[to].changes, changes);
        }
    }
    cluster_destroy(cluster);
}

Test(decoders, take_a_message_with_more_behind_it) {
    struct cluster *cluster = talkative(402);
    for (size_t i = 0; i < sizeof types; i++) {
        uint8_t longer[1500];
        size_t size = kept_bytes[types[i]];
        memcpy(longer, kept[types[i]], size);
        memset(longer + size, 7, 8);
        uint32_t to = listener(types[i]);
        struct membership_counters before = cluster_counters(cluster, to);
        inject_exact(cluster, to, longer, size + 8);
        cr_assert_eq(cluster_counters(cluster, to).malformed, before.malformed, "type %u",
                     types[i]);
        cr_assert_eq(cluster_counters(cluster, to).unknown_type, before.unknown_type + 1, "type %u",
                     types[i]);
    }
    cluster_destroy(cluster);
}

Test(decoders, survive_flipped_bytes) {
    struct cluster *cluster = talkative(403);
    struct random random = random_of_seed(5);
    for (uint32_t i = 0; i < 60000; i++) {
        uint8_t type = types[random_below(&random, sizeof types)];
        uint8_t changed[1448];
        size_t size = kept_bytes[type];
        memcpy(changed, kept[type], size);
        for (uint64_t flips = 1 + random_below(&random, 8); flips > 0; flips--)
            changed[random_below(&random, size)] = (uint8_t)random_u64(&random);
        changed[0] = type;
        inject_exact(cluster, listener(type), changed, size);
        if (i % 1000 == 0)
            cluster_run(cluster, NS_PER_S / 5);
    }
    cr_assert_gt(cluster_counters(cluster, 0).malformed, 0);
    cr_assert_leq(membership_slots(cluster->nodes[0].membership), CLUSTER_SLOTS_MAX);
    cluster_run(cluster, 5 * NS_PER_S);
    cluster_destroy(cluster);
}

Test(decoders, survive_noise) {
    struct cluster *cluster = talkative(404);
    struct random random = random_of_seed(6);
    uint64_t changes = cluster->nodes[0].changes;
    for (uint32_t i = 0; i < 60000; i++) {
        uint8_t noise[1448];
        size_t size = random_below(&random, i % 10 == 0 ? sizeof noise : 80);
        for (size_t j = 0; j < size; j++)
            noise[j] = (uint8_t)random_u64(&random);
        if (size > 0)
            noise[0] = (uint8_t)random_below(&random, 12);
        inject_exact(cluster, 0, noise, size);
    }
    cr_assert_eq(cluster_counters(cluster, 0).alive, 4);
    cr_assert_eq(cluster->nodes[0].changes, changes);
    cr_assert_gt(cluster_counters(cluster, 0).unknown_type, 0);
    cluster_destroy(cluster);
}

Test(decoders, the_highest_counts_are_only_numbers) {
    struct cluster *cluster = talkative(405);
    const uint8_t counted[] = {MESSAGE_GOSSIP, MESSAGE_GOSSIP_REPLY, MESSAGE_LEAVE};
    for (size_t i = 0; i < sizeof counted; i++) {
        uint8_t changed[1448];
        memcpy(changed, kept[counted[i]], kept_bytes[counted[i]]);
        changed[MESSAGE_HEAD_BYTES] = changed[MESSAGE_HEAD_BYTES + 1] = 0xff;
        uint32_t to = listener(counted[i]);
        uint64_t before = cluster_counters(cluster, to).malformed;
        inject_exact(cluster, to, changed, kept_bytes[counted[i]]);
        cr_assert_eq(cluster_counters(cluster, to).malformed, before + 1);
    }
    cluster_destroy(cluster);
}

Test(decoders, packets_for_another_incarnation_are_not_ours) {
    struct cluster *cluster = talkative(406);
    struct cluster_node *node = &cluster->nodes[0];
    struct packet_source source = {.address = cluster_address(1),
                                   .destination_generation = node->generation + 1};
    struct outbox nowhere = {0}; /* a call would crash */
    membership_receive(node->membership, kept[MESSAGE_SYNC], kept_bytes[MESSAGE_SYNC], &source,
                       cluster->now_ns, &nowhere);
    cr_assert_eq(cluster_counters(cluster, 0).misdirected, 1);
    cluster_destroy(cluster);
}

Test(decoders, a_flood_of_strangers_stops_at_the_table) {
    struct cluster *cluster = cluster_create(407);
    cluster->settings.members_max = 32;
    cluster_form(cluster, 2);
    for (uint32_t i = 0; i < 5000; i++) {
        char name[16];
        struct record_fields fields;
        record_fields_of(membership_member(cluster->nodes[1].membership, 0)->record, &fields);
        (void)snprintf(name, sizeof name, "flood-%u", i);
        fields.name = name;
        fields.name_bytes = (uint8_t)strlen(name);
        uint8_t encoded[RECORD_ENCODED_BYTES_MAX], message[1448];
        struct bytes_writer record = bytes_writer_of(encoded, sizeof encoded);
        record_encode(&record, &fields);
        struct update update = {.liveness = {fields.generation, 0, HENGE_ALIVE},
                                .encoded = encoded,
                                .encoded_bytes = (uint16_t)bytes_written(&record)};
        struct bytes_writer writer = bytes_writer_of(message, sizeof message);
        struct message_head head = {MESSAGE_GOSSIP, 4711, 4711};
        message_head_put(&writer, &head);
        bytes_put_u16(&writer, 1);
        wire_update_put(&writer, &update);
        cluster_inject(cluster, 0, 1, message, bytes_written(&writer));
    }
    cr_assert_eq(membership_slots(cluster->nodes[0].membership), 32);
    cr_assert_geq(cluster_counters(cluster, 0).updates_refused, 5000 - 32);
    cluster_destroy(cluster);
}
