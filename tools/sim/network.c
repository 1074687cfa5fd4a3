/* tools/sim/network.c - datagrams: from a role's outbox over the host's link and the network to a
 * place. */
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "membership/message.h"
#include "tools/sim/sim_internal.h"
#include "tools/sim/trace.h"
#include <string.h>

#define REPLAY_LATEST_NS (10 * NS_PER_S)

enum {
    LATER_BYTES_MAX = 16,      /* behind the known ones */
    LATER_UNKNOWN_ONE_IN = 16, /* so often a message of unknown type goes along */
    LATER_TYPE_FIRST = 200,
    LATER_TYPES = 56
};

uint64_t network_delay_ns(struct host *host) {
    struct sim *sim = host->sim;
    uint64_t delay_ns = sim->network.delay_ns;
    delay_ns += sample_exponential(&sim->random, sim->network.delay_random_ns);
    if (host_has(host, SIM_DELAY)) {
        delay_ns += (uint64_t)host->faults[SIM_DELAY].amount;
    }
    return delay_ns > SIM_DELAY_MIN_NS ? delay_ns : SIM_DELAY_MIN_NS;
}

bool network_link_ns(struct host *host, size_t bytes, bool may_drop, uint64_t *left_ns_out) {
    uint64_t now_ns = host->sim->now_ns;
    *left_ns_out = now_ns;
    if (!host_has(host, SIM_CAPACITY)) {
        return true;
    }
    uint64_t rate = (uint64_t)host->faults[SIM_CAPACITY].amount;
    rate = rate > 0 ? rate : 1;
    uint64_t free_ns = host->link_free_ns > now_ns ? host->link_free_ns : now_ns;
    uint64_t waiting_max_ns = (uint64_t)SIM_LINK_BYTES * NS_PER_S / rate;
    waiting_max_ns = waiting_max_ns < SIM_LINK_WAIT_NS ? waiting_max_ns : SIM_LINK_WAIT_NS;
    if (may_drop && free_ns - now_ns > waiting_max_ns) {
        host->sim->counts.link_full++;
        return false;
    }
    host->link_free_ns = free_ns + bytes * NS_PER_S / rate;
    *left_ns_out = host->link_free_ns;
    return true;
}

size_t network_payload_max(const struct sim *sim) {
    return sim->settings.config.datagram_bytes - SIM_PACKET_OVERHEAD;
}

static bool is_lost(struct host *from, uint32_t to) {
    struct sim *sim = from->sim;
    const struct host *receiver = to < sim->settings.hosts ? &sim->hosts[to] : NULL;
    return sample_chance(&sim->random, sim->network.loss_ppm) ||
           sample_chance(&sim->random, (uint64_t)from->faults[SIM_LOSS_OUT].amount) ||
           (receiver &&
            sample_chance(&sim->random, (uint64_t)receiver->faults[SIM_LOSS_IN].amount));
}

struct flight {
    const struct packet_target *target;
    uint32_t to, place;
    const uint8_t *message;
    size_t bytes;
};

static void fly(struct host *from, const struct flight *flight, uint64_t arrives_ns) {
    struct sim *sim = from->sim;
    struct packet *packet = packet_take(&sim->packets, flight->bytes);
    ASSERT(packet); /* sim_memory.h */
    packet->from_host = from->number;
    packet->from_place = from->place;
    packet->to_place = flight->place;
    packet->destination_generation = flight->target->generation;
    packet->stream = 0;
    packet->lane = flight->target->lane;
    packet->is_from_client = false;
    memcpy(packet->body, flight->message, flight->bytes);
    sim_push(sim, arrives_ns, EVENT_PACKET, flight->place, packet);
}

static void transmit(struct host *from, const struct flight *flight) {
    struct sim *sim = from->sim;
    uint64_t left_ns;
    size_t bytes = flight->bytes + SIM_PACKET_OVERHEAD;
    from->traffic.packets++;
    from->traffic.bytes += bytes;
    if (flight->target->lane < 3) {
        from->traffic.packets_lane[flight->target->lane]++;
        from->traffic.bytes_lane[flight->target->lane] += bytes;
    }
    if (!network_link_ns(from, bytes, true, &left_ns)) {
        return;
    }
    if (flight->place == UINT32_MAX) {
        sim->counts.nobody++;
        return;
    }
    if (flight->to != SIM_NOBODY && cut_is(sim, from->number, flight->to)) {
        sim->counts.cut++;
        return;
    }
    if (is_lost(from, flight->to)) {
        sim->counts.lost++;
        return;
    }
    fly(from, flight, left_ns + network_delay_ns(from));
    if (sample_chance(&sim->random, sim->network.duplicate_ppm)) {
        sim->counts.duplicated++;
        fly(from, flight, left_ns + network_delay_ns(from));
    }
    if (sample_chance(&sim->random, sim->network.replay_ppm)) {
        sim->counts.replayed++;
        fly(from, flight,
            left_ns + network_delay_ns(from) + random_below(&sim->random, REPLAY_LATEST_NS));
    }
}

