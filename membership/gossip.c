/* membership/gossip.c - see gossip.h. */
#include "membership/gossip.h"
#include "core/base/assert.h"
#include "membership/state.h"
#include <math.h>
#include <string.h>

double gossip_limit(uint32_t size) {
    return LAMBDA * log10((double)size + 1);
}

/* Push epidemic (Demers et al., PODC 1987). News spreads in waves of `fanout` copies, of which nine
 * in ten arrive: N nodes are reached, up to a rest, after ln N / ln(1 + 0.9 f) hops of window + one
 * way. A node is still missing one round later with e^-0.9f, so N nodes need
 * ln(10^6 N) / 0.9f rounds for 10^-6; the wave was the first, ticks are the others. */
uint64_t gossip_bound(uint32_t size, uint32_t fanout, uint64_t window_ns, uint64_t tick_ns) {
    double nodes = size < 2 ? 2 : (double)size;
    double arriving = 0.9 * (fanout == 0 ? 1 : (double)fanout);
    double hops = ceil(log(nodes) / log(1 + arriving));
    double rounds = ceil(log(1e6 * nodes) / arriving) - 1;
    return (uint64_t)hops * (window_ns + HOP_NS) + (uint64_t)rounds * tick_ns;
}

uint64_t gossip_bound_ns(const struct membership *membership) {
    const struct membership_settings *settings = &membership->settings;
    return gossip_bound(table_size(&membership->table), settings->fanout,
                        settings->gossip_window_ns, settings->gossip_tick_ns);
}

void gossip_init(struct gossip *gossip, struct memory *memory, uint32_t per_s, uint32_t burst) {
    *gossip = (struct gossip){.memory = memory,
                              .fresh_due_ns = TIME_NEVER,
                              .tick_due_ns = TIME_NEVER,
                              .bucket = token_bucket_of(per_s, burst)};
    for (size_t i = 0; i < GOSSIP_CLASSES; i++)
        for (size_t j = 0; j < TRANSMISSIONS_MAX; j++)
            gossip->first[i][j] = NO_SLOT;
}

void gossip_deinit(struct gossip *gossip) {
    memory_release(gossip->memory, gossip->entries, gossip->capacity * sizeof *gossip->entries,
                   HENGE_MEMORY_MEMBER);
}

static void entry_unlink(struct gossip *gossip, uint32_t id) {
    struct gossip_entry *entry = &gossip->entries[id];
    if (entry->previous != NO_SLOT)
        gossip->entries[entry->previous].next = entry->next;
    else
        gossip->first[entry->class][entry->transmissions] = entry->next;
    if (entry->next != NO_SLOT)
        gossip->entries[entry->next].previous = entry->previous;
    gossip->queued--;
    gossip->fresh -= entry->transmissions == 0;
    entry->is_queued = 0;
}

static void entry_link(struct gossip *gossip, uint32_t id) {
    struct gossip_entry *entry = &gossip->entries[id];
    uint32_t *first = &gossip->first[entry->class][entry->transmissions];
    entry->previous = NO_SLOT;
    entry->next = *first;
    if (*first != NO_SLOT)
        gossip->entries[*first].previous = id;
    *first = id;
    gossip->queued++;
    gossip->fresh += entry->transmissions == 0;
    entry->is_queued = 1;
}

/* Entries follow the table in doubling. Without memory the news is not passed on: sync repairs. */
static bool reserve(struct gossip *gossip, uint32_t id, uint32_t wanted) {
    if (id < gossip->capacity)
        return true;
    struct gossip_entry *entries =
        memory_alloc_array(gossip->memory, wanted, sizeof *entries, HENGE_MEMORY_MEMBER);
    if (entries == NULL)
        return false;
    if (gossip->capacity > 0)
        memcpy(entries, gossip->entries, gossip->capacity * sizeof *entries);
    memory_release(gossip->memory, gossip->entries, gossip->capacity * sizeof *entries,
                   HENGE_MEMORY_MEMBER);
    gossip->entries = entries;
    gossip->capacity = wanted;
    return true;
}

static void enqueue(struct membership *membership, uint32_t id, enum gossip_class class,
                    bool is_full) {
    struct gossip *gossip = &membership->gossip;
    if (!reserve(gossip, id, TOMBSTONE_NEWS_MAX + membership->table.capacity))
        return;
    struct gossip_entry *entry = &gossip->entries[id];
    if (entry->is_queued) {
        is_full = is_full || entry->is_full;
        entry_unlink(gossip, id);
    }
    *entry = (struct gossip_entry){.class = (uint8_t) class, .is_full = is_full};
    entry_link(gossip, id);
    uint64_t due_ns = membership->now_ns + membership->settings.gossip_window_ns;
    if (due_ns < gossip->fresh_due_ns)
        gossip->fresh_due_ns = due_ns;
}

