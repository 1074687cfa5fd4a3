/* membership/gossip_send.c - waves: which entries, in which packet, to whom, when. See gossip.h. */
#include "core/base/assert.h"
#include "membership/gossip.h"
#include "membership/state.h"
#include <string.h>

enum { UPDATE_BYTES_MIN = 24, STATUS_SHARE = 3, STATUS_OF = 4 };

/* One packet's worth of the queue. */
struct batch {
    uint8_t message[MESSAGE_BYTES_MAX];
    size_t bytes;
    uint32_t ids[PACKET_UPDATES_MAX];
    uint32_t count;
};

/* A range of transmissions: entries that are treated alike. */
struct stage {
    uint32_t first, last;
};

static double limit_of(const struct membership *membership) {
    uint32_t size = table_size(&membership->table);
    return membership->settings.profile->is_limit_stepped
               ? gossip_limit_stepped(size)
               : gossip_limit(size, membership->settings.fanout);
}

static bool is_event_driven(const struct membership *membership) {
    return membership->settings.profile->is_event_driven;
}

/* Copies of the first wave. */
uint32_t gossip_first_width(const struct membership *membership) {
    uint32_t live = membership->table.live_count, fanout = membership->settings.fanout;
    return live < fanout ? live : fanout;
}

static struct stage fresh_stage(void) {
    return (struct stage){0, 0};
}

/* Sent in a first wave, whole or in part. */
static struct stage repeat_stage(const struct membership *membership) {
    return (struct stage){1, gossip_first_width(membership)};
}

/* Repeated once. */
static struct stage tick_stage(const struct membership *membership) {
    return (struct stage){gossip_first_width(membership) + 1, TRANSMISSIONS_MAX - 1};
}

static bool has_class(const struct gossip *gossip, struct stage stage, size_t class) {
    for (uint32_t sent = stage.first; sent <= stage.last; sent++)
        if (gossip->first[class][sent] != GOSSIP_NONE)
            return true;
    return false;
}

/* Of what does not wait for the tick. */
static bool has_any(const struct gossip *gossip, struct stage stage) {
    return has_class(gossip, stage, GOSSIP_OWN) || has_class(gossip, stage, GOSSIP_STATUS) ||
           has_class(gossip, stage, GOSSIP_PAYLOAD);
}

/* What an otherwise empty packet has room for. */
static size_t largest_update(const struct membership *membership) {
    size_t room = membership->settings.payload_bytes_max;
    room = room > MESSAGE_BYTES_MAX ? MESSAGE_BYTES_MAX : room;
    return room - MESSAGE_HEAD_BYTES - 2;
}

/* Takes what fits before `end`. An entry that this turn has taken already is passed over. */
static void batch_collect(struct membership *membership, struct batch *batch,
                          struct bytes_writer *writer, uint32_t first, size_t reserved) {
    struct gossip *gossip = &membership->gossip;
    for (uint32_t id = first; id != GOSSIP_NONE && batch->count < PACKET_UPDATES_MAX;
         id = gossip->entries[id].next) {
        if (gossip->entries[id].turn == gossip->turn)
            continue;
        if (bytes_room(writer) < UPDATE_BYTES_MIN + reserved)
            return;
        struct update update = gossip_entry_update(membership, id);
        if (wire_update_bytes(&update) > largest_update(membership))
            update.encoded = NULL; /* of a member with larger datagrams: its record goes by SYNC */
        if (wire_update_bytes(&update) + reserved > bytes_room(writer))
            continue; /* a smaller one may still fit */
        wire_update_put(writer, &update);
        gossip->entries[id].turn = gossip->turn;
        batch->ids[batch->count++] = id;
    }
}

/* Own news and departures may fill a packet. Status may have three quarters of it while payloads
 * wait; what then stays free is anybody's. */
