/* membership/profile.c - see profile.h. */
#include "membership/profile.h"
#include <stddef.h>
#include <string.h>

const struct profile profile_henge = {
    .name = "henge",
    .is_event_driven = true,
    .is_zone_aware = true,
    .is_suspicion_confirmed = true,
    .is_suspicion_verified = true,
    .is_accuser_weighed = true,
    .is_doubt_heeded = true,
    .is_frozen_when_cut_off = true,
    .has_local_health = true,
    .has_nacks = true,
    .has_buddy_notice = true,
    .has_rtt_timeouts = true,
    .is_ping_repeated = true,
    .has_stream_probe = true,
    .has_pause_guard = true,
    .is_ring_batched = true,
};

const struct profile profile_lifeguard = {
    .name = "lifeguard",
    .is_limit_stepped = true,
    .is_sync_full = true,
    .fanout = 3,
    .suspicion_alpha = 4,
    .is_suspicion_confirmed = true,
    .has_local_health = true,
    .has_nacks = true,
    .is_nack_costly = true,
    .has_buddy_notice = true,
    .has_stream_probe = true,
};

const struct profile profile_classic = {
    .name = "classic",
    .is_limit_stepped = true,
    .is_sync_full = true,
    .fanout = 3,
    .suspicion_alpha = 4,
};

const struct profile *profile_of_name(const char *name) {
    const struct profile *all[] = {&profile_henge, &profile_lifeguard, &profile_classic};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(name, all[i]->name) == 0)
            return all[i];
    return NULL;
}
