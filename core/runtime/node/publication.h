/* core/runtime/node/publication.h - when a changed view is to be published: a calculation.
 *
 * Members are published at once, then at most every PUBLICATION_MEMBERS_NS; while changes go on
 * that becomes twice as long each time, up to PUBLICATION_STORM_NS: a thousand that join are shown
 * in some tens of views, not in hundreds. Another generation of one is published at most every
 * PUBLICATION_GENERATION_NS, as its old address is of no use. The ring is dearer
 * for its users, so: the first change after quiet goes out at once; further ones are gathered until
 * none has come for `window`, at most `window_max`. A death waits as long as other members are
 * suspected but not yet confirmed, at most two shortest suspicions: ten crashes make one ring
 * version, not ten (batching by cut, after Suresh et al., Rapid, USENIX ATC 2018, section 4). */
#ifndef CORE_RUNTIME_NODE_PUBLICATION_H
#define CORE_RUNTIME_NODE_PUBLICATION_H

#include "core/base/clock.h"
#include <stdbool.h>
#include <stdint.h>

#define PUBLICATION_MEMBERS_NS (10 * NS_PER_MS)
#define PUBLICATION_STORM_NS (16 * PUBLICATION_MEMBERS_NS)
#define PUBLICATION_GENERATION_NS (1 * NS_PER_MS)
#define PUBLICATION_AFFORD_NS (100 * NS_PER_MS) /* no budget for a ring: ring_house.h */
#define PUBLICATION_RETRY_NS (10 * NS_PER_MS)   /* no memory, or live_views_max are alive */

struct publication {
    uint64_t window_ns;
    uint64_t window_max_ns;
    uint64_t members_published_ns;
    uint64_t members_interval_ns;
    uint64_t ring_published_ns;
    uint64_t ring_first_ns; /* first change not yet published */
    uint64_t ring_last_ns;
    uint64_t death_ns; /* first death not yet published, TIME_NEVER = none */
    bool is_batched;   /* else each change of the ring is due at once (profile.h) */
    bool members_dirty;
    bool generation_dirty;
    bool ring_dirty;
};

void publication_init(struct publication *publication, uint64_t window_ns, uint64_t window_max_ns,
                      bool is_batched);
void publication_members_changed(struct publication *publication);
void publication_generation_changed(struct publication *publication);
void publication_ring_changed(struct publication *publication, uint64_t now_ns, bool is_death);
/* TIME_NEVER when there is nothing to publish. */
uint64_t publication_members_due(const struct publication *publication);
uint64_t publication_ring_due(const struct publication *publication, bool is_suspecting,
                              uint64_t suspicion_min_ns);
void publication_done(struct publication *publication, uint64_t now_ns, bool with_ring);

#endif
