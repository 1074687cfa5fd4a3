/* membership/gossip.c - what is waiting to be passed on: see gossip.h. gossip_send.c sends it. */
#include "membership/gossip.h"
#include "core/base/assert.h"
#include "membership/state.h"
#include <string.h>

void gossip_init(struct membership *membership) {
    const struct membership_settings *settings = &membership->settings;
    struct gossip *gossip = &membership->gossip;
    *gossip = (struct gossip){
        .memory = membership->memory,
        .fresh_due_ns = TIME_NEVER,
        .repeat_due_ns = TIME_NEVER,
        .tick_due_ns = TIME_NEVER,
        .tick_phase_ns =
            membership->now_ns + random_below(&membership->random, settings->gossip_tick_ns + 1),
        .bucket = token_bucket_of(settings->packets_per_s, settings->packets_burst)};
    for (size_t i = 0; i < GOSSIP_CLASSES; i++)
        for (size_t j = 0; j < TRANSMISSIONS_MAX; j++)
            gossip->first[i][j] = NO_SLOT;
}

void gossip_deinit(struct gossip *gossip) {
    memory_release(gossip->memory, gossip->entries, gossip->capacity * sizeof *gossip->entries,
                   HENGE_MEMORY_MEMBER);
}

void gossip_entry_unlink(struct gossip *gossip, uint32_t id) {
    struct gossip_entry *entry = &gossip->entries[id];
    if (entry->previous != NO_SLOT)
        gossip->entries[entry->previous].next = entry->next;
    else
        gossip->first[entry->class][entry->transmissions] = entry->next;
    if (entry->next != NO_SLOT)
        gossip->entries[entry->next].previous = entry->previous;
    gossip->queued--;
    entry->is_queued = 0;
}

void gossip_entry_link(struct gossip *gossip, uint32_t id) {
    struct gossip_entry *entry = &gossip->entries[id];
    uint32_t *first = &gossip->first[entry->class][entry->transmissions];
    entry->previous = NO_SLOT;
    entry->next = *first;
    if (*first != NO_SLOT)
        gossip->entries[*first].previous = id;
    *first = id;
    gossip->queued++;
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

static void enqueue(struct membership *membership, uint32_t id, struct gossip_entry wanted) {
    struct gossip *gossip = &membership->gossip;
    if (!reserve(gossip, id, TOMBSTONE_NEWS_MAX + membership->table.capacity))
        return;
    struct gossip_entry *entry = &gossip->entries[id];
    if (entry->is_queued) {
        wanted.is_full |= entry->is_full;
        /* What was to reach everybody still is. */
        if (entry->waves == 0) {
            wanted.waves = 0;
            wanted.transmissions = 0;
        }
        if (wanted.class == GOSSIP_LATER && (entry->waves == 0 || entry->transmissions == 0))
            wanted.class = entry->class;
        gossip_entry_unlink(gossip, id);
    }
    wanted.turn = gossip->turn;
    *entry = wanted;
    gossip_entry_link(gossip, id);
    gossip_wake(membership);
}

void gossip_tombstone(struct membership *membership, const struct update *update) {
    struct gossip *gossip = &membership->gossip;
    uint32_t id = gossip->tombstone_next;
    gossip->tombstone_next = (id + 1) % TOMBSTONE_NEWS_MAX;
    gossip->tombstone_news[id] = *update;
    gossip->tombstone_news[id].encoded = NULL;
    enqueue(membership, id, (struct gossip_entry){.class = GOSSIP_STATUS});
}

/* How urgent, and in how many waves: see gossip.h. */
static void set_waves(const struct membership *membership, const struct merge_result *result,
                      struct gossip_entry *entry) {
    uint8_t status = membership->table.members[result->slot].status;
    if (!membership->settings.profile->is_event_driven || result->payload_news)
        return;
    if (status == HENGE_SUSPECT) {
        entry->waves = result->is_confirmation ? 1 : 2;
        if (result->is_confirmation)
            entry->class = GOSSIP_LATER;
    } else if (status == HENGE_DEAD && result->is_verdict) {
        entry->waves = 2;
        entry->transmissions = gossip_first_width(membership) & 0xffu; /* straight to successors */
        entry->class = GOSSIP_LATER;
    }
}

void gossip_news(struct membership *membership, const struct merge_result *result) {
    if (result->outcome != MERGE_NEWS || result->slot == NO_SLOT)
        return;
    uint8_t status = membership->table.members[result->slot].status;
    struct gossip_entry entry = {.class = GOSSIP_STATUS,
                                 .is_full = result->payload_news || result->is_revived};
    if (status == HENGE_LEFT)
        entry.class = GOSSIP_OWN;
    else if (result->is_new || (result->payload_news && !result->is_revived))
        entry.class = GOSSIP_PAYLOAD;
    set_waves(membership, result, &entry);
    enqueue(membership, TOMBSTONE_NEWS_MAX + result->slot, entry);
}

void gossip_own_news(struct membership *membership) {
    struct gossip_entry entry = {.class = GOSSIP_OWN, .is_full = true};
    enqueue(membership, TOMBSTONE_NEWS_MAX, entry);
}

void gossip_heard(struct membership *membership, uint32_t slot, const struct update *update) {
    struct gossip *gossip = &membership->gossip;
    uint32_t id = TOMBSTONE_NEWS_MAX + slot;
    if (slot == NO_SLOT || id >= gossip->capacity || !gossip->entries[id].is_queued)
        return;
    struct gossip_entry *entry = &gossip->entries[id];
    uint32_t suspicion = table_suspicion(&membership->table, slot);
    uint8_t accusers =
        suspicion == NO_SLOT ? 0 : membership->suspicions.entries[suspicion].accusers_count;
    if (entry->waves == 0 || update->accusers_count < accusers)
        return;
    if (entry->heard < HEARD_ENOUGH)
        entry->heard = (entry->heard + 1u) & 3u;
    if (entry->heard >= HEARD_ENOUGH && (entry->transmissions > 0 || entry->class == GOSSIP_LATER))
        gossip_entry_unlink(gossip, id);
}

void gossip_drop(struct gossip *gossip, uint32_t slot) {
    uint32_t id = TOMBSTONE_NEWS_MAX + slot;
    if (id < gossip->capacity && gossip->entries[id].is_queued)
        gossip_entry_unlink(gossip, id);
}

struct update gossip_entry_update(const struct membership *membership, uint32_t id) {
    const struct gossip *gossip = &membership->gossip;
    if (id < TOMBSTONE_NEWS_MAX)
        return gossip->tombstone_news[id];
    return merge_update_of(membership, id - TOMBSTONE_NEWS_MAX, gossip->entries[id].is_full);
}
