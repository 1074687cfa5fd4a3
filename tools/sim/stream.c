/* tools/sim/stream.c - streams: a request's script one way, an answer's the other.
 *
 *   CONNECTING -> OPEN -> ENDING -> free
 *
 * A script is lent memory: each record is copied out of it when it arrives, and the next one
 * follows when that has been handed to the role of its lane (a stream waits; nothing of it is
 * dropped). Loss costs time. A cut or a deaf side stops it, and the idle deadline ends it. A host
 * that goes down ends it on the other side one delay later. The rules of io/stream.h hold. */
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "tools/sim/sim_internal.h"
#include "tools/sim/trace.h"
#include <string.h>

#define CONNECT_NS (2 * NS_PER_S)
#define IDLE_NS (5 * NS_PER_S)
#define RETRANSMIT_FIRST_NS (10 * NS_PER_MS)
#define RETRANSMIT_LAST_NS (1 * NS_PER_S)
#define BLOCKED_RETRY_NS (200 * NS_PER_MS)

enum {
    NS_PER_BYTE = 8, /* 1 Gbit/s */
    RECORD_HEAD_BYTES = 2,
    SLOT_BITS = 20, /* of an id; the rest counts how often the slot was used */
    SLOTS_MAX = (1 << SLOT_BITS) - 1
};

enum stream_state { STREAM_FREE = 0, STREAM_CONNECTING, STREAM_OPEN, STREAM_ENDING };

/* What an event is about. */
enum stream_part { TO_SERVER = 0, TO_CLIENT, LIFE, PARTS };
enum { FLOWS = 2 };

struct flow {
    const uint8_t *script; /* NULL: none, or given back */
    size_t bytes, at;
    uint64_t token;
    bool has_script;   /* there was one */
    bool is_delivered; /* the record at `at` waits to be handed over */
    uint32_t losses;   /* of this record */
};

struct stream {
    struct stream *next; /* unused ones */
    uint32_t slot, uses, id;
    enum stream_state state;
    uint32_t sides[FLOWS]; /* receiving hosts by flow: server, client; SIM_NOBODY = gone */
    uint32_t server_place;
    uint64_t generation;
    uint64_t request_token; /* 0: nobody is told of the end */
    uint8_t lane;
    struct flow flows[FLOWS];
    uint64_t armed[PARTS]; /* numbers of the events that are meant */
    uint64_t opened_ns, moved_ns;
    uint64_t frames; /* that the client has got */
    bool has_failed;
};

static void arm(struct sim *sim, struct stream *stream, enum stream_part part, uint64_t time_ns) {
    stream->armed[part] = sim_push(sim, time_ns, EVENT_STREAM, (uint32_t)part, stream);
}

static struct stream *take(struct sim *sim) {
    struct stream *stream = sim->streams_unused;
    if (stream) {
        sim->streams_unused = stream->next;
        return stream;
    }
    if (sim->streams_count == SLOTS_MAX) {
        return NULL;
    }
    if (sim->streams_count == sim->streams_capacity) {
        uint32_t more = sim->streams_capacity > 0 ? 2 * sim->streams_capacity : 64;
        sim->streams = sim_grow(sim, sim->streams, sim->streams_capacity * sizeof(*sim->streams),
                                more * sizeof(*sim->streams));
        sim->streams_capacity = more;
    }
    stream = sim_take(sim, sizeof(*stream));
    stream->slot = sim->streams_count;
    sim->streams[sim->streams_count++] = stream;
    return stream;
}

static struct stream *find(const struct sim *sim, uint32_t id) {
    uint32_t slot = (id & SLOTS_MAX) - 1;
    struct stream *stream = slot < sim->streams_count ? sim->streams[slot] : NULL;
    return stream && stream->state != STREAM_FREE && stream->id == id ? stream : NULL;
}

static struct host *side(struct sim *sim, const struct stream *stream, enum stream_part flow) {
    uint32_t number = stream->sides[flow];
    return number == SIM_NOBODY ? NULL : &sim->hosts[number];
}

static struct host *receiver(struct sim *sim, const struct stream *stream, enum stream_part flow) {
    return side(sim, stream, flow);
}

static struct host *sender(struct sim *sim, const struct stream *stream, enum stream_part flow) {
    return side(sim, stream, flow == TO_SERVER ? TO_CLIENT : TO_SERVER);
}

