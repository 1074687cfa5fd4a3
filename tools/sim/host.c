/* tools/sim/host.c - a host: where it lives, its clocks, the birth and the end of its node. */
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/runtime/node/node_settings.h"
#include "core/runtime/node/own_record.h"
#include "tools/sim/sim_internal.h"
#include "tools/sim/trace.h"
#include <stdio.h>
#include <string.h>

/* What the seed is spread over: each use has its own numbers. */
enum seed_use {
    SEED_GOSSIP = 1,
    SEED_DETECTOR,
    SEED_BOOT, /* and the next one: 16 bytes */
    SEED_LEAVE = SEED_BOOT + 2,
    SEED_MACHINE = SEED_LEAVE + 2
};

/* Clocks. */

static uint64_t scaled(uint64_t ns, int64_t numerator, int64_t denominator, bool round_up) {
    __extension__ unsigned __int128 product = ns;
    product *= (uint64_t)numerator;
    product += round_up ? (uint64_t)denominator - 1 : 0;
    return (uint64_t)(product / (uint64_t)denominator);
}

uint64_t host_node_ns(const struct host *host, uint64_t virtual_ns) {
    uint64_t passed_ns = virtual_ns - host->clock_ns;
    if (host->drift_ppm != 0) {
        passed_ns = scaled(passed_ns, SIM_MILLION + host->drift_ppm, SIM_MILLION, false);
    }
    return host->clock_node_ns + passed_ns;
}

uint64_t host_virtual_ns(const struct host *host, uint64_t node_ns) {
    if (node_ns == TIME_NEVER) {
        return TIME_NEVER;
    }
    if (node_ns <= host->clock_node_ns) {
        return host->clock_ns;
    }
    uint64_t ahead_ns = node_ns - host->clock_node_ns;
    if (host->drift_ppm != 0) {
        ahead_ns = scaled(ahead_ns, SIM_MILLION, SIM_MILLION + host->drift_ppm, true);
    }
    return host->clock_ns + ahead_ns;
}

void host_drift_set(struct host *host, int64_t ppm) {
    uint64_t now_ns = host->sim->now_ns;
    host->clock_node_ns = host_node_ns(host, now_ns);
    host->clock_ns = now_ns;
    host->drift_ppm = ppm > -SIM_MILLION ? ppm : 1 - SIM_MILLION;
}

uint64_t host_wall_ms(const struct host *host) {
    return SIM_WALL_START_MS + host->sim->now_ns / NS_PER_MS + (uint64_t)host->wall_step_ms;
}

/* Places. */

struct henge_address host_place_address(uint32_t place) {
    struct henge_address address = {.family = 4, .port = SIM_PORT};
    address.bytes[0] = 10;
    address.bytes[1] = (uint8_t)(place >> 16);
    address.bytes[2] = (uint8_t)(place >> 8);
    address.bytes[3] = (uint8_t)place;
    return address;
}

