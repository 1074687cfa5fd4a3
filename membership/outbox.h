/* membership/outbox.h - how the protocol sends: effects that its caller carries out.
 *
 * The protocol owns no socket. It writes each message into a buffer of the caller's and says where
 * it goes. "No buffer" is an ordinary answer: what was not put into a packet does not count as
 * sent. The runtime and the simulator each bring an outbox. */
#ifndef MEMBERSHIP_OUTBOX_H
#define MEMBERSHIP_OUTBOX_H

#include "henge/address.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which role of the receiver wants a packet. Travels as the lane byte of io/seal.h. */
enum lane { LANE_GOSSIP = 1, LANE_DETECTOR = 2 };

/* Where a message came from. */
struct packet_source {
    struct henge_address address;
    uint64_t destination_generation; /* whom the sender meant; 0 = it did not know */
    uint64_t received_ns;
    uint32_t stream; /* answers go there; 0 = datagram */
};

struct packet_target {
    struct henge_address address;
    uint64_t generation; /* of the receiver, 0 = not known */
    uint8_t lane;
};

struct outbox {
    void *context;
    /* Room for one message of at most *capacity_out bytes, or NULL. One at a time. */
    uint8_t *(*begin)(void *context, size_t *capacity_out);
    /* Sends it; bytes = 0 gives the room back unsent. */
    void (*commit)(void *context, const struct packet_target *target, size_t bytes);
    /* Opens a stream to target and sends the script, records of [u16 bytes][message]; answers come
     * as messages with the source's stream set; membership_stream_ended tells the end with
     * request_token. The script is lent until membership_script_done(script_token). False: no
     * stream to be had now. */
    bool (*stream_request)(void *context, const struct packet_target *target, const uint8_t *script,
                           size_t script_bytes, uint64_t script_token, uint64_t request_token);
    /* Sends the script on the stream that brought a request and ends it. */
    bool (*stream_answer)(void *context, uint32_t stream, const uint8_t *script,
                          size_t script_bytes, uint64_t script_token);
};

#endif
