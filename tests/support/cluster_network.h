/* tests/support/cluster_network.h - the network under tests/support/cluster.h: datagrams and
 * streams as events in one heap. */
#ifndef TESTS_SUPPORT_CLUSTER_NETWORK_H
#define TESTS_SUPPORT_CLUSTER_NETWORK_H

#include "tests/support/cluster.h"

struct outbox cluster_outbox(struct cluster_node *node);
uint64_t cluster_network_next(const struct cluster *cluster);
/* All that is due now. */
void cluster_network_deliver(struct cluster *cluster);
/* The node is going down: what it has lent or asked for is void. */
void cluster_network_forget(struct cluster *cluster, uint32_t number);
void cluster_network_clear(struct cluster *cluster);

#endif
