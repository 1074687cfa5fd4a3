/* tests/sim/checkers/i02_tombstone.c - I2: a dead or departed incarnation never returns while its
 * tombstone lives: ALIVE or SUSPECT again only at a higher (generation, version).
 *
 * From the table the change itself says what was before. Of those forgotten, whose slot is given
 * up, the checker keeps what was held, for as long as a tombstone is kept. */
#include "core/base/hash.h"
#include "core/base/map.h"
#include "tests/sim/checkers/checker.h"
#include "tools/sim/sim_memory.h"
#include <stdlib.h>

enum { STONES_MAX = 1 << 20 };

struct stone {
    uint64_t generation;
    uint64_t expires_ns;
    uint32_t version;
    uint32_t boots; /* of the host whose tombstone it is */
};

struct tombstone_state {
    struct memory memory;
    struct map by_pair; /* (host, subject) -> stones */
    struct stone *stones;
    uint32_t count, capacity;
};

static uint64_t pair(const struct sight *sight) {
    return hash64_pair(sight->host, (uint64_t)sight->subject + 1);
}

static bool init(struct watch *watch, void *state) {
    struct tombstone_state *own = state;
    (void)watch;
    memory_init(&own->memory, &sim_allocator);
    return map_init(&own->by_pair, &own->memory, 16, HENGE_MEMORY_MEMBER);
}

static void deinit(struct watch *watch, void *state) {
    struct tombstone_state *own = state;
    (void)watch;
    free(own->stones);
    map_deinit(&own->by_pair);
}

static struct stone *stone_of(struct tombstone_state *own, const struct sight *sight, bool makes) {
    const uint32_t *index = map_find(&own->by_pair, pair(sight));
    if (index != NULL)
        return &own->stones[*index];
    if (!makes || own->count == STONES_MAX)
        return NULL;
    if (own->count == own->capacity) {
        uint32_t capacity = own->capacity == 0 ? 64 : own->capacity * 2;
        struct stone *stones = realloc(own->stones, capacity * sizeof *stones);
        if (stones == NULL)
            return NULL;
        own->stones = stones;
        own->capacity = capacity;
    }
    if (!map_set(&own->by_pair, pair(sight), own->count))
        return NULL;
    return &own->stones[own->count++];
}

static bool is_higher(const struct sight *sight, uint64_t generation, uint32_t version) {
    return sight->generation > generation ||
           (sight->generation == generation && sight->version > version);
}

static void on_change(struct watch *watch, void *state, const struct sight *sight) {
    struct tombstone_state *own = state;
    const struct member_change *change = sight->change;
    if (change->is_forgotten) {
        struct stone *stone = stone_of(own, sight, true);
        if (stone != NULL)
            *stone = (struct stone){.generation = sight->generation,
                                    .version = sight->version,
                                    .boots = watch->hosts[sight->host].boots,
                                    .expires_ns = watch->now_ns + watch->tombstone_ns};
        return;
    }
    if (sight->status >= HENGE_DEAD)
        return;
    if (!change->is_new) {
        if (change->before_status >= HENGE_DEAD &&
            !is_higher(sight, change->before_generation, change->before_version))
            watch_report(watch, 2, sight->host, sight->subject,
                         "back from the dead at the same (%llu, %u)",
                         (unsigned long long)sight->generation, sight->version);
        return;
    }
    const struct stone *stone = stone_of(own, sight, false);
    if (stone == NULL || stone->boots != watch->hosts[sight->host].boots ||
        stone->expires_ns < watch->now_ns || is_higher(sight, stone->generation, stone->version))
        return;
    watch_report(watch, 2, sight->host, sight->subject,
                 "admitted at (%llu, %u), but was forgotten as dead at (%llu, %u)",
                 (unsigned long long)sight->generation, sight->version,
                 (unsigned long long)stone->generation, stone->version);
}

const struct checker checker_tombstone = {.number = 2,
                                          .state_bytes = sizeof(struct tombstone_state),
                                          .init = init,
                                          .deinit = deinit,
                                          .on_change = on_change};
