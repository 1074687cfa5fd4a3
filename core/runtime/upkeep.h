/* core/runtime/upkeep.h - what a node needs from time to time and its threads must not do, because
 * it blocks: names of seeds resolved again, files of data_dir brought up to date. Done in the
 * application's thread, which asks the gossip thread by a control call (henge_node_maintain). */
#ifndef CORE_RUNTIME_UPKEEP_H
#define CORE_RUNTIME_UPKEEP_H

#include "core/runtime/peers_file.h"
#include "core/runtime/place_file.h"
#include "henge/status.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct henge_node;

/* Owned by whoever has exchanged `inside` to 1. */
struct upkeep {
    _Atomic uint32_t inside;
    uint64_t generation; /* as in its file, 0 = not written yet */
    uint64_t peers_hash; /* of what is in their file, in order of address */
    struct place place;  /* as in its file */
    uint64_t write_after_ns, resolve_after_ns;
};

/* What the gossip thread answers. */
struct upkeep_answer {
    uint64_t generation;
    struct henge_address peers[PEERS_FILE_MAX];
    uint32_t peers_count;
    struct place place;
};

/* At the node's making: the addresses of an earlier life, and its place into node->upkeep. A
 * damaged file is logged and ignored. */
uint32_t upkeep_load(struct henge_node *node, struct henge_address peers_out[PEERS_FILE_MAX]);
/* Before the node goes: the files once more. */
void upkeep_finish(struct henge_node *node);

#endif
