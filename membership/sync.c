/* membership/sync.c - see sync.h. */
#include "membership/sync.h"
#include "core/base/mutant.h"
#include "membership/snapshot.h"
#include "membership/state.h"
#include <string.h>

/* Of the dissemination bound: the first random SYNC; one after a repair that brought something. */
enum { FIRST_PARTS = 2, SOON_PARTS = 4 };

void sync_init(struct sync *sync, struct memory *memory) {
    *sync = (struct sync){.memory = memory,
                          .budget = token_bucket_of(SYNCS_PER_S, SYNCS_BURST),
                          .wanted_slot = NO_SLOT,
                          .random_due_ns = TIME_NEVER};
}

void sync_deinit(struct sync *sync) {
    memory_release(sync->memory, sync->reports, sync->reports_capacity * sizeof *sync->reports,
                   HENGE_MEMORY_MEMBER);
}

static bool is_recent(const struct membership *membership, const struct peer_report *report) {
    uint64_t recent_ns = PEER_REPORT_PERIODS * membership->settings.probe_period_ns;
    return membership->now_ns - report->heard_ns <= recent_ns;
}

/* Where a report of this peer goes: on its last one, on the oldest if that is not recent any more,
 * on a new place while there may be more. NULL: no memory for a first one. */
static struct peer_report *place_for(struct membership *membership, uint32_t slot) {
    struct sync *sync = &membership->sync;
    struct peer_report *oldest = sync->reports;
    for (uint32_t i = 0; i < sync->reports_count; i++) {
        struct peer_report *report = &sync->reports[i];
        if (report->slot == slot)
            return report;
        if (report->heard_ns < oldest->heard_ns)
            oldest = report;
    }
    if (sync->reports_count > 0 && !is_recent(membership, oldest))
        return oldest;
    if (sync->reports_count == sync->reports_capacity) {
        struct peer_report *reports =
            memory_grow(sync->memory, sync->reports, &sync->reports_capacity, PEER_REPORTS_MAX,
                        sizeof *reports, HENGE_MEMORY_MEMBER);
        if (reports == NULL)
            return oldest;
        sync->reports = reports;
    }
    return &sync->reports[sync->reports_count++];
}

/* False: as the last one of this peer. */
static bool report_put(struct membership *membership, uint32_t slot, uint64_t fingerprint,
                       uint64_t age_ns) {
    uint64_t now_ns = membership->now_ns, age_ms = age_ns / NS_PER_MS;
    struct peer_report *report = place_for(membership, slot);
    if (report == NULL)
        return true;
    bool is_new = report->slot != slot || report->fingerprint != fingerprint;
    *report = (struct peer_report){.fingerprint = fingerprint,
                                   .age_ms = age_ms < UINT32_MAX ? (uint32_t)age_ms : UINT32_MAX,
                                   .heard_ns = now_ns,
                                   .slot = slot};
    return is_new;
}

void sync_want(struct membership *membership, uint32_t slot) {
    membership->sync.wanted_slot = slot;
}

static uint64_t longest_interval(const struct membership *membership) {
    uint64_t periods = MUTANT(SYNCS_ALWAYS) ? 1 : SYNC_PERIODS_RANDOM;
    return periods * membership->settings.probe_period_ns;
}

void sync_no_room(struct membership *membership) {
    membership->sync.no_room_until_ns = membership->now_ns + longest_interval(membership);
}

void sync_brought(struct membership *membership) {
    struct sync *sync = &membership->sync;
    if (membership->settings.profile->is_sync_full || sync->random_due_ns == TIME_NEVER)
        return;
    uint64_t soon_ns = gossip_bound_ns(membership) / SOON_PARTS;
    uint64_t due_ns = membership->now_ns + soon_ns / 2 + random_below(&membership->random, soon_ns);
    if (due_ns >= sync->random_due_ns)
        return;
    sync->random_due_ns = due_ns;
    sync->random_mean_ns = 0;
}

bool sync_peer_fingerprint(struct membership *membership, uint32_t slot, uint64_t fingerprint,
                           uint64_t age_ns) {
    const struct table *table = &membership->table;
    bool is_new = report_put(membership, slot, fingerprint, age_ns);
    if (fingerprint == table->fingerprint)
        return is_new;
    if (membership->settings.profile->is_sync_full || membership->sync.wanted_slot != NO_SLOT ||
        membership->now_ns < membership->sync.no_room_until_ns)
        return true;
    uint64_t bound_ns = gossip_bound_ns(membership);
    if (age_ns > bound_ns && membership->now_ns - table->fingerprint_since_ns > bound_ns)
        sync_want(membership, slot);
    return true;
}

