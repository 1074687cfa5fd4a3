/* ring/replicas.c - the preference list of a key: a clockwise walk that takes one owner per zone
 * while there are unused zones, and meanwhile remembers the first members it passed over, who fill
 * the list up when zones run out. One walk gives what two passes would.
 *
 * The list depends on tokens, names and zones alone, so it is the same on every node.
 *
 * Bounds: never more than one turn of the circle. How many zones and members there are to find is
 * known beforehand, so the walk stops with the last one found: about as many steps as the rarest
 * zone is rare, a handful when zones are of like size. */
#include "ring/ring_internal.h"
#include <string.h>

struct walk {
    const struct henge_ring *ring;
    uint16_t *firsts; /* owners in zones of their own */
    uint32_t firsts_wanted;
    uint32_t firsts_count;
    uint32_t repeats_wanted;
    uint32_t repeats_count;
    uint16_t *repeats; /* owners in zones already taken */
};

static bool holds(const uint16_t *items, size_t count, uint16_t item) {
    for (size_t i = 0; i < count; i++) {
        if (items[i] == item) {
            return true;
        }
    }
    return false;
}

static bool is_zone_taken(const struct walk *walk, uint16_t zone) {
    for (size_t i = 0; i < walk->firsts_count; i++) {
        if (walk->ring->zone_of_slot[walk->firsts[i]] == zone) {
            return true;
        }
    }
    return false;
}

static void visit(struct walk *walk, uint16_t slot) {
    if (!is_zone_taken(walk, walk->ring->zone_of_slot[slot])) {
        walk->firsts[walk->firsts_count++] = slot;
    } else if (walk->repeats_count < walk->repeats_wanted &&
               !holds(walk->firsts, walk->firsts_count, slot) &&
               !holds(walk->repeats, walk->repeats_count, slot)) {
        walk->repeats[walk->repeats_count++] = slot;
    }
}

/* firsts never overflows: either all zones of the ring are wanted, or no repeat is and the walk
 * ends with the last first. */
static void walk_clockwise(struct walk *walk, size_t index) {
    const uint64_t *end = walk->ring->points + walk->ring->points_count;
    const uint64_t *point = walk->ring->points + index;
    for (uint32_t left = walk->ring->points_count; left > 0; left--) {
        if (point >= end) {
            point = walk->ring->points;
        }
        visit(walk, (uint16_t)point_slot(*point++));
        if (walk->firsts_count == walk->firsts_wanted &&
            walk->repeats_count == walk->repeats_wanted) {
            return;
        }
    }
}

static uint32_t smaller_of(uint32_t one, uint32_t other) {
    return one < other ? one : other;
}

/* The two lists grow side by side in slots_out, as how long each will be is known beforehand. */
uint32_t ring_find_owners(const struct henge_ring *ring, size_t index, uint32_t count,
                          uint16_t *slots_out) {
    const uint32_t wanted = smaller_of(count, ring->members_count);
    const uint32_t firsts_wanted = smaller_of(wanted, ring->zones_count);
    struct walk walk = {
        .ring = ring, .firsts_wanted = firsts_wanted, .repeats_wanted = wanted - firsts_wanted};
    walk.firsts = slots_out;
    walk.repeats = slots_out + firsts_wanted;
    walk_clockwise(&walk, index);
    return wanted;
}

void ring_exact_list(const struct henge_ring *ring, size_t index, struct ring_list *list_out) {
    uint32_t count =
        ring->points_count == 0 ? 0 : ring_find_owners(ring, index, LIST_OWNERS, list_out->slots);
    for (; count < LIST_OWNERS; count++) {
        list_out->slots[count] = HENGE_NO_SLOT;
    }
}

void ring_exact_route(const struct henge_ring *ring, uint64_t hash, uint32_t count,
                      struct henge_route *route_out) {
    uint16_t slots[HENGE_ROUTE_OWNERS_MAX];
    ring_find_owners(ring, ring_point_index(ring, hash), count, slots);
    ring_route_head(ring, hash, count, route_out);
    for (uint32_t i = 0; i < route_out->owners_count; i++) {
        const unsigned repeat = i < route_out->zones_count ? 0 : HENGE_OWNER_ZONE_REPEAT;
        route_out->owners[i] = (struct henge_route_owner){
            .slot = slots[i], .flags = (uint16_t)(repeat | ring_up_flag(ring, slots[i]))};
    }
}

enum henge_status henge_ring_owners(const struct henge_ring *ring, uint64_t hash, size_t count,
                                    struct henge_route *route_out) {
    if (count == 0 || count > HENGE_ROUTE_OWNERS_MAX) {
        return HENGE_INVALID;
    }
    if (ring->points_count == 0) {
        return HENGE_EMPTY;
    }
    if (count <= LIST_OWNERS) {
        ring->kernel->route(ring, hash, (uint32_t)count, route_out);
    } else {
        ring_exact_route(ring, hash, (uint32_t)count, route_out);
    }
    return HENGE_OK;
}

size_t henge_ring_walk(const struct henge_ring *ring, uint64_t hash, size_t count,
                       uint16_t *slots_out) {
    if (ring->points_count == 0 || count == 0) {
        return 0;
    }
    return ring_find_owners(ring, ring_point_index(ring, hash),
                            count < UINT32_MAX ? (uint32_t)count : UINT32_MAX, slots_out);
}

uint32_t henge_ring_pick(const struct henge_ring *ring, uint64_t hash, size_t count,
                         const uint32_t *load_by_slot, uint32_t load_max) {
    struct henge_route route;
    if (henge_ring_owners(ring, hash, count, &route) != HENGE_OK) {
        return HENGE_NO_SLOT;
    }
    uint32_t idlest = HENGE_NO_SLOT;
    for (uint32_t i = 0; i < route.owners_count; i++) {
        const uint32_t slot = route.owners[i].slot;
        if ((route.owners[i].flags & HENGE_OWNER_UP) == 0) {
            continue;
        }
        if (load_by_slot[slot] < load_max) {
            return slot;
        }
        if (idlest == HENGE_NO_SLOT || load_by_slot[slot] < load_by_slot[idlest]) {
            idlest = slot;
        }
    }
    return idlest;
}
