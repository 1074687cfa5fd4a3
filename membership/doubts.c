/* membership/doubts.c - see doubts.h. */
#include "membership/doubts.h"
#include "membership/state.h"

uint64_t doubts_hold_ns(const struct membership *membership) {
    return DOUBTS_PERIODS * membership->settings.probe_period_ns;
}

void doubts_forget(struct membership *membership) {
    membership->doubts = (struct doubts){.next = 0};
}

static uint32_t accusers(const struct doubts *doubts) {
    uint32_t distinct = 0;
    for (uint32_t i = 0; i < DOUBTS_MANY; i++) {
        bool is_first = true;
        for (uint32_t j = 0; j < i; j++)
            is_first &= doubts->last[j].accuser != doubts->last[i].accuser;
        distinct += is_first;
    }
    return distinct;
}

bool doubts_heard(struct membership *membership, const struct update *update) {
    struct doubts *doubts = &membership->doubts;
    uint32_t version = update->liveness.version;
    if (!membership->settings.profile->is_doubt_heeded || version < doubts->version ||
        update->accusers_count == 0)
        return false;
    doubts->version = version + 1;
    doubts->last[doubts->next] = (struct doubt){.at_ns = membership->now_ns,
                                                .accuser = update->accusers[0],
                                                .suspicions = membership->suspicions.begun};
    doubts->next = (doubts->next + 1) % DOUBTS_MANY;
    const struct doubt *oldest = &doubts->last[doubts->next];
    if (oldest->at_ns == 0 || membership->now_ns - oldest->at_ns > doubts_hold_ns(membership) ||
        accusers(doubts) < DOUBTS_ACCUSERS)
        return false;
    uint64_t of_others = membership->suspicions.begun - oldest->suspicions;
    uint64_t others = table_size(&membership->table) - 1;
    return DOUBTS_OUTLIER * of_others <= DOUBTS_MANY * others;
}
