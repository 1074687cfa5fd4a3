/* membership/accuser_budget.c - see accuser_budget.h. */
#include "membership/accuser_budget.h"

bool accuser_budget_spend(struct accuser_budget *budget, bool is_first, enum accuser_burst burst,
                          uint64_t period_ns, uint64_t now_ns) {
    uint64_t *empty_ns = is_first ? &budget->begun_ns : &budget->confirmed_ns;
    uint64_t each_ns = period_ns / (is_first ? ACCUSATIONS_PER_PERIOD : CONFIRMATIONS_PER_PERIOD);
    uint64_t from_ns = *empty_ns > now_ns ? *empty_ns : now_ns;
    if (from_ns + each_ns > now_ns + (uint64_t)burst * period_ns)
        return false;
    *empty_ns = from_ns + each_ns;
    return true;
}

static uint64_t last_ns(const struct accuser_budget *budget) {
    return budget->begun_ns > budget->confirmed_ns ? budget->begun_ns : budget->confirmed_ns;
}

void accuser_budgets_deinit(struct accuser_budgets *budgets) {
    memory_release(budgets->memory, budgets->entries, budgets->count * sizeof *budgets->entries,
                   HENGE_MEMORY_MEMBER);
}

/* His own, or else the one that was used longest ago; those never used come first. NULL: no memory
 * for a first one. */
static struct accuser_budget *entry_for(struct accuser_budgets *budgets, uint64_t accuser) {
    struct accuser_budget *oldest = budgets->entries;
    for (uint32_t i = 0; i < budgets->count; i++) {
        struct accuser_budget *entry = &budgets->entries[i];
        if (entry->accuser == accuser)
            return entry;
        if (last_ns(entry) < last_ns(oldest))
            oldest = entry;
    }
    if (oldest != NULL && last_ns(oldest) == 0)
        return oldest;
    uint32_t first = budgets->count;
    struct accuser_budget *entries =
        memory_grow(budgets->memory, budgets->entries, &budgets->count, ACCUSERS_WATCHED_MAX,
                    sizeof *entries, HENGE_MEMORY_MEMBER);
    if (entries == NULL)
        return oldest;
    budgets->entries = entries;
    return &entries[first];
}

bool accuser_budgets_spend(struct accuser_budgets *budgets, uint64_t accuser, bool is_first,
                           uint64_t period_ns, uint64_t now_ns) {
    struct accuser_budget *found = entry_for(budgets, accuser);
    if (found == NULL)
        return false;
    if (found->accuser != accuser)
        *found = (struct accuser_budget){.accuser = accuser};
    return accuser_budget_spend(found, is_first, ACCUSER_OTHER, period_ns, now_ns);
}
