/* core/runtime/node.c - the public functions of henge/node.h. */
#include "henge/node.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/runtime/generation_file.h"
#include "core/runtime/node/own_record.h"
#include "core/runtime/node_internal.h"
#include "core/runtime/resolve.h"
#include "core/runtime/subscriptions.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A seed that is silent is resolved and asked again after this long. */
enum { JOIN_TRY_MS = 3000 };

static bool is_wildcard(const struct henge_address *address) {
    static const uint8_t zeros[16];
    return memcmp(address->bytes, zeros, sizeof(zeros)) == 0;
}

/* What others are told: the advertised address, or the bound one. Port 0 takes the bound port. */
static enum henge_status advertised_choose(struct henge_node *node, char *reason, size_t room) {
    const char *advertise = node->config.advertise;
    node->address = node->bound;
    if (advertise[0] != '\0') {
        if (resolve_endpoint(advertise, &node->address, 1) != 1) {
            snprintf(reason, room, "advertise: '%s' cannot be resolved", advertise);
            return HENGE_INVALID;
        }
        if (node->address.port == 0) {
            node->address.port = node->bound.port;
        }
    }
    if (is_wildcard(&node->address)) {
        snprintf(reason, room, "advertise: needed when bind is a wildcard address");
        return HENGE_INVALID;
    }
    return HENGE_OK;
}

static enum henge_status generation_choose(struct henge_node *node, char *reason, size_t room) {
    const struct henge_config *config = &node->config;
    node->generation_floor = clock_wall_ms();
    if (config->data_dir[0] == '\0') {
        return HENGE_OK;
    }
    uint64_t before;
    enum henge_status status = generation_file_read(config->data_dir, config->name, &before);
    if (status == HENGE_OK) {
        if (node->generation_floor <= before) {
            node->generation_floor = before + 1;
        }
        status = generation_file_write(config->data_dir, config->name, node->generation_floor);
        node->upkeep.generation = node->generation_floor;
    }
    if (status != HENGE_OK) {
        snprintf(reason, room, "data_dir: '%s/%s.generation': %s", config->data_dir, config->name,
                 henge_status_text(status));
    }
    return status;
}

