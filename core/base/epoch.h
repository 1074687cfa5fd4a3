/* core/base/epoch.h - epoch-based reclamation (Fraser, Practical lock-freedom, 2004) with
 * asymmetric fences: a section costs its reader two stores and no fence where the kernel has
 * membarrier.
 *
 * One domain per runtime. Readers register a record each and bracket their reading with begin and
 * end [wait-free]. One writer thread retires objects and polls; it never waits for a reader. An
 * object is released when every section that was open at its retirement has ended. */
#ifndef CORE_BASE_EPOCH_H
#define CORE_BASE_EPOCH_H

#include "core/base/memory.h"
#include <stdbool.h>
#include <stdint.h>

struct epoch_domain;
struct epoch_reader;

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

void epoch_begin(struct epoch_reader *reader);
void epoch_end(struct epoch_reader *reader);

/* The writer thread only. */
void epoch_retire(struct epoch_domain *domain, struct epoch_entry *entry,
                  void (*release)(struct epoch_entry *entry));
/* Releases what may be; returns how many are still waiting. Never blocks. */
uint32_t epoch_poll(struct epoch_domain *domain);

#endif
