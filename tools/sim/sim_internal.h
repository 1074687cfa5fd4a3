/* tools/sim/sim_internal.h - the parts of the engine, shared by the files of tools/sim only.
 *
 *   sim.c          making, running, looking
 *   trace.h        the running hash, the observers
 *   actions.c      what a scenario orders: its beginning and its end
 *   cuts.c         who cannot reach whom
 *   host.c         a host's clock; a node's birth and end
 *   inbox.c        the socket: what waits for a host that does not read
 *   turn.c         the two roles: what they are handed, when they step
 *   network.c      datagrams under way
 *   stream.c       streams under way
 *   sim_memory.c, sampling.c, event_queue.c, packet_pool.c    their heads say
 *
 * An instant has two halves: first all that happens at this time (packets are handed to the roles,
 * which may answer), then a turn of every host that something has happened to. A turn steps each
 * role once, and again when the other has told it something. */
#ifndef TOOLS_SIM_SIM_INTERNAL_H
#define TOOLS_SIM_SIM_INTERNAL_H

#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/base/random.h"
#include "tools/sim/event_queue.h"
#include "tools/sim/packet_pool.h"
#include "tools/sim/sampling.h"
#include "tools/sim/sim.h"

enum {
    SIM_OBSERVERS_MAX = 16,
    SIM_FEED_MAX = 1024,        /* role messages in a queue between the halves, as in the runtime */
    SIM_PEERS_KEPT = 64,        /* as in the runtime */
    SIM_STREAMS_PER_HOST = 128, /* as in the runtime */
    SIM_LINK_BYTES = 256 * 1024, /* wait for a host's limited link */
    SIM_PORT = 7946,
    SIM_PORT_OF_CLIENTS = 40000, /* connections come from where nobody listens */
    SIM_PLACES_MAX = 1 << 24,    /* three bytes of an address */
    SIM_HELD_MAX = 65536         /* packets that wait in the network for one deaf host */
};

/* Nothing arrives at the instant when it was sent. */
#define SIM_DELAY_MIN_NS NS_PER_US
/* A step whose deadline has come again at once: threads need as long to come round. */
#define SIM_TURN_NS (10 * NS_PER_US)
/* As the runtime asks again for the horizon. */
#define SIM_HORIZON_RETRY_NS (20 * NS_PER_MS)
#define SIM_LEAVE_NS (10 * NS_PER_S)
/* A limited link drops what would wait for longer, as routers do. */
#define SIM_LINK_WAIT_NS (2 * NS_PER_S)
/* 2026-01-01: the date at which every run starts. */
#define SIM_WALL_START_MS UINT64_C(1767225600000)

enum sim_event_kind {
    EVENT_ACTION = 1,  /* item: struct ordered */
    EVENT_ACTION_ENDS, /* item: struct ordered */
    EVENT_RESTART,     /* item: struct ordered; host */
    EVENT_ORDER,       /* item: struct ordered; a host that stood still is asked again */
    EVENT_PACKET,      /* item: struct packet */
    EVENT_REFUSED,     /* item: struct packet that nobody took, on its way back */
    EVENT_READ,        /* a slow host has done with one packet */
    EVENT_WAKE_GOSSIP, /* a role's deadline; void unless it is the one that is armed */
    EVENT_WAKE_DETECTOR,
    EVENT_RESOLVED, /* the name of a host that moved leads to its new address */
    EVENT_STREAM    /* item: struct stream; host: enum stream_part; void unless armed */
};

enum host_role { HOST_GOSSIP = 0, HOST_DETECTOR, HOST_ROLES };

/* What waits for a role: a packet, or a message of io or of the other role. */
struct letter {
    struct letter *next;
    struct packet *packet; /* NULL: message */
    struct role_message message;
};

struct role {
    struct letter *first, *last;
    uint32_t packets, messages; /* waiting; messages: of the other role */
    uint32_t packets_most;      /* of `packets`, since the last step */
    bool is_dirty;              /* has been handed something since its last step */
    uint64_t deadline_ns;       /* virtual, TIME_NEVER = none */
    uint64_t armed_ns;          /* of the wake-up that is in the queue */
    uint64_t armed_number;
};

