/* Rings as bytes: against an encoder of the test's own, which follows docs/ring.md; what is loaded
 * answers as what was saved; and whatever bytes come, the loader says what they are. */
#include "core/base/hash.h"
#include "tests/unit/ring/world.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct text {
    uint8_t *bytes;
    size_t size;
};

static void put(struct text *text, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        text->bytes[text->size++] = (uint8_t)(value >> (8 * i));
    }
}

static int compare_names(const void *one, const void *other) {
    return strcmp((*(const struct ring_member *const *)one)->name,
                  (*(const struct ring_member *const *)other)->name);
}

static bool owns(const struct world *world, const struct ring_member *member) {
    for (size_t i = 0; i < world->points_count; i++) {
        if (world->points[i].member == member) {
            return true;
        }
    }
    return false;
}

static size_t rank_of(const struct ring_member *const *members, size_t count,
                      const struct ring_member *wanted) {
    const struct ring_member *const *found =
        bsearch(&wanted, members, count, sizeof(*members), compare_names);
    cr_assert_not_null(found);
    return (size_t)(found - members);
}

static size_t first_in_zone(const struct ring_member *const *members, const char *zone) {
    size_t rank = 0;
    while (strcmp(members[rank]->zone, zone) != 0) {
        rank++;
    }
    return rank;
}

static struct text expected_bytes(const struct world *world, uint64_t fingerprint) {
    static const struct ring_member *members[WORLD_MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < world->count; i++) {
        if (owns(world, &world->members[i])) {
            members[count++] = &world->members[i];
        }
    }
    qsort(members, count, sizeof(members[0]), compare_names);
    struct text text = {.bytes = malloc(32 + count * 67 + world->points_count * 8)};
    cr_assert(text.bytes != NULL);
    put(&text, 0x474e5248, 4);
    put(&text, 1, 4);
    put(&text, fingerprint, 8);
    put(&text, count, 4);
    put(&text, world->points_count, 4);
    for (size_t rank = 0; rank < count; rank++) {
        const size_t length = strlen(members[rank]->name);
        put(&text, length, 1);
        memcpy(text.bytes + text.size, members[rank]->name, length);
        text.size += length;
        put(&text, first_in_zone(members, members[rank]->zone), 2);
    }
    for (size_t i = 0; i < world->points_count; i++) {
        put(&text, rank_of(members, count, world->points[i].member), 2);
        put(&text, world->points[i].token, 6);
    }
    put(&text, hash64(text.bytes, text.size), 8);
    return text;
}

static struct text saved(const struct henge_ring *ring) {
    struct text text = {.size = henge_ring_saved_bytes(ring)};
    text.bytes = malloc(text.size);
    cr_assert(text.bytes != NULL);
    cr_assert(henge_ring_save(ring, NULL, text.bytes, text.size - 1) == HENGE_FULL);
    cr_assert(henge_ring_save(ring, NULL, text.bytes, text.size) == HENGE_OK);
    return text;
}

static bool are_equal(const struct text *one, const struct text *other) {
    return one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0;
}

static struct henge_ring *loaded(const struct text *text) {
    struct henge_ring *ring = NULL;
    cr_assert(henge_ring_load(NULL, text->bytes, text->size, &ring) == HENGE_OK);
    return ring;
}

static void check_answers(const struct world *world, const struct henge_ring *ring,
                          struct random *random) {
    for (size_t i = 0; i < 100; i++) {
        const uint64_t hash = world_hash(world, random);
        const struct world_owners owners = world_owners(world, hash, 1 + i % 8);
        struct henge_route route;
        if (owners.count == 0) {
            cr_assert_eq(henge_ring_owner_hash(ring, hash), HENGE_NO_SLOT);
            continue;
        }
        cr_assert(henge_ring_owners(ring, hash, 1 + i % 8, &route) == HENGE_OK);
        cr_assert_eq(route.owners_count, owners.count);
        cr_assert_eq(route.zones_count, owners.zones);
        for (size_t k = 0; k < owners.count; k++) {
            cr_assert_str_eq(henge_ring_name(ring, route.owners[k].slot), owners.members[k]->name);
        }
    }
}