/* A host of a later version: bytes behind the known ones, and types that nobody here knows. */
size_t network_later_append(struct host *host, uint8_t *message, size_t bytes, size_t room) {
    struct random *random = &host->sim->random;
    size_t more = 1 + (size_t)random_below(random, LATER_BYTES_MAX);
    more = bytes + more <= room ? more : room - bytes;
    for (size_t i = 0; i < more; i++) {
        message[bytes + i] = (uint8_t)random_u64(random);
    }
    return bytes + more;
}

static void later_unknown(struct host *host, struct flight flight) {
    struct random *random = &host->sim->random;
    uint8_t message[MESSAGE_HEAD_BYTES + LATER_BYTES_MAX];
    if (random_below(random, LATER_UNKNOWN_ONE_IN) != 0) {
        return;
    }
    memcpy(message, flight.message, MESSAGE_HEAD_BYTES);
    message[0] = (uint8_t)(LATER_TYPE_FIRST + random_below(random, LATER_TYPES));
    flight.bytes = network_later_append(host, message, MESSAGE_HEAD_BYTES, sizeof(message));
    flight.message = message;
    transmit(host, &flight);
}

static uint8_t *outbox_begin(void *context, size_t *capacity_out) {
    struct host *host = context;
    *capacity_out = network_payload_max(host->sim);
    return host->sim->message;
}

static void outbox_commit(void *context, const struct packet_target *target, size_t bytes) {
    struct host *host = context;
    struct sim *sim = host->sim;
    if (bytes == 0) {
        return;
    }
    ASSERT(bytes <= network_payload_max(sim));
    struct flight flight = {.target = target, .message = sim->message, .bytes = bytes};
    flight.to = host_at(sim, &target->address, &flight.place);
    trace_send(host, flight.to, target->lane, sim->message, bytes);
    if (host_has(host, SIM_LATER_VERSION)) {
        if (bytes >= MESSAGE_HEAD_BYTES) {
            later_unknown(host, flight);
        }
        flight.bytes = network_later_append(host, sim->message, bytes, network_payload_max(sim));
    }
    transmit(host, &flight);
}

static bool outbox_request(void *context, const struct packet_target *target, const uint8_t *script,
                           size_t script_bytes, uint64_t script_token, uint64_t request_token) {
    return stream_open(context, target, script, script_bytes, script_token, request_token);
}

static bool outbox_answer(void *context, uint32_t stream, const uint8_t *script,
                          size_t script_bytes, uint64_t script_token) {
    return stream_reply(context, stream, script, script_bytes, script_token);
}

struct outbox network_outbox(struct host *host) {
    return (struct outbox){.context = host,
                           .begin = outbox_begin,
                           .commit = outbox_commit,
                           .stream_request = outbox_request,
                           .stream_answer = outbox_answer};
}

/* The machine of a process that has ended says so, if its word comes through. */
static void refuse(struct sim *sim, struct host *host, struct packet *packet) {
    if (host->is_machine_down || cut_is(sim, host->number, packet->from_host) ||
        is_lost(host, packet->from_host)) {
        packet_give(&sim->packets, packet);
        return;
    }
    sim_push(sim, sim->now_ns + network_delay_ns(host), EVENT_REFUSED, host->number, packet);
}

void network_arrive(struct sim *sim, struct packet *packet) {
    uint32_t to = sim->places[packet->to_place];
    if (to == SIM_NOBODY) {
        sim->counts.nobody++;
        packet_give(&sim->packets, packet);
    } else if (cut_is(sim, packet->from_host, to)) {
        sim->counts.cut++;
        packet_give(&sim->packets, packet);
    } else if (sim->hosts[to].is_up) {
        sim->counts.arrived++;
        inbox_arrive(&sim->hosts[to], packet);
    } else {
        sim->counts.nobody++;
        refuse(sim, &sim->hosts[to], packet);
    }
}

void network_refused(struct sim *sim, struct packet *packet) {
    struct host *sender = &sim->hosts[packet->from_host];
    if (sender->is_up && sender->place == packet->from_place &&
        !turn_is_still(sender, HOST_DETECTOR) && !host_has(sender, SIM_DEAF)) {
        struct henge_address address = host_place_address(packet->to_place);
        detector_refused(sender->detector->detector, &address, host_node_ns(sender, sim->now_ns));
        turn_detector_told(sender);
    }
    packet_give(&sim->packets, packet);
}
