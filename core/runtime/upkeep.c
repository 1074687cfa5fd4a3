/* core/runtime/upkeep.c - see upkeep.h. */
#include "core/runtime/upkeep.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/runtime/generation_file.h"
#include "core/runtime/resolve.h"
#include "core/runtime/runtime_internal.h"
#include <stdlib.h>
#include <string.h>

#define UPKEEP_WRITE_NS (2 * NS_PER_S)
#define UPKEEP_RESOLVE_NS (60 * NS_PER_S)

static int compare_addresses(const void *left, const void *right) {
    return memcmp(left, right, sizeof(struct henge_address));
}

/* One set, one hash, in whatever order it comes. */
static uint64_t hash_sorted(struct henge_address *peers, uint32_t count) {
    qsort(peers, count, sizeof(*peers), compare_addresses);
    return hash64(peers, count * sizeof(*peers));
}

static void log_unused(const struct henge_node *node, const char *what, enum henge_status status) {
    log_write(&node->runtime->log, HENGE_LOG_WARN, "%s: '%s/%s.%s' is not used: %s",
              node->config.name, node->config.data_dir, node->config.name, what,
              henge_status_text(status));
}

uint32_t upkeep_load(struct henge_node *node, struct henge_address peers_out[PEERS_FILE_MAX]) {
    const struct henge_config *config = &node->config;
    uint32_t count = 0;
    if (config->data_dir[0] == '\0') {
        return 0;
    }
    enum henge_status status = place_file_read(config->data_dir, config->name, &node->upkeep.place);
    if (status != HENGE_OK) {
        log_unused(node, "place", status);
    }
    status = peers_file_read(config->data_dir, config->name, peers_out, &count);
    if (status != HENGE_OK) {
        log_unused(node, "peers", status);
        return 0;
    }
    node->upkeep.peers_hash = hash_sorted(peers_out, count);
    return count;
}

static bool is_named(const char *seed) {
    struct henge_address address;
    return henge_address_parse(seed, &address) != HENGE_OK;
}

/* The addresses of all configured seeds, if one of them is a name and its time has come. */
static size_t seeds_resolve_again(struct henge_node *node, struct henge_address *addresses,
                                  size_t room) {
    const struct henge_config *config = &node->config;
    uint64_t now_ns = clock_monotonic_ns();
    bool has_name = false;
    size_t found = 0;
    for (size_t index = 0; index < config->seeds_count; index++) {
        has_name |= is_named(config->seeds[index]);
    }
    if (!has_name || now_ns < node->upkeep.resolve_after_ns ||
        atomic_load_explicit(&node->has_other_seeds, memory_order_relaxed) != 0) {
        return 0;
    }
    node->upkeep.resolve_after_ns = now_ns + UPKEEP_RESOLVE_NS;
    for (size_t index = 0; index < config->seeds_count; index++) {
        found += resolve_endpoint(config->seeds[index], &addresses[found], room - found);
    }
    return found;
}

static bool is_place_new(const struct place *place, const struct place *written) {
    return place->is_taken &&
           (!written->is_taken || place->choices_bytes != written->choices_bytes ||
            memcmp(place->choices, written->choices, place->choices_bytes) != 0);
}

static enum henge_status files_write(struct henge_node *node, struct upkeep_answer *answer,
                                     bool is_last) {
    const struct henge_config *config = &node->config;
    struct upkeep *upkeep = &node->upkeep;
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t hash = hash_sorted(answer->peers, answer->peers_count);
    bool has_peers = answer->peers_count > 0 && hash != upkeep->peers_hash;
    if (now_ns < upkeep->write_after_ns && !is_last) {
        return HENGE_OK;
    }
    enum henge_status status = HENGE_OK;
    if (answer->generation > upkeep->generation) {
        status = generation_file_write(config->data_dir, config->name, answer->generation);
        upkeep->generation = status == HENGE_OK ? answer->generation : upkeep->generation;
        upkeep->write_after_ns = now_ns + UPKEEP_WRITE_NS;
    }
    if (status == HENGE_OK && is_place_new(&answer->place, &upkeep->place)) {
        status = place_file_write(config->data_dir, config->name, &answer->place);
        upkeep->place = status == HENGE_OK ? answer->place : upkeep->place;
        upkeep->write_after_ns = now_ns + UPKEEP_WRITE_NS;
    }
    if (has_peers && status == HENGE_OK) {
        status =
            peers_file_write(config->data_dir, config->name, answer->peers, answer->peers_count);
        upkeep->peers_hash = status == HENGE_OK ? hash : upkeep->peers_hash;
        upkeep->write_after_ns = now_ns + UPKEEP_WRITE_NS;
    }
    return status;
}

static enum henge_status upkeep_run(struct henge_node *node, bool is_last) {
    struct control *control = &node->control;
    struct henge_address seeds[HENGE_SEEDS_MAX];
    struct upkeep_answer answer = {.peers_count = 0};
    size_t seeds_count = is_last ? 0 : seeds_resolve_again(node, seeds, HENGE_SEEDS_MAX);
    bool has_files = node->config.data_dir[0] != '\0';
    if (seeds_count == 0 && !has_files) {
        return HENGE_OK;
    }
    enum henge_status status = control_enter(node, CONTROL_MAINTAIN);
    if (status != HENGE_OK) {
        return status;
    }
    memcpy(control->seeds, seeds, seeds_count * sizeof(seeds[0]));
    control->seeds_count = seeds_count;
    control->upkeep = &answer;
    status = control_run(node, TIME_NEVER);
    return status == HENGE_OK && has_files ? files_write(node, &answer, is_last) : status;
}

enum henge_status henge_node_maintain(struct henge_node *node) {
    struct upkeep *upkeep = &node->upkeep;
    if (atomic_exchange_explicit(&upkeep->inside, 1, memory_order_acquire) != 0) {
        return HENGE_BUSY;
    }
    enum henge_status status = upkeep_run(node, false);
    atomic_store_explicit(&upkeep->inside, 0, memory_order_release);
    return status;
}

void upkeep_finish(struct henge_node *node) {
    enum henge_status status = upkeep_run(node, true);
    if (status == HENGE_SYSTEM) {
        log_write(&node->runtime->log, HENGE_LOG_WARN, "%s: data_dir cannot be written",
                  node->config.name);
    }
}