static void check_world(struct random *random, const struct world *world) {
    struct memory memory;
    memory_init(&memory, NULL);
    struct henge_ring *ring = world_ring(world, &memory);
    struct text bytes = saved(ring);
    struct text expected = expected_bytes(world, henge_ring_fingerprint(ring));
    cr_assert(are_equal(&bytes, &expected));
    struct henge_ring *again = loaded(&bytes);
    cr_assert_eq(henge_ring_fingerprint(again), henge_ring_fingerprint(ring));
    cr_assert_eq(henge_ring_members_count(again), henge_ring_members_count(ring));
    check_answers(world, again, random);
    struct text twice = saved(again);
    cr_assert(are_equal(&bytes, &twice));
    struct henge_ring_diff_sum sum;
    cr_assert(henge_ring_diff(ring, again, 3, NULL, 0, &sum) == HENGE_OK);
    cr_assert_eq(sum.moves, 0);
    henge_ring_destroy(again);
    ring_destroy(&memory, ring);
    free(bytes.bytes);
    free(expected.bytes);
    free(twice.bytes);
}

Test(save, writes_what_the_document_says_and_loads_it) {
    static const size_t sizes[] = {0, 1, 2, 3, 17, 100};
    static const uint64_t masks[] = {0, 0xff, 0xf00000000000, 0x800000000001};
    struct random random = random_of_seed(51);
    for (size_t i = 0; i < 120; i++) {
        const struct world_limits limits = {.members = sizes[i % 6],
                                            .zones = 1 + random_below(&random, 6),
                                            .vnodes_max = 1 + random_below(&random, 20),
                                            .weight_max = 2,
                                            .slots = i % 5 == 0 ? 0xfffe : sizes[i % 6] + 1,
                                            .token_mask = masks[i % 4]};
        struct world *world = world_random(&random, &limits);
        check_world(&random, world);
        world_free(world);
    }
}

Test(save, of_three_thousand_members) {
    struct random random = random_of_seed(52);
    struct world *world = world_random(
        &random, &(struct world_limits){
                     .members = 3000, .zones = 5, .vnodes_max = 6, .weight_max = 2, .slots = 3000});
    check_world(&random, world);
    world_free(world);
}

/* Other slots, another order, another version: the same bytes. */
Test(save, is_the_same_on_every_node) {
    struct random random = random_of_seed(53);
    struct world *world = world_regular(40, 3, 10);
    struct memory memory;
    memory_init(&memory, NULL);
    struct henge_ring *ring = world_ring(world, &memory);
    struct text bytes = saved(ring);
    for (size_t i = 0; i < 20; i++) {
        world_deal_again(world, &random, i % 2 == 0 ? 50 : 60000);
        world->parameters.version++;
        struct henge_ring *there = world_ring(world, &memory);
        struct text others = saved(there);
        cr_assert(are_equal(&bytes, &others));
        free(others.bytes);
        ring_destroy(&memory, there);
    }
    free(bytes.bytes);
    ring_destroy(&memory, ring);
    world_free(world);
}

/* Whatever is taken is a ring, and there is no other way to write it. */
static bool is_taken(const struct text *text, struct random *random) {
    struct henge_ring *ring = NULL;
    const enum henge_status status = henge_ring_load(NULL, text->bytes, text->size, &ring);
    if (status != HENGE_OK) {
        cr_assert(status == HENGE_CORRUPT || status == HENGE_UNSUPPORTED);
        cr_assert_null(ring);
        return false;
    }
    struct text again = saved(ring);
    cr_assert(are_equal(text, &again));
    for (size_t i = 0; i < 20 && henge_ring_points_count(ring) > 0; i++) {
        struct henge_route route;
        cr_assert(henge_ring_owners(ring, random_u64(random), 1 + i % 8, &route) == HENGE_OK);
        for (size_t k = 0; k < route.owners_count; k++) {
            cr_assert_not_null(henge_ring_name(ring, route.owners[k].slot));
        }
    }
    free(again.bytes);
    henge_ring_destroy(ring);
    return true;
}

static void seal(struct text *text) {
    struct text checksum = {.bytes = text->bytes + text->size - 8};
    put(&checksum, hash64(text->bytes, text->size - 8), 8);
}

