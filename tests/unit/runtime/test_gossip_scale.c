/* One gossip half that hears of a thousand members: what it holds, and what its detector is told.
 */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/runtime/node/gossip_node.h"
#include "core/runtime/node/node_settings.h"
#include "membership/wire.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum {
    OTHERS = 1000,
    PER_MESSAGE = 10,
    GENERATION = 1000,
    BYTES_PER_MEMBER = 48,
    BYTES_ALONE = 6144
};

static struct scale {
    struct memory memory, shared; /* the node's, and the records' */
    struct epoch_domain *epochs;
    struct record_store *store;
    struct ring_house *rings;
    struct overlay overlay;
    struct gossip_node *node;
    struct outbox outbox;
    uint64_t now_ns;
    uint32_t taken_most;       /* by the detector in one step */
    uint32_t taken, offers;    /* in this step */
    uint32_t told[OTHERS + 1]; /* by slot */
} scale;

static uint8_t *no_room(void *context, size_t *capacity_out) {
    (void)context;
    (void)capacity_out;
    return NULL;
}

static bool to_detector(void *context, const struct role_message *message) {
    (void)context;
    if (message->kind != ROLE_PEER_SET)
        return true;
    scale.offers++;
    if (scale.taken == scale.taken_most)
        return false;
    scale.taken++;
    scale.told[message->as.peer.slot]++;
    return true;
}

static void on_event(void *context, const struct henge_event *event) {
    (void)context;
    (void)event;
}

static struct record_fields fields_of(const char *name, uint16_t port) {
    return (struct record_fields){.name = name,
                                  .name_bytes = (uint8_t)strlen(name),
                                  .role = "",
                                  .region = "",
                                  .zone = "",
                                  .generation = GENERATION,
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
    config.members_max = OTHERS + 1;
    node_settings_gossip(&config, 0, &settings);
    const struct record_fields self = fields_of("self", 1);
    settings.membership.self = &self;
    settings.membership.wall_ms = GENERATION;
    settings.is_unread = true;
    scale = (struct scale){.now_ns = 100 * NS_PER_S, .taken_most = UINT32_MAX};
    memory_init(&scale.memory, NULL);
    memory_init(&scale.shared, NULL);
    scale.outbox.begin = no_room;
    scale.epochs = epoch_domain_create(&scale.shared, 4);
    scale.store = record_store_create(&scale.shared);
    scale.rings = ring_house_create(&scale.shared, 1);
    const struct gossip_commons commons = {.memory = &scale.memory,
                                           .store = scale.store,
                                           .rings = scale.rings,
                                           .epochs = scale.epochs};
    cr_assert(overlay_init(&scale.overlay, &scale.shared, 0));
    scale.node = gossip_node_create(&settings, &hooks, &scale.overlay, &commons, scale.now_ns);
    cr_assert_not_null(scale.node);
}

static void end(void) {
    gossip_node_destroy(scale.node);
    epoch_domain_destroy(scale.epochs);
    record_store_destroy(scale.store);
    ring_house_destroy(scale.rings);
    overlay_deinit(&scale.overlay, &scale.shared);
}

TestSuite(gossip_scale, .init = begin, .fini = end, .timeout = 60);

static void put_member(struct bytes_writer *writer, uint32_t number, uint32_t version) {
    uint8_t record[RECORD_ENCODED_BYTES_MAX];
    char name[16];
    snprintf(name, sizeof(name), "m%u", number);
    struct bytes_writer encoded = bytes_writer_of(record, sizeof(record));
    struct record_fields fields = fields_of(name, (uint16_t)(2000 + number));
    record_encode(&encoded, &fields);
    struct update update = {.name_hash = hash64_text(name),
                            .liveness = {GENERATION, version, HENGE_ALIVE},
                            .encoded = record,
                            .encoded_bytes = (uint16_t)bytes_written(&encoded)};
    wire_update_put(writer, &update);
}

/* Of all the members `first`, first + 1, ... in one message. */
static void hear(uint32_t first, uint32_t count, uint32_t version) {
    uint8_t message[1400];
    struct bytes_writer writer = bytes_writer_of(message, sizeof(message));
    struct message_head head = {.type = MESSAGE_GOSSIP,
                                .source_name_hash = hash64_text("m0"),
                                .source_generation = GENERATION};
    struct packet_source source = {.address = {.family = 4}, .received_ns = scale.now_ns};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) {
        put_member(&writer, first + i, version);
    }
    cr_assert_not(writer.failed);
    gossip_node_receive(scale.node, message, bytes_written(&writer), &source, scale.now_ns,
                        &scale.outbox);
}