static void tell(struct host *host, uint8_t kind, uint64_t token, bool failed) {
    struct role_message message = {.kind = kind, .flag = failed, .node = host->number};
    message.as.token = token;
    turn_tell(host, token & TOKEN_DETECTOR ? HOST_DETECTOR : HOST_GOSSIP, &message);
}

/* The sender's script is not referred to any more. */
static void give_back(struct sim *sim, struct stream *stream, enum stream_part part) {
    struct flow *flow = &stream->flows[part];
    struct host *lender = sender(sim, stream, part);
    if (flow->script && lender) {
        tell(lender, ROLE_SCRIPT_DONE, flow->token, false);
    }
    flow->script = NULL;
}

static void finish(struct sim *sim, struct stream *stream) {
    struct host *client = side(sim, stream, TO_CLIENT);
    struct host *server = side(sim, stream, TO_SERVER);
    give_back(sim, stream, TO_SERVER);
    give_back(sim, stream, TO_CLIENT);
    if (client) {
        client->streams--;
        if (stream->request_token != 0) {
            tell(client, ROLE_STREAM_ENDED, stream->request_token, stream->has_failed);
        }
    }
    if (server) {
        server->streams--;
    }
    sim->counts.streams_failed += stream->has_failed;
    stream->state = STREAM_FREE;
    memset(stream->armed, 0, sizeof(stream->armed));
    stream->next = sim->streams_unused;
    sim->streams_unused = stream;
}

static void end_at(struct sim *sim, struct stream *stream, uint64_t time_ns, bool has_failed) {
    if (stream->state != STREAM_ENDING) {
        stream->state = STREAM_ENDING;
        stream->has_failed = has_failed;
        arm(sim, stream, LIFE, time_ns);
    }
}

/* Neither side hears the other, or what it says of what it has heard. */
static bool is_blocked(const struct sim *sim, const struct host *one, const struct host *other) {
    return cut_is(sim, one->number, other->number) || cut_is(sim, other->number, one->number) ||
           host_has(one, SIM_DEAF) || host_has(other, SIM_DEAF);
}

static bool is_lost(struct sim *sim, const struct host *from, const struct host *to) {
    return sample_chance(&sim->random, sim->network.loss_ppm) ||
           sample_chance(&sim->random, (uint64_t)from->faults[SIM_LOSS_OUT].amount) ||
           sample_chance(&sim->random, (uint64_t)to->faults[SIM_LOSS_IN].amount);
}

static uint64_t retransmit_ns(uint32_t losses) {
    uint64_t wait_ns = RETRANSMIT_FIRST_NS << (losses < 7 ? losses : 7);
    return wait_ns < RETRANSMIT_LAST_NS ? wait_ns : RETRANSMIT_LAST_NS;
}

static size_t record_bytes(const struct flow *flow) {
    return flow->script[flow->at] | (size_t)flow->script[flow->at + 1] << 8;
}

/* The record at `at` sets out, delay_ns from its arrival. */
static void record_sets_out(struct sim *sim, struct stream *stream, enum stream_part part,
                            uint64_t delay_ns) {
    struct flow *flow = &stream->flows[part];
    struct host *from = sender(sim, stream, part);
    if (!flow->script || !from) {
        return;
    }
    size_t bytes = RECORD_HEAD_BYTES + record_bytes(flow) + SIM_PACKET_OVERHEAD;
    uint64_t left_ns;
    network_link_ns(from, bytes, false, &left_ns);
    from->traffic.stream_bytes += bytes;
    flow->losses = 0;
    arm(sim, stream, part, left_ns + delay_ns + bytes * NS_PER_BYTE);
}

