/* core/base/queue.h - single-producer single-consumer queue of equal, small elements, copied in
 * and out. The only file pair that names ck_ring.
 *
 * Callers: one thread pushes, one pops. Progress: wait-free both ways. Ordering: what the producer
 * wrote before a push is seen by the consumer after the pop. A queue holds capacity - 1 elements
 * (ck_ring keeps one slot free). The wake-up of a sleeping consumer is the caller's: core/runtime.
 */
#ifndef CORE_BASE_QUEUE_H
#define CORE_BASE_QUEUE_H

#include "core/base/memory.h"
#include <stdbool.h>
#include <stdint.h>

struct queue; /* opaque; producer's and consumer's words on cache lines of their own */

/* capacity: power of two >= 4. NULL when there is no memory. */
struct queue *queue_create(struct memory *memory, uint32_t capacity, uint32_t element_bytes);
void queue_destroy(struct queue *queue);

bool queue_push(struct queue *queue, const void *element); /* producer; false = full */
bool queue_pop(struct queue *queue, void *element_out);    /* consumer; false = empty */
uint32_t queue_room(const struct queue *queue);            /* producer: pushes that will succeed */
/* Elements waiting. The consumer sees at least those; usable before a sleep: it must be preceded
 * by a seq_cst store of the sleep announcement. */
uint32_t queue_count(const struct queue *queue);

#endif
