/* tools/sim/trace.c - see trace.h. */
#include "tools/sim/trace.h"
#include "core/base/hash.h"

void trace_note(struct sim *sim, uint32_t kind, uint32_t host, uint64_t detail) {
    uint64_t what = (uint64_t)kind << 32 | host;
    sim->trace_hash = hash64_pair(sim->trace_hash ^ sim->now_ns, hash64_pair(what, detail));
}

void trace_send(struct host *from, uint32_t to, uint8_t lane, const uint8_t *message,
                size_t bytes) {
    struct sim *sim = from->sim;
    trace_note(sim, TRACE_SEND, from->number, hash64_seeded(message, bytes, to + (uint64_t)lane));
    for (uint32_t i = 0; i < sim->observers_count; i++) {
        const struct sim_observer *observer = &sim->observers[i];
        if (observer->on_send) {
            observer->on_send(observer->context, sim, from->number, to, lane, message, bytes);
        }
    }
}

void trace_change(struct host *host, const struct member_change *change) {
    struct sim *sim = host->sim;
    uint64_t flags = (uint64_t)change->is_new | (uint64_t)change->is_forgotten << 1 |
                     (uint64_t)change->payload_changed << 2 |
                     (uint64_t)change->generation_changed << 3;
    uint64_t what = (uint64_t)change->slot << 32 | (uint64_t)change->before_status << 24 |
                    (uint64_t)change->status << 16 | (uint64_t)change->origin << 8 | flags;
    trace_note(sim, TRACE_CHANGE, host->number, what);
    for (uint32_t i = 0; i < sim->observers_count; i++) {
        const struct sim_observer *observer = &sim->observers[i];
        if (observer->on_change) {
            observer->on_change(observer->context, sim, host->number, change);
        }
    }
}

void trace_event(struct host *host, const struct henge_event *event) {
    struct sim *sim = host->sim;
    uint64_t what = hash64_pair(event->number, event->ring_fingerprint);
    trace_note(sim, TRACE_EVENT, host->number, what ^ (uint64_t)event->type);
    struct henge_event stamped = *event;
    stamped.time_ms = host_wall_ms(host);
    for (uint32_t i = 0; i < sim->observers_count; i++) {
        const struct sim_observer *observer = &sim->observers[i];
        if (observer->on_event) {
            observer->on_event(observer->context, sim, host->number, &stamped);
        }
    }
}

void trace_step(struct host *host) {
    struct sim *sim = host->sim;
    trace_note(sim, TRACE_STEP, host->number, 0);
    for (uint32_t i = 0; i < sim->observers_count; i++) {
        const struct sim_observer *observer = &sim->observers[i];
        if (observer->on_step) {
            observer->on_step(observer->context, sim, host->number);
        }
    }
}

void trace_boot(struct host *host, bool is_end) {
    struct sim *sim = host->sim;
    trace_note(sim, is_end ? TRACE_END : TRACE_BOOT, host->number, host->boots);
    for (uint32_t i = 0; i < sim->observers_count; i++) {
        const struct sim_observer *observer = &sim->observers[i];
        if (observer->on_boot) {
            observer->on_boot(observer->context, sim, host->number, is_end);
        }
    }
}

void trace_action(struct sim *sim, const struct sim_action *action, bool is_end) {
    trace_note(sim, is_end ? EVENT_ACTION_ENDS : EVENT_ACTION, action->kind,
               (uint64_t)action->amount ^ (uint64_t)action->who.first << 32);
    for (uint32_t i = 0; i < sim->observers_count; i++) {
        const struct sim_observer *observer = &sim->observers[i];
        if (observer->on_action) {
            observer->on_action(observer->context, sim, action, is_end);
        }
    }
}
