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

void suspicions_init(struct suspicions *suspicions, struct memory *memory) {
    *suspicions =
        (struct suspicions){.memory = memory, .free_first = NO_SLOT, .next_ns = TIME_NEVER};
}

void suspicions_deinit(struct suspicions *suspicions) {
    memory_release(suspicions->memory, suspicions->entries,
                   suspicions->capacity * sizeof *suspicions->entries, HENGE_MEMORY_MEMBER);
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
    suspicions->entries[id] =
        (struct suspicion){.started_ns = now_ns, .slot = slot, .next_free = NO_SLOT};
    suspicions->count++;
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

bool suspicion_add(struct suspicions *suspicions, uint32_t id, uint64_t accuser) {
    struct suspicion *suspicion = &suspicions->entries[id];
    for (size_t i = 0; i < suspicion->accusers_count; i++)
        if (suspicion->accusers[i] == accuser)
            return false;
    if (suspicion->accusers_count == ACCUSERS_MAX)
        return false;
    suspicion->accusers[suspicion->accusers_count++] = accuser;
    suspicions->next_ns = 0;
    return true;
}

void suspicions_shift(struct suspicions *suspicions, uint64_t gap_ns) {
    for (uint32_t id = 0; id < suspicions->reached; id++)
        suspicions->entries[id].started_ns += gap_ns;
    if (suspicions->next_ns != TIME_NEVER)
        suspicions->next_ns = 0;
}

bool suspicions_spend(struct suspicions *suspicions, uint64_t period_ns, uint64_t now_ns) {
    if (now_ns - suspicions->budget_since_ns >= period_ns) {
        suspicions->budget_since_ns = now_ns;
        suspicions->budget_used = 0;
    }
    if (suspicions->budget_used >= OWN_ACCUSATIONS_PER_PERIOD)
        return false;
    suspicions->budget_used++;
    return true;
}

uint64_t suspicion_min_ns(const struct membership *membership) {
    uint64_t period = membership->settings.probe_period_ns;
    uint64_t spread = 2 * gossip_bound_ns(membership) + period;
    return spread > 3 * period ? spread : 3 * period;
}

static uint32_t accusers_that_count(const struct membership *membership,
                                    const struct suspicion *suspicion) {
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
                             uint64_t min_ns) {
    uint32_t accusers = accusers_that_count(membership, suspicion);
    if (accusers == 0 || MUTANT(SUSPICION_ENDLESS))
        return TIME_NEVER;
    uint32_t size = table_size(&membership->table);
    uint32_t k = size > 2 ? size - 2 : 0;
    k = k > CONFIRMATIONS_MAX ? CONFIRMATIONS_MAX : k;
    uint64_t max_ns = min_ns * membership->settings.suspicion_max_factor;
    return suspicion->started_ns +
           suspicion_timeout_ns(accusers - 1, k, min_ns, max_ns < min_ns ? min_ns : max_ns);
}

static void declare_dead(struct membership *membership, uint32_t slot) {
    const struct member *member = &membership->table.members[slot];
    struct update update = {.name_hash = member->record->name_hash,
                            .liveness = {member->generation, member->version, HENGE_DEAD}};
    membership->change_origin = CHANGE_VERDICT;
    struct merge_result result = merge_update(membership, &update, NULL, MERGE_LOCAL, 0);
    ASSERT(result.outcome == MERGE_NEWS);
    membership->counters.verdicts++;
    gossip_news(membership, &result);
}

void suspicions_judge(struct membership *membership, uint64_t horizon_ns) {
    struct suspicions *suspicions = &membership->suspicions;
    if (suspicions->next_ns > membership->now_ns && !suspicions->is_horizon_wanted)
        return;
    uint64_t min_ns = suspicion_min_ns(membership);
    uint64_t next_ns = TIME_NEVER;
    bool is_horizon_wanted = false;
    for (uint32_t id = 0; id < suspicions->reached; id++) {
        uint32_t slot = suspicions->entries[id].slot;
        if (slot == NO_SLOT)
            continue;
        uint64_t due_ns = verdict_time(membership, &suspicions->entries[id], min_ns);
        if (due_ns > membership->now_ns) {
            next_ns = due_ns < next_ns ? due_ns : next_ns;
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
