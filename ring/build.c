/* ring/build.c - members in, ring out.
 *
 * Check everything, allocate everything, then fill: points by member, sorted, ties put in order of
 * the members' names, and the cells over them (cells.c). */
#include "ring/ring_internal.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include <string.h>

/* Room for the next members: a table is brought up to date in place when it may be (change.c). */
enum { HEAD_ROOM_PART = 16, HEAD_ROOM_POINTS = 128, HEAD_ROOM_SLOTS = 4 };

_Static_assert(RING_POINTS_MAX < INT32_MAX, "indices of points are 32 bits wide");

/* What a build works on. `ring` is under construction, so its arrays are written through these. */
struct build {
    struct memory *memory;
    const struct ring_member *members;
    size_t count;
    struct ring_size size;
    uint16_t *member_of_slot; /* index into members, NO_MEMBER */
    uint64_t *scratch;        /* a word for each point, for the sort */
    struct henge_ring *ring;
    struct ring_arrays arrays;
};

bool member_name_fits(const char *name) {
    size_t length = strnlen(name, HENGE_NAME_BYTES);
    return length > 0 && length < HENGE_NAME_BYTES;
}

enum henge_status members_measure(const struct ring_member *members, size_t count,
                                  struct ring_size *size_out) {
    struct ring_size size = {0};
    if (count > SLOT_SEE_POINTS) {
        return HENGE_INVALID; /* more members than slots */
    }
    for (size_t i = 0; i < count; i++) {
        if (members[i].slot >= SLOT_SEE_POINTS) {
            return HENGE_INVALID;
        }
        if (members[i].slot >= size.slots_count) {
            size.slots_count = (size_t)members[i].slot + 1;
        }
        size.points_count += member_points(&members[i]);
        if (size.points_count > RING_POINTS_MAX) {
            return HENGE_INVALID;
        }
    }
    *size_out = size;
    return HENGE_OK;
}

bool ring_fits(const struct ring_member *members, size_t count) {
    struct ring_size size;
    return members_measure(members, count, &size) == HENGE_OK;
}

enum henge_status members_map(const struct ring_member *members, size_t count,
                              uint16_t *member_of_slot, size_t slots_count) {
    memset(member_of_slot, 0xff, slots_count * sizeof(*member_of_slot)); /* NO_MEMBER */
    for (size_t i = 0; i < count; i++) {
        uint16_t *entry = &member_of_slot[members[i].slot];
        if (*entry != NO_MEMBER) {
            return HENGE_INVALID;
        }
        *entry = (uint16_t)i;
    }
    return HENGE_OK;
}

static enum henge_status check(struct build *build) {
    for (size_t i = 0; i < build->count; i++) {
        if (!member_name_fits(build->members[i].name)) {
            return HENGE_INVALID;
        }
    }
    build->member_of_slot = memory_alloc(
        build->memory, build->size.slots_count * sizeof(*build->member_of_slot), HENGE_MEMORY_RING);
    if (build->member_of_slot == NULL) {
        return HENGE_NO_MEMORY;
    }
    return members_map(build->members, build->count, build->member_of_slot,
                       build->size.slots_count);
}

/* So many that a cell has five to ten points, and no fewer than CELL_BITS_MIN say. */
unsigned cell_bits_for(size_t points_count) {
    unsigned bits = CELL_BITS_MIN;
    while (((size_t)CELL_POINTS_MEAN << bits) < points_count) {
        bits++;
    }
    return bits;
}

static void *array_at(uint8_t *block, size_t offset) {
    return block + offset;
}

/* Where the arrays lie behind the struct, each after the ones with wider alignment. Returns the
 * bytes of it all; `block` may be NULL. */
static size_t lay_out(size_t cells_count, size_t points_capacity, size_t slots_capacity,
                      uint8_t *block, struct ring_arrays *arrays_out) {
    const size_t cells_at =
        (sizeof(struct henge_ring) + RING_ALIGNMENT - 1) / RING_ALIGNMENT * RING_ALIGNMENT;
    const size_t lists_at = cells_at + cells_count * sizeof(struct ring_cell);
    const size_t points_at = lists_at + cells_count * sizeof(struct ring_list_line);
    const size_t hashes_at = points_at + points_capacity * sizeof(uint64_t);
    const size_t starts_at = hashes_at + slots_capacity * sizeof(uint64_t);
    const size_t zones_at = starts_at + (cells_count + 1) * sizeof(uint32_t);
    const size_t names_at = zones_at + slots_capacity * sizeof(uint16_t);
    if (block != NULL) {
        *arrays_out = (struct ring_arrays){.cells = array_at(block, cells_at),
                                           .lists = array_at(block, lists_at),
                                           .points = array_at(block, points_at),
                                           .hashes = array_at(block, hashes_at),
                                           .starts = array_at(block, starts_at),
                                           .zone_of_slot = array_at(block, zones_at),
                                           .names = array_at(block, names_at)};
    }
    return names_at + slots_capacity * HENGE_NAME_BYTES;
}

