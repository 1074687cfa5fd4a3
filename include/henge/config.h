/* henge/config.h - every setting of a runtime and of a node, as plain data with text keys.
 *
 * The same key = value words are used in a file (henge_config_load), on henged's command line
 * (--key value, dots and underscores written as dashes), in the environment (HENGE_KEY, dots as
 * underscores, upper case) and in henge_config_set. henge_config_describe lists them all. */
#ifndef HENGE_CONFIG_H
#define HENGE_CONFIG_H

#include <henge/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HENGE_NAME_BYTES = 64,  /* a member's name: 1..63 of A-Z a-z 0-9 . _ - and a NUL */
    HENGE_LABEL_BYTES = 64, /* role, region, zone, cluster label: 0..63 and a NUL */
    HENGE_RING_ROLES_MAX = 4,
    HENGE_RING_ROLES_BYTES = HENGE_RING_ROLES_MAX * HENGE_LABEL_BYTES,
    HENGE_PATH_BYTES = 256,
    HENGE_ENDPOINT_BYTES = 280, /* "host-name:port" and its NUL */
    HENGE_SEEDS_MAX = 16,
    HENGE_METADATA_BYTES = 1024, /* sum over pairs of key bytes + value bytes + 2 */
    HENGE_METADATA_PAIRS_MAX = 64,
    HENGE_REASON_BYTES = 1024, /* room for a validation report */
    HENGE_AFFINITY_BYTES = 64
};

enum henge_preset {
    HENGE_PRESET_LAN = 0, /* one data centre: period 1 s (default) */
    HENGE_PRESET_WAN,     /* between regions: period 2 s, longer timeouts */
    HENGE_PRESET_LOCAL    /* one machine: period 200 ms */
};

enum henge_transport {
    HENGE_TRANSPORT_AUTO = 0, /* io_uring where the kernel has all we need, epoll otherwise */
    HENGE_TRANSPORT_IO_URING, /* or fail, saying what the kernel lacks */
    HENGE_TRANSPORT_EPOLL,
    HENGE_TRANSPORT_MEMORY /* nodes of one runtime only: tests and examples */
};

/* Which rules of the protocol are in force. The others serve comparison; nodes of one cluster
 * should have the same. */
enum henge_profile {
    HENGE_PROFILE_HENGE = 0, /* all of it */
    HENGE_PROFILE_LIFEGUARD, /* SWIM with local health, as memberlist runs it */
    HENGE_PROFILE_CLASSIC    /* plain SWIM */
};

/* One setting per field; the unit ends the name. Fill with henge_config_init, then set fields or
 * call henge_config_set. Plain data: copy freely; nothing inside is owned. */
struct henge_config {
    size_t size_bytes; /* sizeof(struct henge_config) of the caller, set by henge_config_init */
    enum henge_preset preset;

    /* Who this node is. */
    char name[HENGE_NAME_BYTES];          /* name: required */
    char bind[HENGE_ENDPOINT_BYTES];      /* bind: numeric ADDR:PORT (127.0.0.1:7946), 0 = any */
    char advertise[HENGE_ENDPOINT_BYTES]; /* advertise: ADDR:PORT told to others; empty = bound */
    char seeds[HENGE_SEEDS_MAX][HENGE_ENDPOINT_BYTES]; /* join: comma separated host:port */
    size_t seeds_count;
    char role[HENGE_LABEL_BYTES];            /* role */
    char region[HENGE_LABEL_BYTES];          /* region */
    char zone[HENGE_LABEL_BYTES];            /* zone */
    char metadata[HENGE_METADATA_BYTES + 1]; /* meta: "key=value" lines parted by '\n' */
    uint32_t weight;                 /* weight: 0..100, multiplies vnodes (1); 0 owns nothing */
    uint32_t vnodes;                 /* vnodes: virtual nodes at weight 1, 1..1000 (100) */
    char data_dir[HENGE_PATH_BYTES]; /* data_dir: generation and peers are kept here */

    /* What may talk to it. */
    char label[HENGE_LABEL_BYTES];   /* label: cluster name; other labels never mix */
    char key_file[HENGE_PATH_BYTES]; /* key_file: as `henge keygen` prints it */
    uint8_t key[32];                 /* key: 64 hex digits, instead of a file */
    uint8_t ring_salt[16];           /* ring_salt: 32 hex digits, with `key` */
    uint32_t has_key;                /* set by key or by loading key_file */
    uint32_t insecure;               /* insecure: yes | no; plaintext must be asked for */

    /* How it runs. */
    enum henge_transport transport;      /* transport: auto | io_uring | epoll | memory */
    uint32_t threads;                    /* threads: 1, 2 or 3 (3) */
    char affinity[HENGE_AFFINITY_BYTES]; /* affinity: auto | none | "0,1,2" io,gossip,detector */
    uint32_t nodes_max;                  /* nodes_max: nodes in this runtime, 1..4096 (16) */
    uint32_t members_max; /* members_max: 2..65534 (8192); equal on all nodes and never reached, for
                             a full table refuses members that others hold */
    uint32_t readers_max; /* readers_max: 1..1024 (64) */
    uint32_t receive_buffers; /* receive_buffers: at least so many, power of two, 64..32768 (1024);
                                 16 per node of nodes_max where that is more */
    uint32_t live_views_max;  /* live_views_max: views alive at once, 2..64 (8) */
    uint64_t random_seed;     /* random_seed: 0 = from the operating system */

