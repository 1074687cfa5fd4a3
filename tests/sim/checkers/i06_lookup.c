/* tests/sim/checkers/i06_lookup.c - I6: a lookup never returns a node that was not a member of the
 * ring version it names.
 *
 * In runs that build views: each newly published view is asked for the owners of some keys. They
 * must be members of that view who own points in its ring, and the route must name that ring; and a
 * member that this node knew as LEFT when the view was made is no owner. Readers on other threads,
 * and freed memory, are tests/stress/stress_view.c's. */
#include "core/base/hash.h"
#include "tests/sim/checkers/checker.h"
#include <stdlib.h>

enum { KEYS = 4, OWNERS = 3 };

struct lookup {
    uint64_t *view_numbers; /* looked at last, by host */
};

static bool init(struct watch *watch, void *state) {
    struct lookup *own = state;
    own->view_numbers = calloc(watch->hosts_count, sizeof *own->view_numbers);
    return own->view_numbers != NULL;
}

static void deinit(struct watch *watch, void *state) {
    struct lookup *own = state;
    (void)watch;
    free(own->view_numbers);
}

static void on_boot(struct watch *watch, void *state, uint32_t host, bool is_end) {
    struct lookup *own = state;
    (void)watch;
    (void)is_end;
    own->view_numbers[host] = 0;
}

static const struct view_member *member_in(const struct henge_view *view, uint32_t slot) {
    uint32_t index = slot < view->slots ? view->index_by_slot[slot] : 0;
    return index == 0 ? NULL : &view->members[index - 1];
}

static void check_key(struct watch *watch, uint32_t host, const struct gossip_node *node,
                      const struct henge_view *view, uint64_t hash) {
    const struct henge_ring *ring = view->ring->ring;
    struct henge_route route;
    if (henge_ring_owners(ring, hash, OWNERS, &route) != HENGE_OK)
        return;
    if (route.ring_version != henge_ring_version(ring) ||
        route.ring_fingerprint != henge_ring_fingerprint(ring))
        watch_report(watch, 6, host, SIM_NOBODY, "a route names ring %llu, it is of %llu",
                     (unsigned long long)route.ring_version,
                     (unsigned long long)henge_ring_version(ring));
    for (uint32_t i = 0; i < route.owners_count; i++) {
        uint32_t slot = route.owners[i].slot;
        const struct view_member *member = member_in(view, slot);
        const struct member *held =
            member != NULL ? membership_member(node->membership, member->slot) : NULL;
        if (member == NULL || !(henge_ring_ownership(ring, slot) > 0))
            watch_report(watch, 6, host, SIM_NOBODY,
                         "slot %u owns a key, and is no member of ring %llu", slot,
                         (unsigned long long)route.ring_version);
        else if (held == NULL || held->record == NULL || held->status == HENGE_LEFT)
            watch_report(watch, 6, host,
                         sim_host_of_name_hash(watch->sim, member->record->name_hash),
                         "owns a key in the newest view, and has left");
    }
}

static void on_step(struct watch *watch, void *state, uint32_t host) {
    struct lookup *own = state;
    if (!sim_settings(watch->sim)->builds_views || !watch->hosts[host].is_up)
        return;
    const struct gossip_node *node = sim_gossip(watch->sim, host);
    const struct henge_view *view = atomic_load_explicit(&node->view, memory_order_acquire);
    if (view == NULL || view->number == own->view_numbers[host])
        return;
    own->view_numbers[host] = view->number;
    bool has_new_ring = !node->publication.ring_dirty;
    for (uint64_t key = 0; key < KEYS && has_new_ring; key++)
        check_key(watch, host, node, view, hash64_pair(view->number, key));
}

const struct checker checker_lookup = {.number = 6,
                                       .state_bytes = sizeof(struct lookup),
                                       .init = init,
                                       .deinit = deinit,
                                       .on_boot = on_boot,
                                       .on_step = on_step};
