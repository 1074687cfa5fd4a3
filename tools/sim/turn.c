/* tools/sim/turn.c - the two roles of a host: what they are handed, what they tell each other, when
 * they step. What desk.c, gossip_role.c and detector_role.c are in the runtime. */
#include "core/base/assert.h"
#include "tools/sim/sim_internal.h"
#include "tools/sim/trace.h"

enum {
    TURN_ROUNDS = 8, /* of a turn; if the halves have still something to tell, a moment later */
    LETTERS_FIRST = 64,
    LETTERS_LAST = 16384
};

struct letter_slab {
    struct letter_slab *next;
    size_t count;
    struct letter letters[];
};

bool turn_is_still(const struct host *host, enum host_role role) {
    return host_has(host, SIM_PAUSE) ||
           host_has(host, role == HOST_GOSSIP ? SIM_STALL_GOSSIP : SIM_STALL_DETECTOR);
}

void turn_touch(struct host *host) {
    struct sim *sim = host->sim;
    uint32_t hosts = sim->settings.hosts;
    if (!host->is_touched) {
        host->is_touched = true;
        ASSERT(sim->touched_count < hosts);
        sim->touched[(sim->touched_first + sim->touched_count++) % hosts] = host->number;
    }
}

/* Letters. */

static size_t slab_bytes(size_t count) {
    return sizeof(struct letter_slab) + count * sizeof(struct letter);
}

static struct letter *letter_take(struct sim *sim) {
    if (!sim->letters) {
        size_t count = sim->letter_slabs ? 2 * sim->letter_slabs->count : LETTERS_FIRST;
        count = count < LETTERS_LAST ? count : LETTERS_LAST;
        struct letter_slab *slab = sim_take(sim, slab_bytes(count));
        slab->next = sim->letter_slabs;
        slab->count = count;
        sim->letter_slabs = slab;
        for (size_t i = 0; i < count; i++) {
            slab->letters[i].next = sim->letters;
            sim->letters = &slab->letters[i];
        }
    }
    struct letter *letter = sim->letters;
    sim->letters = letter->next;
    letter->next = NULL;
    letter->packet = NULL;
    return letter;
}

static void letter_give(struct sim *sim, struct letter *letter) {
    letter->next = sim->letters;
    sim->letters = letter;
}

void turn_letters_deinit(struct sim *sim) {
    while (sim->letter_slabs) {
        struct letter_slab *slab = sim->letter_slabs;
        sim->letter_slabs = slab->next;
        memory_release(&sim->memory, slab, slab_bytes(slab->count), HENGE_MEMORY_CORE);
    }
    sim->letters = NULL;
}

static void put(struct host *host, enum host_role to, struct letter *letter) {
    struct role *role = &host->roles[to];
    if (role->last) {
        role->last->next = letter;
    } else {
        role->first = letter;
    }
    role->last = letter;
    turn_touch(host);
}

static struct letter *take_first(struct role *role) {
    struct letter *letter = role->first;
    if (letter) {
        role->first = letter->next;
        role->last = role->first ? role->last : NULL;
    }
    return letter;
}

static bool tell(struct host *host, enum host_role to, const struct role_message *message) {
    struct role *role = &host->roles[to];
    if (role->messages >= SIM_FEED_MAX) {
        return false;
    }
    struct letter *letter = letter_take(host->sim);
    letter->message = *message;
    role->messages++;
    put(host, to, letter);
    return true;
}

bool turn_to_detector(void *context, const struct role_message *message) {
    return tell(context, HOST_DETECTOR, message);
}

bool turn_to_gossip(void *context, const struct role_message *message) {
    return tell(context, HOST_GOSSIP, message);
}

void turn_tell(struct host *host, enum host_role to, const struct role_message *message) {
    struct letter *letter = letter_take(host->sim);
    letter->message = *message;
    put(host, to, letter);
}

/* Packets. */

static struct packet_source source_of(const struct packet *packet) {
    struct packet_source source = {.address = host_place_address(packet->from_place),
                                   .destination_generation = packet->destination_generation,
                                   .received_ns = packet->arrived_ns,
                                   .stream = packet->stream};
    if (packet->is_from_client) {
        source.address.port = SIM_PORT_OF_CLIENTS;
    }
    return source;
}

