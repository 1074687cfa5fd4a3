/* core/runtime/node/overlay.h - what changes too often to be in a view: liveness and contact.
 *
 * `state` says of which generation it speaks, so that a reader of an older view, whose member lived
 * an earlier life in the same slot, knows that it is not meant: overlay_is_of.
 *
 * `up` is by the slot that rings show (slot_numbers.h), all else by the node's own, in parts that
 * are there when somebody reads. Relaxed atomics with one writer per field: `up` and `state` belong
 * to the gossip thread, `last_seen` and `rtt` to the detector thread. Read by any thread. Memory
 * lives as long as the node, so rings and views point into it. */
#ifndef CORE_RUNTIME_NODE_OVERLAY_H
#define CORE_RUNTIME_NODE_OVERLAY_H

#include "core/base/memory.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { OVERLAY_PART_SLOTS = 256 };

struct overlay_part {
    _Atomic uint64_t state[OVERLAY_PART_SLOTS];        /* see overlay_status and its neighbours */
    _Atomic uint64_t last_seen_ns[OVERLAY_PART_SLOTS]; /* monotonic, 0 = never */
    _Atomic uint32_t rtt_us[OVERLAY_PART_SLOTS];       /* 0 = not measured */
};

struct overlay {
    _Atomic uint8_t *up; /* 1 = ALIVE, at the address that the newest view has */
    _Atomic(struct overlay_part *) *parts;
    uint32_t slots; /* that there may be */
};

/* The state word: status in 8 bits, version in 32, the low 24 of the generation. */
static inline uint8_t overlay_status(uint64_t state) {
    return (uint8_t)state;
}
static inline uint32_t overlay_version(uint64_t state) {
    return (uint32_t)(state >> 8);
}
/* Two generations of one name that look alike here are 2^24 ms apart to the millisecond. */
static inline bool overlay_is_of(uint64_t state, uint64_t generation) {
    return state >> 40 == (generation & 0xffffff);
}

/* Nothing is kept, and writing does nothing, before overlay_open and overlay_hold. */
bool overlay_init(struct overlay *overlay, struct memory *memory, uint32_t slots);
void overlay_deinit(struct overlay *overlay, struct memory *memory);
/* Gossip thread. From now on there are readers; false: no memory. */
bool overlay_open(struct overlay *overlay, struct memory *memory);
/* Gossip thread. This slot is kept from now on. False: no memory. */
bool overlay_hold(struct overlay *overlay, struct memory *memory, uint32_t slot);
/* Gossip thread. */
void overlay_set(struct overlay *overlay, uint32_t slot, uint8_t status, uint64_t generation,
                 uint32_t version);
/* Gossip thread. `number`: the slot in rings, or HENGE_NO_SLOT. */
void overlay_up_set(struct overlay *overlay, uint32_t number, bool is_up);
/* Detector thread. rtt_us 0 leaves the measured one. */
void overlay_contact(struct overlay *overlay, uint32_t slot, uint64_t now_ns, uint32_t rtt_us);
/* A slot is given to a new member: what the detector wrote about the last one is void. Called by
 * the detector thread when it hears of the peer. */
void overlay_contact_reset(struct overlay *overlay, uint32_t slot);

/* Any thread; zeros where nothing is kept. */
struct overlay_entry {
    uint64_t state;
    uint64_t last_seen_ns;
    uint32_t rtt_us;
};
struct overlay_entry overlay_read(const struct overlay *overlay, uint32_t slot);

#endif
