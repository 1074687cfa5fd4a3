/* membership/message.h - message types and what every message begins with.
 *
 * A message is [u8 type][u8 0][u64 source name hash][u64 source generation][body]. Unknown types
 * and trailing bytes are skipped and counted, so that versions can be mixed. docs/protocol.md has
 * every body byte by byte. */
#ifndef MEMBERSHIP_MESSAGE_H
#define MEMBERSHIP_MESSAGE_H

#include "core/base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

enum message_type {
    /* lane gossip; wire.[ch] */
    MESSAGE_JOIN = 1,
    MESSAGE_JOIN_REPLY,
    MESSAGE_GOSSIP,
    MESSAGE_GOSSIP_REPLY,
    MESSAGE_SYNC,    /* bucket sums */
    MESSAGE_PULL,    /* asks for the records of some buckets */
    MESSAGE_RECORDS, /* a part of a snapshot, or of a repair */
    MESSAGE_LEAVE,
    MESSAGE_LEAVE_ACK,
    MESSAGE_WHO,  /* is the member of this name alive at this address? */
    MESSAGE_HERE, /* it is: its claim to the name, and its record */
    /* lane detector; detector/probe_wire.[ch] */
    MESSAGE_PING = 32,
    MESSAGE_ACK,
    MESSAGE_PING_REQ,
    MESSAGE_NACK,
    MESSAGE_NOT_ME,
};

enum { MESSAGE_HEAD_BYTES = 18 };

struct message_head {
    uint8_t type;
    uint64_t source_name_hash;
    uint64_t source_generation;
};

void message_head_put(struct bytes_writer *writer, const struct message_head *head);
bool message_head_get(struct bytes_reader *reader, struct message_head *head_out);

#endif
