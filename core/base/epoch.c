/* core/base/epoch.c - see epoch.h.
 *
 * All reader records are one array, so that creating a reader is the claim of a slot. A slot is
 * registered with ck_epoch when it is first used and stays so: a record at rest (active == 0) never
 * delays a grace period, and reuse needs no second protocol beside our own slot state. The writer
 * polls through a record of its own, which is never active.
 *
 * Only ck_epoch_call and ck_epoch_poll are used: barrier and synchronize spin. */
#include "core/base/epoch.h"
#include "core/base/assert.h"
#include "core/base/sanitizer.h"
#include <ck_epoch.h>
#include <stdalign.h>
#include <string.h>

enum slot_state { SLOT_NEW = 0, SLOT_FREE, SLOT_USED };

struct epoch_reader {
    struct ck_epoch_record record; /* owner: whoever holds the reader; the writer reads it */
    _Atomic uint32_t state;        /* enum slot_state */
    struct epoch_domain *domain;
};

struct epoch_domain {
    struct ck_epoch epoch;
    struct ck_epoch_record writer;
    struct memory *memory;
    uint32_t readers_max;
    _Atomic uint32_t readers_count; /* in use or being claimed, <= readers_max */
    alignas(CK_MD_CACHELINE) struct epoch_reader readers[];
};

/* Of an entry's private words the first two are ck's, this one points to the domain. */
enum { DOMAIN_WORD = 2 };

_Static_assert(sizeof(struct ck_epoch_entry) <= DOMAIN_WORD * sizeof(void *),
               "ck's words end before the domain's");
_Static_assert(offsetof(struct epoch_entry, private_words) == 0, "entries are cast to ck's");

static size_t domain_bytes(uint32_t readers_max) {
    return sizeof(struct epoch_domain) + (size_t)readers_max * sizeof(struct epoch_reader);
}

struct epoch_domain *epoch_domain_create(struct memory *memory, uint32_t readers_max) {
    struct epoch_domain *domain = memory_alloc_aligned(
        memory, domain_bytes(readers_max), alignof(struct epoch_domain), HENGE_MEMORY_CORE);
    if (domain == NULL) {
        return NULL;
    }
    memset(domain, 0, domain_bytes(readers_max));
    domain->memory = memory;
    domain->readers_max = readers_max;
    atomic_init(&domain->readers_count, 0);
    ck_epoch_init(&domain->epoch);
    ck_epoch_register(&domain->epoch, &domain->writer, NULL);
    for (uint32_t i = 0; i < readers_max; i++) {
        atomic_init(&domain->readers[i].state, SLOT_NEW);
        domain->readers[i].domain = domain;
    }
    return domain;
}

/* Nobody is in a section, so one poll is a grace period for all; a release may retire more. */
void epoch_domain_destroy(struct epoch_domain *domain) {
    if (domain == NULL) {
        return;
    }
    for (uint32_t i = 0; i < domain->readers_max; i++) {
        ASSERT(domain->readers[i].record.active == 0);
    }
    while (domain->writer.n_pending > 0) {
        epoch_poll(domain);
    }
    memory_release(domain->memory, domain, domain_bytes(domain->readers_max), HENGE_MEMORY_CORE);
}

/* Claims a slot in the wanted state. Acquire: partner of the release in epoch_reader_destroy, so
 * that the record is taken as its last owner left it. */
static bool claim(struct epoch_reader *reader, uint32_t wanted) {
    return atomic_load_explicit(&reader->state, memory_order_relaxed) == wanted &&
           atomic_compare_exchange_strong_explicit(&reader->state, &wanted, SLOT_USED,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* Used slots come before new ones, so that hardly more are registered, and polled, than were ever
 * in use at once. */
static struct epoch_reader *claim_any(struct epoch_domain *domain) {
    for (uint32_t i = 0; i < domain->readers_max; i++) {
        if (claim(&domain->readers[i], SLOT_FREE)) {
            return &domain->readers[i];
        }
    }
    for (uint32_t i = 0; i < domain->readers_max; i++) {
        struct epoch_reader *reader = &domain->readers[i];
        if (claim(reader, SLOT_NEW)) {
            SANITIZER_QUIET_BEGIN();
            ck_epoch_register(&domain->epoch, &reader->record, NULL);
            SANITIZER_QUIET_END();
            return reader;
        }
    }
    return NULL;
}

/* Any thread. First a share of readers_max, then a slot. Lock-free: whoever has a share finds a
 * slot, since a slot is freed before its share is; a scan misses only when others came by.
 * Acquire and release of `readers` are partners: a share seen given back means a slot seen free. */
struct epoch_reader *epoch_reader_create(struct epoch_domain *domain) {
    uint32_t readers = atomic_load_explicit(&domain->readers_count, memory_order_relaxed);
    do {
        if (readers == domain->readers_max) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak_explicit(&domain->readers_count, &readers, readers + 1,
                                                    memory_order_acquire, memory_order_relaxed));
    struct epoch_reader *reader = NULL;
    while (reader == NULL) {
        reader = claim_any(domain);
    }
    return reader;
}

SANITIZER_BLIND static bool is_active(const struct epoch_reader *reader) {
    return reader->record.active != 0;
}

void epoch_reader_destroy(struct epoch_reader *reader) {
    if (reader == NULL) {
        return;
    }
    ASSERT(!is_active(reader));
    struct epoch_domain *domain = reader->domain;
    atomic_store_explicit(&reader->state, SLOT_FREE, memory_order_release);
    atomic_fetch_sub_explicit(&domain->readers_count, 1, memory_order_release);
}

/* Caller: the reader's owner. Wait-free. Ordering: ck's full barrier between `active = 1` and every
 * later load; its partner is the fence in epoch_poll between the writer's unlinking store and its
 * scan of the records. So either the scan sees this section, or the section sees the unlinking. */
SANITIZER_BLIND void epoch_begin(struct epoch_reader *reader) {
    ck_epoch_begin(&reader->record, NULL);
}

/* Caller: the reader's owner. Wait-free. Ordering: ck's release fence keeps every load of the
 * section before `active = 0`; its partner is the load in the scan, before the first release. */
SANITIZER_BLIND void epoch_end(struct epoch_reader *reader) {
    ASSERT(reader->record.active != 0);
    SANITIZER_RELEASE(&reader->domain->epoch);
    ck_epoch_end(&reader->record, NULL);
}

/* What the readers did in their sections is over here: partner of the RELEASE in epoch_end. */
static void run_release(struct ck_epoch_entry *entry) {
    struct epoch_entry *ours = (struct epoch_entry *)(void *)entry;
    struct epoch_domain *domain = ours->private_words[DOMAIN_WORD];
    SANITIZER_ACQUIRE(&domain->epoch);
    ours->release(ours);
}

/* Caller: the writer. Wait-free. The entry is out of every place where a new section finds it. */
SANITIZER_BLIND void epoch_retire(struct epoch_domain *domain, struct epoch_entry *entry,
                                  void (*release)(struct epoch_entry *entry)) {
    entry->release = release;
    entry->private_words[DOMAIN_WORD] = domain;
    ck_epoch_call(&domain->writer, (struct ck_epoch_entry *)(void *)entry->private_words,
                  run_release);
}

/* Caller: the writer. Bounded: one pass over the records and one call per due entry. */
SANITIZER_BLIND uint32_t epoch_poll(struct epoch_domain *domain) {
    if (domain->writer.n_pending > 0) {
        ck_epoch_poll(&domain->writer);
    }
    return domain->writer.n_pending;
}
