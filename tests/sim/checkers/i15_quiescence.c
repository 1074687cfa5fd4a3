/* tests/sim/checkers/i15_quiescence.c - I15: with nothing changing, traffic per node is its probes,
 * plus about one healing contact per second cluster-wide, independent of N.
 *
 * Once nothing has changed for `settle`, and no packet is lost on purpose, all datagrams of
 * QUIESCENCE_PERIODS are counted: a ping and an ack per node and period, a sync and its answer per
 * node in SYNC_PERIODS_RANDOM, and the contacts. */
#include "membership/limits.h"
#include "membership/message.h"
#include "tests/sim/checkers/checker.h"
#include <string.h>

/* A newcomer syncs soon, then ever more seldom, until it is one like the others. */
enum { NEWCOMER_PERIODS = 3 * SYNC_PERIODS_RANDOM };
enum { DEAD_PERIODS = 10, CONTACT_PACKETS = 6, ALLOWED_PERCENT = 110 };

struct quiescence {
    uint64_t changed_ns; /* last change, boot, end of a fault */
    uint64_t begun_ns;   /* of the window; 0: none */
    uint64_t sent_before;
    uint32_t sent[256]; /* in the window, by message type: for the report */
};

static void on_change(struct watch *watch, void *state, const struct sight *sight) {
    struct quiescence *own = state;
    (void)sight;
    own->changed_ns = watch->now_ns;
    own->begun_ns = 0;
}

static void on_boot(struct watch *watch, void *state, uint32_t host, bool is_end) {
    (void)host;
    (void)is_end;
    on_change(watch, state, NULL);
}

static void on_send(struct watch *watch, void *state, const struct packet_sight *packet) {
    struct quiescence *own = state;
    (void)watch;
    if (own->begun_ns != 0 && packet->bytes > 0)
        own->sent[packet->message[0]]++;
}

/* Beside pings and acks: the message type that was sent most. */
static uint32_t most_sent(const struct quiescence *own) {
    uint32_t most = 0;
    for (uint32_t type = 0; type < 256; type++)
        if (type != MESSAGE_PING && type != MESSAGE_ACK && own->sent[type] > own->sent[most])
            most = type;
    return most;
}

static uint64_t sent(const struct watch *watch) {
    uint64_t sum = 0;
    for (uint32_t host = 0; host < watch->hosts_count; host++)
        sum += sim_traffic(watch->sim, host)->packets;
    return sum;
}

static bool is_quiet(const struct watch *watch, const struct quiescence *own) {
    const struct sim_network *network = &sim_settings(watch->sim)->network;
    /* Where delays scatter widely some probes take the indirect way, however quiet it is. */
    if (network->delay_random_ns > watch->period_ns / 200)
        return false;
    return watch->calm_ns != WATCH_NEVER && network->loss_ppm == 0 && network->duplicate_ppm == 0 &&
           network->replay_ppm == 0 && !watch->is_heavy_always &&
           watch->now_ns > watch->last_boot_ns + NEWCOMER_PERIODS * watch->period_ns &&
           watch->now_ns > watch->calm_ns + watch->settle_ns &&
           watch->now_ns > own->changed_ns + watch->settle_ns;
}

static void judge(struct watch *watch, const struct quiescence *own) {
    uint64_t nodes = watch->up_count;
    uint64_t periods = (watch->now_ns - own->begun_ns) / watch->period_ns + 1;
    uint64_t seconds = (watch->now_ns - own->begun_ns) / UINT64_C(1000000000) + 1;
    uint64_t packets = sent(watch) - own->sent_before;
    uint64_t probes = 2 * nodes * periods;
    uint64_t syncs = 4 * nodes * (periods / SYNC_PERIODS_RANDOM + 1);
    if (nodes < watch->hosts_count)
        probes += nodes * (periods / DEAD_PERIODS + 1); /* who is down may be asked now and then */
    uint64_t limit = (probes + syncs) * ALLOWED_PERCENT / 100 + CONTACT_PACKETS * seconds + 16;
    uint32_t most = most_sent(own);
    if (packets > limit)
        watch_report(watch, 15, SIM_NOBODY, SIM_NOBODY,
                     "nothing changes: %llu nodes send %llu packets in %llu periods, limit %llu; "
                     "%u pings, %u of type %u",
                     (unsigned long long)nodes, (unsigned long long)packets,
                     (unsigned long long)periods, (unsigned long long)limit,
                     own->sent[MESSAGE_PING], own->sent[most], most);
}

static void on_sample(struct watch *watch, void *state) {
    struct quiescence *own = state;
    if (!is_quiet(watch, own)) {
        own->begun_ns = 0;
        return;
    }
    if (own->begun_ns != 0 &&
        watch->now_ns - own->begun_ns >= QUIESCENCE_PERIODS * watch->period_ns) {
        judge(watch, own);
        own->begun_ns = 0;
    }
    if (own->begun_ns == 0) {
        own->begun_ns = watch->now_ns;
        own->sent_before = sent(watch);
        memset(own->sent, 0, sizeof own->sent);
    }
}

const struct checker checker_quiescence = {.number = 15,
                                           .state_bytes = sizeof(struct quiescence),
                                           .on_change = on_change,
                                           .on_boot = on_boot,
                                           .on_send = on_send,
                                           .on_sample = on_sample};
