/* membership/detector/state.h - the detector's insides, shared by its files only:
 *
 *     detector.c   the doors: create, receive, step, deadline, peers; the pause guard
 *     periods.c    when probes begin: the period, verifications, the DEAD now and then
 *     probing.c    asks: the stages of any probe, the judgement
 *     answering.c  one handler per message; relaying for others
 *     own.c        about this node itself: its version, its local health, its pauses
 *     reports.c    tells the observer, and keeps what it had no room for */
#ifndef MEMBERSHIP_DETECTOR_STATE_H
#define MEMBERSHIP_DETECTOR_STATE_H

#include "core/base/random.h"
#include "membership/detector/detector.h"
#include "membership/detector/local_health.h"
#include "membership/detector/peers.h"
#include "membership/detector/probe.h"
#include "membership/detector/probe_wire.h"
#include "membership/detector/relay.h"
#include "membership/detector/streams.h"

enum {
    DEAD_PERIODS = 10, /* one DEAD peer is pinged in so many periods */
    RETRY_PARTS = 10,  /* what could not be sent or told is tried again after period / 10 */
    VERIFICATIONS_MAX = 8,
    PROBES_MAX = 1 + VERIFICATIONS_MAX,
    PROBES_REMEMBERED = 8 /* bits of outcomes */
};

/* All by the detector thread. */
struct detector {
    struct detector_settings settings;
    struct detector_observer observer;
    struct memory *memory;
    struct random random;
    struct peers peers;
    struct probe *probes;  /* the periodic one first, then the verifications */
    uint32_t probes_count; /* places there are, up to PROBES_MAX */
    struct relays relays;
    struct streams streams;
    struct local_health health;
    struct rtt rtt_of_all; /* of every peer that was measured */
    struct detector_counters counters;
    uint64_t now_ns; /* of the present turn */
    uint64_t generation;
    uint64_t fingerprint;
    uint64_t fingerprint_since_ns;
    uint64_t next_period_ns; /* TIME_NEVER: nobody to ask */
    uint64_t retell_ns;      /* TIME_NEVER: nothing was refused */
    uint64_t strained_ns;    /* when strain worsened local health last, 0: never */
    uint32_t version;
    uint32_t sequence;
    uint32_t periods_to_dead; /* until the next ping of a DEAD peer */
    bool is_unscheduled;      /* the next step picks a random phase for the first period */
    bool is_paused;           /* this turn came too late; the next step deals with it */
    bool is_version_pending;
    bool is_silent; /* by detector_silence */
    bool is_probes_pending;
    uint8_t failed_told;
    uint8_t outcomes; /* of the last periodic probes, a bit each, 1 = failed */
};

/* More places. False: no memory, or PROBES_MAX are there. */
bool detector_probes_grow(struct detector *detector);
/* 1, 2, ... round; never 0, which says "not sent". */
uint32_t detector_next_sequence(struct detector *detector);
/* Writes one message of the given type, head filled in here, into the outbox. False: no room. */
bool detector_send(struct detector *detector, struct outbox *outbox,
                   const struct henge_address *address, uint64_t generation, uint8_t type,
                   struct probe_message *message);
/* A ping to a peer, or false when it could not be sent. `held` NULL: as we hold it ourselves. */
bool detector_send_ping(struct detector *detector, struct outbox *outbox, const struct peer *peer,
                        uint32_t sequence, const struct held *held);
/* The same as an answer, over the stream or to the address that the question came from. */
bool detector_answer(struct detector *detector, struct outbox *outbox,
                     const struct packet_source *source, uint64_t generation, uint8_t type,
                     struct probe_message *message);
struct probe_message detector_ping(const struct detector *detector, const struct peer *peer,
                                   uint32_t sequence, const struct held *held);
struct held detector_held(const struct detector *detector, const struct peer *peer);
struct vitals detector_vitals(const struct detector *detector);
uint64_t detector_retry_ns(const struct detector *detector);

/* own.c */
/* If what is said about us at our generation is not older than what we say ourselves. */
void own_refute(struct detector *detector, uint32_t heard);
/* A turn that comes so late is a pause, if the profile minds. */
bool own_is_pause(const struct detector *detector, uint64_t gap_ns);
void own_wake_from_pause(struct detector *detector);

/* periods.c */
void periods_step(struct detector *detector, struct outbox *outbox);
uint64_t periods_deadline(const struct detector *detector);
bool periods_have_verification_asked(const struct detector *detector);

/* probing.c */
uint64_t probing_period(const struct detector *detector); /* stretched by local health */
uint64_t probing_direct_timeout(const struct detector *detector, const struct peer *peer);
/* Begins a probe with its first ping. */
void probing_begin(struct detector *detector, struct probe *probe,
                   const struct probe_target *target, uint64_t end_ns, struct outbox *outbox);
/* Carries on and judges what is under way. */
void probing_step(struct detector *detector, uint64_t horizon_ns, struct outbox *outbox);
/* The probe whose question this number, about this incarnation, answers; NULL: none. */
struct probe *probing_answered(struct detector *detector, uint32_t sequence, uint64_t name_hash,
                               uint64_t generation);
/* The probe's question is settled by the answer to this number: the target lives, or is another
 * incarnation. */
void probing_settled(struct detector *detector, struct probe *probe, uint32_t sequence);
bool probing_is_under_way(const struct detector *detector, uint32_t slot);
/* The peer in this slot is not what it was: its probes mean nothing any more. */
void probing_peer_changed(struct detector *detector, uint32_t slot);
/* Without a word, all of them. */
void probing_end_all(struct detector *detector);
/* Of all probes, TIME_NEVER when none is under way. */
uint64_t probing_deadline(const struct detector *detector);

/* answering.c */
void answering_receive(struct detector *detector, const struct probe_message *message,
                       const struct packet_source *source, struct outbox *outbox);
void answering_step(struct detector *detector, struct outbox *outbox);

/* reports.c */
void report_failed(struct detector *detector, struct peer *peer);
void report_alive(struct detector *detector, struct peer *peer, uint64_t generation,
                  uint32_t version);
void report_not_me(struct detector *detector, struct peer *peer);
void report_version(struct detector *detector);
/* How a periodic probe ended. */
void report_outcome(struct detector *detector, bool has_failed);
void reports_retell(struct detector *detector);

#endif
