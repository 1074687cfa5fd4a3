/* tools/sim/sim.c - making a simulation, running it, looking at it. */
#include "tools/sim/sim.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/runtime/node/own_record.h"
#include "membership/detector/identities.h"
#include "membership/state.h"
#include "tools/sim/sim_internal.h"
#include "tools/sim/sim_memory.h"
#include "tools/sim/trace.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INBOX_DEFAULT = 1024,
    VIEWS_UP_TO_HOSTS = 64,
    MEMBERS_SPARE = 16, /* beside the hosts */
    SEED_NETWORK = 0x6e6574
};

/* A host's clock starts within so many of zero, so that no two agree. */
#define CLOCK_START_MAX_NS (3600 * NS_PER_S)

void sim_settings_init(struct sim_settings *settings, uint32_t hosts, uint64_t seed) {
    *settings = (struct sim_settings){
        .seed = seed,
        .profile = &profile_henge,
        .network = {.delay_ns = 250 * NS_PER_US, .delay_random_ns = 50 * NS_PER_US},
        .inbox_packets = INBOX_DEFAULT};
    henge_config_init(&settings->config, HENGE_PRESET_LAN);
    settings->config.vnodes = 1;
    sim_settings_hosts(settings, hosts);
}

void sim_settings_hosts(struct sim_settings *settings, uint32_t hosts) {
    settings->hosts = hosts;
    settings->builds_views = hosts <= VIEWS_UP_TO_HOSTS;
    settings->config.members_max = hosts + hosts / 32 + MEMBERS_SPARE;
}

/* Memory. */

void *sim_take(struct sim *sim, size_t bytes) {
    return memory_alloc_zeroed(&sim->memory, bytes, HENGE_MEMORY_CORE);
}

void *sim_grow(struct sim *sim, void *block, size_t old_bytes, size_t new_bytes) {
    void *grown = memory_resize(&sim->memory, block, old_bytes, new_bytes, HENGE_MEMORY_CORE);
    memset((uint8_t *)grown + old_bytes, 0, new_bytes - old_bytes);
    return grown;
}

uint64_t sim_push(struct sim *sim, uint64_t time_ns, uint32_t kind, uint32_t host, void *item) {
    struct event event = {.time_ns = time_ns > sim->now_ns ? time_ns : sim->now_ns,
                          .item = item,
                          .host = host,
                          .kind = kind};
    uint64_t number = event_queue_push(&sim->queue, &event);
    ASSERT(number != 0); /* sim_memory.h */
    return number;
}

/* Making. */

bool sim_settings_are_valid(const struct sim_settings *settings) {
    struct record_fields fields;
    const struct henge_config *config = &settings->config;
    return settings->hosts > 0 && settings->hosts <= SIM_HOSTS_MAX && config->members_max >= 2 &&
           config->members_max <= UINT16_MAX - 1 && config->datagram_bytes >= 576 &&
           config->datagram_bytes <= 1452 && own_record_fields(config, &fields) == HENGE_OK;
}

static void host_init(struct sim *sim, uint32_t number) {
    struct host *host = &sim->hosts[number];
    char name[HENGE_NAME_BYTES];
    snprintf(name, sizeof(name), "n%u", number);
    host->sim = sim;
    host->number = number;
    host->place = number;
    host->name_hash = hash64_text(name);
    host->clock_node_ns = NS_PER_S + hash64_pair(sim->settings.seed, number) % CLOCK_START_MAX_NS;
    sim->places[number] = number;
    bool is_set = map_set(&sim->names, host->name_hash, number);
    ASSERT(is_set);
}

struct sim *sim_create(const struct sim_settings *settings) {
    if (!sim_settings_are_valid(settings)) {
        return NULL;
    }
    struct sim *sim = sim_zeroed(1, sizeof(*sim));
    uint32_t hosts = settings->hosts;
    sim->settings = *settings;
    sim->network = settings->network;
    memory_init(&sim->memory, &sim_allocator);
    memory_init(&sim->nodes_memory, &sim_allocator);
    event_queue_init(&sim->queue, &sim->memory);
    packet_pool_init(&sim->packets, &sim->memory);
    sim->random = random_of_seed(hash64_pair(settings->seed, SEED_NETWORK));
    sim->hosts = sim_take(sim, hosts * sizeof(*sim->hosts));
    sim->touched = sim_take(sim, hosts * sizeof(*sim->touched));
    sim->places = sim_take(sim, hosts * sizeof(*sim->places));
    sim->places_count = sim->places_capacity = hosts;
    sim->store = record_store_create(&sim->nodes_memory);
    sim->identities = identities_create(&sim->nodes_memory, settings->seed);
    sim->rings = ring_house_create(&sim->nodes_memory, settings->seed);
    sim->epochs = epoch_domain_create(&sim->memory, 1);
    bool has_names = map_init(&sim->names, &sim->memory, hosts, HENGE_MEMORY_CORE);
    ASSERT(sim->store && sim->identities && sim->rings && sim->epochs && has_names);
    for (uint32_t number = 0; number < hosts; number++) {
        host_init(sim, number);
    }
    return sim;
}

