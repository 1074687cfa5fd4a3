/* membership/accuser_budget.h - nobody accuses without measure.
 *
 * A node that is itself ill finds the whole cluster silent. So it begins at most two suspicions per
 * period, and a receiver does not count what goes beyond. To confirm what others have begun is
 * another matter: ten that crash at once are to be confirmed at once by the few who verify them, so
 * that has a wider measure of its own. Receivers grant a burst twice as large, for what two periods
 * bring may arrive in one. */
#ifndef MEMBERSHIP_ACCUSER_BUDGET_H
#define MEMBERSHIP_ACCUSER_BUDGET_H

#include "core/base/memory.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    ACCUSATIONS_PER_PERIOD = 2,
    CONFIRMATIONS_PER_PERIOD = 10,
    ACCUSERS_WATCHED_MAX = 32 /* of others; who was not heard of for longest is forgotten */
};

/* How many periods' worth may come at once. */
enum accuser_burst { ACCUSER_OWN = 1, ACCUSER_OTHER = 2 };

/* Each counter is a bucket: the time at which it would be empty again. */
struct accuser_budget {
    uint64_t accuser;
    uint64_t begun_ns, confirmed_ns;
};

struct accuser_budgets {
    struct memory *memory;
    struct accuser_budget *entries;
    uint32_t count; /* up to ACCUSERS_WATCHED_MAX */
};

void accuser_budgets_deinit(struct accuser_budgets *budgets);

bool accuser_budget_spend(struct accuser_budget *budget, bool is_first, enum accuser_burst burst,
                          uint64_t period_ns, uint64_t now_ns);
bool accuser_budgets_spend(struct accuser_budgets *budgets, uint64_t accuser, bool is_first,
                           uint64_t period_ns, uint64_t now_ns);

#endif
