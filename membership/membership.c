/* membership/membership.c - create, dispatch, step, deadline; every idea has a file of its own. */
#include "membership/membership.h"
#include "core/base/assert.h"
#include "core/base/hash.h"
#include "membership/record_wire.h"
#include "membership/state.h"
#include <string.h>

/* Slot 0. The observer is not told: it does not have the membership yet. */
static bool make_self(struct membership *membership, const struct record_fields *settings) {
    struct record_fields fields = *settings;
    if (fields.generation < membership->settings.wall_ms)
        fields.generation = membership->settings.wall_ms;
    if (fields.generation == 0)
        fields.generation = 1;
    fields.payload_version = 0;
    departure_commitment(membership, fields.generation, fields.leave_commitment);
    if (record_fields_check(&fields) != NULL ||
        record_wire_bytes(&fields) + RECORD_MESSAGE_BYTES > membership->settings.payload_bytes_max)
        return false;
    struct record *record = record_store_get(membership->store, &fields);
    if (record == NULL)
        return false;
    uint32_t slot = table_take(&membership->table, record->name_hash);
    if (slot == NO_SLOT) {
        record_release(membership->store, record);
        return false;
    }
    ASSERT(slot == 0);
    membership->name_hash = record->name_hash;
    struct membership_observer observer = membership->observer;
    membership->observer = (struct membership_observer){0};
    struct liveness liveness = {record->generation, 0, HENGE_ALIVE};
    merge_self(membership, &liveness, record);
    membership->observer = observer;
    return true;
}

struct membership *membership_create(const struct membership_settings *settings,
                                     const struct membership_observer *observer,
                                     struct record_store *store, struct memory *memory,
                                     uint64_t now_ns) {
    struct membership *membership =
        memory_alloc_zeroed(memory, sizeof *membership, HENGE_MEMORY_MEMBER);
    if (membership == NULL)
        return NULL;
    membership->settings = *settings;
    if (membership->settings.profile == NULL)
        membership->settings.profile = &profile_henge;
    if (membership->settings.profile->fanout > 0)
        membership->settings.fanout = membership->settings.profile->fanout;
    if (membership->settings.fanout > FANOUT_MAX)
        membership->settings.fanout = FANOUT_MAX;
    membership->observer = *observer;
    membership->store = store;
    membership->memory = memory;
    membership->random = random_of_seed(settings->random_seed);
    membership->now_ns = membership->created_ns = now_ns;
    membership->forget_ns = TIME_NEVER;
    uint32_t stones = settings->members_max * 2;
    stones = stones > TOMBSTONES_MAX ? TOMBSTONES_MAX : stones;
    table_init(&membership->table, memory, settings->members_max,
               hash64_pair(settings->random_seed, settings->members_max), now_ns);
    membership->table.expected = settings->slots_expected;
    bool ok = tombstones_init(&membership->tombstones, memory, stones, settings->tombstone_ns);
    suspicions_init(membership);
    membership->freeze.heard_ns = now_ns;
    membership->table.is_zone_blind = !membership->settings.profile->is_zone_aware;
    targets_init(&membership->targets);
    gossip_init(membership);
    scripts_init(&membership->scripts, memory);
    sync_init(&membership->sync, memory);
    join_init(&membership->join, memory);
    leave_reset(membership);
    departure_init(&membership->departure);
    contact_init(&membership->contact, memory);
    membership->replies = token_bucket_of(REPLY_PACKETS_PER_S, REPLY_PACKETS_BURST);
    membership->notices = token_bucket_of(NOTICES_PER_S, NOTICES_BURST);
    hearsay_init(&membership->hearsay, memory);
    standing_init(&membership->standing, settings->self->ring_state);
    if (!ok || !make_self(membership, settings->self)) {
        membership_destroy(membership);
        return NULL;
    }
    claim_init(&membership->claim, member_generation(&membership->table.members[0]));
    pulls_init(&membership->sync.pulls, membership->name_hash,
               member_generation(&membership->table.members[0]));
    contact_remember(membership, settings->former, settings->former_count);
    membership->settings.self = NULL;
    membership->settings.former = NULL;
    membership->settings.former_count = 0;
    return membership;
}

