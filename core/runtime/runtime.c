/* core/runtime/runtime.c - making, starting, stopping and freeing a runtime. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/runtime/detector_role.h"
#include "core/runtime/gossip_role.h"
#include "core/runtime/io_role.h"
#include "core/runtime/node_internal.h"
#include "core/runtime/thread.h"
#include "io/stream.h"
#include "membership/detector/identities.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FEED_CAPACITY = 1024 /* gossip <-> detector: state, offered again when full */ };

/* The largest number of messages that can be under way, by their kinds; a push never finds the
 * queue full where an ASSERT says so. */
static bool queues_create(struct henge_runtime *runtime) {
    struct role_queues *queues = &runtime->queues;
    const struct runtime_limits *limits = &runtime->limits;
    struct memory *memory = &runtime->memory;
    const uint32_t word = sizeof(struct buffer *);
    const uint32_t line = sizeof(struct role_message);
    uint32_t gossip_quota = limits->received_quota[BUFFER_HOLDER_GOSSIP];
    uint32_t detector_quota = limits->received_quota[BUFFER_HOLDER_DETECTOR];
    uint32_t gossip_received = gossip_quota + limits->frames_quota[BUFFER_HOLDER_GOSSIP];
    uint32_t detector_received = detector_quota + limits->frames_quota[BUFFER_HOLDER_DETECTOR];
    /* SCRIPT_DONE, STREAM_ENDED per stream and per refused request */
    uint32_t of_streams = 4 * limits->streams + 2 * limits->sends;
    /* packets, frames + of streams + ATTACHED, DETACHED per node + HORIZON */
    uint32_t to_gossip = gossip_received + of_streams + 2 * limits->nodes + 2;
    /* packets, frames + of streams + HORIZON + REFUSED */
    uint32_t to_detector = detector_received + of_streams + 2 + IO_REFUSALS_MAX;
    /* SEND + STREAM_REQUEST, STREAM_ANSWER (as many again as sends, see desk.c) + FLUSH */
    uint32_t from_gossip = 2 * limits->sends + 4;
    /* the same + ATTACH, DETACH */
    uint32_t from_detector = from_gossip + 2 * limits->nodes;
    queues->io_to_gossip = queue_create(memory, limits_power_of_two(to_gossip + 1), line);
    queues->io_to_detector = queue_create(memory, limits_power_of_two(to_detector + 1), line);
    queues->gossip_to_io = queue_create(memory, limits_power_of_two(from_gossip + 1), line);
    queues->detector_to_io = queue_create(memory, limits_power_of_two(from_detector + 1), line);
    queues->gossip_to_detector = queue_create(memory, FEED_CAPACITY, line);
    queues->detector_to_gossip = queue_create(memory, FEED_CAPACITY, line);
    queues->gossip_returns = queue_create(memory, limits_power_of_two(gossip_received + 1), word);
    queues->detector_returns =
        queue_create(memory, limits_power_of_two(detector_received + 1), word);
    queues->gossip_sent = queue_create(memory, limits_power_of_two(limits->sends + 1), word);
    queues->detector_sent = queue_create(memory, limits_power_of_two(limits->sends + 1), word);
    return queues->io_to_gossip && queues->io_to_detector && queues->gossip_to_io &&
           queues->detector_to_io && queues->gossip_to_detector && queues->detector_to_gossip &&
           queues->gossip_returns && queues->detector_returns && queues->gossip_sent &&
           queues->detector_sent;
}

static void queues_destroy(struct role_queues *queues) {
    struct queue *all[] = {queues->io_to_gossip,       queues->io_to_detector,
                           queues->gossip_to_io,       queues->detector_to_io,
                           queues->gossip_to_detector, queues->detector_to_gossip,
                           queues->gossip_returns,     queues->detector_returns,
                           queues->gossip_sent,        queues->detector_sent};
    for (size_t index = 0; index < sizeof(all) / sizeof(all[0]); index++) {
        if (all[index]) {
            queue_destroy(all[index]);
        }
    }
}

