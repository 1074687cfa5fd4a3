/* tools/sim/measures_figures.c - what was heard (measures.c), summed up. */
#include "core/base/clock.h"
#include "tools/sim/measures_internal.h"
#include "tools/sim/sim_memory.h"
#include <stdlib.h>

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
    /* Nearest rank. */
    return (struct spread){samples->values[(count - 1) / 2],
                           samples->values[(count * 99 + 99) / 100 - 1], samples->values[count - 1],
                           count};
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

static uint64_t views_of_now(const struct measures *measures) {
    uint64_t *views = sim_zeroed(measures->count, sizeof(*views));
    size_t count = 0;
    uint64_t distinct = 0;
    for (uint32_t i = 0; i < measures->count; i++) {
        if (sim_is_up(measures->sim, i)) {
            views[count++] = membership_fingerprint(sim_gossip(measures->sim, i)->membership);
        }
    }
    if (count > 0) {
        qsort(views, count, sizeof(*views), by_value);
    }
    for (size_t i = 0; i < count; i++) {
        distinct += i == 0 || views[i] != views[i - 1];
    }
    free(views);
    return distinct;
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
    out->memory_bytes = sim_memory_bytes(measures->sim);
    if (up > 0) {
        out->bytes_per_member = out->memory_bytes / up / up;
    }
    /* Per second that a host was up, not by those who are left. */
    double up_mean = measures->seconds > 0
                         ? (double)measures->host_seconds / (double)measures->seconds
                         : (double)up;
    if (up_mean > 0 && elapsed_ms > 0) {
        double node_s = up_mean * (double)elapsed_ms / 1000;
        out->packets_per_node_s_milli = (uint64_t)((double)packets * 1000 / node_s);
        out->bytes_per_node_s_mean = (uint64_t)((double)bytes / node_s);
    }
    out->bytes_per_node_s_max = measures->bytes_max;
}

static uint64_t update_bytes(const struct measures *measures) {
    uint64_t bytes = measures_lane_bytes(measures);
    uint64_t idle_ms = (measures->first_update_ns - measures->marked_ns) / NS_PER_MS;
    uint64_t after_ms = (sim_now_ns(measures->sim) - measures->first_update_ns) / NS_PER_MS;
    uint64_t idle_bytes = measures->idle_lane_bytes +
                          (idle_ms > 0 ? measures->idle_lane_bytes * after_ms / idle_ms : 0);
    return bytes > idle_bytes ? (bytes - idle_bytes) / measures->updates : UINT64_MAX;
}

static bool is_owner(const struct member *member) {
    return member && (member->status == HENGE_ALIVE || member->status == HENGE_SUSPECT) &&
           member->record->ring_state != HENGE_RING_JOINING;
}

static uint64_t faulty_owners(const struct measures *measures) {
    uint64_t most = 0;
    for (uint32_t at = 0; at < measures->count; at++) {
        if (!sim_is_up(measures->sim, at) || checkers_was_faulty(measures->checkers, at)) {
            continue;
        }
        uint64_t owners = 0;
        for (uint32_t i = 0; i < measures->count; i++) {
            owners += sim_is_up(measures->sim, i) && checkers_was_faulty(measures->checkers, i) &&
                      is_owner(sim_look(measures->sim, at, i));
        }
        most = owners > most ? owners : most;
    }
    return most;
}

static void close_all(struct measures *measures, struct figures *out) {
    for (uint32_t i = 0; i < measures->count; i++) {
        struct host_watch *watch = &measures->hosts[i];
        if (watch->crash.begun_ns != MEASURES_NEVER) {
            out->undetected += unaware_of(measures, i);
        }
        measures_close_crash(measures, watch);
        measures_close_outage(measures, watch);
        measures_close_update(measures, watch);
        if (measures->is_marked && sim_is_up(measures->sim, i)) {
            uint64_t versions =
                sim_gossip(measures->sim, i)->ring_version - watch->ring_version_marked;
            uint64_t *max = checkers_was_faulty(measures->checkers, i)
                                ? &out->ring_versions_max_faulty
                                : &out->ring_versions_max;
            *max = versions > *max ? versions : *max;
        }
    }
}

void measures_get(struct measures *measures, struct figures *out) {
    *out = (struct figures){.crashes = measures->crashes,
                            .outages = measures->outages,
                            .updates = measures->updates,
                            .views_distinct = distinct_count(&measures->views),
                            .dead_seen_healthy = measures->dead_seen_healthy,
                            .dead_seen_faulty = measures->dead_seen_faulty};
    close_all(measures, out);
    out->undelivered = measures->undelivered;
    out->detect = spread_of(&measures->detect);
    out->detect_first = spread_of(&measures->first);
    out->detect_all = spread_of(&measures->all);
    out->outage = spread_of(&measures->outage);
    out->outage_first = spread_of(&measures->outage_first);
    out->dissemination = spread_of(&measures->spread);
    out->update_bytes = measures->updates > 0 ? update_bytes(measures) : UINT64_MAX;
    out->views_at_end = views_of_now(measures);
    out->faulty_owners = faulty_owners(measures);
    get_traffic(measures, out);
}
