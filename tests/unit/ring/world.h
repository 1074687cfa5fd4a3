/* tests/unit/ring/world.h - random members, and a naive oracle that says who owns what.
 *
 * The oracle shares no code with ring/: it keeps points as structs, sorts them with qsort by
 * (token, name) and answers by walking from the start. Tokens come from its own reading of the
 * formula in docs and ring/tokens.c, or are injected to force ties. */
#ifndef TESTS_UNIT_RING_WORLD_H
#define TESTS_UNIT_RING_WORLD_H

#include "core/base/random.h"
#include "ring/ring_internal.h"

enum { WORLD_MEMBERS_MAX = 3000, WORLD_TEXT_BYTES = 32 };

struct world_point {
    uint64_t token;
    const struct ring_member *member;
};

struct world {
    struct ring_parameters parameters;
    struct ring_member members[WORLD_MEMBERS_MAX];
    size_t count;
    char names[WORLD_MEMBERS_MAX][WORLD_TEXT_BYTES];
    char zones[WORLD_MEMBERS_MAX][WORLD_TEXT_BYTES];
    uint8_t choices[WORLD_MEMBERS_MAX][RING_CHOICES_BYTES];
    uint64_t token_mask;        /* 0 = real tokens; otherwise only these bits of them are kept */
    struct world_point *points; /* clockwise; made by world_sort */
    size_t points_count;
};

/* What a random world may look like. */
struct world_limits {
    size_t members;
    uint64_t zones;
    uint64_t vnodes_max;
    uint64_t weight_max; /* 0 is drawn too */
    uint64_t slots;      /* drawn below this; at least `members` */
    uint64_t token_mask;
};

struct world *world_random(struct random *random, const struct world_limits *limits);
/* ACTIVE members of weight 1 named after their index, in zones z0 .. z(zones-1) in turn. */
struct world *world_regular(size_t members, size_t zones, uint16_t vnodes);
void world_free(struct world *world);

/* (Re)makes the oracle's points; call after changing members. */
void world_sort(struct world *world);
/* The ring under test, of the same members and tokens. Fails the test if it cannot be built. */
struct henge_ring *world_ring(const struct world *world, struct memory *memory);
/* Its tokens. */
struct token_source world_source(const struct world *world);

/* The same members as plain structs, to be freed: their order is the world's, so their slots are
 * not.
 */
struct henge_ring_member *world_plain(const struct world *world);
/* The ring of them, of one's own. Real tokens only. */
struct henge_ring *world_plain_ring(const struct world *world, enum henge_ring_which which);

/* NULL when nobody owns anything. */
const struct ring_member *world_owner(const struct world *world, uint64_t hash);

struct world_owners {
    size_t count;
    size_t zones;
    const struct ring_member *members[HENGE_ROUTE_OWNERS_MAX];
    bool is_repeat[HENGE_ROUTE_OWNERS_MAX];
};
struct world_owners world_owners(const struct world *world, uint64_t hash, size_t count);

/* Deals new slots below `slots` and a new order of members; the oracle's points are remade. */
void world_deal_again(struct world *world, struct random *random, uint64_t slots);

const char *world_name_of_slot(const struct world *world, uint32_t slot);

/* A hash worth asking for: often exactly on a token or one off, otherwise anywhere. */
uint64_t world_hash(const struct world *world, struct random *random);

#endif
