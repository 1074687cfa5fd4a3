/* membership/departure.c - see departure.h. */
#include "membership/departure.h"
#include "membership/state.h"
#include <string.h>

void departure_init(struct departure *departure) {
    *departure = (struct departure){.tell_ns = TIME_NEVER};
}

/* one_way(seed xor generation): who sees it learns neither the seed nor another one. */
static void secret_of(const struct membership *membership, uint64_t generation,
                      uint8_t secret_out[RECORD_PROOF_BYTES]) {
    uint8_t mixed[RECORD_PROOF_BYTES];
    memcpy(mixed, membership->settings.leave_secret, sizeof mixed);
    for (size_t i = 0; i < sizeof generation; i++)
        mixed[i] ^= (uint8_t)(generation >> (8 * i));
    membership->settings.one_way(mixed, secret_out);
}

void departure_commitment(const struct membership *membership, uint64_t generation,
                          uint8_t commitment_out[RECORD_PROOF_BYTES]) {
    memset(commitment_out, 0, RECORD_PROOF_BYTES);
    if (membership->settings.one_way == NULL)
        return;
    uint8_t secret[RECORD_PROOF_BYTES];
    secret_of(membership, generation, secret);
    membership->settings.one_way(secret, commitment_out);
}

struct proof departure_own_proof(const struct membership *membership) {
    struct proof proof = {.kind = PROOF_OWNER};
    if (membership->settings.one_way != NULL)
        secret_of(membership, member_generation(&membership->table.members[0]), proof.bytes);
    return proof;
}

static bool matches(const struct membership *membership, const struct proof *proof,
                    const uint8_t commitment[RECORD_PROOF_BYTES]) {
    if (proof->kind != PROOF_OWNER)
        return false;
    uint8_t image[RECORD_PROOF_BYTES];
    membership->settings.one_way(proof->bytes, image);
    return memcmp(image, commitment, sizeof image) == 0;
}

bool departure_is_proven(const struct membership *membership, const struct update *update,
                         const struct record_fields *fields) {
    const struct proof *proof = &update->proof;
    if (membership->settings.one_way == NULL || proof->kind == PROOF_EVICTED)
        return true;
    uint32_t slot = table_find(&membership->table, update->name_hash);
    if (slot != NO_SLOT) {
        const struct member *member = &membership->table.members[slot];
        struct liveness held = {member_generation(member), member->version, member->status};
        if (liveness_compare(&update->liveness, &held) <= 0)
            return true; /* no news: nothing comes of it */
        if (member->record->generation == update->liveness.generation)
            return matches(membership, proof, member->record->leave_commitment);
        return fields != NULL && matches(membership, proof, fields->leave_commitment);
    }
    const struct tombstone *stone = tombstones_find(&membership->tombstones, update->name_hash);
    if (stone != NULL && stone->proof.kind == PROOF_COMMITMENT &&
        stone->liveness.generation == update->liveness.generation)
        return matches(membership, proof, stone->proof.bytes);
    if (fields != NULL)
        return matches(membership, proof, fields->leave_commitment);
    return proof->kind == PROOF_OWNER;
}

bool departure_is_forged(const struct membership *membership, uint64_t name_hash,
                         const struct record_fields *fields) {
    const struct tombstone *stone = tombstones_find(&membership->tombstones, name_hash);
    return membership->settings.one_way != NULL && stone != NULL && fields != NULL &&
           stone->liveness.status == HENGE_LEFT && stone->proof.kind == PROOF_OWNER &&
           stone->liveness.generation == fields->generation &&
           !matches(membership, &stone->proof, fields->leave_commitment);
}

void departure_note(struct membership *membership, uint32_t slot, const struct update *update) {
    struct henge_address dropped;
    tombstones_put(&membership->tombstones, update->name_hash, &update->liveness,
                   &membership->table.members[slot].record->address, false, membership->now_ns,
                   &dropped);
    tombstones_prove(&membership->tombstones, update->name_hash, &update->proof);
    contact_former_add(membership, &dropped);
}

struct proof departure_proof(const struct membership *membership, uint32_t slot) {
    if (slot == 0)
        return membership->departure.own;
    const struct member *member = &membership->table.members[slot];
    const struct tombstone *stone =
        tombstones_find(&membership->tombstones, member->record->name_hash);
    bool is_same = stone != NULL && stone->liveness.status == HENGE_LEFT &&
                   stone->liveness.generation == member_generation(member);
    return is_same ? stone->proof : (struct proof){.kind = PROOF_NONE};
}

/* The evicted one is in no live list any more: it is told directly. */
static void tell_later(struct membership *membership, const struct update *verdict,
                       const struct henge_address *address) {
    struct departure *departure = &membership->departure;
    departure->told = *verdict;
    departure->tell_address = *address;
    departure->tells_left = EVICTION_TELLS;
    departure->tell_ns = membership->now_ns;
}

bool membership_evict(struct membership *membership, uint32_t slot, uint64_t now_ns) {
    membership->now_ns = now_ns;
    if (slot == 0 || slot >= membership->table.count || !membership_can_speak(membership))
        return false;
    const struct member *member = &membership->table.members[slot];
    if (member->record == NULL || member->status == HENGE_LEFT)
        return false;
    struct update verdict = {.name_hash = member->record->name_hash,
                             .liveness = {member_generation(member), VERSION_MAX, HENGE_LEFT},
                             .proof = {.kind = PROOF_EVICTED}};
    struct henge_address address = member->record->address;
    membership->change_origin = CHANGE_SELF;
    struct merge_result result = merge_update(membership, &verdict, NULL, MERGE_LOCAL, 0);
    if (result.outcome != MERGE_NEWS)
        return false;
    membership->counters.evictions++;
    gossip_news(membership, &result);
    tell_later(membership, &verdict, &address);
    return true;
}

void departure_step(struct membership *membership, struct outbox *outbox) {
    struct departure *departure = &membership->departure;
    if (departure->tell_ns > membership->now_ns)
        return;
    (void)gossip_tell(membership, &departure->told, &departure->tell_address, outbox);
    bool is_over = --departure->tells_left == 0;
    departure->tell_ns =
        is_over ? TIME_NEVER : membership->now_ns + membership->settings.gossip_tick_ns;
}
