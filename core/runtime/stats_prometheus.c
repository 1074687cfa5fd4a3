/* core/runtime/stats_prometheus.c - the counters as Prometheus text, exposition format 0.0.4. */
#include "henge/stats.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COUNTER(field, help)                                                                       \
    {                                                                                              \
        "henge_" #field "_total", "counter", help, offsetof(struct henge_stats, field),            \
            sizeof(uint64_t)                                                                       \
    }
#define GAUGE(field, help)                                                                         \
    {                                                                                              \
        "henge_" #field, "gauge", help, offsetof(struct henge_stats, field),                       \
            sizeof(((struct henge_stats *)0)->field)                                               \
    }

static const struct metric {
    const char *name;
    const char *kind;
    const char *help;
    size_t offset;
    size_t bytes;
} metrics[] = {
    GAUGE(members_alive, "Members held ALIVE."),
    GAUGE(members_suspect, "Members held SUSPECT."),
    GAUGE(members_dead, "Members held DEAD and still listed."),
    GAUGE(members_left, "Members held LEFT and still listed."),
    GAUGE(view_number, "Publications of the view on this node."),
    GAUGE(ring_version, "Publications of the ring on this node."),
    GAUGE(agreement_permille, "Recently heard peers with the same fingerprint, per mille."),
    GAUGE(health, "Local health: 0 good, 8 worst."),
    GAUGE(is_partitioned, "1 while this node takes itself to be cut off."),
    GAUGE(has_name_conflict, "1 when another live process bears this node's name."),
    GAUGE(oldest_section_ms, "Age of the oldest reader section that holds a replaced view."),
    COUNTER(packets_received, "Datagrams and frames received."),
    COUNTER(packets_sent, "Datagrams sent."),
    COUNTER(bytes_received, "Bytes received."),
    COUNTER(bytes_sent, "Bytes sent."),
    COUNTER(packets_forged, "Packets that were not authentic."),
    COUNTER(packets_malformed, "Authentic packets that were not a message."),
    COUNTER(packets_misdirected, "Packets for another incarnation."),
    COUNTER(packets_dropped_quota, "Packets dropped because their consumer was full."),
    COUNTER(packets_dropped_send, "Packets that could not be sent."),
    COUNTER(packets_dropped_kernel, "Packets that the kernel had no room for."),
    COUNTER(streams_opened, "Streams opened."),
    COUNTER(streams_accepted, "Streams accepted."),
    COUNTER(streams_failed, "Streams that failed."),
    COUNTER(probes_sent, "Direct probes sent."),
    COUNTER(probes_failed, "Probes without an answer, direct or indirect."),
    COUNTER(probes_indirect, "Indirect probes asked for."),
    COUNTER(acks_sent, "Pings answered."),
    COUNTER(nacks_received, "Nacks received."),
    COUNTER(accusations, "Suspicions started by this node."),
    COUNTER(verdicts, "DEAD verdicts by this node."),
    COUNTER(refutations, "Times this node raised its own version."),
    COUNTER(pauses, "Times the pause guard struck."),
    COUNTER(strains, "Times this node saw itself late, flooded or dropping."),
    COUNTER(probes_streamed, "Probes answered over a stream only."),
    COUNTER(probes_refused, "Probes to where nobody listened."),
    COUNTER(gossip_updates_sent, "Membership updates sent."),
    COUNTER(gossip_updates_received, "Membership updates received."),
    COUNTER(gossip_updates_news, "Membership updates that were news."),
    COUNTER(evictions, "Evictions ordered on this node."),
    COUNTER(leaves_refused, "Leaves without their owner's proof."),
    COUNTER(members_refused, "Times a member found no room: members_max is too small."),
    COUNTER(syncs_started, "Repairs by difference started."),
    COUNTER(syncs_records_received, "Records received by repair or snapshot."),
    COUNTER(updates_refused, "Updates refused by a limit."),
    COUNTER(events_lost, "Events that a full subscription did not take."),
    COUNTER(views_published, "Views published."),
    COUNTER(views_reclaimed, "Views reclaimed."),
    COUNTER(views_delayed, "Publications put off because too many views were held."),
    COUNTER(rings_put_off, "Rings that waited: many nodes of the process build others."),
    COUNTER(rings_refused, "Publications with the ring before: too many points for one."),
    COUNTER(turns_io, "Turns of the io role."),
    COUNTER(turns_gossip, "Turns of the gossip role."),
    COUNTER(turns_detector, "Turns of the detector role."),
    COUNTER(wakes, "System calls made to wake a thread."),
};

static uint64_t metric_value(const struct henge_stats *stats, const struct metric *metric) {
    uint64_t wide = 0;
    uint32_t narrow = 0;
    const uint8_t *at = (const uint8_t *)stats + metric->offset;
    if (metric->bytes == sizeof(narrow)) {
        memcpy(&narrow, at, sizeof(narrow));
        return narrow;
    }
    memcpy(&wide, at, sizeof(wide));
    return wide;
}

enum henge_status henge_stats_prometheus(const struct henge_node *node, char *text_out,
                                         size_t text_bytes, size_t *bytes_out) {
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    enum henge_status status = henge_stats_get(node, &stats);
    if (status != HENGE_OK) {
        return status;
    }
    size_t used = 0;
    for (size_t index = 0; index < sizeof(metrics) / sizeof(metrics[0]); index++) {
        const struct metric *metric = &metrics[index];
        int bytes = snprintf(text_out + used, text_bytes - used,
                             "# HELP %s %s\n# TYPE %s %s\n%s{node=\"%s\"} %" PRIu64 "\n",
                             metric->name, metric->help, metric->name, metric->kind, metric->name,
                             henge_node_name(node), metric_value(&stats, metric));
        if (bytes < 0 || (size_t)bytes >= text_bytes - used) {
            return HENGE_FULL;
        }
        used += (size_t)bytes;
    }
    *bytes_out = used;
    return HENGE_OK;
}
