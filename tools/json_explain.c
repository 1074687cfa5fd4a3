/* json_explain.c - why a key has the owners it has: the walk from its range to the last of them. */
#include "tools/json_tools.h"
#include "tools/json_view.h"

#include <stdio.h>

/* The range of the hash: the first whose end is at or behind it, the wrapping one past the last. */
static size_t range_of(const struct henge_ring *ring, uint64_t hash) {
    size_t low = 0;
    size_t high = henge_ring_points_count(ring);
    struct henge_ring_range range;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (henge_ring_range_at(ring, middle, &range) == HENGE_OK && range.until < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < henge_ring_points_count(ring) ? low : 0;
}

/* Its place among the owners, from 0; owners_count when it has none. */
static uint32_t place_of(const struct henge_route *route, uint32_t slot) {
    uint32_t place = 0;
    while (place < route->owners_count && route->owners[place].slot != slot) {
        place++;
    }
    return place;
}

static json_t *step_json(const struct henge_view *view, size_t number,
                         const struct henge_ring_range *range) {
    struct henge_member member;
    const bool is_known = henge_members_by_slot(view, range->slot, &member) == HENGE_OK;
    json_t *step = json_object();
    json_put_u64(step, "range", number);
    json_put_hex(step, "until", range->until);
    json_put_text(step, "name", is_known ? member.name : "");
    json_put_text(step, "zone", is_known ? member.zone : "");
    return step;
}

json_t *json_explain(const struct henge_view *view, const struct henge_route *route) {
    const struct henge_ring *ring = henge_view_ring(view, HENGE_RING_CURRENT);
    const size_t count = henge_ring_points_count(ring);
    const size_t first = range_of(ring, route->hash);
    json_t *document = json_object();
    json_t *walk = json_array();
    uint32_t met = 0; /* a bit for each owner */
    const uint32_t all = (1u << route->owners_count) - 1;
    struct henge_ring_range range;
    for (size_t i = 0; i < count && met != all && i < EXPLAIN_STEPS_MAX; i++) {
        const size_t number = (first + i) % count;
        if (henge_ring_range_at(ring, number, &range) != HENGE_OK) {
            break;
        }
        const uint32_t place = place_of(route, range.slot);
        char verdict[32] = "zone taken";
        if (place < route->owners_count && (met >> place & 1) != 0) {
            snprintf(verdict, sizeof(verdict), "again");
        } else if (place < route->owners_count) {
            snprintf(verdict, sizeof(verdict), "owner %u", place + 1);
            met |= 1u << place;
        }
        json_t *step = step_json(view, number, &range);
        json_put_text(step, "verdict", verdict);
        (void)json_array_append_new(walk, step);
    }
    if (henge_ring_range_at(ring, first, &range) == HENGE_OK) {
        json_put_u64(document, "range", first);
        json_put_hex(document, "after", range.after);
        json_put_hex(document, "until", range.until);
    }
    json_put_u64(document, "ranges_count", count);
    json_put(document, "walk", walk);
    json_put_bool(document, "is_cut", met != all);
    return document;
}
