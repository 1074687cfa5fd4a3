/* One gossip half without threads: what a reader of an older view is told when a member's next life
 * takes over its slot. */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/runtime/node/gossip_node.h"
#include "core/runtime/node/node_settings.h"
#include "henge/reader.h"
#include "membership/wire.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MS NS_PER_MS

enum { OLD_PORT = 1001, NEW_PORT = 1002, GENERATION = 1000 };

static struct world {
    struct memory memory;
    struct epoch_domain *epochs;
    struct epoch_reader *reader;
    struct record_store *store;
    struct overlay overlay;
    struct gossip_node *node;
    struct outbox outbox;
    uint64_t now_ns;
    struct henge_event event; /* the last */
} world;

static uint8_t *no_room(void *context, size_t *capacity_out) {
    (void)context;
    (void)capacity_out;
    return NULL;
}

static bool to_detector(void *context, const struct role_message *message) {
    (void)context;
    (void)message;
    return true;
}

static void on_event(void *context, const struct henge_event *event) {
    (void)context;
    world.event = *event;
}

static struct record_fields fields_of(const char *name, uint64_t generation, uint16_t port) {
    return (struct record_fields){.name = name,
                                  .name_bytes = (uint8_t)strlen(name),
                                  .role = "",
                                  .region = "",
                                  .zone = "",
                                  .generation = generation,
                                  .address = {.bytes = {127, 0, 0, 1}, .port = port, .family = 4},
                                  .weight = 1,
                                  .vnodes = 10,
                                  .ring_state = HENGE_RING_ACTIVE};
}

static void begin(void) {
    struct henge_config config;
    struct gossip_node_settings settings;
    struct gossip_node_hooks hooks = {.to_detector = to_detector, .on_event = on_event};
    henge_config_init(&config, HENGE_PRESET_LAN);
    config.members_max = 16;
    config.live_views_max = 3;
    node_settings_gossip(&config, 0, &settings);
    const struct record_fields self = fields_of("a", GENERATION, 1000);
    settings.membership.self = &self;
    settings.membership.wall_ms = GENERATION;
    memory_init(&world.memory, NULL);
    world.now_ns = 100000 * MS;
    world.outbox.begin = no_room;
    world.epochs = epoch_domain_create(&world.memory, 4);
    world.reader = epoch_reader_create(world.epochs);
    world.store = record_store_create(&world.memory);
    cr_assert(overlay_init(&world.overlay, &world.memory, config.members_max));
    world.node = gossip_node_create(&settings, &hooks, &world.overlay, world.store, world.epochs,
                                    &world.memory, world.now_ns);
    cr_assert_not_null(world.node);
}

static void end(void) {
    epoch_reader_destroy(world.reader);
    epoch_domain_destroy(world.epochs);
    gossip_node_destroy(world.node);
    record_store_destroy(world.store);
    overlay_deinit(&world.overlay, &world.memory);
}

TestSuite(gossip_node, .init = begin, .fini = end, .timeout = 60);

/* What is said of b. */
static void hear(uint64_t generation, uint32_t version, uint8_t status, uint16_t port) {
    uint8_t record[RECORD_ENCODED_BYTES_MAX];
    uint8_t message[1400];
    struct bytes_writer encoded = bytes_writer_of(record, sizeof(record));
    struct bytes_writer writer = bytes_writer_of(message, sizeof(message));
    struct record_fields fields = fields_of("b", generation, port);
    record_encode(&encoded, &fields);
    struct message_head head = {.type = MESSAGE_GOSSIP,
                                .source_name_hash = hash64_text("b"),
                                .source_generation = generation};
    struct update update = {.name_hash = hash64_text("b"),
                            .liveness = {generation, version, status},
                            .encoded = record,
                            .encoded_bytes = (uint16_t)bytes_written(&encoded)};
    struct packet_source source = {.address = fields.address, .received_ns = world.now_ns};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &update);
    gossip_node_receive(world.node, message, bytes_written(&writer), &source, world.now_ns,
                        &world.outbox);
}

static void step(uint64_t ns) {
    world.now_ns += ns;
    epoch_poll(world.epochs);
    gossip_node_step(world.node, world.now_ns, world.now_ns, &world.outbox);
}

static const struct henge_view *view(void) {
    return atomic_load_explicit(&world.node->view, memory_order_acquire);
}

static struct henge_member member_b(const struct henge_view *of) {
    struct henge_member member;
    cr_assert_eq(henge_members_find(of, "b", &member), HENGE_OK);
    return member;
}

