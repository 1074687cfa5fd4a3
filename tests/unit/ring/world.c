/* tests/unit/ring/world.c - see world.h. */
#include "tests/unit/ring/world.h"
#include "core/base/hash.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Vnodes 0 and 1 in the first byte, 0 in its lower half. */
static uint32_t expected_choice(const struct ring_member *member, uint32_t vnode) {
    if (vnode >= 2U * member->choices_bytes) {
        return 0;
    }
    const uint8_t pair = member->choices[vnode / 2];
    return vnode % 2 == 0 ? pair % 16 : pair / 16;
}

static uint64_t expected_token(const struct world *world, const struct ring_member *member,
                               uint32_t vnode) {
    const char *name = member->name;
    const uint32_t number = vnode + expected_choice(member, vnode) * 0x1000000;
    uint8_t text[128];
    uint64_t seed = 0;
    for (size_t i = 0; i < 8; i++) {
        seed += (uint64_t)world->parameters.salt[i] << (8 * i);
        text[i] = world->parameters.salt[8 + i];
    }
    for (size_t i = 0; i < 4; i++) {
        text[8 + i] = (uint8_t)(number >> (8 * i));
    }
    size_t length = strlen(name);
    memcpy(text + 12, name, length);
    uint64_t token = hash64_seeded(text, 12 + length, seed) / 65536;
    return world->token_mask == 0 ? token : token & world->token_mask;
}

static size_t points_of(const struct ring_member *member) {
    return member->ring_state == HENGE_RING_JOINING ? 0 : (size_t)member->vnodes * member->weight;
}

static int compare_points(const void *one, const void *other) {
    const struct world_point *first = one;
    const struct world_point *second = other;
    if (first->token != second->token) {
        return first->token < second->token ? -1 : 1;
    }
    return strcmp(first->member->name, second->member->name);
}

void world_sort(struct world *world) {
    free(world->points);
    world->points_count = 0;
    for (size_t i = 0; i < world->count; i++) {
        world->points_count += points_of(&world->members[i]);
    }
    world->points = malloc((world->points_count + 1) * sizeof(*world->points));
    cr_assert(world->points != NULL);
    struct world_point *next = world->points;
    for (size_t i = 0; i < world->count; i++) {
        const struct ring_member *member = &world->members[i];
        for (uint32_t vnode = 0; vnode < points_of(member); vnode++) {
            *next++ = (struct world_point){expected_token(world, member, vnode), member};
        }
    }
    qsort(world->points, world->points_count, sizeof(*world->points), compare_points);
}

static struct world *world_empty(void) {
    struct world *world = calloc(1, sizeof(*world));
    cr_assert(world != NULL);
    return world;
}

static void deal_slots(struct world *world, struct random *random, uint64_t slots) {
    bool *taken = calloc(slots, sizeof(*taken));
    cr_assert(taken != NULL);
    for (size_t i = 0; i < world->count; i++) {
        uint64_t slot = random_below(random, slots);
        while (taken[slot]) {
            slot = (slot + 1) % slots;
        }
        taken[slot] = true;
        world->members[i].slot = (uint16_t)slot;
    }
    free(taken);
}

/* Some members are plain, some have chosen for all of their virtual nodes, some for a few. */
static void choose_at_random(struct world *world, struct random *random, size_t index) {
    for (size_t i = 0; i < RING_CHOICES_BYTES; i++) {
        world->choices[index][i] = (uint8_t)random_u64(random);
    }
    world->members[index].choices = world->choices[index];
    world->members[index].choices_bytes =
        random_below(random, 3) == 0
            ? RING_CHOICES_BYTES
            : (uint8_t)(random_below(random, 2) * random_below(random, 20));
}

struct world *world_random(struct random *random, const struct world_limits *limits) {
    struct world *world = world_empty();
    world->count = limits->members;
    world->token_mask = limits->token_mask;
    for (size_t i = 0; i < sizeof(world->parameters.salt); i++) {
        world->parameters.salt[i] = (uint8_t)random_u64(random);
    }
    for (size_t i = 0; i < world->count; i++) {
        struct ring_member *member = &world->members[i];
        snprintf(world->names[i], WORLD_TEXT_BYTES, "n%x-%zu", (unsigned)random_below(random, 4096),
                 i);
        uint64_t zone = random_below(random, limits->zones);
        if (zone > 0) { /* zone 0 is the empty text */
            snprintf(world->zones[i], WORLD_TEXT_BYTES, "zone-%u", (unsigned)zone);
        }
        *member = (struct ring_member){
            .name = world->names[i],
            .zone = world->zones[i],
            .region = "",
            .role = "",
            .vnodes = (uint16_t)(1 + random_below(random, limits->vnodes_max)),
            .weight = (uint16_t)random_below(random, limits->weight_max + 1),
            .ring_state =
                (uint8_t)random_below(random, 8) == 0 ? HENGE_RING_JOINING : HENGE_RING_ACTIVE};
        if (random_below(random, 8) == 0) {
            member->ring_state = HENGE_RING_DRAINING;
        }
        choose_at_random(world, random, i);
    }
    deal_slots(world, random, limits->slots);
    world_sort(world);
    return world;
}

