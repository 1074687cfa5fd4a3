/* ring/placement.c - a member chooses where its virtual nodes stand, so that all hold their due.
 *
 * Random tokens leave the fullest of 100 members a quarter above the mean. Here each virtual node
 * has up to 16 places, and takes the one that best repairs what it finds (after "the power of two
 * choices", Azar et al., STOC 1994). Two circles are watched at once: that of all points, whose
 * arcs are what members own as primaries, and that of the points of the member's own zone, whose
 * arcs are what they hold as replicas where a key has one in every zone. Either alone leaves the
 * other as random tokens do.
 *
 * Everything is counted in mean arcs: each point is due one. A virtual node that takes an arc a
 * from an owner with an excess of e, and ought to bring w, changes the sum of squared errors by
 *
 *     (a - w)^2 - w^2 + (e - a)^2 - e^2 = 2 a (a - (w + e))
 *
 * The first pass takes the virtual nodes one by one, w being what is missing over the number to
 * come; the second puts each anew with the others in place. Nobody's tokens but the chooser's move,
 * so what changes hands is what it gets.
 *
 * Members that choose at the same time do not see each other, and all aim at the same gaps. That
 * is better than plain tokens while they are less than a third of all, and worse beyond: whoever
 * calls this should know. */
#include "ring/ring_internal.h"
#include <string.h>

enum { PASSES = 2 };

struct circle {
    uint64_t *points; /* of others, and those of the chooser that are not to be chosen */
    size_t count;
    double *excess;                   /* by slot, in mean arcs */
    double mean_arcs_in_one;          /* of the 2^64 positions */
    uint64_t chosen[RING_CHOSEN_MAX]; /* the chooser's, ascending */
    size_t chosen_count;
};

struct placement {
    struct memory *memory;
    const struct ring_choice *choice;
    struct token_text text;
    uint32_t self; /* slot */
    uint32_t kept; /* virtual nodes kept .. end - 1 are chosen */
    uint32_t end;
    size_t slots_count; /* highest slot + 1 */
    size_t points_max;  /* of a circle */
    uint64_t *scratch;
    struct circle all;
    struct circle zone;
    uint8_t choices[RING_CHOICES_BYTES];
};

struct arc {
    double size;
    uint32_t owner;
};

/* Index of the first at or behind the position; `count` past the last. */
static size_t index_behind(const uint64_t *points, size_t count, uint64_t position) {
    size_t low = 0;
    while (count > 0) {
        const size_t half = count / 2;
        const bool is_before = points[low + half] < position;
        low += is_before ? half + 1 : 0;
        count = is_before ? count - half - 1 : half;
    }
    return low;
}

struct neighbours {
    uint64_t back; /* how far it is to the one before */
    uint64_t on;   /* and to the next */
    uint64_t next; /* point */
};

static struct neighbours neighbours_of(const uint64_t *points, size_t count, uint64_t position) {
    const size_t index = index_behind(points, count, position);
    const uint64_t next = points[index == count ? 0 : index];
    const uint64_t last = points[index == 0 ? count - 1 : index - 1];
    return (struct neighbours){.back = position - (last & POINT_TOKEN_MASK),
                               .on = (next & POINT_TOKEN_MASK) - position,
                               .next = next};
}

/* What a point at this position takes, and from whom; its own is nothing. */
static struct arc arc_at(const struct placement *placement, const struct circle *circle,
                         uint64_t position) {
    struct neighbours other = neighbours_of(circle->points, circle->count, position);
    struct arc arc = {.owner = point_slot(other.next)};
    if (circle->chosen_count > 0) {
        struct neighbours own = neighbours_of(circle->chosen, circle->chosen_count, position);
        arc.owner = own.on < other.on ? placement->self : arc.owner;
        other.back = own.back < other.back ? own.back : other.back;
    }
    if (arc.owner != placement->self) {
        arc.size = (double)other.back * circle->mean_arcs_in_one;
    }
    return arc;
}

/* Up to a factor and a constant, see above. `left` virtual nodes are to come, this one included. */
static double cost_at(const struct placement *placement, const struct circle *circle,
                      uint64_t position, uint32_t left) {
    if (circle->count == 0) {
        return 0; /* all is its own, wherever it stands */
    }
    const struct arc arc = arc_at(placement, circle, position);
    const double wanted = -circle->excess[placement->self] / left;
    return arc.size * (arc.size - (wanted + circle->excess[arc.owner]));
}

