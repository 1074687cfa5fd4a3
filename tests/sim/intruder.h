/* tests/sim/intruder.h - somebody from elsewhere who speaks the protocol: hands messages straight
 * to a node, as if they had come in.
 *
 * In reality io drops what is not sealed with the cluster's key before any of this sees it. What is
 * left for the protocol itself to refuse: another cluster's ring parameters (label, salt), damaged
 * messages. The answers go nowhere. */
#ifndef TESTS_SIM_INTRUDER_H
#define TESTS_SIM_INTRUDER_H

#include "tools/sim/sim.h"

/* A JOIN of a node "intruder" whose cluster has other ring parameters. */
void intruder_joins(struct sim *sim, uint32_t host);
/* A SYNC of such a cluster, which would make the node ask for its records. */
void intruder_syncs(struct sim *sim, uint32_t host);
/* Bytes without sense, of every message type. */
void intruder_babbles(struct sim *sim, uint32_t host, uint64_t seed);

#endif