static size_t held_bytes(const struct memory *memory) {
    size_t sum = 0;
    for (int tag = 0; tag < HENGE_MEMORY_TAG_COUNT; tag++) {
        sum += atomic_load_explicit(&memory->held_bytes[tag], memory_order_relaxed);
    }
    return sum;
}

void sim_destroy(struct sim *sim) {
    if (!sim) {
        return;
    }
    uint32_t hosts = sim->settings.hosts;
    sim->observers_count = 0; /* they may be gone already */
    for (uint32_t number = 0; number < hosts; number++) {
        if (sim->hosts[number].is_up) {
            host_end(&sim->hosts[number]);
        }
    }
    struct memory *memory = &sim->memory;
    record_store_destroy(sim->store);
    identities_destroy(sim->identities);
    ring_house_destroy(sim->rings);
    epoch_domain_destroy(sim->epochs);
    cut_deinit(sim);
    stream_deinit(sim);
    turn_letters_deinit(sim);
    packet_pool_deinit(&sim->packets);
    event_queue_deinit(&sim->queue);
    map_deinit(&sim->names);
    while (sim->ordered) {
        struct ordered *ordered = sim->ordered;
        sim->ordered = ordered->next;
        memory_release(memory, ordered, sizeof(*ordered), HENGE_MEMORY_CORE);
    }
    for (uint32_t number = 0; number < hosts; number++) {
        memory_release(memory, sim->hosts[number].peers_kept,
                       SIM_PEERS_KEPT * sizeof(struct henge_address), HENGE_MEMORY_CORE);
    }
    memory_release(memory, sim->hosts, hosts * sizeof(*sim->hosts), HENGE_MEMORY_CORE);
    memory_release(memory, sim->touched, hosts * sizeof(*sim->touched), HENGE_MEMORY_CORE);
    memory_release(memory, sim->places, sim->places_capacity * sizeof(*sim->places),
                   HENGE_MEMORY_CORE);
    memory_release(memory, sim->left_places, sim->left_places_capacity * sizeof(*sim->left_places),
                   HENGE_MEMORY_CORE);
    ASSERT(held_bytes(memory) == 0);
    ASSERT(held_bytes(&sim->nodes_memory) == 0);
    free(sim);
}

void sim_observe(struct sim *sim, const struct sim_observer *observer) {
    ASSERT(sim->observers_count < SIM_OBSERVERS_MAX);
    sim->observers[sim->observers_count++] = *observer;
}

/* Running. */

static struct ordered *ordered_new(struct sim *sim, const struct sim_action *action) {
    struct ordered *ordered = sim_take(sim, sizeof(*ordered));
    ordered->number = ++sim->ordered_count;
    ordered->action = *action;
    ordered->next = sim->ordered;
    sim->ordered = ordered;
    return ordered;
}

static bool is_action(const struct sim_action *action) {
    return action->kind > 0 && action->kind < SIM_ACTION_KINDS;
}

void sim_schedule(struct sim *sim, const struct sim_action *actions, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (is_action(&actions[i])) {
            sim_push(sim, actions[i].at_ns, EVENT_ACTION, 0, ordered_new(sim, &actions[i]));
        }
    }
}

static void turns(struct sim *sim) {
    while (sim->touched_count > 0) {
        struct host *host = &sim->hosts[sim->touched[sim->touched_first]];
        sim->touched_first = (sim->touched_first + 1) % sim->settings.hosts;
        sim->touched_count--;
        turn_host(host);
        host->is_touched = false; /* not before: what it tells itself is of this turn */
    }
}

void sim_act(struct sim *sim, const struct sim_action *action) {
    if (is_action(action)) {
        struct ordered *ordered = ordered_new(sim, action);
        ordered->action.at_ns = sim->now_ns;
        action_begin(sim, ordered);
    }
}

