/* membership/merge.c - see merge.h. */
#include "membership/merge.h"
#include "core/base/assert.h"
#include "core/base/mutant.h"
#include "membership/contact.h"
#include "membership/state.h"
#include <string.h>

int liveness_compare(const struct liveness *left, const struct liveness *right) {
    if (left->generation != right->generation)
        return left->generation < right->generation ? -1 : 1;
    if (left->version != right->version)
        return left->version < right->version && !MUTANT(LAST_HEARD_WINS) ? -1 : 1;
    return (left->status > right->status) - (left->status < right->status);
}

int payload_compare(const struct payload_key *left, const struct payload_key *right) {
    if ((left->encoded == NULL) != (right->encoded == NULL))
        return left->encoded == NULL ? -1 : 1;
    if (left->encoded == NULL)
        return 0;
    if (left->generation != right->generation)
        return left->generation < right->generation ? -1 : 1;
    if (left->payload_version != right->payload_version)
        return left->payload_version < right->payload_version && !MUTANT(LAST_PAYLOAD_WINS) ? -1
                                                                                            : 1;
    size_t common =
        left->encoded_bytes < right->encoded_bytes ? left->encoded_bytes : right->encoded_bytes;
    bool is_one = left->encoded == right->encoded; /* interned record */
    int order = is_one ? 0 : memcmp(left->encoded, right->encoded, common);
    if (order != 0)
        return order;
    return (left->encoded_bytes > right->encoded_bytes) -
           (left->encoded_bytes < right->encoded_bytes);
}

struct belief belief_merge(const struct belief *held, const struct belief *heard) {
    struct belief after = *held;
    if (liveness_compare(&heard->liveness, &held->liveness) > 0)
        after.liveness = heard->liveness;
    if (payload_compare(&heard->payload, &held->payload) > 0)
        after.payload = heard->payload;
    return after;
}

bool belief_is_admissible(const struct belief *belief) {
    if (belief->liveness.status >= HENGE_DEAD)
        return true;
    return belief->payload.encoded != NULL &&
           belief->payload.generation == belief->liveness.generation;
}

/* The legal moves of a member's status, and what each needs: the same incarnation suffices, or only
 * a higher (generation, version) may. So a dead incarnation stays dead. Any move is also open to a
 * higher incarnation. */
enum move { MOVE_SAME_INCARNATION, MOVE_HIGHER_INCARNATION };
static const uint8_t legal_moves[4][4] = {
    /* from \ to          ALIVE                    SUSPECT                  DEAD LEFT */
    [HENGE_ALIVE] = {MOVE_SAME_INCARNATION, MOVE_SAME_INCARNATION, MOVE_SAME_INCARNATION,
                     MOVE_SAME_INCARNATION},
    [HENGE_SUSPECT] = {MOVE_HIGHER_INCARNATION, MOVE_SAME_INCARNATION, MOVE_SAME_INCARNATION,
                       MOVE_SAME_INCARNATION},
    [HENGE_DEAD] = {MOVE_HIGHER_INCARNATION, MOVE_HIGHER_INCARNATION, MOVE_SAME_INCARNATION,
                    MOVE_SAME_INCARNATION},
    [HENGE_LEFT] = {MOVE_HIGHER_INCARNATION, MOVE_HIGHER_INCARNATION, MOVE_HIGHER_INCARNATION,
                    MOVE_SAME_INCARNATION},
};

static bool is_legal(const struct member *member, const struct liveness *after) {
    if (legal_moves[member->status][after->status] == MOVE_SAME_INCARNATION)
        return true;
    return after->generation > member_generation(member) || after->version > member->version;
}