/* b was alive, is dead in the view that the reader holds, and comes back at another address. */
static const struct henge_view *held_dead(void) {
    hear(GENERATION, 1, HENGE_ALIVE, OLD_PORT);
    step(0);
    hear(GENERATION, 5, HENGE_DEAD, OLD_PORT);
    step(3000 * MS);
    epoch_begin(world.reader);
    const struct henge_view *held = view();
    cr_assert_eq(member_b(held).status, HENGE_DEAD);
    return held;
}

Test(gossip_node, an_old_view_keeps_what_it_knew_of_an_earlier_life) {
    const struct henge_view *held = held_dead();
    uint32_t slot = member_b(held).slot;
    hear(GENERATION + 7, 0, HENGE_ALIVE, NEW_PORT);
    for (int round = 0; round < 2; round++) { /* before the next view is there, and after */
        struct henge_member old = member_b(held);
        cr_expect_eq(old.status, HENGE_DEAD);
        cr_expect_eq(old.generation, GENERATION);
        cr_expect_eq(old.version, 5);
        cr_expect_eq(old.address.port, OLD_PORT);
        cr_expect(round > 0 || !henge_view_is_up(held, slot), "nobody is at the old address");
        step(20 * MS);
    }
    struct henge_member present = member_b(view());
    cr_expect_eq(present.slot, slot);
    cr_expect_eq(present.generation, GENERATION + 7);
    cr_expect_eq(present.status, HENGE_ALIVE);
    cr_expect_eq(present.address.port, NEW_PORT);
    cr_expect(henge_view_is_up(view(), slot));
    hear(GENERATION + 7, 1, HENGE_DEAD, NEW_PORT);
    cr_expect_eq(member_b(view()).status, HENGE_DEAD, "the same life is always the present one");
    cr_expect_not(henge_view_is_up(view(), slot));
    epoch_end(world.reader);
}

Test(gossip_node, another_life_is_not_up_until_a_view_has_its_address) {
    const struct henge_view *held = held_dead();
    uint32_t slot = member_b(held).slot;
    uint64_t number = 0;
    for (uint64_t life = 1; life < 6; life++) { /* live_views_max is reached on the way */
        number = henge_view_number(view());
        hear(GENERATION + life, 0, HENGE_ALIVE, (uint16_t)(NEW_PORT + life));
        cr_expect_not(henge_view_is_up(view(), slot));
        hear(GENERATION + life, 1, HENGE_ALIVE, (uint16_t)(NEW_PORT + life));
        cr_expect_not(henge_view_is_up(view(), slot));
        step(20 * MS);
    }
    cr_expect_eq(henge_view_number(view()), number, "publication waits for the reader");
    cr_expect_not(henge_view_is_up(view(), slot));
    epoch_end(world.reader);
    for (int round = 0; round < 3; round++) {
        step(20 * MS);
    }
    cr_expect_gt(henge_view_number(view()), number);
    cr_expect(henge_view_is_up(view(), slot));
    cr_expect_eq(member_b(view()).generation, GENERATION + 5);
}

Test(gossip_node, another_generation_is_published_before_the_interval_of_members) {
    hear(GENERATION, 0, HENGE_ALIVE, OLD_PORT);
    step(0);
    uint64_t number = henge_view_number(view());
    hear(GENERATION + 1, 0, HENGE_ALIVE, NEW_PORT);
    step(PUBLICATION_GENERATION_NS - 1);
    cr_expect_eq(henge_view_number(view()), number);
    step(1);
    cr_expect_eq(henge_view_number(view()), number + 1);
    cr_expect_eq(member_b(view()).generation, GENERATION + 1);
}

Test(gossip_node, a_name_conflict_and_a_partition_are_told_and_counted) {
    const struct henge_address other = {.bytes = {127, 0, 0, 9}, .port = 9, .family = 4};
    gossip_node_event_conflict(world.node, 0, &other, 77);
    step(20 * MS);
    cr_expect_eq(world.event.type, HENGE_NAME_CONFLICT);
    cr_expect_str_eq(world.event.name, "a");
    cr_expect_eq(memcmp(&world.event.address, &other, sizeof(other)), 0);
    cr_expect_eq(world.event.generation, 77);
    cr_expect_eq(counter_get(&world.node->counters.has_name_conflict), 1);
    gossip_node_event_partitioned(world.node, true);
    cr_expect_eq(counter_get(&world.node->counters.is_partitioned), 1);
    gossip_node_event_partitioned(world.node, false);
    step(20 * MS);
    cr_expect_eq(world.event.type, HENGE_PARTITIONED);
    cr_expect_not(world.event.is_partitioned);
    cr_expect_eq(counter_get(&world.node->counters.is_partitioned), 0);
}

