/* core/runtime/node/overlay.c - see overlay.h. */
#include "core/runtime/node/overlay.h"
#include "core/runtime/node/slot_numbers.h"

static size_t parts_bytes(uint32_t slots) {
    return (slots + OVERLAY_PART_SLOTS - 1) / OVERLAY_PART_SLOTS * sizeof(struct overlay_part *);
}

bool overlay_init(struct overlay *overlay, struct memory *memory, uint32_t slots) {
    *overlay = (struct overlay){.slots = slots};
    overlay->parts = memory_alloc_zeroed(memory, parts_bytes(slots), HENGE_MEMORY_MEMBER);
    return overlay->parts != NULL;
}

void overlay_deinit(struct overlay *overlay, struct memory *memory) {
    for (uint32_t slot = 0; overlay->parts && slot < overlay->slots; slot += OVERLAY_PART_SLOTS) {
        struct overlay_part *part =
            atomic_load_explicit(&overlay->parts[slot / OVERLAY_PART_SLOTS], memory_order_relaxed);
        memory_release(memory, part, sizeof(*part), HENGE_MEMORY_MEMBER);
    }
    memory_release(memory, (void *)overlay->parts, parts_bytes(overlay->slots),
                   HENGE_MEMORY_MEMBER);
    memory_release(memory, (void *)overlay->up, SLOT_NUMBERS_MAX, HENGE_MEMORY_MEMBER);
    *overlay = (struct overlay){0};
}

/* Not cleared: a number is set before any ring has it, and what is not touched costs no page. */
bool overlay_open(struct overlay *overlay, struct memory *memory) {
    if (!overlay->up) {
        overlay->up = memory_alloc(memory, SLOT_NUMBERS_MAX, HENGE_MEMORY_MEMBER);
    }
    return overlay->up != NULL;
}

/* Acquire: pairs with the release in overlay_hold, behind which the part is zeros. */
static struct overlay_part *part_of(const struct overlay *overlay, uint32_t slot) {
    return slot < overlay->slots ? atomic_load_explicit(&overlay->parts[slot / OVERLAY_PART_SLOTS],
                                                        memory_order_acquire)
                                 : NULL;
}

bool overlay_hold(struct overlay *overlay, struct memory *memory, uint32_t slot) {
    if (part_of(overlay, slot)) {
        return true;
    }
    struct overlay_part *part = memory_alloc_zeroed(memory, sizeof(*part), HENGE_MEMORY_MEMBER);
    if (part) {
        atomic_store_explicit(&overlay->parts[slot / OVERLAY_PART_SLOTS], part,
                              memory_order_release);
    }
    return part != NULL;
}

void overlay_set(struct overlay *overlay, uint32_t slot, uint8_t status, uint64_t generation,
                 uint32_t version) {
    struct overlay_part *part = part_of(overlay, slot);
    if (part) {
        uint64_t state = generation << 40 | (uint64_t)version << 8 | status;
        atomic_store_explicit(&part->state[slot % OVERLAY_PART_SLOTS], state, memory_order_relaxed);
    }
}

void overlay_up_set(struct overlay *overlay, uint32_t number, bool is_up) {
    if (overlay->up && number < SLOT_NUMBERS_MAX) {
        atomic_store_explicit(&overlay->up[number], is_up, memory_order_relaxed);
    }
}

static void contact_set(struct overlay *overlay, uint32_t slot, uint64_t seen_ns, bool has_rtt,
                        uint32_t rtt_us) {
    struct overlay_part *part = part_of(overlay, slot);
    if (!part) {
        return;
    }
    atomic_store_explicit(&part->last_seen_ns[slot % OVERLAY_PART_SLOTS], seen_ns,
                          memory_order_relaxed);
    if (has_rtt) {
        atomic_store_explicit(&part->rtt_us[slot % OVERLAY_PART_SLOTS], rtt_us,
                              memory_order_relaxed);
    }
}

void overlay_contact(struct overlay *overlay, uint32_t slot, uint64_t now_ns, uint32_t rtt_us) {
    contact_set(overlay, slot, now_ns, rtt_us != 0, rtt_us);
}

void overlay_contact_reset(struct overlay *overlay, uint32_t slot) {
    contact_set(overlay, slot, 0, true, 0);
}

struct overlay_entry overlay_read(const struct overlay *overlay, uint32_t slot) {
    const struct overlay_part *part = part_of(overlay, slot);
    if (!part) {
        return (struct overlay_entry){0};
    }
    const uint32_t at = slot % OVERLAY_PART_SLOTS;
    return (struct overlay_entry){
        .state = atomic_load_explicit(&part->state[at], memory_order_relaxed),
        .last_seen_ns = atomic_load_explicit(&part->last_seen_ns[at], memory_order_relaxed),
        .rtt_us = atomic_load_explicit(&part->rtt_us[at], memory_order_relaxed),
    };
}