void gossip_tombstone(struct membership *membership, const struct update *update) {
    struct gossip *gossip = &membership->gossip;
    uint32_t id = gossip->tombstone_next;
    gossip->tombstone_next = (id + 1) % TOMBSTONE_NEWS_MAX;
    gossip->tombstone_news[id] = *update;
    gossip->tombstone_news[id].encoded = NULL;
    enqueue(membership, id, GOSSIP_STATUS, false);
}

void gossip_news(struct membership *membership, const struct merge_result *result) {
    if (result->outcome != MERGE_NEWS || result->slot == NO_SLOT)
        return;
    uint8_t status = membership->table.members[result->slot].status;
    enum gossip_class class = GOSSIP_STATUS;
    if (status == HENGE_LEFT)
        class = GOSSIP_OWN;
    else if (result->is_new || (result->payload_news && !result->is_revived))
        class = GOSSIP_PAYLOAD;
    enqueue(membership, TOMBSTONE_NEWS_MAX + result->slot, class,
            result->payload_news || result->is_revived);
}

void gossip_own_news(struct membership *membership) {
    enqueue(membership, TOMBSTONE_NEWS_MAX, GOSSIP_OWN, true);
}

void gossip_drop(struct gossip *gossip, uint32_t slot) {
    uint32_t id = TOMBSTONE_NEWS_MAX + slot;
    if (id < gossip->capacity && gossip->entries[id].is_queued)
        entry_unlink(gossip, id);
}

static struct update update_of_entry(const struct membership *membership, uint32_t id) {
    const struct gossip *gossip = &membership->gossip;
    if (id < TOMBSTONE_NEWS_MAX)
        return gossip->tombstone_news[id];
    return merge_update_of(membership, id - TOMBSTONE_NEWS_MAX, gossip->entries[id].is_full);
}

/* One packet's worth of the queue. */
struct batch {
    uint8_t message[MESSAGE_BYTES_MAX];
    size_t bytes;
    uint32_t ids[PACKET_UPDATES_MAX];
    uint32_t count;
};

static void batch_collect(const struct membership *membership, struct batch *batch,
                          struct bytes_writer *writer, uint32_t first) {
    for (uint32_t id = first; id != NO_SLOT && batch->count < PACKET_UPDATES_MAX;
         id = membership->gossip.entries[id].next) {
        struct update update = update_of_entry(membership, id);
        if (wire_update_bytes(&update) > bytes_room(writer))
            continue; /* a smaller one may still fit */
        wire_update_put(writer, &update);
        batch->ids[batch->count++] = id;
        if (bytes_room(writer) < 24)
            return;
    }
}

static void batch_build(const struct membership *membership, struct batch *batch) {
    size_t room = membership->settings.payload_bytes_max;
    room = room > sizeof batch->message ? sizeof batch->message : room;
    struct bytes_writer writer = bytes_writer_of(batch->message, room);
    struct message_head head = {MESSAGE_GOSSIP, membership->name_hash,
                                membership->table.members[0].generation};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 0); /* the count, known at the end */
    batch->count = 0;
    for (size_t class = 0; class < GOSSIP_CLASSES; class ++)
        for (size_t sent = 0; sent < TRANSMISSIONS_MAX; sent++)
            batch_collect(membership, batch, &writer, membership->gossip.first[class][sent]);
    batch->bytes = bytes_written(&writer);
    batch->message[MESSAGE_HEAD_BYTES] = (uint8_t)(batch->count & 0xff);
    batch->message[MESSAGE_HEAD_BYTES + 1] = (uint8_t)(batch->count >> 8);
    ASSERT(!writer.failed);
}

static bool send_copy(struct membership *membership, const struct batch *batch, uint32_t slot,
                      struct outbox *outbox) {
    size_t capacity = 0;
    uint8_t *room = outbox->begin(outbox->context, &capacity);
    if (room == NULL)
        return false;
    const struct member *member = &membership->table.members[slot];
    struct packet_target target = {
        .address = member->record->address, .generation = member->generation, .lane = LANE_GOSSIP};
    bool fits = batch->bytes <= capacity;
    if (fits)
        memcpy(room, batch->message, batch->bytes);
    outbox->commit(outbox->context, &target, fits ? batch->bytes : 0);
    return fits;
}

