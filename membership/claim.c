/* membership/claim.c - see claim.h. */
#include "membership/claim.h"
#include "membership/state.h"
#include <string.h>

/* Three questions in three tenths of a period: a lost one costs little, a restart at another
 * address waits for no more. */
static uint64_t interval_ns(const struct membership *membership) {
    return membership->settings.probe_period_ns / 10;
}

void claim_init(struct claim *claim, uint64_t seniority) {
    *claim = (struct claim){.seniority = seniority, .next_ns = TIME_NEVER};
}

static struct wire_claim own_claim(const struct membership *membership) {
    const struct claim *own = &membership->claim;
    struct wire_claim claim = {.seniority = own->seniority};
    if (own->is_settled)
        claim.flags |= CLAIM_IS_SETTLED;
    if (own->has_yielded)
        claim.flags |= CLAIM_HAS_YIELDED;
    memcpy(claim.boot_id, membership->table.members[0].record->boot_id, RECORD_BOOT_BYTES);
    return claim;
}

/* Is the other's claim stronger than ours? Never so of equal ones. */
static bool is_stronger(const struct membership *membership, const struct wire_claim *other,
                        const struct henge_address *address) {
    struct wire_claim own = own_claim(membership);
    bool other_settled = (other->flags & CLAIM_IS_SETTLED) != 0;
    if (other_settled != membership->claim.is_settled)
        return other_settled;
    if (other->seniority != own.seniority)
        return other->seniority < own.seniority;
    int order = memcmp(other->boot_id, own.boot_id, RECORD_BOOT_BYTES);
    if (order == 0)
        order = memcmp(address, &membership->table.members[0].record->address, sizeof *address);
    return order < 0;
}

void claim_ask(struct membership *membership, const struct henge_address *address,
               uint64_t heard_generation) {
    struct claim *claim = &membership->claim;
    if (!membership_can_speak(membership))
        return;
    if (claim->is_asking) {
        if (heard_generation > claim->heard_generation)
            claim->heard_generation = heard_generation;
        return; /* one at a time; a third of the name is heard of again */
    }
    claim->is_asking = true;
    claim->asked = 0;
    claim->address = *address;
    claim->heard_generation = heard_generation;
    claim->nonce = random_u64(&membership->random);
    claim->next_ns = membership->now_ns;
}

static void stop_asking(struct claim *claim) {
    claim->is_asking = false;
    claim->next_ns = TIME_NEVER;
}

void claim_paused(struct membership *membership) {
    uint64_t elapsed_ms = (membership->now_ns - membership->created_ns) / NS_PER_MS;
    uint64_t now_ms = membership->settings.wall_ms + elapsed_ms;
    stop_asking(&membership->claim);
    if (now_ms > membership->claim.seniority)
        membership->claim.seniority = now_ms;
}

/* Nobody has a better right to the name. */
static void keep_name(struct membership *membership, uint64_t heard_generation) {
    stop_asking(&membership->claim);
    if (heard_generation < member_generation(&membership->table.members[0]) ||
        !membership_can_speak(membership))
        return; /* or it has left meanwhile: whoever joins again has a new generation */
    if (self_raise_generation(membership, heard_generation))
        join_again(membership);
}

static void yield_name(struct membership *membership, const struct henge_address *address,
                       uint64_t generation) {
    struct claim *claim = &membership->claim;
    stop_asking(claim);
    claim->has_yielded = true;
    membership->counters.conflicts++;
    join_refuse(membership, "another live process bears this name");
    if (membership->leave.state == LEAVE_UNDER_WAY)
        membership->leave.state = LEAVE_DONE;
    if (membership->observer.on_conflict != NULL)
        membership->observer.on_conflict(membership->observer.context, 0, address, generation);
}

bool who_send(struct membership *membership, const struct henge_address *address,
              uint64_t name_hash, uint64_t nonce, struct outbox *outbox) {
    struct bytes_writer writer = message_begin(membership, outbox, MESSAGE_WHO);
    if (writer.start == NULL)
        return false;
    struct wire_who who = {.nonce = nonce, .name_hash = name_hash, .claim = own_claim(membership)};
    wire_who_put(&writer, &who);
    return message_commit(outbox, &writer, address, 0);
}

