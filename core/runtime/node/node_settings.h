/* core/runtime/node/node_settings.h - from the settings of a config to those of the two halves.
 *
 * What a config does not know (name, address, generation, boot id, random seed, clock, sizes of the
 * sealing) is the caller's to fill in. The simulator's nodes are made of the same settings. */
#ifndef CORE_RUNTIME_NODE_NODE_SETTINGS_H
#define CORE_RUNTIME_NODE_NODE_SETTINGS_H

#include "core/runtime/node/gossip_node.h"
#include "henge/config.h"
#include "membership/detector/detector.h"

/* All but membership.self, .random_seed, .wall_ms, and id. packet_overhead: what sealing adds. */
void node_settings_gossip(const struct henge_config *config, uint32_t packet_overhead,
                          struct gossip_node_settings *settings_out);
/* All but generation and random_seed. */
void node_settings_detector(const struct henge_config *config,
                            struct detector_settings *settings_out);

#endif
