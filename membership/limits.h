/* membership/limits.h - every bound of the gossip half, with its reason. */
#ifndef MEMBERSHIP_LIMITS_H
#define MEMBERSHIP_LIMITS_H

#include "core/base/clock.h"
#include "henge/config.h"
#include "membership/message.h"
#include "membership/record.h"

enum {
    /* Suspicion: the first accuser and up to three confirmations (Lifeguard's k). */
    CONFIRMATIONS_MAX = 3,
    ACCUSERS_MAX = CONFIRMATIONS_MAX + 1,

    /* Gossip. No update is sent more often than TRANSMISSIONS_MAX - 1 times (gossip_bound.c: 20.6
     * at fanout 16). */
    LAMBDA = 4,
    TRANSMISSIONS_MAX = 24,
    REPEAT_WINDOWS = 4,     /* first repeat, in coalescing windows: one that all hops have seen */
    HEARD_ENOUGH = 3,       /* of what need not reach everybody */
    REPEAT_PACKETS_MAX = 4, /* for one peer in one go; more becomes a SYNC */
    FANOUT_MAX = 16,
    PACKET_UPDATES_MAX = 96,    /* a 23-byte update each would fill 2 KiB */
    TOMBSTONE_NEWS_MAX = 16,    /* news about members that are not in the table */
    REPLY_PACKETS_PER_S = 1000, /* answers have a bucket of their own */
    REPLY_PACKETS_BURST = 256,

    TOMBSTONES_MAX = 65536,
    TOMBSTONES_FIRST = 4,

    /* Sync. */
    SYNC_BUCKETS = 64,
    SYNC_PERIODS_RANDOM = 30,
    SYNCS_PER_S = 1,
    SYNCS_BURST = 8,
    SYNC_FULL_MEMBERS = 32,
    RECORDS_DATAGRAMS_MAX = 4,
    RECORDS_DATAGRAM_TYPICAL = 10, /* records in one: 130 bytes each, with their liveness */
    SCRIPTS_MAX = 8,               /* snapshots and repairs being sent over streams */
    PEER_REPORTS_MAX = 64,         /* fingerprints remembered, for agreement */
    PEER_REPORT_PERIODS = 10,      /* "recently" */
    MESSAGE_BYTES_MAX = 1448,      /* of any message: io's largest packet without its sealing */
    /* Around a record in the message that has most beside it: a join reply. */
    RECORD_MESSAGE_BYTES = 80,

    /* Join, leave, healing. */
    SEEDS_MAX = HENGE_SEEDS_MAX,
    JOINS_PER_S = 1000, /* beyond that a seed names others, who may know less */
    JOINS_BURST = 4096,
    LEAVE_ACKS_WANTED = 3,
    LEAVE_ACKS_MAX = 16,
    FORMER_ADDRESSES_MAX = 64,
    NOTICES_PER_S = 20,
    NOTICES_BURST = 64,
    LOSER_TELLERS = 3,   /* so many of all tell one who has lost his name */
    CORRECTIONS_MAX = 8, /* peers that called this node dead and wait for its word */
};

#define JOIN_RETRY_NS NS_PER_S
#define JOIN_PULL_RETRY_NS (50 * NS_PER_MS) /* at least; up to four times that */
#define CONTACT_ALONE_MAX_NS (10 * NS_PER_S)
#define SYNC_FULL_NS (30 * NS_PER_S) /* whole tables, in profiles that do so (memberlist's LAN) */
#define SCRIPT_SHARED_NS (5 * NS_PER_S)
#define GENERATION_ADOPT_NS NS_PER_S
#define RETRY_NS (10 * NS_PER_MS) /* of what the caller had no room for */
#define GENERATION_AHEAD_MAX_MS (UINT64_C(365) * 24 * 3600 * 1000)
#define VERSION_MAX                                                                                \
    (UINT32_C(1) << 31) /* liveness and payload; reached: the generation rises by one */

/* The last word of a life: above what its detector half may have answered meanwhile, of which the
 * other half has not heard; below an eviction, whose version is VERSION_MAX. */
#define VERSION_OF_LEAVE (VERSION_MAX - 1)

/* One way through the network and the receiver's queues, as assumed by the dissemination bound: a
 * twentieth of the probe period, which is chosen for the network (50 ms LAN, 100 ms WAN, 10 ms
 * within one machine). */
enum { HOPS_PER_PERIOD = 20 };

#define NO_SLOT UINT32_MAX

#endif