/* The limit is continuous: its fraction is the chance of one more. */
static bool is_done(struct membership *membership, uint32_t transmissions) {
    double limit = gossip_limit(table_size(&membership->table));
    double whole = floor(limit);
    if (transmissions >= TRANSMISSIONS_MAX || (double)transmissions > whole)
        return true;
    double chance = (double)random_below(&membership->random, 1u << 20) / (1u << 20);
    return (double)transmissions >= whole && chance >= limit - whole;
}

static void batch_sent(struct membership *membership, const struct batch *batch, uint32_t copies) {
    struct gossip *gossip = &membership->gossip;
    /* Backwards, so that equals keep their order on the next list. */
    for (uint32_t i = batch->count; i > 0; i--) {
        uint32_t id = batch->ids[i - 1];
        struct gossip_entry *entry = &gossip->entries[id];
        uint32_t transmissions = entry->transmissions + copies;
        entry_unlink(gossip, id);
        if (is_done(membership, transmissions))
            continue;
        entry->transmissions = (uint8_t)transmissions;
        entry_link(gossip, id);
    }
    membership->counters.updates_sent += (uint64_t)batch->count * copies;
}

/* Copies per wave: the fanout, or the limit where that is less (tiny clusters). */
static uint32_t wave_width(struct membership *membership) {
    double limit = gossip_limit(table_size(&membership->table));
    double chance = (double)random_below(&membership->random, 1u << 20) / (1u << 20);
    uint32_t width = (uint32_t)(limit + chance);
    uint32_t fanout = membership->settings.fanout;
    width = width > fanout ? fanout : width;
    return width == 0 ? 1 : width;
}

/* Sends one packet to a wave's targets. False when nothing could be sent now. */
static bool send_wave(struct membership *membership, struct outbox *outbox) {
    struct gossip *gossip = &membership->gossip;
    uint32_t targets[FANOUT_MAX];
    uint32_t count =
        table_pick(&membership->table, &membership->random, targets, wave_width(membership));
    struct batch batch;
    batch_build(membership, &batch);
    uint32_t copies = 0;
    while (copies < count && token_bucket_take(&gossip->bucket, membership->now_ns) &&
           send_copy(membership, &batch, targets[copies], outbox))
        copies++;
    if (copies == 0)
        return false;
    if (batch.count > 0)
        batch_sent(membership, &batch, copies);
    return batch.count > 0;
}

static void drop_all(struct gossip *gossip) {
    for (size_t class = 0; class < GOSSIP_CLASSES; class ++)
        for (size_t sent = 0; sent < TRANSMISSIONS_MAX; sent++)
            while (gossip->first[class][sent] != NO_SLOT)
                entry_unlink(gossip, gossip->first[class][sent]);
}

static uint64_t retry_time(const struct membership *membership) {
    uint64_t ready_ns = token_bucket_ready(&membership->gossip.bucket);
    uint64_t retry_ns = membership->now_ns + RETRY_NS;
    return ready_ns > retry_ns ? ready_ns : retry_ns;
}

void gossip_step(struct membership *membership, struct outbox *outbox) {
    struct gossip *gossip = &membership->gossip;
    uint64_t now_ns = membership->now_ns;
    if (gossip->queued > 0 && membership->table.live_count == 0)
        drop_all(gossip); /* nobody to tell */
    if (gossip->fresh > 0 && gossip->fresh_due_ns <= now_ns) {
        bool sends = true;
        while (gossip->fresh > 0 && sends)
            sends = send_wave(membership, outbox);
        gossip->fresh_due_ns = gossip->fresh > 0 ? retry_time(membership) : TIME_NEVER;
        if (gossip->tick_due_ns == TIME_NEVER)
            gossip->tick_due_ns = now_ns + membership->settings.gossip_tick_ns;
    }
    if (gossip->fresh == 0)
        gossip->fresh_due_ns = TIME_NEVER;
    if (gossip->queued == 0) {
        gossip->tick_due_ns = TIME_NEVER;
    } else if (gossip->tick_due_ns <= now_ns) {
        (void)send_wave(membership, outbox);
        gossip->tick_due_ns =
            gossip->queued > 0 ? now_ns + membership->settings.gossip_tick_ns : TIME_NEVER;
    }
}

uint64_t gossip_deadline(const struct membership *membership) {
    const struct gossip *gossip = &membership->gossip;
    return gossip->fresh_due_ns < gossip->tick_due_ns ? gossip->fresh_due_ns : gossip->tick_due_ns;
}
