/* tests/unit/membership/detector_world.h - a few detectors in virtual time on a network whose every
 * packet the test may see, drop or forge. Node i has the name NAME(i), lives at address i and
 * stands in slot i + 1 of the others. A node without a detector is a ghost: known, silent. */
#ifndef TESTS_UNIT_MEMBERSHIP_DETECTOR_WORLD_H
#define TESTS_UNIT_MEMBERSHIP_DETECTOR_WORLD_H

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "membership/detector/detector.h"
#include "membership/detector/identities.h"
#include "membership/detector/probe_wire.h"
#include <stdbool.h>

enum {
    WORLD_NODES_MAX = 40,
    WORLD_PACKETS_MAX = 4096,
    WORLD_LOG_MAX = 65536,
    WORLD_STEPS_PER_INSTANT_MAX = 1000 /* more is a busy loop */
};

#define PERIOD NS_PER_S
#define LATENCY (2 * NS_PER_MS)
#define FIRST_GENERATION UINT64_C(1000)

struct world_packet {
    uint64_t deliver_ns;
    uint64_t destination_generation;
    struct henge_address from, to;
    size_t bytes;
    uint8_t message[256];
};

/* One message that somebody sent. */
struct world_sent {
    uint64_t time_ns;
    uint32_t from, to; /* node numbers; WORLD_NODES_MAX = no node */
    struct probe_message message;
    uint64_t destination_generation;
};

struct world_node {
    struct detector *detector; /* NULL: ghost */
    struct henge_address address;
    uint64_t generation;
    bool is_crashed, is_paused, is_muted; /* muted: its outbox has no room */
    bool is_refusing;                     /* its observer has no room */
    uint64_t horizon_frozen_ns;           /* TIME_NEVER: the horizon is now */
    uint64_t steps;
    uint8_t room[256];
    /* What the observer was told, by slot. */
    uint32_t failed[WORLD_NODES_MAX + 1], alive[WORLD_NODES_MAX + 1];
    uint32_t not_me[WORLD_NODES_MAX + 1], contacts[WORLD_NODES_MAX + 1];
    uint32_t fingerprints[WORLD_NODES_MAX + 1];
    uint32_t rtt_us[WORLD_NODES_MAX + 1];
    uint64_t failed_ns, last_generation, fingerprint, fingerprint_age_ns;
    uint32_t last_version, alive_version, self_versions, self_version, refusals;
    uint32_t probes_failed_of_8, probes_told;
};

struct world {
    uint64_t now_ns;
    uint64_t latency_ns;
    uint32_t count;
    struct memory memory;
    struct identities *identities;
    const struct profile *profile; /* of all */
    struct world_node nodes[WORLD_NODES_MAX];
    struct world_packet packets[WORLD_PACKETS_MAX];
    uint32_t packet_count;
    struct world_sent log[WORLD_LOG_MAX];
    uint32_t log_count;
    bool (*drops)(const struct world_sent *sent); /* NULL: no loss */
    /* Of every outbox, whose context is the struct world_node. NULL: no streams. */
    bool (*stream_request)(void *context, const struct packet_target *target, const uint8_t *script,
                           size_t script_bytes, uint64_t script_token, uint64_t request_token);
    bool (*stream_answer)(void *context, uint32_t stream, const uint8_t *script,
                          size_t script_bytes, uint64_t script_token);
};

extern struct world world;

uint64_t world_name(uint32_t node);
struct henge_address world_address(uint32_t node);
/* `count` nodes that know each other as ALIVE; those from `ghosts_from` on are ghosts. */
void world_create(uint32_t count, uint32_t ghosts_from);
void world_create_as(const struct profile *profile, uint32_t count, uint32_t ghosts_from);
void world_destroy(void);
/* Node's detector hears of `peer` as gossip would tell it. */
void world_know(uint32_t node, uint32_t peer, uint64_t generation, uint32_t version,
                uint8_t status);
/* A new process under the same name and address. */
void world_restart(uint32_t node, uint64_t generation);
void world_run(uint64_t duration_ns);
/* A forged packet, delivered now. The head is as given. */
void world_forge(uint32_t to, const struct henge_address *from, uint64_t destination_generation,
                 const struct probe_message *message);
void world_forge_bytes(uint32_t to, uint32_t from, const uint8_t *bytes, size_t count);
/* What `node` sends with; for doors that the world does not call. */
struct outbox world_outbox(uint32_t node);
struct message_head world_head(uint32_t node, uint8_t type);
struct detector_counters world_counters(uint32_t node);
/* Messages of a type that `from` sent since log index `since`. */
uint32_t world_sent_count(uint32_t from, uint8_t type, uint32_t since);
/* The latest of them, NULL if none. */
const struct world_sent *world_sent_last(uint32_t from, uint8_t type, uint32_t since);
/* What node's observer was told of failed probes, in all. */
uint32_t world_failures(uint32_t node);
/* Runs until node has begun a probe of a given peer; its ping. */
const struct world_sent *world_run_to_ping(uint32_t node, uint32_t peer);
/* Messages as `from` would send them. */
struct probe_message world_ping(uint32_t from, uint32_t to);
struct probe_message world_request(uint32_t from, uint32_t target, uint32_t sequence,
                                   uint32_t remaining_us);
/* For world.drops. */
bool world_drops_all_between_0_and_1(const struct world_sent *sent);

#endif
