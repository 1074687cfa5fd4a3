/* fake_library.h - what the tests of the tools put behind the public functions of henge. */
#ifndef TESTS_UNIT_TOOLS_FAKE_LIBRARY_H
#define TESTS_UNIT_TOOLS_FAKE_LIBRARY_H

#include <henge/henge.h>
#include <stdatomic.h>

enum { FAKE_MEMBERS_MAX = 8, FAKE_RANGES_MAX = 8 };

/* The one view, ring and node there are. Zeroed at the start of each test (a process of its own).
 */
struct fake_library {
    struct henge_member members[FAKE_MEMBERS_MAX];
    size_t members_count;
    struct henge_ring_range ranges[FAKE_RANGES_MAX];
    size_t ranges_count;
    size_t points_count; /* 0: ranges_count */
    const char *metadata_key, *metadata_value;

    /* Control calls: what they answer, and how often they were made. */
    _Atomic int join_status, leave_status, set_status;
    _Atomic unsigned joins, seeded_joins, leaves, sets, weight, removed, ring_state, upkeeps,
        evictions;
    _Atomic unsigned is_joined;
    _Atomic unsigned hold_ms; /* each control call takes so long */
};
extern struct fake_library fake;

#endif
