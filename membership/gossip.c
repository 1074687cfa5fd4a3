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
        .reached = TOMBSTONE_NEWS_MAX,
        .free_first = GOSSIP_NONE,
        .fresh_due_ns = TIME_NEVER,
        .repeat_due_ns = TIME_NEVER,
        .tick_due_ns = TIME_NEVER,
        .tick_phase_ns =
            membership->now_ns + random_below(&membership->random, settings->gossip_tick_ns + 1),
        .bucket = token_bucket_of(settings->packets_per_s, settings->packets_burst)};
    for (size_t i = 0; i < GOSSIP_CLASSES; i++)
        for (size_t j = 0; j < TRANSMISSIONS_MAX; j++)
            gossip->first[i][j] = GOSSIP_NONE;
}

void gossip_deinit(struct gossip *gossip) {
    memory_release(gossip->memory, gossip->tombstone_news,
                   gossip->tombstone_capacity * sizeof *gossip->tombstone_news,
                   HENGE_MEMORY_MEMBER);
    memory_release(gossip->memory, gossip->entries, gossip->capacity * sizeof *gossip->entries,
                   HENGE_MEMORY_MEMBER);
}

void gossip_entry_unlink(struct gossip *gossip, uint32_t id) {
    struct gossip_entry *entry = &gossip->entries[id];
    if (entry->previous != GOSSIP_NONE)
        gossip->entries[entry->previous].next = entry->next;
    else
        gossip->first[entry->class][entry->transmissions] = entry->next;
    if (entry->next != GOSSIP_NONE)
        gossip->entries[entry->next].previous = entry->previous;
    gossip->queued--;
    entry->is_queued = 0;
}

void gossip_entry_link(struct gossip *gossip, uint32_t id) {
    struct gossip_entry *entry = &gossip->entries[id];
    uint16_t *first = &gossip->first[entry->class][entry->transmissions];
    entry->previous = GOSSIP_NONE;
    entry->next = *first;
    if (*first != GOSSIP_NONE)
        gossip->entries[*first].previous = (uint16_t)id;
    *first = (uint16_t)id;
    gossip->queued++;
    entry->is_queued = 1;
}

void gossip_entry_end(struct membership *membership, uint32_t id) {
    struct gossip *gossip = &membership->gossip;
    gossip_entry_unlink(gossip, id);
    if (id < TOMBSTONE_NEWS_MAX)
        return;
    membership->table.slots[gossip->entries[id].slot].news = GOSSIP_NONE;
    gossip->entries[id].next = gossip->free_first;
    gossip->free_first = (uint16_t)id;
}

/* Without memory the news is not passed on: sync repairs. */
static bool reserve(struct gossip *gossip, uint32_t id) {
    if (id < gossip->capacity)
        return true;
    uint32_t capacity = slot_index_capacity(gossip->capacity, id, GOSSIP_NONE, 0);
    struct gossip_entry *entries =
        memory_alloc_array(gossip->memory, capacity, sizeof *entries, HENGE_MEMORY_MEMBER);
    if (entries == NULL)
        return false;
    if (gossip->capacity > 0)
        memcpy(entries, gossip->entries, gossip->capacity * sizeof *entries);
    memory_release(gossip->memory, gossip->entries, gossip->capacity * sizeof *entries,
                   HENGE_MEMORY_MEMBER);
    gossip->entries = entries;
    gossip->capacity = capacity;
    return true;
}

void gossip_entries_spare(struct gossip *gossip) {
    ASSERT(gossip->queued == 0);
    if (gossip->capacity <= GOSSIP_ENTRIES_KEPT)
        return;
    memory_release(gossip->memory, gossip->entries, gossip->capacity * sizeof *gossip->entries,
                   HENGE_MEMORY_MEMBER);
    gossip->entries = NULL;
    gossip->capacity = 0;
    gossip->reached = TOMBSTONE_NEWS_MAX;
    gossip->free_first = GOSSIP_NONE;
}

/* The entry about this slot, a fresh one if need be; GOSSIP_NONE when there is no room. */
static uint32_t entry_for(struct membership *membership, uint32_t slot) {
    struct gossip *gossip = &membership->gossip;
    uint16_t *news = &membership->table.slots[slot].news;
    if (*news != GOSSIP_NONE)
        return *news;
    if (gossip->free_first != GOSSIP_NONE) {
        *news = gossip->free_first;
        gossip->free_first = gossip->entries[*news].next;
    } else {
        if (gossip->reached == GOSSIP_NONE || !reserve(gossip, gossip->reached))
            return GOSSIP_NONE;
        *news = (uint16_t)gossip->reached++;
    }
    gossip->entries[*news].slot = (uint16_t)slot;
    return *news;
}

static void enqueue(struct membership *membership, uint32_t id, struct gossip_entry wanted) {
    struct gossip *gossip = &membership->gossip;
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
    wanted.slot = entry->slot;
    *entry = wanted;
    gossip_entry_link(gossip, id);
    gossip_wake(membership);
}

static void enqueue_slot(struct membership *membership, uint32_t slot, struct gossip_entry wanted) {
    uint32_t id = entry_for(membership, slot);
    if (id != GOSSIP_NONE)
        enqueue(membership, id, wanted);
}

static bool reserve_tombstone(struct gossip *gossip, uint32_t id) {
    if (id >= gossip->tombstone_capacity) {
        struct update *news =
            memory_grow(gossip->memory, gossip->tombstone_news, &gossip->tombstone_capacity,
                        TOMBSTONE_NEWS_MAX, sizeof *news, HENGE_MEMORY_MEMBER);
        if (news == NULL)
            return false;
        gossip->tombstone_news = news;
    }
    return reserve(gossip, id);
}

void gossip_tombstone(struct membership *membership, const struct update *update) {
    struct gossip *gossip = &membership->gossip;
    uint32_t id = gossip->tombstone_next;
    if (!reserve_tombstone(gossip, id))
        return;
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
    enqueue_slot(membership, result->slot, entry);
}

void gossip_own_news(struct membership *membership) {
    struct gossip_entry entry = {.class = GOSSIP_OWN, .is_full = true};
    enqueue_slot(membership, 0, entry);
}

void gossip_heard(struct membership *membership, uint32_t slot, const struct update *update) {
    struct gossip *gossip = &membership->gossip;
    uint32_t id = slot == NO_SLOT ? GOSSIP_NONE : membership->table.slots[slot].news;
    if (id == GOSSIP_NONE)
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
        gossip_entry_end(membership, id);
}

void gossip_drop(struct membership *membership, uint32_t slot) {
    uint32_t id = membership->table.slots[slot].news;
    if (id != GOSSIP_NONE)
        gossip_entry_end(membership, id);
}

const struct gossip_entry *gossip_entry_of(const struct membership *membership, uint32_t slot) {
    uint32_t id = membership->table.slots[slot].news;
    return id == GOSSIP_NONE ? NULL : &membership->gossip.entries[id];
}

struct update gossip_entry_update(const struct membership *membership, uint32_t id) {
    const struct gossip *gossip = &membership->gossip;
    if (id < TOMBSTONE_NEWS_MAX)
        return gossip->tombstone_news[id];
    return merge_update_of(membership, gossip->entries[id].slot, gossip->entries[id].is_full);
}
