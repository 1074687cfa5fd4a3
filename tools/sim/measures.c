/* tools/sim/measures.c - see measures.h: what is heard while the simulator runs. */
#include "tools/sim/measures_internal.h"
#include "tools/sim/sim_memory.h"
#include <stdlib.h>

/* From here on a loss counts as an outage. */
enum { OUTAGE_LOSS_PPM = SIM_MILLION / 2 };

void measures_sample(struct samples *samples, uint64_t value) {
    if (samples->count == samples->capacity) {
        size_t capacity = samples->capacity > 0 ? samples->capacity * 2 : 256;
        samples->values = sim_resized(samples->values, capacity * sizeof(*samples->values));
        samples->capacity = capacity;
    }
    samples->values[samples->count++] = value;
}

static void begin(struct watched *watched, uint64_t now_ns) {
    *watched = (struct watched){.begun_ns = now_ns};
}

/* One more node knows. */
static void learn(struct watched *watched, uint64_t now_ns, struct samples *samples) {
    if (watched->begun_ns != MEASURES_NEVER) {
        watched->first_ns = watched->nodes == 0 ? now_ns : watched->first_ns;
        watched->last_ns = now_ns;
        watched->nodes++;
        measures_sample(samples, now_ns - watched->begun_ns);
    }
}

void measures_close_crash(struct measures *measures, struct host_watch *watch) {
    struct watched *crash = &watch->crash;
    if (crash->begun_ns != MEASURES_NEVER && crash->nodes > 0) {
        measures_sample(&measures->first, crash->first_ns - crash->begun_ns);
        measures_sample(&measures->all, crash->last_ns - crash->begun_ns);
    }
    crash->begun_ns = MEASURES_NEVER;
}

void measures_close_outage(struct measures *measures, struct host_watch *watch) {
    struct watched *outage = &watch->outage;
    if (outage->begun_ns != MEASURES_NEVER && outage->nodes > 0) {
        measures_sample(&measures->outage_first, outage->first_ns - outage->begun_ns);
    }
    outage->begun_ns = MEASURES_NEVER;
}

void measures_close_update(struct measures *measures, struct host_watch *watch) {
    if (watch->update.begun_ns != MEASURES_NEVER && watch->update.nodes < watch->update_nodes) {
        measures->undelivered += watch->update_nodes - watch->update.nodes;
    }
    watch->update.begun_ns = MEASURES_NEVER;
}

static void on_step(void *context, struct sim *sim, uint32_t host) {
    struct measures *measures = context;
    if (!sim_is_up(sim, host)) {
        return;
    }
    const struct gossip_node *node = sim_gossip(sim, host);
    struct host_watch *watch = &measures->hosts[host];
    if (node->ring_fingerprint != watch->ring_fingerprint) {
        watch->ring_fingerprint = node->ring_fingerprint;
        if (measures->is_marked) {
            distinct_note(&measures->views, node->ring_fingerprint);
        }
    }
}

static void note_death(struct measures *measures, uint32_t host, uint32_t subject) {
    struct host_watch *watch = &measures->hosts[subject];
    uint64_t now_ns = sim_now_ns(measures->sim);
    if (!sim_is_up(measures->sim, subject)) {
        learn(&watch->crash, now_ns, &measures->detect);
        return;
    }
    if (checkers_was_faulty(measures->checkers, subject)) {
        measures->dead_seen_faulty++;
    } else {
        measures->dead_seen_healthy++;
    }
    if (!checkers_was_faulty(measures->checkers, host)) {
        learn(&watch->outage, now_ns, &measures->outage);
    }
}

static void on_change(void *context, struct sim *sim, uint32_t host,
                      const struct member_change *change) {
    struct measures *measures = context;
    if (!measures->is_marked || change->is_forgotten) {
        return;
    }
    const struct member *member =
        membership_member(sim_gossip(sim, host)->membership, change->slot);
    uint32_t subject = sim_host_of_name_hash(sim, member->record->name_hash);
    if (subject == SIM_NOBODY || subject == host) {
        return;
    }
    bool was_dead =
        !change->is_new && change->before_status == HENGE_DEAD && !change->generation_changed;
    if (change->status == HENGE_DEAD && !was_dead) {
        note_death(measures, host, subject);
    }
    if (change->payload_changed) {
        learn(&measures->hosts[subject].update, sim_now_ns(sim), &measures->spread);
    }
}

uint64_t measures_lane_bytes(const struct measures *measures) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < measures->count; i++) {
        const struct sim_traffic *traffic = sim_traffic(measures->sim, i);
        bytes += traffic->bytes_lane[LANE_GOSSIP] - measures->hosts[i].lane_marked;
    }
    return bytes;
}

static uint32_t count_up(const struct measures *measures) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < measures->count; i++) {
        count += sim_is_up(measures->sim, i);
    }
    return count;
}

