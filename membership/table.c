/* membership/table.c - see table.h. */
#include "membership/table.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include <string.h>

bool table_init(struct table *table, struct memory *memory, uint32_t max, uint64_t now_ns) {
    *table = (struct table){
        .memory = memory, .max = max, .free_first = NO_SLOT, .fingerprint_since_ns = now_ns};
    return map_init(&table->names, memory, TABLE_SLOTS_FIRST, HENGE_MEMORY_MEMBER);
}

uint32_t table_find(const struct table *table, uint64_t name_hash) {
    const uint32_t *slot = map_find(&table->names, name_hash);
    return slot == NULL ? NO_SLOT : *slot;
}

static void release_arrays(struct table *table, struct member *members, struct slot *slots,
                           uint32_t *live, size_t capacity) {
    memory_release(table->memory, members, capacity * sizeof *members, HENGE_MEMORY_MEMBER);
    memory_release(table->memory, slots, capacity * sizeof *slots, HENGE_MEMORY_MEMBER);
    memory_release(table->memory, live, capacity * sizeof *live, HENGE_MEMORY_MEMBER);
}

void table_deinit(struct table *table) {
    release_arrays(table, table->members, table->slots, table->live, table->capacity);
    map_deinit(&table->names);
}

/* All three arrays grow, or none. */
static bool grow(struct table *table) {
    if (table->capacity >= table->max)
        return false;
    uint32_t capacity = table->capacity == 0 ? TABLE_SLOTS_FIRST : table->capacity * 2;
    capacity = capacity > table->max ? table->max : capacity;
    struct memory *memory = table->memory;
    struct member *members =
        memory_alloc_array(memory, capacity, sizeof *members, HENGE_MEMORY_MEMBER);
    struct slot *slots = memory_alloc_array(memory, capacity, sizeof *slots, HENGE_MEMORY_MEMBER);
    uint32_t *live = memory_alloc_array(memory, capacity, sizeof *live, HENGE_MEMORY_MEMBER);
    if (members == NULL || slots == NULL || live == NULL) {
        release_arrays(table, members, slots, live, capacity);
        return false;
    }
    if (table->capacity > 0) {
        memcpy(members, table->members, table->capacity * sizeof *members);
        memcpy(slots, table->slots, table->capacity * sizeof *slots);
        memcpy(live, table->live, table->capacity * sizeof *live);
    }
    release_arrays(table, table->members, table->slots, table->live, table->capacity);
    table->members = members;
    table->slots = slots;
    table->live = live;
    table->capacity = capacity;
    return true;
}

uint32_t table_take(struct table *table, uint64_t name_hash) {
    uint32_t slot = table->free_first;
    if (slot == NO_SLOT) {
        if (table->count == table->capacity && !grow(table))
            return NO_SLOT;
        slot = table->count;
    }
    if (!map_set(&table->names, name_hash, slot))
        return NO_SLOT;
    if (slot == table->count)
        table->count++;
    else
        table->free_first = table->slots[slot].next_free;
    table->members[slot] = (struct member){0};
    table->slots[slot] = (struct slot){
        .use = SLOT_USED, .live_position = NO_SLOT, .suspicion = NO_SLOT, .next_free = NO_SLOT};
    return slot;
}

void table_forget(struct table *table, uint32_t slot) {
    ASSERT(table->slots[slot].use == SLOT_USED);
    ASSERT(table->slots[slot].live_position == NO_SLOT);
    (void)map_remove(&table->names, table->members[slot].record->name_hash);
    table->members[slot] = (struct member){0};
    table->slots[slot].use = SLOT_FORGOTTEN;
}

void table_slot_free(struct table *table, uint32_t slot) {
    if (slot >= table->count || table->slots[slot].use != SLOT_FORGOTTEN)
        return;
    table->slots[slot].use = SLOT_FREE;
    table->slots[slot].next_free = table->free_first;
    table->free_first = slot;
}

static bool is_live(const struct member *member) {
    return member->status == HENGE_ALIVE || member->status == HENGE_SUSPECT;
}

uint32_t table_bucket(uint64_t name_hash) {
    return (uint32_t)(name_hash >> 58);
}

uint32_t table_sum_folded(const struct table *table, uint32_t bucket) {
    return (uint32_t)(table->sums[bucket] ^ (table->sums[bucket] >> 32));
}

