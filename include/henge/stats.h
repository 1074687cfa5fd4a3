/* henge/stats.h - counters of one node and of the runtime under it. */
#ifndef HENGE_STATS_H
#define HENGE_STATS_H

#include <henge/node.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All counts since the node or runtime was created. Read without stopping anybody: fields are each
 * correct, not one instant. */
struct henge_stats {
    size_t size_bytes; /* set by the caller */

    /* this node: agreement */
    uint64_t view_number;
    uint64_t ring_version;
    uint64_t ring_fingerprint;
    uint64_t view_fingerprint;
    uint32_t members_alive, members_suspect, members_dead, members_left;
    uint32_t agreement_permille; /* recently heard peers that have the same fingerprint */
    uint32_t health;             /* local health score 0 (good) .. 8 */
    uint64_t generation;
    uint32_t version;
    uint32_t is_joined;         /* 1 after a join or when another member is known */
    uint32_t is_partitioned;    /* 1 between PARTITIONED begin and end */
    uint32_t has_name_conflict; /* 1: silent for good, see henge/node.h */

    /* this node: packets */
    uint64_t packets_received, packets_sent, bytes_received, bytes_sent;
    uint64_t packets_forged;         /* not authentic: wrong key, label, or a flipped bit */
    uint64_t packets_malformed;      /* authentic, but not a message */
    uint64_t packets_misdirected;    /* meant for another generation */
    uint64_t packets_dropped_quota;  /* a consumer had all the buffers it may have */
    uint64_t packets_dropped_send;   /* no send buffer or socket full */
    uint64_t packets_dropped_kernel; /* the socket's receive queue was full */
    uint64_t streams_opened, streams_accepted, streams_failed;

    /* this node: protocol */
    uint64_t probes_sent, probes_failed, probes_indirect, acks_sent, nacks_received;
    uint64_t accusations;     /* suspicions that this node started */
    uint64_t verdicts;        /* DEAD that this node declared */
    uint64_t refutations;     /* times this node raised its own version */
    uint64_t pauses;          /* times the pause guard struck */
    uint64_t strains;         /* times this node saw itself late, flooded or dropping */
    uint64_t probes_streamed; /* answered over a stream only: datagrams are lost on that path */
    uint64_t probes_refused;  /* nobody listened where a probe went: helpers asked at once */
    uint64_t gossip_updates_sent, gossip_updates_received, gossip_updates_news;
    uint64_t syncs_started, syncs_records_received;
    uint64_t updates_refused; /* table or metadata limits */
    uint64_t evictions;       /* ordered on this node */
    uint64_t leaves_refused;  /* said by others than their owner */
    uint64_t members_refused; /* times one found no room in the table: members_max is too small */
    uint64_t rings_put_off;   /* waits of a ring while other nodes of this process build theirs */
    uint64_t rings_refused;   /* publications without one: more than 2^24 points, henge/reader.h */
    uint64_t events_lost;

    /* the runtime */
    uint64_t views_published, views_reclaimed, views_delayed; /* delayed: live_views_max reached */
    uint64_t oldest_section_ms;                               /* age of the oldest open section */
    char oldest_section_reader[32]; /* and whose it is; (pinned): a pin's, not a section's */
    uint64_t memory_bytes[8];       /* by enum henge_memory_tag */
    uint64_t turns_io, turns_gossip, turns_detector;
    uint64_t wakes; /* system calls made to wake a sleeping thread */
};

/* Fills what the caller's size_bytes covers. Any thread. [non-blocking] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_stats_get(const struct henge_node *node,
                                                                struct henge_stats *stats_out);

/* The same as Prometheus text (exposition format 0.0.4, names henge_*) with a NUL into the caller's
 * buffer; *bytes_out is the length without the NUL. HENGE_FULL if it does not fit (16 KiB do).
 * Any thread. [non-blocking] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_stats_prometheus(const struct henge_node *node, char *text_out, size_t text_bytes,
                       size_t *bytes_out);

#ifdef __cplusplus
}
#endif
#endif