static void receive(struct host *host, enum host_role to, struct packet *packet) {
    struct sim *sim = host->sim;
    struct packet_source source = source_of(packet);
    struct outbox outbox = network_outbox(host);
    uint64_t now_ns = host_node_ns(host, sim->now_ns);
    if (to == HOST_GOSSIP) {
        gossip_node_receive(host->gossip, packet->body, packet->bytes, &source, now_ns, &outbox);
    } else {
        detector_receive(host->detector->detector, packet->body, packet->bytes, &source, now_ns,
                         &outbox);
    }
    host->roles[to].is_dirty = true;
    turn_touch(host);
    bool is_from_client = packet->is_from_client;
    packet_give(&sim->packets, packet);
    if (source.stream != 0) {
        stream_consumed(sim, source.stream, is_from_client);
    }
}

/* As limits_choose of the runtime shares out the receive buffers. */
static uint32_t quota(const struct host *host, enum host_role to) {
    uint32_t buffers = host->sim->settings.config.receive_buffers;
    return to == HOST_GOSSIP ? buffers / 2 : buffers / 2 - buffers / 8;
}

void turn_hand_packet(struct host *host, struct packet *packet) {
    struct sim *sim = host->sim;
    enum host_role to = packet->lane == LANE_GOSSIP ? HOST_GOSSIP : HOST_DETECTOR;
    struct role *role = &host->roles[to];
    packet->arrived_ns = host_node_ns(host, sim->now_ns);
    if (!turn_is_still(host, to)) {
        receive(host, to, packet);
        return;
    }
    if (packet->stream == 0 && role->packets >= quota(host, to)) {
        sim->counts.inbox_full++;
        packet_give(&sim->packets, packet);
        return;
    }
    struct letter *letter = letter_take(sim);
    letter->packet = packet;
    role->packets++;
    role->packets_most = role->packets > role->packets_most ? role->packets : role->packets_most;
    put(host, to, letter);
}

/* Steps. */

static void hear(struct host *host, enum host_role to, const struct role_message *message) {
    struct role *role = &host->roles[to];
    if (message->kind != ROLE_SCRIPT_DONE && message->kind != ROLE_STREAM_ENDED) {
        role->messages--;
    }
    if (to == HOST_GOSSIP) {
        role->is_dirty |=
            gossip_node_message(host->gossip, message, host_node_ns(host, host->sim->now_ns));
    } else {
        role->is_dirty = true;
        detector_node_message(host->detector, message);
    }
}

static void drain(struct host *host, enum host_role to) {
    struct role *role = &host->roles[to];
    struct letter *letter;
    while ((letter = take_first(role)) != NULL) {
        if (letter->packet) {
            role->packets--;
            receive(host, to, letter->packet);
        } else {
            hear(host, to, &letter->message);
        }
        letter_give(host->sim, letter);
    }
}

void turn_arm(struct host *host, enum host_role which, uint64_t deadline_ns) {
    struct role *role = &host->roles[which];
    role->deadline_ns = deadline_ns;
    if (deadline_ns == TIME_NEVER || (role->armed_number != 0 && role->armed_ns <= deadline_ns)) {
        return; /* what is armed comes first, and looks again */
    }
    role->armed_ns = deadline_ns;
    role->armed_number =
        sim_push(host->sim, deadline_ns, EVENT_WAKE_GOSSIP + (uint32_t)which, host->number, NULL);
}

static void arm_after_step(struct host *host, enum host_role which, uint64_t deadline_ns,
                           bool wants_horizon, uint64_t now_ns) {
    struct sim *sim = host->sim;
    if (wants_horizon && deadline_ns < now_ns + SIM_HORIZON_RETRY_NS) {
        deadline_ns = now_ns + SIM_HORIZON_RETRY_NS;
    }
    uint64_t virtual_ns = host_virtual_ns(host, deadline_ns);
    turn_arm(host, which, virtual_ns > sim->now_ns ? virtual_ns : sim->now_ns + SIM_TURN_NS);
}