static void connect_event(struct sim *sim, struct stream *stream) {
    struct host *client = side(sim, stream, TO_CLIENT);
    uint32_t number = sim->places[stream->server_place];
    struct host *server = number == SIM_NOBODY ? NULL : &sim->hosts[number];
    if (sim->now_ns - stream->opened_ns >= CONNECT_NS) {
        stream->has_failed = true;
        finish(sim, stream);
        return;
    }
    uint64_t timeout_ns = stream->opened_ns + CONNECT_NS;
    if (!server || server->is_machine_down || is_blocked(sim, client, server) ||
        is_lost(sim, client, server) || is_lost(sim, server, client)) {
        uint64_t retry_ns = sim->now_ns + NS_PER_S;
        arm(sim, stream, LIFE, retry_ns < timeout_ns ? retry_ns : timeout_ns);
        return;
    }
    uint64_t back_ns = sim->now_ns + network_delay_ns(server);
    if (!server->is_up || server->streams >= SIM_STREAMS_PER_HOST) {
        end_at(sim, stream, back_ns, true); /* refused */
        return;
    }
    stream->sides[TO_SERVER] = server->number;
    server->streams++;
    stream->state = STREAM_OPEN;
    stream->moved_ns = back_ns;
    record_sets_out(sim, stream, TO_SERVER, back_ns - sim->now_ns + network_delay_ns(client));
    arm(sim, stream, LIFE, back_ns + IDLE_NS);
}

static void life_event(struct sim *sim, struct stream *stream) {
    if (stream->state == STREAM_CONNECTING) {
        connect_event(sim, stream);
    } else if (stream->state == STREAM_ENDING) {
        finish(sim, stream);
    } else if (sim->now_ns >= stream->moved_ns + IDLE_NS) {
        stream->has_failed = true;
        finish(sim, stream);
    } else {
        arm(sim, stream, LIFE, stream->moved_ns + IDLE_NS);
    }
}

static void deliver(struct sim *sim, struct stream *stream, enum stream_part part) {
    struct flow *flow = &stream->flows[part];
    struct host *from = sender(sim, stream, part);
    struct host *to = receiver(sim, stream, part);
    size_t bytes = record_bytes(flow);
    ASSERT(bytes <= PACKET_BODY_MAX && flow->at + RECORD_HEAD_BYTES + bytes <= flow->bytes);
    struct packet *packet = packet_take(&sim->packets, PACKET_BODY_MAX);
    ASSERT(packet); /* sim_memory.h */
    packet->bytes = (uint16_t)bytes;
    packet->from_host = from->number;
    packet->from_place = from->place;
    packet->to_place = to->place;
    packet->destination_generation = part == TO_SERVER ? stream->generation : 0;
    packet->stream = stream->id;
    packet->lane = stream->lane;
    packet->is_from_client = part == TO_SERVER;
    memcpy(packet->body, flow->script + flow->at + RECORD_HEAD_BYTES, bytes);
    if (host_has(from, SIM_LATER_VERSION) && bytes < network_payload_max(sim)) {
        packet->bytes =
            (uint16_t)network_later_append(from, packet->body, bytes, network_payload_max(sim));
    }
    trace_note(sim, TRACE_FRAME, to->number, hash64(packet->body, packet->bytes));
    flow->is_delivered = true;
    inbox_arrive(to, packet);
}

void stream_event(struct sim *sim, const struct event *event) {
    struct stream *stream = event->item;
    enum stream_part part = (enum stream_part)event->host;
    if (stream->armed[part] != event->number) {
        return;
    }
    stream->armed[part] = 0;
    if (part == LIFE) {
        life_event(sim, stream);
        return;
    }
    struct flow *flow = &stream->flows[part];
    struct host *from = sender(sim, stream, part);
    struct host *to = receiver(sim, stream, part);
    if (!from || !to || !flow->script) {
        return;
    }
    if (is_blocked(sim, from, to)) {
        arm(sim, stream, part, sim->now_ns + BLOCKED_RETRY_NS);
    } else if (is_lost(sim, from, to)) {
        arm(sim, stream, part, sim->now_ns + retransmit_ns(flow->losses++));
    } else {
        deliver(sim, stream, part);
    }
}

void stream_consumed(struct sim *sim, uint32_t id, bool is_from_client) {
    struct stream *stream = find(sim, id);
    if (!stream) {
        return;
    }
    enum stream_part part = is_from_client ? TO_SERVER : TO_CLIENT;
    struct flow *flow = &stream->flows[part];
    if (!flow->is_delivered || !flow->script) {
        return;
    }
    flow->is_delivered = false;
    flow->at += RECORD_HEAD_BYTES + record_bytes(flow);
    stream->moved_ns = sim->now_ns;
    stream->frames += part == TO_CLIENT;
    if (flow->at < flow->bytes) {
        record_sets_out(sim, stream, part, 0);
        return;
    }
    give_back(sim, stream, part);
    if (part == TO_CLIENT) {
        end_at(sim, stream, sim->now_ns + SIM_DELAY_MIN_NS, false);
    }
}