uint32_t host_at(const struct sim *sim, const struct henge_address *address, uint32_t *place_out) {
    const uint8_t *bytes = address->bytes;
    uint32_t place = (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    *place_out = UINT32_MAX;
    if (address->family != 4 || bytes[0] != 10 || address->port != SIM_PORT ||
        place >= sim->places_count) {
        return SIM_NOBODY;
    }
    *place_out = place;
    return sim->places[place];
}

static uint32_t *list_grow(struct sim *sim, uint32_t *list, uint32_t *capacity) {
    uint32_t more = *capacity > 0 ? 2 * *capacity : 64;
    list = sim_grow(sim, list, *capacity * sizeof(*list), more * sizeof(*list));
    *capacity = more;
    return list;
}

static uint32_t place_new(struct sim *sim) {
    if (sim->places_count == SIM_PLACES_MAX) {
        return UINT32_MAX;
    }
    if (sim->places_count == sim->places_capacity) {
        sim->places = list_grow(sim, sim->places, &sim->places_capacity);
    }
    return sim->places_count++;
}

/* Every second time to where somebody else used to live: an address may come to mean another. */
void host_move(struct host *host) {
    struct sim *sim = host->sim;
    uint32_t place = UINT32_MAX;
    if (sim->left_places_count > 0 && random_below(&sim->random, 2) == 0) {
        uint32_t pick = (uint32_t)random_below(&sim->random, sim->left_places_count);
        place = sim->left_places[pick];
        sim->left_places[pick] = sim->left_places[--sim->left_places_count];
    } else {
        place = place_new(sim);
    }
    if (place == UINT32_MAX) {
        return;
    }
    if (sim->left_places_count == sim->left_places_capacity) {
        sim->left_places = list_grow(sim, sim->left_places, &sim->left_places_capacity);
    }
    sim->left_places[sim->left_places_count++] = host->place;
    sim->places[host->place] = SIM_NOBODY;
    sim->places[place] = host->number;
    host->place = place;
}

/* The node. */

static uint64_t seed_of(const struct host *host, uint64_t use) {
    uint64_t who = (uint64_t)host->number << 32 | host->boots;
    return hash64_pair(host->sim->settings.seed, hash64_pair(who, use));
}

static void on_change(void *context, const struct member_change *change) {
    trace_change(context, change);
}

static void on_event(void *context, const struct henge_event *event) {
    trace_event(context, event);
}

static void bytes_of_seed(const struct host *host, uint64_t use, uint8_t out[16]) {
    for (uint32_t i = 0; i < 16; i++) {
        out[i] = (uint8_t)(seed_of(host, use + i / 8) >> 8 * (i % 8));
    }
}

/* Of proofs that nobody here tries to forge: it need not be hard to turn back. */
static void one_way(const uint8_t secret[RECORD_PROOF_BYTES], uint8_t out[RECORD_PROOF_BYTES]) {
    for (uint32_t i = 0; i < RECORD_PROOF_BYTES; i++) {
        out[i] = (uint8_t)hash64_seeded(secret, RECORD_PROOF_BYTES, i + 1);
    }
}

static void config_of(const struct host *host, struct henge_config *config) {
    const struct sim_settings *settings = &host->sim->settings;
    *config = settings->config;
    snprintf(config->name, sizeof(config->name), "n%u", host->number);
    if (settings->zones > 0) {
        snprintf(config->zone, sizeof(config->zone), "z%u", host->number % settings->zones);
    }
}

static void gossip_create(struct host *host, const struct henge_config *config, uint64_t now_ns) {
    struct sim *sim = host->sim;
    struct gossip_node_hooks hooks = {.context = host,
                                      .to_detector = turn_to_detector,
                                      .on_event = on_event,
                                      .on_change = on_change};
    struct gossip_node_settings settings;
    node_settings_gossip(config, SIM_PACKET_OVERHEAD, &settings);
    settings.id = host->number;
    settings.is_unread = !sim->settings.builds_views;
    if (sim->settings.profile) {
        settings.membership.profile = sim->settings.profile;
    }
    struct record_fields self;
    enum henge_status status = own_record_fields(config, &self);
    ASSERT(status == HENGE_OK); /* sim_create has checked the config */
    self.generation = host->generation_kept;
    self.address = host_place_address(host->place);
    bytes_of_seed(host, SEED_BOOT, self.boot_id);
    settings.membership.self = &self;
    bytes_of_seed(host, SEED_LEAVE, settings.membership.leave_secret);
    settings.membership.one_way = one_way;
    settings.membership.former = host->peers_kept;
    settings.membership.former_count = host->peers_kept_count;
    settings.membership.random_seed = seed_of(host, SEED_GOSSIP);
    settings.membership.wall_ms = host_wall_ms(host);
    settings.membership.slots_expected = sim->settings.hosts;
    const struct gossip_commons commons = {.memory = &sim->nodes_memory,
                                           .store = sim->store,
                                           .rings = sim->rings,
                                           .epochs = sim->epochs};
    host->gossip = gossip_node_create(&settings, &hooks, &host->overlay, &commons, now_ns);
    ASSERT(host->gossip); /* sim_memory.h */
}

static void detector_create_for(struct host *host, const struct henge_config *config,
                                uint64_t now_ns) {
    struct sim *sim = host->sim;
    struct detector_settings settings;
    node_settings_detector(config, &settings);
    if (sim->settings.profile) {
        settings.profile = sim->settings.profile;
    }
    settings.generation = member_generation(membership_member(host->gossip->membership, 0));
    settings.random_seed = seed_of(host, SEED_DETECTOR);
    settings.slots_expected = sim->settings.hosts;
    struct detector_node_hooks hooks = {.context = host, .to_gossip = turn_to_gossip};
    host->detector = detector_node_create(&settings, host->number, &hooks, &host->overlay,
                                          sim->identities, &sim->nodes_memory, now_ns);
    ASSERT(host->detector); /* sim_memory.h */
}

static void generation_choose(struct host *host) {
    uint64_t wall_ms = host_wall_ms(host);
    host->generation_kept = wall_ms > host->generation_kept ? wall_ms : host->generation_kept + 1;
}

void host_boot(struct host *host, int64_t join_through) {
    struct sim *sim = host->sim;
    uint64_t now_ns = host_node_ns(host, sim->now_ns);
    struct henge_config config;
    config_of(host, &config);
    generation_choose(host);
    for (uint32_t role = 0; role < HOST_ROLES; role++) {
        host->roles[role] = (struct role){.deadline_ns = TIME_NEVER, .is_dirty = true};
    }
    bool done = overlay_init(&host->overlay, &sim->nodes_memory,
                             sim->settings.builds_views ? config.members_max : 0);
    ASSERT(done);
    gossip_create(host, &config, now_ns);
    detector_create_for(host, &config, now_ns);
    host->is_up = true;
    host->is_leaving = false;
    host->is_machine_down = false;
    host->booted_ns = sim->now_ns;
    host->boots++;
    trace_boot(host, false);
    host->seed_host = SIM_NOBODY;
    host->gossip->now_ns = now_ns;
    host_join(host, join_through, now_ns);
    turn_touch(host);
}

void host_join(struct host *host, int64_t through, uint64_t now_ns) {
    struct sim *sim = host->sim;
    if (through >= 0 && through < sim->settings.hosts && through != host->number) {
        struct henge_address seed = host_place_address(sim->hosts[through].place);
        host->seed_host = (uint32_t)through;
        membership_join(host->gossip->membership, &seed, 1, now_ns);
    }
}

void host_seed_moved(struct sim *sim, uint32_t moved) {
    struct henge_address seed = host_place_address(sim->hosts[moved].place);
    for (uint32_t number = 0; number < sim->settings.hosts; number++) {
        struct host *host = &sim->hosts[number];
        if (host->is_up && host->seed_host == moved) {
            membership_seeds_set(host->gossip->membership, &seed, 1);
            host->roles[HOST_GOSSIP].is_dirty = true;
            turn_touch(host);
        }
    }
}

/* Whom it would find in its data_dir. */
static void peers_keep(struct host *host) {
    if (!host->peers_kept) {
        host->peers_kept = sim_take(host->sim, SIM_PEERS_KEPT * sizeof(*host->peers_kept));
    }
    host->peers_kept_count =
        membership_former_addresses(host->gossip->membership, host->peers_kept, SIM_PEERS_KEPT);
}

void host_end(struct host *host) {
    struct sim *sim = host->sim;
    trace_boot(host, true);
    peers_keep(host);
    host->is_up = false;
    host->is_machine_down = seed_of(host, SEED_MACHINE) % 2 == 0;
    stream_host_gone(host);
    inbox_clear(host);
    turn_clear(host);
    epoch_poll(sim->epochs);
    detector_node_destroy(host->detector);
    gossip_node_destroy(host->gossip);
    overlay_deinit(&host->overlay, &sim->nodes_memory);
    host->detector = NULL;
    host->gossip = NULL;
}

bool host_has(const struct host *host, enum sim_action_kind fault) {
    return host->faults[fault].order != 0;
}