    /* The protocol. Defaults by preset. */
    enum henge_profile profile;     /* profile: henge | lifeguard | classic (henge) */
    uint32_t probe_period_ms;       /* probe.period_ms: lan, wan, local (1000, 2000, 200) */
    uint32_t probe_timeout_min_ms;  /* probe.timeout_min_ms (50, 200, 20) */
    uint32_t probe_timeout_max_ms;  /* probe.timeout_max_ms (500, 2000, 100) */
    uint32_t probe_indirect;        /* probe.indirect: helpers asked, 0..8 (3) */
    uint32_t suspicion_max_factor;  /* suspicion.max_factor: max = factor * min (6) */
    uint32_t gossip_fanout;         /* gossip.fanout (4) */
    uint32_t gossip_tick_ms;        /* gossip.tick_ms: retransmission (200, 500, 50) */
    uint32_t gossip_window_ms;      /* gossip.window_ms: coalescing of fresh news (5) */
    uint32_t gossip_packets_per_s;  /* gossip.packets_per_s: token bucket (100) */
    uint32_t gossip_burst;          /* gossip.burst (32) */
    uint32_t datagram_bytes;        /* datagram_bytes: UDP payload, 576..1452 (1400) */
    uint32_t tombstone_hours;       /* tombstone.hours (24) */
    uint32_t dead_shown_s;          /* dead_shown_s: DEAD and LEFT stay listed (120) */
    uint32_t ring_removal_delay_ms; /* ring.removal_delay_ms: after DEAD (0) */
    uint32_t ring_rejoin_hold_ms;   /* ring.rejoin_hold_ms: after DEAD in one life (5000) */
    char ring_roles[HENGE_RING_ROLES_BYTES]; /* ring.roles: comma separated, at most 4 */
    uint32_t ring_token_choices;             /* ring.token_choices: 1..16, 1 = first places (1) */
    uint32_t publish_window_ms;              /* publish.window_ms: gather changes (250) */
    uint32_t publish_window_max_ms;          /* publish.window_max_ms: at most (2000) */
};

/* Fills `config` with the defaults of a preset. Any thread. [non-blocking] */
HENGE_PUBLIC void henge_config_init(struct henge_config *config, enum henge_preset preset);

/* Sets one key from text. On HENGE_INVALID `reason_out` (may be NULL) says what is wrong with which
 * key, NUL-terminated, cut at reason_bytes. Setting `preset` re-applies the preset's protocol
 * defaults. Setting `join` adds the seeds that are not there yet; setting `meta` adds pairs, or
 * replaces those of the same key; more than one pair is parted by '\n'. Setting `key_file` reads
 * the file at once. A bad value changes nothing. Any thread. [non-blocking but for key_file] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_config_set(struct henge_config *config,
                                                                 const char *key, const char *value,
                                                                 char *reason_out,
                                                                 size_t reason_bytes);

/* Reads `key = value` lines; '#' at the start of a line or after a blank starts a comment. `preset`
 * is applied first, wherever it stands. Every bad line is named in reason_out with its number; the
 * good ones are applied all the same and HENGE_INVALID is returned. HENGE_NOT_FOUND if the file
 * cannot be opened, HENGE_SYSTEM if it cannot be read. At most 16 KiB. Any thread. [may block] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_config_load(struct henge_config *config,
                                                                  const char *path,
                                                                  char *reason_out,
                                                                  size_t reason_bytes);

/* Applies every HENGE_<KEY> of the environment that names a known key, `preset` first; the others
 * are left alone. A bad one is named; the good ones are applied all the same. Any thread while
 * nobody changes the environment. [non-blocking but for key_file] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_config_load_environment(struct henge_config *config, char *reason_out, size_t reason_bytes);

/* Checks the whole: each bad or missing setting is named with its reason, one per line. A node
 * without a key must say `insecure = yes`. Any thread. [non-blocking] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_config_validate(const struct henge_config *config, char *reason_out, size_t reason_bytes);

/* One row per key, in a fixed order; NULL after the last. */
struct henge_config_key {
    const char *key;         /* "probe.period_ms" */
    const char *value_form;  /* "10..60000", "auto | io_uring | epoll | memory", ... */
    const char *description; /* one sentence: what it does and what it trades */
};
HENGE_PUBLIC const struct henge_config_key *henge_config_describe(size_t index);

/* The present value of a key as text, as henge_config_set would take it (secrets print as "set" or
 * "unset"). HENGE_NOT_FOUND for an unknown key, HENGE_FULL when value_bytes is too small.
 * Any thread. [non-blocking] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_config_get(const struct henge_config *config,
                                                                 const char *key, char *value_out,
                                                                 size_t value_bytes);

#ifdef __cplusplus
}
#endif
#endif