static void lend(struct flow *flow, const uint8_t *script, size_t bytes, uint64_t token) {
    *flow = (struct flow){.script = script, .bytes = bytes, .token = token, .has_script = true};
}

bool stream_open(struct host *client, const struct packet_target *target, const uint8_t *script,
                 size_t script_bytes, uint64_t script_token, uint64_t request_token) {
    struct sim *sim = client->sim;
    uint32_t place;
    if (client->streams >= SIM_STREAMS_PER_HOST || script_bytes <= RECORD_HEAD_BYTES) {
        return false;
    }
    struct stream *stream = take(sim);
    if (!stream) {
        return false;
    }
    (void)host_at(sim, &target->address, &place);
    uint32_t uses = stream->uses + 1;
    *stream = (struct stream){.slot = stream->slot,
                              .uses = uses,
                              .id = uses << SLOT_BITS | (stream->slot + 1),
                              .state = STREAM_CONNECTING,
                              .sides = {SIM_NOBODY, client->number},
                              .server_place = place,
                              .generation = target->generation,
                              .request_token = request_token,
                              .lane = target->lane,
                              .opened_ns = sim->now_ns,
                              .moved_ns = sim->now_ns};
    lend(&stream->flows[TO_SERVER], script, script_bytes, script_token);
    client->streams++;
    sim->counts.streams++;
    if (place == UINT32_MAX) {
        end_at(sim, stream, sim->now_ns + CONNECT_NS, true);
    } else {
        arm(sim, stream, LIFE, sim->now_ns + network_delay_ns(client));
    }
    return true;
}

bool stream_reply(struct host *server, uint32_t id, const uint8_t *script, size_t script_bytes,
                  uint64_t script_token) {
    struct sim *sim = server->sim;
    struct stream *stream = find(sim, id);
    if (!stream || stream->state != STREAM_OPEN || stream->sides[TO_SERVER] != server->number ||
        stream->sides[TO_CLIENT] == SIM_NOBODY || stream->flows[TO_CLIENT].has_script ||
        script_bytes <= RECORD_HEAD_BYTES) {
        return false;
    }
    lend(&stream->flows[TO_CLIENT], script, script_bytes, script_token);
    stream->moved_ns = sim->now_ns;
    record_sets_out(sim, stream, TO_CLIENT, network_delay_ns(server));
    return true;
}

/* What it has lent is gone with it; the other side hears of the end after a delay. */
static void side_gone(struct sim *sim, struct stream *stream, enum stream_part flow) {
    struct host *gone = side(sim, stream, flow);
    enum stream_part lent = flow == TO_SERVER ? TO_CLIENT : TO_SERVER;
    gone->streams--;
    stream->flows[lent].script = NULL;
    stream->sides[flow] = SIM_NOBODY;
    if (stream->sides[lent] == SIM_NOBODY) {
        stream->has_failed = true;
        finish(sim, stream);
        return;
    }
    bool was_ending_well = stream->state == STREAM_ENDING && !stream->has_failed;
    if (!was_ending_well) {
        end_at(sim, stream, sim->now_ns + network_delay_ns(gone), true);
    }
}

void stream_host_gone(struct host *host) {
    struct sim *sim = host->sim;
    for (uint32_t slot = 0; slot < sim->streams_count && host->streams > 0; slot++) {
        struct stream *stream = sim->streams[slot];
        for (int flow = TO_SERVER; flow <= TO_CLIENT; flow++) {
            if (stream->state != STREAM_FREE && stream->sides[flow] == host->number) {
                side_gone(sim, stream, (enum stream_part)flow);
            }
        }
    }
}

void stream_deinit(struct sim *sim) {
    for (uint32_t slot = 0; slot < sim->streams_count; slot++) {
        memory_release(&sim->memory, sim->streams[slot], sizeof(struct stream), HENGE_MEMORY_CORE);
    }
    memory_release(&sim->memory, sim->streams, sim->streams_capacity * sizeof(*sim->streams),
                   HENGE_MEMORY_CORE);
}
