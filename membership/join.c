/* membership/join.c - see join.h. */
#include "membership/join.h"
#include "core/base/assert.h"
#include "core/base/mutant.h"
#include "membership/snapshot.h"
#include "membership/state.h"
#include <string.h>

void join_init(struct join *join, struct memory *memory) {
    *join = (struct join){.memory = memory,
                          .state = JOIN_IDLE,
                          .reason = "",
                          .retry_ns = TIME_NEVER,
                          .admissions = token_bucket_of(JOINS_PER_S, JOINS_BURST)};
}

static bool is_own_address(const struct membership *membership,
                           const struct henge_address *address) {
    return memcmp(&membership->table.members[0].record->address, address, sizeof *address) == 0;
}

static void add_seed(struct membership *membership, const struct henge_address *address) {
    struct join *join = &membership->join;
    if (address->family == 0 || is_own_address(membership, address) ||
        join->seeds_count == SEEDS_MAX)
        return;
    for (uint32_t i = 0; i < join->seeds_count; i++)
        if (memcmp(&join->seeds[i], address, sizeof *address) == 0)
            return;
    join->seeds[join->seeds_count++] = *address;
}

void join_seeds_set(struct membership *membership, const struct henge_address *seeds,
                    size_t count) {
    membership->join.seeds_count = 0;
    seeds_forget_outcomes(&membership->join);
    for (size_t i = 0; i < count; i++)
        add_seed(membership, &seeds[i]);
}

/* New seeds replace the old ones: the caller has resolved their names again. */
void join_start(struct membership *membership, const struct henge_address *seeds, size_t count) {
    struct join *join = &membership->join;
    if (count == 0 || membership->claim.has_yielded)
        return;
    join_seeds_set(membership, seeds, count);
    const struct member *own = &membership->table.members[0];
    const uint64_t left_ns = member_status_since_ns(own, membership->now_ns);
    if (own->status == HENGE_LEFT) {
        if (!self_raise_generation(membership, member_generation(own)))
            return;
        /* Nobody could have refuted meanwhile. */
        suspicions_thaw(&membership->suspicions, left_ns, membership->now_ns);
    }
    leave_reset(membership);
    standing_join(membership);
    join->state = JOIN_UNDER_WAY;
    join->reason = "";
    join->request_id++;
    join->retry_ns = 0;
    join->wait_ns = JOIN_RETRY_NS / 4;
}

static void send_join(struct membership *membership, const struct henge_address *seed,
                      struct outbox *outbox) {
    struct bytes_writer writer = message_begin(membership, outbox, MESSAGE_JOIN);
    if (writer.start == NULL)
        return;
    struct wire_join join = {.ring_parameters = membership->settings.ring_parameters,
                             .request_id = membership->join.request_id};
    struct update own = merge_update_of(membership, 0, true);
    wire_join_put(&writer, &join);
    wire_update_put(&writer, &own);
    (void)message_commit(outbox, &writer, seed, 0);
}

/* The seeds may be gone for good while healing has brought members together with this node: one of
 * those does as well. */
static void join_through_found(struct membership *membership, struct outbox *outbox) {
    uint32_t slot;
    if (table_pick(&membership->table, &membership->random, &slot, 1) == 1)
        send_join(membership, &membership->table.members[slot].record->address, outbox);
}

static bool ask_unless_failed(struct membership *membership, const struct henge_address *address,
                              struct outbox *outbox) {
    if (seeds_has_failed(&membership->join, address))
        return false;
    send_join(membership, address, outbox);
    return true;
}

/* Who answers first is pulled from, so the near one whose streams fail must not be asked together
 * with those that may do better. When a round of these has brought nothing, it has its turn. */
static void ask_round(struct membership *membership, struct outbox *outbox) {
    struct join *join = &membership->join;
    struct henge_address failed;
    uint32_t asked = 0;
    for (uint32_t i = 0; i < join->seeds_count; i++)
        asked += ask_unless_failed(membership, &join->seeds[i], outbox);
    for (uint32_t i = 0; i < join->hints.count; i++)
        asked += ask_unless_failed(membership, &join->hints.addresses[i], outbox);
    if ((asked == 0 || !join->has_pull_failed) && seeds_failed_turn(join, &failed))
        send_join(membership, &failed, outbox);
    join->has_pull_failed = false;
}

