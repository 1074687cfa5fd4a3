/* membership/detector/rotation.c - see rotation.h. */
#include "membership/detector/rotation.h"

#include "core/base/assert.h"

static uint16_t *place_of(const struct rotation *rotation, uint32_t slot) {
    return (uint16_t *)(void *)(rotation->places + slot * rotation->stride);
}

static void put(struct rotation *rotation, uint32_t place, uint32_t slot) {
    rotation->slots[place] = (uint16_t)slot;
    *place_of(rotation, slot) = (uint16_t)place;
}

void rotation_insert(struct rotation *rotation, struct random *random, uint32_t slot) {
    uint32_t place = (uint32_t)random_below(random, (uint64_t)rotation->count + 1);
    uint32_t end = rotation->count++;
    /* Each displaced slot stays on its side of the cursor: the chain ends in the new last place. */
    if (place < rotation->cursor) {
        uint32_t border = rotation->cursor++;
        if (border != end) {
            put(rotation, end, rotation->slots[border]);
        }
        put(rotation, border, rotation->slots[place]);
    } else if (place != end) {
        put(rotation, end, rotation->slots[place]);
    }
    put(rotation, place, slot);
}

void rotation_remove(struct rotation *rotation, uint32_t slot) {
    uint32_t hole = *place_of(rotation, slot);
    ASSERT(hole < rotation->count && rotation->slots[hole] == slot);
    if (hole < rotation->cursor) {
        uint32_t border = --rotation->cursor;
        put(rotation, hole, rotation->slots[border]);
        hole = border;
    }
    uint32_t last = --rotation->count;
    if (hole != last) {
        put(rotation, hole, rotation->slots[last]);
    }
}

/* Fisher and Yates. */
static void shuffle(struct rotation *rotation, struct random *random) {
    for (uint32_t left = rotation->count; left > 0; left--) {
        uint32_t place = (uint32_t)random_below(random, left);
        uint32_t slot = rotation->slots[place];
        put(rotation, place, rotation->slots[left - 1]);
        put(rotation, left - 1, slot);
    }
}

uint32_t rotation_next(struct rotation *rotation, struct random *random) {
    if (rotation->count == 0) {
        return ROTATION_NONE;
    }
    if (rotation->cursor >= rotation->count) {
        rotation->cursor = 0;
        shuffle(rotation, random);
    }
    return rotation->slots[rotation->cursor++];
}
