/* core/base/epoch.h - epoch-based reclamation (Fraser, Practical lock-freedom, 2004) with
 * asymmetric fences: a section costs its reader two stores and no fence where the kernel has
 * membarrier.
 *
 * One domain per runtime. Readers register a record each and bracket their reading with begin and
 * end [wait-free]. One writer thread retires objects and polls; it never waits for a reader. An
 * object is released when every section that was open at its retirement has ended. */
#ifndef CORE_BASE_EPOCH_H
#define CORE_BASE_EPOCH_H

#include "core/base/assert.h"
#include "core/base/memory.h"
#include "core/base/sanitizer.h"
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct epoch_domain;

enum {
    EPOCH_LINE_BYTES = 128,
    EPOCH_AT_REST = 0 /* shown outside sections; epochs begin with 1 */
};

/* Here for the two inline functions below; the rest is epoch.c's. */
struct epoch_reader {
    alignas(EPOCH_LINE_BYTES) _Atomic uint64_t shown; /* by the owner; the writer reads it */
    const _Atomic uint64_t *epoch;                    /* the domain's */
    bool is_fenced;                                   /* no membarrier: begin has to */
    struct epoch_domain *domain;
    _Atomic uint32_t state; /* enum slot_state */
};

/* Embedded in what is to be reclaimed. */
struct epoch_entry {
    struct epoch_entry *next;
    uint64_t epoch; /* in which it was retired */
    void (*release)(struct epoch_entry *entry);
};

struct epoch_domain *epoch_domain_create(struct memory *memory, uint32_t readers_max);
/* Runs every pending release. No reader may be in a section. */
void epoch_domain_destroy(struct epoch_domain *domain);

/* As if there were no membarrier: for tests, before any section. */
void epoch_domain_fence(struct epoch_domain *domain);

/* Any thread, not wait-free. NULL at readers_max. */
struct epoch_reader *epoch_reader_create(struct epoch_domain *domain);
void epoch_reader_destroy(struct epoch_reader *reader);

/* Caller: the reader's owner; sections of one reader do not nest. Wait-free. The epoch is loaded
 * with acquire: whoever shows an epoch sees what was unlinked before it began (partner: the release
 * in epoch_retire). It may be an old one by the time it is shown, which holds back more and never
 * less. Shown with release: what the owner did in the section before is over for whoever reads this
 * (partner: the acquire in the scan). */
static inline void epoch_begin(struct epoch_reader *reader) {
    ASSERT(atomic_load_explicit(&reader->shown, memory_order_relaxed) == EPOCH_AT_REST);
    const uint64_t epoch = atomic_load_explicit(reader->epoch, memory_order_acquire);
    atomic_store_explicit(&reader->shown, epoch, memory_order_release);
    if (reader->is_fenced) {
        SANITIZER_FENCE();
    } else {
        atomic_signal_fence(memory_order_seq_cst);
    }
}

/* Caller: the reader's owner. Wait-free. Release: every load of the section is done before it is
 * seen to have ended (partner: the acquire in the scan). */
static inline void epoch_end(struct epoch_reader *reader) {
    ASSERT(atomic_load_explicit(&reader->shown, memory_order_relaxed) != EPOCH_AT_REST);
    atomic_store_explicit(&reader->shown, EPOCH_AT_REST, memory_order_release);
}

/* The writer thread only. */
void epoch_retire(struct epoch_domain *domain, struct epoch_entry *entry,
                  void (*release)(struct epoch_entry *entry));
/* Releases what may be; returns how many are still waiting. Never blocks. */
uint32_t epoch_poll(struct epoch_domain *domain);

#endif