static void move_arc(const struct placement *placement, struct circle *circle, uint64_t position,
                     double sign) {
    if (circle->count > 0) {
        const struct arc arc = arc_at(placement, circle, position);
        circle->excess[arc.owner] -= sign * arc.size;
        circle->excess[placement->self] += sign * arc.size;
    }
}

static void put(const struct placement *placement, struct circle *circle, uint64_t position) {
    move_arc(placement, circle, position, 1);
    const size_t index = index_behind(circle->chosen, circle->chosen_count, position);
    memmove(&circle->chosen[index + 1], &circle->chosen[index],
            (circle->chosen_count - index) * sizeof(position));
    circle->chosen[index] = position;
    circle->chosen_count++;
}

static void take_back(const struct placement *placement, struct circle *circle, uint64_t position) {
    const size_t index = index_behind(circle->chosen, circle->chosen_count, position);
    circle->chosen_count--;
    memmove(&circle->chosen[index], &circle->chosen[index + 1],
            (circle->chosen_count - index) * sizeof(position));
    move_arc(placement, circle, position, -1);
}

static uint64_t position_of(struct placement *placement, uint32_t vnode, uint32_t choice) {
    return token_of(&placement->text, vnode, choice) << POINT_SLOT_BITS;
}

static void choice_set(struct placement *placement, uint32_t vnode, uint32_t choice) {
    uint8_t *byte = &placement->choices[vnode / 2];
    const uint32_t lower = *byte & (RING_CANDIDATES - 1U);
    const uint32_t upper = *byte >> CHOICE_BITS;
    *byte =
        (uint8_t)(vnode % 2 == 0 ? upper << CHOICE_BITS | choice : choice << CHOICE_BITS | lower);
}

static uint32_t choice_get(const struct placement *placement, uint32_t vnode) {
    return placement->choices[vnode / 2] >> (vnode % 2 * CHOICE_BITS) & (RING_CANDIDATES - 1);
}

static void choose_one(struct placement *placement, uint32_t vnode, uint32_t left) {
    uint32_t best = 0;
    double best_cost = 0;
    for (uint32_t choice = 0; choice < placement->choice->candidates; choice++) {
        const uint64_t position = position_of(placement, vnode, choice);
        const double cost = cost_at(placement, &placement->all, position, left) +
                            cost_at(placement, &placement->zone, position, left);
        if (choice == 0 || cost < best_cost) {
            best = choice;
            best_cost = cost;
        }
    }
    choice_set(placement, vnode, best);
    put(placement, &placement->all, position_of(placement, vnode, best));
    put(placement, &placement->zone, position_of(placement, vnode, best));
}

static void choose_all(struct placement *placement) {
    for (uint32_t vnode = placement->kept; vnode < placement->end; vnode++) {
        choose_one(placement, vnode, placement->end - vnode);
    }
    for (unsigned pass = 1; pass < PASSES; pass++) {
        for (uint32_t vnode = placement->kept; vnode < placement->end; vnode++) {
            const uint64_t position = position_of(placement, vnode, choice_get(placement, vnode));
            take_back(placement, &placement->all, position);
            take_back(placement, &placement->zone, position);
            choose_one(placement, vnode, 1);
        }
    }
}

/* The chooser's points that are not to choose. */
static void add_fixed(struct placement *placement, struct circle *circle) {
    const struct ring_member *self = placement->choice->self;
    const uint32_t count = (uint32_t)self->vnodes * self->weight;
    const size_t before = circle->count;
    for (uint32_t vnode = 0; vnode < count; vnode++) {
        if (vnode < placement->kept || vnode >= placement->end) {
            const uint32_t choice = vnode < placement->kept ? member_choice(self, vnode) : 0;
            circle->points[circle->count++] = position_of(placement, vnode, choice) | self->slot;
        }
    }
    if (circle->count > before) {
        sort_points(circle->points, placement->scratch, circle->count);
    }
}

static void measure_excess(const struct placement *placement, struct circle *circle) {
    const uint32_t to_come = placement->end - placement->kept;
    circle->mean_arcs_in_one = (double)(circle->count + to_come) / 0x1p64;
    circle->excess[placement->self] = -(double)to_come;
    for (size_t i = 0; i < circle->count; i++) {
        const uint64_t last = circle->points[i == 0 ? circle->count - 1 : i - 1];
        const uint64_t width = (circle->points[i] & POINT_TOKEN_MASK) - (last & POINT_TOKEN_MASK);
        const double whole = (double)(circle->count + to_come);
        circle->excess[point_slot(circle->points[i])] +=
            (circle->count == 1 ? whole : (double)width * circle->mean_arcs_in_one) - 1;
    }
}

