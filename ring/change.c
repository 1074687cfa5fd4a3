/* ring/change.c - a ring brought up to date with other members.
 *
 * A ring keeps a hash of each owner, so it is compared with the members that it is to have, and
 * nobody has to remember what has happened since it was built. Then, for the slots that differ:
 *
 *     which points go, which come    a scan for those slots; their members' tokens
 *     who is in which zone           zones.c
 *     points out, points in          merge.c
 *     cells and list lines           those with a changed point, and before each of them as many as
 *                                    see another list behind them than before (cells.c)
 *
 * What has no room, or no memory, is found out before the first write. */
#include "ring/change.h"
#include "ring/merge.h"
#include <string.h>

/* So many slots may differ: beyond that a build is about as fast. */
enum { CHANGED_MIN = 8, CHANGED_PART = 8 };

/* Points are looked at so many at a time, as long as few slots are sought. */
enum { SCAN_POINTS = 16, SCAN_SLOTS_MAX = 4 };

static size_t smaller_of(size_t one, size_t other) {
    return one < other ? one : other;
}

static enum henge_status map_by_slot(struct change *change) {
    const size_t slots = change->slots_count;
    change->by_slot_bytes = slots * (2 * sizeof(uint16_t) + sizeof(uint8_t));
    change->member_of_slot =
        memory_alloc_zeroed(change->memory, change->by_slot_bytes, HENGE_MEMORY_RING);
    if (change->member_of_slot == NULL) {
        return HENGE_NO_MEMORY;
    }
    change->changed = change->member_of_slot + slots;
    change->differs = (uint8_t *)(change->changed + slots);
    return members_map(change->members, change->count, change->member_of_slot, slots);
}

/* Which slots differ. */
static enum henge_status compare(struct change *change) {
    for (size_t slot = 0; slot < change->slots_count; slot++) {
        const uint16_t index = change->member_of_slot[slot];
        const uint64_t old = change->arrays.hashes[slot];
        uint64_t new = 0;
        if (index != NO_MEMBER) {
            const struct ring_member *member = &change->members[index];
            const uint32_t points = member_points(member);
            const uint64_t hash = member_hash(member);
            change->hash_sum += hash;
            new = points > 0 ? hash | OWNER_HASH_BIT : 0;
            if (new == old && points > 0) {
                change->kept += points;
            } else if (!member_name_fits(member->name)) {
                return HENGE_INVALID;
            }
        }
        if (new != old) {
            change->changed[change->changed_count++] = (uint16_t)slot;
            change->differs[slot] = DIFFERS_ALL;
        }
    }
    const size_t most = CHANGED_MIN + change->ring->members_count / CHANGED_PART;
    return change->changed_count > most ? HENGE_FULL : HENGE_OK;
}

/* As many points as go and come, and the marks. */
static enum henge_status allocate(struct change *change) {
    const size_t marks = ring_cells_count(change->ring) / 64 + 1;
    change->gone_count = change->ring->points_count - change->kept;
    change->come_count = change->size.points_count - change->kept;
    change->scratch_bytes =
        (2 * change->come_count + marks) * sizeof(uint64_t) + change->gone_count * sizeof(uint32_t);
    change->come = memory_alloc(change->memory, change->scratch_bytes, HENGE_MEMORY_RING);
    if (change->come == NULL) {
        return HENGE_NO_MEMORY;
    }
    change->scratch = change->come + change->come_count;
    change->marks = change->scratch + change->come_count;
    change->gone = (uint32_t *)(void *)(change->marks + marks);
    memset(change->marks, 0, marks * sizeof(*change->marks));
    return HENGE_OK;
}

/* Two points at once, in a register of any processor: one at a time, looking for those that go
 * would take longer than all the rest. A difference of 0 is the only one that borrows from the
 * highest bit. */
static bool may_hold(const uint64_t *points, const uint64_t *slots, size_t slots_count) {
    typedef uint64_t pair __attribute__((vector_size(2 * sizeof(uint64_t))));
    pair borrowed = {0, 0};
    for (size_t s = 0; s < slots_count; s++) {
        const pair slot = {slots[s], slots[s]};
        for (size_t i = 0; i < SCAN_POINTS; i += 2) {
            pair two;
            memcpy(&two, points + i, sizeof(two));
            borrowed |= ((two ^ slot) & ~POINT_TOKEN_MASK) - 1;
        }
    }
    return (borrowed[0] | borrowed[1]) >> 63 != 0;
}

static void find_gone(struct change *change) {
    uint64_t slots[SCAN_SLOTS_MAX];
    size_t slots_count = 0;
    for (size_t i = 0; i < change->changed_count; i++) {
        if (change->arrays.hashes[change->changed[i]] != 0) {
            slots[slots_count % SCAN_SLOTS_MAX] = change->changed[i];
            slots_count++;
        }
    }
    const bool is_filtered = slots_count <= SCAN_SLOTS_MAX;
    const uint64_t *points = change->ring->points;
    size_t found = 0;
    for (size_t i = 0; i < change->ring->points_count && found < change->gone_count;) {
        const size_t end = smaller_of(i + SCAN_POINTS, change->ring->points_count);
        if (is_filtered && end - i == SCAN_POINTS && !may_hold(points + i, slots, slots_count)) {
            i = end;
        }
        for (; i < end; i++) {
            if (change->differs[point_slot(points[i])] != 0) {
                change->gone[found++] = (uint32_t)i;
            }
        }
    }
}

