/* membership/pull.c - see pull.h. */
#include "membership/pull.h"
#include "core/base/assert.h"
#include "membership/snapshot.h"
#include "membership/state.h"
#include <string.h>

#define PULL_TIMEOUT_NS (15 * NS_PER_S) /* beyond the stream layer's own limits */
#define PULL_GRACE_NS NS_PER_S          /* messages still queued when the stream's end is told */

static size_t put_short_answer(uint8_t *message, size_t room, const struct message_head *head,
                               uint32_t request_id, uint8_t flags) {
    struct bytes_writer writer = bytes_writer_of(message, room);
    struct wire_records records = {.request_id = request_id, .flags = flags};
    message_head_put(&writer, head);
    wire_records_put(&writer, &records);
    ASSERT(!writer.failed);
    return bytes_written(&writer);
}

void pulls_init(struct pulls *pulls, uint64_t name_hash, uint64_t generation) {
    struct message_head head = {MESSAGE_RECORDS, name_hash, generation};
    size_t bytes = put_short_answer(pulls->busy + 2, sizeof pulls->busy - 2, &head, 0,
                                    RECORDS_BUSY | RECORDS_LAST);
    struct bytes_writer writer = bytes_writer_of(pulls->busy, 2);
    bytes_put_u16(&writer, (uint16_t)bytes);
}

bool pull_is_active(const struct membership *membership, enum pull_purpose purpose) {
    const struct pull *pull = &membership->sync.pulls.streams[purpose];
    return pull->is_active && membership->now_ns < pull->timeout_ns;
}

/* With sums as far as `room` goes; a join knows nothing yet that is worth summing up. */
static void new_request(struct membership *membership, uint64_t buckets, bool has_sums, size_t room,
                        struct wire_pull *request_out) {
    struct pulls *pulls = &membership->sync.pulls;
    if (++pulls->last_request_id == 0)
        pulls->last_request_id = 1; /* 0 is for records that nobody asked for */
    request_out->request_id = pulls->last_request_id;
    request_out->buckets = buckets;
    request_out->has_sums = has_sums;
    if (has_sums && MESSAGE_HEAD_BYTES + wire_pull_bytes(request_out) <= room)
        parts_sum(&membership->table, request_out->request_id, &request_out->sums);
    else
        request_out->has_sums = false;
}

void pull_by_datagram(struct membership *membership, const struct henge_address *address,
                      uint64_t generation, uint64_t buckets, struct outbox *outbox) {
    struct pulls *pulls = &membership->sync.pulls;
    if (!token_bucket_take(&membership->replies, membership->now_ns))
        return;
    struct bytes_writer writer = message_begin(membership, outbox, MESSAGE_PULL);
    if (writer.start == NULL)
        return;
    struct wire_pull pull;
    new_request(membership, buckets, true, membership->settings.payload_bytes_max, &pull);
    pulls->asked[pulls->asked_next] = (struct asked){pull.request_id, buckets};
    pulls->asked_next = (pulls->asked_next + 1) % RECORDS_DATAGRAMS_MAX;
    wire_pull_put(&writer, &pull);
    (void)message_commit(outbox, &writer, address, generation);
}

/* A script of one message. */
static struct script *pull_script(struct membership *membership, const struct wire_pull *pull) {
    size_t bytes = MESSAGE_HEAD_BYTES + wire_pull_bytes(pull);
    struct script *script = script_take(&membership->scripts, 2 + bytes);
    if (script == NULL)
        return NULL;
    struct bytes_writer writer = bytes_writer_of(script->bytes, 2 + bytes);
    struct message_head head = {MESSAGE_PULL, membership->name_hash,
                                member_generation(&membership->table.members[0])};
    bytes_put_u16(&writer, (uint16_t)bytes);
    message_head_put(&writer, &head);
    wire_pull_put(&writer, pull);
    ASSERT(!writer.failed);
    script->size = bytes_written(&writer);
    return script;
}

bool pull_by_stream(struct membership *membership, enum pull_purpose purpose,
                    const struct henge_address *address, uint64_t generation, uint64_t buckets,
                    struct outbox *outbox) {
    for (size_t i = 0; i < PULL_PURPOSES; i++) {
        const struct pull *other = &membership->sync.pulls.streams[i];
        bool is_same_peer = memcmp(&other->address, address, sizeof *address) == 0;
        if (pull_is_active(membership, (enum pull_purpose)i) && (i == purpose || is_same_peer))
            return false; /* answers are told apart by where they come from */
    }
    bool has_sums = purpose == PULL_FOR_SYNC && !membership->settings.profile->is_sync_full;
    struct wire_pull request;
    new_request(membership, buckets, has_sums, MESSAGE_BYTES_MAX, &request);
    struct script *script = pull_script(membership, &request);
    if (script == NULL)
        return false;
    struct packet_target target = {
        .address = *address, .generation = generation, .lane = LANE_GOSSIP};
    if (!outbox->stream_request(outbox->context, &target, script->bytes, script->size,
                                script_token(script), request.request_id)) {
        script_release(&membership->scripts, script);
        return false;
    }
    struct pull *pull = &membership->sync.pulls.streams[purpose];
    *pull = (struct pull){.is_active = true,
                          .request_id = request.request_id,
                          .address = *address,
                          .timeout_ns = membership->now_ns + PULL_TIMEOUT_NS};
    return true;
}

