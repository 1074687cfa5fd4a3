/* core/runtime/node/publication.c - see publication.h. */
#include "core/runtime/node/publication.h"

/* How many shortest suspicions a cut is waited for. One is too few: which of ten that crashed
 * together is probed last takes a few periods to find out. */
enum { CUT_SUSPICIONS = 2 };

void publication_init(struct publication *publication, uint64_t window_ns, uint64_t window_max_ns,
                      bool is_batched) {
    *publication = (struct publication){.window_ns = window_ns,
                                        .window_max_ns = window_max_ns,
                                        .members_interval_ns = PUBLICATION_MEMBERS_NS,
                                        .is_batched = is_batched,
                                        .death_ns = TIME_NEVER};
}

void publication_members_changed(struct publication *publication) {
    publication->members_dirty = true;
}

void publication_generation_changed(struct publication *publication) {
    publication->members_dirty = true;
    publication->generation_dirty = true;
}

void publication_ring_changed(struct publication *publication, uint64_t now_ns, bool is_death) {
    if (!publication->ring_dirty) {
        publication->ring_dirty = true;
        publication->ring_first_ns = now_ns;
    }
    publication->ring_last_ns = now_ns;
    if (is_death && publication->death_ns == TIME_NEVER) {
        publication->death_ns = now_ns;
    }
}

uint64_t publication_members_due(const struct publication *publication) {
    if (!publication->members_dirty) {
        return TIME_NEVER;
    }
    return publication->members_published_ns + (publication->generation_dirty
                                                    ? PUBLICATION_GENERATION_NS
                                                    : publication->members_interval_ns);
}

uint64_t publication_ring_due(const struct publication *publication, bool is_suspecting,
                              uint64_t suspicion_min_ns) {
    if (!publication->ring_dirty) {
        return TIME_NEVER;
    }
    if (!publication->is_batched) {
        return publication->ring_first_ns;
    }
    uint64_t quiet_ns = publication->ring_published_ns + publication->window_ns;
    uint64_t due_ns = publication->ring_first_ns;
    if (publication->ring_first_ns < quiet_ns) {
        uint64_t gathered_ns = publication->ring_last_ns + publication->window_ns;
        uint64_t latest_ns = publication->ring_first_ns + publication->window_max_ns;
        due_ns = gathered_ns < latest_ns ? gathered_ns : latest_ns;
    }
    if (publication->death_ns != TIME_NEVER && is_suspecting) {
        uint64_t cut_ns = publication->death_ns + CUT_SUSPICIONS * suspicion_min_ns;
        due_ns = due_ns > cut_ns ? due_ns : cut_ns;
    }
    return due_ns;
}

void publication_done(struct publication *publication, uint64_t now_ns, bool with_ring) {
    const uint64_t interval_ns = publication->members_interval_ns;
    const bool is_storm = now_ns - publication->members_published_ns < 2 * interval_ns;
    const uint64_t longer_ns =
        interval_ns < PUBLICATION_STORM_NS ? 2 * interval_ns : PUBLICATION_STORM_NS;
    publication->members_interval_ns = is_storm ? longer_ns : PUBLICATION_MEMBERS_NS;
    publication->members_dirty = false;
    publication->generation_dirty = false;
    publication->members_published_ns = now_ns;
    if (with_ring) {
        publication->ring_dirty = false;
        publication->ring_published_ns = now_ns;
        publication->death_ns = TIME_NEVER;
    }
}