struct ring_arrays ring_arrays_of(struct henge_ring *ring) {
    struct ring_arrays arrays;
    lay_out(ring_cells_count(ring), ring->points_capacity, ring->slots_capacity, (uint8_t *)ring,
            &arrays);
    return arrays;
}

/* More points than the cells are meant for are no use: they are another ring's. */
static size_t points_capacity_for(size_t points_count, size_t cells_count) {
    const size_t wanted = points_count + points_count / HEAD_ROOM_PART + HEAD_ROOM_POINTS;
    const size_t most = CELL_POINTS_MEAN * cells_count;
    return wanted < most ? wanted : most;
}

struct henge_ring *ring_allocate(struct memory *memory, size_t slots_count, size_t points_count,
                                 struct ring_arrays *arrays_out) {
    const unsigned bits = cell_bits_for(points_count);
    const size_t cells_count = (size_t)1 << bits;
    const size_t points_capacity = points_capacity_for(points_count, cells_count);
    const size_t slots_capacity = slots_count + slots_count / HEAD_ROOM_PART + HEAD_ROOM_SLOTS;
    const size_t block_bytes =
        lay_out(cells_count, points_capacity, slots_capacity, NULL, arrays_out);
    uint8_t *block = memory_alloc_aligned(memory, block_bytes, RING_ALIGNMENT, HENGE_MEMORY_RING);
    if (block == NULL) {
        return NULL;
    }
    lay_out(cells_count, points_capacity, slots_capacity, block, arrays_out);
    memset(arrays_out->hashes, 0, slots_capacity * sizeof(uint64_t));
    memset(arrays_out->zone_of_slot, 0, slots_capacity * sizeof(uint16_t));
    memset(arrays_out->names, 0, slots_capacity * HENGE_NAME_BYTES);
    struct henge_ring *ring = (struct henge_ring *)(void *)block;
    *ring = (struct henge_ring){.kernel = ring_kernel_best(),
                                .cells = arrays_out->cells,
                                .lists = arrays_out->lists,
                                .points = arrays_out->points,
                                .starts = arrays_out->starts,
                                .shift = 64 - bits,
                                .points_count = (uint32_t)points_count,
                                .hashes = arrays_out->hashes,
                                .zone_of_slot = arrays_out->zone_of_slot,
                                .block_bytes = block_bytes,
                                .names = arrays_out->names,
                                .slots_count = (uint32_t)slots_count,
                                .slots_capacity = (uint32_t)slots_capacity,
                                .points_capacity = (uint32_t)points_capacity};
    return ring;
}

static enum henge_status allocate(struct build *build) {
    build->ring = ring_allocate(build->memory, build->size.slots_count, build->size.points_count,
                                &build->arrays);
    build->scratch = memory_alloc(build->memory, build->size.points_count * sizeof(*build->scratch),
                                  HENGE_MEMORY_RING);
    return build->ring == NULL || build->scratch == NULL ? HENGE_NO_MEMORY : HENGE_OK;
}

/* Gives a slot its zone. A zone goes by the lowest slot in it, which comes first: only equality
 * counts, so nothing that others see depends on it. */
static bool place_in_zone(struct build *build, struct map *zones,
                          const struct ring_member *member) {
    /* Should two zones have one hash, the later takes the next free key. */
    for (uint64_t key = hash64_text(member->zone);; key++) {
        const uint32_t *first = map_find(zones, key);
        if (first == NULL) {
            build->arrays.zone_of_slot[member->slot] = member->slot;
            build->ring->zones_count++;
            return map_set(zones, key, member->slot);
        }
        if (strcmp(build->members[build->member_of_slot[*first]].zone, member->zone) == 0) {
            build->arrays.zone_of_slot[member->slot] = (uint16_t)*first;
            return true;
        }
    }
}

/* Counts those that own points, and gives their slots zones, names and hashes. */
static enum henge_status place_members(struct build *build) {
    struct map zones;
    if (!map_init(&zones, build->memory, 16, HENGE_MEMORY_RING)) {
        return HENGE_NO_MEMORY;
    }
    enum henge_status status = HENGE_OK;
    for (size_t slot = 0; slot < build->size.slots_count && status == HENGE_OK; slot++) {
        if (build->member_of_slot[slot] == NO_MEMBER) {
            continue;
        }
        const struct ring_member *member = &build->members[build->member_of_slot[slot]];
        if (member_points(member) > 0) {
            build->ring->members_count++;
            build->arrays.hashes[slot] = owner_hash(member);
            memcpy(build->arrays.names + slot * HENGE_NAME_BYTES, member->name,
                   strlen(member->name));
            status = place_in_zone(build, &zones, member) ? HENGE_OK : HENGE_NO_MEMORY;
        }
    }
    map_deinit(&zones);
    return status;
}