static bool owns_in_zone(const struct placement *placement, const struct ring_member *member) {
    return member_points(member) > 0 && member->slot != placement->self &&
           strcmp(member->zone, placement->choice->self->zone) == 0;
}

static void gather_all(struct placement *placement) {
    const struct henge_ring *ring = placement->choice->ring;
    struct circle *circle = &placement->all;
    for (size_t i = 0; i < ring->points_count; i++) {
        if (point_slot(ring->points[i]) != placement->self) {
            circle->points[circle->count++] = ring->points[i];
        }
    }
}

static void gather_zone(struct placement *placement) {
    const struct ring_choice *choice = placement->choice;
    const uint16_t *zone_of_slot = choice->ring->zone_of_slot;
    const struct ring_member *neighbour = NULL;
    for (size_t i = 0; i < choice->count && neighbour == NULL; i++) {
        neighbour = owns_in_zone(placement, &choice->members[i]) ? &choice->members[i] : NULL;
    }
    if (neighbour == NULL) {
        return;
    }
    const uint16_t zone = zone_of_slot[neighbour->slot];
    struct circle *circle = &placement->zone;
    for (size_t i = 0; i < placement->all.count; i++) {
        if (zone_of_slot[point_slot(placement->all.points[i])] == zone) {
            circle->points[circle->count++] = placement->all.points[i];
        }
    }
}

static bool circle_alloc(const struct placement *placement, struct circle *circle) {
    circle->points = memory_alloc(placement->memory, placement->points_max * sizeof(uint64_t),
                                  HENGE_MEMORY_RING);
    circle->excess = memory_alloc_zeroed(
        placement->memory, placement->slots_count * sizeof(*circle->excess), HENGE_MEMORY_RING);
    return circle->points != NULL && circle->excess != NULL;
}

static void circle_release(const struct placement *placement, struct circle *circle) {
    memory_release(placement->memory, circle->points, placement->points_max * sizeof(uint64_t),
                   HENGE_MEMORY_RING);
    memory_release(placement->memory, circle->excess,
                   placement->slots_count * sizeof(*circle->excess), HENGE_MEMORY_RING);
}

static void measure(struct placement *placement) {
    const struct ring_choice *choice = placement->choice;
    const struct ring_member *self = choice->self;
    const uint32_t count = (uint32_t)self->vnodes * self->weight;
    placement->end = count < RING_CHOSEN_MAX ? count : RING_CHOSEN_MAX;
    placement->kept = choice->kept < placement->end ? choice->kept : placement->end;
    placement->points_max = choice->ring->points_count + count;
    placement->slots_count = (size_t)self->slot + 1;
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->members[i].slot >= placement->slots_count) {
            placement->slots_count = (size_t)choice->members[i].slot + 1;
        }
    }
    for (uint32_t vnode = 0; vnode < placement->kept; vnode++) {
        choice_set(placement, vnode, member_choice(self, vnode));
    }
}

static bool allocate(struct placement *placement) {
    placement->scratch = memory_alloc(placement->memory, placement->points_max * sizeof(uint64_t),
                                      HENGE_MEMORY_RING);
    return placement->scratch != NULL && circle_alloc(placement, &placement->all) &&
           circle_alloc(placement, &placement->zone);
}

enum henge_status ring_choose(struct memory *memory, const struct ring_choice *choice,
                              uint8_t *choices_out) {
    struct placement placement = {.memory = memory,
                                  .choice = choice,
                                  .self = choice->self->slot,
                                  .text =
                                      token_text_of(choice->parameters->salt, choice->self->name)};
    measure(&placement);
    const bool has_memory = allocate(&placement);
    if (has_memory) {
        gather_all(&placement);
        gather_zone(&placement);
        add_fixed(&placement, &placement.all);
        add_fixed(&placement, &placement.zone);
        measure_excess(&placement, &placement.all);
        measure_excess(&placement, &placement.zone);
        choose_all(&placement);
        memcpy(choices_out, placement.choices, sizeof(placement.choices));
    }
    circle_release(&placement, &placement.all);
    circle_release(&placement, &placement.zone);
    memory_release(memory, placement.scratch, placement.points_max * sizeof(uint64_t),
                   HENGE_MEMORY_RING);
    return has_memory ? HENGE_OK : HENGE_NO_MEMORY;
}
