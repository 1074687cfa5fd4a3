/* core/base/epoch.c - see epoch.h.
 *
 * The domain counts epochs; a reader in a section shows the one in which it began. The writer
 * stamps what it retires with the present epoch and goes on to the next; a release is due when no
 * reader shows that epoch or an older one.
 *
 *     reader: shown = epoch;  (fence)  load the pointer ...            shown = 0
 *     writer: unlink;  epoch++;  (fence)  scan what is shown;  release what all have left behind
 *
 * Either the scan sees the section, or the section sees the unlinking: that takes a full fence on
 * both sides. Sections are many and retirements few, so where the kernel has
 * membarrier(PRIVATE_EXPEDITED) the writer pays for both: it makes all running threads of the
 * process pass a full barrier, and the readers' fence is one for the compiler only (the asymmetric
 * fences of Dice, Huang and Yang, 2001; as liburcu's "memb" flavour has them). Elsewhere the
 * readers have a fence of their own. One barrier serves all that was retired before it. */
#include "core/base/epoch.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/sanitizer.h"
#include <linux/membarrier.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE_BYTES = EPOCH_LINE_BYTES, AT_REST = EPOCH_AT_REST };

enum slot_state { SLOT_FREE = 0, SLOT_USED };

struct epoch_domain {
    _Atomic uint64_t epoch; /* by the writer; readers read it, so it has a line of its own */
    alignas(LINE_BYTES) struct memory *memory;
    uint32_t readers_max;
    uint32_t pending;
    struct epoch_entry *oldest, *newest; /* retired, in order */
    bool is_asymmetric;
    bool is_barrier_due;            /* something was retired since the last one */
    _Atomic uint32_t readers_count; /* in use or being claimed, <= readers_max */
    alignas(LINE_BYTES) struct epoch_reader readers[];
};

static size_t domain_bytes(uint32_t readers_max) {
    return sizeof(struct epoch_domain) + (size_t)readers_max * sizeof(struct epoch_reader);
}

static bool membarrier(int command) {
    return syscall(SYS_membarrier, command, 0, 0) == 0;
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
    domain->is_asymmetric = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    atomic_init(&domain->epoch, 1);
    atomic_init(&domain->readers_count, 0);
    for (uint32_t i = 0; i < readers_max; i++) {
        atomic_init(&domain->readers[i].shown, AT_REST);
        atomic_init(&domain->readers[i].state, SLOT_FREE);
        domain->readers[i].is_fenced = !domain->is_asymmetric;
        domain->readers[i].domain = domain;
        domain->readers[i].epoch = &domain->epoch;
    }
    return domain;
}

void epoch_domain_fence(struct epoch_domain *domain) {
    domain->is_asymmetric = false;
    for (uint32_t i = 0; i < domain->readers_max; i++) {
        domain->readers[i].is_fenced = true;
    }
}

/* Nobody is in a section, so one poll is a grace period for all; a release may retire more. */
void epoch_domain_destroy(struct epoch_domain *domain) {
    if (domain == NULL) {
        return;
    }
    for (uint32_t i = 0; i < domain->readers_max; i++) {
        ASSERT(atomic_load_explicit(&domain->readers[i].shown, memory_order_relaxed) == AT_REST);
    }
    while (domain->pending > 0) {
        epoch_poll(domain);
    }
    memory_release(domain->memory, domain, domain_bytes(domain->readers_max), HENGE_MEMORY_CORE);
}

/* Acquire: partner of the release in epoch_reader_destroy, so that the record is taken as its last
 * owner left it. */
static bool claim(struct epoch_reader *reader) {
    uint32_t wanted = SLOT_FREE;
    return atomic_load_explicit(&reader->state, memory_order_relaxed) == wanted &&
           atomic_compare_exchange_strong_explicit(&reader->state, &wanted, SLOT_USED,
                                                   memory_order_acquire, memory_order_relaxed);
}

static struct epoch_reader *claim_any(struct epoch_domain *domain) {
    for (uint32_t i = 0; i < domain->readers_max; i++) {
        if (claim(&domain->readers[i])) {
            return &domain->readers[i];
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

void epoch_reader_destroy(struct epoch_reader *reader) {
    if (reader == NULL) {
        return;
    }
    ASSERT(atomic_load_explicit(&reader->shown, memory_order_relaxed) == AT_REST);
    struct epoch_domain *domain = reader->domain;
    atomic_store_explicit(&reader->state, SLOT_FREE, memory_order_release);
    atomic_fetch_sub_explicit(&domain->readers_count, 1, memory_order_release);
}

/* Caller: the writer. Wait-free. The entry is out of every place where a new section finds it. */
void epoch_retire(struct epoch_domain *domain, struct epoch_entry *entry,
                  void (*release)(struct epoch_entry *entry)) {
    uint64_t epoch = atomic_load_explicit(&domain->epoch, memory_order_relaxed);
    *entry = (struct epoch_entry){.epoch = epoch, .release = release};
    if (domain->newest != NULL) {
        domain->newest->next = entry;
    } else {
        domain->oldest = entry;
    }
    domain->newest = entry;
    domain->pending++;
    domain->is_barrier_due = true;
    /* Release: see epoch_begin (epoch.h). */
    atomic_store_explicit(&domain->epoch, epoch + 1, memory_order_release);
}

/* The oldest epoch that any reader shows; TIME_NEVER when all are at rest. */
static uint64_t oldest_shown(const struct epoch_domain *domain) {
    uint64_t oldest = TIME_NEVER;
    for (uint32_t i = 0; i < domain->readers_max; i++) {
        uint64_t shown = atomic_load_explicit(&domain->readers[i].shown, memory_order_acquire);
        oldest = shown != AT_REST && shown < oldest ? shown : oldest;
    }
    return oldest;
}

/* The writer's fence, for both sides where the readers have none. */
static void barrier(struct epoch_domain *domain) {
    if (!domain->is_barrier_due) {
        return;
    }
    domain->is_barrier_due = false;
    SANITIZER_FENCE();
    if (domain->is_asymmetric) {
        bool is_done = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        ASSERT(is_done && "a process that has registered is not refused");
    }
}

/* Caller: the writer. Bounded: one pass over the records and one call per due entry. */
uint32_t epoch_poll(struct epoch_domain *domain) {
    if (domain->pending == 0) {
        return 0;
    }
    barrier(domain);
    uint64_t oldest = oldest_shown(domain);
    uint64_t last = atomic_load_explicit(&domain->epoch, memory_order_relaxed);
    while (domain->oldest != NULL && domain->oldest->epoch < oldest &&
           domain->oldest->epoch < last) { /* not what a release retires meanwhile */
        struct epoch_entry *entry = domain->oldest;
        domain->oldest = entry->next;
        domain->newest = domain->oldest != NULL ? domain->newest : NULL;
        domain->pending--;
        entry->release(entry);
    }
    return domain->pending;
}
