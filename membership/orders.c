/* membership/orders.c - the smaller doors of membership.h: the detector's findings, streams, the
 * owner's orders, and looking. */
#include "core/base/assert.h"
#include "core/base/mutant.h"
#include "membership/membership.h"
#include "membership/state.h"

bool membership_wants_horizon(const struct membership *membership) {
    return membership->suspicions.is_horizon_wanted && membership->leave.state != LEAVE_DONE &&
           !membership->claim.has_yielded;
}

void membership_paused(struct membership *membership, uint64_t gap_ns, uint64_t now_ns) {
    membership->now_ns = now_ns;
    suspicions_shift(&membership->suspicions, gap_ns, now_ns);
    freeze_paused(membership, gap_ns);
    if (gap_ns >= suspicion_min_ns(membership))
        claim_paused(membership);
}

/* The member, if it is still the incarnation that the detector speaks of. */
static struct member *member_of(struct membership *membership, uint32_t slot, uint64_t generation) {
    if (slot == 0 || slot >= membership->table.count)
        return NULL;
    struct member *member = &membership->table.members[slot];
    return member->record != NULL && member_generation(member) == generation ? member : NULL;
}

static struct merge_result merge_status(struct membership *membership, const struct member *member,
                                        uint32_t version, uint8_t status,
                                        enum change_origin origin) {
    struct update update = {.name_hash = member->record->name_hash,
                            .liveness = {member_generation(member), version, status}};
    if (status == HENGE_SUSPECT) {
        update.accusers_count = 1;
        update.accusers[0] = membership->name_hash;
    }
    membership->change_origin = (uint8_t)origin;
    return merge_update(membership, &update, NULL, MERGE_LOCAL, membership->name_hash);
}

void membership_probe_failed(struct membership *membership, uint32_t slot, uint64_t generation,
                             uint32_t version, uint64_t now_ns) {
    membership->now_ns = now_ns;
    const struct member *member = member_of(membership, slot, generation);
    if (member == NULL || member->version != version || member->status >= HENGE_DEAD ||
        !membership_can_speak(membership))
        return;
    bool starts = member->status == HENGE_ALIVE;
    uint32_t suspicion = table_suspicion(&membership->table, slot);
    if (!starts && suspicion_has(&membership->suspicions, suspicion, membership->name_hash))
        return;
    if (!suspicions_spend(membership, starts))
        return;
    struct merge_result result =
        merge_status(membership, member, version + MUTANT(ACCUSES_AHEAD),
                     MUTANT(MISSED_PING_KILLS) ? HENGE_DEAD : HENGE_SUSPECT, CHANGE_VERDICT);
    if (starts && result.outcome == MERGE_NEWS)
        membership->counters.accusations++;
    gossip_news(membership, &result);
}

void membership_peer_alive(struct membership *membership, uint32_t slot, uint64_t generation,
                           uint32_t version, uint64_t now_ns) {
    membership->now_ns = now_ns;
    freeze_heard(membership);
    if (slot == 0 || slot >= membership->table.count)
        return;
    const struct member *member = &membership->table.members[slot];
    if (member->record == NULL || generation < member_generation(member))
        return;
    if (generation > member_generation(member)) {
        sync_want(membership, slot); /* a new generation is believed with its payload only */
        return;
    }
    /* Pings say nothing of leaving: a departure in the same generation stands. */
    if (version <= member->version || member->status == HENGE_LEFT)
        return;
    bool was_doubted = member->status != HENGE_ALIVE;
    struct merge_result result =
        merge_status(membership, member, version, HENGE_ALIVE, CHANGE_DIRECT);
    if (was_doubted)
        gossip_news(membership, &result); /* else it spreads its own new version itself */
}

void membership_not_me(struct membership *membership, uint32_t slot, uint64_t generation,
                       uint64_t now_ns) {
    membership->now_ns = now_ns;
    const struct member *member = member_of(membership, slot, generation);
    if (member == NULL || member->status >= HENGE_DEAD)
        return;
    struct merge_result result =
        merge_status(membership, member, member->version, HENGE_DEAD, CHANGE_DIRECT);
    membership->counters.verdicts += result.outcome == MERGE_NEWS;
    gossip_news(membership, &result);
}

bool membership_peer_fingerprint(struct membership *membership, uint32_t slot, uint64_t fingerprint,
                                 uint64_t age_ns, uint64_t now_ns) {
    membership->now_ns = now_ns;
    freeze_heard(membership);
    if (slot == 0 || slot >= membership->table.count ||
        membership->table.members[slot].record == NULL)
        return membership->freeze.is_cut_off;
    return sync_peer_fingerprint(membership, slot, fingerprint, age_ns) ||
           membership->freeze.is_cut_off;
}