/* A member's share of the fingerprint: what must be equal on nodes that agree. Versions and
 * suspicion are left out, they differ from moment to moment. */
static uint64_t share_of(const struct member *member) {
    uint64_t payload = hash64_pair(member->generation, member->record->payload_version);
    return hash64_pair(member->record->name_hash, payload);
}

static void live_swap(struct table *table, uint32_t left, uint32_t right) {
    uint32_t slot = table->live[left];
    table->live[left] = table->live[right];
    table->live[right] = slot;
    table->slots[table->live[left]].live_position = left;
    table->slots[table->live[right]].live_position = right;
}

static bool shares_zone(const struct table *table, uint32_t slot) {
    const struct record *own = table->members[0].record, *other = table->members[slot].record;
    return table->is_zone_blind ||
           (strcmp(own->zone, other->zone) == 0 && strcmp(own->region, other->region) == 0);
}

static void live_add(struct table *table, uint32_t slot) {
    if (slot == 0)
        return;
    table->slots[slot].live_position = table->live_count;
    table->live[table->live_count++] = slot;
    if (shares_zone(table, slot))
        live_swap(table, table->near_count++, table->live_count - 1);
}

static void live_remove(struct table *table, uint32_t slot) {
    if (slot == 0)
        return;
    if (table_is_near(table, slot))
        live_swap(table, table->slots[slot].live_position, --table->near_count);
    live_swap(table, table->slots[slot].live_position, --table->live_count);
    table->slots[slot].live_position = NO_SLOT;
}

bool table_is_near(const struct table *table, uint32_t slot) {
    return table->slots[slot].live_position < table->near_count;
}

void table_rezone(struct table *table) {
    table->near_count = 0;
    for (uint32_t i = 0; i < table->live_count; i++)
        if (shares_zone(table, table->live[i]))
            live_swap(table, table->near_count++, i);
}

void table_counted_out(struct table *table, uint32_t slot) {
    const struct member *member = &table->members[slot];
    table->statuses[member->status]--;
    if (!is_live(member))
        return;
    uint64_t share = share_of(member);
    table->sums[table_bucket(member->record->name_hash)] -= share;
    table->fingerprint -= share;
    live_remove(table, slot);
}

void table_counted_in(struct table *table, uint32_t slot) {
    const struct member *member = &table->members[slot];
    table->statuses[member->status]++;
    table->slots[slot].changed = ++table->changes;
    if (member->generation > table->highest_generation)
        table->highest_generation = member->generation;
    if (!is_live(member))
        return;
    uint64_t share = share_of(member);
    table->sums[table_bucket(member->record->name_hash)] += share;
    table->fingerprint += share;
    live_add(table, slot);
}

uint32_t table_size(const struct table *table) {
    return table->statuses[HENGE_ALIVE] + table->statuses[HENGE_SUSPECT];
}

/* Fisher-Yates, as far as needed, within live[first..end). */
static uint32_t pick(struct table *table, struct random *random, uint32_t first, uint32_t end,
                     uint32_t *slots_out, uint32_t count) {
    count = count > end - first ? end - first : count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = first + i + (uint32_t)random_below(random, end - first - i);
        live_swap(table, first + i, other);
        slots_out[i] = table->live[first + i];
    }
    return count;
}

uint32_t table_pick_near(struct table *table, struct random *random, uint32_t *slots_out,
                         uint32_t count) {
    return pick(table, random, 0, table->near_count, slots_out, count);
}

uint32_t table_pick_far(struct table *table, struct random *random, uint32_t *slots_out,
                        uint32_t count) {
    return pick(table, random, table->near_count, table->live_count, slots_out, count);
}

uint32_t table_pick(struct table *table, struct random *random, uint32_t *slots_out,
                    uint32_t count) {
    count = count > table->live_count ? table->live_count : count;
    uint32_t near = 0, far = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool is_near = random_below(random, table->live_count - i) < table->near_count - near;
        uint32_t first = is_near ? near++ : table->near_count + far++;
        uint32_t end = is_near ? table->near_count : table->live_count;
        (void)pick(table, random, first, end, &slots_out[i], 1);
    }
    return count;
}

bool table_is_live_address(const struct table *table, const struct henge_address *address) {
    for (uint32_t i = 0; i < table->live_count; i++) {
        const struct record *record = table->members[table->live[i]].record;
        if (memcmp(&record->address, address, sizeof *address) == 0)
            return true;
    }
    return false;
}