/* A suspicion belongs to one incarnation: a refuted or newly accused one starts from nothing. */
static void follow_suspicion(struct membership *membership, uint32_t slot, bool is_same) {
    struct table *table = &membership->table;
    uint32_t id = table_suspicion(table, slot);
    bool is_suspect = membership->table.members[slot].status == HENGE_SUSPECT;
    if (id != NO_SLOT && !(is_suspect && is_same)) {
        suspicion_end(&membership->suspicions, id);
        table_suspicion_set(table, slot, id = NO_SLOT);
    }
    if (is_suspect && id == NO_SLOT)
        table_suspicion_set(table, slot,
                            suspicion_start(&membership->suspicions, slot, membership->now_ns));
    if (membership->suspicions.count > 0)
        membership->suspicions.next_ns = 0; /* a change of size or of an accuser moves all times */
}

static struct payload_key payload_of_record(const struct record *record) {
    return (struct payload_key){record->generation, record->payload_version, record->encoded,
                                record->encoded_bytes};
}

static bool is_other_payload(const struct record *left, const struct record *right) {
    struct payload_key left_key = payload_of_record(left), right_key = payload_of_record(right);
    return payload_compare(&left_key, &right_key) != 0;
}

/* THE one place where a member's state changes. Takes over `record` (NULL: the old one stays),
 * whose life is the generation after. */
static void change(struct membership *membership, uint32_t slot, bool is_new,
                   const struct liveness *after, struct record *record) {
    struct table *table = &membership->table;
    struct member *member = &table->members[slot];
    struct member_change report = {.slot = slot,
                                   .is_new = is_new,
                                   .before_status = member->status,
                                   .status = after->status,
                                   .origin = slot == 0 ? CHANGE_SELF : membership->change_origin,
                                   .before_version = member->version};
    uint64_t fingerprint = table->fingerprint;
    bool is_same = !is_new && member_generation(member) == after->generation &&
                   member->version == after->version;
    if (!is_new) {
        ASSERT(slot == 0 || is_legal(member, after));
        report.before_generation = member_generation(member);
        report.before_payload_version = member->record->payload_version;
        report.generation_changed = report.before_generation != after->generation;
        report.payload_changed = record != NULL && is_other_payload(record, member->record);
        table_counted_out(table, slot);
        targets_remove(membership, slot);
    }
    struct record *replaced = record != NULL ? member->record : NULL;
    if (record != NULL)
        member->record = record;
    if (is_new || member->status != after->status || report.generation_changed)
        member->status_since = member_tick(membership->now_ns);
    ASSERT(member->record != NULL && member->record->life == after->generation);
    member->version = after->version;
    member->status = after->status;
    if (after->status == HENGE_LEFT)
        report.is_evicted = departure_proof(membership, slot).kind == PROOF_EVICTED;
    table_counted_in(table, slot);
    if (slot == 0 && record != NULL)
        targets_rezone(membership);
    else if (after->status <= HENGE_SUSPECT)
        targets_add(membership, slot);
    if (table->fingerprint != fingerprint)
        table->fingerprint_since_ns = membership->now_ns;
    follow_suspicion(membership, slot, is_same);
    if (after->status >= HENGE_DEAD) {
        uint64_t forget_ns = membership->now_ns + membership->settings.dead_shown_ns;
        membership->forget_ns =
            forget_ns < membership->forget_ns ? forget_ns : membership->forget_ns;
    }
    if (membership->observer.on_change != NULL)
        membership->observer.on_change(membership->observer.context, &report);
    record_release(membership->store, replaced);
}

bool merge_is_sane(const struct membership *membership, uint64_t generation) {
    uint64_t elapsed_ms = (membership->now_ns - membership->created_ns) / NS_PER_MS;
    uint64_t clock_ms = membership->settings.wall_ms + elapsed_ms;
    uint64_t highest = membership->table.highest_generation;
    return generation <= (clock_ms > highest ? clock_ms : highest) + GENERATION_AHEAD_MAX_MS;
}

static struct payload_key payload_of_update(const struct update *update,
                                            const struct record_fields *fields) {
    if (fields == NULL)
        return (struct payload_key){0};
    if (update->known != NULL)
        return payload_of_record(update->known);
    return (struct payload_key){fields->generation, fields->payload_version, update->encoded,
                                update->encoded_bytes};
}

