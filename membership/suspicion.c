/* membership/suspicion.c - see suspicion.h. */
#include "membership/suspicion.h"
#include "core/base/assert.h"
#include "core/base/mutant.h"
#include "membership/gossip.h"
#include "membership/merge.h"
#include "membership/state.h"
#include <math.h>

uint64_t suspicion_timeout_ns(uint32_t confirmations, uint32_t k, uint64_t min_ns,
                              uint64_t max_ns) {
    if (k == 0 || confirmations >= k)
        return min_ns;
    double share = log((double)confirmations + 1) / log((double)k + 1);
    uint64_t timeout = max_ns - (uint64_t)((double)(max_ns - min_ns) * share);
    return timeout < min_ns ? min_ns : timeout;
}

void suspicions_init(struct membership *membership) {
    bool is_confirmed = membership->settings.profile->is_suspicion_confirmed;
    membership->suspicions = (struct suspicions){.memory = membership->memory,
                                                 .free_first = NO_SLOT,
                                                 .next_ns = TIME_NEVER,
                                                 .accusers_max = is_confirmed ? ACCUSERS_MAX : 1,
                                                 .others = {.memory = membership->memory}};
}

void suspicions_deinit(struct suspicions *suspicions) {
    memory_release(suspicions->memory, suspicions->entries,
                   suspicions->capacity * sizeof *suspicions->entries, HENGE_MEMORY_MEMBER);
    accuser_budgets_deinit(&suspicions->others);
}

/* At most one per member, so the table's bound is this one's too. */
bool suspicions_reserve(struct suspicions *suspicions) {
    if (suspicions->free_first != NO_SLOT || suspicions->reached < suspicions->capacity)
        return true;
    uint32_t capacity = suspicions->capacity == 0 ? 8 : suspicions->capacity * 2;
    struct suspicion *entries = memory_resize(suspicions->memory, suspicions->entries,
                                              suspicions->capacity * sizeof *entries,
                                              capacity * sizeof *entries, HENGE_MEMORY_MEMBER);
    if (entries == NULL)
        return false;
    suspicions->entries = entries;
    suspicions->capacity = capacity;
    return true;
}

uint32_t suspicion_start(struct suspicions *suspicions, uint32_t slot, uint64_t now_ns) {
    uint32_t id = suspicions->free_first;
    if (id != NO_SLOT) {
        suspicions->free_first = suspicions->entries[id].next_free;
    } else {
        ASSERT(suspicions->reached < suspicions->capacity);
        id = suspicions->reached++;
    }
    suspicions->entries[id] = (struct suspicion){
        .started_ns = now_ns, .told_ns = now_ns, .slot = slot, .next_free = NO_SLOT};
    suspicions->count++;
    suspicions->begun++;
    suspicions->next_ns = 0; /* to be found out at the next judgement */
    return id;
}

void suspicion_end(struct suspicions *suspicions, uint32_t id) {
    ASSERT(suspicions->entries[id].slot != NO_SLOT);
    suspicions->entries[id].slot = NO_SLOT;
    suspicions->entries[id].next_free = suspicions->free_first;
    suspicions->free_first = id;
    if (--suspicions->count == 0) {
        suspicions->next_ns = TIME_NEVER;
        suspicions->is_horizon_wanted = false;
    }
}

bool suspicion_has(const struct suspicions *suspicions, uint32_t id, uint64_t accuser) {
    const struct suspicion *suspicion = &suspicions->entries[id];
    for (size_t i = 0; i < suspicion->accusers_count; i++)
        if (suspicion->accusers[i] == accuser)
            return true;
    return false;
}

bool suspicion_add(struct suspicions *suspicions, uint32_t id, uint64_t accuser) {
    struct suspicion *suspicion = &suspicions->entries[id];
    if (suspicion_has(suspicions, id, accuser))
        return false;
    if (suspicion->accusers_count >= suspicions->accusers_max)
        return false;
    suspicion->accusers[suspicion->accusers_count++] = accuser;
    suspicions->next_ns = 0;
    return true;
}

