/* membership/verify.c - see verify.h. */
#include "membership/verify.h"
#include "membership/state.h"

static bool is_able(const struct membership *membership) {
    return membership->settings.profile->is_suspicion_verified &&
           membership->observer.on_verify != NULL &&
           membership->table.members[0].status == HENGE_ALIVE && !membership->self.is_accused &&
           !membership->freeze.is_cut_off &&
           membership->now_ns >= membership->verify.doubted_until_ns;
}

void verify_deinit(struct membership *membership) {
    struct verify *verify = &membership->verify;
    memory_release(membership->memory, verify->wishes, verify->capacity * sizeof *verify->wishes,
                   HENGE_MEMORY_MEMBER);
}

static bool has_room(struct membership *membership) {
    struct verify *verify = &membership->verify;
    if (verify->count < verify->capacity)
        return true;
    struct verify_wish *wishes =
        memory_grow(membership->memory, verify->wishes, &verify->capacity, VERIFY_PENDING_MAX,
                    sizeof *wishes, HENGE_MEMORY_MEMBER);
    if (wishes != NULL)
        verify->wishes = wishes;
    return wishes != NULL;
}

static void wish(struct membership *membership, uint32_t slot) {
    struct verify *verify = &membership->verify;
    const struct member *member = &membership->table.members[slot];
    if (!is_able(membership) || !has_room(membership))
        return;
    verify->wishes[verify->count++] = (struct verify_wish){
        .slot = slot, .version = member->version, .generation = member_generation(member)};
}

void verify_heard(struct membership *membership, uint32_t slot) {
    uint32_t id = table_suspicion(&membership->table, slot);
    const struct suspicion *suspicion = &membership->suspicions.entries[id];
    /* Only as it begins, and when somebody who counts has accused. */
    if (suspicion->started_ns != membership->now_ns || suspicion->accusers_count == 0)
        return;
    if (targets_is_predecessor(membership, slot, VERIFIERS))
        wish(membership, slot);
}

void verify_again(struct membership *membership, uint32_t slot) {
    wish(membership, slot);
}

void verify_doubted(struct membership *membership) {
    membership->verify.doubted_until_ns =
        membership->now_ns + DOUBTED_PERIODS * membership->settings.probe_period_ns;
    membership->verify.count = 0;
}

void verify_step(struct membership *membership) {
    struct verify *verify = &membership->verify;
    while (verify->count > 0) {
        const struct verify_wish *wish = &verify->wishes[verify->count - 1];
        const struct member *member = &membership->table.members[wish->slot];
        bool is_wanted = member->record != NULL && member->status == HENGE_SUSPECT &&
                         member_generation(member) == wish->generation &&
                         member->version == wish->version;
        if (is_wanted && !membership->observer.on_verify(membership->observer.context, wish->slot))
            return;
        membership->counters.verifications += is_wanted;
        verify->count--;
    }
}

uint64_t verify_deadline(const struct membership *membership) {
    return membership->verify.count > 0 ? membership->now_ns + RETRY_NS : TIME_NEVER;
}