static bool id_take(struct henge_node *node) {
    struct henge_runtime *runtime = node->runtime;
    for (uint32_t id = 0; id < runtime->limits.nodes; id++) {
        struct henge_node *none = NULL;
        node->id = id;
        if (atomic_compare_exchange_strong_explicit(&runtime->nodes[id], &none, node,
                                                    memory_order_acq_rel, memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

void node_free(struct henge_node *node) {
    struct memory *memory = &node->runtime->memory;
    memory_release(memory, node->subscriptions, sizeof(*node->subscriptions), HENGE_MEMORY_EVENT);
    overlay_deinit(&node->overlay, memory);
    memory_release(memory, node, sizeof(*node), HENGE_MEMORY_CORE);
}

static enum henge_status node_allocate(struct henge_runtime *runtime,
                                       const struct henge_config *config,
                                       struct henge_node **node_out) {
    struct memory *memory = &runtime->memory;
    struct henge_node *node = memory_alloc_zeroed(memory, sizeof(*node), HENGE_MEMORY_CORE);
    if (!node) {
        return HENGE_NO_MEMORY;
    }
    node->runtime = runtime;
    node->config = *config;
    node->subscriptions =
        memory_alloc_zeroed(memory, sizeof(*node->subscriptions), HENGE_MEMORY_EVENT);
    if (!node->subscriptions || !overlay_init(&node->overlay, memory, config->members_max)) {
        node_free(node);
        return HENGE_NO_MEMORY;
    }
    *node_out = node;
    return HENGE_OK;
}

static enum henge_status node_prepare(struct henge_node *node, char *reason, size_t room) {
    struct henge_address bind;
    struct record_fields fields;
    if (henge_address_parse(node->config.bind, &bind) != HENGE_OK) {
        snprintf(reason, room, "bind: '%s' is not a numeric ADDR:PORT", node->config.bind);
        return HENGE_INVALID;
    }
    if (own_record_fields(&node->config, &fields) != HENGE_OK) {
        snprintf(reason, room, "meta: not key=value lines within the limits");
        return HENGE_INVALID;
    }
    enum henge_status status = generation_choose(node, reason, room);
    if (status != HENGE_OK) {
        return status;
    }
    status = seal_sender_init(&node->sender);
    node->random_seed = hash64_pair(node->config.random_seed, hash64_text(node->config.name));
    if (node->config.random_seed == 0 &&
        !random_from_system(&node->random_seed, sizeof(node->random_seed))) {
        status = HENGE_SYSTEM;
    }
    if (status != HENGE_OK) {
        snprintf(reason, room, "no random bytes from the operating system");
        return status;
    }
    return endpoint_open(node->runtime->transport, &bind, &node->endpoint, &node->bound, reason,
                         room);
}

static enum henge_status node_attach(struct henge_node *node, char *reason, size_t room) {
    enum henge_status status = control_enter(node, CONTROL_ATTACH);
    if (status == HENGE_OK) {
        status = control_run(node, TIME_NEVER);
    }
    if (status != HENGE_OK) {
        snprintf(reason, room, "the node cannot start: %s", henge_status_text(status));
    }
    return status;
}

/* With the sockets open; closes them again if it fails. */
static enum henge_status node_start(struct henge_node *node, char *reason, size_t room) {
    struct henge_address former[PEERS_FILE_MAX];
    enum henge_status status = advertised_choose(node, reason, room);
    node->former_count = upkeep_load(node, former);
    node->former = former;
    if (status == HENGE_OK) {
        status = node_attach(node, reason, room);
    }
    node->former = NULL;
    if (status != HENGE_OK) {
        endpoint_discard(node->runtime->transport, node->endpoint);
    }
    return status;
}

enum henge_status henge_node_create(struct henge_runtime *runtime,
                                    const struct henge_config *config, struct henge_node **node_out,
                                    char *reason_out, size_t reason_bytes) {
    char own_reason[HENGE_REASON_BYTES];
    char *reason = reason_out && reason_bytes > 0 ? reason_out : own_reason;
    size_t room = reason == reason_out ? reason_bytes : sizeof(own_reason);
    struct henge_node *node = NULL;
    reason[0] = '\0';
    enum henge_status status = henge_config_validate(config, reason, room);
    if (status != HENGE_OK) {
        return status;
    }
    if (atomic_load_explicit(&runtime->is_running, memory_order_acquire) == 0) {
        snprintf(reason, room, "the runtime is not started");
        return HENGE_STOPPED;
    }
    status = node_allocate(runtime, config, &node);
    if (status != HENGE_OK) {
        return status;
    }
    if (!id_take(node)) {
        snprintf(reason, room, "nodes_max: this runtime has %u nodes already",
                 runtime->limits.nodes);
        node_free(node);
        return HENGE_FULL;
    }
    status = node_prepare(node, reason, room);
    if (status == HENGE_OK) {
        status = node_start(node, reason, room);
    }
    if (status != HENGE_OK) {
        atomic_store_explicit(&runtime->nodes[node->id], NULL, memory_order_release);
        node_free(node);
        return status;
    }
    *node_out = node;
    return HENGE_OK;
}

static size_t seeds_resolve(struct henge_node *node, const char *const *seeds, size_t count) {
    struct control *control = &node->control;
    size_t found = 0;
    for (size_t index = 0; index < count; index++) {
        size_t more =
            resolve_endpoint(seeds[index], &control->seeds[found], HENGE_SEEDS_MAX - found);
        if (more == 0) {
            log_write(&node->runtime->log, HENGE_LOG_WARN, "%s: seed '%s' cannot be resolved",
                      node->config.name, seeds[index]);
        }
        found += more;
    }
    return found;
}

static enum henge_status join_once(struct henge_node *node, const char *const *seeds, size_t count,
                                   uint64_t until_ns) {
    enum henge_status status = control_enter(node, CONTROL_JOIN);
    if (status != HENGE_OK) {
        return status;
    }
    node->control.seeds_count = seeds_resolve(node, seeds, count);
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    uint64_t try_ns = JOIN_TRY_MS * NS_PER_MS;
    wait_ns = wait_ns < try_ns ? wait_ns : try_ns;
    if (node->control.seeds_count > 0) {
        return control_run(node, wait_ns);
    }
    control_cancel(node);
    if (wait_ns > 0) {
        usleep((useconds_t)((wait_ns < NS_PER_S ? wait_ns : NS_PER_S) / NS_PER_US));
    }
    return HENGE_TIMEOUT;
}

enum henge_status henge_node_join(struct henge_node *node, const char *const *seeds, size_t count,
                                  unsigned timeout_ms) {
    const char *own[HENGE_SEEDS_MAX];
    if (count == 0) {
        count = node->config.seeds_count;
        for (size_t index = 0; index < count; index++) {
            own[index] = node->config.seeds[index];
        }
        seeds = own;
    }
    if (count == 0 || count > HENGE_SEEDS_MAX) {
        return HENGE_INVALID;
    }
    atomic_store_explicit(&node->has_other_seeds, seeds != own, memory_order_relaxed);
    uint64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    enum henge_status status;
    do {
        status = join_once(node, seeds, count, until_ns);
    } while (status == HENGE_TIMEOUT && clock_monotonic_ns() < until_ns);
    return status;
}

enum henge_status henge_node_leave(struct henge_node *node, unsigned timeout_ms) {
    enum henge_status status = control_enter(node, CONTROL_LEAVE);
    if (status != HENGE_OK) {
        return status;
    }
    uint64_t timeout_ns = timeout_ms * NS_PER_MS;
    node->control.deadline_ns = clock_monotonic_ns() + timeout_ns;
    return control_run(node, timeout_ns + NS_PER_S);
}

void henge_node_destroy(struct henge_node *node) {
    struct henge_runtime *runtime = node->runtime;
    enum henge_status status;
    upkeep_finish(node);
    while ((status = control_enter(node, CONTROL_DETACH)) == HENGE_BUSY) {
        usleep(1000); /* another thread's control call is finite */
    }
    if (status == HENGE_OK) {
        status = control_run(node, TIME_NEVER);
    }
    if (status == HENGE_OK) {
        atomic_store_explicit(&runtime->nodes[node->id], NULL, memory_order_release);
        node_free(node);
    } /* otherwise the runtime has stopped: it frees what is left */
}

enum henge_status henge_node_set_metadata(struct henge_node *node, const char *key,
                                          const char *value) {
    struct control *control = &node->control;
    if (!key || strlen(key) >= sizeof(control->key)) {
        return HENGE_INVALID;
    }
    if (value && strlen(value) >= sizeof(control->value)) {
        return HENGE_FULL;
    }
    enum henge_status status = control_enter(node, CONTROL_SET_PAIR);
    if (status != HENGE_OK) {
        return status;
    }
    snprintf(control->key, sizeof(control->key), "%s", key);
    snprintf(control->value, sizeof(control->value), "%s", value ? value : "");
    control->has_value = value != NULL;
    return control_run(node, TIME_NEVER);
}

enum henge_status henge_node_set_weight(struct henge_node *node, unsigned weight) {
    if (weight > 100) {
        return HENGE_INVALID;
    }
    enum henge_status status = control_enter(node, CONTROL_SET_WEIGHT);
    if (status != HENGE_OK) {
        return status;
    }
    node->control.weight = weight;
    return control_run(node, TIME_NEVER);
}

enum henge_status henge_node_set_ring_state(struct henge_node *node, enum henge_ring_state state) {
    if ((uint32_t)state > HENGE_RING_DRAINING) {
        return HENGE_INVALID;
    }
    enum henge_status status = control_enter(node, CONTROL_SET_RING_STATE);
    if (status != HENGE_OK) {
        return status;
    }
    node->control.ring_state = (uint32_t)state;
    return control_run(node, TIME_NEVER);
}

enum henge_status henge_node_evict(struct henge_node *node, const char *name) {
    struct control *control = &node->control;
    if (!name || strlen(name) >= HENGE_NAME_BYTES || strcmp(name, node->config.name) == 0) {
        return HENGE_INVALID;
    }
    enum henge_status status = control_enter(node, CONTROL_EVICT);
    if (status != HENGE_OK) {
        return status;
    }
    snprintf(control->key, sizeof(control->key), "%s", name);
    return control_run(node, TIME_NEVER);
}

const char *henge_node_name(const struct henge_node *node) {
    return node->config.name;
}

struct henge_address henge_node_address(const struct henge_node *node) {
    return node->address;
}

struct henge_runtime *henge_node_runtime(const struct henge_node *node) {
    return node->runtime;
}