static void note_update(struct measures *measures, struct host_watch *watch) {
    uint64_t now_ns = sim_now_ns(measures->sim);
    if (measures->updates++ == 0) {
        measures->first_update_ns = now_ns;
        measures->idle_lane_bytes = measures_lane_bytes(measures);
    }
    measures_close_update(measures, watch);
    begin(&watch->update, now_ns);
    watch->update_nodes = count_up(measures) - 1;
}

static bool is_outage(const struct sim_action *action) {
    return action->kind == SIM_PAUSE || action->kind == SIM_DEAF ||
           ((action->kind == SIM_LOSS_IN || action->kind == SIM_LOSS_OUT) &&
            action->amount >= OUTAGE_LOSS_PPM);
}

static void note_action(struct measures *measures, const struct sim_action *action, bool is_end,
                        uint32_t host) {
    struct host_watch *watch = &measures->hosts[host];
    uint64_t now_ns = sim_now_ns(measures->sim);
    if (action->kind == SIM_HEAL || (is_end && is_outage(action))) {
        measures_close_outage(measures, watch);
    } else if (is_end || !sim_is_up(measures->sim, host)) {
        return;
    } else if (action->kind == SIM_CRASH) {
        begin(&watch->crash, now_ns);
        measures->crashes++;
    } else if (action->kind == SIM_METADATA) {
        note_update(measures, watch);
    } else if (is_outage(action) && watch->outage.begun_ns == MEASURES_NEVER) {
        begin(&watch->outage, now_ns);
        measures->outages++;
    }
}

static void on_action(void *context, struct sim *sim, const struct sim_action *action,
                      bool is_end) {
    struct measures *measures = context;
    uint32_t step = action->who.step > 0 ? action->who.step : 1;
    (void)sim;
    if (!measures->is_marked) {
        return;
    }
    for (uint32_t i = 0; i < action->who.count; i++) {
        uint64_t host = action->who.first + (uint64_t)i * step;
        if (host >= measures->count) {
            break;
        }
        note_action(measures, action, is_end, (uint32_t)host);
    }
}

static void on_boot(void *context, struct sim *sim, uint32_t host, bool is_end) {
    struct measures *measures = context;
    struct host_watch *watch = &measures->hosts[host];
    (void)sim;
    measures_close_update(measures, watch);
    if (is_end) {
        measures_close_outage(measures, watch);
    } else {
        measures_close_crash(measures, watch);
        watch->ring_version_marked = 0;
    }
}

struct measures *measures_create(struct sim *sim, const struct checkers *checkers) {
    struct measures *measures = sim_zeroed(1, sizeof(*measures));
    uint32_t count = sim_settings(sim)->hosts;
    measures->sim = sim;
    measures->checkers = checkers;
    measures->count = count;
    measures->hosts = sim_zeroed(count, sizeof(*measures->hosts));
    if (!distinct_init(&measures->views)) {
        sim_no_memory();
    }
    for (uint32_t i = 0; i < count; i++) {
        struct host_watch *watch = &measures->hosts[i];
        watch->crash.begun_ns = watch->outage.begun_ns = watch->update.begun_ns = MEASURES_NEVER;
    }
    struct sim_observer observer = {.context = measures,
                                    .on_change = on_change,
                                    .on_step = on_step,
                                    .on_action = on_action,
                                    .on_boot = on_boot};
    sim_observe(sim, &observer);
    return measures;
}

void measures_destroy(struct measures *measures) {
    struct samples *all[] = {&measures->detect, &measures->first,        &measures->all,
                             &measures->outage, &measures->outage_first, &measures->spread};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        free(all[i]->values);
    }
    distinct_deinit(&measures->views);
    free(measures->hosts);
    free(measures);
}

void measures_mark(struct measures *measures) {
    measures->is_marked = true;
    measures->marked_ns = sim_now_ns(measures->sim);
    for (uint32_t i = 0; i < measures->count; i++) {
        struct host_watch *watch = &measures->hosts[i];
        const struct sim_traffic *traffic = sim_traffic(measures->sim, i);
        watch->bytes_marked = watch->bytes_second = traffic->bytes + traffic->stream_bytes;
        watch->packets_marked = traffic->packets;
        watch->lane_marked = traffic->bytes_lane[LANE_GOSSIP];
        watch->stream_marked = traffic->stream_bytes;
        if (sim_is_up(measures->sim, i)) {
            watch->ring_version_marked = sim_gossip(measures->sim, i)->ring_version;
        }
    }
}

void measures_second(struct measures *measures) {
    measures->seconds += measures->is_marked;
    for (uint32_t i = 0; i < measures->count; i++) {
        struct host_watch *watch = &measures->hosts[i];
        const struct sim_traffic *traffic = sim_traffic(measures->sim, i);
        uint64_t bytes = traffic->bytes + traffic->stream_bytes;
        if (measures->is_marked && bytes - watch->bytes_second > measures->bytes_max) {
            measures->bytes_max = bytes - watch->bytes_second;
        }
        measures->host_seconds += measures->is_marked && sim_is_up(measures->sim, i);
        watch->bytes_second = bytes;
    }
}