/* Answering. */

static void send_message(struct outbox *outbox, const struct henge_address *address,
                         uint64_t generation, const uint8_t *message, size_t bytes) {
    size_t capacity = 0;
    uint8_t *room = outbox->begin(outbox->context, &capacity);
    if (room == NULL)
        return;
    struct packet_target target = {
        .address = *address, .generation = generation, .lane = LANE_GOSSIP};
    if (bytes <= capacity)
        memcpy(room, message, bytes);
    outbox->commit(outbox->context, &target, bytes <= capacity ? bytes : 0);
}

/* Everything in a few datagrams; false when it is more than that (nothing was sent). */
static bool answer_by_datagram(struct membership *membership, const struct delivery *delivery,
                               const struct henge_address *address, uint32_t request_id,
                               const struct parts *parts, uint64_t changed_after) {
    uint8_t messages[RECORDS_DATAGRAMS_MAX][MESSAGE_BYTES_MAX];
    size_t bytes[RECORDS_DATAGRAMS_MAX];
    size_t room = membership->settings.payload_bytes_max;
    room = room > MESSAGE_BYTES_MAX ? MESSAGE_BYTES_MAX : room;
    struct snapshot snapshot;
    snapshot_start(&snapshot, membership, parts, changed_after);
    uint16_t count = 0;
    do {
        if (count == RECORDS_DATAGRAMS_MAX)
            return false;
        bytes[count] = snapshot_message(&snapshot, messages[count], room, request_id, count);
        count++;
    } while (snapshot.has_next);
    if (snapshot.has_skipped)
        return false;
    for (uint16_t i = 0; i < count; i++)
        if (token_bucket_take(&membership->replies, membership->now_ns))
            send_message(delivery->outbox, address, delivery->head.source_generation, messages[i],
                         bytes[i]);
    return true;
}

static struct parts parts_asked(const struct membership *membership, const struct wire_pull *pull) {
    return pull->has_sums
               ? parts_that_differ(&membership->table, pull->buckets, pull->request_id, &pull->sums)
               : parts_of_buckets(pull->buckets);
}

/* Many joiners share one script, so it cannot bear a request id: a stream has only one request. */
static struct script *build_script(struct membership *membership, const struct parts *parts) {
    const size_t room = MESSAGE_BYTES_MAX; /* a stream knows no datagram budget */
    size_t total = snapshot_script_bytes(membership, parts, room);
    struct script *script = script_take(&membership->scripts, total);
    if (script == NULL)
        return NULL;
    struct snapshot snapshot;
    snapshot_start(&snapshot, membership, parts, 0);
    uint16_t part = 0;
    do {
        uint8_t message[MESSAGE_BYTES_MAX];
        size_t bytes = snapshot_message(&snapshot, message, room, 0, part++);
        struct bytes_writer writer =
            bytes_writer_of(script->bytes + script->size, total - script->size);
        bytes_put_u16(&writer, (uint16_t)bytes);
        bytes_put(&writer, message, bytes);
        ASSERT(!writer.failed);
        script->size += bytes_written(&writer);
    } while (snapshot.has_next);
    return script;
}

/* What changed since the kept snapshot was made, by datagram to the asker: to the address of its
 * record, for a stream comes from a port where it does not listen. False: too much, or unknown. */
static bool send_changes(struct membership *membership, const struct delivery *delivery) {
    const struct scripts *scripts = &membership->scripts;
    if (scripts->shared_changes == membership->table.changes)
        return true;
    uint32_t slot = table_find(&membership->table, delivery->head.source_name_hash);
    if (slot == NO_SLOT)
        return false;
    struct parts all = parts_of_buckets(BUCKETS_ALL);
    return answer_by_datagram(membership, delivery,
                              &membership->table.members[slot].record->address, 0, &all,
                              scripts->shared_changes);
}

/* The kept snapshot and what changed since; a new one when that is too much. NULL: no script to be
 * had. One reference is the caller's. */
static struct script *answer_script(struct membership *membership, const struct delivery *delivery,
                                    const struct wire_pull *pull) {
    struct scripts *scripts = &membership->scripts;
    struct parts parts = parts_asked(membership, pull);
    if (pull->buckets != BUCKETS_ALL || pull->has_sums)
        return build_script(membership, &parts);
    scripts_step(scripts, membership->now_ns);
    if (scripts->shared != NO_SLOT && send_changes(membership, delivery)) {
        struct script *shared = scripts->entries[scripts->shared];
        shared->references++;
        return shared;
    }
    struct script *script = build_script(membership, &parts);
    if (script != NULL)
        script_share(scripts, script, membership->table.changes, membership->now_ns);
    return script;
}

