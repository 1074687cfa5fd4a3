/* core/runtime/reader.c - reader handles: registering, and the wait-free section. */
#include "core/base/clock.h"
#include "core/runtime/runtime_internal.h"
#include <string.h>

#define READ_WAIT_NS (10 * NS_PER_S)
#define READ_LOOK_NS (100 * NS_PER_MS) /* has the runtime stopped? */

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

/* The first reader of a node has it build views, and waits for the first one. */
static enum henge_status view_await(struct henge_node *node) {
    const uint64_t until_ns = clock_monotonic_ns() + READ_WAIT_NS;
    for (;;) {
        uint32_t state = atomic_load_explicit(&node->read_state, memory_order_acquire);
        if (state == READ_DONE) {
            return HENGE_OK;
        }
        if (!atomic_load_explicit(&node->runtime->is_running, memory_order_acquire) ||
            atomic_load_explicit(&node->runtime->stop, memory_order_acquire) != 0) {
            return HENGE_STOPPED;
        }
        if (state == READ_REFUSED) {
            atomic_compare_exchange_strong_explicit(&node->read_state, &state, READ_NEVER,
                                                    memory_order_relaxed, memory_order_relaxed);
            return HENGE_NO_MEMORY;
        }
        if (clock_monotonic_ns() >= until_ns) {
            return HENGE_TIMEOUT;
        }
        if (state == READ_NEVER &&
            atomic_compare_exchange_strong_explicit(&node->read_state, &state, READ_WANTED,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            control_announce(node->runtime);
        }
        futex_wait(&node->read_state, READ_WANTED, READ_LOOK_NS);
    }
}

enum henge_status henge_reader_create(struct henge_node *node, const char *name,
                                      struct henge_reader **reader_out) {
    const enum henge_status status = view_await(node);
    if (status != HENGE_OK) {
        return status;
    }
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
