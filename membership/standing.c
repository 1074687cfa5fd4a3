/* membership/standing.c - see standing.h. */
#include "membership/standing.h"
#include "membership/state.h"

void standing_init(struct standing *standing, uint8_t wanted) {
    *standing = (struct standing){.wanted = wanted, .active_ns = TIME_NEVER};
}

static bool is_held(const struct standing *standing) {
    return standing->active_ns != TIME_NEVER;
}

uint8_t standing_ring_state(const struct membership *membership) {
    const struct standing *standing = &membership->standing;
    bool is_joining = is_held(standing) || standing->is_placing;
    return is_joining && standing->wanted == HENGE_RING_ACTIVE ? HENGE_RING_JOINING
                                                               : standing->wanted;
}

static void forget_old_flaps(struct standing *standing, uint64_t now_ns) {
    uint64_t forgotten = (now_ns - standing->flapped_ns) / FLAP_FORGOTTEN_NS;
    standing->flaps -= forgotten < standing->flaps ? (uint32_t)forgotten : standing->flaps;
}

static void step_back(struct membership *membership, uint64_t least_ns) {
    struct standing *standing = &membership->standing;
    forget_old_flaps(standing, membership->now_ns);
    uint64_t hold_ns = membership->settings.rejoin_hold_ns;
    for (uint32_t i = 0; i < standing->flaps && hold_ns < REJOIN_HOLD_MAX_NS; i++)
        hold_ns *= 2;
    hold_ns = hold_ns < REJOIN_HOLD_MAX_NS ? hold_ns : REJOIN_HOLD_MAX_NS;
    standing->hold_ns = hold_ns > least_ns ? hold_ns : least_ns;
    standing->flaps++;
    standing->flapped_ns = membership->now_ns;
    standing->active_ns = membership->now_ns + standing->hold_ns;
    standing->is_dirty = true;
}

void standing_declared_dead(struct membership *membership, uint32_t version) {
    struct standing *standing = &membership->standing;
    bool is_known = standing->was_dead && version <= standing->dead_version;
    if (membership->settings.rejoin_hold_ns == 0 || is_known || !membership_can_speak(membership))
        return;
    standing->was_dead = true;
    standing->dead_version = version;
    uint64_t most_ns = doubts_hold_ns(membership);
    uint64_t away_ns = 2 * freeze_was_cut_off_ns(membership);
    step_back(membership, away_ns < most_ns ? away_ns : most_ns);
}

void standing_doubted(struct membership *membership) {
    struct standing *standing = &membership->standing;
    uint64_t least_ns = doubts_hold_ns(membership);
    bool is_known = is_held(standing) && standing->hold_ns >= least_ns;
    if (membership->settings.rejoin_hold_ns > 0 && !is_known && membership_can_speak(membership))
        step_back(membership, least_ns);
}

void standing_suspected(struct membership *membership) {
    struct standing *standing = &membership->standing;
    if (is_held(standing))
        standing->active_ns = membership->now_ns + standing->hold_ns;
}

void standing_new_generation(struct membership *membership) {
    membership->standing.was_dead = false;
    membership->standing.active_ns = TIME_NEVER;
    doubts_forget(membership);
}

/* One that is known to others has its place already. Without memory it keeps the first one. */
void standing_join(struct membership *membership) {
    struct standing *standing = &membership->standing;
    bool is_new = membership->settings.is_placed_first && !standing->was_placed &&
                  membership->table.live_count == 0 && standing->wanted == HENGE_RING_ACTIVE;
    if (!is_new)
        return;
    standing->was_placed = true;
    standing->is_placing = true;
    standing->is_placing = self_renew_payload(membership) == HENGE_OK;
}

void standing_place_again(struct membership *membership, const uint8_t *choices,
                          uint8_t choices_bytes) {
    if (!membership->standing.is_placing)
        return;
    struct record_fields fields;
    record_fields_of(membership->table.members[0].record, &fields);
    fields.choices = choices;
    fields.choices_bytes = choices_bytes;
    fields.ring_state = HENGE_RING_ACTIVE;
    (void)self_set_payload(membership, &fields); /* else it chooses anew */
}

void standing_want(struct membership *membership, uint8_t wanted) {
    membership->standing.is_placing = false;
    membership->standing.wanted = wanted;
    membership->standing.active_ns = TIME_NEVER; /* the operator knows better */
}

/* Retried until the record could be made. */
void standing_step(struct membership *membership) {
    struct standing *standing = &membership->standing;
    /* Who hears nobody does not hear either that it is suspected. */
    if (is_held(standing) && membership->freeze.is_cut_off)
        standing->active_ns = membership->now_ns + standing->hold_ns;
    if (standing->active_ns <= membership->now_ns) {
        standing->active_ns = TIME_NEVER;
        standing->is_dirty = true;
    }
    if (!standing->is_dirty || !membership_can_speak(membership))
        return;
    const struct record *own = membership->table.members[0].record;
    standing->is_dirty = own->ring_state != standing_ring_state(membership) &&
                         self_renew_payload(membership) != HENGE_OK;
}

uint64_t standing_deadline(const struct membership *membership) {
    const struct standing *standing = &membership->standing;
    return standing->is_dirty && membership_can_speak(membership) ? membership->now_ns + RETRY_NS
                                                                  : standing->active_ns;
}
