/* See gossip_world.h. */
#include "tests/unit/runtime/gossip_world.h"
#include "core/base/hash.h"
#include "core/runtime/node/node_settings.h"
#include "membership/wire.h"
#include <criterion/criterion.h>
#include <string.h>

struct world world;

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

struct record_fields fields_of(const char *name, uint64_t generation, uint16_t port) {
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

struct gossip_node_settings world_settings(const struct record_fields *self) {
    struct henge_config config;
    struct gossip_node_settings settings;
    henge_config_init(&config, HENGE_PRESET_LAN);
    config.members_max = WORLD_MEMBERS_MAX;
    config.live_views_max = 3;
    node_settings_gossip(&config, 0, &settings);
    settings.membership.self = self;
    settings.membership.wall_ms = GENERATION;
    settings.ring_roles = NULL; /* it is the config's */
    return settings;
}

void world_begin_as(const struct gossip_node_settings *settings) {
    struct gossip_node_hooks hooks = {.to_detector = to_detector, .on_event = on_event};
    if (world.memory.allocator.alloc == NULL) {
        memory_init(&world.memory, NULL);
    }
    world.now_ns = 100000 * MS;
    world.outbox.begin = no_room;
    world.epochs = epoch_domain_create(&world.memory, 4);
    world.reader = epoch_reader_create(world.epochs);
    world.store = record_store_create(&world.memory);
    world.rings = ring_house_create(&world.memory, 1);
    cr_assert(overlay_init(&world.overlay, &world.memory, WORLD_MEMBERS_MAX));
    const struct gossip_commons commons = {.memory = &world.memory,
                                           .store = world.store,
                                           .rings = world.rings,
                                           .epochs = world.epochs};
    world.node = gossip_node_create(settings, &hooks, &world.overlay, &commons, world.now_ns);
    cr_assert_not_null(world.node);
}

void world_begin(void) {
    const struct record_fields self = fields_of("a", GENERATION, 1000);
    const struct gossip_node_settings settings = world_settings(&self);
    world_begin_as(&settings);
}

void world_end(void) {
    epoch_reader_destroy(world.reader);
    epoch_domain_destroy(world.epochs);
    gossip_node_destroy(world.node);
    record_store_destroy(world.store);
    ring_house_destroy(world.rings);
    overlay_deinit(&world.overlay, &world.memory);
}

void hear_member(const struct record_fields *fields, uint32_t version, uint8_t status) {
    uint8_t record[RECORD_ENCODED_BYTES_MAX];
    uint8_t message[1400];
    struct bytes_writer encoded = bytes_writer_of(record, sizeof(record));
    struct bytes_writer writer = bytes_writer_of(message, sizeof(message));
    const uint64_t name_hash = hash64_text(fields->name);
    record_encode(&encoded, fields);
    struct message_head head = {.type = MESSAGE_GOSSIP,
                                .source_name_hash = name_hash,
                                .source_generation = fields->generation};
    struct update update = {.name_hash = name_hash,
                            .liveness = {fields->generation, version, status},
                            .encoded = record,
                            .encoded_bytes = (uint16_t)bytes_written(&encoded)};
    struct packet_source source = {.address = fields->address, .received_ns = world.now_ns};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &update);
    gossip_node_receive(world.node, message, bytes_written(&writer), &source, world.now_ns,
                        &world.outbox);
}

void hear_b(uint64_t generation, uint32_t version, uint8_t status, uint16_t port) {
    const struct record_fields b = fields_of("b", generation, port);
    hear_member(&b, version, status);
}

void step(uint64_t ns) {
    world.now_ns += ns;
    epoch_poll(world.epochs);
    gossip_node_step(world.node, world.now_ns, world.now_ns, &world.outbox);
}

const struct henge_view *view(void) {
    return atomic_load_explicit(&world.node->view, memory_order_acquire);
}

struct henge_member member_b(const struct henge_view *of) {
    struct henge_member member;
    cr_assert_eq(henge_members_find(of, "b", &member), HENGE_OK);
    return member;
}
