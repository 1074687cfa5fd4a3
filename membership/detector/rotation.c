/* membership/detector/rotation.c - see rotation.h. */
#include "membership/detector/rotation.h"

#include "core/base/assert.h"

static void put(struct rotation *rotation, uint32_t place, uint32_t slot) {
    rotation->slots[place] = slot;
    rotation->places[slot] = place;
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
    uint32_t hole = rotation->places[slot];
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

uint32_t rotation_next(struct rotation *rotation, struct random *random) {
    if (rotation->count == 0) {
        return ROTATION_NONE;
    }
    if (rotation->cursor >= rotation->count) {
        rotation->cursor = 0;
        random_shuffle_u32(random, rotation->slots, rotation->count);
        for (uint32_t place = 0; place < rotation->count; place++) {
            rotation->places[rotation->slots[place]] = place;
        }
    }
    return rotation->slots[rotation->cursor++];
}