/* With a reference more; NULL: no memory. */
static struct record *record_of(struct membership *membership, const struct update *update,
                                const struct record_fields *fields) {
    if (update->known == NULL)
        return record_store_get_decoded(membership->store, fields, update->encoded,
                                        update->encoded_bytes);
    record_retain(update->known);
    return update->known;
}

/* The record of a member that is held in this generation from now on: that of the update if it
 * brings news, else the one there was. With a reference more; NULL: no memory. */
static struct record *record_after(struct membership *membership, struct record *before,
                                   const struct update *update, const struct record_fields *fields,
                                   uint64_t generation) {
    struct record *record = before;
    if (fields != NULL)
        record = record_of(membership, update, fields);
    else
        record_retain(before);
    if (record == NULL || record->life == generation)
        return record;
    struct record *later = record_store_get_later(membership->store, record, generation);
    record_release(membership->store, record);
    return later;
}

static struct merge_result refused(struct membership *membership, uint32_t slot) {
    membership->counters.updates_refused++;
    return (struct merge_result){.outcome = MERGE_REFUSED, .slot = slot};
}

/* DEAD or LEFT about somebody unknown: remembered, so that older hearsay does not admit him. */
static struct merge_result merge_tombstone(struct membership *membership,
                                           const struct update *update,
                                           const struct record_fields *fields,
                                           enum merge_origin origin) {
    struct henge_address dropped;
    tombstones_put(&membership->tombstones, update->name_hash, &update->liveness,
                   fields != NULL ? &fields->address : NULL, origin == MERGE_SYNC,
                   membership->now_ns, &dropped);
    if (update->proof.kind != PROOF_NONE)
        tombstones_prove(&membership->tombstones, update->name_hash, &update->proof);
    contact_former_add(membership, &dropped);
    if (update->liveness.generation > membership->table.highest_generation)
        membership->table.highest_generation = update->liveness.generation;
    return (struct merge_result){.outcome = MERGE_NEWS, .slot = NO_SLOT, .is_tombstone = true};
}

static struct merge_result merge_unknown(struct membership *membership, const struct update *update,
                                         const struct record_fields *fields,
                                         enum merge_origin origin) {
    if (departure_is_forged(membership, update->name_hash, fields)) {
        tombstones_remove(&membership->tombstones, update->name_hash);
        membership->counters.leaves_refused++;
    }
    const struct tombstone *stone = tombstones_find(&membership->tombstones, update->name_hash);
    if (stone != NULL && !MUTANT(TOMBSTONE_IGNORED)) {
        int order = liveness_compare(&update->liveness, &stone->liveness);
        if (order <= 0 || (MUTANT(TOMBSTONE_OUTLIVES_REFUTATION) &&
                           update->liveness.generation == stone->liveness.generation))
            return (struct merge_result){.outcome = order == 0 ? MERGE_SAME : MERGE_BEHIND,
                                         .slot = NO_SLOT};
    }
    if (update->liveness.status >= HENGE_DEAD)
        return merge_tombstone(membership, update, fields, origin);
    if (fields == NULL)
        return refused(membership, NO_SLOT);
    if (update->liveness.status == HENGE_SUSPECT && !suspicions_reserve(&membership->suspicions))
        return refused(membership, NO_SLOT);
    struct record *record =
        record_after(membership, NULL, update, fields, update->liveness.generation);
    if (record == NULL)
        return refused(membership, NO_SLOT);
    uint32_t slot = table_take(&membership->table, update->name_hash);
    if (slot == NO_SLOT) {
        record_release(membership->store, record);
        membership->counters.members_refused++;
        if (origin == MERGE_SYNC)
            sync_no_room(membership);
        return refused(membership, NO_SLOT);
    }
    tombstones_remove(&membership->tombstones, update->name_hash);
    change(membership, slot, true, &update->liveness, record);
    if (update->liveness.status == HENGE_SUSPECT)
        (void)suspicion_hear(membership, slot, update);
    return (struct merge_result){
        .outcome = MERGE_NEWS, .slot = slot, .is_new = true, .payload_news = true};
}