static void hear_of_all(uint32_t version) {
    for (uint32_t first = 0; first < OTHERS; first += PER_MESSAGE) {
        hear(first, PER_MESSAGE, version);
    }
    cr_assert_eq(membership_slots(scale.node->membership), OTHERS + 1);
}

static void step(void) {
    scale.now_ns += NS_PER_MS;
    scale.taken = 0;
    scale.offers = 0;
    gossip_node_step(scale.node, scale.now_ns, scale.now_ns, &scale.outbox);
}

static uint64_t held_bytes(void) {
    uint64_t bytes = 0;
    for (size_t tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        bytes += atomic_load(&scale.memory.held_bytes[tag]);
    }
    return bytes;
}

/* What a simulation of ten thousand nodes holds 10^8 times; that much while all of it is news. */
Test(gossip_scale, memory_per_member) {
    uint64_t alone = held_bytes();
    cr_assert_leq(alone, BYTES_ALONE, "what is rarely needed has no memory yet");
    hear_of_all(1);
    cr_assert_gt(held_bytes(), alone + (uint64_t)OTHERS * BYTES_PER_MEMBER, "events are held back");
    scale.now_ns += NS_PER_S;
    step();
    uint64_t bytes = held_bytes() - alone;
    printf("alone %lu bytes, and %.1f for each of %d members\n", (unsigned long)alone,
           (double)bytes / OTHERS, OTHERS);
    cr_assert_leq(bytes, (uint64_t)OTHERS * BYTES_PER_MEMBER);
}

/* All at once, more than are listed, to a detector that takes a few at a time: each is told, once,
 * and none twice. */
Test(gossip_scale, detector_is_told_of_everybody_though_it_takes_few_at_a_time) {
    scale.taken_most = 90;
    hear_of_all(1);
    uint32_t steps = 0;
    for (; scale.node->dirty_count > 0; steps++) {
        cr_assert_lt(steps, 20);
        step();
        cr_assert_leq(scale.offers, 91, "one refusal is enough");
    }
    cr_assert_eq(steps, (OTHERS + 89) / 90);
    for (uint32_t slot = 1; slot <= OTHERS; slot++) {
        cr_assert_eq(scale.told[slot], 1, "slot %u", slot);
    }
}

/* News of those who wait, listed or not, and of those already told, while the list overflows. */
Test(gossip_scale, what_changes_while_it_waits_is_told_once_and_what_was_told_again) {
    scale.taken_most = 300;
    hear_of_all(1);
    step();
    uint32_t told = 0;
    for (uint32_t slot = 1; slot <= OTHERS; slot++) {
        told += scale.told[slot];
    }
    cr_assert_eq(told, 300);
    scale.taken_most = 0;
    hear_of_all(2);
    cr_assert_eq(scale.node->dirty_count, OTHERS, "all wait now");
    step();
    cr_assert_eq(scale.node->dirty_count, OTHERS);
    scale.taken_most = UINT32_MAX;
    step();
    cr_assert_eq(scale.node->dirty_count, 0);
    told = 0;
    for (uint32_t slot = 1; slot <= OTHERS; slot++) {
        cr_assert_geq(scale.told[slot], 1);
        told += scale.told[slot];
    }
    cr_assert_eq(told, 300 + OTHERS);
}
