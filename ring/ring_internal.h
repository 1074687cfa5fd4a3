/* ring/ring_internal.h - the ring's own shape, shared by the files of this folder, its tests and
 * bench/lookup.
 *
 *     hash       |<- cell ->|<- 16 bits: key ->|<------------ the rest ------------>|
 *     point      |<------- 48 bits: token ------------------->|<- 16 bits: slot --->|
 *
 *     cell       | 15 thresholds, padded to 16 | 16 owners |     one cache line
 *     list line  | 16 seconds                  | 16 thirds |     the line beside it
 *
 * A ring is one block of memory: this struct, then the cells, the list lines, the points in
 * clockwise order, where the points of each cell start, and hashes, zones and names by slot.
 * Nothing in it is written after the build, until nobody reads it any more (change.c). No lookup
 * reads the names: they are there for rings to be compared (diff.c) and kept (save.c).
 *
 * A lookup reads one line: the upper bits of the hash name a cell, and the owner stands where the
 * first of its thresholds lies at or behind the key. A threshold is the 16 bits of a point that
 * follow those of the cell; the entry behind the last is the next cell's first point. Two cases
 * need the points themselves: a key that equals a threshold (the rest of the bits decide), and one
 * behind the fifteenth of a crowded cell. The second and third owner of each entry stand in the
 * list line, so that a replica set of three costs one line more and no walk. */
#ifndef RING_RING_INTERNAL_H
#define RING_RING_INTERNAL_H

#include "henge/config.h"
#include "ring/ring.h"

#define POINT_TOKEN_MASK (~UINT64_C(0xffff))

enum {
    TOKEN_BITS = 48,
    POINT_SLOT_BITS = 16,
    CELL_BITS_MIN = 1, /* a shift by 64 would be undefined */
    CELL_ENTRIES = 16,
    CELL_THRESHOLDS = CELL_ENTRIES - 1,
    CELL_POINTS_MEAN = 10,    /* at most; more than CELL_THRESHOLDS share one in 5 % of cases */
    LIST_OWNERS = 3,          /* as many as a cell and its list line tell */
    SLOT_SEE_POINTS = 0xfffe, /* in place of an owner: the cell is too small to tell */
    RING_ALIGNMENT = 64,
    CHOICE_BITS = 4,
    TOKEN_NUMBER_AT = 8, /* see tokens.c */
    NO_MEMBER = 0xffff,  /* in place of an index */
    OWNER_HASH_BIT = 1   /* set in the hash of whoever owns something, so that it is not 0 */
};

_Static_assert(RING_CANDIDATES == 1 << CHOICE_BITS, "a choice has half a byte");

_Static_assert((int)SLOT_SEE_POINTS != (int)HENGE_NO_SLOT, "both stand in place of a slot");

struct ring_cell {
    /* Biased by 2^15, for the compare instructions take them to be signed; the unused ones are the
     * highest. */
    int16_t thresholds[CELL_ENTRIES];
    uint16_t owners[CELL_ENTRIES];
};

struct ring_list_line {
    uint16_t seconds[CELL_ENTRIES];
    uint16_t thirds[CELL_ENTRIES];
};

_Static_assert(sizeof(struct ring_cell) == RING_ALIGNMENT, "one line");
_Static_assert(sizeof(struct ring_list_line) == RING_ALIGNMENT, "one line");

/* Up to three owners of a hash in order; what there is none for is HENGE_NO_SLOT. */
struct ring_list {
    uint16_t slots[LIST_OWNERS];
};

/* One way to look into a cell. All give the same answers; see kernel.c. */
struct ring_kernel {
    const char *name;
    uint32_t (*owner)(const struct henge_ring *ring, uint64_t hash);
    /* Of a ring with points, 1..LIST_OWNERS owners. */
    void (*route)(const struct henge_ring *ring, uint64_t hash, uint32_t count,
                  struct henge_route *route_out);
    void (*owner_many)(const struct henge_ring *ring, const uint64_t *hashes, size_t count,
                       uint16_t *slots_out);
};