static void answer_by_stream(struct membership *membership, const struct delivery *delivery,
                             const struct wire_pull *pull) {
    struct outbox *outbox = delivery->outbox;
    uint32_t stream = delivery->source->stream;
    struct script *script = answer_script(membership, delivery, pull);
    if (script == NULL) {
        /* Said with a message that needs no memory; token 0 is never waited for. */
        (void)outbox->stream_answer(outbox->context, stream, membership->sync.pulls.busy,
                                    sizeof membership->sync.pulls.busy, 0);
        return;
    }
    if (!outbox->stream_answer(outbox->context, stream, script->bytes, script->size,
                               script_token(script)))
        script_release(&membership->scripts, script);
}

void pull_receive(struct membership *membership, struct delivery *delivery) {
    struct wire_pull pull;
    if (!wire_pull_get(&delivery->reader, &pull)) {
        delivery_malformed(membership);
        return;
    }
    delivery_trailing(membership, delivery);
    if (!membership_can_speak(membership))
        return;
    if (delivery->source->stream != 0) {
        answer_by_stream(membership, delivery, &pull);
        return;
    }
    struct parts parts = parts_asked(membership, &pull);
    if (answer_by_datagram(membership, delivery, &delivery->source->address, pull.request_id,
                           &parts, 0) ||
        !token_bucket_take(&membership->replies, membership->now_ns))
        return;
    uint8_t message[MESSAGE_HEAD_BYTES + WIRE_RECORDS_BYTES];
    struct message_head head = {MESSAGE_RECORDS, membership->name_hash,
                                member_generation(&membership->table.members[0])};
    size_t bytes = put_short_answer(message, sizeof message, &head, pull.request_id,
                                    RECORDS_USE_STREAM | RECORDS_LAST);
    send_message(delivery->outbox, &delivery->source->address, delivery->head.source_generation,
                 message, bytes);
}

/* Being answered. */

static void follow_by_stream(struct membership *membership, const struct delivery *delivery,
                             uint32_t request_id) {
    const struct pulls *pulls = &membership->sync.pulls;
    for (size_t i = 0; i < RECORDS_DATAGRAMS_MAX; i++)
        if (pulls->asked[i].request_id == request_id && request_id != 0) {
            (void)pull_by_stream(membership, PULL_FOR_SYNC, &delivery->source->address,
                                 delivery->head.source_generation, pulls->asked[i].buckets,
                                 delivery->outbox);
            return;
        }
}

static void pull_over(struct membership *membership, enum pull_purpose purpose, bool is_whole) {
    membership->sync.pulls.streams[purpose].is_active = false;
    if (purpose == PULL_FOR_JOIN)
        join_pull_over(membership, is_whole);
}

static void pull_part(struct membership *membership, const struct packet_source *source,
                      const struct wire_records *records) {
    for (size_t purpose = 0; purpose < PULL_PURPOSES; purpose++) {
        struct pull *pull = &membership->sync.pulls.streams[purpose];
        if (!pull_is_active(membership, (enum pull_purpose)purpose) ||
            memcmp(&pull->address, &source->address, sizeof pull->address) != 0)
            continue;
        if (pull->stream == 0 && records->part == 0)
            pull->stream = source->stream;
        if (pull->stream != source->stream)
            continue; /* of an earlier stream to the same peer */
        if (records->part != pull->next_part++ || (records->flags & RECORDS_BUSY) != 0)
            pull_over(membership, (enum pull_purpose)purpose, false);
        else if ((records->flags & RECORDS_LAST) != 0)
            pull_over(membership, (enum pull_purpose)purpose, true);
        return;
    }
}

void records_receive(struct membership *membership, struct delivery *delivery) {
    struct wire_records records;
    if (!wire_records_get(&delivery->reader, &records)) {
        delivery_malformed(membership);
        return;
    }
    if (!delivery_check(membership, delivery, records.count))
        return;
    const uint64_t fingerprint = membership->table.fingerprint;
    struct update update;
    struct record_fields fields;
    for (uint32_t i = 0; i < records.count; i++) {
        (void)wire_update_get(&delivery->reader, membership->store, &update, &fields);
        (void)hear(membership, &update, update.encoded != NULL ? &fields : NULL, MERGE_SYNC,
                   delivery);
    }
    delivery_trailing(membership, delivery);
    if (membership->table.fingerprint != fingerprint)
        sync_brought(membership);
    if (delivery->source->stream == 0) {
        if ((records.flags & RECORDS_USE_STREAM) != 0)
            follow_by_stream(membership, delivery, records.request_id);
        return;
    }
    pull_part(membership, delivery->source, &records);
}

void pull_stream_ended(struct membership *membership, uint64_t request_token, bool failed) {
    for (size_t purpose = 0; purpose < PULL_PURPOSES; purpose++) {
        struct pull *pull = &membership->sync.pulls.streams[purpose];
        if (!pull->is_active || pull->request_id != request_token)
            continue;
        if (failed)
            pull_over(membership, (enum pull_purpose)purpose, false);
        else if (pull->timeout_ns > membership->now_ns + PULL_GRACE_NS)
            pull->timeout_ns = membership->now_ns + PULL_GRACE_NS;
    }
}
