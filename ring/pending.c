/* ring/pending.c - what the next ring makes of a route by the current one. */
#include "ring/ring_internal.h"

static bool is_owner(const struct henge_route *route, uint16_t slot) {
    for (uint32_t i = 0; i < route->owners_count; i++) {
        if (route->owners[i].slot == slot) {
            return true;
        }
    }
    return false;
}

void ring_route_pending(const struct henge_ring *next, size_t count, struct henge_route *route) {
    struct henge_route then;
    if (henge_ring_owners(next, route->hash, count, &then) != HENGE_OK) {
        then.owners_count = 0; /* all of them drain: nobody will own anything */
    }
    uint16_t leaving[HENGE_ROUTE_OWNERS_MAX];
    uint32_t leaving_count = 0;
    for (uint32_t i = 0; i < route->owners_count; i++) {
        if (!is_owner(&then, route->owners[i].slot)) {
            route->owners[i].flags |= HENGE_OWNER_LEAVING;
            leaving[leaving_count++] = route->owners[i].slot;
        }
    }
    for (uint32_t i = 0; i < then.owners_count; i++) {
        const struct henge_route_owner *owner = &then.owners[i];
        if (!is_owner(route, owner->slot)) {
            const uint32_t number = route->pending_count++;
            route->pending[number] = (struct henge_route_pending){
                .slot = owner->slot,
                .flags = owner->flags,
                .replaces = number < leaving_count ? leaving[number] : (uint16_t)HENGE_NO_SLOT};
        }
    }
}