void member_place(const struct ring_member *member, const struct token_source *source,
                  uint64_t *points) {
    const size_t count = member_points(member);
    source->fill(source->context, member, points, count);
    for (size_t vnode = 0; vnode < count; vnode++) {
        points[vnode] = (points[vnode] << POINT_SLOT_BITS) | member->slot;
    }
}

static void place_points(struct build *build, const struct token_source *source) {
    uint64_t *mine = build->arrays.points;
    for (size_t i = 0; i < build->count; i++) {
        member_place(&build->members[i], source, mine);
        mine += member_points(&build->members[i]);
    }
    sort_points(build->arrays.points, build->scratch, build->size.points_count);
}

bool point_is_before(const struct henge_ring *ring, uint64_t one, uint64_t other) {
    if (point_token(one) != point_token(other)) {
        return one < other;
    }
    return strcmp(ring_name(ring, point_slot(one)), ring_name(ring, point_slot(other))) < 0;
}

bool points_conflict(const struct henge_ring *ring, uint64_t one, uint64_t other) {
    return point_token(one) == point_token(other) && one != other &&
           strcmp(ring_name(ring, point_slot(one)), ring_name(ring, point_slot(other))) == 0;
}

/* Ties are rare and short, so an insertion does. */
bool order_ties(const struct henge_ring *ring, uint64_t *points, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const uint64_t point = points[i];
        size_t to = i;
        for (; to > 0 && point_token(points[to - 1]) == point_token(point); to--) {
            if (points_conflict(ring, points[to - 1], point)) {
                return false;
            }
            if (!point_is_before(ring, point, points[to - 1])) {
                break;
            }
            points[to] = points[to - 1];
        }
        points[to] = point;
    }
    return true;
}

static enum henge_status run_build(struct build *build, const struct token_source *source) {
    enum henge_status status = members_measure(build->members, build->count, &build->size);
    if (status == HENGE_OK) {
        status = check(build);
    }
    if (status == HENGE_OK) {
        status = allocate(build);
    }
    if (status == HENGE_OK) {
        status = place_members(build);
    }
    if (status == HENGE_OK) {
        place_points(build, source);
        if (!order_ties(build->ring, build->arrays.points, build->size.points_count)) {
            return HENGE_INVALID; /* two members with one name: nothing puts them in order */
        }
        cells_fill(&build->arrays, build->ring);
    }
    return status;
}

enum henge_status ring_build_from(struct memory *memory, const struct ring_parameters *parameters,
                                  const struct ring_member *members, size_t count,
                                  const struct token_source *source, struct henge_ring **ring_out) {
    struct build build = {.memory = memory, .members = members, .count = count};
    enum henge_status status = run_build(&build, source);
    memory_release(memory, build.scratch, build.size.points_count * sizeof(*build.scratch),
                   HENGE_MEMORY_RING);
    memory_release(memory, build.member_of_slot,
                   build.size.slots_count * sizeof(*build.member_of_slot), HENGE_MEMORY_RING);
    if (status != HENGE_OK) {
        ring_destroy(memory, build.ring);
        return status;
    }
    build.ring->up_by_slot = parameters->up_by_slot;
    build.ring->version = parameters->version;
    build.ring->fingerprint = ring_fingerprint_of(parameters, members, count);
    *ring_out = build.ring;
    return HENGE_OK;
}

enum henge_status ring_build(struct memory *memory, const struct ring_parameters *parameters,
                             const struct ring_member *members, size_t count,
                             struct henge_ring **ring_out) {
    const struct token_source source = token_source_of_salt(parameters->salt);
    return ring_build_from(memory, parameters, members, count, &source, ring_out);
}

struct henge_ring *ring_head_of(struct memory *memory, const struct henge_ring *table,
                                const struct ring_parameters *parameters) {
    struct henge_ring *head =
        memory_alloc_aligned(memory, sizeof(*head), RING_ALIGNMENT, HENGE_MEMORY_RING);
    if (head != NULL) {
        *head = *table;
        head->block_bytes = sizeof(*head);
        head->up_by_slot = parameters->up_by_slot;
        head->version = parameters->version;
    }
    return head;
}

void ring_destroy(struct memory *memory, struct henge_ring *ring) {
    if (ring != NULL) {
        memory_release(memory, ring, ring->block_bytes, HENGE_MEMORY_RING);
    }
}
