/* membership/detector/probe_wire.h - the five messages of the failure detector, bytes <-> structs.
 *
 * docs/protocol.md, "Detector messages", draws them byte by byte. Decoding is total: any bytes give
 * a message or a result that says why not (a version above VERSION_MAX is malformed);
 * trailing bytes and unknown flag bits are skipped, so that versions can be mixed. */
#ifndef MEMBERSHIP_DETECTOR_PROBE_WIRE_H
#define MEMBERSHIP_DETECTOR_PROBE_WIRE_H

#include "core/base/bytes.h"
#include "membership/message.h"
#include <stdint.h>

/* How the sender holds the receiver (PING, ACK) or the target (PING_REQ). */
enum {
    HELD_SUSPECT = 1, /* bit 0 */
    HELD_DEAD = 2,    /* bit 1 */
    HELD_BITS = HELD_SUSPECT | HELD_DEAD
};

/* Meaningful only when flags has one of HELD_BITS; version 0 otherwise. */
struct held {
    uint8_t flags;
    uint32_t version; /* that the receiver is held at, in the generation the message names */
};

/* What rides on every ping and ack about its subject. */
struct vitals {
    uint32_t version;
    uint32_t fingerprint_age_ms; /* saturates */
    uint64_t fingerprint;
};

struct ping {
    uint32_t sequence;
    uint64_t target_name_hash;
    uint64_t target_generation;
    struct held held;
    struct vitals vitals; /* the sender's */
};

/* The subject is who was pinged: the sender itself, or the one a helper pinged for us. */
struct ack {
    uint32_t sequence;
    uint64_t subject_name_hash;
    uint64_t subject_generation;
    struct held held; /* how the sender holds the receiver; nothing when passed on by a helper */
    struct vitals vitals; /* the subject's */
};

struct ping_req {
    uint32_t sequence;
    uint64_t target_name_hash;
    uint64_t target_generation;
    struct held held;
    uint32_t remaining_us; /* until the asker judges */
};

struct nack {
    uint32_t sequence;
};

/* "You asked for this one; I am whom the head names." */
struct not_me {
    uint32_t sequence;
    uint64_t asked_name_hash;
    uint64_t asked_generation;
};

struct probe_message {
    struct message_head head; /* its type says which member of `as` */
    union {
        struct ping ping;
        struct ack ack;
        struct ping_req ping_req;
        struct nack nack;
        struct not_me not_me;
    } as;
};

enum probe_wire_result { PROBE_WIRE_OK = 0, PROBE_WIRE_MALFORMED, PROBE_WIRE_UNKNOWN };

/* The longest message: a PING. */
enum { PROBE_WIRE_BYTES_MAX = MESSAGE_HEAD_BYTES + 41 };

enum probe_wire_result probe_wire_get(struct bytes_reader *reader,
                                      struct probe_message *message_out);
void probe_wire_put(struct bytes_writer *writer, const struct probe_message *message);

#endif