static void find_come(struct change *change, const struct token_source *source) {
    uint64_t *mine = change->come;
    for (size_t i = 0; i < change->changed_count; i++) {
        const struct ring_member *member = change_owner(change, change->changed[i]);
        if (member != NULL) {
            member_place(member, source, mine);
            mine += member_points(member);
        }
    }
    sort_points(change->come, change->scratch, change->come_count);
}

/* Drops what goes and comes again, where nothing but their number differs. */
static void cancel(struct change *change) {
    size_t gone = 0;
    size_t come = 0;
    size_t gone_left = 0;
    size_t come_left = 0;
    while (gone < change->gone_count && come < change->come_count) {
        const uint64_t old = change->ring->points[change->gone[gone]];
        const uint64_t new = change->come[come];
        if (old == new && change->differs[point_slot(old)] == DIFFERS_IN_POINTS) {
            gone++;
            come++;
        } else if (old < new) {
            change->gone[gone_left++] = change->gone[gone++];
        } else {
            change->come[come_left++] = change->come[come++];
        }
    }
    while (gone < change->gone_count) {
        change->gone[gone_left++] = change->gone[gone++];
    }
    while (come < change->come_count) {
        change->come[come_left++] = change->come[come++];
    }
    change->gone_count = gone_left;
    change->come_count = come_left;
}

static enum henge_status move_points(struct change *change) {
    struct henge_ring *ring = change->ring;
    cancel(change);
    if (!order_ties(ring, change->come, change->come_count)) {
        return HENGE_INVALID;
    }
    points_take_out(ring, &change->arrays, change->gone, change->gone_count, change->marks);
    return points_put_in(ring, &change->arrays, change->come, change->come_count,
                         (uint32_t *)(void *)change->scratch, change->marks)
               ? HENGE_OK
               : HENGE_INVALID;
}

/* What a cell shows to the one before it. */
static struct ring_list first_list(const struct henge_ring *ring, size_t cell) {
    return (struct ring_list){
        {ring->cells[cell].owners[0], ring->lists[cell].seconds[0], ring->lists[cell].thirds[0]}};
}

/* Whether all lists before this one are as they were if it is: they depend on it and on the zones
 * of its owners alone. */
static bool is_settled(const struct change *change, const struct ring_list *old,
                       const struct ring_list *list) {
    for (size_t i = 0; i < LIST_OWNERS; i++) {
        const uint16_t slot = list->slots[i];
        if (slot != old->slots[i] ||
            (slot != HENGE_NO_SLOT && change->differs[slot] == DIFFERS_ALL)) {
            return false;
        }
    }
    return list_decides(change->ring, list);
}

/* The last marked cell before `end`, or `end` if there is none. */
static size_t last_marked(const uint64_t *marks, size_t end) {
    for (size_t word = end / 64 + 1; word-- > 0;) {
        const size_t cells = smaller_of(end - word * 64, 64); /* of this word */
        const uint64_t bits =
            cells == 64 ? marks[word] : marks[word] & ((UINT64_C(1) << cells) - 1);
        if (bits != 0) {
            return word * 64 + 63 - (size_t)__builtin_clzll(bits);
        }
    }
    return end;
}

/* Where lists tell of more zones than before, or of fewer, none is as it was: that goes round. */
static void fill_marked(struct change *change) {
    const struct henge_ring *ring = change->ring;
    const size_t cells = ring_cells_count(ring);
    struct ring_list behind; /* the last cell: what the first point shows */
    ring_exact_list(ring, 0, &behind);
    const struct ring_list shown = first_list(ring, 0);
    if (!is_settled(change, &shown, &behind)) {
        cells_mark(change->marks, cells - 1);
    }
    size_t end = cells;
    for (size_t cell = last_marked(change->marks, end); cell < end;
         cell = last_marked(change->marks, end)) {
        struct ring_list list = cell + 1 == cells ? behind : first_list(ring, cell + 1);
        const struct ring_list old = first_list(ring, cell);
        cell_fill(&change->arrays, ring, cell, &list);
        if (cell > 0 && !is_settled(change, &old, &list)) {
            cells_mark(change->marks, cell - 1);
        }
        end = cell;
    }
}

static enum henge_status carry_out(struct change *change, const struct token_source *source) {
    struct henge_ring *ring = change->ring;
    find_gone(change);
    find_come(change, source);
    ring->slots_count = (uint32_t)change->slots_count; /* of both, meanwhile */
    change_zones(change);
    const enum henge_status status = move_points(change);
    if (status != HENGE_OK) {
        return status;
    }
    fill_marked(change);
    ring->slots_count = (uint32_t)change->size.slots_count;
    return HENGE_OK;
}

