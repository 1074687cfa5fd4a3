/* core/runtime/node_internal.h - the two halves of a node: made and freed on the gossip thread. */
#ifndef CORE_RUNTIME_NODE_INTERNAL_H
#define CORE_RUNTIME_NODE_INTERNAL_H

#include "core/runtime/runtime_internal.h"

enum henge_status node_halves_create(struct henge_node *node, uint64_t now_ns);
void node_halves_destroy(struct henge_node *node);

/* Frees a node whose halves are gone or whose runtime has stopped. Any thread. */
void node_free(struct henge_node *node);

#endif
