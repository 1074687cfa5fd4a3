/* tests/unit/membership/test_detector_streams.c - stories in virtual time of the last resort of a
 * probe: a ping over a stream. The streams of this file are a list that each test carries itself.
 */
#include "henge/members.h"
#include "tests/unit/membership/detector_world.h"
#include <criterion/criterion.h>
#include <string.h>

enum { CALLS_MAX = 64 };

/* One stream_request or stream_answer. */
static struct call {
    uint32_t node; /* that called */
    uint32_t stream;
    struct packet_target target;
    struct probe_message message;
    const uint8_t *script;
    uint8_t bytes[256];
    uint64_t script_token, request_token;
} calls[CALLS_MAX];
static uint32_t calls_count;
static bool is_refusing;

static bool call(struct world_node *node, const uint8_t *script, size_t bytes, uint64_t token) {
    if (is_refusing) {
        return false;
    }
    cr_assert_lt(calls_count, CALLS_MAX);
    struct call *made = &calls[calls_count++];
    *made = (struct call){
        .node = (uint32_t)(node - world.nodes), .script = script, .script_token = token};
    struct bytes_reader reader = bytes_reader_of(script, bytes);
    cr_assert_eq(bytes_get_u16(&reader), bytes - 2);
    cr_assert_eq(probe_wire_get(&reader, &made->message), PROBE_WIRE_OK);
    cr_assert_eq(bytes_left(&reader), 0);
    cr_assert(token & TOKEN_DETECTOR);
    memcpy(made->bytes, script, bytes);
    return true;
}

static bool stream_request(void *context, const struct packet_target *target, const uint8_t *script,
                           size_t script_bytes, uint64_t script_token, uint64_t request_token) {
    bool is_taken = call(context, script, script_bytes, script_token);
    if (is_taken) {
        cr_assert_eq(target->lane, LANE_DETECTOR);
        calls[calls_count - 1].target = *target;
        calls[calls_count - 1].request_token = request_token;
    }
    return is_taken;
}

static bool stream_answer(void *context, uint32_t stream, const uint8_t *script,
                          size_t script_bytes, uint64_t script_token) {
    bool is_taken = call(context, script, script_bytes, script_token);
    if (is_taken) {
        calls[calls_count - 1].stream = stream;
    }
    return is_taken;
}

static void streams_create(const struct profile *profile, uint32_t count, uint32_t ghosts_from) {
    world_create_as(profile, count, ghosts_from);
    world.stream_request = stream_request;
    world.stream_answer = stream_answer;
    calls_count = 0;
    is_refusing = false;
}

/* A message of a stream comes in; a client calls from a port that nobody knows. */
static void carry(const struct probe_message *message, uint32_t to,
                  const struct henge_address *from, uint32_t stream) {
    uint8_t bytes[PROBE_WIRE_BYTES_MAX];
    struct bytes_writer writer = bytes_writer_of(bytes, sizeof bytes);
    struct outbox outbox = world_outbox(to);
    struct packet_source source = {.address = *from, .received_ns = world.now_ns, .stream = stream};
    probe_wire_put(&writer, message);
    detector_receive(world.nodes[to].detector, bytes, bytes_written(&writer), &source, world.now_ns,
                     &outbox);
}

static struct henge_address client_of(uint32_t node) {
    struct henge_address address = world_address(node);
    address.port = 50123;
    return address;
}

/* No datagram gets through to node 1; the stream does, and it lives. */
Test(streams, member_that_only_a_stream_reaches_is_alive) {
    streams_create(NULL, 3, 1);
    uint64_t begun_ns = world_run_to_ping(0, 1)->time_ns;
    world_run(PERIOD * 6 / 10);
    cr_assert_eq(calls_count, 1, "when the helpers are asked");
    const struct call *request = &calls[0];
    cr_assert_eq(request->node, 0);
    cr_assert_eq(
        memcmp(&request->target.address, &world.nodes[1].address, sizeof request->target.address),
        0);
    cr_assert_eq(request->target.generation, FIRST_GENERATION + 1);
    cr_assert_eq(request->request_token, 0, "nobody waits for its end");
    cr_assert_eq(request->message.head.type, MESSAGE_PING);
    cr_assert_eq(request->message.as.ping.target_name_hash, world_name(1));
    uint32_t health = detector_health(world.nodes[0].detector);
    struct probe_message ack = {.head = world_head(1, MESSAGE_ACK),
                                .as.ack = {.sequence = request->message.as.ping.sequence,
                                           .subject_name_hash = world_name(1),
                                           .subject_generation = FIRST_GENERATION + 1,
                                           .vitals = {.version = 3}}};
    carry(&ack, 0, &world.nodes[1].address, 7);
    world_run(begun_ns + PERIOD + NS_PER_MS - world.now_ns);
    cr_assert_eq(world.nodes[0].failed[2], 0);
    cr_assert_eq(world.nodes[0].alive_version, 3);
    cr_assert_eq(world_counters(0).probes_streamed, 1);
    cr_assert_eq(detector_health(world.nodes[0].detector), health, "and costs nothing");
    cr_assert_eq(world.nodes[0].probes_failed_of_8, 0);
    cr_assert_eq(world.nodes[0].contacts[2], 1, "direct contact");
    cr_assert_eq(world.nodes[0].rtt_us[2], 0, "but no round trip of a datagram");
    world_destroy();
}

