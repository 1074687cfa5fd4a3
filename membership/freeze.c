/* membership/freeze.c - see freeze.h. */
#include "membership/freeze.h"
#include "membership/state.h"

enum {
    FREEZE_MEMBERS_MIN = 8,
    FREEZE_FAILED_MIN = 6, /* of the last eight probes */
    FREEZE_OWN_MAX = 5,
    SILENT_PERIODS = 3,
    SILENT_FAILED_MIN = 3
};

void freeze_heard(struct membership *membership) {
    membership->freeze.heard_ns = membership->now_ns;
}

void freeze_probes(struct membership *membership, uint32_t failed) {
    membership->freeze.failed = failed;
}

void freeze_paused(struct membership *membership, uint64_t gap_ns) {
    uint64_t *heard_ns = &membership->freeze.heard_ns;
    *heard_ns = membership->now_ns - *heard_ns > gap_ns ? *heard_ns + gap_ns : membership->now_ns;
}

static bool is_cut_off(const struct membership *membership) {
    const struct freeze *freeze = &membership->freeze;
    uint32_t size = table_size(&membership->table);
    if (size < FREEZE_MEMBERS_MIN || freeze->failed < SILENT_FAILED_MIN)
        return false;
    uint64_t silent_ns = SILENT_PERIODS * membership->settings.probe_period_ns;
    if (membership->now_ns - freeze->heard_ns > silent_ns && membership->now_ns > freeze->heard_ns)
        return true;
    if (freeze->failed < FREEZE_FAILED_MIN)
        return false;
    uint32_t own = suspicions_by(&membership->suspicions, membership->name_hash);
    return own > FREEZE_OWN_MAX || 3 * own > size;
}

static void tell(const struct membership *membership, bool begins) {
    if (membership->observer.on_partitioned != NULL)
        membership->observer.on_partitioned(membership->observer.context, begins);
}

static uint64_t end_time(const struct membership *membership) {
    return membership->freeze.since_ns + suspicion_max_ns(membership);
}

/* Nobody has heard what this node said meanwhile: the suspects are told again. */
static void thaw(struct membership *membership) {
    struct suspicions *suspicions = &membership->suspicions;
    suspicions_thaw(suspicions, membership->freeze.since_ns, membership->now_ns);
    for (uint32_t id = 0; id < suspicions->reached; id++) {
        struct merge_result result = {.outcome = MERGE_NEWS, .slot = suspicions->entries[id].slot};
        if (result.slot != NO_SLOT && suspicion_has(suspicions, id, membership->name_hash))
            gossip_news(membership, &result);
    }
}

bool freeze_check(struct membership *membership) {
    struct freeze *freeze = &membership->freeze;
    if (!membership->settings.profile->is_frozen_when_cut_off)
        return false;
    bool was = freeze->is_cut_off;
    freeze->is_cut_off = is_cut_off(membership);
    if (freeze->is_cut_off && !was) {
        freeze->since_ns = membership->now_ns;
        freeze->is_frozen = true;
        tell(membership, true);
    } else if (!freeze->is_cut_off && was) {
        if (freeze->is_frozen)
            thaw(membership);
        freeze->is_frozen = false;
        freeze->until_ns = membership->now_ns;
        tell(membership, false);
    }
    if (freeze->is_frozen && end_time(membership) <= membership->now_ns) {
        freeze->is_frozen = false;
        suspicions_thaw(&membership->suspicions, freeze->since_ns, membership->now_ns);
    }
    return freeze->is_frozen;
}

uint64_t freeze_was_cut_off_ns(const struct membership *membership) {
    const struct freeze *freeze = &membership->freeze;
    uint64_t moment_ns = SILENT_PERIODS * membership->settings.probe_period_ns;
    if (freeze->is_cut_off)
        return membership->now_ns - freeze->since_ns;
    bool is_recent = freeze->until_ns != 0 && membership->now_ns - freeze->until_ns < moment_ns;
    return is_recent ? freeze->until_ns - freeze->since_ns : 0;
}

uint64_t freeze_deadline(const struct membership *membership) {
    return membership->freeze.is_frozen ? end_time(membership) : TIME_NEVER;
}