void membership_destroy(struct membership *membership) {
    if (membership == NULL)
        return;
    for (uint32_t slot = 0; slot < membership->table.count; slot++)
        record_release(membership->store, membership->table.members[slot].record);
    scripts_deinit(&membership->scripts);
    hearsay_deinit(&membership->hearsay);
    contact_deinit(&membership->contact);
    seeds_deinit(&membership->join);
    sync_deinit(&membership->sync);
    verify_deinit(membership);
    doubts_deinit(membership);
    leave_deinit(membership);
    gossip_deinit(&membership->gossip);
    suspicions_deinit(&membership->suspicions);
    tombstones_deinit(&membership->tombstones);
    table_deinit(&membership->table);
    memory_release(membership->memory, membership, sizeof *membership, HENGE_MEMORY_MEMBER);
}

bool membership_can_speak(const struct membership *membership) {
    return membership->table.members[0].status != HENGE_LEFT && !membership->claim.has_yielded;
}

struct bytes_writer message_begin(const struct membership *membership, struct outbox *outbox,
                                  enum message_type type) {
    size_t capacity = 0;
    uint8_t *room = outbox->begin(outbox->context, &capacity);
    if (room == NULL)
        return bytes_writer_of(NULL, 0);
    size_t max = membership->settings.payload_bytes_max;
    struct bytes_writer writer = bytes_writer_of(room, capacity < max ? capacity : max);
    struct message_head head = {(uint8_t)type, membership->name_hash,
                                member_generation(&membership->table.members[0])};
    message_head_put(&writer, &head);
    return writer;
}

bool message_commit(struct outbox *outbox, struct bytes_writer *writer,
                    const struct henge_address *address, uint64_t generation) {
    struct packet_target target = {
        .address = *address, .generation = generation, .lane = LANE_GOSSIP};
    outbox->commit(outbox->context, &target, writer->failed ? 0 : bytes_written(writer));
    return !writer->failed;
}

void delivery_malformed(struct membership *membership) {
    membership->counters.malformed++;
}

bool delivery_check(struct membership *membership, const struct delivery *delivery,
                    uint32_t count) {
    if (!delivery->reader.failed && wire_updates_check(&delivery->reader, membership->store, count))
        return true;
    delivery_malformed(membership);
    return false;
}

void delivery_trailing(struct membership *membership, const struct delivery *delivery) {
    if (bytes_left(&delivery->reader) > 0)
        membership->counters.unknown_type++;
}

/* He is no target of gossip any more, under that name. A few of all do it; SYNC catches the rest.
 */
static void tell_loser(struct membership *membership, const struct merge_result *result,
                       struct outbox *outbox) {
    bool is_mine =
        result->is_conflict ||
        random_below(&membership->random, table_size(&membership->table)) < LOSER_TELLERS;
    if (!is_mine || !token_bucket_take(&membership->replies, membership->now_ns))
        return;
    struct update held = merge_update_of(membership, result->slot, true);
    (void)gossip_tell(membership, &held, &result->loser, outbox);
}

/* A peer's table holds one alive who is dead here, in the same life: before the two can be merged
 * he has to know, and to raise his version. Never an answer to such a notice: it comes by SYNC
 * only. */
static void tell_buried(struct membership *membership, const struct update *heard,
                        const struct record_fields *fields, struct outbox *outbox) {
    uint32_t slot = table_find(&membership->table, heard->name_hash);
    const struct tombstone *stone = tombstones_find(&membership->tombstones, heard->name_hash);
    struct update verdict = {.name_hash = heard->name_hash};
    if (slot != NO_SLOT)
        verdict = merge_update_of(membership, slot, false);
    else if (stone != NULL)
        verdict = tombstone_update(stone);
    if (heard->liveness.status >= HENGE_DEAD || verdict.liveness.status != HENGE_DEAD ||
        verdict.liveness.generation != heard->liveness.generation ||
        !token_bucket_take(&membership->notices, membership->now_ns))
        return;
    (void)gossip_tell(membership, &verdict, &fields->address, outbox);
}

