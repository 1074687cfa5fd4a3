/* tools/sim/trace.h - the running hash over all that happens, and telling the observers. */
#ifndef TOOLS_SIM_TRACE_H
#define TOOLS_SIM_TRACE_H

#include "tools/sim/sim_internal.h"

/* Kinds of what is hashed; events of the queue count from 1. */
enum trace_kind {
    TRACE_SEND = 100,
    TRACE_CHANGE,
    TRACE_EVENT,
    TRACE_BOOT,
    TRACE_END,
    TRACE_FRAME,
    TRACE_STEP
};

void trace_note(struct sim *sim, uint32_t kind, uint32_t host, uint64_t detail);
void trace_send(struct host *from, uint32_t to, uint8_t lane, const uint8_t *message, size_t bytes);
void trace_change(struct host *host, const struct member_change *change);
void trace_event(struct host *host, const struct henge_event *event);
void trace_step(struct host *host);
void trace_boot(struct host *host, bool is_end);
void trace_action(struct sim *sim, const struct sim_action *action, bool is_end);

#endif