uint32_t sync_agreement_permille(const struct membership *membership) {
    const struct sync *sync = &membership->sync;
    uint64_t now_ns = membership->now_ns;
    uint64_t bound_ns = gossip_bound_ns(membership);
    uint32_t heard = 0, agreeing = 0;
    for (uint32_t i = 0; i < sync->reports_count; i++) {
        const struct peer_report *report = &sync->reports[i];
        uint64_t age_ns = report->age_ms * NS_PER_MS + now_ns - report->heard_ns;
        if (!is_recent(membership, report) || age_ns <= bound_ns)
            continue;
        heard++;
        agreeing += report->fingerprint == membership->table.fingerprint;
    }
    return heard == 0 ? 1000 : agreeing * 1000 / heard;
}

bool sync_send(struct membership *membership, const struct henge_address *address,
               uint64_t generation, uint8_t flags, struct outbox *outbox) {
    struct bytes_writer writer = message_begin(membership, outbox, MESSAGE_SYNC);
    if (writer.start == NULL)
        return false;
    struct wire_sync sync = {.flags = flags,
                             .ring_parameters = membership->settings.ring_parameters,
                             .fingerprint = membership->table.fingerprint};
    for (uint32_t i = 0; i < SYNC_BUCKETS; i++)
        sync.sums[i] = table_sum_folded(&membership->table, i);
    wire_sync_put(&writer, &sync);
    if ((flags & SYNC_IS_ANSWER) == 0)
        membership->counters.syncs_started++;
    return message_commit(outbox, &writer, address, generation);
}

/* Folded sums may hide a difference (one in 2^32) that the fingerprint shows: then all is pulled.
 */
static uint64_t buckets_that_differ(const struct membership *membership,
                                    const struct wire_sync *heard) {
    uint64_t buckets = 0;
    for (uint32_t i = 0; i < SYNC_BUCKETS; i++)
        if (heard->sums[i] != table_sum_folded(&membership->table, i) || MUTANT(REPAIR_WHOLE_TABLE))
            buckets |= UINT64_C(1) << i;
    bool differs = heard->fingerprint != membership->table.fingerprint;
    return buckets == 0 && differs ? BUCKETS_ALL : buckets;
}

/* The speaker bears a name that is held to live elsewhere, which no fingerprint may show. */
static void tell_displaced(struct membership *membership, const struct delivery *delivery) {
    uint32_t slot = table_find(&membership->table, delivery->head.source_name_hash);
    if (slot == NO_SLOT || slot == 0)
        return;
    const struct member *member = &membership->table.members[slot];
    if (member->status >= HENGE_DEAD ||
        member_generation(member) < delivery->head.source_generation ||
        memcmp(&member->record->address, &delivery->source->address,
               sizeof member->record->address) == 0 ||
        !token_bucket_take(&membership->replies, membership->now_ns))
        return;
    struct update held = merge_update_of(membership, slot, true);
    (void)gossip_tell(membership, &held, &delivery->source->address, delivery->outbox);
}

/* Each bucket that differs has a record at least: so many buckets, and datagrams will not do. */
static void pull(struct membership *membership, uint64_t buckets, const struct delivery *delivery) {
    const struct henge_address *address = &delivery->source->address;
    uint64_t generation = delivery->head.source_generation;
    if (__builtin_popcountll(buckets) > RECORDS_DATAGRAMS_MAX * RECORDS_DATAGRAM_TYPICAL)
        (void)pull_by_stream(membership, PULL_FOR_SYNC, address, generation, buckets,
                             delivery->outbox);
    else
        pull_by_datagram(membership, address, generation, buckets, delivery->outbox);
}

void sync_receive(struct membership *membership, struct delivery *delivery) {
    struct wire_sync heard;
    if (!wire_sync_get(&delivery->reader, &heard)) {
        delivery_malformed(membership);
        return;
    }
    delivery_trailing(membership, delivery);
    if (heard.ring_parameters != membership->settings.ring_parameters) {
        membership->counters.misdirected++; /* a cluster that must not become one with ours */
        return;
    }
    const struct packet_source *source = delivery->source;
    if (source->stream != 0 || !membership_can_speak(membership))
        return; /* what a departed one knows grows old: nobody is to learn the cluster from it */
    tell_displaced(membership, delivery);
    if ((heard.flags & SYNC_IS_FULL) != 0) {
        (void)pull_by_stream(membership, PULL_FOR_SYNC, &source->address,
                             delivery->head.source_generation, BUCKETS_ALL, delivery->outbox);
        return;
    }
    if ((heard.flags & SYNC_IS_ANSWER) == 0 &&
        token_bucket_take(&membership->replies, membership->now_ns))
        (void)sync_send(membership, &source->address, delivery->head.source_generation,
                        SYNC_IS_ANSWER, delivery->outbox);
    uint64_t buckets = buckets_that_differ(membership, &heard);
    if (buckets != 0 && membership->table.members[0].status != HENGE_LEFT && !MUTANT(REPAIR_NEVER))
        pull(membership, buckets, delivery);
}

