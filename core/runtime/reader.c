/* core/runtime/reader.c - reader handles: registering, and the wait-free section. */
#include "core/runtime/runtime_internal.h"
#include <string.h>

static void name_store(struct henge_reader *reader, const char *name) {
    uint64_t words[4] = {0};
    if (name) {
        size_t bytes = strlen(name);
        memcpy(words, name, bytes < sizeof(words) - 1 ? bytes : sizeof(words) - 1);
    }
    for (int index = 0; index < 4; index++) {
        atomic_store_explicit(&reader->name_words[index], words[index], memory_order_relaxed);
    }
}

static struct henge_reader *reader_take(struct henge_runtime *runtime) {
    for (uint32_t index = 0; index < runtime->config.readers_max; index++) {
        struct henge_reader *reader = &runtime->readers[index];
        if (atomic_exchange_explicit(&reader->in_use, 1, memory_order_acquire) == 0) {
            return reader;
        }
    }
    return NULL;
}

enum henge_status henge_reader_create(struct henge_node *node, const char *name,
                                      struct henge_reader **reader_out) {
    struct henge_reader *reader = reader_take(node->runtime);
    if (!reader) {
        return HENGE_FULL;
    }
    reader->epoch = epoch_reader_create(node->runtime->epochs);
    if (!reader->epoch) {
        atomic_store_explicit(&reader->in_use, 0, memory_order_release);
        return HENGE_NO_MEMORY;
    }
    atomic_store_explicit(&reader->node, node, memory_order_relaxed);
    reader->gossip = node->gossip;
    name_store(reader, name);
    *reader_out = reader;
    return HENGE_OK;
}

void henge_reader_destroy(struct henge_reader *reader) {
    epoch_reader_destroy(reader->epoch);
    atomic_store_explicit(&reader->in_use, 0, memory_order_release);
}

void henge_reader_begin(struct henge_reader *reader, const struct henge_view **view_out) {
    epoch_begin(reader->epoch);
    /* Pairs with the release store in view_publish (node/gossip_view.c). */
    const struct henge_view *view =
        atomic_load_explicit(&reader->gossip->view, memory_order_acquire);
    atomic_store_explicit(&reader->held_view, view->number, memory_order_relaxed);
    *view_out = view;
}

void henge_reader_end(struct henge_reader *reader) {
    atomic_store_explicit(&reader->held_view, 0, memory_order_relaxed);
    epoch_end(reader->epoch);
}