Test(streams, ping_over_a_stream_is_answered_over_it) {
    streams_create(NULL, 2, 2);
    struct henge_address client = client_of(1);
    struct probe_message ping = world_ping(1, 0);
    ping.as.ping.held = (struct held){HELD_SUSPECT, 0};
    carry(&ping, 0, &client, 9);
    cr_assert_eq(calls_count, 1);
    cr_assert_eq(calls[0].stream, 9);
    cr_assert_eq(calls[0].message.head.type, MESSAGE_ACK);
    cr_assert_eq(calls[0].message.as.ack.sequence, 4711);
    cr_assert_eq(calls[0].message.as.ack.vitals.version, 1, "refuted at once");
    ping.as.ping.target_generation++;
    carry(&ping, 0, &client, 10);
    cr_assert_eq(calls[1].stream, 10);
    cr_assert_eq(calls[1].message.head.type, MESSAGE_NOT_ME);
    cr_assert_eq(world.log_count, 0, "no datagram to a port that nobody knows");
    cr_assert_eq(world.nodes[0].contacts[2], 0, "whose address that is cannot be told");
    world_destroy();
}

Test(streams, requests_for_others_do_not_come_over_streams) {
    streams_create(NULL, 3, 3);
    struct henge_address client = client_of(1);
    struct probe_message request = world_request(1, 2, 5, 500000);
    carry(&request, 0, &client, 9);
    struct probe_message nack = {.head = world_head(1, MESSAGE_NACK), .as.nack = {5}};
    carry(&nack, 0, &client, 9);
    cr_assert_eq(world_counters(0).misdirected, 2);
    cr_assert_eq(world.log_count + calls_count, 0);
    world_destroy();
}

/* What is lent is not written to; sixteen are lent at most. */
Test(streams, scripts_are_lent_until_they_are_given_back) {
    streams_create(NULL, 2, 2);
    struct henge_address client = client_of(1);
    for (uint32_t i = 0; i < DETECTOR_SCRIPTS_MAX + 3; i++) {
        struct probe_message ping = world_ping(1, 0);
        ping.as.ping.sequence = i + 1;
        carry(&ping, 0, &client, i + 1);
    }
    cr_assert_eq(calls_count, DETECTOR_SCRIPTS_MAX);
    cr_assert_eq(world_counters(0).acks_sent, DETECTOR_SCRIPTS_MAX);
    for (uint32_t i = 0; i < DETECTOR_SCRIPTS_MAX; i++) {
        cr_assert_eq(memcmp(calls[i].script, calls[i].bytes, 2 + PROBE_WIRE_BYTES_MAX), 0);
    }
    detector_script_done(world.nodes[0].detector, calls[5].script_token);
    struct probe_message ping = world_ping(1, 0);
    carry(&ping, 0, &client, 99);
    carry(&ping, 0, &client, 100);
    cr_assert_eq(calls_count, DETECTOR_SCRIPTS_MAX + 1);
    cr_assert_eq(calls[DETECTOR_SCRIPTS_MAX].script, calls[5].script);
    world_destroy();
}

/* No stream to be had: the probe goes on without. */
Test(streams, refused_stream_lends_nothing_and_changes_nothing) {
    streams_create(NULL, 3, 1);
    is_refusing = true;
    world_run(100 * PERIOD);
    cr_assert_gt(world_failures(0), 5);
    is_refusing = false;
    world_run(60 * PERIOD);
    cr_assert_geq(calls_count, 3);
    cr_assert_eq(calls[0].script_token, TOKEN_DETECTOR | 1, "the first one is free");
    world_destroy();
}

Test(streams, classic_knows_no_streams) {
    streams_create(&profile_classic, 3, 1);
    world_run(20 * PERIOD);
    cr_assert_gt(world_failures(0), 5);
    cr_assert_eq(calls_count, 0);
    world_destroy();
}
