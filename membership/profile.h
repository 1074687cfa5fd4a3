/* membership/profile.h - which rules of the protocol are in force: for honest comparison.
 *
 * One code, three settings: henge; lifeguard, as memberlist's LAN constants run it (Dadgar,
 * Phillips, Currey, DSN 2018); classic, plain SWIM (Das, Gupta, Motivala, DSN 2002) with the same
 * constants. What a profile does not name is the same in all three. Both halves read it; it never
 * changes. */
#ifndef MEMBERSHIP_PROFILE_H
#define MEMBERSHIP_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

struct profile {
    const char *name;

    /* Dissemination. */
    bool is_event_driven;  /* news leaves at once and in quick waves; else on ticks only */
    bool is_limit_stepped; /* lambda * ceil(log10(N + 1)) transmissions, not continuous */
    bool is_sync_full;  /* every 30 s (rarer beyond 32 members, as memberlist does) the whole table,
                           both ways, with one random peer; no repair by fingerprints; what
                              is learnt so, or by a snapshot, is gossiped on */
    bool is_zone_aware; /* a share of the targets stays in the zone */
    uint32_t fanout;    /* targets of a wave; 0: as configured */

    /* Suspicion. */
    uint32_t suspicion_alpha; /* min = alpha * max(1, log10 N) * period; 0: 3 periods or 2D + 1 */
    bool is_suspicion_confirmed; /* starts at max, confirmations shorten it to min; else min always
                                  */
    bool is_suspicion_verified;  /* some who hear of it probe the suspect at once */
    bool is_accuser_weighed; /* suspected accusers count for nothing; accusations are budgeted */
    bool is_doubt_heeded;    /* whom many accuse, time and again, steps back from the ring */
    bool is_frozen_when_cut_off; /* PARTITIONED: no verdicts while most of my own probes fail */

    /* Probing. */
    bool has_local_health;
    bool has_nacks;
    bool is_nack_costly;   /* each missing one worsens local health, not the failed probe once */
    bool has_buddy_notice; /* a ping tells its target that it is suspected */
    bool has_rtt_timeouts; /* from the peer's own round trips; else timeout_max */
    bool is_ping_repeated; /* a silent target is asked again each timeout, not once */
    bool has_stream_probe; /* the last resort, beside the helpers */
    bool has_pause_guard;

    /* Publication. */
    bool is_ring_batched; /* gathered, and by cut; else one ring version per change */
};

extern const struct profile profile_henge, profile_lifeguard, profile_classic;

/* NULL when there is none of that name. */
const struct profile *profile_of_name(const char *name);

#endif
