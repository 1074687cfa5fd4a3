/* tests/unit/membership/detector_world.c - see detector_world.h. */
#include "tests/unit/membership/detector_world.h"

#include "core/base/hash.h"
#include "henge/members.h"
#include <criterion/criterion.h>
#include <string.h>

struct world world;

uint64_t world_name(uint32_t node) {
    return hash64_pair(77, node);
}

struct henge_address world_address(uint32_t node) {
    return (struct henge_address){
        .bytes = {127, 0, 0, (uint8_t)(node + 1)}, .port = 7946, .family = 4};
}

static uint32_t node_at(const struct henge_address *address) {
    for (uint32_t i = 0; i < world.count; i++) {
        if (memcmp(&world.nodes[i].address, address, sizeof *address) == 0) {
            return i;
        }
    }
    return WORLD_NODES_MAX;
}

static uint8_t *outbox_begin(void *context, size_t *capacity_out) {
    struct world_node *node = context;
    *capacity_out = sizeof node->room;
    return node->is_muted ? NULL : node->room;
}

static void outbox_commit(void *context, const struct packet_target *target, size_t bytes) {
    struct world_node *node = context;
    cr_assert_eq(target->lane, LANE_DETECTOR);
    if (bytes == 0) {
        return;
    }
    cr_assert_lt(world.log_count, WORLD_LOG_MAX);
    struct world_sent *sent = &world.log[world.log_count++];
    *sent = (struct world_sent){.time_ns = world.now_ns,
                                .from = (uint32_t)(node - world.nodes),
                                .to = node_at(&target->address),
                                .destination_generation = target->generation};
    struct bytes_reader reader = bytes_reader_of(node->room, bytes);
    cr_assert_eq(probe_wire_get(&reader, &sent->message), PROBE_WIRE_OK);
    cr_assert_eq(bytes_left(&reader), 0);
    cr_assert_leq(bytes, PROBE_WIRE_BYTES_MAX);
    if (sent->to == WORLD_NODES_MAX || (world.drops != NULL && world.drops(sent))) {
        return;
    }
    cr_assert_lt(world.packet_count, WORLD_PACKETS_MAX);
    struct world_packet *packet = &world.packets[world.packet_count++];
    *packet = (struct world_packet){.deliver_ns = world.now_ns + world.latency_ns,
                                    .destination_generation = target->generation,
                                    .from = node->address,
                                    .to = target->address,
                                    .bytes = bytes};
    memcpy(packet->message, node->room, bytes);
}

static struct outbox outbox_of(struct world_node *node) {
    return (struct outbox){.context = node,
                           .begin = outbox_begin,
                           .commit = outbox_commit,
                           .stream_request = world.stream_request,
                           .stream_answer = world.stream_answer};
}

struct outbox world_outbox(uint32_t node) {
    return outbox_of(&world.nodes[node]);
}

static bool take(struct world_node *node) {
    node->refusals += node->is_refusing;
    return !node->is_refusing;
}

static bool on_probe_failed(void *context, uint32_t slot, uint64_t generation, uint32_t version) {
    struct world_node *node = context;
    if (!take(node)) {
        return false;
    }
    node->failed[slot]++;
    node->failed_ns = world.now_ns;
    node->last_generation = generation;
    node->last_version = version;
    return true;
}

static bool on_peer_alive(void *context, uint32_t slot, uint64_t generation, uint32_t version) {
    struct world_node *node = context;
    if (!take(node)) {
        return false;
    }
    node->alive[slot]++;
    node->alive_version = version;
    node->last_generation = generation;
    node->last_version = version;
    return true;
}

static bool on_not_me(void *context, uint32_t slot, uint64_t generation) {
    struct world_node *node = context;
    if (!take(node)) {
        return false;
    }
    node->not_me[slot]++;
    node->last_generation = generation;
    return true;
}

static bool on_self_version(void *context, uint64_t generation, uint32_t version) {
    struct world_node *node = context;
    if (!take(node)) {
        return false;
    }
    cr_assert_eq(generation, node->generation);
    node->self_versions++;
    node->self_version = version;
    return true;
}

static bool on_probes(void *context, uint32_t failed_of_last_8) {
    struct world_node *node = context;
    if (!take(node)) {
        return false;
    }
    cr_assert_leq(failed_of_last_8, 8);
    cr_assert_neq(failed_of_last_8, node->probes_failed_of_8, "told when it changes");
    node->probes_failed_of_8 = failed_of_last_8;
    node->probes_told++;
    return true;
}

static void on_peer_fingerprint(void *context, uint32_t slot, uint64_t fingerprint,
                                uint64_t age_ns) {
    struct world_node *node = context;
    node->fingerprints[slot]++;
    node->fingerprint = fingerprint;
    node->fingerprint_age_ns = age_ns;
}

static void on_contact(void *context, uint32_t slot, uint64_t now_ns, uint32_t rtt_us) {
    struct world_node *node = context;
    cr_assert_leq(now_ns, world.now_ns);
    node->contacts[slot]++;
    if (rtt_us != 0) {
        node->rtt_us[slot] = rtt_us;
    }
}

