/* ring/save.c - a ring as bytes and back: docs/ring.md has the format.
 *
 * Slots are a node's own numbers, so in bytes a member goes by its rank among the names. Points
 * that tie are in order of names, hence the points are in order of (token, rank) as plain words,
 * and there is one way only to write a ring: whatever the loader takes is saved again byte for
 * byte. */
#include "ring/ring_internal.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include <string.h>

static const uint8_t MAGIC[] = {'H', 'R', 'N', 'G'};

enum {
    FORMAT = 1,
    HEADER_BYTES = sizeof(MAGIC) + 4 + 8 + 4 + 4,
    MEMBER_BYTES_MIN = 1 + 1 + 2, /* length, a name of one byte, zone */
    POINT_BYTES = 8,
    CHECKSUM_BYTES = 8,
    ZONES_MAX = 1 << 16
};

/* What saving works on. */
struct order {
    uint32_t count;                 /* members */
    uint16_t first_rank[ZONES_MAX]; /* by the ring's zone numbers */
    uint16_t rank_of_slot[SLOT_SEE_POINTS];
    uint16_t slots[SLOT_SEE_POINTS]; /* ascending by name */
    uint16_t scratch[SLOT_SEE_POINTS];
};

static bool owns(const struct henge_ring *ring, uint32_t slot) {
    return ring_name(ring, slot)[0] != '\0';
}

size_t henge_ring_saved_bytes(const struct henge_ring *ring) {
    size_t bytes = HEADER_BYTES + (size_t)ring->points_count * POINT_BYTES + CHECKSUM_BYTES;
    for (uint32_t slot = 0; slot < ring->slots_count; slot++) {
        if (owns(ring, slot)) {
            bytes += 1 + strlen(ring_name(ring, slot)) + 2;
        }
    }
    return bytes;
}

/* Two neighbouring runs of order->slots into one. */
static void merge_runs(const struct henge_ring *ring, struct order *order, size_t start,
                       size_t middle, size_t end) {
    size_t low = start;
    size_t high = middle;
    for (size_t i = start; i < end; i++) {
        const bool from_low =
            high == end || (low < middle && strcmp(ring_name(ring, order->slots[low]),
                                                   ring_name(ring, order->slots[high])) < 0);
        order->scratch[i] = order->slots[from_low ? low++ : high++];
    }
    memcpy(order->slots + start, order->scratch + start, (end - start) * sizeof(*order->slots));
}

static void sort_by_name(const struct henge_ring *ring, struct order *order) {
    const size_t count = order->count;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t start = 0; start + run < count; start += 2 * run) {
            const size_t end = start + 2 * run < count ? start + 2 * run : count;
            merge_runs(ring, order, start, start + run, end);
        }
    }
}

static void order_members(const struct henge_ring *ring, struct order *order) {
    order->count = 0;
    for (uint32_t slot = 0; slot < ring->slots_count; slot++) {
        if (owns(ring, slot)) {
            order->slots[order->count++] = (uint16_t)slot;
        }
    }
    sort_by_name(ring, order);
    for (uint32_t rank = order->count; rank-- > 0;) { /* downwards: the first one stays */
        const uint16_t slot = order->slots[rank];
        order->rank_of_slot[slot] = (uint16_t)rank;
        order->first_rank[ring->zone_of_slot[slot]] = (uint16_t)rank;
    }
}

static void write_ring(const struct henge_ring *ring, const struct order *order,
                       struct bytes_writer *writer) {
    bytes_put(writer, MAGIC, sizeof(MAGIC));
    bytes_put_u32(writer, FORMAT);
    bytes_put_u64(writer, ring->fingerprint);
    bytes_put_u32(writer, order->count);
    bytes_put_u32(writer, ring->points_count);
    for (uint32_t rank = 0; rank < order->count; rank++) {
        const uint16_t slot = order->slots[rank];
        const size_t length = strlen(ring_name(ring, slot));
        bytes_put_u8(writer, (uint8_t)length);
        bytes_put(writer, ring_name(ring, slot), length);
        bytes_put_u16(writer, order->first_rank[ring->zone_of_slot[slot]]);
    }
    for (uint32_t i = 0; i < ring->points_count; i++) {
        const uint64_t point = ring->points[i];
        bytes_put_u64(writer, (point & POINT_TOKEN_MASK) | order->rank_of_slot[point_slot(point)]);
    }
    bytes_put_u64(writer, hash64(writer->start, bytes_written(writer)));
}

enum henge_status henge_ring_save(const struct henge_ring *ring,
                                  const struct henge_allocator *allocator, void *bytes_out,
                                  size_t room) {
    if (room < henge_ring_saved_bytes(ring)) {
        return HENGE_FULL;
    }
    struct memory memory;
    memory_init(&memory, allocator);
    struct order *order = memory_alloc(&memory, sizeof(*order), HENGE_MEMORY_RING);
    if (order == NULL) {
        return HENGE_NO_MEMORY;
    }
    order_members(ring, order);
    struct bytes_writer writer = bytes_writer_of(bytes_out, room);
    write_ring(ring, order, &writer);
    memory_release(&memory, order, sizeof(*order), HENGE_MEMORY_RING);
    return HENGE_OK;
}

struct header {
    uint64_t fingerprint;
    uint32_t members_count;
    uint32_t points_count;
};