static struct merge_result hear_lent(struct membership *membership, const struct update *update,
                                     const struct record_fields *fields, enum merge_origin origin,
                                     const struct delivery *delivery) {
    struct membership_counters *counters = &membership->counters;
    if (origin == MERGE_SYNC)
        counters->records_received++;
    else
        counters->updates_received++;
    if (update->name_hash == membership->name_hash)
        return self_hear(membership, update, fields, delivery->source);
    if (origin == MERGE_SYNC && hearsay_holds_back(membership, update, fields, delivery))
        return (struct merge_result){.outcome = MERGE_SAME, .slot = NO_SLOT};
    membership->change_origin = CHANGE_HEARSAY;
    struct merge_result result =
        merge_update(membership, update, fields, origin, delivery->head.source_name_hash);
    if (result.is_replaced)
        tell_loser(membership, &result, delivery->outbox);
    if (origin == MERGE_SYNC && result.outcome == MERGE_BEHIND && fields != NULL)
        tell_buried(membership, update, fields, delivery->outbox);
    if (result.outcome != MERGE_NEWS)
        return result;
    counters->updates_news++;
    if (result.slot != NO_SLOT && membership->table.members[result.slot].status == HENGE_SUSPECT)
        verify_heard(membership, result.slot);
    /* What comes by snapshot or sync others can have the same way. But an accusation has to reach
     * its victim, and one who is back has to be known again by all who buried him. */
    bool is_passed_on = origin != MERGE_SYNC || membership->settings.profile->is_sync_full;
    if (is_passed_on || result.is_accusation || result.is_revived)
        gossip_news(membership, &result);
    if (origin != MERGE_SYNC && result.is_tombstone)
        gossip_tombstone(membership, update);
    return result;
}

/* The fields of a known record lie within it: it stays for as long. */
struct merge_result hear(struct membership *membership, const struct update *update,
                         const struct record_fields *fields, enum merge_origin origin,
                         const struct delivery *delivery) {
    if (update->known != NULL)
        record_retain(update->known);
    struct merge_result result = hear_lent(membership, update, fields, origin, delivery);
    record_release(membership->store, update->known);
    return result;
}

static void dispatch(struct membership *membership, struct delivery *delivery) {
    switch (delivery->head.type) {
    case MESSAGE_JOIN:
        join_receive(membership, delivery);
        return;
    case MESSAGE_JOIN_REPLY:
        join_reply_receive(membership, delivery);
        return;
    case MESSAGE_GOSSIP:
    case MESSAGE_GOSSIP_REPLY:
        gossip_receive(membership, delivery);
        return;
    case MESSAGE_SYNC:
        sync_receive(membership, delivery);
        return;
    case MESSAGE_PULL:
        pull_receive(membership, delivery);
        return;
    case MESSAGE_RECORDS:
        records_receive(membership, delivery);
        return;
    case MESSAGE_LEAVE:
        leave_receive(membership, delivery);
        return;
    case MESSAGE_LEAVE_ACK:
        leave_ack_receive(membership, delivery);
        return;
    case MESSAGE_WHO:
        who_receive(membership, delivery);
        return;
    case MESSAGE_HERE:
        here_receive(membership, delivery);
        return;
    default:
        membership->counters.unknown_type++;
    }
}

/* Under our own name comes our echo, or another process. These say which; it has to settle with us
 * who bears the name before anything else. */
static bool is_of_rivals(const struct message_head *head) {
    return head->type == MESSAGE_JOIN || head->type == MESSAGE_JOIN_REPLY ||
           head->type == MESSAGE_WHO || head->type == MESSAGE_HERE;
}

