/* json_info.c - `henge info`: own record, state of agreement, every counter of struct henge_stats.
 */
#include "tools/json_tools.h"
#include "tools/json_view.h"

#include <unistd.h>

struct counter {
    const char *key;
    size_t offset;
};

#define COUNTER(field)                                                                             \
    { #field, offsetof(struct henge_stats, field) }

/* In the order of henge/stats.h; the few that are not plain numbers are put by hand below. */
static const struct counter counters_64[] = {
    COUNTER(view_number),
    COUNTER(packets_received),
    COUNTER(packets_sent),
    COUNTER(bytes_received),
    COUNTER(bytes_sent),
    COUNTER(packets_forged),
    COUNTER(packets_malformed),
    COUNTER(packets_misdirected),
    COUNTER(packets_dropped_quota),
    COUNTER(packets_dropped_send),
    COUNTER(packets_dropped_kernel),
    COUNTER(streams_opened),
    COUNTER(streams_accepted),
    COUNTER(streams_failed),
    COUNTER(probes_sent),
    COUNTER(probes_failed),
    COUNTER(probes_indirect),
    COUNTER(acks_sent),
    COUNTER(nacks_received),
    COUNTER(accusations),
    COUNTER(verdicts),
    COUNTER(refutations),
    COUNTER(pauses),
    COUNTER(strains),
    COUNTER(probes_streamed),
    COUNTER(probes_refused),
    COUNTER(gossip_updates_sent),
    COUNTER(gossip_updates_received),
    COUNTER(gossip_updates_news),
    COUNTER(syncs_started),
    COUNTER(syncs_records_received),
    COUNTER(updates_refused),
    COUNTER(evictions),
    COUNTER(leaves_refused),
    COUNTER(members_refused),
    COUNTER(events_lost),
    COUNTER(views_published),
    COUNTER(views_reclaimed),
    COUNTER(views_delayed),
    COUNTER(rings_refused),
    COUNTER(rings_put_off),
    COUNTER(oldest_section_ms),
    COUNTER(turns_io),
    COUNTER(turns_gossip),
    COUNTER(turns_detector),
    COUNTER(wakes),
};

static void put_counters(json_t *document, const struct henge_stats *stats) {
    for (size_t i = 0; i < sizeof(counters_64) / sizeof(counters_64[0]); i++) {
        const unsigned char *base = (const unsigned char *)stats;
        uint64_t value = *(const uint64_t *)(const void *)(base + counters_64[i].offset);
        json_put_u64(document, counters_64[i].key, value);
    }
    json_put_text(document, "oldest_section_reader", stats->oldest_section_reader);
    json_t *memory = json_array();
    for (size_t i = 0; i < sizeof(stats->memory_bytes) / sizeof(stats->memory_bytes[0]); i++) {
        (void)json_array_append_new(memory, json_integer((json_int_t)stats->memory_bytes[i]));
    }
    json_put(document, "memory_bytes", memory);
}

static void put_agreement(json_t *document, const struct henge_stats *stats) {
    json_put(document, "agreement", json_real((double)stats->agreement_permille / 1000.0));
    json_put_u64(document, "agreement_permille", stats->agreement_permille);
    json_put_u64(document, "members_alive", stats->members_alive);
    json_put_u64(document, "members_suspect", stats->members_suspect);
    json_put_u64(document, "members_dead", stats->members_dead);
    json_put_u64(document, "members_left", stats->members_left);
    json_put_u64(document, "health", stats->health);
    json_put_u64(document, "is_joined", stats->is_joined);
    json_put_bool(document, "is_partitioned", stats->is_partitioned != 0);
    json_put_bool(document, "has_name_conflict", stats->has_name_conflict != 0);
}

static void put_runtime(json_t *document, const struct henge_node *node,
                        const struct henge_config *config) {
    const struct henge_runtime *runtime = henge_node_runtime(node);
    json_put_text(document, "transport", henge_runtime_transport(runtime));
    json_put_text(document, "transport_reason", henge_runtime_transport_reason(runtime));
    json_put_u64(document, "threads", config->threads);
    char profile[16] = "";
    if (henge_config_get(config, "profile", profile, sizeof(profile)) == HENGE_OK) {
        json_put_text(document, "profile", profile);
    }
    json_put_bool(document, "insecure", config->insecure != 0);
    json_put_text(document, "label", config->label);
    json_put_u64(document, "pid", (uint64_t)getpid());
    json_put_text(document, "henge_version", henge_version_text());
}

/* The member's own keys without "last_seen_ms" and "rtt_us", which mean nothing about oneself. */
static json_t *own_record(const struct henge_view *view, const struct henge_node *node) {
    struct henge_member member;
    if (henge_members_by_slot(view, henge_view_self(view), &member) != HENGE_OK) {
        json_t *object = json_object();
        json_put_text(object, "name", henge_node_name(node));
        return object;
    }
    json_t *object = json_member(&member);
    (void)json_object_del(object, "last_seen_ms");
    (void)json_object_del(object, "rtt_us");
    return object;
}

json_t *json_info(const struct henge_node *node, const struct henge_view *view,
                  const struct henge_config *config, const struct henge_stats *stats) {
    json_t *document = own_record(view, node);
    /* The address as the node is bound and known: right even before the first view has it. */
    char address[HENGE_ADDRESS_TEXT_BYTES];
    struct henge_address bound = henge_node_address(node);
    json_put_text(document, "address", henge_address_format(&bound, address));
    json_put_u64(document, "generation", stats->generation);
    json_put_u64(document, "version", stats->version);
    /* From the view of this section, so that number, ring and fingerprint belong together. */
    const struct henge_ring *ring = henge_view_ring(view, HENGE_RING_CURRENT);
    json_put_u64(document, "view", henge_view_number(view));
    json_put_hex(document, "fingerprint", henge_view_fingerprint(view));
    json_put_hex(document, "view_fingerprint", henge_view_fingerprint(view));
    json_put_u64(document, "ring_version", henge_ring_version(ring));
    json_put_hex(document, "ring_fingerprint", henge_ring_fingerprint(ring));
    put_agreement(document, stats);
    put_runtime(document, node, config);
    put_counters(document, stats);
    return document;
}
