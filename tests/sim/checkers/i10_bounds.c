/* tests/sim/checkers/i10_bounds.c - I10: memory, queue lengths and packets per second stay inside
 * configured bounds whatever arrives from the network.
 *
 * Packets, per host and second: gossip waves have a token bucket; the answers of the gossip lane
 * have another; the detector sends its own probe and helpers, and answers: at most one packet for
 * each that came in, plus what it relays. Memory, all hosts together: so much for a node, so much
 * for a member that a node knows. Queues: what the headers of the rooms call their limits. */
#include "membership/detector/relay.h"
#include "membership/limits.h"
#include "membership/message.h"
#include "tests/sim/checkers/checker.h"
#include <stdlib.h>

enum {
    /* Own initiative beside the buckets, per second: joins to all seeds, sync, contact, pulls. */
    GOSSIP_OTHERS = 64,
    /* Each gossip tick of a leave goes to many members at once: LEAVE_TARGETS_MAX. */
    LEAVE_TARGETS = 256,
    DETECTOR_OWN = 32,
    INBOX_ALLOWED = 2048,
    MEMORY_SHARED = 64 * 1024, /* interned records */
    MEMORY_NODE = 256 * 1024,
    MEMORY_MEMBER = 2048
};
#define WINDOW_NS UINT64_C(1000000000)

struct window {
    uint64_t begun_ns;
    uint32_t waves, others, detector, received;
    bool is_reported;
};

struct bounds {
    struct window *windows; /* by host */
};

static bool init(struct watch *watch, void *state) {
    struct bounds *own = state;
    own->windows = calloc(watch->hosts_count, sizeof *own->windows);
    return own->windows != NULL;
}

static void deinit(struct watch *watch, void *state) {
    struct bounds *own = state;
    (void)watch;
    free(own->windows);
}

static struct window *window_of(const struct watch *watch, struct bounds *own, uint32_t host) {
    struct window *window = &own->windows[host];
    if (watch->now_ns - window->begun_ns >= WINDOW_NS)
        *window = (struct window){.begun_ns = watch->now_ns};
    return window;
}

static uint32_t per_window(uint32_t per_s) {
    return per_s + per_s / 50; /* a clock that runs 1 % fast, and the window's two ends */
}

static void check_gossip(struct watch *watch, uint32_t host, struct window *window) {
    const struct henge_config *config = &sim_settings(watch->sim)->config;
    uint32_t waves = per_window(config->gossip_packets_per_s) + config->gossip_burst + 1;
    uint32_t ticks = 1000 / (config->gossip_tick_ms == 0 ? 1 : config->gossip_tick_ms) + 1;
    uint32_t leaves = watch->hosts[host].is_leaving ? LEAVE_TARGETS * ticks : 0;
    uint32_t others = per_window(REPLY_PACKETS_PER_S) + REPLY_PACKETS_BURST + GOSSIP_OTHERS;
    if (window->waves > waves)
        watch_report(watch, 10, host, SIM_NOBODY, "%u waves' packets within a second, limit %u",
                     window->waves, waves);
    else if (window->others > others + leaves)
        watch_report(watch, 10, host, SIM_NOBODY, "%u gossip packets within a second, limit %u",
                     window->others, others + leaves);
    else
        return;
    window->is_reported = true;
}

static void on_send(struct watch *watch, void *state, const struct packet_sight *packet) {
    struct bounds *own = state;
    struct window *window = window_of(watch, own, packet->from);
    if (packet->to != SIM_NOBODY)
        window_of(watch, own, packet->to)->received++;
    if (packet->lane == LANE_DETECTOR) {
        uint32_t limit = DETECTOR_OWN + RELAYS_MAX + 2 * window->received;
        if (watch_in_fault_set(watch, packet->from))
            limit += INBOX_ALLOWED; /* what had waited while it stood still */
        if (++window->detector > limit && !window->is_reported) {
            watch_report(watch, 10, packet->from, SIM_NOBODY,
                         "%u probe packets within a second, limit %u", window->detector, limit);
            window->is_reported = true;
        }
        return;
    }
    if (packet->bytes > 0 && packet->message[0] == MESSAGE_GOSSIP)
        window->waves++;
    else
        window->others++;
    if (watch->sim != NULL && !window->is_reported)
        check_gossip(watch, packet->from, window);
}

static void check_queues(struct watch *watch, uint32_t host) {
    const struct gossip_node *node = sim_gossip(watch->sim, host);
    uint32_t members_max = node->settings.membership.members_max;
    uint32_t slots = membership_slots(node->membership);
    if (node->events_count > GOSSIP_NODE_EVENTS_PENDING || node->slots_waiting_count > slots ||
        node->dirty_count > slots || slots > members_max)
        watch_report(watch, 10, host, SIM_NOBODY,
                     "events %u, slots %u (of %u), waiting %u, to be fed %u", node->events_count,
                     slots, members_max, node->slots_waiting_count, node->dirty_count);
    /* A name has one slot, and while views name its old one maybe another. */
    uint32_t needed = 2 * watch->hosts_count + 16;
    if (slots > needed)
        watch_report(watch, 10, host, SIM_NOBODY, "%u slots for at most %u names", slots,
                     watch->hosts_count);
}

static void on_sample(struct watch *watch, void *state) {
    (void)state;
    uint64_t known = 0;
    uint32_t up = 0;
    for (uint32_t host = 0; host < watch->hosts_count; host++) {
        if (!watch->hosts[host].is_up)
            continue;
        check_queues(watch, host);
        known += membership_slots(sim_gossip(watch->sim, host)->membership);
        up++;
    }
    uint64_t limit = MEMORY_SHARED + (uint64_t)up * MEMORY_NODE + known * MEMORY_MEMBER;
    if (sim_settings(watch->sim)->builds_views)
        limit *= 4; /* each view names all members, and live_views_max may be alive */
    if (sim_memory_bytes(watch->sim) > limit)
        watch_report(watch, 10, SIM_NOBODY, SIM_NOBODY, "%zu bytes held, limit %llu",
                     sim_memory_bytes(watch->sim), (unsigned long long)limit);
}

const struct checker checker_bounds = {.number = 10,
                                       .state_bytes = sizeof(struct bounds),
                                       .init = init,
                                       .deinit = deinit,
                                       .on_send = on_send,
                                       .on_sample = on_sample};
