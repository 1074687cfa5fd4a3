/* membership/gossip_receive.c - hearing news, and telling a speaker what he missed.
 *
 * GOSSIP_REPLY goes back to a speaker that lags behind a verdict, a refutation or a generation. It
 * is itself never answered, so two nodes cannot talk each other up. */
#include "membership/gossip.h"
#include "membership/state.h"

enum { REPLY_UPDATES_MAX = 16 };

struct reply {
    struct update updates[REPLY_UPDATES_MAX];
    uint32_t count;
};

/* What is held about the subject of a stale update, if the speaker would believe otherwise because
 * of it. Plain lag (ALIVE here and there) heals by itself. */
static void reply_add(const struct membership *membership, struct reply *reply,
                      const struct update *heard) {
    if (reply->count == REPLY_UPDATES_MAX)
        return;
    uint32_t slot = table_find(&membership->table, heard->name_hash);
    if (slot == NO_SLOT) {
        const struct tombstone *stone = tombstones_find(&membership->tombstones, heard->name_hash);
        if (stone != NULL && heard->liveness.status < HENGE_DEAD)
            reply->updates[reply->count++] = tombstone_update(stone);
        return;
    }
    const struct member *held = &membership->table.members[slot];
    bool is_new_generation = member_generation(held) > heard->liveness.generation;
    bool was_refuted = held->status == HENGE_ALIVE && heard->liveness.status != HENGE_ALIVE;
    bool is_over = held->status >= HENGE_DEAD && heard->liveness.status < HENGE_DEAD;
    if (!is_new_generation && !was_refuted && !is_over)
        return;
    bool is_full =
        held->status < HENGE_DEAD && (is_new_generation || heard->liveness.status >= HENGE_DEAD);
    reply->updates[reply->count++] = merge_update_of(membership, slot, is_full);
}

static void reply_send(struct membership *membership, const struct reply *reply,
                       const struct delivery *delivery) {
    if (reply->count == 0 || delivery->source->stream != 0 ||
        !token_bucket_take(&membership->replies, membership->now_ns))
        return;
    struct bytes_writer writer = message_begin(membership, delivery->outbox, MESSAGE_GOSSIP_REPLY);
    if (writer.start == NULL)
        return;
    uint16_t count = 0;
    uint8_t *count_at = writer.at;
    bytes_put_u16(&writer, 0);
    for (uint32_t i = 0; i < reply->count; i++)
        if (wire_update_bytes(&reply->updates[i]) <= bytes_room(&writer)) {
            wire_update_put(&writer, &reply->updates[i]);
            count++;
        }
    struct bytes_writer patch = bytes_writer_of(count_at, WIRE_COUNT_BYTES);
    bytes_put_u16(&patch, count);
    (void)message_commit(delivery->outbox, &writer, &delivery->source->address,
                         delivery->head.source_generation);
}

void gossip_receive(struct membership *membership, struct delivery *delivery) {
    uint16_t count = bytes_get_u16(&delivery->reader);
    if (!delivery_check(membership, delivery, count))
        return;
    struct reply reply = {.count = 0};
    struct update update;
    struct record_fields fields;
    for (uint32_t i = 0; i < count; i++) {
        (void)wire_update_get(&delivery->reader, membership->store, &update, &fields);
        struct merge_result result = hear(
            membership, &update, update.encoded != NULL ? &fields : NULL, MERGE_GOSSIP, delivery);
        if (result.outcome == MERGE_SAME)
            gossip_heard(membership, result.slot, &update);
        if (result.outcome == MERGE_BEHIND && delivery->head.type == MESSAGE_GOSSIP)
            reply_add(membership, &reply, &update);
    }
    delivery_trailing(membership, delivery);
    reply_send(membership, &reply, delivery);
}

bool gossip_tell(struct membership *membership, const struct update *update,
                 const struct henge_address *address, struct outbox *outbox) {
    struct bytes_writer writer = message_begin(membership, outbox, MESSAGE_GOSSIP_REPLY);
    if (writer.start == NULL)
        return false;
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, update);
    (void)message_commit(outbox, &writer, address, 0);
    return true;
}
