/* membership/snapshot.h - what this node holds, as RECORDS messages, in slot order.
 *
 * Members with their records (the DEAD too: whoever has lost them all needs their addresses); LEFT
 * ones and tombstones as liveness alone. The
 * same walk makes the answer in datagrams and the script for a stream. */
#ifndef MEMBERSHIP_SNAPSHOT_H
#define MEMBERSHIP_SNAPSHOT_H

#include "membership/parts.h"
#include "membership/wire.h"

struct membership;

struct snapshot {
    const struct membership *membership;
    struct parts parts;     /* which of them */
    uint64_t changed_after; /* only members changed after this number of table.changes */
    uint32_t slot, stone;   /* where the walk stands */
    bool has_next;
    bool has_skipped; /* one that fits into no message of this size: it takes a stream */
    struct update next;
};

void snapshot_start(struct snapshot *snapshot, const struct membership *membership,
                    const struct parts *parts, uint64_t changed_after);
/* Puts as many updates as there is room for; returns how many. All are out when !has_next. One that
 * fits into no message is passed over, and has_skipped says so. */
uint16_t snapshot_put(struct snapshot *snapshot, struct bytes_writer *writer);
/* One RECORDS message with head and flags; returns its bytes. LAST is set when nothing is left. */
size_t snapshot_message(struct snapshot *snapshot, uint8_t *message, size_t room,
                        uint32_t request_id, uint16_t part);
/* Bytes of the whole walk as a script of messages of at most `room`, found by a rehearsal. */
size_t snapshot_script_bytes(const struct membership *membership, const struct parts *parts,
                             size_t room);

#endif