static enum henge_status transport_open(struct henge_runtime *runtime) {
    struct transport_settings settings = {.kind = runtime->config.transport,
                                          .endpoints_max = runtime->limits.nodes,
                                          .streams_max = runtime->limits.streams,
                                          .receive_buffers = runtime->limits.received,
                                          .sends_max = 2 * runtime->limits.sends,
                                          .log = &runtime->log};
    return transport_create(&settings, &runtime->memory, &runtime->transport,
                            runtime->transport_reason, sizeof(runtime->transport_reason));
}

static enum henge_status roles_create(struct henge_runtime *runtime) {
    runtime->nodes = memory_alloc_array(&runtime->memory, runtime->limits.nodes,
                                        sizeof(*runtime->nodes), HENGE_MEMORY_CORE);
    runtime->readers = memory_alloc_aligned(&runtime->memory,
                                            runtime->config.readers_max * sizeof(*runtime->readers),
                                            _Alignof(struct henge_reader), HENGE_MEMORY_CORE);
    runtime->epochs = epoch_domain_create(&runtime->memory, runtime->config.readers_max);
    runtime->store = record_store_create(&runtime->memory);
    uint64_t secrets[2];
    if (!random_from_system(secrets, sizeof(secrets))) {
        return HENGE_SYSTEM;
    }
    runtime->identities = identities_create(&runtime->memory, secrets[0]);
    runtime->rings = ring_house_create(&runtime->memory, secrets[1]);
    if (runtime->rings) {
        runtime->rings->has_budget = true;
    }
    if (!runtime->nodes || !runtime->readers || !runtime->epochs || !runtime->store ||
        !runtime->identities || !runtime->rings || !queues_create(runtime)) {
        return HENGE_NO_MEMORY;
    }
    memset((void *)runtime->readers, 0, runtime->config.readers_max * sizeof(*runtime->readers));
    runtime->io = io_role_create(runtime);
    runtime->gossip = gossip_role_create(runtime);
    runtime->detector = detector_role_create(runtime);
    return runtime->io && runtime->gossip && runtime->detector ? HENGE_OK : HENGE_NO_MEMORY;
}

static enum henge_status parts_create(struct henge_runtime *runtime) {
    const struct henge_config *config = &runtime->config;
    bool is_keyed = config->has_key && !config->insecure;
    enum henge_status status =
        seal_keyring_init(&runtime->keyring, is_keyed ? config->key : NULL, config->label);
    if (status != HENGE_OK) {
        snprintf(runtime->transport_reason, sizeof(runtime->transport_reason),
                 "libsodium cannot start");
        return status;
    }
    runtime->limits = limits_of(&runtime->config);
    status = transport_open(runtime);
    if (status != HENGE_OK) {
        return status;
    }
    status = roles_create(runtime);
    if (status != HENGE_OK) {
        return status;
    }
    status = threads_plan(runtime);
    if (status != HENGE_OK) {
        snprintf(runtime->transport_reason, sizeof(runtime->transport_reason),
                 "affinity: '%s' names a CPU that this process may not use", config->affinity);
    }
    return status;
}

static void options_take(struct henge_runtime *runtime,
                         const struct henge_runtime_options *options) {
    memory_init(&runtime->memory, options ? options->allocator : NULL);
    if (options && options->log) {
        runtime->log = *options->log;
    }
    if (options && options->thread_hooks) {
        runtime->thread_hooks = *options->thread_hooks;
    }
}