struct henge_ring {
    const struct ring_kernel *kernel;
    const struct ring_cell *cells;
    const struct ring_list_line *lists;
    uint32_t shift; /* hash >> shift = cell */
    uint32_t points_count;
    const uint64_t *points;
    const uint32_t *starts;            /* by cell and one more: its first point */
    const uint16_t *zone_of_slot;      /* the lowest slot in that zone; 0: owns nothing */
    const _Atomic uint8_t *up_by_slot; /* or NULL: all are up */
    uint32_t members_count;            /* those that own points */
    uint32_t zones_count;              /* distinct zones among them */
    uint64_t fingerprint;
    uint64_t version;
    size_t block_bytes;
    const char *names;         /* HENGE_NAME_BYTES by slot, padded with NUL; empty: owns nothing */
    const uint64_t *hashes;    /* by slot: owner_hash; 0: owns nothing */
    uint32_t slots_count;      /* highest slot + 1 */
    uint32_t slots_capacity;   /* what the block has room for: */
    uint32_t points_capacity;  /* more than there are, for the next members */
    struct memory *own_memory; /* see plain.c; NULL when somebody else owns the ring */
};

/* What is hashed for the tokens of one member, but for the number of the virtual node. */
struct token_text {
    uint64_t seed;
    size_t size;
    uint8_t bytes[TOKEN_NUMBER_AT + sizeof(uint32_t) + HENGE_NAME_BYTES];
};

/* `salt` has 16 bytes. */
struct token_text token_text_of(const uint8_t *salt, const char *name);
uint64_t token_of(struct token_text *text, uint32_t vnode, uint32_t choice);
uint32_t member_choice(const struct ring_member *member, uint32_t vnode);

/* Writes the `count` tokens of one member, each below 2^48. The tests put their own in here. */
struct token_source {
    const void *context;
    void (*fill)(const void *context, const struct ring_member *member, uint64_t *tokens_out,
                 size_t count);
};

/* The source ring_build uses; `salt` has 16 bytes and must outlive it. */
struct token_source token_source_of_salt(const uint8_t *salt);

/* What ring.h offers, with tokens of that source. */
enum henge_status ring_build_from(struct memory *memory, const struct ring_parameters *parameters,
                                  const struct ring_member *members, size_t count,
                                  const struct token_source *source, struct henge_ring **ring_out);

enum henge_status ring_apply_from(struct memory *memory, struct henge_ring *ring,
                                  const struct ring_parameters *parameters,
                                  const struct ring_member *members, size_t count,
                                  const struct token_source *source);
enum henge_status ring_copy_changed_from(struct memory *memory, const struct henge_ring *old,
                                         const struct ring_parameters *parameters,
                                         const struct ring_member *members, size_t count,
                                         const struct token_source *source,
                                         struct henge_ring **ring_out);

/* The memory of a ring that the caller of henge_ring_build or _load owns: it goes into
 * ring->own_memory. NULL when there is none. */
struct memory *ring_memory_create(const struct henge_allocator *allocator);
void ring_memory_destroy(struct memory *memory);

/* Ascending by token; points with equal tokens keep their order. `scratch` has `count` words. */
void sort_points(uint64_t *points, uint64_t *scratch, size_t count);

/* The arrays of a ring under construction, writable. */
struct ring_arrays {
    struct ring_cell *cells;
    struct ring_list_line *lists;
    uint64_t *points;
    uint32_t *starts;
    uint64_t *hashes; /* by slot: owner_hash; 0: owns nothing */
    uint16_t *zone_of_slot;
    char *names;
};

/* A ring of so many slots and points, to be filled, with some room for more; NULL without memory.
 * What is by slot is zero, and so are the counts of members and zones. */
struct henge_ring *ring_allocate(struct memory *memory, size_t slots_count, size_t points_count,
                                 struct ring_arrays *arrays_out);
struct ring_arrays ring_arrays_of(struct henge_ring *ring);
/* How many bits name a cell: by the number of points alone, so that a ring looks the same however
 * it came about. */
unsigned cell_bits_for(size_t points_count);

/* What the members need. HENGE_INVALID: a slot that cannot be, or too many points. */
struct ring_size {
    size_t slots_count;
    size_t points_count;
};
enum henge_status members_measure(const struct ring_member *members, size_t count,
                                  struct ring_size *size_out);
/* Their indices by slot, NO_MEMBER elsewhere. HENGE_INVALID for a slot used twice. */
enum henge_status members_map(const struct ring_member *members, size_t count,
                              uint16_t *member_of_slot, size_t slots_count);
bool member_name_fits(const char *name);
/* Its points, in the order of their numbers. */
void member_place(const struct ring_member *member, const struct token_source *source,
                  uint64_t *points);

/* Fills starts, cells and list lines of a ring whose points and zones are there. */
void cells_fill(const struct ring_arrays *arrays, const struct henge_ring *ring);
/* One of them, with its list line: `list` is the one at the first point behind the cell, and then
 * the one at the first point of it or behind it. */
