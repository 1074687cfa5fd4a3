/* ring/diff.c - what moves between two rings: one walk around the circle over the points of both.
 *
 *     old   ----A--------B-----------C---
 *     new   ----A---D----B-------E-------      a step ends at every token of either ring
 *
 * Within a step both rings have one list of owners; steps with equal lists are one group, and a
 * group whose two lists differ is a move. The walk begins where a group begins, so that none is cut
 * in two, and makes one turn. Slots mean the same in one ring only, so lists are compared by name;
 * nothing is allocated for that, and a list is looked at once per point.
 *
 * A list is not found anew at each point: owners in zones of their own stay until the walk passes
 * the first of them. So a rare zone is looked for once per point of it, not once per point of the
 * ring, and what is looked at is a few points of each side per point. */
#include "ring/ring_internal.h"
#include <string.h>

enum { OLD, NEW, SIDES };

#define CIRCLE (UINT64_C(1) << TOKEN_BITS)

static uint64_t token_at(const struct henge_ring *ring, uint32_t index) {
    return point_token(ring->points[index]);
}

static uint32_t next_index(const struct henge_ring *ring, uint32_t index) {
    return index + 1 == ring->points_count ? 0 : index + 1;
}

static bool holds(const uint16_t *items, uint32_t count, uint16_t item) {
    for (uint32_t i = 0; i < count; i++) {
        if (items[i] == item) {
            return true;
        }
    }
    return false;
}

/* The first point from there on that is of another zone than all of these. There is one. */
static uint32_t other_zone_at(const struct henge_ring *ring, uint32_t index, const uint16_t *slots,
                              uint32_t count) {
    uint16_t zones[HENGE_ROUTE_OWNERS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        zones[i] = ring->zone_of_slot[slots[i]];
    }
    while (holds(zones, count, ring->zone_of_slot[point_slot(ring->points[index])])) {
        index = next_index(ring, index);
    }
    return index;
}

/* Those who repeat a zone are the first members that are not there already. */
static void repeats_fill(struct henge_ring_diff_side *side) {
    uint32_t found = side->zones_count;
    for (uint32_t index = side->index; found < side->count; index = next_index(side->ring, index)) {
        const uint16_t slot = (uint16_t)point_slot(side->ring->points[index]);
        if (!holds(side->slots, found, slot)) {
            side->slots[found++] = slot;
        }
    }
}

static void place_put(struct henge_ring_diff_side *side, uint32_t at, uint32_t place) {
    side->places[at] = place;
    side->slots[at] = (uint16_t)point_slot(side->ring->points[place]);
}

/* The list of the point at side->index. */
static void list_begin(struct henge_ring_diff_side *side, uint32_t count) {
    const struct henge_ring *ring = side->ring;
    side->count = count < ring->members_count ? count : ring->members_count;
    side->zones_count = side->count < ring->zones_count ? side->count : ring->zones_count;
    uint32_t place = side->index;
    for (uint32_t i = 0; i < side->zones_count; i++) {
        place = other_zone_at(ring, place, side->slots, i);
        place_put(side, i, place);
    }
    repeats_fill(side);
}

static uint32_t steps_to(const struct henge_ring_diff_side *side, uint32_t place) {
    return place >= side->index ? place - side->index
                                : place + (side->ring->points_count - side->index);
}

/* To the next point. The first owner is the one at this point, so it is gone; in its stead comes
 * the next of another zone than those that stay, which may be its own. */
static void list_next(struct henge_ring_diff_side *side) {
    const uint32_t staying = side->zones_count - 1;
    memmove(side->slots, side->slots + 1, staying * sizeof(*side->slots));
    memmove(side->places, side->places + 1, staying * sizeof(*side->places));
    side->index = next_index(side->ring, side->index);
    const uint32_t place = other_zone_at(side->ring, side->index, side->slots, staying);
    uint32_t at = staying;
    for (; at > 0 && steps_to(side, side->places[at - 1]) > steps_to(side, place); at--) {
        place_put(side, at, side->places[at - 1]);
    }
    place_put(side, at, place);
}

