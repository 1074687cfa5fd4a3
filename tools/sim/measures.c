/* tools/sim/measures.c - see measures.h. */
#include "tools/sim/measures.h"
#include "core/base/map.h"
#include <stdlib.h>
#include <string.h>

struct samples {
    uint64_t *values;
    size_t count, capacity;
};

struct host_watch {
    uint64_t crashed_ns; /* UINT64_MAX: it has not crashed, or is up again */
    uint64_t first_ns, last_ns;
    uint64_t updated_ns; /* UINT64_MAX: no update under way */
    uint64_t ring_version_marked;
    uint64_t bytes_marked, packets_marked, lane_marked, stream_marked;
    uint64_t bytes_second; /* a second ago */
    bool is_known;         /* the crash has a first verdict */
    bool was_up_at_mark;
};

struct measures {
    struct sim *sim;
    struct host_watch *hosts;
    uint32_t count;
    bool is_marked;
    uint64_t marked_ns;
    uint64_t first_update_ns, idle_lane_bytes; /* of the time from the mark to the first update */
    struct samples detect, first, all, spread;
    uint64_t crashes, updates, dead_seen, bytes_max;
    struct memory memory;
    struct map views;
    uint64_t views_count;
};

/* A sample that finds no memory is not in the figures; the run goes on. */
static void sample(struct samples *samples, uint64_t value) {
    if (samples->count == samples->capacity) {
        size_t capacity = samples->capacity > 0 ? samples->capacity * 2 : 256;
        uint64_t *values = realloc(samples->values, capacity * sizeof(*values));
        if (!values) {
            return;
        }
        samples->values = values;
        samples->capacity = capacity;
    }
    samples->values[samples->count++] = value;
}

static int by_value(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static struct spread spread_of(struct samples *samples) {
    size_t count = samples->count;
    if (count == 0) {
        return (struct spread){UINT64_MAX, UINT64_MAX, UINT64_MAX, 0};
    }
    qsort(samples->values, count, sizeof(*samples->values), by_value);
    return (struct spread){samples->values[count / 2], samples->values[count * 99 / 100],
                           samples->values[count - 1], count};
}

static void note_view(struct measures *measures, uint32_t host) {
    uint64_t fingerprint = membership_fingerprint(sim_gossip(measures->sim, host)->membership);
    if (!map_find(&measures->views, fingerprint) && map_set(&measures->views, fingerprint, 1)) {
        measures->views_count++;
    }
}

static void note_death(struct measures *measures, uint32_t subject) {
    struct host_watch *watch = &measures->hosts[subject];
    uint64_t now_ns = sim_now_ns(measures->sim);
    if (sim_is_up(measures->sim, subject)) {
        measures->dead_seen++;
    } else if (watch->crashed_ns != UINT64_MAX) {
        if (!watch->is_known) {
            watch->is_known = true;
            watch->first_ns = now_ns;
        }
        watch->last_ns = now_ns;
        sample(&measures->detect, now_ns - watch->crashed_ns);
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
    note_view(measures, host);
    if (subject == SIM_NOBODY || subject == host) {
        return;
    }
    bool was_dead =
        !change->is_new && change->before_status == HENGE_DEAD && !change->generation_changed;
    if (change->status == HENGE_DEAD && !was_dead) {
        note_death(measures, subject);
    }
    struct host_watch *watch = &measures->hosts[subject];
    if (change->payload_changed && watch->updated_ns != UINT64_MAX) {
        sample(&measures->spread, sim_now_ns(sim) - watch->updated_ns);
    }
}

static uint64_t lane_bytes(const struct measures *measures) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < measures->count; i++) {
        const struct sim_traffic *traffic = sim_traffic(measures->sim, i);
        bytes += traffic->bytes_lane[LANE_GOSSIP] + traffic->stream_bytes -
                 measures->hosts[i].lane_marked;
    }
    return bytes;
}

/* The crash is over, or the run: what it has to tell is kept. */
static void close_crash(struct measures *measures, struct host_watch *watch) {
    if (watch->crashed_ns != UINT64_MAX && watch->is_known) {
        sample(&measures->first, watch->first_ns - watch->crashed_ns);
        sample(&measures->all, watch->last_ns - watch->crashed_ns);
    }
    watch->crashed_ns = UINT64_MAX;
    watch->is_known = false;
}

static void on_action(void *context, struct sim *sim, const struct sim_action *action,
                      bool is_end) {
    struct measures *measures = context;
    uint32_t step = action->who.step > 0 ? action->who.step : 1;
    if (!measures->is_marked || is_end ||
        (action->kind != SIM_CRASH && action->kind != SIM_METADATA)) {
        return;
    }
    for (uint32_t i = 0; i < action->who.count; i++) {
        uint32_t host = action->who.first + i * step;
        if (host >= measures->count) {
            break;
        }
        struct host_watch *watch = &measures->hosts[host];
        if (action->kind == SIM_CRASH && watch->crashed_ns == UINT64_MAX) {
            watch->crashed_ns = sim_now_ns(sim);
            watch->is_known = false;
            measures->crashes++;
        } else if (action->kind == SIM_METADATA) {
            if (measures->updates++ == 0) {
                measures->first_update_ns = sim_now_ns(sim);
                measures->idle_lane_bytes = lane_bytes(measures);
            }
            watch->updated_ns = sim_now_ns(sim);
        }
    }
}

