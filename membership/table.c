/* membership/table.c - see table.h. */
#include "membership/table.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include <string.h>

static const enum henge_memory_tag TAG = HENGE_MEMORY_MEMBER;

static uint64_t hash_of(const void *slots, uint32_t slot) {
    return ((const struct member *)slots)[slot].record->name_hash;
}

void table_init(struct table *table, struct memory *memory, uint32_t max, uint64_t secret,
                uint64_t now_ns) {
    *table = (struct table){.memory = memory,
                            .max = max < TABLE_SLOTS_MAX ? max : TABLE_SLOTS_MAX,
                            .free_first = NO_SLOT,
                            .names = {.multiplier = secret | 1, .hash_of = hash_of},
                            .fingerprint_since_ns = now_ns};
}

uint32_t table_find(const struct table *table, uint64_t name_hash) {
    uint32_t slot = slot_index_find(&table->names, table->members, name_hash);
    return slot == SLOT_INDEX_NONE ? NO_SLOT : slot;
}

static size_t cells_bytes(uint32_t cells_count) {
    return cells_count * sizeof(uint32_t);
}

static void release_arrays(struct table *table) {
    struct memory *memory = table->memory;
    size_t capacity = table->capacity;
    memory_release(memory, table->members, capacity * sizeof *table->members, TAG);
    memory_release(memory, table->slots, capacity * sizeof *table->slots, TAG);
    memory_release(memory, table->live, capacity * sizeof *table->live, TAG);
    memory_release(memory, table->names.cells, cells_bytes(table->names.cells_count), TAG);
}

void table_deinit(struct table *table) {
    release_arrays(table);
}

/* All arrays grow, or none. */
static bool grow(struct table *table) {
    if (table->capacity >= table->max)
        return false;
    struct memory *memory = table->memory;
    struct table bigger = *table;
    bigger.capacity =
        slot_index_capacity(table->capacity, table->capacity, table->max, table->expected);
    bigger.members = memory_alloc_array(memory, bigger.capacity, sizeof *bigger.members, TAG);
    bigger.slots = memory_alloc_array(memory, bigger.capacity, sizeof *bigger.slots, TAG);
    bigger.live = memory_alloc_array(memory, bigger.capacity, sizeof *bigger.live, TAG);
    uint32_t cells_count = slot_index_cells(bigger.capacity);
    uint32_t *cells = memory_alloc_array(memory, cells_count, sizeof *cells, TAG);
    if (bigger.members == NULL || bigger.slots == NULL || bigger.live == NULL || cells == NULL) {
        memory_release(memory, cells, cells_bytes(cells_count), TAG);
        bigger.names.cells = NULL;
        release_arrays(&bigger);
        return false;
    }
    if (table->capacity > 0) {
        memcpy(bigger.members, table->members, table->count * sizeof *bigger.members);
        memcpy(bigger.slots, table->slots, table->count * sizeof *bigger.slots);
        memcpy(bigger.live, table->live, table->live_count * sizeof *bigger.live);
    }
    slot_index_move(&bigger.names, cells, cells_count);
    release_arrays(table);
    *table = bigger;
    return true;
}

uint32_t table_take(struct table *table, uint64_t name_hash) {
    uint32_t slot = table->free_first;
    if (slot != NO_SLOT) {
        uint16_t next = table->slots[slot].link;
        table->free_first = next == TABLE_NONE ? NO_SLOT : next;
    } else {
        if (table->count == table->capacity && !grow(table))
            return NO_SLOT;
        slot = table->count++;
    }
    slot_index_put(&table->names, table->members, name_hash, slot);
    table->members[slot] = (struct member){.slot_use = SLOT_USED, .live_position = TABLE_NONE};
    table->slots[slot] = (struct slot){.link = TABLE_NONE, .news = TABLE_NONE};
    return slot;
}

void table_forget(struct table *table, uint32_t slot) {
    struct member *member = &table->members[slot];
    ASSERT(member->slot_use == SLOT_USED && member->live_position == TABLE_NONE);
    slot_index_remove(&table->names, member->record->name_hash, slot);
    *member = (struct member){.slot_use = SLOT_FORGOTTEN, .live_position = TABLE_NONE};
}

void table_slot_free(struct table *table, uint32_t slot) {
    if (slot >= table->count || table->members[slot].slot_use != SLOT_FORGOTTEN)
        return;
    table->members[slot].slot_use = SLOT_FREE;
    table->slots[slot].link =
        table->free_first == NO_SLOT ? TABLE_NONE : (uint16_t)table->free_first;
    table->free_first = slot;
}

uint32_t table_suspicion(const struct table *table, uint32_t slot) {
    uint16_t id = table->slots[slot].link;
    return id == TABLE_NONE ? NO_SLOT : id;
}

/* At most one per member, so their ids are as small as slots. */
void table_suspicion_set(struct table *table, uint32_t slot, uint32_t id) {
    ASSERT(table->members[slot].slot_use == SLOT_USED && (id == NO_SLOT || id < TABLE_NONE));
    table->slots[slot].link = id == NO_SLOT ? TABLE_NONE : (uint16_t)id;
}

/* Half of all changes ever counted lie ahead of `before`, as far as 32 bits can tell: nothing that
 * came after it is missed as long as fewer than 2^31 have come. */
bool table_is_changed(const struct table *table, uint32_t slot, uint64_t before) {
    uint32_t since = table->members[slot].changed - (uint32_t)before;
    return since != 0 && since < UINT32_C(1) << 31;
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
    uint64_t payload = hash64_pair(member_generation(member), member->record->payload_version);
    return hash64_pair(member->record->name_hash, payload);
}

uint64_t table_share(const struct table *table, uint32_t slot) {
    const struct member *member = &table->members[slot];
    return is_live(member) ? share_of(member) : 0;
}

static void live_swap(struct table *table, uint32_t left, uint32_t right) {
    uint16_t slot = table->live[left];
    table->live[left] = table->live[right];
    table->live[right] = slot;
    table->members[table->live[left]].live_position = (uint16_t)left;
    table->members[table->live[right]].live_position = (uint16_t)right;
}

static bool shares_zone(const struct table *table, uint32_t slot) {
    const struct record *own = table->members[0].record, *other = table->members[slot].record;
    return table->is_zone_blind ||
           (strcmp(own->zone, other->zone) == 0 && strcmp(own->region, other->region) == 0);
}

static void live_add(struct table *table, uint32_t slot) {
    if (slot == 0)
        return;
    table->members[slot].live_position = (uint16_t)table->live_count;
    table->live[table->live_count++] = (uint16_t)slot;
    if (shares_zone(table, slot))
        live_swap(table, table->near_count++, table->live_count - 1);
}

static void live_remove(struct table *table, uint32_t slot) {
    if (slot == 0)
        return;
    if (table_is_near(table, slot))
        live_swap(table, table->members[slot].live_position, --table->near_count);
    live_swap(table, table->members[slot].live_position, --table->live_count);
    table->members[slot].live_position = TABLE_NONE;
}

bool table_is_near(const struct table *table, uint32_t slot) {
    return table->members[slot].live_position < table->near_count;
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
    table->members[slot].changed = (uint32_t)++table->changes;
    if (member_generation(member) > table->highest_generation)
        table->highest_generation = member_generation(member);
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