Test(gossip_node, the_conflict_of_another_does_not_silence_this_one) {
    const struct henge_address other = {.bytes = {127, 0, 0, 9}, .port = 9, .family = 4};
    hear(GENERATION, 0, HENGE_ALIVE, OLD_PORT);
    step(20 * MS);
    gossip_node_event_conflict(world.node, member_b(view()).slot, &other, 77);
    cr_expect_eq(counter_get(&world.node->counters.has_name_conflict), 0);
}

static const struct henge_ring *ring_now(void) {
    return world.node->ring->ring;
}

static void b_comes(uint64_t generation) {
    hear(generation, 1, HENGE_ALIVE, OLD_PORT);
    step(3000 * MS);
    step(0);
    cr_assert_eq(henge_ring_members_count(ring_now()), 2);
}

static void b_leaves(uint64_t generation) {
    hear(generation, 2, HENGE_LEFT, OLD_PORT);
    step(3000 * MS);
    step(0);
    cr_assert_eq(henge_ring_members_count(ring_now()), 1);
}

/* Two tables take turns, as long as nobody holds on to one. */
Test(gossip_node, a_ring_that_nobody_reads_becomes_the_next_one) {
    const struct henge_ring *first = ring_now();
    const uint64_t alone = henge_ring_fingerprint(first);
    b_comes(GENERATION);
    const struct henge_ring *second = ring_now();
    cr_assert_neq(second, first);
    cr_assert_eq(world.node->view_owner.spare, first);
    b_leaves(GENERATION);
    cr_assert_eq(ring_now(), first);
    cr_assert_eq(henge_ring_fingerprint(first), alone);
    cr_assert_eq(henge_ring_version(first), 3);
    cr_assert_eq(world.node->view_owner.spare, second);
}

Test(gossip_node, a_ring_that_is_held_stays_as_it_is) {
    b_comes(GENERATION);
    b_leaves(GENERATION);
    const struct henge_ring *second = world.node->view_owner.spare;
    epoch_begin(world.reader);
    const struct henge_ring *held = henge_view_ring(view(), HENGE_RING_CURRENT);
    const uint64_t alone = henge_ring_fingerprint(held);
    b_comes(GENERATION + 1);
    cr_assert_eq(ring_now(), second);
    cr_assert_null(world.node->view_owner.spare);
    b_leaves(GENERATION + 1); /* no table is free: a copy */
    cr_assert_neq(ring_now(), held);
    cr_assert_neq(ring_now(), second);
    cr_assert_eq(henge_ring_fingerprint(ring_now()), alone);
    cr_assert_eq(henge_ring_fingerprint(held), alone);
    cr_assert_eq(henge_ring_members_count(held), 1);
    cr_assert_eq(henge_ring_version(held), 3);
    epoch_end(world.reader);
    step(0);
    cr_assert_not_null(world.node->view_owner.spare);
}

/* Slots are this node's own, so a ring may have the fingerprint that is wanted and the wrong slots:
 * a member that is forgotten while publication waits comes back in another one. */
Test(gossip_node, a_member_that_comes_back_in_another_slot_is_there_in_the_ring) {
    hear(GENERATION, 1, HENGE_ALIVE, OLD_PORT);
    step(3000 * MS);
    const uint32_t old_slot = member_b(view()).slot;
    epoch_begin(world.reader); /* a long section: publication waits, membership does not */
    for (uint64_t i = 0; i < 4; i++) {
        hear(GENERATION + 1 + i, 1, HENGE_ALIVE, OLD_PORT);
        step(3000 * MS);
    }
    hear(GENERATION + 9, 1, HENGE_DEAD, OLD_PORT);
    for (int i = 0; i < 200; i++) {
        step(1000 * MS);
    }
    hear(GENERATION + 20, 1, HENGE_ALIVE, OLD_PORT);
    step(1 * MS);
    const uint64_t version = world.node->ring_version;
    epoch_end(world.reader);
    for (int i = 0; i < 20; i++) {
        step(1000 * MS);
    }
    const struct henge_ring *ring = henge_view_ring(view(), HENGE_RING_CURRENT);
    cr_assert_neq(member_b(view()).slot, old_slot);
    cr_assert_eq(henge_ring_slot_of(ring, "b"), member_b(view()).slot);
    cr_assert_gt(henge_ring_version(ring), version, "whoever keeps slots beside a version sees it");
}
