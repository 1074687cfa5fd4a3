/* membership/detector/streams.c - see streams.h. */
#include "membership/detector/streams.h"

#include "core/base/assert.h"
#include <string.h>

static const enum henge_memory_tag TAG = HENGE_MEMORY_MEMBER;

void streams_init(struct streams *streams, struct memory *memory) {
    *streams = (struct streams){.memory = memory};
}

void streams_deinit(struct streams *streams) {
    for (uint32_t i = 0; i < DETECTOR_SCRIPTS_MAX; i++) {
        memory_release(streams->memory, streams->scripts[i], sizeof *streams->scripts[i], TAG);
    }
}

/* Writes the message into a free script; NULL when all are lent. */
static struct stream_script *script_of(struct streams *streams, const struct probe_message *message,
                                       uint64_t *token_out, size_t *bytes_out) {
    uint32_t at = 0;
    while (at < DETECTOR_SCRIPTS_MAX && streams->scripts[at] != NULL &&
           streams->scripts[at]->is_lent) {
        at++;
    }
    if (at == DETECTOR_SCRIPTS_MAX) {
        return NULL;
    }
    struct stream_script *script = streams->scripts[at];
    if (script == NULL) {
        script = streams->scripts[at] = memory_alloc_zeroed(streams->memory, sizeof *script, TAG);
    }
    if (script == NULL) {
        return NULL;
    }
    struct bytes_writer body = bytes_writer_of(script->bytes + 2, sizeof script->bytes - 2);
    struct bytes_writer head = bytes_writer_of(script->bytes, 2);
    probe_wire_put(&body, message);
    ASSERT(!body.failed);
    bytes_put_u16(&head, (uint16_t)bytes_written(&body));
    *token_out = TOKEN_DETECTOR | ((uint64_t)at + 1);
    *bytes_out = 2 + bytes_written(&body);
    return script;
}

bool streams_request(struct streams *streams, struct outbox *outbox,
                     const struct packet_target *target, const struct probe_message *message) {
    uint64_t token = 0;
    size_t bytes = 0;
    struct stream_script *script =
        outbox->stream_request != NULL ? script_of(streams, message, &token, &bytes) : NULL;
    if (script == NULL) {
        return false;
    }
    script->is_lent =
        outbox->stream_request(outbox->context, target, script->bytes, bytes, token, 0);
    return script->is_lent;
}

bool streams_answer(struct streams *streams, struct outbox *outbox, uint32_t stream,
                    const struct probe_message *message) {
    uint64_t token = 0;
    size_t bytes = 0;
    struct stream_script *script =
        outbox->stream_answer != NULL ? script_of(streams, message, &token, &bytes) : NULL;
    if (script == NULL) {
        return false;
    }
    script->is_lent = outbox->stream_answer(outbox->context, stream, script->bytes, bytes, token);
    return script->is_lent;
}

void streams_script_done(struct streams *streams, uint64_t token) {
    uint64_t index = (token & ~TOKEN_DETECTOR) - 1;
    ASSERT((token & TOKEN_DETECTOR) != 0 && index < DETECTOR_SCRIPTS_MAX);
    ASSERT(streams->scripts[index]->is_lent);
    streams->scripts[index]->is_lent = false;
}