void cell_fill(const struct ring_arrays *arrays, const struct henge_ring *ring, size_t number,
               struct ring_list *list);
/* Whether the lists in front of this one follow from it: with two zones, only if its third owner
 * stands behind its second. */
bool list_decides(const struct henge_ring *ring, const struct ring_list *list);

/* Whether one point stands before another: slots differ from node to node, so ties go by name.
 * The points of one slot have no order, and those of two members with one name, which conflict,
 * cannot have one. */
bool point_is_before(const struct henge_ring *ring, uint64_t one, uint64_t other);
bool points_conflict(const struct henge_ring *ring, uint64_t one, uint64_t other);
/* Puts sorted points with equal tokens in order; false when two of them conflict. */
bool order_ties(const struct henge_ring *ring, uint64_t *points, size_t count);

/* Index of the first point at or behind the hash, 0 past the last one; 0 too in an empty ring. A
 * binary search within its cell. */
size_t ring_point_index(const struct henge_ring *ring, uint64_t hash);
/* What the points say, without the cells: of an empty ring HENGE_NO_SLOT. */
uint32_t ring_exact_owner(const struct henge_ring *ring, uint64_t hash);
void ring_exact_list(const struct henge_ring *ring, size_t index, struct ring_list *list_out);
/* The first `count` owners behind a point; returns how many there are. */
uint32_t ring_find_owners(const struct henge_ring *ring, size_t index, uint32_t count,
                          uint16_t *slots_out);
/* By a walk; any count that a route has room for. */
void ring_exact_route(const struct henge_ring *ring, uint64_t hash, uint32_t count,
                      struct henge_route *route_out);

/* The fastest this processor has; or by name (plain, sse2, avx2), NULL when it has none. */
const struct ring_kernel *ring_kernel_best(void);
const struct ring_kernel *ring_kernel_of_name(const char *name);

static inline uint64_t point_token(uint64_t point) {
    return point >> POINT_SLOT_BITS;
}

static inline uint32_t point_slot(uint64_t point) {
    return (uint32_t)(point & ~POINT_TOKEN_MASK);
}

/* All 2^16 hashes that share a token's upper bits go to that token, hence the low bits. */
static inline uint64_t last_hash_of(uint64_t token) {
    return token << POINT_SLOT_BITS | ~POINT_TOKEN_MASK;
}

/* Of a slot below slots_count. */
static inline const char *ring_name(const struct henge_ring *ring, uint32_t slot) {
    return ring->names + (size_t)slot * HENGE_NAME_BYTES;
}

static inline size_t ring_cells_count(const struct henge_ring *ring) {
    return (size_t)1 << (64 - ring->shift);
}

/* The 16 bits behind those that name the cell, biased. */
static inline int16_t ring_key(const struct henge_ring *ring, uint64_t word) {
    return (int16_t)(uint16_t)((word >> (ring->shift - 16)) ^ 0x8000);
}

/* Relaxed: a hint on its own, nothing is read through it. */
static inline unsigned ring_up_flag(const struct henge_ring *ring, uint32_t slot) {
    bool is_up = ring->up_by_slot == NULL ||
                 atomic_load_explicit(&ring->up_by_slot[slot], memory_order_relaxed) != 0;
    return is_up ? HENGE_OWNER_UP : 0;
}

/* All but the owners. */
static inline void ring_route_head(const struct henge_ring *ring, uint64_t hash, uint32_t count,
                                   struct henge_route *route_out) {
    const uint32_t owners = count < ring->members_count ? count : ring->members_count;
    route_out->ring_fingerprint = ring->fingerprint;
    route_out->ring_version = ring->version;
    route_out->hash = hash;
    route_out->owners_count = owners;
    route_out->zones_count = owners < ring->zones_count ? owners : ring->zones_count;
    route_out->pending_count = 0;
}

static inline uint64_t member_hash(const struct ring_member *member) {
    return member->hash != 0 ? member->hash : ring_member_hash(member);
}

/* What a ring keeps of an owner, to see whether it is still the same. */
static inline uint64_t owner_hash(const struct ring_member *member) {
    return member_hash(member) | OWNER_HASH_BIT;
}

/* How many points the member owns in the current ring. */
static inline uint32_t member_points(const struct ring_member *member) {
    bool owns =
        member->ring_state == HENGE_RING_ACTIVE || member->ring_state == HENGE_RING_DRAINING;
    return owns ? (uint32_t)member->vnodes * member->weight : 0;
}

#endif
