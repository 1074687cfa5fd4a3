/* tests/sim/checkers/i05_ring.c - I5: the ring is a pure function of the records in it.
 *
 * Nodes whose tables have had equal fingerprints for longer than every delay between a record and
 * its ring (publication window, cut, removal delay) have equal ring fingerprints. Looked at once a
 * period; nodes in the fault set are left out, their clocks may stand still. */
#include "core/base/map.h"
#include "tests/sim/checkers/checker.h"
#include "tools/sim/sim_memory.h"

struct ring_state {
    struct memory memory;
    struct map by_table; /* table fingerprint -> host that had it first in this round */
    uint64_t reported_ns;
};

static bool init(struct watch *watch, void *state) {
    struct ring_state *own = state;
    (void)watch;
    memory_init(&own->memory, &sim_allocator);
    return map_init(&own->by_table, &own->memory, 16, HENGE_MEMORY_MEMBER);
}

static void deinit(struct watch *watch, void *state) {
    struct ring_state *own = state;
    (void)watch;
    map_deinit(&own->by_table);
}

static uint64_t ring_of(const struct watch *watch, uint32_t host) {
    return atomic_load_explicit(&sim_gossip(watch->sim, host)->counters.ring_fingerprint,
                                memory_order_relaxed);
}

static bool is_settled(const struct watch *watch, uint32_t host) {
    const struct host_facts *facts = &watch->hosts[host];
    if (!facts->is_up || facts->is_leaving || watch_in_fault_set(watch, host))
        return false;
    const struct membership *membership = sim_gossip(watch->sim, host)->membership;
    uint64_t now_ns = sim_node_now_ns(watch->sim, host);
    return now_ns - membership_fingerprint_since(membership) > watch->publish_ns;
}

static void on_sample(struct watch *watch, void *state) {
    struct ring_state *own = state;
    map_deinit(&own->by_table);
    if (!map_init(&own->by_table, &own->memory, 16, HENGE_MEMORY_MEMBER))
        return;
    for (uint32_t host = 0; host < watch->hosts_count; host++) {
        if (!is_settled(watch, host))
            continue;
        uint64_t table = membership_fingerprint(sim_gossip(watch->sim, host)->membership);
        const uint32_t *first = map_find(&own->by_table, table);
        if (first == NULL) {
            (void)map_set(&own->by_table, table, host);
            continue;
        }
        if (ring_of(watch, *first) != ring_of(watch, host))
            watch_report(watch, 5, host, *first, "equal tables, but rings %016llx and %016llx",
                         (unsigned long long)ring_of(watch, host),
                         (unsigned long long)ring_of(watch, *first));
    }
}

const struct checker checker_ring = {.number = 5,
                                     .state_bytes = sizeof(struct ring_state),
                                     .init = init,
                                     .deinit = deinit,
                                     .on_sample = on_sample};
