/* membership/leave.c - see leave.h. */
#include "membership/leave.h"
#include "membership/state.h"
#include <math.h>

enum { LEAVE_TARGETS_MAX = 256 }; /* sqrt 65534 */

#define LEAVE_PATIENCE_NS (1 * NS_PER_S)

void leave_deinit(struct membership *membership) {
    const struct leave *leave = &membership->leave;
    memory_release(membership->memory, leave->acked_by, leave->capacity * sizeof *leave->acked_by,
                   HENGE_MEMORY_MEMBER);
}

void leave_reset(struct membership *membership) {
    leave_deinit(membership);
    membership->leave = (struct leave){.state = LEAVE_NONE, .retry_ns = TIME_NEVER};
}

static bool has_room(struct membership *membership) {
    struct leave *leave = &membership->leave;
    if (leave->acks < leave->capacity)
        return true;
    uint64_t *acked_by = memory_grow(membership->memory, leave->acked_by, &leave->capacity,
                                     LEAVE_ACKS_MAX, sizeof *acked_by, HENGE_MEMORY_MEMBER);
    if (acked_by != NULL)
        leave->acked_by = acked_by;
    return acked_by != NULL;
}

/* Members that are down but not yet found out never acknowledge; so after a while one ack will do.
 */
static uint32_t acks_wanted(const struct membership *membership) {
    uint32_t others = membership->table.live_count;
    if (others > 1 && membership->now_ns >= membership->leave.patient_until_ns)
        return 1;
    return others < LEAVE_ACKS_WANTED ? others : LEAVE_ACKS_WANTED;
}

void leave_start(struct membership *membership, uint64_t deadline_ns) {
    struct leave *leave = &membership->leave;
    if (leave->state != LEAVE_NONE)
        return;
    if (!membership_can_speak(membership)) {
        leave->state = LEAVE_DONE;
        return;
    }
    const struct member *own = &membership->table.members[0];
    struct liveness liveness = {member_generation(own), VERSION_OF_LEAVE, HENGE_LEFT};
    membership->departure.own = departure_own_proof(membership);
    merge_self(membership, &liveness, NULL);
    gossip_own_news(membership);
    membership->join.retry_ns = TIME_NEVER;
    if (membership->join.state == JOIN_UNDER_WAY)
        membership->join.state = JOIN_IDLE;
    leave->state = membership->table.live_count == 0 ? LEAVE_DONE : LEAVE_UNDER_WAY;
    leave->deadline_ns = deadline_ns;
    leave->patient_until_ns = membership->now_ns + LEAVE_PATIENCE_NS;
    leave->retry_ns = 0;
}

static bool send_leave(struct membership *membership, uint32_t slot, struct outbox *outbox) {
    struct bytes_writer writer = message_begin(membership, outbox, MESSAGE_LEAVE);
    if (writer.start == NULL)
        return false;
    struct update own = merge_update_of(membership, 0, false);
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &own);
    const struct member *member = &membership->table.members[slot];
    return message_commit(outbox, &writer, &member->record->address, member_generation(member));
}

/* Others each time: whoever did not acknowledge may be gone himself. */
static void send_leaves(struct membership *membership, struct outbox *outbox) {
    uint32_t slots[LEAVE_TARGETS_MAX];
    uint32_t wanted = 3 * membership->settings.fanout;
    uint32_t root = (uint32_t)sqrt((double)table_size(&membership->table));
    wanted = root > wanted ? root : wanted;
    wanted = wanted > LEAVE_TARGETS_MAX ? LEAVE_TARGETS_MAX : wanted;
    uint32_t count = table_pick(&membership->table, &membership->random, slots, wanted);
    for (uint32_t i = 0; i < count; i++)
        if (!send_leave(membership, slots[i], outbox))
            return;
}

static void check_done(struct membership *membership) {
    struct leave *leave = &membership->leave;
    if (leave->state == LEAVE_UNDER_WAY &&
        (leave->acks >= acks_wanted(membership) || membership->now_ns >= leave->deadline_ns))
        leave->state = LEAVE_DONE;
}

void leave_step(struct membership *membership, struct outbox *outbox) {
    struct leave *leave = &membership->leave;
    check_done(membership);
    if (leave->state != LEAVE_UNDER_WAY || leave->retry_ns > membership->now_ns)
        return;
    leave->retry_ns = membership->now_ns + membership->settings.gossip_tick_ns;
    send_leaves(membership, outbox);
}

uint64_t leave_deadline(const struct membership *membership) {
    const struct leave *leave = &membership->leave;
    if (leave->state != LEAVE_UNDER_WAY)
        return TIME_NEVER;
    return leave->retry_ns < leave->deadline_ns ? leave->retry_ns : leave->deadline_ns;
}

void leave_receive(struct membership *membership, struct delivery *delivery) {
    struct update update;
    struct record_fields fields;
    uint16_t count = bytes_get_u16(&delivery->reader);
    if (count != 1 || !wire_update_get(&delivery->reader, membership->store, &update, &fields) ||
        update.liveness.status != HENGE_LEFT ||
        update.name_hash != delivery->head.source_name_hash ||
        update.liveness.generation != delivery->head.source_generation) {
        delivery_malformed(membership); /* only the owner may say so */
        return;
    }
    delivery_trailing(membership, delivery);
    struct merge_result result =
        hear(membership, &update, update.encoded != NULL ? &fields : NULL, MERGE_GOSSIP, delivery);
    if (result.outcome == MERGE_REFUSED ||
        !token_bucket_take(&membership->replies, membership->now_ns))
        return;
    struct bytes_writer writer = message_begin(membership, delivery->outbox, MESSAGE_LEAVE_ACK);
    if (writer.start == NULL)
        return;
    struct wire_leave_ack ack = {.generation = update.liveness.generation};
    wire_leave_ack_put(&writer, &ack);
    (void)message_commit(delivery->outbox, &writer, &delivery->source->address,
                         update.liveness.generation);
}

void leave_ack_receive(struct membership *membership, struct delivery *delivery) {
    struct leave *leave = &membership->leave;
    struct wire_leave_ack ack;
    if (!wire_leave_ack_get(&delivery->reader, &ack)) {
        delivery_malformed(membership);
        return;
    }
    delivery_trailing(membership, delivery);
    uint64_t from = delivery->head.source_name_hash;
    if (leave->state == LEAVE_NONE ||
        ack.generation != member_generation(&membership->table.members[0]) ||
        table_find(&membership->table, from) == NO_SLOT)
        return;
    for (uint32_t i = 0; i < leave->acks; i++)
        if (leave->acked_by[i] == from)
            return;
    if (!has_room(membership))
        return;
    leave->acked_by[leave->acks++] = from;
    check_done(membership);
}
