/* tools/sim/measures.h - the figures of a run: how soon crashes and updates are known, at what
 * cost.
 *
 * Begins with the mark of its scenario: what happened before is not in the figures. Traffic is UDP
 * payload with SIM_PACKET_OVERHEAD; IP and UDP headers are not counted. */
#ifndef TOOLS_SIM_MEASURES_H
#define TOOLS_SIM_MEASURES_H

#include "tests/sim/checkers.h"
#include "tools/sim/sim.h"

struct measures;

/* Attaches to the simulator, behind the checkers, whom it asks for the fault set; before the first
 * action. */
struct measures *measures_create(struct sim *sim, const struct checkers *checkers);
void measures_destroy(struct measures *measures);
/* Figures begin here. */
void measures_mark(struct measures *measures);
/* Once per virtual second: what peaks are taken from. */
void measures_second(struct measures *measures);

/* Of a sample: UINT64_MAX where nothing was measured. */
struct spread {
    uint64_t median_ns, p99_ns, max_ns;
    size_t count;
};

struct figures {
    /* A crash (the host stays down): until one more live node holds it DEAD. */
    struct spread detect;         /* over crashes and nodes */
    struct spread detect_first;   /* over crashes: the first node */
    struct spread detect_all;     /* over crashes: the last node */
    uint64_t crashes, undetected; /* undetected: pairs of crash and live node, at the end */
    /* A host that does not answer (pause, deaf, half or more of its packets lost): until one more
     * node that never was in the fault set holds it DEAD, while it lasts. */
    struct spread outage;       /* over outages and nodes */
    struct spread outage_first; /* over outages that were noticed: the first node */
    uint64_t outages;
    /* A metadata change: until one more node holds the new payload. */
    struct spread dissemination;
    uint64_t updates;
    uint64_t undelivered; /* pairs of update and live node, by the next one of the same host */
    /* Datagrams of gossip, the idle part before the first taken off; UINT64_MAX: none, or nothing
     * is left. */
    uint64_t update_bytes;
    /* Published by one node, since the mark or its boot: that never was in the fault set; that was.
     */
    uint64_t ring_versions_max, ring_versions_max_faulty;
    uint64_t views_distinct; /* different rings that were published, over all nodes; 65536 are
                                exact, more an estimate within a percent or two */
    uint64_t views_at_end;   /* different tables (fingerprints) of the nodes that are up */
    /* Nodes that came to hold a member DEAD while it was up, by judging or by hearing. */
    uint64_t dead_seen_healthy; /* it never was in the fault set */
    uint64_t dead_seen_faulty;
    /* Of the hosts that ever were in the fault set and are up, how many a well node counts among
     * the ring's owners at the end: the most at any. */
    uint64_t faulty_owners;
    uint64_t packets_per_node_s_milli;
    uint64_t bytes_per_node_s_mean, bytes_per_node_s_max; /* max: one node, one second */
    uint64_t stream_bytes;
    uint64_t memory_bytes;     /* of all nodes together, at the end */
    uint64_t bytes_per_member; /* that, by hosts that are up squared */
};
void measures_get(struct measures *measures, struct figures *figures_out);

#endif
