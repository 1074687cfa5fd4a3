/* membership/detector/probe.h - the state of one probe (SWIM, DSN 2002, section 3.1), periodic or
 * a verification.
 *
 *   IDLE -> (ASKED ->) UNSENT -> DIRECT -> INDIRECT -> (WAITING ->) judged, IDLE
 *                       ping sent   timeout        end of its time
 *
 * ASKED: gossip wants a verification, which begins with the detector's next turn.
 * WAITING: the time is over, but it is not certain yet that everything received in time was handed
 * in (membership.h, receive horizon). An ack ends a probe in any stage. This file only keeps the
 * state; probing.c sends and judges. */
#ifndef MEMBERSHIP_DETECTOR_PROBE_H
#define MEMBERSHIP_DETECTOR_PROBE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PROBE_HELPERS_MAX = 8, /* the limit of probe.indirect in henge/config.h */
    PROBE_AGAIN_MAX = 5    /* pings beside the helpers: one a timeout in the rest of the probe */
};

enum probe_stage {
    PROBE_IDLE = 0,
    PROBE_ASKED,
    PROBE_UNSENT,
    PROBE_DIRECT,
    PROBE_INDIRECT,
    PROBE_WAITING
};

struct probe {
    enum probe_stage stage;
    uint32_t slot;
    uint64_t name_hash;
    uint64_t generation;
    uint32_t version; /* of the target when the probe began: what a failure accuses */
    uint64_t end_ns;  /* the judgement is about what was received up to here */
    uint64_t next_ns; /* when this stage is over, or is tried again */
    uint64_t timeout_ns;
    /* Every message has its own number, 0 = not sent. */
    uint32_t sequence_direct, sequence_indirect, sequence_stream;
    uint32_t sequences_again[PROBE_AGAIN_MAX];
    uint32_t agains;
    uint64_t direct_sent_ns, again_sent_ns; /* of the last of them */
    uint32_t helpers_asked;
    uint32_t nacked;                     /* bit i: helpers[i] has sent its nack */
    uint64_t helpers[PROBE_HELPERS_MAX]; /* name hashes */
};

struct probe_target {
    uint32_t slot;
    uint64_t name_hash;
    uint64_t generation;
    uint32_t version;
};

void probe_ask(struct probe *probe, const struct probe_target *target);
void probe_begin(struct probe *probe, const struct probe_target *target, uint64_t now_ns,
                 uint64_t end_ns);
struct probe_target probe_target(const struct probe *probe);
void probe_direct_sent(struct probe *probe, uint32_t sequence, uint64_t now_ns,
                       uint64_t timeout_ns);
/* Direct time is over. The rest gets at least one timeout, even if this turn is late. */
void probe_go_indirect(struct probe *probe, uint64_t now_ns);
void probe_again_sent(struct probe *probe, uint32_t sequence, uint64_t now_ns);
/* Is there time, and room, for one more ping whose answer still counts? Then its turn is next. */
bool probe_again_next(struct probe *probe, uint64_t now_ns);
void probe_stream_asked(struct probe *probe, uint32_t sequence);
void probe_helper_asked(struct probe *probe, uint32_t sequence, uint64_t helper_name_hash);
void probe_wait(struct probe *probe, uint64_t again_ns);
void probe_end(struct probe *probe);

/* Does an ack with this number about this incarnation answer the probe? */
bool probe_is_answered_by(const struct probe *probe, uint32_t sequence, uint64_t name_hash,
                          uint64_t generation);
/* When the direct ping of this number left, 0 if it was none. */
uint64_t probe_sent_ns(const struct probe *probe, uint32_t sequence);
/* Counts the nack of a helper that was asked, once. False: it is not one of this probe. */
bool probe_nacked(struct probe *probe, uint32_t sequence, uint64_t helper_name_hash);
uint32_t probe_missing_nacks(const struct probe *probe);
/* The target's port is closed, its host says: the direct time is over. */
void probe_refused(struct probe *probe, uint64_t now_ns);
/* Was anything sent after the direct ping? If not, the failure may be ours. */
bool probe_is_second_chance_given(const struct probe *probe);
/* TIME_NEVER for one that has not begun. */
uint64_t probe_deadline(const struct probe *probe);

#endif