static bool has_room(const struct henge_ring *ring, const struct ring_size *size) {
    return size->slots_count <= ring->slots_capacity &&
           size->points_count <= ring->points_capacity &&
           cell_bits_for(size->points_count) == 64 - ring->shift;
}

static enum henge_status run_change(struct change *change, const struct token_source *source) {
    enum henge_status status = members_measure(change->members, change->count, &change->size);
    if (status == HENGE_OK && !has_room(change->ring, &change->size)) {
        status = HENGE_FULL;
    }
    if (status == HENGE_OK) {
        change->slots_count = change->ring->slots_count;
        if (change->slots_count < change->size.slots_count) {
            change->slots_count = change->size.slots_count;
        }
        status = map_by_slot(change);
    }
    if (status == HENGE_OK) {
        status = compare(change);
    }
    if (status == HENGE_OK) {
        status = allocate(change);
    }
    return status == HENGE_OK ? carry_out(change, source) : status;
}

enum henge_status ring_apply_from(struct memory *memory, struct henge_ring *ring,
                                  const struct ring_parameters *parameters,
                                  const struct ring_member *members, size_t count,
                                  const struct token_source *source) {
    struct change change = {.memory = memory,
                            .ring = ring,
                            .arrays = ring_arrays_of(ring),
                            .members = members,
                            .count = count};
    const enum henge_status status = run_change(&change, source);
    memory_release(memory, change.come, change.scratch_bytes, HENGE_MEMORY_RING);
    memory_release(memory, change.member_of_slot, change.by_slot_bytes, HENGE_MEMORY_RING);
    if (status == HENGE_OK) {
        ring->up_by_slot = parameters->up_by_slot;
        ring->version = parameters->version;
        ring->fingerprint = ring_fingerprint_of_sum(parameters, change.hash_sum, count);
    }
    return status;
}

enum henge_status ring_apply(struct memory *memory, struct henge_ring *ring,
                             const struct ring_parameters *parameters,
                             const struct ring_member *members, size_t count) {
    const struct token_source source = token_source_of_salt(parameters->salt);
    return ring_apply_from(memory, ring, parameters, members, count, &source);
}

/* A copy with room for both. */
static struct henge_ring *copy(struct memory *memory, const struct henge_ring *old,
                               const struct ring_size *size) {
    struct ring_arrays arrays;
    const size_t slots = old->slots_count;
    const size_t cells = ring_cells_count(old);
    struct henge_ring *ring = ring_allocate(
        memory, slots < size->slots_count ? size->slots_count : slots,
        old->points_count < size->points_count ? size->points_count : old->points_count, &arrays);
    if (ring != NULL) {
        memcpy(arrays.cells, old->cells, cells * sizeof(*old->cells));
        memcpy(arrays.lists, old->lists, cells * sizeof(*old->lists));
        memcpy(arrays.points, old->points, old->points_count * sizeof(*old->points));
        memcpy(arrays.starts, old->starts, (cells + 1) * sizeof(*old->starts));
        memcpy(arrays.hashes, old->hashes, slots * sizeof(*old->hashes));
        memcpy(arrays.zone_of_slot, old->zone_of_slot, slots * sizeof(*old->zone_of_slot));
        memcpy(arrays.names, old->names, slots * HENGE_NAME_BYTES);
        ring->points_count = old->points_count;
        ring->slots_count = old->slots_count;
        ring->members_count = old->members_count;
        ring->zones_count = old->zones_count;
    }
    return ring;
}

enum henge_status ring_copy_changed_from(struct memory *memory, const struct henge_ring *old,
                                         const struct ring_parameters *parameters,
                                         const struct ring_member *members, size_t count,
                                         const struct token_source *source,
                                         struct henge_ring **ring_out) {
    struct ring_size size;
    if (members_measure(members, count, &size) != HENGE_OK) {
        return HENGE_INVALID;
    }
    enum henge_status status = HENGE_FULL;
    if (cell_bits_for(size.points_count) == 64 - old->shift) {
        struct henge_ring *ring = copy(memory, old, &size);
        if (ring == NULL) {
            return HENGE_NO_MEMORY;
        }
        status = ring_apply_from(memory, ring, parameters, members, count, source);
        if (status == HENGE_OK) {
            *ring_out = ring;
        } else {
            ring_destroy(memory, ring);
        }
    }
    return status == HENGE_FULL
               ? ring_build_from(memory, parameters, members, count, source, ring_out)
               : status;
}

enum henge_status ring_copy_changed(struct memory *memory, const struct henge_ring *old,
                                    const struct ring_parameters *parameters,
                                    const struct ring_member *members, size_t count,
                                    struct henge_ring **ring_out) {
    const struct token_source source = token_source_of_salt(parameters->salt);
    return ring_copy_changed_from(memory, old, parameters, members, count, &source, ring_out);
}
