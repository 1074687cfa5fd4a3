/* core/runtime/node/ring_house.c - see ring_house.h. */
#include "core/runtime/node/ring_house.h"
#include "core/base/assert.h"
#include <string.h>

struct ring_house *ring_house_create(struct memory *memory, uint64_t secret) {
    struct ring_house *house = memory_alloc_zeroed(memory, sizeof(*house), HENGE_MEMORY_RING);
    if (house) {
        house->memory = memory;
        slot_numbers_init(&house->numbers, memory, secret);
    }
    return house;
}

static void table_destroy(struct ring_house *house, struct ring_table *table) {
    if (table) {
        ring_destroy(house->memory, table->ring);
        memory_release(house->memory, table, sizeof(*table), HENGE_MEMORY_RING);
    }
}

void ring_house_destroy(struct ring_house *house) {
    if (!house) {
        return;
    }
    ASSERT(!house->tables);
    struct memory *memory = house->memory;
    table_destroy(house, house->spare);
    slot_numbers_deinit(&house->numbers);
    memory_release(memory, house->scratch, house->scratch_capacity * sizeof(*house->scratch),
                   HENGE_MEMORY_RING);
    memory_release(memory, house, sizeof(*house), HENGE_MEMORY_RING);
}

struct ring_member *ring_house_scratch(struct ring_house *house, uint32_t count) {
    while (house->scratch_capacity < count) {
        struct ring_member *scratch =
            memory_grow(house->memory, house->scratch, &house->scratch_capacity, UINT16_MAX,
                        sizeof(*scratch), HENGE_MEMORY_RING);
        if (!scratch) {
            return NULL;
        }
        house->scratch = scratch;
    }
    return house->scratch;
}

static struct ring_table *find(const struct ring_house *house, const struct ring_wish *wish) {
    struct ring_table *table = house->tables;
    while (table && (henge_ring_fingerprint(table->ring) != wish->fingerprint ||
                     table->slots_sum != wish->slots_sum)) {
        table = table->next;
    }
    return table;
}

bool ring_house_allows(struct ring_house *house, uint64_t fingerprint, size_t count,
                       uint64_t now_ns) {
    if (!house->has_budget) {
        return true;
    }
    for (const struct ring_table *table = house->tables; table; table = table->next) {
        if (henge_ring_fingerprint(table->ring) == fingerprint) {
            return true;
        }
    }
    const uint64_t paid_ns = house->paid_until_ns > now_ns ? house->paid_until_ns : now_ns;
    if (paid_ns > now_ns + RING_HOUSE_BURST_NS) {
        return false;
    }
    house->paid_until_ns = paid_ns + count * RING_HOUSE_MEMBER_NS;
    return true;
}

static bool is_of_salt(const struct ring_table *table, const struct ring_wish *wish) {
    return memcmp(table->salt, wish->parameters->salt, sizeof(table->salt)) == 0;
}

/* The spare one, brought up to date, if that can be. */
static struct ring_table *spare_take(struct ring_house *house, const struct ring_wish *wish) {
    struct ring_table *spare = house->spare;
    house->spare = NULL;
    if (spare &&
        (!is_of_salt(spare, wish) || ring_apply(house->memory, spare->ring, wish->parameters,
                                                wish->members, wish->count) != HENGE_OK)) {
        table_destroy(house, spare);
        return NULL;
    }
    return spare;
}

static struct ring_table *make(struct ring_house *house, const struct ring_wish *wish,
                               const struct ring_table *like) {
    struct ring_table *table =
        memory_alloc_zeroed(house->memory, sizeof(*table), HENGE_MEMORY_RING);
    if (!table) {
        return NULL;
    }
    memcpy(table->salt, wish->parameters->salt, sizeof(table->salt));
    const enum henge_status status =
        like
            ? ring_copy_changed(house->memory, like->ring, wish->parameters, wish->members,
                                wish->count, &table->ring)
            : ring_build(house->memory, wish->parameters, wish->members, wish->count, &table->ring);
    if (status != HENGE_OK) {
        memory_release(house->memory, table, sizeof(*table), HENGE_MEMORY_RING);
        return NULL;
    }
    return table;
}

struct ring_table *ring_house_take(struct ring_house *house, const struct ring_wish *wish,
                                   const struct ring_table *like) {
    struct ring_table *table = find(house, wish);
    if (!table) {
        table = spare_take(house, wish);
        table = table ? table : make(house, wish, like);
        if (!table) {
            return NULL;
        }
        table->slots_sum = wish->slots_sum;
        table->next = house->tables;
        house->tables = table;
    }
    table->references++;
    return table;
}

void ring_house_let_go(struct ring_house *house, struct ring_table *table) {
    ASSERT(table->references > 0);
    if (--table->references > 0) {
        return;
    }
    struct ring_table **link = &house->tables;
    while (*link != table) {
        link = &(*link)->next;
    }
    *link = table->next;
    table_destroy(house, house->spare);
    house->spare = table;
}
