/* membership/detector/detector.h - the detector half of the protocol: probes, round-trip times,
 * local health, and this node's own version.
 *
 * SWIM's probe (Das, Gupta, Motivala, DSN 2002, section 3) with Lifeguard's local health and nacks
 * (Dadgar, Phillips, Currey, DSN 2018, sections IV A-C). A calculation like membership.h: it keeps
 * its own compact list of peers and shares nothing with the gossip half; what it finds comes out
 * through the observer. So a stalled gossip thread delays verdicts but never makes this node deaf.
 *
 * Judgement waits for the receive horizon, see membership.h. A step that comes later than
 * min(period, 500 ms) after its deadline is a pause: probes under way are abandoned without a
 * judgement, local health worsens, the own version is raised (the others suspect us by now). */
#ifndef MEMBERSHIP_DETECTOR_DETECTOR_H
#define MEMBERSHIP_DETECTOR_DETECTOR_H

#include "core/base/memory.h"
#include "henge/address.h"
#include "membership/outbox.h"
#include "membership/profile.h"
#include <stdbool.h>
#include <stdint.h>

struct detector;
struct identities; /* identities.h */

struct detector_settings {
    const struct profile *profile; /* NULL: profile_henge */
    uint64_t name_hash;            /* own */
    uint64_t generation;
    uint64_t period_ns;
    uint64_t timeout_min_ns, timeout_max_ns;
    uint32_t indirect;       /* helpers asked */
    uint32_t peers_max;      /* slots are 0..peers_max */
    uint32_t slots_expected; /* memory is taken for so many at once; 0: not known */
    uint64_t random_seed;
};

struct detector_peer {
    struct henge_address address;
    uint64_t name_hash;
    uint64_t generation;
    uint32_t version;
    uint8_t status; /* ALIVE, SUSPECT: probed. DEAD: now and then. LEFT: never */
};

struct detector_observer {
    void *context;
    /* Each answers false for "no room": it is told again at the next step. */
    bool (*on_probe_failed)(void *context, uint32_t slot, uint64_t generation, uint32_t version);
    bool (*on_peer_alive)(void *context, uint32_t slot, uint64_t generation, uint32_t version);
    bool (*on_not_me)(void *context, uint32_t slot, uint64_t generation);
    bool (*on_self_version)(void *context, uint64_t generation, uint32_t version);
    /* When the number of the last 8 periodic probes that failed has changed: are *we* cut off? */
    bool (*on_probes)(void *context, uint32_t failed_of_last_8);
    /* Somebody holds this node DEAD. May be NULL, may be dropped: gossip brings the verdict too. */
    void (*on_declared_dead)(void *context, uint64_t generation, uint32_t version);
    /* May be dropped: the next ack brings another. */
    void (*on_peer_fingerprint)(void *context, uint32_t slot, uint64_t fingerprint,
                                uint64_t age_ns);
    /* Direct contact with a peer: for the arrays that readers see. rtt_us is the smoothed round
     * trip, 0 when this contact measured none. */
    void (*on_contact)(void *context, uint32_t slot, uint64_t now_ns, uint32_t rtt_us);
};

/* `identities` is shared by the detectors of one thread, and outlives them. */
struct detector *detector_create(const struct detector_settings *settings,
                                 const struct detector_observer *observer,
                                 struct identities *identities, struct memory *memory,
                                 uint64_t now_ns);
/* On another thread than that of the identities only after detector_peers_clear on theirs. */
void detector_destroy(struct detector *detector);

void detector_receive(struct detector *detector, const uint8_t *message, size_t bytes,
                      const struct packet_source *source, uint64_t now_ns, struct outbox *outbox);
void detector_step(struct detector *detector, uint64_t now_ns, uint64_t horizon_ns,
                   struct outbox *outbox);
uint64_t detector_deadline(const struct detector *detector);
bool detector_wants_horizon(const struct detector *detector);

/* A script that was lent to a stream (outbox.h) is free again. */
void detector_script_done(struct detector *detector, uint64_t token);
/* Nobody listens at this address, its host says (ECONNREFUSED): a probe that waits there goes
 * indirect at once. It fails no sooner: such word can be forged. */
void detector_refused(struct detector *detector, const struct henge_address *address,
                      uint64_t now_ns);
/* How this role fares, since the last call: how late its turns came, how full its inbox was, how
 * much the socket dropped. Strain worsens local health before acks are missed, by one per period at
 * most. Any number of calls. */
void detector_strain(struct detector *detector, uint64_t lateness_ns, uint32_t inbox_permille,
                     uint64_t drops);
/* The machine slept so long without the clock of now_ns moving: a pause, if it is long enough. The
 * next step deals with it, after the packets that waited. */
void detector_suspended(struct detector *detector, uint64_t gap_ns);

/* From the gossip half. */
void detector_peer_set(struct detector *detector, uint32_t slot, const struct detector_peer *peer);
void detector_peer_remove(struct detector *detector, uint32_t slot);
/* All of them: this detector is about to end. */
void detector_peers_clear(struct detector *detector);
/* Probes this suspect at once, beside the periodic probe: a direct ping, then helpers and a second
 * ping, each within the peer's own timeout. Silence is told through on_probe_failed; a version that
 * has risen through on_peer_alive. Dropped when all places are taken; while this node
 * is unwell it only pings, and reports no failure. */
void detector_verify(struct detector *detector, uint32_t slot, uint64_t generation,
                     uint32_t version);
/* Refutes: version = max(own, heard) + 1, told through on_self_version, if generation is ours. */
void detector_accused(struct detector *detector, uint64_t generation, uint32_t version);
/* A new generation also ends a silence. */
void detector_generation_set(struct detector *detector, uint64_t generation);
/* This node has no voice any more: nothing is asked or answered. */
void detector_silence(struct detector *detector);
/* What rides on pings and acks. */
void detector_fingerprint_set(struct detector *detector, uint64_t fingerprint, uint64_t since_ns);

uint32_t detector_version(const struct detector *detector);
uint32_t detector_health(const struct detector *detector); /* 0 good .. 8 */

struct detector_counters {
    uint64_t malformed, misdirected, unknown_type;
    uint64_t probes_sent, probes_failed, probes_indirect;
    uint64_t acks_sent, nacks_received, refutations, pauses, relays_dropped;
    uint64_t refused, strains;
    uint64_t probes_streamed; /* answered over a stream only: datagrams are lost on that path */
    uint64_t verifications_sent, verifications_failed;
    uint64_t verifications_dropped; /* no place, unwell, or overtaken */
    uint64_t probes_abandoned;      /* without a judgement: our own side was not above suspicion */
    uint64_t answers_late;          /* to no question that is open */
    uint64_t relays_unknown;        /* asked to probe somebody not known here */
    uint64_t reports_dropped;       /* refused by the observer, and no room to remember that */
    uint64_t peers_refused;         /* no memory, or slot > peers_max */
};
void detector_counters_get(const struct detector *detector, struct detector_counters *out);

#endif