struct world *world_regular(size_t members, size_t zones, uint16_t vnodes) {
    struct world *world = world_empty();
    world->count = members;
    for (size_t i = 0; i < members; i++) {
        snprintf(world->names[i], WORLD_TEXT_BYTES, "node-%zu", i);
        snprintf(world->zones[i], WORLD_TEXT_BYTES, "z%zu", i % zones);
        world->members[i] = (struct ring_member){.name = world->names[i],
                                                 .zone = world->zones[i],
                                                 .region = "",
                                                 .role = "",
                                                 .slot = (uint16_t)i,
                                                 .vnodes = vnodes,
                                                 .weight = 1,
                                                 .ring_state = HENGE_RING_ACTIVE};
    }
    world_sort(world);
    return world;
}

void world_free(struct world *world) {
    free(world->points);
    free(world);
}

static void fill_expected(const void *context, const struct ring_member *member,
                          uint64_t *tokens_out, size_t count) {
    for (uint32_t vnode = 0; vnode < count; vnode++) {
        tokens_out[vnode] = expected_token(context, member, vnode);
    }
}

struct token_source world_source(const struct world *world) {
    return (struct token_source){.context = world, .fill = fill_expected};
}

struct henge_ring *world_ring(const struct world *world, struct memory *memory) {
    const struct token_source injected = world_source(world);
    struct henge_ring *ring = NULL;
    enum henge_status status =
        world->token_mask == 0
            ? ring_build(memory, &world->parameters, world->members, world->count, &ring)
            : ring_build_from(memory, &world->parameters, world->members, world->count, &injected,
                              &ring);
    cr_assert(status == HENGE_OK, "ring_build: %d", (int)status);
    return ring;
}

struct henge_ring_member *world_plain(const struct world *world) {
    struct henge_ring_member *members = calloc(world->count + 1, sizeof(*members));
    cr_assert(members != NULL);
    for (size_t i = 0; i < world->count; i++) {
        const struct ring_member *member = &world->members[i];
        members[i] = (struct henge_ring_member){.size_bytes = sizeof(*members),
                                                .name = member->name,
                                                .zone = member->zone,
                                                .vnodes = member->vnodes,
                                                .weight = member->weight,
                                                .ring_state = member->ring_state,
                                                .choices = member->choices,
                                                .choices_bytes = member->choices_bytes};
    }
    return members;
}

struct henge_ring *world_plain_ring(const struct world *world, enum henge_ring_which which) {
    struct henge_ring_parameters parameters = {.size_bytes = sizeof(parameters), .which = which};
    memcpy(parameters.salt, world->parameters.salt, sizeof(parameters.salt));
    struct henge_ring_member *members = world_plain(world);
    struct henge_ring *ring = NULL;
    cr_assert(henge_ring_build(&parameters, members, world->count, &ring) == HENGE_OK);
    free(members);
    return ring;
}

/* Where a walk begins. */
static size_t first_index(const struct world *world, uint64_t hash) {
    for (size_t i = 0; i < world->points_count; i++) {
        if (world->points[i].token >= hash / 65536) {
            return i;
        }
    }
    return 0;
}

const struct ring_member *world_owner(const struct world *world, uint64_t hash) {
    return world->points_count == 0 ? NULL : world->points[first_index(world, hash)].member;
}

static bool is_listed(const struct world_owners *owners, const struct ring_member *member) {
    for (size_t i = 0; i < owners->count; i++) {
        if (owners->members[i] == member) {
            return true;
        }
    }
    return false;
}

static bool is_zone_listed(const struct world_owners *owners, const char *zone) {
    for (size_t i = 0; i < owners->count; i++) {
        if (strcmp(owners->members[i]->zone, zone) == 0) {
            return true;
        }
    }
    return false;
}

/* As the header says it, in two whole turns of the circle. */
struct world_owners world_owners(const struct world *world, uint64_t hash, size_t count) {
    struct world_owners owners = {0};
    const size_t first = first_index(world, hash);
    for (int turn = 0; turn < 2; turn++) {
        for (size_t step = 0; step < world->points_count && owners.count < count; step++) {
            const struct ring_member *member =
                world->points[(first + step) % world->points_count].member;
            bool is_repeat = is_zone_listed(&owners, member->zone);
            if (is_listed(&owners, member) || (turn == 0 && is_repeat)) {
                continue;
            }
            owners.is_repeat[owners.count] = is_repeat;
            owners.members[owners.count++] = member;
            owners.zones += is_repeat ? 0 : 1;
        }
    }
    return owners;
}

void world_deal_again(struct world *world, struct random *random, uint64_t slots) {
    for (size_t i = world->count; i > 1; i--) {
        size_t other = random_below(random, i);
        struct ring_member swapped = world->members[i - 1];
        world->members[i - 1] = world->members[other];
        world->members[other] = swapped;
    }
    deal_slots(world, random, slots);
    world_sort(world);
}

const char *world_name_of_slot(const struct world *world, uint32_t slot) {
    for (size_t i = 0; i < world->count; i++) {
        if (world->members[i].slot == slot) {
            return world->members[i].name;
        }
    }
    return "(nobody)";
}

uint64_t world_hash(const struct world *world, struct random *random) {
    if (world->points_count == 0 || random_below(random, 3) == 0) {
        return random_u64(random);
    }
    uint64_t token = world->points[random_below(random, world->points_count)].token;
    token += random_below(random, 3) - 1;
    return token << 16 | (random_u64(random) & 0xffff);
}