/* What the runtime tells the detector of itself: late turns, full queues, drops. */
static void strain_tell(struct host *host) {
    struct role *role = &host->roles[HOST_DETECTOR];
    uint64_t now_ns = host->sim->now_ns;
    uint64_t lateness_ns = role->deadline_ns < now_ns ? now_ns - role->deadline_ns : 0;
    uint32_t role_permille = role->packets_most * 1000 / quota(host, HOST_DETECTOR);
    uint32_t inbox_permille = host->inbox_datagrams * 1000 / host->sim->settings.inbox_packets;
    detector_strain(host->detector->detector, lateness_ns,
                    role_permille > inbox_permille ? role_permille : inbox_permille,
                    host->inbox_drops);
    role->packets_most = 0;
    host->inbox_drops = 0;
}

static void step(struct host *host, enum host_role which) {
    struct sim *sim = host->sim;
    struct outbox outbox = network_outbox(host);
    uint64_t now_ns = host_node_ns(host, sim->now_ns);
    uint64_t horizon_ns = inbox_horizon_ns(host);
    host->roles[which].is_dirty = false;
    if (which == HOST_GOSSIP) {
        struct gossip_node *gossip = host->gossip;
        gossip_node_step(gossip, now_ns, horizon_ns, &outbox);
        if (gossip->retired_count > 0) {
            epoch_poll(sim->epochs);
        }
        arm_after_step(host, which, gossip_node_deadline(gossip),
                       membership_wants_horizon(gossip->membership), now_ns);
    } else {
        struct detector *detector = host->detector->detector;
        strain_tell(host);
        detector_node_step(host->detector, now_ns, horizon_ns, &outbox);
        arm_after_step(host, which, detector_deadline(detector), detector_wants_horizon(detector),
                       now_ns);
    }
}

static bool role_turn(struct host *host, enum host_role which) {
    struct role *role = &host->roles[which];
    if (turn_is_still(host, which)) {
        return false;
    }
    drain(host, which);
    if (!role->is_dirty && role->deadline_ns > host->sim->now_ns) {
        return false;
    }
    step(host, which);
    return true;
}

void turn_host(struct host *host) {
    if (!host->is_up) {
        return;
    }
    uint32_t round = 0;
    bool goes_on = true;
    while (goes_on && round < TURN_ROUNDS) {
        bool gossip_stepped = role_turn(host, HOST_GOSSIP);
        goes_on = role_turn(host, HOST_DETECTOR) || gossip_stepped;
        round += goes_on;
    }
    if (goes_on) {
        turn_arm(host, HOST_GOSSIP, host->sim->now_ns + SIM_TURN_NS);
        turn_arm(host, HOST_DETECTOR, host->sim->now_ns + SIM_TURN_NS);
    }
    if (round > 0) {
        trace_step(host);
    }
    if (host->is_leaving && membership_leave_state(host->gossip->membership) == LEAVE_DONE) {
        host_end(host);
    }
}

void turn_wake(struct host *host, enum host_role which, uint64_t number) {
    struct role *role = &host->roles[which];
    if (!host->is_up || number != role->armed_number) {
        return;
    }
    role->armed_number = 0;
    if (role->deadline_ns > host->sim->now_ns) {
        turn_arm(host, which, role->deadline_ns);
    } else if (!turn_is_still(host, which)) {
        turn_touch(host);
    }
}

void turn_detector_told(struct host *host) {
    host->roles[HOST_DETECTOR].is_dirty = true;
    turn_touch(host);
}

void turn_resume(struct host *host) {
    for (uint32_t role = 0; role < HOST_ROLES; role++) {
        host->roles[role].is_dirty = true;
    }
    turn_touch(host);
}

void turn_clear(struct host *host) {
    for (uint32_t i = 0; i < HOST_ROLES; i++) {
        struct role *role = &host->roles[i];
        struct letter *letter;
        while ((letter = take_first(role)) != NULL) {
            if (letter->packet) {
                packet_give(&host->sim->packets, letter->packet);
            }
            letter_give(host->sim, letter);
        }
        *role = (struct role){.deadline_ns = TIME_NEVER};
    }
}