static void on_boot(void *context, struct sim *sim, uint32_t host, bool is_end) {
    struct measures *measures = context;
    (void)sim;
    if (!is_end) {
        close_crash(measures, &measures->hosts[host]);
        measures->hosts[host].was_up_at_mark = false;
        measures->hosts[host].updated_ns = UINT64_MAX;
    }
}

struct measures *measures_create(struct sim *sim) {
    struct measures *measures = calloc(1, sizeof(*measures));
    uint32_t count = sim_settings(sim)->hosts;
    if (!measures) {
        return NULL;
    }
    memory_init(&measures->memory, NULL);
    measures->sim = sim;
    measures->count = count;
    measures->hosts = calloc(count, sizeof(*measures->hosts));
    if (!measures->hosts ||
        !map_init(&measures->views, &measures->memory, 1024, HENGE_MEMORY_CORE)) {
        free(measures->hosts);
        free(measures);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        measures->hosts[i].crashed_ns = measures->hosts[i].updated_ns = UINT64_MAX;
    }
    struct sim_observer observer = {
        .context = measures, .on_change = on_change, .on_action = on_action, .on_boot = on_boot};
    sim_observe(sim, &observer);
    return measures;
}

void measures_destroy(struct measures *measures) {
    if (!measures) {
        return;
    }
    free(measures->detect.values);
    free(measures->first.values);
    free(measures->all.values);
    free(measures->spread.values);
    map_deinit(&measures->views);
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
        watch->lane_marked = traffic->bytes_lane[LANE_GOSSIP] + traffic->stream_bytes;
        watch->stream_marked = traffic->stream_bytes;
        watch->was_up_at_mark = sim_is_up(measures->sim, i);
        if (watch->was_up_at_mark) {
            watch->ring_version_marked = sim_gossip(measures->sim, i)->ring_version;
        }
    }
}

void measures_second(struct measures *measures) {
    for (uint32_t i = 0; i < measures->count; i++) {
        struct host_watch *watch = &measures->hosts[i];
        const struct sim_traffic *traffic = sim_traffic(measures->sim, i);
        uint64_t bytes = traffic->bytes + traffic->stream_bytes;
        if (measures->is_marked && bytes - watch->bytes_second > measures->bytes_max) {
            measures->bytes_max = bytes - watch->bytes_second;
        }
        watch->bytes_second = bytes;
    }
}

/* Live nodes that hold the crashed host ALIVE or SUSPECT even now. */
static uint64_t unaware_of(const struct measures *measures, uint32_t subject) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < measures->count; i++) {
        const struct member *member =
            sim_is_up(measures->sim, i) ? sim_look(measures->sim, i, subject) : NULL;
        count += member && member->status < HENGE_DEAD;
    }
    return count;
}

static void get_traffic(const struct measures *measures, struct figures *out) {
    uint64_t elapsed_ms = (sim_now_ns(measures->sim) - measures->marked_ns) / NS_PER_MS;
    uint64_t packets = 0;
    uint64_t bytes = 0;
    uint64_t up = 0;
    for (uint32_t i = 0; i < measures->count; i++) {
        const struct sim_traffic *traffic = sim_traffic(measures->sim, i);
        const struct host_watch *watch = &measures->hosts[i];
        packets += traffic->packets - watch->packets_marked;
        bytes += traffic->bytes + traffic->stream_bytes - watch->bytes_marked;
        out->stream_bytes += traffic->stream_bytes - watch->stream_marked;
        up += sim_is_up(measures->sim, i);
    }
    if (up > 0 && elapsed_ms > 0) {
        out->packets_per_node_s_milli = packets * 1000000 / up / elapsed_ms;
        out->bytes_per_node_s_mean = bytes * 1000 / up / elapsed_ms;
        out->bytes_per_member = sim_memory_bytes(measures->sim) / up / up;
    }
    out->bytes_per_node_s_max = measures->bytes_max;
}

static uint64_t update_bytes(const struct measures *measures) {
    uint64_t bytes = lane_bytes(measures);
    uint64_t idle_ms = (measures->first_update_ns - measures->marked_ns) / NS_PER_MS;
    uint64_t after_ms = (sim_now_ns(measures->sim) - measures->first_update_ns) / NS_PER_MS;
    uint64_t idle_bytes = measures->idle_lane_bytes +
                          (idle_ms > 0 ? measures->idle_lane_bytes * after_ms / idle_ms : 0);
    return bytes > idle_bytes ? (bytes - idle_bytes) / measures->updates : 0;
}

void measures_get(struct measures *measures, struct figures *out) {
    *out = (struct figures){.crashes = measures->crashes, .updates = measures->updates};
    for (uint32_t i = 0; i < measures->count; i++) {
        struct host_watch *watch = &measures->hosts[i];
        if (watch->crashed_ns != UINT64_MAX) {
            out->undetected += unaware_of(measures, i);
        }
        close_crash(measures, watch);
        if (sim_is_up(measures->sim, i) && watch->was_up_at_mark) {
            uint64_t versions =
                sim_gossip(measures->sim, i)->ring_version - watch->ring_version_marked;
            out->ring_versions_max =
                versions > out->ring_versions_max ? versions : out->ring_versions_max;
        }
    }
    out->detect = spread_of(&measures->detect);
    out->detect_first = spread_of(&measures->first);
    out->detect_all = spread_of(&measures->all);
    out->dissemination = spread_of(&measures->spread);
    out->update_bytes = measures->updates > 0 ? update_bytes(measures) : 0;
    out->views_distinct = measures->views_count;
    out->dead_seen = measures->dead_seen;
    get_traffic(measures, out);
}
