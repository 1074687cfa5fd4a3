/* core/base/map.c - see map.h. */
#include "core/base/map.h"
#include "core/base/assert.h"

enum { CAPACITY_MIN = 8 };
#define CAPACITY_MAX (UINT32_C(1) << 31)

/* The cell where a key would like to be. Stafford's mix of splitmix64: keys that are small numbers
 * or share low bits spread as well as hashes do. */
static uint32_t home_of(const struct map *map, uint64_t key) {
    key = (key ^ (key >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    key = (key ^ (key >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((key ^ (key >> 31)) & (map->capacity - 1));
}

static uint32_t next_cell(const struct map *map, uint32_t index) {
    return (index + 1) & (map->capacity - 1);
}

/* The cell of the key, or the free one where it belongs. Ends because a quarter is free. */
static struct map_cell *cell_of(const struct map *map, uint64_t key) {
    uint32_t index = home_of(map, key);
    while (map->cells[index].used && map->cells[index].key != key) {
        index = next_cell(map, index);
    }
    return &map->cells[index];
}

static bool allocate(struct map *map, uint32_t capacity) {
    struct map_cell *cells =
        memory_alloc_array(map->memory, capacity, sizeof(struct map_cell), map->tag);
    if (cells == NULL) {
        return false;
    }
    map->cells = cells;
    map->capacity = capacity;
    return true;
}

bool map_init(struct map *map, struct memory *memory, uint32_t expected,
              enum henge_memory_tag tag) {
    *map = (struct map){.memory = memory, .tag = tag};
    uint32_t capacity = CAPACITY_MIN;
    while (capacity < CAPACITY_MAX && (uint64_t)capacity * 3 / 4 < expected) {
        capacity *= 2;
    }
    return allocate(map, capacity);
}

void map_deinit(struct map *map) {
    memory_release(map->memory, map->cells, map->capacity * sizeof(struct map_cell), map->tag);
    *map = (struct map){0};
}

uint32_t *map_find(const struct map *map, uint64_t key) {
    struct map_cell *cell = cell_of(map, key);
    return cell->used ? &cell->value : NULL;
}

/* On failure the map is as it was. */
static bool grow(struct map *map) {
    struct map old = *map;
    if (old.capacity >= CAPACITY_MAX || !allocate(map, old.capacity * 2)) {
        return false;
    }
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (old.cells[i].used) {
            *cell_of(map, old.cells[i].key) = old.cells[i];
        }
    }
    memory_release(map->memory, old.cells, old.capacity * sizeof(struct map_cell), map->tag);
    return true;
}

bool map_set(struct map *map, uint64_t key, uint32_t value) {
    struct map_cell *cell = cell_of(map, key);
    if (cell->used) {
        cell->value = value;
        return true;
    }
    if ((uint64_t)map->count + 1 > (uint64_t)map->capacity * 3 / 4) {
        if (!grow(map)) {
            return false;
        }
        cell = cell_of(map, key);
    }
    *cell = (struct map_cell){.key = key, .value = value, .used = 1};
    map->count++;
    return true;
}

bool map_remove(struct map *map, uint64_t key) {
    struct map_cell *cell = cell_of(map, key);
    if (!cell->used) {
        return false;
    }
    /* Close the gap: a later cell of the same run moves into it unless its home lies between the
     * gap and itself (cyclically), where it could no longer be found from its home. */
    uint32_t gap = (uint32_t)(cell - map->cells);
    uint32_t mask = map->capacity - 1;
    for (uint32_t at = next_cell(map, gap); map->cells[at].used; at = next_cell(map, at)) {
        uint32_t from_home = (at - home_of(map, map->cells[at].key)) & mask;
        uint32_t from_gap = (at - gap) & mask;
        if (from_home >= from_gap) {
            map->cells[gap] = map->cells[at];
            gap = at;
        }
    }
    map->cells[gap] = (struct map_cell){0};
    ASSERT(map->count > 0);
    map->count--;
    return true;
}