/* All but the members and points, which follow where the reader then stands and are as many bytes
 * as there have to be at least. */
static enum henge_status read_header(struct bytes_reader *reader, size_t size,
                                     struct header *header_out) {
    const uint8_t *start = reader->at;
    const uint8_t *magic = bytes_get(reader, sizeof(MAGIC));
    const uint32_t format = bytes_get_u32(reader);
    if (magic == NULL || memcmp(magic, MAGIC, sizeof(MAGIC)) != 0 || format == 0) {
        return HENGE_CORRUPT;
    }
    if (format > FORMAT) {
        return HENGE_UNSUPPORTED;
    }
    header_out->fingerprint = bytes_get_u64(reader);
    header_out->members_count = bytes_get_u32(reader);
    header_out->points_count = bytes_get_u32(reader);
    if (reader->failed || bytes_left(reader) < CHECKSUM_BYTES) {
        return HENGE_CORRUPT;
    }
    reader->end -= CHECKSUM_BYTES;
    struct bytes_reader checksum = bytes_reader_of(reader->end, CHECKSUM_BYTES);
    const size_t needed = (size_t)header_out->members_count * MEMBER_BYTES_MIN +
                          (size_t)header_out->points_count * POINT_BYTES;
    const bool is_sound = bytes_get_u64(&checksum) == hash64(start, size - CHECKSUM_BYTES) &&
                          header_out->members_count <= SLOT_SEE_POINTS &&
                          header_out->points_count <= RING_POINTS_MAX &&
                          header_out->points_count >= header_out->members_count &&
                          bytes_left(reader) >= needed;
    return is_sound ? HENGE_OK : HENGE_CORRUPT;
}

/* Names ascend, each zone is the rank of the first member in it. */
static bool read_members(struct bytes_reader *reader, struct henge_ring *ring,
                         const struct ring_arrays *arrays) {
    for (uint32_t rank = 0; rank < ring->slots_count; rank++) {
        const uint8_t length = bytes_get_u8(reader);
        const uint8_t *text = bytes_get(reader, length);
        const uint16_t zone = bytes_get_u16(reader);
        if (reader->failed || length == 0 || length >= HENGE_NAME_BYTES ||
            memchr(text, '\0', length) != NULL || zone > rank) {
            return false;
        }
        memcpy(arrays->names + (size_t)rank * HENGE_NAME_BYTES, text, length);
        if (rank > 0 && strcmp(ring_name(ring, rank - 1), ring_name(ring, rank)) >= 0) {
            return false;
        }
        arrays->zone_of_slot[rank] = zone;
        if (arrays->zone_of_slot[zone] != zone) {
            return false;
        }
        ring->zones_count += zone == rank;
        ring->members_count++;
    }
    return true;
}

/* Points ascend, each is a member's, and each member has one: is_owner has a zero for each. */
static bool read_points(struct bytes_reader *reader, const struct henge_ring *ring,
                        uint64_t *points, uint64_t *is_owner) {
    uint32_t owners = 0;
    for (uint32_t i = 0; i < ring->points_count; i++) {
        points[i] = bytes_get_u64(reader);
        const uint32_t rank = point_slot(points[i]);
        if (rank >= ring->members_count || (i > 0 && points[i - 1] > points[i])) {
            return false;
        }
        owners += is_owner[rank] == 0;
        is_owner[rank] = 1;
    }
    return !reader->failed && bytes_left(reader) == 0 && owners == ring->members_count;
}

static enum henge_status read_body(struct memory *memory, const struct header *header,
                                   struct bytes_reader *reader, struct henge_ring **ring_out) {
    struct ring_arrays arrays;
    struct henge_ring *ring =
        ring_allocate(memory, header->members_count, header->points_count, &arrays);
    uint64_t *scratch =
        memory_alloc_array(memory, header->points_count, sizeof(*scratch), HENGE_MEMORY_RING);
    enum henge_status status = HENGE_NO_MEMORY;
    if (ring != NULL && scratch != NULL) {
        const bool is_sound = read_members(reader, ring, &arrays) &&
                              read_points(reader, ring, arrays.points, scratch);
        status = is_sound ? HENGE_OK : HENGE_CORRUPT;
    }
    if (status == HENGE_OK) {
        ring->fingerprint = header->fingerprint;
        cells_fill(&arrays, ring);
        *ring_out = ring;
    } else {
        ring_destroy(memory, ring);
    }
    memory_release(memory, scratch, header->points_count * sizeof(*scratch), HENGE_MEMORY_RING);
    return status;
}

enum henge_status henge_ring_load(const struct henge_allocator *allocator, const void *bytes,
                                  size_t size, struct henge_ring **ring_out) {
    struct bytes_reader reader = bytes_reader_of(bytes, size);
    struct header header;
    enum henge_status status = read_header(&reader, size, &header);
    if (status != HENGE_OK) {
        return status;
    }
    struct memory *memory = ring_memory_create(allocator);
    if (memory == NULL) {
        return HENGE_NO_MEMORY;
    }
    struct henge_ring *ring = NULL;
    status = read_body(memory, &header, &reader, &ring);
    if (status != HENGE_OK) {
        ring_memory_destroy(memory);
        return status;
    }
    ring->own_memory = memory;
    *ring_out = ring;
    return HENGE_OK;
}
