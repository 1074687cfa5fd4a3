/* tests/stress/stress_view.c - two reader threads look keys up while members come and go.
 *
 * A real runtime over the memory transport: one node that stays, and one thread that makes others
 * join and go, as fast as it can, for a fixed number of rounds; each round changes the ring several
 * times. Readers must always get an owner that is a member of the very view they hold, and the same
 * one at the end of the section: tables are brought up to date and published again, and a ring that
 * is still read must not be among them.
 *
 * Released memory is filled with 0xDD and kept a while, so a view that is freed too early shows up
 * as torn contents in any build, not only under ASan. `--plant-early-free` lets the readers read
 * without a section: the test of the test, it must report torn views. */
#include "core/runtime/runtime_internal.h"
#include "tests/support/nodes.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { READERS = 2, ROUNDS = 150, HELD_BLOCKS = 8192, LOOKUPS = 8, POISON = 0xdd };

static _Atomic bool is_over;
static bool plant_early_free;
static _Atomic uint64_t lookups, failures, torn;

/* The allocator: malloc, with poisoned blocks that stay mapped for HELD_BLOCKS further releases. */
static void *_Atomic held[HELD_BLOCKS];
static _Atomic uint64_t released;

static void *poison_alloc(void *context, size_t bytes, size_t alignment,
                          enum henge_memory_tag tag) {
    (void)context;
    (void)tag;
    size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    return aligned_alloc(alignment < 16 ? 16 : alignment, (rounded + 15) / 16 * 16);
}

static void poison_release(void *context, void *block, size_t bytes, enum henge_memory_tag tag) {
    (void)context;
    (void)tag;
    memset(block, POISON, bytes);
    uint64_t place = atomic_fetch_add(&released, 1) % HELD_BLOCKS;
    free(atomic_exchange(&held[place], block));
}

static void *poison_resize(void *context, void *block, size_t old_bytes, size_t new_bytes,
                           size_t alignment, enum henge_memory_tag tag) {
    void *moved = poison_alloc(context, new_bytes, alignment, tag);
    if (moved && block) {
        memcpy(moved, block, old_bytes < new_bytes ? old_bytes : new_bytes);
        poison_release(context, block, old_bytes, tag);
    }
    return moved;
}

static bool view_is_torn(const struct henge_view *view) {
    uint64_t poison;
    memset(&poison, POISON, sizeof(poison));
    return view->number == poison || view->count > 1000;
}

static uint32_t look_up(const struct henge_view *view, uint64_t key) {
    uint64_t hash = henge_ring_hash(&key, sizeof(key));
    struct henge_member member;
    struct henge_route route;
    uint32_t slot = henge_ring_owner_hash(henge_view_ring(view, HENGE_RING_CURRENT), hash);
    bool is_good = slot != HENGE_NO_SLOT &&
                   henge_members_by_slot(view, slot, &member) == HENGE_OK && member.name[0] == 'm';
    is_good =
        is_good &&
        henge_ring_owners(henge_view_ring(view, HENGE_RING_CURRENT), hash, 3, &route) == HENGE_OK &&
        route.owners[0].slot == slot;
    atomic_fetch_add_explicit(&lookups, 1, memory_order_relaxed);
    if (!is_good) {
        atomic_fetch_add_explicit(&failures, 1, memory_order_relaxed);
    }
    return slot;
}

static void look_up_twice(const struct henge_view *view, uint64_t key) {
    uint32_t slots[LOOKUPS];
    const uint64_t fingerprint = henge_ring_fingerprint(henge_view_ring(view, HENGE_RING_CURRENT));
    for (uint64_t lookup = 0; lookup < LOOKUPS; lookup++) {
        slots[lookup] = look_up(view, key + lookup);
    }
    bool is_same = henge_ring_fingerprint(henge_view_ring(view, HENGE_RING_CURRENT)) == fingerprint;
    for (uint64_t lookup = 0; lookup < LOOKUPS; lookup++) {
        is_same = look_up(view, key + lookup) == slots[lookup] && is_same;
    }
    if (!is_same) {
        atomic_fetch_add_explicit(&failures, 1, memory_order_relaxed);
    }
}