/* From where the walk stands to that side's next token: one turn if that is where it stands. */
static uint64_t distance(const struct henge_ring_diff_cursor *cursor, int side) {
    const struct henge_ring *ring = cursor->sides[side].ring;
    if (ring->points_count == 0) {
        return CIRCLE;
    }
    const uint64_t steps = (token_at(ring, cursor->sides[side].index) - cursor->at) & (CIRCLE - 1);
    return steps == 0 ? CIRCLE : steps;
}

/* To the first point behind the token on which the side's point stands. */
static void pass_token(struct henge_ring_diff_cursor *cursor, int side) {
    struct henge_ring_diff_side *passed = &cursor->sides[side];
    if (passed->ring->points_count == 0) {
        return;
    }
    const uint64_t token = token_at(passed->ring, passed->index);
    uint32_t last;
    do {
        last = passed->index;
        list_next(passed);
    } while (last < passed->index && token_at(passed->ring, passed->index) == token);
    repeats_fill(passed);
}

static void step(struct henge_ring_diff_cursor *cursor) {
    const uint64_t distances[SIDES] = {distance(cursor, OLD), distance(cursor, NEW)};
    const uint64_t nearest = distances[OLD] < distances[NEW] ? distances[OLD] : distances[NEW];
    for (int side = OLD; side < SIDES; side++) {
        if (distances[side] == nearest) {
            pass_token(cursor, side);
        }
    }
    cursor->at = (cursor->at + nearest) & (CIRCLE - 1);
    cursor->left -= nearest;
}

static bool is_list(const struct henge_ring_diff_cursor *cursor, int side, uint32_t count,
                    const uint16_t *slots) {
    return cursor->sides[side].count == count &&
           memcmp(cursor->sides[side].slots, slots, count * sizeof(*slots)) == 0;
}

/* Takes one group: what lies before the cursor with the same lists. */
static void take_group(struct henge_ring_diff_cursor *cursor, struct henge_ring_move *group) {
    memset(group, 0, sizeof(*group));
    group->after = last_hash_of(cursor->at);
    group->old_first = cursor->sides[OLD].index;
    group->new_first = cursor->sides[NEW].index;
    group->old_count = cursor->sides[OLD].count;
    group->new_count = cursor->sides[NEW].count;
    memcpy(group->old_slots, cursor->sides[OLD].slots, sizeof(group->old_slots));
    memcpy(group->new_slots, cursor->sides[NEW].slots, sizeof(group->new_slots));
    do {
        group->old_last = cursor->sides[OLD].index;
        group->new_last = cursor->sides[NEW].index;
        step(cursor);
    } while (cursor->left > 0 && is_list(cursor, OLD, group->old_count, group->old_slots) &&
             is_list(cursor, NEW, group->new_count, group->new_slots));
    group->until = last_hash_of(cursor->at);
}

/* The walk may begin anywhere but where no ring has a point. */
static uint64_t any_token(const struct henge_ring_diff_cursor *cursor) {
    for (int side = OLD; side < SIDES; side++) {
        const struct henge_ring *ring = cursor->sides[side].ring;
        if (ring->points_count > 0) {
            return token_at(ring, ring->points_count - 1);
        }
    }
    return 0;
}

enum henge_status henge_ring_diff_begin(const struct henge_ring *old_ring,
                                        const struct henge_ring *new_ring, size_t count,
                                        struct henge_ring_diff_cursor *cursor_out) {
    if (count == 0 || count > HENGE_ROUTE_OWNERS_MAX) {
        return HENGE_INVALID;
    }
    struct henge_ring_diff_cursor cursor = {.count = (uint32_t)count, .left = CIRCLE};
    cursor.sides[OLD].ring = old_ring;
    cursor.sides[NEW].ring = new_ring;
    cursor.at = any_token(&cursor);
    for (int side = OLD; side < SIDES; side++) {
        const struct henge_ring *ring = cursor.sides[side].ring;
        if (ring->points_count > 0) {
            cursor.sides[side].index =
                (uint32_t)ring_point_index(ring, (cursor.at + 1) << POINT_SLOT_BITS);
            list_begin(&cursor.sides[side], cursor.count);
        }
    }
    struct henge_ring_move group;
    take_group(&cursor, &group); /* where it ends, one begins */
    cursor.left = CIRCLE;
    *cursor_out = cursor;
    return HENGE_OK;
}