enum henge_status henge_runtime_create(const struct henge_config *config,
                                       const struct henge_runtime_options *options,
                                       struct henge_runtime **runtime_out, char *reason_out,
                                       size_t reason_bytes) {
    char own_reason[HENGE_REASON_BYTES];
    char *reason = reason_out && reason_bytes > 0 ? reason_out : own_reason;
    size_t room = reason == reason_out ? reason_bytes : sizeof(own_reason);
    reason[0] = '\0';
    enum henge_status status = henge_config_validate(config, reason, room);
    if (status != HENGE_OK) {
        return status;
    }
    struct memory first;
    memory_init(&first, options ? options->allocator : NULL);
    struct henge_runtime *runtime = memory_alloc_aligned(
        &first, sizeof(*runtime), _Alignof(struct henge_runtime), HENGE_MEMORY_CORE);
    if (!runtime) {
        return HENGE_NO_MEMORY;
    }
    memset((void *)runtime, 0, sizeof(*runtime));
    runtime->config = *config;
    options_take(runtime, options);
    status = parts_create(runtime);
    if (status != HENGE_OK) {
        snprintf(reason, room, "%s",
                 runtime->transport_reason[0] ? runtime->transport_reason
                                              : henge_status_text(status));
        log_write(&runtime->log, HENGE_LOG_ERROR, "runtime: %s", reason);
        henge_runtime_destroy(runtime);
        return status;
    }
    if (runtime->transport_reason[0]) {
        log_write(&runtime->log, HENGE_LOG_WARN, "transport %s: %s",
                  transport_name(runtime->transport), runtime->transport_reason);
    }
    *runtime_out = runtime;
    return HENGE_OK;
}

enum henge_status henge_runtime_start(struct henge_runtime *runtime) {
    if (atomic_load_explicit(&runtime->is_running, memory_order_acquire) != 0 ||
        atomic_load_explicit(&runtime->stop, memory_order_acquire) != 0) {
        return HENGE_INVALID;
    }
    enum henge_status status = threads_start(runtime);
    if (status == HENGE_OK) {
        atomic_store_explicit(&runtime->is_running, 1, memory_order_release);
    }
    return status;
}

void henge_runtime_stop(struct henge_runtime *runtime) {
    threads_stop(runtime);
    atomic_store_explicit(&runtime->is_running, 0, memory_order_release);
}

static void nodes_free(struct henge_runtime *runtime) {
    for (uint32_t id = 0; runtime->nodes && id < runtime->limits.nodes; id++) {
        struct henge_node *node = atomic_load_explicit(&runtime->nodes[id], memory_order_acquire);
        if (node) {
            node_halves_destroy(node);
            node_free(node);
        }
    }
}

void henge_runtime_destroy(struct henge_runtime *runtime) {
    struct memory *memory = &runtime->memory;
    henge_runtime_stop(runtime);
    if (runtime->epochs) {
        epoch_domain_destroy(runtime->epochs); /* releases every retired view */
    }
    nodes_free(runtime);
    if (runtime->detector) {
        detector_role_destroy(runtime->detector);
    }
    if (runtime->gossip) {
        gossip_role_destroy(runtime->gossip);
    }
    if (runtime->io) {
        io_role_destroy(runtime->io);
    }
    if (runtime->transport) {
        transport_destroy(runtime->transport);
    }
    queues_destroy(&runtime->queues);
    if (runtime->store) {
        record_store_destroy(runtime->store);
    }
    ring_house_destroy(runtime->rings);
    identities_destroy(runtime->identities);
    memory_release(memory, (void *)runtime->readers,
                   runtime->config.readers_max * sizeof(*runtime->readers), HENGE_MEMORY_CORE);
    memory_release(memory, (void *)runtime->nodes, runtime->limits.nodes * sizeof(*runtime->nodes),
                   HENGE_MEMORY_CORE);
    seal_keyring_wipe(&runtime->keyring);
    struct memory last;
    memory_init(&last, &memory->allocator);
    memory_release(&last, (void *)runtime, sizeof(*runtime), HENGE_MEMORY_CORE);
}

const char *henge_runtime_transport(const struct henge_runtime *runtime) {
    return transport_name(runtime->transport);
}

const char *henge_runtime_transport_reason(const struct henge_runtime *runtime) {
    return runtime->transport_reason;
}

const char *henge_version_text(void) {
    return "0.1.0";
}

unsigned henge_abi_version(void) {
    return 0;
}
