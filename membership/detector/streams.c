/* membership/detector/streams.c - see streams.h. */
#include "membership/detector/streams.h"

#include "core/base/assert.h"
#include <string.h>

/* Writes the message into a free script; NULL when all are lent. */
static struct stream_script *script_of(struct streams *streams, const struct probe_message *message,
                                       size_t *bytes_out) {
    for (uint32_t i = 0; i < DETECTOR_SCRIPTS_MAX; i++) {
        struct stream_script *script = &streams->scripts[i];
        if (script->is_lent) {
            continue;
        }
        struct bytes_writer body = bytes_writer_of(script->bytes + 2, sizeof script->bytes - 2);
        struct bytes_writer head = bytes_writer_of(script->bytes, 2);
        probe_wire_put(&body, message);
        ASSERT(!body.failed);
        bytes_put_u16(&head, (uint16_t)bytes_written(&body));
        *bytes_out = 2 + bytes_written(&body);
        return script;
    }
    return NULL;
}

static uint64_t token_of(const struct streams *streams, const struct stream_script *script) {
    return TOKEN_DETECTOR | ((uint64_t)(script - streams->scripts) + 1);
}

bool streams_request(struct streams *streams, struct outbox *outbox,
                     const struct packet_target *target, const struct probe_message *message) {
    size_t bytes = 0;
    struct stream_script *script =
        outbox->stream_request != NULL ? script_of(streams, message, &bytes) : NULL;
    if (script == NULL) {
        return false;
    }
    script->is_lent = outbox->stream_request(outbox->context, target, script->bytes, bytes,
                                             token_of(streams, script), 0);
    return script->is_lent;
}

bool streams_answer(struct streams *streams, struct outbox *outbox, uint32_t stream,
                    const struct probe_message *message) {
    size_t bytes = 0;
    struct stream_script *script =
        outbox->stream_answer != NULL ? script_of(streams, message, &bytes) : NULL;
    if (script == NULL) {
        return false;
    }
    script->is_lent = outbox->stream_answer(outbox->context, stream, script->bytes, bytes,
                                            token_of(streams, script));
    return script->is_lent;
}

void streams_script_done(struct streams *streams, uint64_t token) {
    uint64_t index = (token & ~TOKEN_DETECTOR) - 1;
    ASSERT((token & TOKEN_DETECTOR) != 0 && index < DETECTOR_SCRIPTS_MAX);
    ASSERT(streams->scripts[index].is_lent);
    streams->scripts[index].is_lent = false;
}