static void start(struct world_node *node) {
    uint32_t number = (uint32_t)(node - world.nodes);
    struct detector_settings settings = {.profile = world.profile,
                                         .name_hash = world_name(number),
                                         .generation = node->generation,
                                         .period_ns = PERIOD,
                                         .timeout_min_ns = 50 * NS_PER_MS,
                                         .timeout_max_ns = 600 * NS_PER_MS,
                                         .indirect = 3,
                                         .peers_max = 300,
                                         .random_seed = 42 + number * 7919};
    struct detector_observer observer = {.context = node,
                                         .on_probe_failed = on_probe_failed,
                                         .on_peer_alive = on_peer_alive,
                                         .on_not_me = on_not_me,
                                         .on_self_version = on_self_version,
                                         .on_probes = on_probes,
                                         .on_peer_fingerprint = on_peer_fingerprint,
                                         .on_contact = on_contact};
    node->detector =
        detector_create(&settings, &observer, world.identities, &world.memory, world.now_ns);
    cr_assert_not_null(node->detector);
}

void world_know(uint32_t node, uint32_t peer, uint64_t generation, uint32_t version,
                uint8_t status) {
    struct detector_peer known = {.address = world_address(peer),
                                  .name_hash = world_name(peer),
                                  .generation = generation,
                                  .version = version,
                                  .status = status};
    detector_peer_set(world.nodes[node].detector, peer + 1, &known);
}

static void introduce(uint32_t node) {
    for (uint32_t peer = 0; peer < world.count; peer++) {
        if (peer != node) {
            world_know(node, peer, world.nodes[peer].generation, 0, HENGE_ALIVE);
        }
    }
}

void world_create(uint32_t count, uint32_t ghosts_from) {
    world_create_as(NULL, count, ghosts_from);
}

void world_create_as(const struct profile *profile, uint32_t count, uint32_t ghosts_from) {
    cr_assert_leq(count, WORLD_NODES_MAX);
    memset(&world, 0, sizeof world);
    memory_init(&world.memory, NULL);
    world.identities = identities_create(&world.memory, 1);
    cr_assert_not_null(world.identities);
    world.profile = profile;
    world.now_ns = NS_PER_S;
    world.latency_ns = LATENCY;
    world.count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct world_node *node = &world.nodes[i];
        node->address = world_address(i);
        node->generation = FIRST_GENERATION + i;
        node->horizon_frozen_ns = TIME_NEVER;
        if (i < ghosts_from) {
            start(node);
        }
    }
    for (uint32_t i = 0; i < count && i < ghosts_from; i++) {
        introduce(i);
    }
}

void world_destroy(void) {
    for (uint32_t i = 0; i < world.count; i++) {
        detector_destroy(world.nodes[i].detector);
    }
    identities_destroy(world.identities);
    for (int tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        cr_assert_eq(atomic_load(&world.memory.held_bytes[tag]), 0);
    }
}

void world_restart(uint32_t node, uint64_t generation) {
    struct world_node *restarted = &world.nodes[node];
    detector_destroy(restarted->detector);
    struct henge_address address = restarted->address;
    *restarted = (struct world_node){
        .address = address, .generation = generation, .horizon_frozen_ns = TIME_NEVER};
    start(restarted);
    introduce(node);
}

static void deliver(const struct world_packet *packet) {
    struct world_node *node = &world.nodes[node_at(&packet->to)];
    struct outbox outbox = outbox_of(node);
    struct packet_source source = {.address = packet->from,
                                   .destination_generation = packet->destination_generation,
                                   .received_ns = world.now_ns};
    if (node->detector != NULL && !node->is_crashed) {
        /* A copy of the exact size, so that the sanitizer sees every byte read too far. */
        uint8_t *message = malloc(packet->bytes > 0 ? packet->bytes : 1);
        memcpy(message, packet->message, packet->bytes);
        detector_receive(node->detector, message, packet->bytes, &source, world.now_ns, &outbox);
        free(message);
    }
}

static bool is_awake(const struct world_node *node) {
    return node->detector != NULL && !node->is_crashed && !node->is_paused;
}

/* Delivers what is due, in order of sending; a paused node's packets wait. */
static void deliver_due(void) {
    for (uint32_t i = 0; i < world.packet_count;) {
        struct world_packet packet = world.packets[i];
        if (packet.deliver_ns > world.now_ns || world.nodes[node_at(&packet.to)].is_paused) {
            i++;
            continue;
        }
        world.packet_count--;
        memmove(&world.packets[i], &world.packets[i + 1],
                (world.packet_count - i) * sizeof world.packets[0]);
        deliver(&packet);
    }
}

static void step(struct world_node *node) {
    struct outbox outbox = outbox_of(node);
    uint64_t horizon_ns =
        node->horizon_frozen_ns < world.now_ns ? node->horizon_frozen_ns : world.now_ns;
    node->steps++;
    detector_step(node->detector, world.now_ns, horizon_ns, &outbox);
}