struct fault {
    int64_t amount;
    uint64_t order; /* number of the action that it comes from, 0 = none */
};

struct host {
    struct sim *sim;
    uint32_t number;
    uint32_t place; /* where it lives: an address */
    bool is_up;
    bool is_touched; /* has a turn at the end of this instant */
    bool is_leaving;
    bool is_machine_down; /* with its process: nothing says that nobody listens */
    uint32_t boots;
    uint32_t metadata_sets;
    uint64_t booted_ns;
    uint64_t generation_kept; /* persisted, 0 = none */
    struct henge_address
        *peers_kept; /* likewise: SIM_PEERS_KEPT of room, NULL before the first end */
    uint32_t peers_kept_count;
    uint32_t seed_host; /* known by a name, which is resolved again */
    uint64_t name_hash;

    /* Clocks: node time = clock_node_ns + (virtual - clock_ns) * (1 + drift). */
    uint64_t clock_ns, clock_node_ns;
    int64_t drift_ppm;
    int64_t wall_step_ms;

    struct overlay overlay;
    struct gossip_node *gossip;
    struct detector_node *detector;
    struct role roles[HOST_ROLES];

    struct packet_chain inbox; /* in the socket */
    uint32_t inbox_datagrams;
    uint64_t read_number;     /* of the EVENT_READ under way, 0 = none */
    struct packet_chain held; /* in the network, while it is deaf */
    uint64_t inbox_drops;     /* not yet told to the detector */
    uint64_t link_free_ns;    /* SIM_CAPACITY: when what waits will have gone */
    uint32_t streams;

    struct fault faults[SIM_ACTION_KINDS];
    struct sim_traffic traffic;
};

/* A scheduled action. Never moved: events point to it. */
struct ordered {
    struct ordered *next;
    uint64_t number;
    struct sim_action action;
};

struct cut {
    struct cut *next;
    uint64_t order;
    uint32_t left; /* hosts of `who` for which it holds */
    struct sim_hosts who, other;
    uint64_t holds[]; /* bits by host */
};

struct stream;

struct sim {
    struct sim_settings settings;
    struct memory memory;       /* of the engine */
    struct memory nodes_memory; /* of the nodes */
    struct record_store *store;
    struct ring_house *rings;
    struct identities *identities;
    struct epoch_domain *epochs;

    uint64_t now_ns;
    bool is_stopped;
    uint64_t events_done;
    uint64_t trace_hash;
    struct event_queue queue;
    struct random random;

    struct host *hosts;
    struct map names;  /* name hash -> host */
    uint32_t *touched; /* hosts in the order of their turns, each once: a circle */
    uint32_t touched_first, touched_count;
    uint32_t *places; /* who lives there, SIM_NOBODY = nobody */
    uint32_t places_count, places_capacity;
    uint32_t *left_places; /* where nobody lives any more */
    uint32_t left_places_count, left_places_capacity;

    struct sim_network network; /* as it is now */
    struct fault network_faults[SIM_ACTION_KINDS];
    struct ordered *ordered;
    uint64_t ordered_count;
    struct cut *cuts;

    struct packet_pool packets;
    struct letter *letters; /* unused ones */
    struct letter_slab *letter_slabs;
    struct stream **streams; /* by slot; see stream.c */
    uint32_t streams_count, streams_capacity;
    struct stream *streams_unused;
    struct sim_counts counts;

    uint8_t message[PACKET_BODY_MAX]; /* the outbox's one at a time */
    struct sim_observer observers[SIM_OBSERVERS_MAX];
    uint32_t observers_count;
};

/* sim.c. Never NULL, see sim_memory.h. */
void *sim_take(struct sim *sim, size_t bytes);
void *sim_grow(struct sim *sim, void *block, size_t old_bytes, size_t new_bytes);
uint64_t sim_push(struct sim *sim, uint64_t time_ns, uint32_t kind, uint32_t host, void *item);

