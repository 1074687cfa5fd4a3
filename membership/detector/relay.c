/* membership/detector/relay.c - see relay.h. The table is small enough to be walked. */
#include "membership/detector/relay.h"

#include "core/base/clock.h"
#include <string.h>

static const enum henge_memory_tag TAG = HENGE_MEMORY_MEMBER;

void relays_init(struct relays *relays, struct memory *memory) {
    *relays = (struct relays){.memory = memory};
}

void relays_deinit(struct relays *relays) {
    memory_release(relays->memory, relays->table, relays->capacity * sizeof *relays->table, TAG);
}

static struct relay *free_entry(struct relays *relays) {
    for (uint32_t i = 0; i < relays->capacity; i++) {
        if (relays->table[i].sequence == 0) {
            return &relays->table[i];
        }
    }
    uint32_t first = relays->capacity;
    struct relay *table = memory_grow(relays->memory, relays->table, &relays->capacity, RELAYS_MAX,
                                      sizeof *table, TAG);
    if (table == NULL) {
        return NULL;
    }
    relays->table = table;
    return &table[first];
}

struct relay *relays_add(struct relays *relays, uint32_t sequence, uint64_t asked_ns,
                         uint64_t remaining_ns) {
    struct relay *relay = free_entry(relays);
    if (relay != NULL) {
        *relay = (struct relay){.sequence = sequence,
                                .next_ns = asked_ns + remaining_ns / 100 * RELAY_NACK_PERCENT,
                                .end_ns = asked_ns + remaining_ns};
        relays->count++;
    }
    return relay;
}

void relays_remove(struct relays *relays, struct relay *relay) {
    relay->sequence = 0;
    relays->count--;
}

struct relay *relays_find(struct relays *relays, uint32_t sequence, uint64_t target_name_hash,
                          uint64_t target_generation) {
    if (relays->count == 0 || sequence == 0) {
        return NULL;
    }
    for (uint32_t i = 0; i < relays->capacity; i++) {
        struct relay *relay = &relays->table[i];
        if (relay->sequence == sequence && relay->target_name_hash == target_name_hash &&
            relay->target_generation == target_generation) {
            return relay;
        }
    }
    return NULL;
}

bool relays_has(const struct relays *relays, const struct henge_address *origin,
                uint32_t origin_sequence) {
    for (uint32_t i = 0; relays->count > 0 && i < relays->capacity; i++) {
        const struct relay *relay = &relays->table[i];
        if (relay->sequence != 0 && relay->origin_sequence == origin_sequence &&
            memcmp(&relay->origin, origin, sizeof *origin) == 0) {
            return true;
        }
    }
    return false;
}

struct relay *relays_due(struct relays *relays, uint64_t now_ns) {
    for (uint32_t i = 0; relays->count > 0 && i < relays->capacity; i++) {
        struct relay *relay = &relays->table[i];
        if (relay->sequence != 0 && relay->next_ns <= now_ns) {
            return relay;
        }
    }
    return NULL;
}

uint64_t relays_deadline(const struct relays *relays) {
    uint64_t earliest = TIME_NEVER;
    for (uint32_t i = 0; relays->count > 0 && i < relays->capacity; i++) {
        const struct relay *relay = &relays->table[i];
        if (relay->sequence != 0 && relay->next_ns < earliest) {
            earliest = relay->next_ns;
        }
    }
    return earliest;
}