static void batch_build(struct membership *membership, struct batch *batch, struct stage stage) {
    struct gossip *gossip = &membership->gossip;
    size_t room = membership->settings.payload_bytes_max;
    room = room > sizeof batch->message ? sizeof batch->message : room;
    struct bytes_writer writer = bytes_writer_of(batch->message, room);
    struct message_head head = {MESSAGE_GOSSIP, membership->name_hash,
                                member_generation(&membership->table.members[0])};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 0); /* the count, known at the end */
    batch->count = 0;
    size_t quota =
        has_class(gossip, stage, GOSSIP_PAYLOAD) ? room - room * STATUS_SHARE / STATUS_OF : 0;
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t class = 0; class < GOSSIP_CLASSES; class ++)
            for (uint32_t sent = stage.first; sent <= stage.last; sent++)
                batch_collect(membership, batch, &writer, gossip->first[class][sent],
                              pass == 0 && class == GOSSIP_STATUS ? quota : 0);
    batch->bytes = bytes_written(&writer);
    batch->message[MESSAGE_HEAD_BYTES] = (uint8_t)(batch->count & 0xff);
    batch->message[MESSAGE_HEAD_BYTES + 1] = (uint8_t)(batch->count >> 8);
    ASSERT(!writer.failed);
}

static bool send_copy(struct membership *membership, const struct batch *batch, uint32_t slot,
                      struct outbox *outbox) {
    size_t capacity = 0;
    uint8_t *room = outbox->begin(outbox->context, &capacity);
    if (room == NULL)
        return false;
    const struct member *member = &membership->table.members[slot];
    struct packet_target target = {.address = member->record->address,
                                   .generation = member_generation(member),
                                   .lane = LANE_GOSSIP};
    bool fits = batch->bytes <= capacity;
    if (fits)
        memcpy(room, batch->message, batch->bytes);
    outbox->commit(outbox->context, &target, fits ? batch->bytes : 0);
    return fits;
}

/* True with this probability. */
static bool draw(struct membership *membership, double chance) {
    return (double)random_below(&membership->random, 1u << 20) < chance * (1u << 20);
}

/* The limit is continuous: its fraction is the chance of one more. */
static bool is_done(struct membership *membership, const struct gossip_entry *entry,
                    uint32_t transmissions) {
    double left = limit_of(membership) - transmissions;
    if (entry->class == GOSSIP_LATER)
        return true; /* one go */
    if (entry->waves > 0 && (entry->heard >= HEARD_ENOUGH ||
                             transmissions >= entry->waves * gossip_first_width(membership)))
        return true;
    if (transmissions >= TRANSMISSIONS_MAX || left <= 0)
        return true;
    return left < 1 && !draw(membership, left);
}

static void batch_sent(struct membership *membership, const struct batch *batch, uint32_t copies) {
    struct gossip *gossip = &membership->gossip;
    /* Backwards, so that equals keep their order on the next list. */
    for (uint32_t i = batch->count; i > 0; i--) {
        uint32_t id = batch->ids[i - 1];
        struct gossip_entry *entry = &gossip->entries[id];
        uint32_t transmissions = entry->transmissions + copies;
        if (is_done(membership, entry, transmissions)) {
            gossip_entry_end(membership, id);
            continue;
        }
        gossip_entry_unlink(gossip, id);
        entry->transmissions = (uint8_t)transmissions;
        gossip_entry_link(gossip, id);
    }
    membership->counters.updates_sent += (uint64_t)batch->count * copies;
}

/* Copies of a wave of what was sent so often: the fanout, or what is left of the limit. For a last
 * fraction of a copy is_done has drawn. */
static uint32_t wave_width(const struct membership *membership, uint32_t sent) {
    double left = limit_of(membership) - sent;
    uint32_t fanout = membership->settings.fanout;
    if (left >= fanout)
        return fanout;
    return left < 1 ? 1 : (uint32_t)left;
}

static uint32_t wave_targets(struct membership *membership, struct stage stage,
                             uint32_t *slots_out) {
    if (stage.first == 0)
        return targets_random(membership, wave_width(membership, 0), slots_out);
    uint32_t first = gossip_first_width(membership);
    uint32_t sent = stage.first > first ? stage.first : first;
    return targets_successors(membership, sent - first, wave_width(membership, sent), slots_out);
}

/* Beside a first wave, and not counted as one of its copies. */
static void tell_dead(struct membership *membership, const struct batch *batch,
                      struct outbox *outbox) {
    uint32_t dead = targets_dead(membership);
    if (dead != NO_SLOT && token_bucket_take(&membership->gossip.bucket, membership->now_ns))
        (void)send_copy(membership, batch, dead, outbox);
}