/* A peer's table says DEAD of one that is held to live: at most an accusation, the peer being the
 * accuser. (Of an older incarnation than the peer's it is the truth all the same.) */
static bool turn_into_accusation(const struct member *member, struct update *update,
                                 uint64_t speaker) {
    if (update->liveness.status != HENGE_DEAD || member->status >= HENGE_DEAD ||
        update->liveness.generation != member_generation(member))
        return false;
    update->liveness.status = HENGE_SUSPECT;
    update->accusers_count = 1;
    update->accusers[0] = speaker;
    return true;
}

/* Who hears that he is somebody else now, living elsewhere, can do something about it. */
static void note_loser(const struct member *member, const struct record_fields *fields,
                       bool is_held_the_loser, struct merge_result *result) {
    const struct henge_address *held = &member->record->address;
    if (member->status >= HENGE_DEAD || memcmp(&fields->address, held, sizeof *held) == 0)
        return;
    result->is_replaced = true;
    result->loser = is_held_the_loser ? *held : fields->address;
}

/* One payload version with two contents: two processes say that they are this member. */
static void note_conflict(struct membership *membership, uint32_t slot,
                          const struct payload_key *held, const struct payload_key *heard,
                          const struct record_fields *fields, struct merge_result *result) {
    const struct member *member = &membership->table.members[slot];
    int order = payload_compare(heard, held);
    if (fields == NULL || order == 0)
        return;
    if (heard->generation > held->generation)
        note_loser(member, fields, true, result);
    if (heard->generation != held->generation || heard->payload_version != held->payload_version)
        return;
    membership->counters.conflicts++;
    result->is_conflict = true;
    note_loser(member, fields, order > 0, result);
    if (membership->observer.on_conflict != NULL && result->is_replaced)
        membership->observer.on_conflict(membership->observer.context, slot, &fields->address,
                                         fields->generation);
}

static struct merge_result merge_known(struct membership *membership, uint32_t slot,
                                       const struct update *update,
                                       const struct record_fields *fields) {
    struct member *member = &membership->table.members[slot];
    struct belief held = {.liveness = {member_generation(member), member->version, member->status},
                          .payload = payload_of_record(member->record)};
    struct belief heard = {.liveness = update->liveness,
                           .payload = payload_of_update(update, fields)};
    if (fields != NULL && update->known != member->record &&
        (fields->name_bytes != member->record->name_bytes ||
         memcmp(fields->name, member->record->name, fields->name_bytes) != 0))
        return refused(membership, slot); /* another name with the same hash */
    if (MUTANT(VERSION_BEFORE_GENERATION) && heard.liveness.version < member->version)
        return refused(membership, slot);
    struct belief after = belief_merge(&held, &heard);
    int order = liveness_compare(&heard.liveness, &held.liveness);
    struct merge_result result = {.slot = slot};
    note_conflict(membership, slot, &held.payload, &heard.payload, fields, &result);
    result.payload_news = payload_compare(&after.payload, &held.payload) != 0;
    if (order <= 0 && !result.payload_news) {
        bool joins = order == 0 && member->status == HENGE_SUSPECT;
        result.is_confirmation = joins && suspicion_hear(membership, slot, update);
        if (result.is_confirmation)
            result.outcome = MERGE_NEWS;
        else
            result.outcome = order < 0 ? MERGE_BEHIND : MERGE_SAME;
        return result;
    }
    if (!belief_is_admissible(&after) ||
        (after.liveness.status == HENGE_SUSPECT && !suspicions_reserve(&membership->suspicions)))
        return refused(membership, slot);
    struct record *record =
        record_after(membership, member->record, update, result.payload_news ? fields : NULL,
                     after.liveness.generation);
    if (record == NULL)
        return refused(membership, slot);
    result.outcome = MERGE_NEWS;
    result.is_revived = member->status >= HENGE_DEAD && after.liveness.status < HENGE_DEAD;
    if (result.is_revived)
        tombstones_remove(&membership->tombstones, update->name_hash);
    else if (after.liveness.status == HENGE_LEFT && order > 0)
        departure_note(membership, slot, update);
    change(membership, slot, false, &after.liveness, record);
    if (order >= 0 && after.liveness.status == HENGE_SUSPECT)
        (void)suspicion_hear(membership, slot, update);
    return result;
}