void membership_self_version(struct membership *membership, uint64_t generation, uint32_t version,
                             uint64_t now_ns) {
    membership->now_ns = now_ns;
    if (generation == member_generation(&membership->table.members[0]) &&
        version > membership->table.members[0].version)
        verify_doubted(membership);
    self_version(membership, generation, version);
}

void membership_probes(struct membership *membership, uint32_t failed_of_last_8, uint64_t now_ns) {
    membership->now_ns = now_ns;
    freeze_probes(membership, failed_of_last_8);
}

bool membership_is_partitioned(const struct membership *membership) {
    return membership->freeze.is_cut_off;
}

void membership_script_done(struct membership *membership, uint64_t script_token) {
    script_done(&membership->scripts, script_token);
}

void membership_stream_ended(struct membership *membership, uint64_t request_token, bool failed,
                             uint64_t now_ns) {
    membership->now_ns = now_ns;
    pull_stream_ended(membership, request_token, failed);
}

void membership_seeds_set(struct membership *membership, const struct henge_address *seeds,
                          size_t count) {
    if (count > 0)
        join_seeds_set(membership, seeds, count);
}

uint32_t membership_former_addresses(const struct membership *membership,
                                     struct henge_address *addresses_out, uint32_t max) {
    return contact_known_addresses(membership, addresses_out, max);
}

void membership_join(struct membership *membership, const struct henge_address *seeds, size_t count,
                     uint64_t now_ns) {
    membership->now_ns = now_ns;
    join_start(membership, seeds, count);
}

enum membership_join_state membership_join_state(const struct membership *membership) {
    return membership->join.state;
}

const char *membership_join_reason(const struct membership *membership) {
    return membership->join.reason;
}

size_t membership_join_report(const struct membership *membership, char *text, size_t room) {
    return seeds_report(&membership->join, text, room);
}

void membership_leave(struct membership *membership, uint64_t now_ns, uint64_t deadline_ns) {
    membership->now_ns = now_ns;
    leave_start(membership, deadline_ns);
}

enum membership_leave_state membership_leave_state(const struct membership *membership) {
    return membership->leave.state;
}

uint32_t membership_leave_acks(const struct membership *membership) {
    return membership->leave.acks;
}

enum henge_status membership_set_payload(struct membership *membership,
                                         const struct record_fields *fields, uint64_t now_ns) {
    membership->now_ns = now_ns;
    return self_set_payload(membership, fields);
}

enum henge_status membership_set_ring_state(struct membership *membership,
                                            enum henge_ring_state state, uint64_t now_ns) {
    membership->now_ns = now_ns;
    struct standing before = membership->standing;
    standing_want(membership, (uint8_t)state);
    enum henge_status status = self_renew_payload(membership);
    if (status != HENGE_OK)
        membership->standing = before;
    return status;
}

bool membership_is_placing(const struct membership *membership) {
    return membership->standing.is_placing;
}

void membership_declared_dead(struct membership *membership, uint64_t generation, uint32_t version,
                              uint64_t now_ns) {
    membership->now_ns = now_ns;
    if (generation == member_generation(&membership->table.members[0]))
        standing_declared_dead(membership, version);
}

uint32_t membership_slots(const struct membership *membership) {
    return membership->table.count;
}

const struct member *membership_member(const struct membership *membership, uint32_t slot) {
    ASSERT(slot < membership->table.count);
    return &membership->table.members[slot];
}

uint64_t membership_fingerprint(const struct membership *membership) {
    return membership->table.fingerprint;
}

uint64_t membership_fingerprint_since(const struct membership *membership) {
    return membership->table.fingerprint_since_ns;
}

bool membership_is_suspecting(const struct membership *membership) {
    return membership->suspicions.count > 0;
}

uint64_t membership_dissemination_bound_ns(const struct membership *membership) {
    return gossip_bound_ns(membership);
}

uint64_t membership_suspicion_min_ns(const struct membership *membership) {
    return suspicion_min_ns(membership);
}

void membership_slot_free(struct membership *membership, uint32_t slot) {
    table_slot_free(&membership->table, slot);
}

void membership_slots_free(struct membership *membership) {
    for (uint32_t slot = 1; slot < membership->table.count; slot++)
        table_slot_free(&membership->table, slot);
}

void membership_counters_get(const struct membership *membership, struct membership_counters *out) {
    const struct table *table = &membership->table;
    *out = membership->counters;
    out->alive = table->statuses[HENGE_ALIVE];
    out->suspect = table->statuses[HENGE_SUSPECT];
    out->dead = table->statuses[HENGE_DEAD];
    out->left = table->statuses[HENGE_LEFT];
    out->agreement_permille = sync_agreement_permille(membership);
}
