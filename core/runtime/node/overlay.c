/* core/runtime/node/overlay.c - see overlay.h. */
#include "core/runtime/node/overlay.h"
#include "henge/members.h"

bool overlay_init(struct overlay *overlay, struct memory *memory, uint32_t slots) {
    *overlay = (struct overlay){.slots = slots};
    if (slots == 0) {
        return true;
    }
    overlay->up = memory_alloc_array(memory, slots, sizeof(*overlay->up), HENGE_MEMORY_MEMBER);
    overlay->state =
        memory_alloc_array(memory, slots, sizeof(*overlay->state), HENGE_MEMORY_MEMBER);
    overlay->last_seen_ns =
        memory_alloc_array(memory, slots, sizeof(*overlay->last_seen_ns), HENGE_MEMORY_MEMBER);
    overlay->rtt_us =
        memory_alloc_array(memory, slots, sizeof(*overlay->rtt_us), HENGE_MEMORY_MEMBER);
    if (overlay->up && overlay->state && overlay->last_seen_ns && overlay->rtt_us) {
        return true;
    }
    overlay_deinit(overlay, memory);
    return false;
}

void overlay_deinit(struct overlay *overlay, struct memory *memory) {
    size_t slots = overlay->slots;
    memory_release(memory, (void *)overlay->up, slots * sizeof(*overlay->up), HENGE_MEMORY_MEMBER);
    memory_release(memory, (void *)overlay->state, slots * sizeof(*overlay->state),
                   HENGE_MEMORY_MEMBER);
    memory_release(memory, (void *)overlay->last_seen_ns, slots * sizeof(*overlay->last_seen_ns),
                   HENGE_MEMORY_MEMBER);
    memory_release(memory, (void *)overlay->rtt_us, slots * sizeof(*overlay->rtt_us),
                   HENGE_MEMORY_MEMBER);
    *overlay = (struct overlay){0};
}

void overlay_set(struct overlay *overlay, uint32_t slot, uint8_t status, uint64_t generation,
                 uint32_t version, bool is_shown) {
    if (slot >= overlay->slots) {
        return;
    }
    uint64_t state = generation << 40 | (uint64_t)version << 8 | status;
    atomic_store_explicit(&overlay->state[slot], state, memory_order_relaxed);
    atomic_store_explicit(&overlay->up[slot], is_shown && status == HENGE_ALIVE,
                          memory_order_relaxed);
}

void overlay_show(struct overlay *overlay, uint32_t slot) {
    if (slot >= overlay->slots) {
        return;
    }
    uint64_t state = atomic_load_explicit(&overlay->state[slot], memory_order_relaxed);
    atomic_store_explicit(&overlay->up[slot], overlay_status(state) == HENGE_ALIVE,
                          memory_order_relaxed);
}

void overlay_contact(struct overlay *overlay, uint32_t slot, uint64_t now_ns, uint32_t rtt_us) {
    if (slot >= overlay->slots) {
        return;
    }
    atomic_store_explicit(&overlay->last_seen_ns[slot], now_ns, memory_order_relaxed);
    if (rtt_us != 0) {
        atomic_store_explicit(&overlay->rtt_us[slot], rtt_us, memory_order_relaxed);
    }
}

void overlay_contact_reset(struct overlay *overlay, uint32_t slot) {
    if (slot >= overlay->slots) {
        return;
    }
    atomic_store_explicit(&overlay->last_seen_ns[slot], 0, memory_order_relaxed);
    atomic_store_explicit(&overlay->rtt_us[slot], 0, memory_order_relaxed);
}
