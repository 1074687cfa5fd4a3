/* membership/detector/probe.c - see probe.h. */
#include "membership/detector/probe.h"

#include "core/base/assert.h"
#include "core/base/clock.h"

void probe_ask(struct probe *probe, const struct probe_target *target) {
    *probe = (struct probe){.stage = PROBE_ASKED,
                            .slot = target->slot,
                            .name_hash = target->name_hash,
                            .generation = target->generation,
                            .version = target->version};
}

void probe_begin(struct probe *probe, const struct probe_target *target, uint64_t now_ns,
                 uint64_t end_ns) {
    *probe = (struct probe){.stage = PROBE_UNSENT,
                            .slot = target->slot,
                            .name_hash = target->name_hash,
                            .generation = target->generation,
                            .version = target->version,
                            .end_ns = end_ns,
                            .next_ns = now_ns};
}

struct probe_target probe_target(const struct probe *probe) {
    return (struct probe_target){.slot = probe->slot,
                                 .name_hash = probe->name_hash,
                                 .generation = probe->generation,
                                 .version = probe->version};
}

void probe_direct_sent(struct probe *probe, uint32_t sequence, uint64_t now_ns,
                       uint64_t timeout_ns) {
    ASSERT(probe->stage == PROBE_UNSENT);
    probe->stage = PROBE_DIRECT;
    probe->sequence_direct = sequence;
    probe->direct_sent_ns = now_ns;
    probe->timeout_ns = timeout_ns;
    probe->next_ns = now_ns + timeout_ns;
}

void probe_go_indirect(struct probe *probe, uint64_t now_ns) {
    ASSERT(probe->stage == PROBE_DIRECT);
    probe->stage = PROBE_INDIRECT;
    if (probe->end_ns < now_ns + probe->timeout_ns) {
        probe->end_ns = now_ns + probe->timeout_ns;
    }
    probe->next_ns = probe->end_ns;
}

void probe_again_sent(struct probe *probe, uint32_t sequence, uint64_t now_ns) {
    ASSERT(probe->agains < PROBE_AGAIN_MAX);
    probe->sequences_again[probe->agains++] = sequence;
    probe->again_sent_ns = now_ns;
}

bool probe_again_next(struct probe *probe, uint64_t now_ns) {
    uint64_t next_ns = now_ns + probe->timeout_ns;
    bool is_worth_it =
        probe->agains < PROBE_AGAIN_MAX && next_ns + probe->timeout_ns <= probe->end_ns;
    probe->next_ns = is_worth_it ? next_ns : probe->end_ns;
    return is_worth_it;
}

static bool is_again(const struct probe *probe, uint32_t sequence) {
    for (uint32_t i = 0; i < probe->agains; i++) {
        if (probe->sequences_again[i] == sequence) {
            return true;
        }
    }
    return false;
}

void probe_stream_asked(struct probe *probe, uint32_t sequence) {
    probe->sequence_stream = sequence;
}

void probe_helper_asked(struct probe *probe, uint32_t sequence, uint64_t helper_name_hash) {
    ASSERT(probe->helpers_asked < PROBE_HELPERS_MAX);
    probe->sequence_indirect = sequence;
    probe->helpers[probe->helpers_asked++] = helper_name_hash;
}

void probe_wait(struct probe *probe, uint64_t again_ns) {
    probe->stage = PROBE_WAITING;
    probe->next_ns = again_ns;
}

void probe_end(struct probe *probe) {
    probe->stage = PROBE_IDLE;
}

bool probe_is_answered_by(const struct probe *probe, uint32_t sequence, uint64_t name_hash,
                          uint64_t generation) {
    if (probe->stage <= PROBE_ASKED || sequence == 0) {
        return false;
    }
    bool is_ours = sequence == probe->sequence_direct || is_again(probe, sequence) ||
                   sequence == probe->sequence_indirect || sequence == probe->sequence_stream;
    return is_ours && name_hash == probe->name_hash && generation == probe->generation;
}

uint64_t probe_sent_ns(const struct probe *probe, uint32_t sequence) {
    if (sequence == 0) {
        return 0;
    }
    if (sequence == probe->sequence_direct) {
        return probe->direct_sent_ns;
    }
    bool is_last = probe->agains > 0 && sequence == probe->sequences_again[probe->agains - 1];
    return is_last ? probe->again_sent_ns : 0;
}

bool probe_nacked(struct probe *probe, uint32_t sequence, uint64_t helper_name_hash) {
    if (probe->stage <= PROBE_ASKED || sequence == 0 || sequence != probe->sequence_indirect) {
        return false;
    }
    for (uint32_t i = 0; i < probe->helpers_asked; i++) {
        if (probe->helpers[i] != helper_name_hash || (probe->nacked & (1U << i)) != 0) {
            continue;
        }
        probe->nacked |= 1U << i;
        return true;
    }
    return false;
}

uint32_t probe_missing_nacks(const struct probe *probe) {
    uint32_t missing = 0;
    for (uint32_t i = 0; i < probe->helpers_asked; i++) {
        missing += (probe->nacked >> i & 1U) == 0;
    }
    return missing;
}

void probe_refused(struct probe *probe, uint64_t now_ns) {
    if (probe->stage == PROBE_DIRECT && now_ns < probe->next_ns) {
        probe->next_ns = now_ns;
    }
}

bool probe_is_second_chance_given(const struct probe *probe) {
    return probe->helpers_asked > 0 || probe->agains > 0;
}

uint64_t probe_deadline(const struct probe *probe) {
    return probe->stage <= PROBE_ASKED ? TIME_NEVER : probe->next_ns;
}