void membership_receive(struct membership *membership, const uint8_t *message, size_t bytes,
                        const struct packet_source *source, uint64_t now_ns,
                        struct outbox *outbox) {
    membership->now_ns = now_ns;
    struct delivery delivery = {
        .reader = bytes_reader_of(message, bytes), .source = source, .outbox = outbox};
    if (!message_head_get(&delivery.reader, &delivery.head)) {
        delivery_malformed(membership);
        return;
    }
    if (source->destination_generation != 0 &&
        source->destination_generation != member_generation(&membership->table.members[0])) {
        membership->counters.misdirected++;
        return;
    }
    if (delivery.head.source_name_hash == membership->name_hash && !is_of_rivals(&delivery.head))
        return;
    if (membership->claim.has_yielded && delivery.head.type != MESSAGE_WHO)
        return;
    freeze_heard(membership);
    dispatch(membership, &delivery);
}

/* The table is walked only when somebody may be due. */
static void forget_the_dead(struct membership *membership) {
    if (membership->forget_ns > membership->now_ns)
        return;
    membership->forget_ns = TIME_NEVER;
    for (uint32_t slot = 1; slot < membership->table.count; slot++) {
        const struct member *member = &membership->table.members[slot];
        if (member->record == NULL || member->status < HENGE_DEAD)
            continue;
        uint64_t due_ns =
            member_status_since_ns(member, membership->now_ns) + membership->settings.dead_shown_ns;
        if (due_ns <= membership->now_ns)
            merge_forget(membership, slot);
        else if (due_ns < membership->forget_ns)
            membership->forget_ns = due_ns;
    }
}

static void expire_tombstones(struct membership *membership) {
    struct henge_address address;
    while (tombstones_expire(&membership->tombstones, membership->now_ns, &address))
        contact_former_add(membership, &address);
}

void membership_step(struct membership *membership, uint64_t now_ns, uint64_t horizon_ns,
                     struct outbox *outbox) {
    membership->now_ns = now_ns;
    scripts_step(&membership->scripts, now_ns);
    if (membership->claim.has_yielded)
        return;
    bool is_gone = membership->leave.state == LEAVE_DONE;
    if (!is_gone) {
        (void)freeze_check(membership);
        suspicions_judge(membership, horizon_ns);
        verify_step(membership);
    }
    forget_the_dead(membership);
    expire_tombstones(membership);
    standing_step(membership);
    self_step(membership, outbox);
    join_step(membership, outbox);
    leave_step(membership, outbox);
    departure_step(membership, outbox);
    claim_step(membership, outbox);
    hearsay_step(membership, outbox);
    if (!is_gone) {
        sync_step(membership, outbox);
        contact_step(membership, outbox);
    }
    gossip_step(membership, outbox);
}

uint64_t membership_deadline(const struct membership *membership) {
    if (membership->claim.has_yielded)
        return scripts_deadline(&membership->scripts);
    bool is_gone = membership->leave.state == LEAVE_DONE;
    const uint64_t deadlines[] = {
        membership->forget_ns,
        tombstones_deadline(&membership->tombstones),
        scripts_deadline(&membership->scripts),
        standing_deadline(membership),
        self_deadline(membership),
        join_deadline(membership),
        leave_deadline(membership),
        membership->departure.tell_ns,
        claim_deadline(membership),
        membership->hearsay.next_ns,
        gossip_deadline(membership),
        freeze_deadline(membership),
        verify_deadline(membership),
        is_gone ? TIME_NEVER : suspicions_deadline(&membership->suspicions),
        is_gone ? TIME_NEVER : sync_deadline(membership),
        is_gone ? TIME_NEVER : contact_deadline(membership),
    };
    uint64_t first = TIME_NEVER;
    for (size_t i = 0; i < sizeof deadlines / sizeof deadlines[0]; i++)
        first = deadlines[i] < first ? deadlines[i] : first;
    return first;
}