static void happen(struct sim *sim, const struct event *event) {
    struct host *host = event->host < sim->settings.hosts ? &sim->hosts[event->host] : NULL;
    switch ((enum sim_event_kind)event->kind) {
    case EVENT_ACTION:
        action_begin(sim, event->item);
        break;
    case EVENT_ACTION_ENDS:
        action_end(sim, event->item);
        break;
    case EVENT_RESTART:
        action_restart(host, event->item);
        break;
    case EVENT_ORDER:
        action_order(host, event->item);
        break;
    case EVENT_PACKET:
        network_arrive(sim, event->item);
        break;
    case EVENT_REFUSED:
        network_refused(sim, event->item);
        break;
    case EVENT_READ:
        inbox_read_event(host, event->number);
        break;
    case EVENT_WAKE_GOSSIP:
        turn_wake(host, HOST_GOSSIP, event->number);
        break;
    case EVENT_WAKE_DETECTOR:
        turn_wake(host, HOST_DETECTOR, event->number);
        break;
    case EVENT_RESOLVED:
        host_seed_moved(sim, event->host);
        break;
    case EVENT_STREAM:
        stream_event(sim, event);
        break;
    }
}

void sim_run(struct sim *sim, uint64_t until_ns) {
    sim->is_stopped = false;
    while (!sim->is_stopped) {
        uint64_t next_ns = event_queue_time(&sim->queue);
        if (sim->touched_count > 0 && next_ns > sim->now_ns) {
            turns(sim);
            continue;
        }
        if (next_ns > until_ns) {
            break;
        }
        struct event event = event_queue_pop(&sim->queue);
        sim->now_ns = event.time_ns;
        sim->events_done++;
        trace_note(sim, event.kind, event.host, 0);
        happen(sim, &event);
    }
    if (!sim->is_stopped && until_ns > sim->now_ns) {
        sim->now_ns = until_ns;
    }
}

void sim_stop(struct sim *sim) {
    sim->is_stopped = true;
}

/* Looking. */

const struct sim_settings *sim_settings(const struct sim *sim) {
    return &sim->settings;
}

uint64_t sim_now_ns(const struct sim *sim) {
    return sim->now_ns;
}

uint64_t sim_events(const struct sim *sim) {
    return sim->events_done;
}

uint64_t sim_trace_hash(const struct sim *sim) {
    return sim->trace_hash;
}

const struct sim_counts *sim_counts(const struct sim *sim) {
    return &sim->counts;
}

bool sim_is_up(const struct sim *sim, uint32_t host) {
    return sim->hosts[host].is_up;
}

bool sim_is_cut(const struct sim *sim, uint32_t from, uint32_t to) {
    return cut_is(sim, from, to);
}

const struct gossip_node *sim_gossip(const struct sim *sim, uint32_t host) {
    return sim->hosts[host].gossip;
}

const struct detector_node *sim_detector(const struct sim *sim, uint32_t host) {
    return sim->hosts[host].detector;
}

uint64_t sim_node_now_ns(const struct sim *sim, uint32_t host) {
    return host_node_ns(&sim->hosts[host], sim->now_ns);
}

uint64_t sim_booted_ns(const struct sim *sim, uint32_t host) {
    return sim->hosts[host].booted_ns;
}

uint32_t sim_host_of_name_hash(const struct sim *sim, uint64_t name_hash) {
    const uint32_t *host = map_find(&sim->names, name_hash);
    return host ? *host : SIM_NOBODY;
}

uint64_t sim_name_hash(const struct sim *sim, uint32_t host) {
    return sim->hosts[host].name_hash;
}

struct henge_address sim_address(const struct sim *sim, uint32_t host) {
    return host_place_address(sim->hosts[host].place);
}

const struct member *sim_look(const struct sim *sim, uint32_t at, uint32_t subject) {
    const struct membership *membership = sim->hosts[at].gossip->membership;
    uint32_t slot = table_find(&membership->table, sim->hosts[subject].name_hash);
    return slot == NO_SLOT ? NULL : membership_member(membership, slot);
}

const struct sim_traffic *sim_traffic(const struct sim *sim, uint32_t host) {
    return &sim->hosts[host].traffic;
}

size_t sim_memory_bytes(const struct sim *sim) {
    return held_bytes(&sim->nodes_memory);
}