void join_step(struct membership *membership, struct outbox *outbox) {
    struct join *join = &membership->join;
    struct hints *hints = &join->hints;
    if (join->state != JOIN_UNDER_WAY)
        return;
    if (!pull_is_active(membership, PULL_FOR_JOIN))
        for (; hints->asked < hints->count; hints->asked++)
            send_join(membership, &hints->addresses[hints->asked], outbox);
    if (join->retry_ns > membership->now_ns)
        return;
    join->retry_ns = membership->now_ns + join->wait_ns;
    join->wait_ns = join->wait_ns * 2 < JOIN_RETRY_NS ? join->wait_ns * 2 : JOIN_RETRY_NS;
    if (pull_is_active(membership, PULL_FOR_JOIN))
        return;
    ask_round(membership, outbox);
    join_through_found(membership, outbox);
}

uint64_t join_deadline(const struct membership *membership) {
    return membership->join.state == JOIN_UNDER_WAY ? membership->join.retry_ns : TIME_NEVER;
}

void join_again(struct membership *membership) {
    struct join *join = &membership->join;
    if (join->state != JOIN_UNDER_WAY)
        return;
    join->request_id++;
    join->retry_ns = membership->now_ns;
}

void join_refuse(struct membership *membership, const char *reason) {
    membership->join.state = JOIN_REFUSED;
    membership->join.reason = reason;
    membership->join.retry_ns = TIME_NEVER;
}

static void join_done(struct membership *membership) {
    membership->join.state = JOIN_DONE;
    membership->join.failed.count = 0;
    membership->join.reason = "";
    membership->join.retry_ns = TIME_NEVER;
}

void join_pull_over(struct membership *membership, bool is_whole) {
    struct join *join = &membership->join;
    if (join->state != JOIN_UNDER_WAY)
        return;
    if (is_whole) {
        join_done(membership);
        return;
    }
    seeds_failed(join, &join->pulled_from);
    join->has_pull_failed = true;
    /* Another seed may do better; soon, but not all at one moment. */
    uint64_t wait_ns = JOIN_PULL_RETRY_NS;
    wait_ns += random_below(&membership->random, 3 * JOIN_PULL_RETRY_NS);
    join->retry_ns = membership->now_ns + wait_ns;
}

/* One whose last life stood in the ring stands there again. The record itself goes when the joiner
 * is heard. */
static void note_place(const struct record *record, struct wire_join_reply *reply) {
    reply->has_place = record->ring_state != HENGE_RING_JOINING || record->choices_bytes > 0;
    reply->choices_bytes = record->choices_bytes;
    if (record->choices_bytes > 0)
        memcpy(reply->choices, record->choices, record->choices_bytes);
}

/* What this node holds on the joiner before it hears him. */
static void note_held(const struct membership *membership, const struct update *joiner,
                      const struct record_fields *fields, struct wire_join_reply *reply) {
    uint32_t slot = table_find(&membership->table, joiner->name_hash);
    const struct tombstone *stone = tombstones_find(&membership->tombstones, joiner->name_hash);
    if (slot != NO_SLOT) {
        const struct member *member = &membership->table.members[slot];
        bool is_same = memcmp(member->record->boot_id, fields->boot_id, RECORD_BOOT_BYTES) == 0;
        reply->held_kind = is_same ? HELD_SAME_BOOT : HELD_OTHER_BOOT;
        reply->held = (struct liveness){member_generation(member), member->version, member->status};
        reply->held_address = member->record->address;
        note_place(member->record, reply);
    } else if (stone != NULL) {
        reply->held_kind = HELD_OTHER_BOOT; /* a tombstone knows no boot */
        reply->held = stone->liveness;
        reply->held_address = stone->address;
    }
}

/* A joiner more than this node can serve is sent on, if there is anybody to send it to. */
static bool is_busy(struct membership *membership) {
    if (membership->table.live_count == 0)
        return false;
    return !token_bucket_take(&membership->join.admissions, membership->now_ns) ||
           !scripts_have_room(&membership->scripts);
}

static void put_others(struct membership *membership, struct wire_join_reply *reply,
                       struct bytes_writer *writer) {
    uint32_t slots[BUSY_NAMES];
    uint32_t count = table_pick(&membership->table, &membership->random, slots, BUSY_NAMES);
    for (uint32_t i = 0; i < count; i++) {
        struct update other = merge_update_of(membership, slots[i], true);
        if (other.encoded == NULL || wire_update_bytes(&other) > bytes_room(writer))
            continue;
        wire_update_put(writer, &other);
        reply->count++;
    }
}

