/* membership/snapshot.c - see snapshot.h. */
#include "membership/snapshot.h"
#include "core/base/assert.h"
#include "membership/merge.h"
#include "membership/state.h"

static bool next_member(struct snapshot *snapshot) {
    const struct table *table = &snapshot->membership->table;
    while (snapshot->slot < table->count) {
        uint32_t slot = snapshot->slot++;
        const struct member *member = &table->members[slot];
        if (member->record == NULL || !parts_have(&snapshot->parts, member->record->name_hash) ||
            (snapshot->changed_after > 0 &&
             !table_is_changed(table, slot, snapshot->changed_after)))
            continue;
        snapshot->next = merge_update_of(snapshot->membership, slot, member->status < HENGE_LEFT);
        return true;
    }
    return false;
}

static bool next_stone(struct snapshot *snapshot) {
    const struct tombstones *tombstones = &snapshot->membership->tombstones;
    if (snapshot->changed_after > 0)
        return false;
    while (snapshot->stone < tombstones->reached) {
        const struct tombstone *stone = &tombstones->stones[snapshot->stone++];
        if (!stone->is_used || stone->is_hearsay ||
            !parts_have(&snapshot->parts, stone->name_hash) ||
            table_find(&snapshot->membership->table, stone->name_hash) != NO_SLOT)
            continue; /* who has left and is still shown has both */
        snapshot->next = tombstone_update(stone);
        return true;
    }
    return false;
}

static void advance(struct snapshot *snapshot) {
    snapshot->has_next = next_member(snapshot) || next_stone(snapshot);
}

void snapshot_start(struct snapshot *snapshot, const struct membership *membership,
                    const struct parts *parts, uint64_t changed_after) {
    *snapshot = (struct snapshot){
        .membership = membership, .parts = *parts, .changed_after = changed_after};
    advance(snapshot);
}

uint16_t snapshot_put(struct snapshot *snapshot, struct bytes_writer *writer) {
    uint16_t count = 0;
    while (snapshot->has_next && count < PACKET_UPDATES_MAX) {
        size_t bytes = wire_update_bytes(&snapshot->next);
        if (bytes > bytes_room(writer)) {
            if (count > 0)
                break;
            snapshot->has_skipped = true; /* larger than a whole message */
            advance(snapshot);
            continue;
        }
        wire_update_put(writer, &snapshot->next);
        count++;
        advance(snapshot);
    }
    return count;
}

size_t snapshot_message(struct snapshot *snapshot, uint8_t *message, size_t room,
                        uint32_t request_id, uint16_t part) {
    struct bytes_writer writer = bytes_writer_of(message, room);
    struct message_head head = {MESSAGE_RECORDS, snapshot->membership->name_hash,
                                member_generation(&snapshot->membership->table.members[0])};
    message_head_put(&writer, &head);
    struct wire_records records = {.request_id = request_id, .part = part};
    wire_records_put(&writer, &records);
    records.count = snapshot_put(snapshot, &writer);
    records.flags = snapshot->has_next ? 0 : RECORDS_LAST;
    struct bytes_writer patch = bytes_writer_of(message + MESSAGE_HEAD_BYTES, WIRE_RECORDS_BYTES);
    wire_records_put(&patch, &records);
    ASSERT(!writer.failed);
    return bytes_written(&writer);
}

size_t snapshot_script_bytes(const struct membership *membership, const struct parts *parts,
                             size_t room) {
    uint8_t message[MESSAGE_BYTES_MAX];
    struct snapshot walk;
    snapshot_start(&walk, membership, parts, 0);
    size_t bytes = 0;
    do
        bytes += 2 + snapshot_message(&walk, message, room, 0, 0);
    while (walk.has_next);
    return bytes;
}