void suspicions_shift(struct suspicions *suspicions, uint64_t gap_ns, uint64_t now_ns) {
    for (uint32_t id = 0; id < suspicions->reached; id++) {
        uint64_t *started_ns = &suspicions->entries[id].started_ns;
        *started_ns = now_ns - *started_ns > gap_ns ? *started_ns + gap_ns : now_ns;
    }
    if (suspicions->next_ns != TIME_NEVER)
        suspicions->next_ns = 0;
}

void suspicions_thaw(struct suspicions *suspicions, uint64_t frozen_ns, uint64_t now_ns) {
    for (uint32_t id = 0; id < suspicions->reached; id++) {
        uint64_t from_ns = suspicions->entries[id].started_ns;
        from_ns = from_ns > frozen_ns ? from_ns : frozen_ns;
        suspicions->entries[id].started_ns += now_ns > from_ns ? now_ns - from_ns : 0;
    }
    if (suspicions->next_ns != TIME_NEVER)
        suspicions->next_ns = 0;
}

uint32_t suspicions_by(const struct suspicions *suspicions, uint64_t accuser) {
    uint32_t count = 0;
    for (uint32_t id = 0; id < suspicions->reached; id++) {
        const struct suspicion *suspicion = &suspicions->entries[id];
        bool accuses = false;
        for (size_t i = 0; i < suspicion->accusers_count; i++)
            accuses |= suspicion->accusers[i] == accuser;
        count += suspicion->slot != NO_SLOT && accuses;
    }
    return count;
}

bool suspicions_spend(struct membership *membership, bool is_first) {
    return !membership->settings.profile->is_accuser_weighed ||
           accuser_budget_spend(&membership->suspicions.own, is_first, ACCUSER_OWN,
                                membership->settings.probe_period_ns, membership->now_ns);
}

/* Whoever is heard first of a subject has begun, the others confirm. */
bool suspicion_hear(struct membership *membership, uint32_t slot, const struct update *update) {
    struct suspicions *suspicions = &membership->suspicions;
    uint32_t id = table_suspicion(&membership->table, slot);
    bool is_weighed = membership->settings.profile->is_accuser_weighed;
    bool is_news = false;
    for (size_t i = 0; i < update->accusers_count; i++) {
        uint64_t accuser = update->accusers[i];
        bool is_first = suspicions->entries[id].accusers_count == 0;
        if (accuser == update->name_hash || suspicion_has(suspicions, id, accuser))
            continue;
        if (is_weighed && accuser != membership->name_hash &&
            !accuser_budgets_spend(&suspicions->others, accuser, is_first,
                                   membership->settings.probe_period_ns, membership->now_ns))
            continue;
        is_news |= suspicion_add(suspicions, id, accuser);
    }
    return is_news;
}

/* memberlist scales with the size; henge waits for an accusation to go out and its answer to come
 * back. */
uint64_t suspicion_min_ns(const struct membership *membership) {
    uint64_t period = membership->settings.probe_period_ns;
    uint32_t alpha = membership->settings.profile->suspicion_alpha;
    if (alpha > 0) {
        double scale = log10((double)table_size(&membership->table));
        return (uint64_t)((double)(alpha * period) * (scale < 1 ? 1 : scale));
    }
    uint64_t spread = 2 * gossip_bound_ns(membership) + period;
    return spread > 3 * period ? spread : 3 * period;
}

uint64_t suspicion_max_ns(const struct membership *membership) {
    uint32_t factor = membership->settings.suspicion_max_factor;
    return suspicion_min_ns(membership) * (factor == 0 ? 1 : factor);
}

static uint32_t accusers_that_count(const struct membership *membership,
                                    const struct suspicion *suspicion) {
    if (!membership->settings.profile->is_accuser_weighed)
        return suspicion->accusers_count > 0 ? suspicion->accusers_count : 1;
    uint32_t count = 0;
    for (size_t i = 0; i < suspicion->accusers_count; i++) {
        uint32_t slot = table_find(&membership->table, suspicion->accusers[i]);
        if (slot != NO_SLOT && membership->table.members[slot].status == HENGE_ALIVE)
            count++;
    }
    return count;
}