struct merge_result merge_update(struct membership *membership, const struct update *update,
                                 const struct record_fields *fields, enum merge_origin origin,
                                 uint64_t speaker) {
    if (!merge_is_sane(membership, update->liveness.generation))
        return refused(membership, NO_SLOT);
    if (update->liveness.status == HENGE_LEFT && !departure_is_proven(membership, update, fields)) {
        membership->counters.leaves_refused++;
        return refused(membership, NO_SLOT);
    }
    uint32_t slot = table_find(&membership->table, update->name_hash);
    if (slot == NO_SLOT)
        return merge_unknown(membership, update, fields, origin);
    ASSERT(slot != 0);
    struct update heard = *update;
    bool is_accusation = origin == MERGE_SYNC &&
                         turn_into_accusation(&membership->table.members[slot], &heard, speaker);
    struct merge_result result = merge_known(membership, slot, &heard, fields);
    result.is_accusation = is_accusation && result.outcome == MERGE_NEWS;
    return result;
}

void merge_self(struct membership *membership, const struct liveness *liveness,
                struct record *record) {
    change(membership, 0, membership->table.members[0].record == NULL, liveness, record);
}

void merge_forget(struct membership *membership, uint32_t slot) {
    struct table *table = &membership->table;
    struct member *member = &table->members[slot];
    struct liveness liveness = {member_generation(member), member->version, member->status};
    ASSERT(slot != 0 && member->status >= HENGE_DEAD);
    struct member_change report = {.slot = slot,
                                   .is_forgotten = true,
                                   .before_status = member->status,
                                   .status = member->status};
    struct henge_address dropped;
    tombstones_put(&membership->tombstones, member->record->name_hash, &liveness,
                   &member->record->address, false, membership->now_ns, &dropped);
    if (member->status == HENGE_DEAD && member->record->generation == member_generation(member)) {
        struct proof proof = {.kind = PROOF_COMMITMENT};
        memcpy(proof.bytes, member->record->leave_commitment, sizeof proof.bytes);
        tombstones_prove(&membership->tombstones, member->record->name_hash, &proof);
    }
    contact_former_add(membership, &dropped);
    gossip_drop(membership, slot);
    if (membership->observer.on_change != NULL)
        membership->observer.on_change(membership->observer.context, &report);
    struct record *record = member->record;
    table->statuses[member->status]--;
    table_forget(table, slot);
    record_release(membership->store, record);
}

struct update merge_update_of(const struct membership *membership, uint32_t slot, bool is_full) {
    const struct member *member = &membership->table.members[slot];
    struct update update = {
        .name_hash = member->record->name_hash,
        .liveness = {member_generation(member), member->version, member->status}};
    if (member->status == HENGE_LEFT)
        update.proof = departure_proof(membership, slot);
    /* A verdict about a generation whose record never came has only an older one beside it. */
    if (is_full && member->record->generation == member_generation(member)) {
        update.encoded = member->record->encoded;
        update.encoded_bytes = member->record->encoded_bytes;
    }
    uint32_t id = table_suspicion(&membership->table, slot);
    if (id != NO_SLOT) {
        const struct suspicion *suspicion = &membership->suspicions.entries[id];
        update.accusers_count = suspicion->accusers_count;
        memcpy(update.accusers, suspicion->accusers, sizeof update.accusers);
    }
    return update;
}