/* Sends one packet to a wave's targets. False when nothing could be sent now. */
static bool send_wave(struct membership *membership, struct stage stage, struct outbox *outbox) {
    struct gossip *gossip = &membership->gossip;
    uint32_t targets[FANOUT_MAX];
    uint32_t count = wave_targets(membership, stage, targets);
    struct batch batch;
    batch_build(membership, &batch, stage);
    if (batch.count == 0)
        return false;
    uint32_t copies = 0;
    while (copies < count && token_bucket_take(&gossip->bucket, membership->now_ns) &&
           send_copy(membership, &batch, targets[copies], outbox))
        copies++;
    if (copies == 0)
        return false;
    if (stage.first == 0)
        tell_dead(membership, &batch, outbox);
    batch_sent(membership, &batch, copies);
    return true;
}

static void drop(struct membership *membership, struct stage stage, size_t class) {
    const struct gossip *gossip = &membership->gossip;
    for (uint32_t sent = stage.first; sent <= stage.last; sent++)
        while (gossip->first[class][sent] != GOSSIP_NONE)
            gossip_entry_end(membership, gossip->first[class][sent]);
}

/* What is too much to be repeated packet by packet: the next successor gets a SYNC instead. Status
 * stays, for a SYNC does not see suspicions. */
static void sync_instead(struct membership *membership, struct stage stage) {
    uint32_t successor;
    if (!has_class(&membership->gossip, stage, GOSSIP_PAYLOAD) ||
        targets_successors(membership, 0, 1, &successor) == 0)
        return;
    drop(membership, stage, GOSSIP_PAYLOAD);
    sync_want(membership, successor);
}

/* Is there more than REPEAT_PACKETS_MAX packets' worth of it? */
static bool is_backlog(const struct membership *membership, struct stage stage) {
    const struct gossip *gossip = &membership->gossip;
    size_t left = (size_t)REPEAT_PACKETS_MAX * membership->settings.payload_bytes_max;
    for (size_t class = 0; class < GOSSIP_CLASSES; class ++)
        for (uint32_t sent = stage.first; sent <= stage.last; sent++)
            for (uint32_t id = gossip->first[class][sent]; id != GOSSIP_NONE;
                 id = gossip->entries[id].next) {
                struct update update = gossip_entry_update(membership, id);
                size_t bytes = wire_update_bytes(&update);
                if (bytes > left)
                    return true;
                left -= bytes;
            }
    return false;
}

/* The repeats of one stage, which all go to the same targets. False: blocked, or more status is
 * left than is sent in one go. */
static bool send_repeats(struct membership *membership, struct stage stage, struct outbox *outbox) {
    struct gossip *gossip = &membership->gossip;
    if (is_backlog(membership, stage))
        sync_instead(membership, stage);
    for (uint32_t packets = 0; has_any(gossip, stage); packets++)
        if (packets == REPEAT_PACKETS_MAX || !send_wave(membership, stage, outbox))
            return false;
    return true;
}

static uint64_t earlier(uint64_t left, uint64_t right) {
    return left < right ? left : right;
}

static uint64_t retry_time(const struct membership *membership) {
    uint64_t ready_ns = token_bucket_ready(&membership->gossip.bucket);
    uint64_t retry_ns = membership->now_ns + RETRY_NS;
    return ready_ns > retry_ns ? ready_ns : retry_ns;
}

static void step_fresh(struct membership *membership, struct outbox *outbox) {
    struct gossip *gossip = &membership->gossip;
    bool sends = true;
    while (sends && has_any(gossip, fresh_stage()))
        sends = send_wave(membership, fresh_stage(), outbox);
    gossip->fresh_due_ns = sends ? TIME_NEVER : retry_time(membership);
}

static void step_repeat(struct membership *membership, struct outbox *outbox) {
    struct gossip *gossip = &membership->gossip;
    bool sends = send_repeats(membership, repeat_stage(membership), outbox);
    gossip->repeat_due_ns = sends ? TIME_NEVER : retry_time(membership);
}

