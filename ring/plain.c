/* ring/plain.c - rings that belong to whoever asked for them, built of plain structs.
 *
 * Such a ring carries its memory handle with it (own_memory), as there is no runtime to ask when it
 * is destroyed. */
#include "ring/ring_internal.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include <string.h>

struct memory *ring_memory_create(const struct henge_allocator *allocator) {
    struct memory bare;
    memory_init(&bare, allocator);
    struct memory *memory = memory_alloc(&bare, sizeof(*memory), HENGE_MEMORY_RING);
    if (memory != NULL) {
        memory_init(memory, allocator);
    }
    return memory;
}

void ring_memory_destroy(struct memory *memory) {
    struct memory bare;
    memory_init(&bare, &memory->allocator);
    memory_release(&bare, memory, sizeof(*memory), HENGE_MEMORY_RING);
}

void henge_ring_destroy(struct henge_ring *ring) {
    if (ring != NULL && ring->own_memory != NULL) {
        struct memory *memory = ring->own_memory;
        ring_destroy(memory, ring);
        ring_memory_destroy(memory);
    }
}

void henge_ring_member_of(const struct henge_member *member, struct henge_ring_member *member_out) {
    *member_out = (struct henge_ring_member){.size_bytes = sizeof(*member_out),
                                             .name = member->name,
                                             .zone = member->zone,
                                             .region = member->region,
                                             .role = member->role,
                                             .vnodes = (uint16_t)member->vnodes,
                                             .weight = (uint16_t)member->weight,
                                             .ring_state = member->ring_state,
                                             .choices = member->choices,
                                             .choices_bytes = member->choices_bytes};
}

/* The structs are as large as the caller's header says, which may be a later one: fields that this
 * library does not know are passed over. */
static const struct henge_ring_member *member_at(const struct henge_ring_member *members,
                                                 size_t index) {
    const char *bytes = (const char *)members + index * members->size_bytes;
    return (const struct henge_ring_member *)(const void *)bytes;
}

static bool are_choices_sound(const struct henge_ring_member *member) {
    return member->choices_bytes == 0 ||
           (member->choices != NULL && member->choices_bytes <= RING_CHOICES_BYTES);
}

static bool are_sound(const struct henge_ring_member *members, size_t count) {
    const size_t size_bytes = count == 0 ? 0 : members->size_bytes;
    if (count > 0 &&
        (size_bytes < sizeof(*members) || size_bytes % _Alignof(struct henge_ring_member) != 0)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct henge_ring_member *member = member_at(members, i);
        if (member->size_bytes != size_bytes || member->name == NULL ||
            !member_name_fits(member->name) || (unsigned)member->ring_state > HENGE_RING_DRAINING ||
            !are_choices_sound(member)) {
            return false;
        }
    }
    return true;
}

static bool is_member_of(enum henge_ring_which which, enum henge_ring_state state) {
    return state != (which == HENGE_RING_CURRENT ? HENGE_RING_JOINING : HENGE_RING_DRAINING);
}

static const char *text_or_empty(const char *text) {
    return text == NULL ? "" : text;
}

/* Those that are members of one of the two rings, into `taken`; returns how many. In the next ring
 * each counts as ACTIVE, which it will be by then: so its fingerprint is the one that will be. */
static size_t take_members(enum henge_ring_which which, const struct henge_ring_member *members,
                           size_t count, struct ring_member *taken) {
    size_t taken_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct henge_ring_member *member = member_at(members, i);
        if (is_member_of(which, member->ring_state)) {
            taken[taken_count++] = (struct ring_member){
                .name = member->name,
                .zone = text_or_empty(member->zone),
                .region = text_or_empty(member->region),
                .role = text_or_empty(member->role),
                .slot = (uint16_t)i,
                .vnodes = member->vnodes,
                .weight = member->weight,
                .ring_state = which == HENGE_RING_NEXT ? (uint8_t)HENGE_RING_ACTIVE
                                                       : (uint8_t)member->ring_state,
                .choices = member->choices,
                .choices_bytes = (uint8_t)member->choices_bytes};
        }
    }
    return taken_count;
}

/* HENGE_INVALID for a name used twice: the ring itself would notice that only where two points
 * stand on one spot. */
static enum henge_status check_names(struct memory *memory, const struct henge_ring_member *members,
                                     size_t count) {
    struct map names;
    if (!map_init(&names, memory, (uint32_t)count, HENGE_MEMORY_RING)) {
        return HENGE_NO_MEMORY;
    }
    enum henge_status status = HENGE_OK;
    for (size_t i = 0; i < count && status == HENGE_OK; i++) {
        const char *name = member_at(members, i)->name;
        /* Should two names have one hash, the later takes the next free key. */
        uint64_t key = hash64_text(name);
        const uint32_t *other = map_find(&names, key);
        while (other != NULL && strcmp(member_at(members, *other)->name, name) != 0) {
            other = map_find(&names, ++key);
        }
        if (other != NULL) {
            status = HENGE_INVALID;
        } else if (!map_set(&names, key, (uint32_t)i)) {
            status = HENGE_NO_MEMORY;
        }
    }
    map_deinit(&names);
    return status;
}

static enum henge_status build_plain(struct memory *memory,
                                     const struct henge_ring_parameters *parameters,
                                     const struct henge_ring_member *members, size_t count,
                                     struct henge_ring **ring_out) {
    enum henge_status status = check_names(memory, members, count);
    if (status != HENGE_OK) {
        return status;
    }
    struct ring_member *taken =
        memory_alloc_array(memory, count, sizeof(*taken), HENGE_MEMORY_RING);
    if (taken == NULL) {
        return HENGE_NO_MEMORY;
    }
    size_t taken_count = take_members(parameters->which, members, count, taken);
    if (taken_count == 0) { /* all are JOINING: somebody has to own the keys */
        taken_count = take_members(HENGE_RING_NEXT, members, count, taken);
    }
    struct ring_parameters inner = {.version = parameters->version};
    memcpy(inner.salt, parameters->salt, sizeof(inner.salt));
    status = ring_build(memory, &inner, taken, taken_count, ring_out);
    memory_release(memory, taken, count * sizeof(*taken), HENGE_MEMORY_RING);
    return status;
}

enum henge_status henge_ring_build(const struct henge_ring_parameters *parameters,
                                   const struct henge_ring_member *members, size_t count,
                                   struct henge_ring **ring_out) {
    static const struct henge_ring_parameters defaults = {.size_bytes = sizeof(defaults)};
    parameters = parameters == NULL ? &defaults : parameters;
    if (parameters->size_bytes < sizeof(*parameters) ||
        (unsigned)parameters->which > HENGE_RING_NEXT || count > SLOT_SEE_POINTS ||
        !are_sound(members, count)) {
        return HENGE_INVALID;
    }
    struct memory *memory = ring_memory_create(parameters->allocator);
    if (memory == NULL) {
        return HENGE_NO_MEMORY;
    }
    struct henge_ring *ring = NULL;
    const enum henge_status status = build_plain(memory, parameters, members, count, &ring);
    if (status != HENGE_OK) {
        ring_memory_destroy(memory);
        return status;
    }
    ring->own_memory = memory;
    *ring_out = ring;
    return HENGE_OK;
}
