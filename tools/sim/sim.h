/* tools/sim/sim.h - the deterministic simulator's engine: many whole nodes, one virtual clock, one
 * seed.
 *
 * Each host runs the very gossip_node and detector_node of the runtime; what the engine replaces is
 * threads, queues, sockets and clocks. A run is a function of (settings, actions): the same ones
 * give the same trace hash, on every machine and with every compiler; so there is no floating point
 * in the engine's sampling, no address and no clock in anything that is decided. Time is
 * nanoseconds since the start of the run. What goes wrong is a list of plain actions, whether a
 * scenario file, a swarm seed or a program wrote it, so that a failing list can be made smaller.
 *
 * One thread. After sim_create, memory comes from pools that grow by doubling: no allocation per
 * event. */
#ifndef TOOLS_SIM_SIM_H
#define TOOLS_SIM_SIM_H

#include "core/runtime/node/detector_node.h"
#include "core/runtime/node/gossip_node.h"
#include "henge/config.h"
#include "membership/profile.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    SIM_HOSTS_MAX = 16384,
    /* Sealing, as on the real wire; IP and UDP headers are not counted. */
    SIM_PACKET_OVERHEAD = 52,
    SIM_MILLION = 1000000
};

/* How a program ends that could not do what it was asked to. */
enum { SIM_EXIT_ERROR = 2 };

#define SIM_NOBODY UINT32_MAX

/* The whole network, when nothing is wrong with any host. */
struct sim_network {
    uint64_t delay_ns;        /* one way, the fixed part */
    uint64_t delay_random_ns; /* mean of an exponential part; it reorders */
    uint32_t loss_ppm;        /* of datagrams, each way; a stream is slowed, not torn */
    uint32_t duplicate_ppm;   /* sent twice */
    uint32_t replay_ppm;      /* comes once more, up to 10 s later */
};

struct sim_settings {
    uint64_t seed;
    uint32_t hosts; /* numbers 0..hosts-1; all are down at first. Host i is named "n<i>" */
    uint32_t zones; /* host i lives in zone "z<i % zones>"; 0: no zones */
    struct henge_config config; /* of every node; name, addresses and seeds are the engine's */
    const struct profile *profile;
    struct sim_network network;
    uint32_t inbox_packets; /* what a socket holds for a host that does not read (1024) */
    bool builds_views;      /* real views and rings; else their numbers and fingerprints only */
};
/* LAN preset, profile henge, 0.25 ms + 0.05 ms one way, no loss, one virtual node per member (a
 * thousand rings of a thousand members in one process), views up to 64 hosts. */
void sim_settings_init(struct sim_settings *settings, uint32_t hosts, uint64_t seed);
/* Another number of hosts, with what follows from it: members_max, builds_views. */
void sim_settings_hosts(struct sim_settings *settings, uint32_t hosts);

/* Hosts first, first + step, ..., `count` of them. */
struct sim_hosts {
    uint32_t first, count, step;
};

enum sim_action_kind {
    /* What is asked of nodes. */
    SIM_START = 1, /* amount: host to join through, -1 = none. One that is up is left alone */
    SIM_CRASH,     /* ends without a word; what it had sent still arrives. Every second time the
                      machine goes with it: else it says that nobody listens */
    SIM_RESTART,  /* crashes (if up) and starts again after duration_ns, joining through `amount` as
                     START does; flag: enum sim_restart */
    SIM_LEAVE,    /* gracefully; ends when the leave is done */
    SIM_JOIN,     /* a node that is up joins through host `amount` */
    SIM_METADATA, /* sets one metadata value to a new one */
    SIM_EVICT,    /* each of `who` evicts host `amount`, if it knows it */
    /* Faults: last for duration_ns, 0 = until HEAL. A second one of a kind replaces the first. */
    SIM_PAUSE,          /* SIGSTOP: nothing runs; packets wait in the socket, up to its size */
    SIM_STALL_GOSSIP,   /* that role alone stands still; its packets and messages wait */
    SIM_STALL_DETECTOR, /* likewise */
    SIM_DEAF,     /* what is sent to it waits in the network until the end; its timers run on and it
                     sends */
    SIM_SLOW,     /* amount: ns of work per packet; more wait in the socket */
    SIM_LOSS_IN,  /* amount: ppm of what is sent to it */
    SIM_LOSS_OUT, /* amount: ppm of what it sends */
    SIM_CUT,      /* nothing passes from `who` to `other`: one way; several cuts add up */
    SIM_DELAY,    /* amount: ns more, on all that it sends */
    SIM_CAPACITY, /* amount: bytes per second that it can send; 256 KiB wait, the rest is lost */
    SIM_CLOCK_STEP,    /* amount: ms by which its wall clock jumps; for good */
    SIM_CLOCK_DRIFT,   /* amount: ppm by which its timers run fast (+) or slow (-) */
    SIM_LATER_VERSION, /* its messages carry bytes behind the known ones, and unknown types */
    SIM_DUPLICATE,     /* amount: ppm, of the whole network; `who` is not looked at */
    SIM_REPLAY,        /* likewise */
    SIM_LOSS,          /* likewise: of all datagrams, each way */
    SIM_HEAL,          /* ends every fault of `who`, and with all hosts those of the network */
    SIM_ACTION_KINDS
};

