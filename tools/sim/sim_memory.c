/* tools/sim/sim_memory.c - see sim_memory.h. */
#include "tools/sim/sim_memory.h"
#include "core/base/assert.h"
#include "tools/sim/sim.h"
#include <stdio.h>
#include <stdlib.h>

void sim_no_memory(void) {
    fputs("henge-sim: out of memory; that says nothing of the protocol\n", stderr);
    exit(SIM_EXIT_ERROR);
}

static void *there(void *block) {
    if (!block) {
        sim_no_memory();
    }
    return block;
}

void *sim_zeroed(size_t count, size_t bytes) {
    return there(calloc(count, bytes));
}

void *sim_resized(void *block, size_t bytes) {
    return there(realloc(block, bytes));
}

static void *take(void *context, size_t bytes, size_t alignment, enum henge_memory_tag tag) {
    void *block = NULL;
    (void)context;
    (void)tag;
    if (alignment <= _Alignof(max_align_t)) {
        return there(malloc(bytes));
    }
    return there(posix_memalign(&block, alignment, bytes) == 0 ? block : NULL);
}

static void *resize(void *context, void *block, size_t old_bytes, size_t new_bytes,
                    size_t alignment, enum henge_memory_tag tag) {
    (void)context;
    (void)old_bytes;
    (void)tag;
    ASSERT(alignment <= _Alignof(max_align_t)); /* memory.h resizes no others */
    return sim_resized(block, new_bytes);
}

static void release(void *context, void *block, size_t bytes, enum henge_memory_tag tag) {
    (void)context;
    (void)bytes;
    (void)tag;
    free(block);
}

const struct henge_allocator sim_allocator = {
    .size_bytes = sizeof(sim_allocator), .alloc = take, .resize = resize, .release = release};
