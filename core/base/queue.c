/* core/base/queue.c - see queue.h.
 *
 * One ck_ring and its slots in one block. ck_ring keeps the consumer's word, the producer's words
 * and the constants on lines of their own; the slots start on a further one. */
#include "core/base/queue.h"
#include "core/base/assert.h"
#include "core/base/sanitizer.h"
#include <ck_ring.h>
#include <stdalign.h>

enum { LINE_BYTES = CK_MD_CACHELINE, CAPACITY_MIN = 4 };

struct queue {
    alignas(LINE_BYTES) struct ck_ring ring;
    struct memory *memory;
    size_t allocated_bytes;
    uint32_t element_bytes;
    alignas(LINE_BYTES) uint8_t slots[];
};

_Static_assert(offsetof(struct ck_ring, p_tail) - offsetof(struct ck_ring, c_head) >= LINE_BYTES,
               "producer and consumer do not share a line");

struct queue *queue_create(struct memory *memory, uint32_t capacity, uint32_t element_bytes) {
    ASSERT(capacity >= CAPACITY_MIN && (capacity & (capacity - 1)) == 0);
    /* ck computes slot offsets in 32 bits */
    ASSERT(element_bytes > 0 && element_bytes <= UINT32_MAX / capacity);
    size_t bytes = sizeof(struct queue) + (size_t)capacity * element_bytes;
    struct queue *queue = memory_alloc_aligned(memory, bytes, LINE_BYTES, HENGE_MEMORY_CORE);
    if (queue == NULL) {
        return NULL;
    }
    ck_ring_init(&queue->ring, capacity);
    queue->memory = memory;
    queue->allocated_bytes = bytes;
    queue->element_bytes = element_bytes;
    return queue;
}

void queue_destroy(struct queue *queue) {
    if (queue != NULL) {
        memory_release(queue->memory, queue, queue->allocated_bytes, HENGE_MEMORY_CORE);
    }
}

/* The two sizes that the hot paths use are copied without a call: buffers that go home, and
 * messages between roles. */
enum { POINTER_BYTES = sizeof(void *), MESSAGE_BYTES = 64 };

/* Caller: the producer. Wait-free: one load, one copy, one store. Ordering: the store fence in
 * ck's enqueue puts the element before the new tail; its partner is the load fence in dequeue,
 * between reading the tail and copying the element out. Without the pair the consumer could copy a
 * slot that is not written yet. */
SANITIZER_BLIND bool queue_push(struct queue *queue, const void *element) {
    SANITIZER_RELEASE(&queue->ring.p_tail);
    SANITIZER_QUIET_BEGIN();
    struct ck_ring *ring = &queue->ring;
    bool pushed;
    switch (queue->element_bytes) {
    case POINTER_BYTES:
        pushed = _ck_ring_enqueue_sp(ring, queue->slots, element, POINTER_BYTES, NULL);
        break;
    case MESSAGE_BYTES:
        pushed = _ck_ring_enqueue_sp(ring, queue->slots, element, MESSAGE_BYTES, NULL);
        break;
    default:
        pushed = _ck_ring_enqueue_sp(ring, queue->slots, element, queue->element_bytes, NULL);
    }
    SANITIZER_QUIET_END();
    return pushed;
}

/* Caller: the consumer. Wait-free. Ordering: as above; and the store fence between the copy and
 * the new head has its partner in the producer's control dependency on the head: a slot is written
 * again only after it was seen free, which it is not before the copy is over. */
SANITIZER_BLIND bool queue_pop(struct queue *queue, void *element_out) {
    SANITIZER_QUIET_BEGIN();
    struct ck_ring *ring = &queue->ring;
    bool popped;
    switch (queue->element_bytes) {
    case POINTER_BYTES:
        popped = _ck_ring_dequeue_sc(ring, queue->slots, element_out, POINTER_BYTES);
        break;
    case MESSAGE_BYTES:
        popped = _ck_ring_dequeue_sc(ring, queue->slots, element_out, MESSAGE_BYTES);
        break;
    default:
        popped = _ck_ring_dequeue_sc(ring, queue->slots, element_out, queue->element_bytes);
    }
    SANITIZER_QUIET_END();
    if (popped) {
        SANITIZER_ACQUIRE(&queue->ring.p_tail);
    }
    return popped;
}

/* Caller: the producer. Wait-free. The head may be old, so the room may be larger than said. */
SANITIZER_BLIND uint32_t queue_room(const struct queue *queue) {
    return ck_ring_capacity(&queue->ring) - 1 - ck_ring_size(&queue->ring);
}

/* Callers: the consumer or the producer (a third thread could see a head and a tail of different
 * times). Wait-free. Before a sleep: the consumer has stored SLEEPING seq_cst; the tail is loaded
 * after that in the one order of seq_cst operations. The partner is the producer's seq_cst fence
 * between its push and its look at SLEEPING: so either this load sees the push, or the producer
 * sees SLEEPING and wakes; both missing each other would be a lost wake-up. On x86 a seq_cst store
 * is a full barrier; elsewhere a later plain load may pass it, hence the fence. */
SANITIZER_BLIND uint32_t queue_count(const struct queue *queue) {
#if !defined(CK_MD_TSO)
    ck_pr_fence_memory();
#endif
    return ck_ring_size(&queue->ring);
}