static void send_reply(struct membership *membership, const struct delivery *delivery,
                       struct wire_join_reply *reply) {
    if (!token_bucket_take(&membership->replies, membership->now_ns))
        return;
    struct bytes_writer writer = message_begin(membership, delivery->outbox, MESSAGE_JOIN_REPLY);
    if (writer.start == NULL)
        return;
    uint8_t *body = writer.at;
    /* The one record that has to be in it comes first. */
    const struct update own = merge_update_of(membership, 0, true);
    size_t needed = WIRE_JOIN_REPLY_BYTES + wire_update_bytes(&own);
    reply->has_place = reply->has_place && needed + 1 + reply->choices_bytes <= bytes_room(&writer);
    wire_join_reply_put(&writer, reply);
    uint8_t *records = writer.at;
    if (reply->verdict == JOIN_ACCEPTED) {
        struct snapshot snapshot;
        struct parts all = parts_of_buckets(BUCKETS_ALL);
        snapshot_start(&snapshot, membership, &all, 0);
        reply->count = snapshot_put(&snapshot, &writer);
        reply->is_complete = !snapshot.has_next && !snapshot.has_skipped;
        if (!reply->is_complete) {
            /* Not even worth a part: the whole comes by stream, only the responder itself here. */
            writer.at = records;
            wire_update_put(&writer, &own);
            reply->count = 1;
        }
    } else if (reply->verdict == JOIN_BUSY) {
        put_others(membership, reply, &writer);
    }
    struct bytes_writer patch = bytes_writer_of(body, (size_t)(records - body));
    wire_join_reply_put(&patch, reply);
    (void)message_commit(delivery->outbox, &writer, &delivery->source->address,
                         delivery->head.source_generation);
}

static bool is_self(const struct membership *membership, const struct update *joiner,
                    const struct record_fields *fields) {
    return joiner->name_hash == membership->name_hash &&
           memcmp(fields->boot_id, membership->table.members[0].record->boot_id,
                  RECORD_BOOT_BYTES) == 0;
}

void join_receive(struct membership *membership, struct delivery *delivery) {
    struct wire_join join;
    struct update joiner;
    struct record_fields fields;
    if (!wire_join_get(&delivery->reader, &join) ||
        !wire_update_get(&delivery->reader, membership->store, &joiner, &fields) ||
        joiner.encoded == NULL || joiner.name_hash != delivery->head.source_name_hash ||
        joiner.liveness.status != HENGE_ALIVE) {
        delivery_malformed(membership);
        return;
    }
    delivery_trailing(membership, delivery);
    const bool has_left = membership->table.members[0].status == HENGE_LEFT;
    const bool is_evicted = membership->departure.own.kind == PROOF_EVICTED;
    if (is_self(membership, &joiner, &fields) || is_evicted || delivery->source->stream != 0)
        return; /* no seed to be had here */
    struct wire_join_reply reply = {.request_id = join.request_id};
    if (join.ring_parameters != membership->settings.ring_parameters && !MUTANT(LABEL_IGNORED)) {
        reply.verdict = JOIN_REFUSED_RING;
    } else if (joiner.name_hash == membership->name_hash) {
        /* Another process under our own name: it is told of us, and moves out of the way. */
        const struct member *own = &membership->table.members[0];
        reply.held_kind = HELD_OTHER_BOOT;
        reply.held = (struct liveness){member_generation(own), own->version, own->status};
        reply.held_address = own->record->address;
    } else if (has_left || is_busy(membership)) {
        reply.verdict = JOIN_BUSY; /* who has left knows at least where others were */
    } else {
        note_held(membership, &joiner, &fields, &reply);
        if (hear(membership, &joiner, &fields, MERGE_GOSSIP, delivery).outcome == MERGE_REFUSED)
            reply.verdict = JOIN_REFUSED_FULL;
    }
    reply.members_total = table_size(&membership->table);
    send_reply(membership, delivery, &reply);
}

static const char *reason_of(uint8_t verdict) {
    switch (verdict) {
    case JOIN_REFUSED_RING:
        return "ring parameters differ (ring_salt or hash version)";
    case JOIN_REFUSED_FULL:
        return "the seed's member table is full, or it does not believe this generation";
    default:
        return "refused for a reason that this version does not know";
    }
}

