/* tests/sim/intruder.c - see intruder.h. */
#include "tests/sim/intruder.h"
#include "core/base/hash.h"
#include "core/base/random.h"
#include "membership/wire.h"
#include <string.h>

enum { ROOM = 1400, BABBLE_BYTES_MAX = 200, BABBLES = 512 };
static const char intruder_name[] = "intruder";
#define OTHER_PARAMETERS UINT64_C(0x6f74686572)

static uint8_t *no_room(void *context, size_t *capacity_out) {
    (void)context;
    *capacity_out = 0;
    return NULL;
}

static void no_commit(void *context, const struct packet_target *target, size_t bytes) {
    (void)context;
    (void)target;
    (void)bytes;
}

static bool no_request(void *context, const struct packet_target *target, const uint8_t *script,
                       size_t script_bytes, uint64_t script_token, uint64_t request_token) {
    (void)context;
    (void)target;
    (void)script;
    (void)script_bytes;
    (void)script_token;
    (void)request_token;
    return false;
}

static bool no_answer(void *context, uint32_t stream, const uint8_t *script, size_t script_bytes,
                      uint64_t script_token) {
    (void)context;
    (void)stream;
    (void)script;
    (void)script_bytes;
    (void)script_token;
    return false;
}

/* The simulator lends its nodes to be looked at; this is the one hand that reaches in. */
static void hand_in(struct sim *sim, uint32_t host, const uint8_t *message, size_t bytes) {
    struct gossip_node *node = (struct gossip_node *)(uintptr_t)sim_gossip(sim, host);
    struct outbox outbox = {.begin = no_room,
                            .commit = no_commit,
                            .stream_request = no_request,
                            .stream_answer = no_answer};
    uint64_t now_ns = sim_node_now_ns(sim, host);
    struct packet_source source = {.address = sim_address(sim, host), .received_ns = now_ns};
    source.address.port = (uint16_t)(source.address.port + 1);
    gossip_node_receive(node, message, bytes, &source, now_ns, &outbox);
}

static struct bytes_writer begin(struct sim *sim, uint32_t host, uint8_t *room,
                                 enum message_type type, struct message_head *head) {
    struct bytes_writer writer = bytes_writer_of(room, ROOM);
    const struct member *own = sim_look(sim, host, host);
    *head = (struct message_head){.type = (uint8_t)type,
                                  .source_name_hash = hash64_text(intruder_name),
                                  .source_generation = member_generation(own)};
    message_head_put(&writer, head);
    return writer;
}

void intruder_joins(struct sim *sim, uint32_t host) {
    uint8_t room[ROOM], encoded[ROOM];
    struct message_head head;
    struct bytes_writer writer = begin(sim, host, room, MESSAGE_JOIN, &head);
    struct record_fields fields = {.name = intruder_name,
                                   .name_bytes = sizeof intruder_name - 1,
                                   .role = "",
                                   .region = "",
                                   .zone = "",
                                   .generation = head.source_generation,
                                   .address = sim_address(sim, host),
                                   .weight = 1,
                                   .vnodes = 1,
                                   .ring_state = HENGE_RING_ACTIVE,
                                   .boot_id = {1}};
    fields.address.port = (uint16_t)(fields.address.port + 1);
    struct bytes_writer record = bytes_writer_of(encoded, sizeof encoded);
    record_encode(&record, &fields);
    struct wire_join join = {.ring_parameters = OTHER_PARAMETERS, .request_id = 1};
    struct update update = {.name_hash = head.source_name_hash,
                            .liveness = {head.source_generation, 0, HENGE_ALIVE},
                            .encoded = encoded,
                            .encoded_bytes = (uint16_t)bytes_written(&record)};
    wire_join_put(&writer, &join);
    wire_update_put(&writer, &update);
    hand_in(sim, host, room, bytes_written(&writer));
}

void intruder_syncs(struct sim *sim, uint32_t host) {
    uint8_t room[ROOM];
    struct message_head head;
    struct bytes_writer writer = begin(sim, host, room, MESSAGE_SYNC, &head);
    struct wire_sync sync = {.ring_parameters = OTHER_PARAMETERS, .fingerprint = 1};
    wire_sync_put(&writer, &sync);
    hand_in(sim, host, room, bytes_written(&writer));
}

void intruder_babbles(struct sim *sim, uint32_t host, uint64_t seed) {
    struct random random = random_of_seed(seed);
    for (uint32_t i = 0; i < BABBLES; i++) {
        uint8_t room[ROOM];
        struct message_head head;
        size_t bytes = random_below(&random, BABBLE_BYTES_MAX);
        enum message_type type = (enum message_type)(1 + random_below(&random, MESSAGE_LEAVE_ACK));
        struct bytes_writer writer = begin(sim, host, room, type, &head);
        size_t from = bytes_written(&writer);
        for (size_t at = 0; at < bytes; at++)
            room[from + at] = (uint8_t)random_u64(&random);
        hand_in(sim, host, room, from + bytes);
    }
}
