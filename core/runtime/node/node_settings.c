/* core/runtime/node/node_settings.c - see node_settings.h. */
#include "core/runtime/node/node_settings.h"
#include "core/base/hash.h"
#include <string.h>

enum { REMOVAL_PERIODS = 20 /* that a cut may hold up a ring, and more */ };

static const struct profile *profile_of(enum henge_profile profile) {
    switch (profile) {
    case HENGE_PROFILE_LIFEGUARD:
        return &profile_lifeguard;
    case HENGE_PROFILE_CLASSIC:
        return &profile_classic;
    default:
        return &profile_henge;
    }
}

/* A member is forgotten after the ring has let go of it, at the latest possible publication. */
static uint64_t dead_shown_ns(const struct henge_config *config) {
    uint64_t shown_ns = config->dead_shown_s * NS_PER_S;
    uint64_t removed_ms = (uint64_t)config->ring_removal_delay_ms + config->publish_window_max_ms +
                          (uint64_t)REMOVAL_PERIODS * config->probe_period_ms;
    uint64_t removed_ns = removed_ms * NS_PER_MS;
    return config->ring_removal_delay_ms > 0 && removed_ns > shown_ns ? removed_ns : shown_ns;
}

void node_settings_gossip(const struct henge_config *config, uint32_t packet_overhead,
                          struct gossip_node_settings *settings_out) {
    *settings_out = (struct gossip_node_settings){
        .membership =
            {
                .profile = profile_of(config->profile),
                .ring_parameters = hash64(config->ring_salt, sizeof(config->ring_salt)),
                .probe_period_ns = config->probe_period_ms * NS_PER_MS,
                .suspicion_max_factor = config->suspicion_max_factor,
                .fanout = config->gossip_fanout,
                .gossip_tick_ns = config->gossip_tick_ms * NS_PER_MS,
                .gossip_window_ns = config->gossip_window_ms * NS_PER_MS,
                .packets_per_s = config->gossip_packets_per_s,
                .packets_burst = config->gossip_burst,
                .payload_bytes_max = config->datagram_bytes - packet_overhead,
                .members_max = config->members_max,
                .tombstone_ns = config->tombstone_hours * UINT64_C(3600) * NS_PER_S,
                .rejoin_hold_ns = config->ring_rejoin_hold_ms * NS_PER_MS,
                .dead_shown_ns = dead_shown_ns(config),
                .is_placed_first = config->ring_token_choices > 1,
            },
        .ring_removal_delay_ns = config->ring_removal_delay_ms * NS_PER_MS,
        .publish_window_ns = config->publish_window_ms * NS_PER_MS,
        .publish_window_max_ns = config->publish_window_max_ms * NS_PER_MS,
        .live_views_max = config->live_views_max,
        .token_choices = config->ring_token_choices,
        .ring_roles = config->ring_roles,
    };
    memcpy(settings_out->ring_salt, config->ring_salt, sizeof(settings_out->ring_salt));
}

void node_settings_detector(const struct henge_config *config,
                            struct detector_settings *settings_out) {
    *settings_out = (struct detector_settings){
        .profile = profile_of(config->profile),
        .name_hash = hash64_text(config->name),
        .period_ns = config->probe_period_ms * NS_PER_MS,
        .timeout_min_ns = config->probe_timeout_min_ms * NS_PER_MS,
        .timeout_max_ns = config->probe_timeout_max_ms * NS_PER_MS,
        .indirect = config->probe_indirect,
        .peers_max = config->members_max,
    };
}
