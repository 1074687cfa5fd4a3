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

enum { DETECTOR_SCRIPTS_MAX = 16 };

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

/* Whose a script or a request is: the tokens of LANE_DETECTOR have this bit, those of LANE_GOSSIP
 * have not. 0 is nobody's. */
#define TOKEN_DETECTOR (UINT64_C(1) << 63)

struct outbox {
    void *context;
    /* Room for one message of at most *capacity_out bytes, or NULL. One at a time. */
    uint8_t *(*begin)(void *context, size_t *capacity_out);
    /* Sends it; bytes = 0 gives the room back unsent. */
    void (*commit)(void *context, const struct packet_target *target, size_t bytes);
    /* Opens a stream to target and sends the script, records of [u16 bytes][message]; answers come
     * as messages with the source's stream set; membership_stream_ended tells the end with
     * request_token; with request_token 0 nobody is told. The script is lent until
     * membership_script_done(script_token), or detector_script_done if TOKEN_DETECTOR is set.
     * False: no stream to be had now, nothing is lent, nothing more is told.
     *
     * A stream belongs to one lane, the target's: the packets of request and answer bear it, and
     * each goes to the role of its lane. Lane detector's requests are single PINGs, answered by one
     * ACK or NOT_ME: the receiver gets the PING from its detector_receive with the source's stream
     * set and answers by stream_answer; the asker gets the answer likewise, its source's address
     * being the address that was dialled. At most DETECTOR_SCRIPTS_MAX scripts of one detector are
     * lent at a time. NULL: this outbox has no streams. */
    bool (*stream_request)(void *context, const struct packet_target *target, const uint8_t *script,
                           size_t script_bytes, uint64_t script_token, uint64_t request_token);
    /* Sends the script on the stream that brought a request and ends it. False as above. */
    bool (*stream_answer)(void *context, uint32_t stream, const uint8_t *script,
                          size_t script_bytes, uint64_t script_token);
};

#endif
