/* tests/unit/membership/test_detector_wire.c - the detector's messages: round trips, truncation,
 * the bytes that docs/protocol.md draws. */
#include "core/base/random.h"
#include "membership/detector/probe_wire.h"
#include "membership/limits.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct probe_message random_message(struct random *random, uint8_t type) {
    struct probe_message message;
    memset(&message, 0, sizeof message);
    message.head = (struct message_head){.type = type,
                                         .source_name_hash = random_u64(random),
                                         .source_generation = random_u64(random)};
    uint32_t sequence = (uint32_t)random_u64(random);
    uint64_t name_hash = random_u64(random), generation = random_u64(random);
    struct held held = {.flags = (uint8_t)random_below(random, 4)};
    held.version = held.flags != 0 ? (uint32_t)random_below(random, VERSION_MAX + 1) : 0;
    struct vitals vitals = {.version = (uint32_t)random_below(random, VERSION_MAX + 1),
                            .fingerprint_age_ms = (uint32_t)random_u64(random),
                            .fingerprint = random_u64(random)};
    switch (type) {
    case MESSAGE_PING:
        message.as.ping = (struct ping){sequence, name_hash, generation, held, vitals};
        break;
    case MESSAGE_ACK:
        message.as.ack = (struct ack){sequence, name_hash, generation, held, vitals};
        break;
    case MESSAGE_PING_REQ:
        message.as.ping_req =
            (struct ping_req){sequence, name_hash, generation, held, (uint32_t)random_u64(random)};
        break;
    case MESSAGE_NACK:
        message.as.nack = (struct nack){sequence};
        break;
    default:
        message.as.not_me = (struct not_me){sequence, name_hash, generation};
    }
    return message;
}

static const uint8_t types[] = {MESSAGE_PING, MESSAGE_ACK, MESSAGE_PING_REQ, MESSAGE_NACK,
                                MESSAGE_NOT_ME};
static const size_t sizes[] = {59, 59, 47, 22, 38};

static size_t encode(uint8_t *bytes, size_t room, const struct probe_message *message) {
    struct bytes_writer writer = bytes_writer_of(bytes, room);
    probe_wire_put(&writer, message);
    return writer.failed ? 0 : bytes_written(&writer);
}

/* Re-encoding what was decoded gives the same bytes: nothing is lost or moved. */
Test(probe_wire, round_trip_truncation_and_trailing_bytes) {
    struct random random = random_of_seed(11);
    for (int round = 0; round < 2000; round++) {
        size_t which = (size_t)round % 5;
        struct probe_message message = random_message(&random, types[which]), decoded;
        uint8_t bytes[PROBE_WIRE_BYTES_MAX + 8] = {0}, again[PROBE_WIRE_BYTES_MAX + 8] = {0};
        size_t size = encode(bytes, sizeof bytes, &message);
        cr_assert_eq(size, sizes[which]);
        cr_assert_eq(encode(again, size - 1, &message), 0, "no room");
        struct bytes_reader reader = bytes_reader_of(bytes, size + 8);
        cr_assert_eq(probe_wire_get(&reader, &decoded), PROBE_WIRE_OK);
        cr_assert_eq(bytes_left(&reader), 8, "trailing bytes are skipped");
        memset(again, 0, sizeof again);
        cr_assert_eq(encode(again, sizeof again, &decoded), size);
        cr_assert_arr_eq(bytes, again, size);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *exact = malloc(cut > 0 ? cut : 1);
            memcpy(exact, bytes, cut);
            reader = bytes_reader_of(exact, cut);
            cr_assert_eq(probe_wire_get(&reader, &decoded), PROBE_WIRE_MALFORMED);
            free(exact);
        }
    }
}

/* The layout of docs/protocol.md, so that a change of either is noticed. */
Test(probe_wire, ping_is_what_the_document_draws) {
    struct probe_message message = {.head = {MESSAGE_PING, 0x1112131415161718, 0x2122232425262728},
                                    .as.ping = {.sequence = 0x31323334,
                                                .target_name_hash = 0x4142434445464748,
                                                .target_generation = 0x5152535455565758,
                                                .held = {HELD_DEAD, 0x61626364},
                                                .vitals = {.version = 0x71727374,
                                                           .fingerprint = 0x8182838485868788,
                                                           .fingerprint_age_ms = 0x91929394}}};
    static const uint8_t expected[] = {
        32,   0,    0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x28, 0x27, 0x26, 0x25, 0x24,
        0x23, 0x22, 0x21, 0x34, 0x33, 0x32, 0x31, 0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41,
        0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51, 2,    0x64, 0x63, 0x62, 0x61, 0x74, 0x73,
        0x72, 0x71, 0x88, 0x87, 0x86, 0x85, 0x84, 0x83, 0x82, 0x81, 0x94, 0x93, 0x92, 0x91};
    uint8_t bytes[PROBE_WIRE_BYTES_MAX];
    cr_assert_eq(encode(bytes, sizeof bytes, &message), sizeof expected);
    cr_assert_arr_eq(bytes, expected, sizeof expected);
}

Test(probe_wire, versions_beyond_the_limit_and_unknown_types_are_refused) {
    struct random random = random_of_seed(12);
    struct probe_message message = random_message(&random, MESSAGE_PING), decoded;
    uint8_t bytes[PROBE_WIRE_BYTES_MAX];
    message.as.ping.vitals.version = VERSION_MAX + 1;
    size_t size = encode(bytes, sizeof bytes, &message);
    struct bytes_reader reader = bytes_reader_of(bytes, size);
    cr_assert_eq(probe_wire_get(&reader, &decoded), PROBE_WIRE_MALFORMED);
    message.as.ping.vitals.version = VERSION_MAX;
    message.as.ping.held = (struct held){0x80 | HELD_SUSPECT, VERSION_MAX};
    size = encode(bytes, sizeof bytes, &message);
    reader = bytes_reader_of(bytes, size);
    cr_assert_eq(probe_wire_get(&reader, &decoded), PROBE_WIRE_OK);
    cr_assert_eq(decoded.as.ping.held.flags, HELD_SUSPECT, "unknown bits are skipped");
    bytes[0] = MESSAGE_GOSSIP;
    reader = bytes_reader_of(bytes, size);
    cr_assert_eq(probe_wire_get(&reader, &decoded), PROBE_WIRE_UNKNOWN);
}