static uint64_t next_event(void) {
    uint64_t next_ns = TIME_NEVER;
    for (uint32_t i = 0; i < world.packet_count; i++) {
        bool waits = world.nodes[node_at(&world.packets[i].to)].is_paused;
        if (!waits && world.packets[i].deliver_ns < next_ns) {
            next_ns = world.packets[i].deliver_ns;
        }
    }
    for (uint32_t i = 0; i < world.count; i++) {
        if (is_awake(&world.nodes[i]) && detector_deadline(world.nodes[i].detector) < next_ns) {
            next_ns = detector_deadline(world.nodes[i].detector);
        }
    }
    return next_ns;
}

void world_run(uint64_t duration_ns) {
    uint64_t end_ns = world.now_ns + duration_ns;
    uint32_t steps_now = 0;
    for (uint64_t next_ns = next_event(); next_ns <= end_ns; next_ns = next_event()) {
        if (next_ns > world.now_ns) {
            world.now_ns = next_ns;
            steps_now = 0;
        }
        cr_assert_lt(++steps_now, WORLD_STEPS_PER_INSTANT_MAX, "a busy loop");
        deliver_due();
        for (uint32_t i = 0; i < world.count; i++) {
            struct world_node *node = &world.nodes[i];
            bool is_due =
                is_awake(node) &&
                (detector_deadline(node->detector) <= world.now_ns ||
                 (detector_wants_horizon(node->detector) && node->horizon_frozen_ns == TIME_NEVER));
            if (is_due) {
                step(node);
            }
        }
    }
    world.now_ns = end_ns;
}

void world_forge_bytes(uint32_t to, uint32_t from, const uint8_t *bytes, size_t count) {
    struct world_packet packet = {
        .from = world_address(from), .to = world_address(to), .bytes = count};
    cr_assert_leq(count, sizeof packet.message);
    memcpy(packet.message, bytes, count);
    deliver(&packet);
}

void world_forge(uint32_t to, const struct henge_address *from, uint64_t destination_generation,
                 const struct probe_message *message) {
    struct world_packet packet = {
        .destination_generation = destination_generation, .from = *from, .to = world_address(to)};
    struct bytes_writer writer = bytes_writer_of(packet.message, sizeof packet.message);
    probe_wire_put(&writer, message);
    cr_assert_not(writer.failed);
    packet.bytes = bytes_written(&writer);
    deliver(&packet);
}

struct message_head world_head(uint32_t node, uint8_t type) {
    return (struct message_head){.type = type,
                                 .source_name_hash = world_name(node),
                                 .source_generation = world.nodes[node].generation};
}

struct detector_counters world_counters(uint32_t node) {
    struct detector_counters counters;
    detector_counters_get(world.nodes[node].detector, &counters);
    return counters;
}

uint32_t world_sent_count(uint32_t from, uint8_t type, uint32_t since) {
    uint32_t count = 0;
    for (uint32_t i = since; i < world.log_count; i++) {
        count += world.log[i].from == from && world.log[i].message.head.type == type;
    }
    return count;
}

const struct world_sent *world_sent_last(uint32_t from, uint8_t type, uint32_t since) {
    for (uint32_t i = world.log_count; i > since; i--) {
        const struct world_sent *sent = &world.log[i - 1];
        if (sent->from == from && sent->message.head.type == type) {
            return sent;
        }
    }
    return NULL;
}

uint32_t world_failures(uint32_t node) {
    uint32_t sum = 0;
    for (uint32_t slot = 0; slot <= world.count; slot++) {
        sum += world.nodes[node].failed[slot];
    }
    return sum;
}

const struct world_sent *world_run_to_ping(uint32_t node, uint32_t peer) {
    for (int i = 0; i < 200000; i++) {
        uint32_t since = world.log_count;
        uint64_t probes = world_counters(node).probes_sent;
        world_run(NS_PER_MS);
        bool has_begun = world_counters(node).probes_sent > probes;
        for (uint32_t k = since; has_begun && k < world.log_count; k++) {
            const struct world_sent *sent = &world.log[k];
            if (sent->from == node && sent->to == peer && sent->message.head.type == MESSAGE_PING) {
                return sent;
            }
        }
    }
    cr_assert_fail("no ping of %u by %u", peer, node);
    return NULL;
}

struct probe_message world_ping(uint32_t from, uint32_t to) {
    return (struct probe_message){.head = world_head(from, MESSAGE_PING),
                                  .as.ping = {.sequence = 4711,
                                              .target_name_hash = world_name(to),
                                              .target_generation = world.nodes[to].generation}};
}

struct probe_message world_request(uint32_t from, uint32_t target, uint32_t sequence,
                                   uint32_t remaining_us) {
    return (struct probe_message){
        .head = world_head(from, MESSAGE_PING_REQ),
        .as.ping_req = {.sequence = sequence,
                        .target_name_hash = world_name(target),
                        .target_generation = world.nodes[target].generation,
                        .remaining_us = remaining_us}};
}

bool world_drops_all_between_0_and_1(const struct world_sent *sent) {
    return (sent->from == 1 && sent->to == 0) || (sent->from == 0 && sent->to == 1);
}