/* host.c */
void host_join(struct host *host, int64_t through, uint64_t now_ns);
void host_seed_moved(struct sim *sim, uint32_t moved);
void host_boot(struct host *host, int64_t join_through);
void host_end(struct host *host);
uint64_t host_node_ns(const struct host *host, uint64_t virtual_ns);
/* The first virtual time at which the host's clock shows this. */
uint64_t host_virtual_ns(const struct host *host, uint64_t node_ns);
void host_drift_set(struct host *host, int64_t ppm);
uint64_t host_wall_ms(const struct host *host);
/* Gives up its place and takes another. */
void host_move(struct host *host);
struct henge_address host_place_address(uint32_t place);
/* SIM_NOBODY when the address is of no place, or nobody lives there. place_out UINT32_MAX: none. */
uint32_t host_at(const struct sim *sim, const struct henge_address *address, uint32_t *place_out);
bool host_has(const struct host *host, enum sim_action_kind fault);

/* inbox.c */
/* A packet has come to the place; takes it. */
void inbox_arrive(struct host *host, struct packet *packet);
void inbox_read_event(struct host *host, uint64_t number);
/* The host reads again, or faster: all that may be read now. */
void inbox_resume(struct host *host);
/* Not deaf any more. */
void inbox_release_held(struct host *host);
/* In the node's clock: all that arrived before has been read. */
uint64_t inbox_horizon_ns(const struct host *host);
void inbox_clear(struct host *host);

/* turn.c */
/* From io to the role of its lane; takes it. */
void turn_hand_packet(struct host *host, struct packet *packet);
/* From io to the role: SCRIPT_DONE, STREAM_ENDED. */
void turn_tell(struct host *host, enum host_role to, const struct role_message *message);
void turn_touch(struct host *host);
void turn_detector_told(struct host *host);
/* Whatever has waited while it stood still. */
void turn_resume(struct host *host);
void turn_wake(struct host *host, enum host_role role, uint64_t number);
void turn_host(struct host *host);
void turn_clear(struct host *host);
void turn_arm(struct host *host, enum host_role role, uint64_t deadline_ns);
bool turn_is_still(const struct host *host, enum host_role role);
bool turn_to_detector(void *context, const struct role_message *message);
bool turn_to_gossip(void *context, const struct role_message *message);
void turn_letters_deinit(struct sim *sim);

/* network.c */
struct outbox network_outbox(struct host *host);
void network_arrive(struct sim *sim, struct packet *packet);
/* Its sender hears that nobody listens there. */
void network_refused(struct sim *sim, struct packet *packet);
/* How long a packet of the host is under way, from now on. */
uint64_t network_delay_ns(struct host *host);
/* When the last of these bytes leaves the host's own link; false: too many wait. */
bool network_link_ns(struct host *host, size_t bytes, bool may_drop, uint64_t *left_ns_out);

size_t network_payload_max(const struct sim *sim);
/* What a host of a later version puts behind the known bytes, if there is room; the new length. */
size_t network_later_append(struct host *host, uint8_t *message, size_t bytes, size_t room);

/* stream.c */
bool stream_open(struct host *client, const struct packet_target *target, const uint8_t *script,
                 size_t script_bytes, uint64_t script_token, uint64_t request_token);
bool stream_reply(struct host *server, uint32_t id, const uint8_t *script, size_t script_bytes,
                  uint64_t script_token);
void stream_event(struct sim *sim, const struct event *event);
/* A frame has been handed over: the next may come. */
void stream_consumed(struct sim *sim, uint32_t id, bool is_from_client);
/* The host is going down. */
void stream_host_gone(struct host *host);
void stream_deinit(struct sim *sim);

/* actions.c */
void action_begin(struct sim *sim, const struct ordered *ordered);
void action_end(struct sim *sim, const struct ordered *ordered);
void action_restart(struct host *host, const struct ordered *ordered);
void action_order(struct host *host, const struct ordered *ordered);
bool hosts_have(const struct sim_hosts *hosts, uint32_t host);

/* cuts.c */
void cut_begin(struct sim *sim, const struct ordered *ordered);
void cut_end(struct sim *sim, uint64_t order);
/* Ends those of these hosts: what they send passes again. */
void cut_heal(struct sim *sim, const struct sim_hosts *who);
bool cut_is(const struct sim *sim, uint32_t from, uint32_t to);
void cut_deinit(struct sim *sim);

#endif
