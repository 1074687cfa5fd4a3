/* membership/detector/streams.h - messages that go over streams: a PING beside the helpers, and its
 * answer. See outbox.h for who carries them.
 *
 * Where datagrams are lost and streams pass (a firewall, a broken path), the member lives: that is
 * what the last resort of a probe finds out. A message is lent to its stream as a script from a
 * small table; when all are lent, or there is no memory, there is no stream probe, and no answer to
 * one. */
#ifndef MEMBERSHIP_DETECTOR_STREAMS_H
#define MEMBERSHIP_DETECTOR_STREAMS_H

#include "core/base/memory.h"
#include "membership/detector/probe_wire.h"
#include "membership/outbox.h"
#include <stdbool.h>
#include <stdint.h>

enum { STREAM_SCRIPT_BYTES = 2 + PROBE_WIRE_BYTES_MAX };

struct streams {
    struct memory *memory;
    struct stream_script {
        uint8_t bytes[STREAM_SCRIPT_BYTES]; /* [u16 bytes][message] */
        bool is_lent;
    } * scripts[DETECTOR_SCRIPTS_MAX]; /* NULL: not needed yet */
};

void streams_init(struct streams *streams, struct memory *memory);
void streams_deinit(struct streams *streams);

/* False: no stream or no script to be had. */
bool streams_request(struct streams *streams, struct outbox *outbox,
                     const struct packet_target *target, const struct probe_message *message);
bool streams_answer(struct streams *streams, struct outbox *outbox, uint32_t stream,
                    const struct probe_message *message);
/* The script of this token is not lent any more. */
void streams_script_done(struct streams *streams, uint64_t token);

#endif