enum sim_restart {
    SIM_RESTART_OTHER_ADDRESS = 1,
    SIM_RESTART_FORGETS = 2 /* the persisted generation is lost */
};

struct sim_action {
    uint64_t at_ns;
    uint64_t duration_ns;
    int64_t amount;
    struct sim_hosts who, other;
    uint8_t kind; /* enum sim_action_kind */
    uint8_t flag;
};

struct sim;

/* What checkers and measures hear; any may be NULL. They look, and change nothing. */
struct sim_observer {
    void *context;
    /* A node's table has changed; the member is as after the change. */
    void (*on_change)(void *context, struct sim *sim, uint32_t host,
                      const struct member_change *change);
    void (*on_event)(void *context, struct sim *sim, uint32_t host,
                     const struct henge_event *event);
    /* A turn of this host is over. */
    void (*on_step)(void *context, struct sim *sim, uint32_t host);
    /* A datagram leaves; `to` is SIM_NOBODY when nobody lives at the address. `message` as the
     * protocol wrote it. */
    void (*on_send)(void *context, struct sim *sim, uint32_t from, uint32_t to, uint8_t lane,
                    const uint8_t *message, size_t bytes);
    /* An action begins; a fault ends (is_end). */
    void (*on_action)(void *context, struct sim *sim, const struct sim_action *action, bool is_end);
    /* A node has just been created on this host; is about to be destroyed (is_end). */
    void (*on_boot)(void *context, struct sim *sim, uint32_t host, bool is_end);
};

/* Do they keep the limits that sim_create demands? */
bool sim_settings_are_valid(const struct sim_settings *settings);
/* NULL: settings that break a limit. Out of memory ends the program (sim_memory.h). */
struct sim *sim_create(const struct sim_settings *settings);
void sim_destroy(struct sim *sim);
/* Up to 16, asserted, called in this order. The struct is copied. */
void sim_observe(struct sim *sim, const struct sim_observer *observer);

/* Actions for later; those of one instant happen in this order. */
void sim_schedule(struct sim *sim, const struct sim_action *actions, size_t count);
void sim_act(struct sim *sim, const struct sim_action *action); /* now; at_ns is not looked at */
/* Runs all that happens up to and at until_ns; the time is then until_ns. */
void sim_run(struct sim *sim, uint64_t until_ns);
/* Ends sim_run after the event under way; for observers that have seen enough. */
void sim_stop(struct sim *sim);

const struct sim_settings *sim_settings(const struct sim *sim);
uint64_t sim_now_ns(const struct sim *sim);
uint64_t sim_events(const struct sim *sim);
/* Over all that happened: kinds, hosts, times, packet bytes, changes. */
uint64_t sim_trace_hash(const struct sim *sim);

/* Looking at hosts. */
bool sim_is_up(const struct sim *sim, uint32_t host);
bool sim_is_cut(const struct sim *sim, uint32_t from, uint32_t to);
/* Of a host that is up. `now` in the node's own clock is sim_node_now_ns. */
const struct gossip_node *sim_gossip(const struct sim *sim, uint32_t host);
const struct detector_node *sim_detector(const struct sim *sim, uint32_t host);
uint64_t sim_node_now_ns(const struct sim *sim, uint32_t host);
uint64_t sim_booted_ns(const struct sim *sim, uint32_t host);
/* SIM_NOBODY when no host has this name. */
uint32_t sim_host_of_name_hash(const struct sim *sim, uint64_t name_hash);
uint64_t sim_name_hash(const struct sim *sim, uint32_t host);
struct henge_address sim_address(const struct sim *sim, uint32_t host);
/* The member as `at` (up) holds `subject`; NULL: not known there. */
const struct member *sim_look(const struct sim *sim, uint32_t at, uint32_t subject);

struct sim_traffic {
    uint64_t packets, bytes; /* sent, with SIM_PACKET_OVERHEAD */
    uint64_t stream_bytes;
    uint64_t packets_lane[3], bytes_lane[3]; /* by enum lane */
};
const struct sim_traffic *sim_traffic(const struct sim *sim, uint32_t host);

/* What became of packets, over the whole run. */
struct sim_counts {
    uint64_t arrived;           /* at the socket of one that is up */
    uint64_t lost, cut, nobody; /* on the way; at a cut; to an address where nobody listens */
    uint64_t duplicated, replayed;
    uint64_t link_full;  /* dropped: too many wait to leave */
    uint64_t inbox_full; /* dropped: too many wait for one who does not read */
    uint64_t streams, streams_failed;
};
const struct sim_counts *sim_counts(const struct sim *sim);
/* What all nodes hold now, tables and rings and records. */
size_t sim_memory_bytes(const struct sim *sim);

#endif
