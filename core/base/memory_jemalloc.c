/* core/base/memory_jemalloc.c - see henge/jemalloc.h. The only file that names jemalloc.
 *
 * The allocator's context is the number of the arena. No call uses a thread cache: a cached block
 * would outlive the arena it came from. */
#include "henge/jemalloc.h"
#include <jemalloc/jemalloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { CONTROL_NAME_BYTES = 64, FREE_KEPT_MS = 1000 };

static unsigned arena_of(const void *context) {
    return (unsigned)(uintptr_t)context;
}

static int flags_of(const void *context, size_t alignment) {
    return MALLOCX_ARENA(arena_of(context)) | MALLOCX_TCACHE_NONE |
           MALLOCX_LG_ALIGN(__builtin_ctzll(alignment));
}

static void *arena_alloc(void *context, size_t bytes, size_t alignment, enum henge_memory_tag tag) {
    (void)tag;
    return mallocx(bytes, flags_of(context, alignment));
}

static void *arena_resize(void *context, void *block, size_t old_bytes, size_t new_bytes,
                          size_t alignment, enum henge_memory_tag tag) {
    (void)old_bytes;
    (void)tag;
    return rallocx(block, new_bytes, flags_of(context, alignment));
}

static void arena_release(void *context, void *block, size_t bytes, enum henge_memory_tag tag) {
    (void)context;
    (void)bytes; /* without the alignment, which sdallocx would want too */
    (void)tag;
    dallocx(block, MALLOCX_TCACHE_NONE);
}

static bool decay_set(unsigned arena, const char *what, ssize_t ms) {
    char name[CONTROL_NAME_BYTES];
    snprintf(name, sizeof(name), "arena.%u.%s_decay_ms", arena, what);
    return mallctl(name, NULL, NULL, &ms, sizeof(ms)) == 0;
}

enum henge_status henge_jemalloc_create(struct henge_allocator *allocator_out) {
    unsigned arena = 0;
    size_t arena_bytes = sizeof(arena);
    if (mallctl("arenas.create", &arena, &arena_bytes, NULL, 0) != 0) {
        return HENGE_SYSTEM;
    }
    /* What a storm of changes leaves behind goes back soon, all of it: pages that are only marked
     * as free (MADV_FREE) still count as this process's. */
    if (!decay_set(arena, "dirty", FREE_KEPT_MS) || !decay_set(arena, "muzzy", 0)) {
        return HENGE_SYSTEM;
    }
    *allocator_out = (struct henge_allocator){.size_bytes = sizeof(struct henge_allocator),
                                              .context = (void *)(uintptr_t)arena,
                                              .alloc = arena_alloc,
                                              .resize = arena_resize,
                                              .release = arena_release};
    return HENGE_OK;
}

void henge_jemalloc_destroy(struct henge_allocator *allocator) {
    char name[CONTROL_NAME_BYTES];
    snprintf(name, sizeof(name), "arena.%u.destroy", arena_of(allocator->context));
    mallctl(name, NULL, NULL, NULL, 0);
    *allocator = (struct henge_allocator){0};
}

static int read_size(unsigned arena, const char *what, size_t *value_out) {
    char name[CONTROL_NAME_BYTES];
    size_t value_bytes = sizeof(*value_out);
    snprintf(name, sizeof(name), "stats.arenas.%u.%s", arena, what);
    return mallctl(name, value_out, &value_bytes, NULL, 0);
}

enum henge_status henge_jemalloc_stats(const struct henge_allocator *allocator,
                                       size_t *allocated_bytes_out, size_t *mapped_bytes_out) {
    unsigned arena = arena_of(allocator->context);
    uint64_t refresh = 1; /* jemalloc hands out a snapshot, renewed by writing here */
    size_t small = 0, large = 0, mapped = 0;
    if (mallctl("epoch", NULL, NULL, &refresh, sizeof(refresh)) != 0 ||
        read_size(arena, "small.allocated", &small) != 0 ||
        read_size(arena, "large.allocated", &large) != 0 ||
        read_size(arena, "mapped", &mapped) != 0) {
        return HENGE_SYSTEM;
    }
    *allocated_bytes_out = small + large;
    *mapped_bytes_out = mapped;
    return HENGE_OK;
}
