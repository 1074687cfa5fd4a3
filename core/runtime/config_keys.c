/* core/runtime/config_keys.c - every setting, one row each. See config_internal.h. */
#include "core/runtime/config_internal.h"
#include "core/base/assert.h"
#include <string.h>

#define FIELD(field)                                                                               \
    .offset = offsetof(struct henge_config, field),                                                \
    .bytes = sizeof(((struct henge_config *)0)->field)

/* The limits are written once: as numbers and as the form that people see. */
#define NUMBER(name, field, low, high, what)                                                       \
    {                                                                                              \
        .shown = {name, #low ".." #high, what}, .kind = CONFIG_NUMBER, FIELD(field), .min = low,   \
        .max = high                                                                                \
    }
#define TEXT(name, field, of_kind, form, what)                                                     \
    { .shown = {name, form, what}, .kind = of_kind, FIELD(field) }
#define CHOICE(name, field, of_kind, names, form, what)                                            \
    { .shown = {name, form, what}, .kind = of_kind, FIELD(field), .choices = names }

static const char *const preset_names[] = {"lan", "wan", "local", NULL};
static const char *const transport_names[] = {"auto", "io_uring", "epoll", "memory", NULL};
static const char *const profile_names[] = {"henge", "lifeguard", "classic", NULL};
static const char *const yes_no_names[] = {"no", "yes", NULL};

static const struct config_row rows[] = {
    /* First, so that what the environment sets beside it stands. */
    CHOICE("preset", preset, CONFIG_PRESET, preset_names, "lan | wan | local",
           "Sets every protocol default: one data centre, between regions, or one machine."),

    TEXT("name", name, CONFIG_NAME, "1..63 of A-Z a-z 0-9 . _ -",
         "The member's name, unique in the cluster and kept over restarts; required."),
    TEXT("bind", bind, CONFIG_BIND, "numeric ADDR:PORT, port 0 = any",
         "Where datagrams and streams are received; [ADDR]:PORT for IPv6."),
    TEXT("advertise", advertise, CONFIG_ADVERTISE, "numeric ADDR:PORT, or empty",
         "The address told to others; empty tells the bound one, required when that is 0.0.0.0."),
    TEXT("join", seeds, CONFIG_SEEDS, "host:port, comma separated, at most 16",
         "Seeds contacted to join and to heal; adds to those already there."),
    TEXT("role", role, CONFIG_LABEL, "0..63 bytes", "What the node is for, told to all members."),
    TEXT("region", region, CONFIG_LABEL, "0..63 bytes",
         "Where the node is at large, told to all members."),
    TEXT("zone", zone, CONFIG_LABEL, "0..63 bytes",
         "The failure zone; owners of a key are spread over zones."),
    TEXT("meta", metadata, CONFIG_METADATA, "key=value",
         "A pair told to all members; adds to those already there or replaces one of that key."),
    NUMBER("weight", weight, 0, 100, "Multiplies vnodes: more owns more, 0 owns nothing."),
    NUMBER("vnodes", vnodes, 1, 1000,
           "Virtual nodes at weight 1: more balance better and make the ring larger."),
    TEXT("data_dir", data_dir, CONFIG_PATH, "path, or empty",
         "Where generation and peers are kept over restarts; empty keeps them nowhere."),

    TEXT("label", label, CONFIG_LABEL, "0..63 bytes",
         "The cluster's name; nodes of other labels never mix."),
    TEXT("key_file", key_file, CONFIG_KEY_FILE, "path",
         "The cluster's key and ring salt as `henge keygen` prints them; read at once."),
    TEXT("key", key, CONFIG_SECRET, "64 hexadecimal digits",
         "The cluster's key itself, instead of key_file."),
    TEXT("ring_salt", ring_salt, CONFIG_SECRET, "32 hexadecimal digits",
         "Goes into ring tokens with `key`, so that outsiders cannot aim at a member."),
    CHOICE("insecure", insecure, CONFIG_CHOICE, yes_no_names, "yes | no",
           "Sends and accepts plaintext; must be asked for when there is no key."),

    CHOICE("transport", transport, CONFIG_CHOICE, transport_names,
           "auto | io_uring | epoll | memory",
           "What moves packets; auto takes io_uring where the kernel has all of it."),
    NUMBER("threads", threads, 1, 3,
           "Threads that the three roles run on: fewer save wake-ups, more keep roles apart."),
    TEXT("affinity", affinity, CONFIG_AFFINITY, "auto | none | CPU list, one per thread",
         "CPUs of the threads io,gossip,detector; auto pins all to one CPU when there are few."),
    NUMBER("nodes_max", nodes_max, 1, 4096, "Nodes that this runtime can host."),
    NUMBER("members_max", members_max, 2, 65534,
           "Members that a node's table can hold: equal on all nodes, and never reached."),
    NUMBER("readers_max", readers_max, 1, 1024, "Reader handles that may exist at once."),
    {.shown =
         {"receive_buffers", "64..32768, a power of two",
          "Datagrams that may wait in this process before the kernel has to keep them: at least so "
          "many, and 16 per node of nodes_max."},
     .kind = CONFIG_POWER_OF_TWO,
     FIELD(receive_buffers),
     .min = 64,
     .max = 32768},
    NUMBER("live_views_max", live_views_max, 2, 64,
           "Views alive at once; when slow readers hold that many, publication waits."),
    {.shown = {"random_seed", "0..18446744073709551615",
               "Makes random choices repeatable; 0 takes the seed from the operating system."},
     .kind = CONFIG_NUMBER,
     FIELD(random_seed),
     .min = 0,
     .max = UINT64_MAX},

    CHOICE("profile", profile, CONFIG_CHOICE, profile_names, "henge | lifeguard | classic",
           "Rules of the protocol in force: all, Lifeguard's, or plain SWIM's; for comparison."),
    NUMBER("probe.period_ms", probe_period_ms, 10, 60000,
           "Time between probes: shorter finds crashes sooner and sends more."),
    NUMBER("probe.timeout_min_ms", probe_timeout_min_ms, 1, 60000,
           "The least wait for a direct answer, however near the peer is."),
    NUMBER("probe.timeout_max_ms", probe_timeout_max_ms, 1, 60000,
           "The longest wait for a direct answer; at most the period."),
    NUMBER("probe.indirect", probe_indirect, 0, 8,
           "Helpers asked when a direct probe fails: more give fewer false alarms."),
    NUMBER("suspicion.max_factor", suspicion_max_factor, 1, 20,
           "A lone accuser waits this many times the minimum before its verdict."),
    NUMBER("gossip.fanout", gossip_fanout, 1, 16,
           "Peers told per tick: more spread faster and send more."),
    NUMBER("gossip.tick_ms", gossip_tick_ms, 10, 60000,
           "Time between retransmissions of news: shorter spreads faster and sends more."),
    NUMBER("gossip.window_ms", gossip_window_ms, 0, 1000,
           "How long fresh news waits for company in a packet."),
    NUMBER("gossip.packets_per_s", gossip_packets_per_s, 1, 100000,
           "The most gossip packets a node sends per second, in the long run."),
    NUMBER("gossip.burst", gossip_burst, 1, 1024,
           "Gossip packets that may go at once before that rate holds."),
    NUMBER("datagram_bytes", datagram_bytes, 576, 1452,
           "The largest UDP payload sent: fuller packets are fewer, larger may be fragmented."),
    NUMBER("tombstone.hours", tombstone_hours, 1, 8760,
           "How long ended incarnations are remembered, so that stale news cannot revive them."),
    NUMBER("dead_shown_s", dead_shown_s, 1, 86400,
           "How long DEAD and LEFT members stay in listings."),
    NUMBER("ring.removal_delay_ms", ring_removal_delay_ms, 0, 86400000,
           "How long a DEAD member keeps its ring ranges: longer spares moves after a restart."),
    NUMBER(
        "ring.rejoin_hold_ms", ring_rejoin_hold_ms, 0, 600000,
        "How long one that was declared DEAD but lives stays out of the ring; doubles each time."),
    TEXT("ring.roles", ring_roles, CONFIG_ROLES, "up to 4 roles, comma separated",
         "For each of these roles a ring of its members alone, beside the ring of all."),
    NUMBER(
        "ring.token_choices", ring_token_choices, 1, 16,
        "Places a new member may choose from for each virtual node: more spread keys more evenly."),
    NUMBER("publish.window_ms", publish_window_ms, 0, 60000,
           "How long membership changes are gathered before a ring is built."),
    NUMBER("publish.window_max_ms", publish_window_max_ms, 0, 60000,
           "The longest that a change waits while others keep coming."),
};

enum { ROWS_COUNT = sizeof(rows) / sizeof(rows[0]) };

_Static_assert(sizeof(enum henge_preset) == sizeof(uint32_t), "choices are 32-bit fields");
_Static_assert(sizeof(enum henge_transport) == sizeof(uint32_t), "choices are 32-bit fields");
_Static_assert(sizeof(enum henge_profile) == sizeof(uint32_t), "choices are 32-bit fields");

const struct config_row *config_row_at(size_t index) {
    return index < ROWS_COUNT ? &rows[index] : NULL;
}

const struct config_row *config_row_find(const char *key) {
    for (size_t i = 0; i < ROWS_COUNT; i++) {
        if (strcmp(rows[i].shown.key, key) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct henge_config_key *henge_config_describe(size_t index) {
    const struct config_row *row = config_row_at(index);
    return row == NULL ? NULL : &row->shown;
}

uint64_t config_number(const struct henge_config *config, const struct config_row *row) {
    const char *field = (const char *)config + row->offset;
    if (row->bytes == sizeof(uint64_t)) {
        uint64_t wide;
        memcpy(&wide, field, sizeof(wide));
        return wide;
    }
    uint32_t narrow;
    ASSERT(row->bytes == sizeof(narrow));
    memcpy(&narrow, field, sizeof(narrow));
    return narrow;
}

const char *config_text(const struct henge_config *config, const struct config_row *row) {
    return (const char *)config + row->offset;
}
