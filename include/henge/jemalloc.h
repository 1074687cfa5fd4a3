/* henge/jemalloc.h - a jemalloc arena as a henge allocator (library henge_jemalloc).
 *
 * Linking this library replaces the whole program's malloc with jemalloc's. The henge library
 * itself does not depend on it. One arena per allocator, no thread cache, so what a runtime holds
 * can be read and freed as one. */
#ifndef HENGE_JEMALLOC_H
#define HENGE_JEMALLOC_H

#include <henge/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes an arena and fills `allocator_out`. HENGE_SYSTEM if jemalloc refuses. [may block] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_jemalloc_create(struct henge_allocator *allocator_out);

/* Destroys the arena and all that is in it: destroy the runtime first. [may block] */
HENGE_PUBLIC void henge_jemalloc_destroy(struct henge_allocator *allocator);

/* Bytes of the arena in use by the program, and mapped. [may block] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_jemalloc_stats(const struct henge_allocator *allocator, size_t *allocated_bytes_out,
                     size_t *mapped_bytes_out);

#ifdef __cplusplus
}
#endif
#endif