static bool has_same_name(const struct henge_ring_diff_cursor *cursor, uint16_t old_slot,
                          uint16_t new_slot) {
    return strcmp(ring_name(cursor->sides[OLD].ring, old_slot),
                  ring_name(cursor->sides[NEW].ring, new_slot)) == 0;
}

static bool is_move(const struct henge_ring_diff_cursor *cursor,
                    const struct henge_ring_move *group) {
    if (group->old_count != group->new_count) {
        return true;
    }
    for (uint32_t i = 0; i < group->old_count; i++) {
        if (!has_same_name(cursor, group->old_slots[i], group->new_slots[i])) {
            return true;
        }
    }
    return false;
}

static void mark_changes(const struct henge_ring_diff_cursor *cursor,
                         struct henge_ring_move *move) {
    move->lost = (1u << move->old_count) - 1;
    move->gained = (1u << move->new_count) - 1;
    for (uint32_t i = 0; i < move->old_count; i++) {
        for (uint32_t k = 0; k < move->new_count; k++) {
            if (has_same_name(cursor, move->old_slots[i], move->new_slots[k])) {
                move->lost &= ~(1u << i);
                move->gained &= ~(1u << k);
            }
        }
    }
}

enum henge_status henge_ring_diff_next(struct henge_ring_diff_cursor *cursor,
                                       struct henge_ring_move *move_out) {
    while (cursor->left > 0) {
        struct henge_ring_move move;
        take_group(cursor, &move);
        if (is_move(cursor, &move)) {
            mark_changes(cursor, &move);
            if (cursor->sides[OLD].ring->points_count == 0) {
                move.old_first = move.old_last = HENGE_NO_RANGE;
            }
            if (cursor->sides[NEW].ring->points_count == 0) {
                move.new_first = move.new_last = HENGE_NO_RANGE;
            }
            *move_out = move;
            return HENGE_OK;
        }
    }
    return HENGE_NOT_FOUND;
}

static uint64_t tokens_of(const struct henge_ring_move *move) {
    const uint64_t tokens = (point_token(move->until) - point_token(move->after)) & (CIRCLE - 1);
    return tokens == 0 ? CIRCLE : tokens;
}

enum henge_status henge_ring_diff(const struct henge_ring *old_ring,
                                  const struct henge_ring *new_ring, size_t count,
                                  struct henge_ring_move *moves_out, size_t room,
                                  struct henge_ring_diff_sum *sum_out) {
    struct henge_ring_diff_cursor cursor;
    if (henge_ring_diff_begin(old_ring, new_ring, count, &cursor) != HENGE_OK) {
        return HENGE_INVALID;
    }
    struct henge_ring_move move;
    uint64_t moves = 0;
    uint64_t moved = 0;
    uint64_t copied = 0; /* at most 8 circles of 2^48 */
    for (; henge_ring_diff_next(&cursor, &move) == HENGE_OK; moves++) {
        if (moves_out != NULL && moves < room) {
            moves_out[moves] = move;
        }
        moved += tokens_of(&move);
        copied += tokens_of(&move) * (uint64_t)__builtin_popcount(move.gained);
    }
    if (sum_out != NULL) {
        *sum_out = (struct henge_ring_diff_sum){.moves = moves,
                                                .share = (double)moved / (double)CIRCLE,
                                                .copies = (double)copied / (double)CIRCLE};
    }
    return moves_out != NULL && moves > room ? HENGE_FULL : HENGE_OK;
}
