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
    size_t firsts_wanted; /* owners in zones of their own */
    size_t firsts_count;
    size_t repeats_wanted; /* owners in zones already taken */
    size_t repeats_count;
    uint16_t firsts[HENGE_ROUTE_OWNERS_MAX];
    uint16_t zones[HENGE_ROUTE_OWNERS_MAX]; /* of firsts */
    uint16_t repeats[HENGE_ROUTE_OWNERS_MAX];
};

static bool holds(const uint16_t *items, size_t count, uint16_t item) {
    for (size_t i = 0; i < count; i++) {
        if (items[i] == item) {
            return true;
        }
    }
    return false;
}

static void visit(struct walk *walk, uint16_t slot) {
    const uint16_t zone = walk->ring->zone_of_slot[slot];
    if (!holds(walk->zones, walk->firsts_count, zone)) {
        walk->zones[walk->firsts_count] = zone;
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

static size_t smaller_of(size_t one, size_t other) {
    return one < other ? one : other;
}

/* The first `count` owners behind a point; returns how many there are. */
static size_t find_owners(const struct henge_ring *ring, size_t index, size_t count,
                          uint16_t *slots_out) {
    const size_t wanted = smaller_of(count, ring->members_count);
    struct walk walk;
    walk.ring = ring;
    walk.firsts_wanted = smaller_of(wanted, ring->zones_count);
    walk.firsts_count = 0;
    walk.repeats_wanted = wanted - walk.firsts_wanted;
    walk.repeats_count = 0;
    walk_clockwise(&walk, index);
    memcpy(slots_out, walk.firsts, walk.firsts_count * sizeof(*slots_out));
    memcpy(slots_out + walk.firsts_count, walk.repeats, walk.repeats_count * sizeof(*slots_out));
    return wanted;
}

void ring_exact_list(const struct henge_ring *ring, size_t index, struct ring_list *list_out) {
    size_t count =
        ring->points_count == 0 ? 0 : find_owners(ring, index, LIST_OWNERS, list_out->slots);
    for (; count < LIST_OWNERS; count++) {
        list_out->slots[count] = HENGE_NO_SLOT;
    }
}

void ring_exact_route(const struct henge_ring *ring, uint64_t hash, uint32_t count,
                      struct henge_route *route_out) {
    uint16_t slots[HENGE_ROUTE_OWNERS_MAX];
    find_owners(ring, ring_point_index(ring, hash), count, slots);
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
