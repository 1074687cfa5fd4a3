/* bench/lookup_ways.h - the ways of asking that bench/lookup measures, and what each is compared
 * with.
 */
#ifndef BENCH_LOOKUP_WAYS_H
#define BENCH_LOOKUP_WAYS_H

#include "bench/ketama.h"
#include "bench/report.h"
#include "core/base/epoch.h"
#include "henge/ring.h"

enum {
    KEY_BYTES = 16,
    REPLICAS = 3,
    HASHES = 16384,      /* 128 KiB, read in order: too many to learn, too few to matter */
    WAYS_SIZES_COUNT = 4 /* 10, 100, 1000, 10 000 members */
};

/* One ring, and the references over the same members. */
struct subject {
    const struct henge_ring *ring;
    const uint64_t *hashes; /* HASHES of them */
    uint64_t *until;        /* the binary search's ring, from the public ranges */
    uint32_t *owners;
    size_t points_count;
    uint64_t *table; /* as many bytes as the ring's cells; values below 2^16 */
    unsigned table_shift;
    struct ketama *ketama;        /* NULL: not here, or too many members for it */
    struct epoch_reader *section; /* a reader's, as henge_reader_begin opens it */
    const struct henge_ring *_Atomic published;
};

/* What is run, and what of the same list it is compared with (-1: it is a reference itself). */
struct way {
    const char *name;
    uint64_t (*run)(const struct subject *subject, size_t lookups);
    int reference;
    enum report_ratio ratio;
    double goals[WAYS_SIZES_COUNT]; /* 0 = none */
    bool needs_ketama;
};

extern const struct way ways[];
extern const size_t ways_count;

/* Makes the references of subject->ring, and checks that the binary search answers as the ring
 * does. False: they disagree, or there is no memory. */
bool subject_prepare(struct subject *subject, size_t members);
void subject_release(struct subject *subject);

#endif