/* memberlist's: rarer by steps beyond 32 members, for each costs more. */
static uint64_t full_interval(const struct membership *membership) {
    uint32_t size = table_size(&membership->table);
    uint64_t steps = 1;
    for (uint64_t reach = SYNC_FULL_MEMBERS; reach < size; reach *= 2)
        steps++;
    return (size > SYNC_FULL_MEMBERS ? steps : 1) * SYNC_FULL_NS;
}

/* A newcomer misses what spreads while its snapshot is on the way, for some of those who hear it
 * have it from a snapshot too and do not pass it on. So the first ones come soon. */
static uint64_t random_interval(struct membership *membership) {
    struct sync *sync = &membership->sync;
    if (membership->settings.profile->is_sync_full) {
        uint64_t interval_ns = full_interval(membership);
        bool is_first = sync->random_due_ns == TIME_NEVER;
        return is_first ? random_below(&membership->random, interval_ns) : interval_ns;
    }
    uint64_t longest_ns = longest_interval(membership);
    uint64_t mean_ns = sync->random_mean_ns * 2;
    if (mean_ns == 0)
        mean_ns = gossip_bound_ns(membership) / FIRST_PARTS;
    sync->random_mean_ns = mean_ns = mean_ns < longest_ns ? mean_ns : longest_ns;
    return mean_ns / 2 + random_below(&membership->random, mean_ns + 1);
}

static void send_to_member(struct membership *membership, uint32_t slot, struct outbox *outbox) {
    const struct member *member = &membership->table.members[slot];
    /* Generation 0: it is to be heard also by an incarnation that is not known here yet. */
    (void)sync_send(membership, &member->record->address, 0, 0, outbox);
}

static void sync_full(struct membership *membership, struct outbox *outbox) {
    uint32_t slot;
    if (table_pick(&membership->table, &membership->random, &slot, 1) == 0)
        return;
    const struct member *member = &membership->table.members[slot];
    if (pull_by_stream(membership, PULL_FOR_SYNC, &member->record->address,
                       member_generation(member), BUCKETS_ALL, outbox))
        (void)sync_send(membership, &member->record->address, member_generation(member),
                        SYNC_IS_FULL, outbox);
}

static void random_sync(struct membership *membership, struct outbox *outbox) {
    struct sync *sync = &membership->sync;
    sync->random_due_ns = membership->now_ns + random_interval(membership);
    uint32_t slot;
    if (membership->settings.profile->is_sync_full)
        sync_full(membership, outbox);
    else if (sync->wanted_slot == NO_SLOT &&
             table_pick(&membership->table, &membership->random, &slot, 1) == 1)
        sync->wanted_slot = slot;
}

void sync_step(struct membership *membership, struct outbox *outbox) {
    struct sync *sync = &membership->sync;
    if (membership->table.live_count == 0) {
        sync->random_due_ns = TIME_NEVER;
        sync->random_mean_ns = 0;
        sync->wanted_slot = NO_SLOT;
        return;
    }
    if (sync->random_due_ns == TIME_NEVER)
        sync->random_due_ns = membership->now_ns + random_interval(membership);
    if (sync->random_due_ns <= membership->now_ns)
        random_sync(membership, outbox);
    if (sync->wanted_slot == NO_SLOT || !token_bucket_take(&sync->budget, membership->now_ns))
        return;
    uint32_t slot = sync->wanted_slot;
    sync->wanted_slot = NO_SLOT;
    if (membership->table.members[slot].record != NULL)
        send_to_member(membership, slot, outbox);
}

uint64_t sync_deadline(const struct membership *membership) {
    const struct sync *sync = &membership->sync;
    uint64_t ready_ns = token_bucket_ready(&sync->budget);
    bool is_waiting = sync->wanted_slot != NO_SLOT && ready_ns < sync->random_due_ns;
    return is_waiting ? ready_ns : sync->random_due_ns;
}
