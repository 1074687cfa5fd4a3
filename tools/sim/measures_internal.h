/* tools/sim/measures_internal.h - what measures.c gathers and measures_figures.c sums up. */
#ifndef TOOLS_SIM_MEASURES_INTERNAL_H
#define TOOLS_SIM_MEASURES_INTERNAL_H

#include "tools/sim/distinct.h"
#include "tools/sim/measures.h"

/* No such time. */
#define MEASURES_NEVER UINT64_MAX

struct samples {
    uint64_t *values;
    size_t count, capacity;
};

/* Something begins, and becomes known at one node after another. */
struct watched {
    uint64_t begun_ns; /* MEASURES_NEVER: nothing to watch */
    uint64_t first_ns, last_ns;
    uint32_t nodes; /* that know */
};

struct host_watch {
    struct watched crash, outage, update;
    uint32_t update_nodes; /* that should learn of it */
    uint64_t ring_version_marked;
    uint64_t ring_fingerprint; /* published last */
    uint64_t bytes_marked, packets_marked, lane_marked, stream_marked;
    uint64_t bytes_second; /* a second ago */
};

struct measures {
    struct sim *sim;
    const struct checkers *checkers;
    struct host_watch *hosts;
    uint32_t count;
    bool is_marked;
    uint64_t marked_ns;
    uint64_t first_update_ns, idle_lane_bytes; /* of the time from the mark to the first update */
    struct samples detect, first, all, outage, outage_first, spread;
    uint64_t crashes, outages, updates, undelivered;
    uint64_t dead_seen_healthy, dead_seen_faulty, bytes_max;
    uint64_t seconds, host_seconds; /* since the mark; of hosts that were up */
    struct distinct views;
};

void measures_sample(struct samples *samples, uint64_t value);
/* The host's crash, outage, update is over, or the run: what it has to tell is kept. */
void measures_close_crash(struct measures *measures, struct host_watch *watch);
void measures_close_outage(struct measures *measures, struct host_watch *watch);
void measures_close_update(struct measures *measures, struct host_watch *watch);
/* Gossip and streams of all nodes since the mark. */
uint64_t measures_lane_bytes(const struct measures *measures);

#endif
