/* core/runtime/node/overlay.h - what changes too often to be in a view: liveness and contact by
 * slot.
 *
 * `state` says of which generation it speaks, so that a reader of an older view, whose member lived
 * an earlier life in the same slot, knows that it is not meant: overlay_is_of.
 *
 * Relaxed atomics with one writer per field: `up` and `state` belong to the gossip thread,
 * `last_seen` and `rtt` to the detector thread. Read by any thread. The arrays live as long as the
 * node, so rings and views point into them. */
#ifndef CORE_RUNTIME_NODE_OVERLAY_H
#define CORE_RUNTIME_NODE_OVERLAY_H

#include "core/base/memory.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct overlay {
    _Atomic uint8_t *up;            /* 1 = ALIVE, at the address that the newest view has */
    _Atomic uint64_t *state;        /* see overlay_status and its neighbours */
    _Atomic uint64_t *last_seen_ns; /* monotonic, 0 = never */
    _Atomic uint32_t *rtt_us;       /* 0 = not measured */
    uint32_t slots;
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

/* With 0 slots nobody reads it: writing does nothing. */
bool overlay_init(struct overlay *overlay, struct memory *memory, uint32_t slots);
void overlay_deinit(struct overlay *overlay, struct memory *memory);
/* Gossip thread. A member whose address no view shows yet (is_shown false) is not up before
 * overlay_show. */
void overlay_set(struct overlay *overlay, uint32_t slot, uint8_t status, uint64_t generation,
                 uint32_t version, bool is_shown);
void overlay_show(struct overlay *overlay, uint32_t slot);
/* Detector thread. rtt_us 0 leaves the measured one. */
void overlay_contact(struct overlay *overlay, uint32_t slot, uint64_t now_ns, uint32_t rtt_us);
/* A slot is given to a new member: what the detector wrote about the last one is void. Called by
 * the detector thread when it hears of the peer. */
void overlay_contact_reset(struct overlay *overlay, uint32_t slot);

#endif