/* TIME_NEVER when nobody who counts accuses. */
static uint64_t verdict_time(const struct membership *membership, const struct suspicion *suspicion,
                             uint64_t min_ns, uint64_t max_ns) {
    uint32_t accusers = accusers_that_count(membership, suspicion);
    if (accusers == 0 || MUTANT(SUSPICION_ENDLESS))
        return TIME_NEVER;
    uint32_t size = table_size(&membership->table);
    uint32_t k = size > 2 ? size - 2 : 0;
    k = k > CONFIRMATIONS_MAX ? CONFIRMATIONS_MAX : k;
    if (!membership->settings.profile->is_suspicion_confirmed)
        k = 0;
    return suspicion->started_ns + suspicion_timeout_ns(accusers - 1, k, min_ns, max_ns);
}

static void declare_dead(struct membership *membership, uint32_t slot) {
    const struct member *member = &membership->table.members[slot];
    struct update update = {.name_hash = member->record->name_hash,
                            .liveness = {member_generation(member), member->version, HENGE_DEAD}};
    membership->change_origin = CHANGE_VERDICT;
    struct merge_result result = merge_update(membership, &update, NULL, MERGE_LOCAL, 0);
    ASSERT(result.outcome == MERGE_NEWS);
    result.is_verdict = true;
    membership->counters.verdicts++;
    gossip_news(membership, &result);
}

/* The next time at which a suspicion that finds too few accusers is to be looked into again: it may
 * be refuted, and this node alone has not heard of it. What nobody confirms is told again too:
 * whoever knows better answers. */
static uint64_t retell(struct membership *membership, uint32_t id, uint64_t min_ns) {
    struct suspicion *suspicion = &membership->suspicions.entries[id];
    if (!membership->settings.profile->is_suspicion_verified ||
        suspicion->accusers_count == membership->suspicions.accusers_max)
        return TIME_NEVER;
    if (suspicion->told_ns + min_ns <= membership->now_ns) {
        suspicion->told_ns = membership->now_ns;
        verify_again(membership, suspicion->slot);
        if (suspicion->accusers_count == 1) {
            struct merge_result again = {.outcome = MERGE_NEWS, .slot = suspicion->slot};
            gossip_news(membership, &again);
        }
    }
    return suspicion->told_ns + min_ns;
}

void suspicions_judge(struct membership *membership, uint64_t horizon_ns) {
    struct suspicions *suspicions = &membership->suspicions;
    if (suspicions->next_ns > membership->now_ns && !suspicions->is_horizon_wanted)
        return;
    if (membership->freeze.is_frozen) {
        suspicions->next_ns = freeze_deadline(membership);
        suspicions->is_horizon_wanted = false;
        return;
    }
    uint64_t min_ns = suspicion_min_ns(membership), max_ns = suspicion_max_ns(membership);
    uint64_t next_ns = TIME_NEVER;
    bool is_horizon_wanted = false;
    for (uint32_t id = 0; id < suspicions->reached; id++) {
        uint32_t slot = suspicions->entries[id].slot;
        if (slot == NO_SLOT)
            continue;
        uint64_t due_ns = verdict_time(membership, &suspicions->entries[id], min_ns, max_ns);
        if (due_ns > membership->now_ns) {
            uint64_t tell_ns = retell(membership, id, min_ns);
            next_ns = due_ns < next_ns ? due_ns : next_ns;
            next_ns = tell_ns < next_ns ? tell_ns : next_ns;
        } else if (due_ns > horizon_ns && !MUTANT(WAKES_BLIND)) {
            is_horizon_wanted = true;
        } else {
            declare_dead(membership, slot);
            next_ns = membership->now_ns; /* a smaller cluster has shorter times: look again */
        }
    }
    suspicions->is_horizon_wanted = is_horizon_wanted;
    /* With the horizon behind, the caller steps again once it has caught up; asking to be woken at
     * once would only spin. The retry covers a caller that forgot. */
    if (is_horizon_wanted && next_ns > membership->now_ns + RETRY_NS)
        next_ns = membership->now_ns + RETRY_NS;
    suspicions->next_ns = next_ns;
}

uint64_t suspicions_deadline(const struct suspicions *suspicions) {
    return suspicions->next_ns;
}