/* What is sent in this turn moves to a later stage, and is not taken twice. */
static void step_tick(struct membership *membership, struct outbox *outbox) {
    const struct stage later[] = {fresh_stage(), repeat_stage(membership)};
    for (size_t i = 0; i < 2; i++)
        if (has_class(&membership->gossip, later[i], GOSSIP_LATER))
            (void)send_wave(membership, later[i], outbox);
    struct stage all = tick_stage(membership);
    for (uint32_t sent = all.first; sent <= all.last; sent++)
        (void)send_repeats(membership, (struct stage){sent, sent}, outbox);
}

/* memberlist's: each target gets a packet of its own, made of what was sent least. */
static void step_bound(struct membership *membership, struct outbox *outbox) {
    struct gossip *gossip = &membership->gossip;
    uint32_t targets[FANOUT_MAX];
    uint32_t count =
        table_pick(&membership->table, &membership->random, targets, membership->settings.fanout);
    for (uint32_t i = 0; i < count && gossip->queued > 0; i++) {
        struct batch batch;
        gossip->turn++;
        batch_build(membership, &batch, (struct stage){0, TRANSMISSIONS_MAX - 1});
        if (!token_bucket_take(&gossip->bucket, membership->now_ns) ||
            !send_copy(membership, &batch, targets[i], outbox))
            return;
        batch_sent(membership, &batch, 1);
    }
}

/* The next of the moments phase + n * tick. */
static uint64_t next_bound_tick(const struct membership *membership) {
    uint64_t tick_ns = membership->settings.gossip_tick_ns;
    uint64_t phase_ns = membership->gossip.tick_phase_ns, now_ns = membership->now_ns;
    if (now_ns < phase_ns || tick_ns == 0)
        return now_ns < phase_ns ? phase_ns : now_ns;
    return phase_ns + ((now_ns - phase_ns) / tick_ns + 1) * tick_ns;
}

void gossip_wake(struct membership *membership) {
    struct gossip *gossip = &membership->gossip;
    uint64_t due_ns = membership->now_ns + membership->settings.gossip_window_ns;
    if (is_event_driven(membership))
        gossip->fresh_due_ns = earlier(gossip->fresh_due_ns, due_ns);
    else if (gossip->tick_due_ns == TIME_NEVER)
        gossip->tick_due_ns = next_bound_tick(membership);
}

static void step_driven(struct membership *membership, struct outbox *outbox) {
    struct gossip *gossip = &membership->gossip;
    uint64_t now_ns = membership->now_ns;
    if (gossip->fresh_due_ns <= now_ns)
        step_fresh(membership, outbox);
    if (gossip->repeat_due_ns <= now_ns)
        step_repeat(membership, outbox);
    if (gossip->tick_due_ns <= now_ns) {
        step_tick(membership, outbox);
        gossip->tick_due_ns = TIME_NEVER;
    }
    if (gossip->repeat_due_ns == TIME_NEVER && has_any(gossip, repeat_stage(membership)))
        gossip->repeat_due_ns = now_ns + REPEAT_WINDOWS * membership->settings.gossip_window_ns;
    if (gossip->tick_due_ns == TIME_NEVER &&
        (has_any(gossip, tick_stage(membership)) ||
         has_class(gossip, (struct stage){0, TRANSMISSIONS_MAX - 1}, GOSSIP_LATER)))
        gossip->tick_due_ns = now_ns + membership->settings.gossip_tick_ns;
}

void gossip_step(struct membership *membership, struct outbox *outbox) {
    struct gossip *gossip = &membership->gossip;
    gossip->turn++;
    if (gossip->queued > 0 && membership->table.live_count == 0)
        for (size_t class = 0; class < GOSSIP_CLASSES; class ++)
            drop(membership, (struct stage){0, TRANSMISSIONS_MAX - 1}, class); /* nobody to tell */
    if (is_event_driven(membership)) {
        step_driven(membership, outbox);
    } else if (gossip->tick_due_ns <= membership->now_ns) {
        step_bound(membership, outbox);
        gossip->tick_due_ns = next_bound_tick(membership);
    }
    if (gossip->queued > 0)
        return;
    gossip_entries_spare(gossip);
    gossip->fresh_due_ns = gossip->repeat_due_ns = gossip->tick_due_ns = TIME_NEVER;
}

uint64_t gossip_deadline(const struct membership *membership) {
    const struct gossip *gossip = &membership->gossip;
    return earlier(gossip->fresh_due_ns, earlier(gossip->repeat_due_ns, gossip->tick_due_ns));
}
