/* membership/doubts.c - see doubts.h. */
#include "membership/doubts.h"
#include "core/base/hash.h"
#include "membership/state.h"

uint64_t doubts_hold_ns(const struct membership *membership) {
    return DOUBTS_PERIODS * membership->settings.probe_period_ns;
}

void doubts_deinit(struct membership *membership) {
    memory_release(membership->memory, membership->doubts.last, sizeof(struct doubt[DOUBTS_MANY]),
                   HENGE_MEMORY_MEMBER);
}

void doubts_forget(struct membership *membership) {
    doubts_deinit(membership);
    membership->doubts = (struct doubts){.next = 0};
}

static bool has_room(struct membership *membership) {
    struct doubts *doubts = &membership->doubts;
    if (doubts->last == NULL)
        doubts->last = memory_alloc_array(membership->memory, DOUBTS_MANY, sizeof(struct doubt),
                                          HENGE_MEMORY_MEMBER);
    return doubts->last != NULL;
}

static bool are_many(const struct doubts *doubts) {
    uint32_t accusers = 0, senders = 0;
    for (uint32_t i = 0; i < DOUBTS_MANY; i++) {
        bool is_new_accuser = true, is_new_sender = true;
        for (uint32_t j = 0; j < i; j++) {
            is_new_accuser &= doubts->last[j].accuser != doubts->last[i].accuser;
            is_new_sender &= doubts->last[j].sender != doubts->last[i].sender;
        }
        accusers += is_new_accuser;
        senders += is_new_sender;
    }
    return accusers >= DOUBTS_ACCUSERS && senders >= DOUBTS_ACCUSERS;
}

static bool is_fresh(const struct membership *membership, const struct update *update) {
    const struct doubts *doubts = &membership->doubts;
    if (update->liveness.version < doubts->version || doubts->last == NULL)
        return update->liveness.version >= doubts->version;
    const struct doubt *latest = &doubts->last[(doubts->next + DOUBTS_MANY - 1) % DOUBTS_MANY];
    return latest->at_ns == 0 ||
           membership->now_ns - latest->at_ns >= membership->settings.probe_period_ns;
}

bool doubts_heard(struct membership *membership, const struct update *update,
                  const struct packet_source *source) {
    struct doubts *doubts = &membership->doubts;
    if (!membership->settings.profile->is_doubt_heeded || update->accusers_count == 0 ||
        !is_fresh(membership, update))
        return false;
    uint32_t slot = table_find(&membership->table, update->accusers[0]);
    if (slot == NO_SLOT || membership->table.members[slot].status != HENGE_ALIVE ||
        !has_room(membership))
        return false;
    doubts->version = update->liveness.version + 1;
    doubts->last[doubts->next] =
        (struct doubt){.at_ns = membership->now_ns,
                       .accuser = update->accusers[0],
                       .sender = hash64(&source->address, sizeof source->address),
                       .suspicions = membership->suspicions.begun};
    doubts->next = (doubts->next + 1) % DOUBTS_MANY;
    const struct doubt *oldest = &doubts->last[doubts->next];
    if (oldest->at_ns == 0 || membership->now_ns - oldest->at_ns > doubts_hold_ns(membership) ||
        !are_many(doubts))
        return false;
    uint64_t of_others = membership->suspicions.begun - oldest->suspicions;
    uint64_t others = table_size(&membership->table) - 1;
    return DOUBTS_OUTLIER * of_others <= DOUBTS_MANY * others;
}
