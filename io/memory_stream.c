/* io/memory_stream.c - two streams that are each other's end. Each has a ring of the bytes that
 * were sent to it; whoever changes a ring puts the other end's pending operations to work. */
#include "io/memory_loop.h"
#include "core/base/assert.h"
#include <errno.h>
#include <string.h>

_Static_assert((STREAM_RING_BYTES & (STREAM_RING_BYTES - 1)) == 0, "positions are masked");

static uint32_t used_bytes(const struct memory_stream *stream) {
    return stream->tail - stream->head;
}

static uint32_t smaller(uint32_t one, uint32_t other) {
    return one < other ? one : other;
}

/* The other end, NULL when it is closed. */
static struct proactor_stream *other_end(struct memory_loop *loop, uint32_t slot) {
    struct proactor_stream *other =
        proactor_stream_find(&loop->proactor, loop->streams[slot].other);
    return other != NULL && other->state != STREAM_CLOSING ? other : NULL;
}

static bool make_ring(struct memory_loop *loop, uint32_t slot, uint32_t other) {
    uint8_t *ring =
        memory_alloc(loop->proactor.transport.memory, STREAM_RING_BYTES, HENGE_MEMORY_NET);
    loop->streams[slot] = (struct memory_stream){.ring = ring, .other = other};
    return ring != NULL;
}

int memory_stream_connect(struct proactor *proactor, uint32_t slot) {
    struct memory_loop *loop = memory_loop_of(proactor);
    struct proactor_stream *stream = &proactor->streams[slot];
    uint32_t endpoint = 0;
    if (!memory_endpoint_at(loop, &stream->peer, &endpoint) ||
        proactor_endpoint_state(proactor, endpoint) != ENDPOINT_ATTACHED) {
        return ECONNREFUSED;
    }
    if (!make_ring(loop, slot, TRANSPORT_NO_STREAM)) {
        return ENOMEM;
    }
    struct proactor_stream *other =
        proactor_accepted(proactor, endpoint, &loop->endpoints[stream->endpoint].address);
    if (other == NULL) {
        return 0; /* as with TCP: connected, and closed by the other end at once */
    }
    if (!make_ring(loop, stream_id_slot(other->id), stream->id)) {
        proactor_stream_close(&proactor->transport, other->id);
        return ENOMEM;
    }
    loop->streams[slot].other = other->id;
    return 0;
}

static void copy_out(const struct memory_stream *from, uint8_t *to, uint32_t bytes) {
    uint32_t start = from->head & (STREAM_RING_BYTES - 1);
    uint32_t straight = smaller(bytes, STREAM_RING_BYTES - start);
    memcpy(to, from->ring + start, straight);
    memcpy(to + straight, from->ring, bytes - straight);
}

static void copy_in(struct memory_stream *to, const uint8_t *from, uint32_t bytes) {
    uint32_t start = to->tail & (STREAM_RING_BYTES - 1);
    uint32_t straight = smaller(bytes, STREAM_RING_BYTES - start);
    memcpy(to->ring + start, from, straight);
    memcpy(to->ring, from + straight, bytes - straight);
}

int32_t memory_stream_read(struct proactor *proactor, uint32_t slot) {
    struct memory_loop *loop = memory_loop_of(proactor);
    const struct proactor_stream *stream = &proactor->streams[slot];
    struct memory_stream *mine = &loop->streams[slot];
    struct proactor_stream *other = other_end(loop, slot);
    uint32_t bytes = smaller(stream->read_bytes, used_bytes(mine));
    if (bytes == 0) {
        return other == NULL ? 0 : -EAGAIN;
    }
    copy_out(mine, stream->read_into, bytes);
    mine->head += bytes;
    if (other != NULL) {
        proactor_stream_ready(proactor, other);
    }
    return (int32_t)bytes;
}

int32_t memory_stream_write(struct proactor *proactor, uint32_t slot) {
    struct memory_loop *loop = memory_loop_of(proactor);
    const struct proactor_stream *stream = &proactor->streams[slot];
    struct proactor_stream *other = other_end(loop, slot);
    if (other == NULL) {
        return -EPIPE;
    }
    struct memory_stream *theirs = &loop->streams[stream_id_slot(other->id)];
    uint32_t bytes = smaller(stream->write_bytes, STREAM_RING_BYTES - used_bytes(theirs));
    if (bytes == 0) {
        return -EAGAIN;
    }
    copy_in(theirs, stream->write_from, bytes);
    theirs->tail += bytes;
    proactor_stream_ready(proactor, other);
    return (int32_t)bytes;
}

void memory_stream_release(struct proactor *proactor, uint32_t slot) {
    struct memory_loop *loop = memory_loop_of(proactor);
    struct proactor_stream *other = other_end(loop, slot);
    memory_release(proactor->transport.memory, loop->streams[slot].ring, STREAM_RING_BYTES,
                   HENGE_MEMORY_NET);
    loop->streams[slot] = (struct memory_stream){0};
    if (other != NULL) {
        proactor_stream_ready(proactor, other);
    }
}
