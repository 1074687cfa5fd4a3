/* core/runtime/stats.c - gathering the counters of the three roles. */
#include "henge/stats.h"
#include "core/base/clock.h"
#include "core/runtime/runtime_internal.h"
#include "core/runtime/subscriptions.h"
#include <string.h>

static void gossip_stats(const struct gossip_node_counters *from, struct henge_stats *to) {
    to->view_number = counter_get(&from->view_number);
    to->ring_version = counter_get(&from->ring_version);
    to->ring_fingerprint = counter_get(&from->ring_fingerprint);
    to->view_fingerprint = counter_get(&from->view_fingerprint);
    to->members_alive = (uint32_t)counter_get(&from->alive);
    to->members_suspect = (uint32_t)counter_get(&from->suspect);
    to->members_dead = (uint32_t)counter_get(&from->dead);
    to->members_left = (uint32_t)counter_get(&from->left);
    to->agreement_permille = (uint32_t)counter_get(&from->agreement_permille);
    to->generation = counter_get(&from->generation);
    to->version = (uint32_t)counter_get(&from->version);
    to->is_joined = (uint32_t)counter_get(&from->is_joined);
    to->is_partitioned = (uint32_t)counter_get(&from->is_partitioned);
    to->has_name_conflict = (uint32_t)counter_get(&from->has_name_conflict);
    to->accusations = counter_get(&from->accusations);
    to->verdicts = counter_get(&from->verdicts);
    to->gossip_updates_sent = counter_get(&from->updates_sent);
    to->gossip_updates_received = counter_get(&from->updates_received);
    to->gossip_updates_news = counter_get(&from->updates_news);
    to->updates_refused = counter_get(&from->updates_refused);
    to->syncs_started = counter_get(&from->syncs_started);
    to->syncs_records_received = counter_get(&from->records_received);
    to->evictions = counter_get(&from->evictions);
    to->leaves_refused = counter_get(&from->leaves_refused);
    to->members_refused = counter_get(&from->members_refused);
    to->views_published = counter_get(&from->views_published);
    to->views_reclaimed = counter_get(&from->views_reclaimed);
    to->views_delayed = counter_get(&from->views_delayed);
    to->rings_refused = counter_get(&from->rings_refused);
    to->rings_put_off = counter_get(&from->rings_put_off);
}

static void detector_stats(const struct detector_node_counters *from, struct henge_stats *to) {
    to->health = (uint32_t)counter_get(&from->health);
    to->probes_sent = counter_get(&from->probes_sent);
    to->probes_failed = counter_get(&from->probes_failed);
    to->probes_indirect = counter_get(&from->probes_indirect);
    to->acks_sent = counter_get(&from->acks_sent);
    to->nacks_received = counter_get(&from->nacks_received);
    to->refutations = counter_get(&from->refutations);
    to->pauses = counter_get(&from->pauses);
    to->strains = counter_get(&from->strains);
    to->probes_streamed = counter_get(&from->streamed);
    to->probes_refused = counter_get(&from->refused);
}

static void io_stats(const struct io_node_counters *from, struct henge_stats *to) {
    to->packets_received = counter_get(&from->packets_received);
    to->packets_sent = counter_get(&from->packets_sent);
    to->bytes_received = counter_get(&from->bytes_received);
    to->bytes_sent = counter_get(&from->bytes_sent);
    to->packets_forged = counter_get(&from->forged);
    to->packets_dropped_quota = counter_get(&from->dropped_quota);
    to->packets_dropped_kernel = counter_get(&from->dropped_kernel);
    to->packets_dropped_send = counter_get(&from->dropped_send);
    to->streams_opened = counter_get(&from->streams_opened);
    to->streams_accepted = counter_get(&from->streams_accepted);
    to->streams_failed = counter_get(&from->streams_failed);
}

/* What nobody holds is reclaimed sooner. */
#define PIN_SHOWN_NS (500 * NS_PER_MS)

/* The oldest view that was replaced and is still held, and the reader that holds it. */
static void section_stats(const struct henge_node *node, struct henge_stats *to) {
    const struct henge_runtime *runtime = node->runtime;
    uint64_t number = counter_get(&node->gossip->counters.oldest_view_number);
    uint64_t retired_ns = counter_get(&node->gossip->counters.oldest_view_retired_ns);
    uint64_t now_ns = clock_monotonic_ns();
    for (uint32_t index = 0; number != 0 && index < runtime->config.readers_max; index++) {
        struct henge_reader *reader = &runtime->readers[index];
        uint64_t held = atomic_load_explicit(&reader->held_view, memory_order_relaxed);
        if (held == 0 || held > number ||
            atomic_load_explicit(&reader->node, memory_order_relaxed) != node) {
            continue;
        }
        uint64_t words[4];
        for (int word = 0; word < 4; word++) {
            words[word] = atomic_load_explicit(&reader->name_words[word], memory_order_relaxed);
        }
        memcpy(to->oldest_section_reader, words, sizeof(to->oldest_section_reader));
        to->oldest_section_reader[sizeof(to->oldest_section_reader) - 1] = '\0';
        to->oldest_section_ms = now_ns > retired_ns ? (now_ns - retired_ns) / NS_PER_MS : 0;
        return;
    }
    if (number != 0 && now_ns > retired_ns + PIN_SHOWN_NS) { /* no section, and not just replaced */
        memcpy(to->oldest_section_reader, "(pinned)", sizeof("(pinned)"));
        to->oldest_section_ms = (now_ns - retired_ns) / NS_PER_MS;
    }
}

static void runtime_stats(const struct henge_runtime *runtime, struct henge_stats *to) {
    for (int tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        to->memory_bytes[tag] = counter_get(&runtime->memory.held_bytes[tag]);
    }
    to->turns_io = counter_get(&runtime->turns[ROLE_IO]);
    to->turns_gossip = counter_get(&runtime->turns[ROLE_GOSSIP]);
    to->turns_detector = counter_get(&runtime->turns[ROLE_DETECTOR]);
    for (uint32_t index = 0; index < runtime->threads_count; index++) {
        to->wakes += counter_get(&runtime->threads[index].waker.wakes);
    }
}

enum henge_status henge_stats_get(const struct henge_node *node, struct henge_stats *stats_out) {
    struct henge_stats all;
    size_t size_bytes = stats_out->size_bytes;
    if (size_bytes < sizeof(size_bytes) || size_bytes > sizeof(all)) {
        return HENGE_INVALID;
    }
    memset(&all, 0, sizeof(all));
    all.size_bytes = size_bytes;
    gossip_stats(&node->gossip->counters, &all);
    detector_stats(&node->detector->counters, &all);
    io_stats(&node->io, &all);
    all.packets_malformed = counter_get(&node->gossip->counters.malformed) +
                            counter_get(&node->detector->counters.malformed) +
                            counter_get(&node->io.unknown_lane);
    all.packets_misdirected = counter_get(&node->gossip->counters.misdirected) +
                              counter_get(&node->detector->counters.misdirected);
    all.events_lost = counter_get(&node->subscriptions->lost);
    section_stats(node, &all);
    runtime_stats(node->runtime, &all);
    memcpy(stats_out, &all, size_bytes);
    return HENGE_OK;
}
