/* core/runtime/limits.h - how large the pools of a runtime are, by what it is configured for.
 *
 * Who may hold how much: gossip has half of the received datagrams, the detector the rest but an
 * eighth, which io keeps; so a stalled gossip thread leaves the detector its own share. */
#ifndef CORE_RUNTIME_LIMITS_H
#define CORE_RUNTIME_LIMITS_H

#include "henge/config.h"
#include "io/buffers.h"
#include <stdint.h>

struct runtime_limits {
    uint32_t nodes;
    uint32_t sends;                               /* send buffers of each of gossip and detector */
    uint32_t streams;                             /* open at once */
    uint32_t frames;                              /* stream frame buffers */
    uint32_t received;                            /* datagrams that may wait in this process */
    uint32_t received_quota[BUFFER_HOLDER_COUNT]; /* received buffers that a role may hold */
    uint32_t frames_quota[BUFFER_HOLDER_COUNT];   /* frames that a role may hold */
};

/* The least power of two, from 4 on, that holds so many. */
uint32_t limits_power_of_two(uint32_t value);
struct runtime_limits limits_of(const struct henge_config *config);

#endif
