/* tools/sim/inbox.c - a host's socket: packets wait here for a process that does not read, or reads
 * slowly; those for a deaf host wait before it, in the network. */
#include "tools/sim/sim_internal.h"

static bool is_reading(const struct host *host) {
    return host->is_up && !host_has(host, SIM_PAUSE);
}

/* What the host drops was no frame of a stream: streams wait by themselves. */
static bool drop_if_full(struct host *host, struct packet *packet, uint32_t waiting, uint32_t max) {
    if (packet->stream != 0 || waiting < max) {
        return false;
    }
    host->sim->counts.inbox_full++;
    host->inbox_drops++;
    packet_give(&host->sim->packets, packet);
    return true;
}

static struct packet *take_first(struct host *host) {
    struct packet *packet = packet_chain_pop(&host->inbox);
    if (packet && packet->stream == 0) {
        host->inbox_datagrams--;
    }
    return packet;
}

/* A slow host begins with the first that waits. */
static void work_begin(struct host *host) {
    if (host->read_number == 0 && host->inbox.count > 0) {
        uint64_t done_ns = host->sim->now_ns + (uint64_t)host->faults[SIM_SLOW].amount;
        host->read_number = sim_push(host->sim, done_ns, EVENT_READ, host->number, NULL);
    }
}

static void put(struct host *host, struct packet *packet) {
    struct sim *sim = host->sim;
    bool is_slow = host_has(host, SIM_SLOW);
    packet->arrived_ns = sim->now_ns;
    if (is_reading(host) && !is_slow && host->inbox.count == 0) {
        turn_hand_packet(host, packet);
        return;
    }
    if (drop_if_full(host, packet, host->inbox_datagrams, sim->settings.inbox_packets)) {
        return;
    }
    host->inbox_datagrams += packet->stream == 0;
    packet_chain_push(&host->inbox, packet);
    if (is_reading(host) && is_slow) {
        work_begin(host);
    }
}

void inbox_arrive(struct host *host, struct packet *packet) {
    if (!host_has(host, SIM_DEAF)) {
        put(host, packet);
    } else if (!drop_if_full(host, packet, host->held.count, SIM_HELD_MAX)) {
        packet_chain_push(&host->held, packet);
    }
}

void inbox_release_held(struct host *host) {
    struct packet_chain held = host->held;
    struct packet *packet;
    host->held = (struct packet_chain){0};
    while ((packet = packet_chain_pop(&held)) != NULL) {
        if (host->is_up) {
            put(host, packet);
        } else {
            packet_give(&host->sim->packets, packet);
        }
    }
}

void inbox_read_event(struct host *host, uint64_t number) {
    if (number != host->read_number) {
        return;
    }
    host->read_number = 0;
    struct packet *packet = is_reading(host) ? take_first(host) : NULL;
    if (packet) {
        turn_hand_packet(host, packet);
        inbox_resume(host);
    }
}

void inbox_resume(struct host *host) {
    if (!is_reading(host)) {
        return;
    }
    if (host_has(host, SIM_SLOW)) {
        work_begin(host);
        return;
    }
    struct packet *packet;
    host->read_number = 0;
    while ((packet = take_first(host)) != NULL) {
        turn_hand_packet(host, packet);
    }
}

uint64_t inbox_horizon_ns(const struct host *host) {
    if (host->inbox.first) {
        return host_node_ns(host, host->inbox.first->arrived_ns) - 1;
    }
    return host_node_ns(host, host->sim->now_ns);
}

void inbox_clear(struct host *host) {
    packet_chain_give(&host->sim->packets, &host->inbox);
    packet_chain_give(&host->sim->packets, &host->held);
    host->inbox_datagrams = 0;
    host->read_number = 0;
}