void claim_step(struct membership *membership, struct outbox *outbox) {
    struct claim *claim = &membership->claim;
    claim->is_settled = claim->is_settled || membership->join.state == JOIN_DONE ||
                        membership->table.live_count > 0;
    if (!claim->is_asking || claim->next_ns > membership->now_ns)
        return;
    if (claim->asked == WHO_TRIES) {
        keep_name(membership, claim->heard_generation);
        return;
    }
    bool is_sent =
        who_send(membership, &claim->address, membership->name_hash, claim->nonce, outbox);
    claim->asked += is_sent;
    claim->next_ns = membership->now_ns + (is_sent ? interval_ns(membership) : RETRY_NS);
}

uint64_t claim_deadline(const struct membership *membership) {
    return membership->claim.next_ns;
}

static void answer(struct membership *membership, const struct delivery *delivery, uint64_t nonce) {
    if (delivery->source->stream != 0 ||
        !token_bucket_take(&membership->replies, membership->now_ns))
        return;
    struct bytes_writer writer = message_begin(membership, delivery->outbox, MESSAGE_HERE);
    if (writer.start == NULL)
        return;
    struct wire_here here = {.nonce = nonce, .claim = own_claim(membership)};
    struct update own = merge_update_of(membership, 0, true);
    wire_here_put(&writer, &here);
    wire_update_put(&writer, &own);
    (void)message_commit(delivery->outbox, &writer, &delivery->source->address, 0);
}

/* What the question itself says is not proof of life: it may be an old one. So who would be the
 * weaker asks back, and who is the stronger only sees to it that its word stands above the other's.
 */
static void meet_rival(struct membership *membership, const struct delivery *delivery,
                       const struct wire_who *who) {
    if (membership->claim.has_yielded || (who->claim.flags & CLAIM_HAS_YIELDED) != 0 ||
        !membership_can_speak(membership))
        return;
    uint64_t generation = delivery->head.source_generation;
    if (is_stronger(membership, &who->claim, &delivery->source->address))
        claim_ask(membership, &delivery->source->address, generation);
    else if (generation >= member_generation(&membership->table.members[0]))
        self_surpass(membership, generation);
}

void who_receive(struct membership *membership, struct delivery *delivery) {
    struct wire_who who;
    if (!wire_who_get(&delivery->reader, &who)) {
        delivery_malformed(membership);
        return;
    }
    delivery_trailing(membership, delivery);
    if (who.name_hash != membership->name_hash)
        return;
    bool is_rival = delivery->head.source_name_hash == membership->name_hash;
    if (is_rival && membership->claim.is_asking && who.nonce == membership->claim.nonce) {
        keep_name(membership, membership->claim.heard_generation); /* the address is our own */
        return;
    }
    if (membership->claim.has_yielded && !is_rival)
        return;
    answer(membership, delivery, who.nonce);
    if (is_rival)
        meet_rival(membership, delivery, &who);
}

void here_receive(struct membership *membership, struct delivery *delivery) {
    struct wire_here here;
    struct update update;
    struct record_fields fields;
    if (!wire_here_get(&delivery->reader, &here) ||
        !wire_update_get(&delivery->reader, membership->store, &update, &fields) ||
        update.encoded == NULL || update.name_hash != delivery->head.source_name_hash) {
        delivery_malformed(membership);
        return;
    }
    delivery_trailing(membership, delivery);
    struct claim *claim = &membership->claim;
    if (update.name_hash != membership->name_hash) {
        if (hearsay_is_answer(membership, &here, &update, delivery))
            (void)hear(membership, &update, &fields, MERGE_GOSSIP, delivery);
        return;
    }
    const struct henge_address *address = &delivery->source->address;
    if (!claim->is_asking || here.nonce != claim->nonce ||
        memcmp(address, &claim->address, sizeof *address) != 0)
        return;
    uint64_t generation = update.liveness.generation;
    bool is_live =
        (here.claim.flags & CLAIM_HAS_YIELDED) == 0 && update.liveness.status != HENGE_LEFT;
    if (is_live && is_stronger(membership, &here.claim, address))
        yield_name(membership, address, generation);
    else
        keep_name(membership,
                  generation > claim->heard_generation ? generation : claim->heard_generation);
}
