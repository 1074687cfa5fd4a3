/* core/runtime/node/overlay.h - what changes too often to be in a view: liveness and contact by
 * slot.
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
    _Atomic uint8_t *up;            /* 1 = ALIVE */
    _Atomic uint64_t *state;        /* version << 8 | enum henge_member_status */
    _Atomic uint64_t *last_seen_ns; /* monotonic, 0 = never */
    _Atomic uint32_t *rtt_us;       /* 0 = not measured */
    uint32_t slots;
};

bool overlay_init(struct overlay *overlay, struct memory *memory, uint32_t slots);
void overlay_deinit(struct overlay *overlay, struct memory *memory);
/* Gossip thread. */
void overlay_set(struct overlay *overlay, uint32_t slot, uint8_t status, uint32_t version);
/* Detector thread. rtt_us 0 leaves the measured one. */
void overlay_contact(struct overlay *overlay, uint32_t slot, uint64_t now_ns, uint32_t rtt_us);
/* A slot is given to a new member: what the detector wrote about the last one is void. Called by
 * the detector thread when it hears of the peer. */
void overlay_contact_reset(struct overlay *overlay, uint32_t slot);

#endif
