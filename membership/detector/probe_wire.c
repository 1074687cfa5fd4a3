/* membership/detector/probe_wire.c - see probe_wire.h. */
#include "membership/detector/probe_wire.h"

#include "core/base/assert.h"
#include "membership/limits.h"

static uint32_t version_get(struct bytes_reader *reader) {
    uint32_t version = bytes_get_u32(reader);
    if (version > VERSION_MAX) {
        reader->failed = true;
    }
    return version;
}

static struct held held_get(struct bytes_reader *reader) {
    uint8_t flags = bytes_get_u8(reader) & HELD_BITS;
    uint32_t version = version_get(reader);
    return (struct held){.flags = flags, .version = flags != 0 ? version : 0};
}

static void held_put(struct bytes_writer *writer, const struct held *held) {
    bytes_put_u8(writer, held->flags);
    bytes_put_u32(writer, held->version);
}

static struct vitals vitals_get(struct bytes_reader *reader) {
    struct vitals vitals;
    vitals.version = version_get(reader);
    vitals.fingerprint = bytes_get_u64(reader);
    vitals.fingerprint_age_ms = bytes_get_u32(reader);
    return vitals;
}

static void vitals_put(struct bytes_writer *writer, const struct vitals *vitals) {
    bytes_put_u32(writer, vitals->version);
    bytes_put_u64(writer, vitals->fingerprint);
    bytes_put_u32(writer, vitals->fingerprint_age_ms);
}

static struct ping ping_get(struct bytes_reader *reader) {
    struct ping ping;
    ping.sequence = bytes_get_u32(reader);
    ping.target_name_hash = bytes_get_u64(reader);
    ping.target_generation = bytes_get_u64(reader);
    ping.held = held_get(reader);
    ping.vitals = vitals_get(reader);
    return ping;
}

static void ping_put(struct bytes_writer *writer, const struct ping *ping) {
    bytes_put_u32(writer, ping->sequence);
    bytes_put_u64(writer, ping->target_name_hash);
    bytes_put_u64(writer, ping->target_generation);
    held_put(writer, &ping->held);
    vitals_put(writer, &ping->vitals);
}

static struct ack ack_get(struct bytes_reader *reader) {
    struct ack ack;
    ack.sequence = bytes_get_u32(reader);
    ack.subject_name_hash = bytes_get_u64(reader);
    ack.subject_generation = bytes_get_u64(reader);
    ack.held = held_get(reader);
    ack.vitals = vitals_get(reader);
    return ack;
}

static void ack_put(struct bytes_writer *writer, const struct ack *ack) {
    bytes_put_u32(writer, ack->sequence);
    bytes_put_u64(writer, ack->subject_name_hash);
    bytes_put_u64(writer, ack->subject_generation);
    held_put(writer, &ack->held);
    vitals_put(writer, &ack->vitals);
}

static struct ping_req ping_req_get(struct bytes_reader *reader) {
    struct ping_req request;
    request.sequence = bytes_get_u32(reader);
    request.target_name_hash = bytes_get_u64(reader);
    request.target_generation = bytes_get_u64(reader);
    request.held = held_get(reader);
    request.remaining_us = bytes_get_u32(reader);
    return request;
}

static void ping_req_put(struct bytes_writer *writer, const struct ping_req *request) {
    bytes_put_u32(writer, request->sequence);
    bytes_put_u64(writer, request->target_name_hash);
    bytes_put_u64(writer, request->target_generation);
    held_put(writer, &request->held);
    bytes_put_u32(writer, request->remaining_us);
}

static struct not_me not_me_get(struct bytes_reader *reader) {
    struct not_me not_me;
    not_me.sequence = bytes_get_u32(reader);
    not_me.asked_name_hash = bytes_get_u64(reader);
    not_me.asked_generation = bytes_get_u64(reader);
    return not_me;
}

static void not_me_put(struct bytes_writer *writer, const struct not_me *not_me) {
    bytes_put_u32(writer, not_me->sequence);
    bytes_put_u64(writer, not_me->asked_name_hash);
    bytes_put_u64(writer, not_me->asked_generation);
}

enum probe_wire_result probe_wire_get(struct bytes_reader *reader,
                                      struct probe_message *message_out) {
    if (!message_head_get(reader, &message_out->head)) {
        return PROBE_WIRE_MALFORMED;
    }
    switch (message_out->head.type) {
    case MESSAGE_PING:
        message_out->as.ping = ping_get(reader);
        break;
    case MESSAGE_ACK:
        message_out->as.ack = ack_get(reader);
        break;
    case MESSAGE_PING_REQ:
        message_out->as.ping_req = ping_req_get(reader);
        break;
    case MESSAGE_NACK:
        message_out->as.nack.sequence = bytes_get_u32(reader);
        break;
    case MESSAGE_NOT_ME:
        message_out->as.not_me = not_me_get(reader);
        break;
    default:
        return PROBE_WIRE_UNKNOWN;
    }
    return reader->failed ? PROBE_WIRE_MALFORMED : PROBE_WIRE_OK;
}

void probe_wire_put(struct bytes_writer *writer, const struct probe_message *message) {
    message_head_put(writer, &message->head);
    switch (message->head.type) {
    case MESSAGE_PING:
        ping_put(writer, &message->as.ping);
        break;
    case MESSAGE_ACK:
        ack_put(writer, &message->as.ack);
        break;
    case MESSAGE_PING_REQ:
        ping_req_put(writer, &message->as.ping_req);
        break;
    case MESSAGE_NACK:
        bytes_put_u32(writer, message->as.nack.sequence);
        break;
    case MESSAGE_NOT_ME:
        not_me_put(writer, &message->as.not_me);
        break;
    default:
        ASSERT(false && "a detector message");
    }
}