/* Without a section: holds the pointer while the writer publishes and retires. */
static void *read_without_section(void *argument) {
    struct henge_node *node = argument;
    struct henge_reader *reader; /* views are built for whom somebody reads */
    if (henge_reader_create(node, "planted", &reader) != HENGE_OK) {
        abort();
    }
    while (!atomic_load(&is_over)) {
        struct henge_view *view = atomic_load_explicit(&node->gossip->view, memory_order_acquire);
        nodes_sleep_ms(15);
        if (view_is_torn(view)) {
            atomic_fetch_add(&torn, 1);
        }
    }
    henge_reader_destroy(reader);
    return NULL;
}

static void *read_in_sections(void *argument) {
    struct henge_node *node = argument;
    struct henge_reader *reader;
    const struct henge_view *view;
    uint64_t key = 0;
    if (henge_reader_create(node, "stress", &reader) != HENGE_OK) {
        abort();
    }
    while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
        henge_reader_begin(reader, &view);
        look_up_twice(view, key);
        key += LOOKUPS;
        if (view_is_torn(view)) {
            atomic_fetch_add(&torn, 1);
        }
        henge_reader_end(reader);
    }
    henge_reader_destroy(reader);
    return NULL;
}

/* The others may be down and not found out yet: nobody hears it then. */
static bool has_left(struct henge_node *node) {
    enum henge_status status = henge_node_leave(node, 20);
    return status == HENGE_OK || status == HENGE_TIMEOUT;
}

static void churn(struct henge_runtime *runtime, const struct henge_config *config,
                  struct henge_node *stays) {
    for (int round = 0; round < ROUNDS; round++) {
        char name[16];
        snprintf(name, sizeof(name), "m%d", round % 5 + 1);
        struct henge_node *node = nodes_start(runtime, config, name, stays);
        if (henge_node_set_weight(stays, (unsigned)(round % 3 + 1)) != HENGE_OK ||
            (round % 2 == 0 && !has_left(node))) {
            abort();
        }
        henge_node_destroy(node);
    }
}

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    plant_early_free = count > 1 && strcmp(arguments[1], "--plant-early-free") == 0;
    struct henge_allocator allocator = {.size_bytes = sizeof(allocator),
                                        .alloc = poison_alloc,
                                        .resize = poison_resize,
                                        .release = poison_release};
    struct henge_runtime_options options = {.size_bytes = sizeof(options), .allocator = &allocator};
    struct henge_config config = nodes_config("m0", 3);
    char reason[HENGE_REASON_BYTES] = "";
    struct henge_runtime *runtime;
    pthread_t readers[READERS];
    config.publish_window_ms = 1;
    config.publish_window_max_ms = 1;
    if (henge_runtime_create(&config, &options, &runtime, reason, sizeof(reason)) != HENGE_OK ||
        henge_runtime_start(runtime) != HENGE_OK) {
        fprintf(stderr, "FAILED: %s\n", reason);
        return 1;
    }
    struct henge_node *stays = nodes_start(runtime, &config, "m0", NULL);
    for (int index = 0; index < READERS; index++) {
        pthread_create(&readers[index], NULL,
                       plant_early_free ? read_without_section : read_in_sections, stays);
    }
    double started = seconds();
    churn(runtime, &config, stays);
    double took = seconds() - started;
    atomic_store(&is_over, true);
    for (int index = 0; index < READERS; index++) {
        pthread_join(readers[index], NULL);
    }
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    if (henge_stats_get(stays, &stats) != HENGE_OK) {
        return 1;
    }
    printf("%d joins and as many ends in %.1f s (%.0f changes/s), %llu views, %llu rings, "
           "%llu lookups, %llu failed, %llu torn\n",
           ROUNDS, took, 2 * ROUNDS / took, (unsigned long long)stats.views_published,
           (unsigned long long)stats.ring_version, (unsigned long long)lookups,
           (unsigned long long)failures, (unsigned long long)torn);
    henge_runtime_destroy(runtime);
    for (int place = 0; place < HELD_BLOCKS; place++) {
        free(held[place]);
    }
    if (failures > 0 || torn > 0 || (lookups == 0 && !plant_early_free)) {
        printf("FAILED: %llu lookups, %llu torn views\n", (unsigned long long)failures,
               (unsigned long long)torn);
        return 1;
    }
    return 0;
}