static enum seed_outcome outcome_of(uint8_t verdict) {
    switch (verdict) {
    case JOIN_ACCEPTED:
        return SEED_ANSWERED;
    case JOIN_REFUSED_RING:
        return SEED_REFUSED_RING;
    case JOIN_REFUSED_FULL:
        return SEED_REFUSED_FULL;
    case JOIN_BUSY:
        return SEED_BUSY;
    default:
        return SEED_REFUSED;
    }
}

/* Others are asked at once. Nothing else of the answer is believed. */
static void take_hints(struct membership *membership, struct delivery *delivery, uint32_t count) {
    struct update update;
    struct record_fields fields;
    for (uint32_t i = 0; i < count; i++) {
        (void)wire_update_get(&delivery->reader, membership->store, &update, &fields);
        if (update.encoded != NULL && !is_own_address(membership, &fields.address))
            (void)seeds_hint(&membership->join, &fields.address);
    }
    delivery_trailing(membership, delivery);
}

/* The cluster knows another, or a later, incarnation of this name: surpass it and ask again. */
static bool must_rise(const struct membership *membership, const struct wire_join_reply *reply) {
    uint64_t own = member_generation(&membership->table.members[0]);
    if (reply->held_kind == HELD_NOTHING)
        return false;
    return reply->held.generation > own ||
           (reply->held.generation == own && reply->held_kind == HELD_OTHER_BOOT);
}

/* Another process of this name lives, or lived a moment ago, at another address. */
static bool is_held_elsewhere(const struct membership *membership,
                              const struct wire_join_reply *reply) {
    return reply->held_kind == HELD_OTHER_BOOT && reply->held.status < HENGE_DEAD &&
           reply->held_address.family != 0 && !is_own_address(membership, &reply->held_address);
}

static void take_snapshot(struct membership *membership, struct delivery *delivery,
                          const struct wire_join_reply *reply) {
    struct update update;
    struct record_fields fields;
    for (uint32_t i = 0; i < reply->count; i++) {
        (void)wire_update_get(&delivery->reader, membership->store, &update, &fields);
        (void)hear(membership, &update, update.encoded != NULL ? &fields : NULL, MERGE_SYNC,
                   delivery);
    }
    delivery_trailing(membership, delivery);
    struct join *join = &membership->join;
    if (join->state != JOIN_UNDER_WAY)
        return; /* a further seed: its members are known now, sync does the rest */
    if (reply->is_complete)
        join_done(membership);
    else if (pull_by_stream(membership, PULL_FOR_JOIN, &delivery->source->address,
                            delivery->head.source_generation, BUCKETS_ALL, delivery->outbox))
        join->pulled_from = delivery->source->address;
}

void join_reply_receive(struct membership *membership, struct delivery *delivery) {
    struct join *join = &membership->join;
    struct wire_join_reply reply;
    if (!wire_join_reply_get(&delivery->reader, &reply)) {
        delivery_malformed(membership);
        return;
    }
    if (!delivery_check(membership, delivery, reply.count))
        return;
    if (reply.request_id != join->request_id || join->state == JOIN_IDLE ||
        !membership_can_speak(membership))
        return;
    seeds_note(join, &delivery->source->address, outcome_of(reply.verdict));
    if (reply.verdict == JOIN_BUSY) {
        take_hints(membership, delivery, reply.count);
        return;
    }
    if (reply.verdict != JOIN_ACCEPTED) {
        if (join->state == JOIN_UNDER_WAY) { /* one may be full, or be of another cluster */
            join->reason = reason_of(reply.verdict);
            join->state = seeds_have_all_refused(join) ? JOIN_REFUSED : JOIN_UNDER_WAY;
        }
        return;
    }
    if (join->state == JOIN_REFUSED)
        join->state = JOIN_UNDER_WAY; /* one seed refused, another did not */
    bool is_rival = is_held_elsewhere(membership, &reply);
    if (is_rival)
        claim_ask(membership, &reply.held_address, reply.held.generation);
    if (reply.has_place)
        standing_place_again(membership, reply.choices, reply.choices_bytes);
    if (must_rise(membership, &reply)) {
        if (!is_rival && self_raise_generation(membership, reply.held.generation))
            join_again(membership);
        return;
    }
    if (reply.held_kind == HELD_SAME_BOOT && reply.held.status != HENGE_ALIVE) {
        struct update held = {.name_hash = membership->name_hash, .liveness = reply.held};
        (void)self_hear(membership, &held, NULL, delivery->source);
    }
    take_snapshot(membership, delivery, &reply);
}
