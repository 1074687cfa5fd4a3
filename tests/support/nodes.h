/* tests/support/nodes.h - runtimes and nodes in this process, for tests; waiting with generous
 * ends. */
#ifndef TESTS_SUPPORT_NODES_H
#define TESTS_SUPPORT_NODES_H

#include "henge/henge.h"

enum { NODES_WAIT_MS = 30000 };

/* LOCAL preset, memory transport, `threads` threads, no pinning. */
struct henge_config nodes_config(const char *name, unsigned threads);
struct henge_runtime *nodes_runtime(const struct henge_config *config);
/* A node named `name` in `runtime`, joined to `seed` unless that is NULL. Aborts the test if not.
 */
struct henge_node *nodes_start(struct henge_runtime *runtime, const struct henge_config *config,
                               const char *name, const struct henge_node *seed);

/* Members that `node` holds in this status. */
size_t nodes_count(struct henge_node *node, enum henge_member_status status);
/* Waits until it is `count`; false after NODES_WAIT_MS. */
bool nodes_wait_count(struct henge_node *node, enum henge_member_status status, size_t count);
void nodes_sleep_ms(unsigned ms);

#endif
