/* core/runtime/node/role_message.h - what the three roles tell each other: one cache line, by
 * value.
 *
 *     io -> both           PACKET, HORIZON, SCRIPT_DONE, STREAM_ENDED
 *     io -> detector       REFUSED
 *     io -> gossip         ATTACHED, DETACHED
 *     both -> io           SEND, FLUSH, STREAM_REQUEST, STREAM_ANSWER
 *     detector -> io       ATTACH, DETACH
 *     gossip -> detector   PEER_SET, PEER_REMOVE, ACCUSED, GENERATION, FINGERPRINT, VERIFY, ATTACH,
 *                          DETACH
 *     detector -> gossip   PROBE_FAILED, PEER_ALIVE, NOT_ME, SELF_VERSION, PEER_FINGERPRINT, PROBES
 *
 * ATTACH and DETACH go round: gossip -> detector -> io -> gossip, so that nobody hears of a node
 * that the next one does not know yet. */
#ifndef CORE_RUNTIME_NODE_ROLE_MESSAGE_H
#define CORE_RUNTIME_NODE_ROLE_MESSAGE_H

#include "henge/address.h"
#include "membership/detector/detector.h"
#include <stdint.h>

struct buffer;

enum role_message_kind {
    ROLE_PACKET = 1,
    ROLE_HORIZON,
    ROLE_SCRIPT_DONE,
    ROLE_STREAM_ENDED,
    ROLE_ATTACH,
    ROLE_ATTACHED,
    ROLE_DETACH,
    ROLE_DETACHED,
    ROLE_SEND,
    ROLE_FLUSH,
    ROLE_STREAM_REQUEST,
    ROLE_STREAM_ANSWER,
    ROLE_PEER_SET,
    ROLE_PEER_REMOVE,
    ROLE_ACCUSED,
    ROLE_GENERATION,
    ROLE_FINGERPRINT,
    ROLE_PROBE_FAILED,
    ROLE_PEER_ALIVE,
    ROLE_NOT_ME,
    ROLE_SELF_VERSION,
    ROLE_PEER_FINGERPRINT,
    ROLE_VERIFY,
    ROLE_PROBES,
    ROLE_DECLARED_DEAD,
    ROLE_REFUSED,
};

struct role_message {
    uint8_t kind; /* enum role_message_kind */
    uint8_t flag; /* STREAM_ENDED: failed; GENERATION: it has no voice any more */
    uint16_t zero;
    uint32_t node; /* id of the node in its runtime */
    union {
        struct henge_address address; /* REFUSED: nobody listens there */
        struct buffer *buffer;        /* PACKET, SEND: ownership moves */
        uint64_t time_ns;             /* HORIZON: all received before it was handed over */
        uint64_t token;               /* SCRIPT_DONE: script; STREAM_ENDED: request */
        struct {
            struct henge_address address;
            uint32_t script_bytes;
            uint64_t generation;
            const uint8_t *script;
            uint64_t script_token;
            uint64_t request_token;
        } request; /* STREAM_REQUEST */
        struct {
            uint32_t stream;
            uint32_t script_bytes;
            const uint8_t *script;
            uint64_t script_token;
        } answer; /* STREAM_ANSWER */
        struct {
            uint32_t slot;
            struct detector_peer peer;
        } peer; /* PEER_SET, PEER_REMOVE */
        struct {
            uint32_t slot;
            uint32_t version;
            uint64_t generation;
        } incarnation; /* ACCUSED, GENERATION, VERIFY, PROBE_FAILED, PEER_ALIVE, NOT_ME,
                          SELF_VERSION; PROBES: version = failed of the last 8 */
        struct {
            uint32_t slot;
            uint64_t fingerprint;
            uint64_t time_ns; /* FINGERPRINT: since; PEER_FINGERPRINT: age */
        } fingerprint;
    } as;
};

_Static_assert(sizeof(struct role_message) == 64, "a role message is one cache line");

#endif
