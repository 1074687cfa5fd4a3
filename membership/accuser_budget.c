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

bool accuser_budgets_spend(struct accuser_budgets *budgets, uint64_t accuser, bool is_first,
                           uint64_t period_ns, uint64_t now_ns) {
    struct accuser_budget *found = &budgets->entries[0];
    for (uint32_t i = 0; i < ACCUSERS_WATCHED_MAX; i++) {
        struct accuser_budget *entry = &budgets->entries[i];
        if (entry->accuser == accuser) {
            found = entry;
            break;
        }
        if (last_ns(entry) < last_ns(found))
            found = entry;
    }
    if (found->accuser != accuser)
        *found = (struct accuser_budget){.accuser = accuser};
    return accuser_budget_spend(found, is_first, ACCUSER_OTHER, period_ns, now_ns);
}