static struct text some_bytes(struct random *random) {
    struct world *world =
        world_random(random, &(struct world_limits){.members = random_below(random, 12),
                                                    .zones = 3,
                                                    .vnodes_max = 4,
                                                    .weight_max = 1,
                                                    .slots = 20});
    struct memory memory;
    memory_init(&memory, NULL);
    struct henge_ring *ring = world_ring(world, &memory);
    struct text text = saved(ring);
    ring_destroy(&memory, ring);
    world_free(world);
    return text;
}

Test(load, refuses_every_flipped_bit_and_every_cut) {
    struct random random = random_of_seed(54);
    struct text text = some_bytes(&random);
    while (text.size < 200) {
        free(text.bytes);
        text = some_bytes(&random);
    }
    for (size_t bit = 0; bit < 8 * text.size; bit++) {
        text.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert(!is_taken(&text, &random), "bit %zu", bit);
        text.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert(is_taken(&text, &random));
    for (size_t size = 0; size < text.size; size++) {
        uint8_t *cut = malloc(size + 1); /* so that a sanitizer sees the end of it */
        memcpy(cut, text.bytes, size);
        cr_assert(!is_taken(&(struct text){.bytes = cut, .size = size}, &random));
        free(cut);
    }
    struct henge_ring *ring = NULL;
    cr_assert(henge_ring_load(NULL, NULL, 0, &ring) == HENGE_CORRUPT);
    text.bytes[4] = 2;
    cr_assert(henge_ring_load(NULL, text.bytes, text.size, &ring) == HENGE_UNSUPPORTED);
    free(text.bytes);
}

/* With a checksum that fits: then the rest has to be looked at. */
Test(load, trusts_no_bytes) {
    struct random random = random_of_seed(55);
    size_t taken = 0;
    size_t refused = 0;
    for (size_t i = 0; i < 30000; i++) {
        struct text text = some_bytes(&random);
        for (uint64_t changes = 1 + random_below(&random, 3); changes > 0; changes--) {
            const size_t at = random_below(&random, text.size);
            const uint64_t flipped = text.bytes[at] ^ UINT64_C(1) << random_below(&random, 8);
            text.bytes[at] =
                (uint8_t)(random_below(&random, 2) == 0 ? flipped : random_u64(&random));
        }
        if (random_below(&random, 8) == 0) {
            text.size -= random_below(&random, text.size - 8);
        }
        seal(&text);
        const bool is_sound = is_taken(&text, &random);
        taken += is_sound;
        refused += !is_sound;
        free(text.bytes);
    }
    cr_assert_gt(taken, 1000, "a changed fingerprint or token in its place is a ring: %zu", taken);
    cr_assert_gt(refused, 1000);
}

Test(load, trusts_no_random_bytes) {
    struct random random = random_of_seed(56);
    for (size_t i = 0; i < 30000; i++) {
        struct text text = {.size = random_below(&random, 200)};
        text.bytes = malloc(text.size + 1);
        for (size_t k = 0; k < text.size; k++) {
            text.bytes[k] = (uint8_t)random_u64(&random);
        }
        if (text.size >= 32 && i % 4 > 0) {
            memcpy(text.bytes, "HRNG\1\0\0\0", 8);
            if (i % 4 > 1) { /* few members and points, or as many as can be told */
                memset(text.bytes + 17, i % 4 == 2 ? 0 : 0xff, 3);
                memset(text.bytes + 21, i % 4 == 2 ? 0 : 0xff, 3);
            }
            seal(&text);
        }
        is_taken(&text, &random);
        free(text.bytes);
    }
}

/* Members and points that follow a header. */
struct body {
    const char *what;
    const char *bytes;
    size_t size;
    uint32_t members;
    uint32_t points;
};
#define BYTES(text) text, sizeof(text) - 1

static bool is_body_taken(const struct body *body) {
    uint8_t bytes[256];
    struct text text = {.bytes = bytes};
    put(&text, 0x474e5248, 4);
    put(&text, 1, 4);
    put(&text, 77, 8);
    put(&text, body->members, 4);
    put(&text, body->points, 4);
    memcpy(bytes + text.size, body->bytes, body->size);
    text.size += body->size + 8;
    seal(&text);
    struct random random = random_of_seed(57);
    return is_taken(&text, &random);
}

Test(load, takes_what_is_sound) {
    static const struct body bodies[] = {
        {"nobody", BYTES(""), 0, 0},
        {"one zone", BYTES("\1a\0\0\1b\0\0\0\0......\1\0......"), 2, 2},
        {"two zones", BYTES("\1a\0\0\1b\1\0\0\0......\1\0......"), 2, 2},
        {"a point twice", BYTES("\1a\0\0\0\0......\0\0......"), 1, 2},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        cr_assert(is_body_taken(&bodies[i]), "%s", bodies[i].what);
    }
}

/* Each rule of the format, broken alone. */
Test(load, holds_to_each_rule) {
    static const struct body bodies[] = {
        {"a zone ahead", BYTES("\1a\1\0\1b\1\0\0\0......\1\0......"), 2, 2},
        {"a zone far ahead", BYTES("\1a\377\377\0\0......"), 1, 1},
        {"a zone of one who is not its first",
         BYTES("\1a\0\0\1b\0\0\1c\1\0\0\0......\1\0......\2\0......"), 3, 3},
        {"a name twice", BYTES("\1a\0\0\1a\0\0\0\0......\1\0......"), 2, 2},
        {"names descend", BYTES("\1b\0\0\1a\0\0\0\0......\1\0......"), 2, 2},
        {"no name", BYTES("\0\0\0\2bb\0\0\0\0......\1\0......"), 2, 2},
        {"NUL in a name", BYTES("\1a\0\0\2b\0\0\0\0\0......\1\0......"), 2, 2},
        {"a name too long",
         BYTES("\100abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyzab\0\0"
               "\0\0......"),
         1, 1},
        {"a point of nobody", BYTES("\1a\0\0\1b\0\0\0\0......\2\0......"), 2, 2},
        {"one without a point", BYTES("\1a\0\0\1b\0\0\0\0......\0\0......"), 2, 2},
        {"points descend", BYTES("\1a\0\0\1b\0\0\1\0......\0\0......"), 2, 2},
        {"more bytes", BYTES("\1a\0\0\1b\0\0\0\0......\1\0......x"), 2, 2},
        {"one point more", BYTES("\1a\0\0\1b\0\0\0\0......\1\0......"), 2, 1},
        {"one point less", BYTES("\1a\0\0\1b\0\0\0\0......\1\0......"), 2, 3},
        {"one member more", BYTES("\1a\0\0\1b\0\0\0\0......\1\0......"), 1, 2},
        {"points of nobody at all", BYTES("\0\0......"), 0, 1},
        {"more members than bytes", BYTES("\1a\0\0\0\0......"), 65534, 65534},
        {"more points than bytes", BYTES("\1a\0\0\0\0......"), 1, 1 << 24},
        {"more than there may be", BYTES("\1a\0\0\0\0......"), UINT32_MAX, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        cr_assert(!is_body_taken(&bodies[i]), "%s", bodies[i].what);
    }
}

/* Fails the allocation whose turn it is. */
static void *some_alloc(void *context, size_t bytes, size_t alignment, enum henge_memory_tag tag) {
    int *left = context;
    (void)tag;
    return (*left)-- == 0
               ? NULL
               : aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void some_release(void *context, void *block, size_t bytes, enum henge_memory_tag tag) {
    (void)context;
    (void)bytes;
    (void)tag;
    free(block);
}

Test(load, leaves_nothing_when_memory_runs_out) {
    int left = 0;
    const struct henge_allocator allocator = {.size_bytes = sizeof(allocator),
                                              .context = &left,
                                              .alloc = some_alloc,
                                              .release = some_release};
    struct random random = random_of_seed(58);
    struct text text = some_bytes(&random);
    struct henge_ring *ring = NULL;
    enum henge_status status = HENGE_NO_MEMORY;
    int turn = 0;
    for (; status == HENGE_NO_MEMORY; turn++) {
        cr_assert_lt(turn, 10);
        left = turn;
        status = henge_ring_load(&allocator, text.bytes, text.size, &ring);
    }
    cr_assert(status == HENGE_OK);
    cr_assert_eq(turn, 4, "the handle, the ring, the scratch");
    left = 0;
    cr_assert(henge_ring_save(ring, &allocator, text.bytes, text.size) == HENGE_NO_MEMORY);
    henge_ring_destroy(ring);
    free(text.bytes);
}
