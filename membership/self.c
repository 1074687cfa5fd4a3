/* membership/self.c - see self.h. */
#include "membership/self.h"
#include "core/base/mutant.h"
#include "membership/record_wire.h"
#include "membership/state.h"
#include <string.h>

static const struct member *self_member(const struct membership *membership) {
    return &membership->table.members[0];
}

/* The speaker believed this node gone: it gets our word directly, not only by gossip. */
static void correct(struct self *self, const struct henge_address *address) {
    if (address->family == 0)
        return;
    for (uint32_t i = 0; i < self->corrections_count; i++)
        if (memcmp(&self->corrections[i], address, sizeof *address) == 0)
            return;
    if (self->corrections_count < CORRECTIONS_MAX)
        self->corrections[self->corrections_count++] = *address;
}

static struct merge_result accused(struct membership *membership, const struct update *update,
                                   const struct packet_source *source) {
    const struct liveness *heard = &update->liveness;
    struct self *self = &membership->self;
    const struct member *own = self_member(membership);
    struct merge_result result = {.outcome = MERGE_SAME, .slot = 0};
    if (own->status == HENGE_LEFT)
        return result;
    if (heard->status == HENGE_DEAD)
        standing_declared_dead(membership, heard->version);
    else if (doubts_heard(membership, update, source))
        standing_doubted(membership);
    correct(self, &source->address);
    self->retry_ns = 0;
    if (heard->version < own->version) {
        self->corrections_due = true; /* refuted already: the speaker has not heard it */
        return result;
    }
    standing_suspected(membership);
    if (heard->generation == self->passed.generation && heard->version <= self->passed.version)
        return result;
    if (!self->is_accused || liveness_compare(heard, &self->accusation) > 0)
        self->accusation = *heard;
    self->is_accused = true;
    return result;
}

/* An operator has ended this generation: no refutation, and nothing more but by a new join. */
static struct merge_result evicted(struct membership *membership, const struct liveness *heard) {
    struct merge_result result = {.outcome = MERGE_SAME, .slot = 0};
    if (!membership_can_speak(membership))
        return result;
    membership->departure.own = (struct proof){.kind = PROOF_EVICTED};
    membership->self.is_accused = false;
    merge_self(membership, heard, NULL);
    membership->leave.state = LEAVE_DONE;
    membership->join.retry_ns = TIME_NEVER;
    if (membership->join.state == JOIN_UNDER_WAY)
        membership->join.state = JOIN_IDLE;
    result.outcome = MERGE_NEWS;
    return result;
}

static bool is_own_address(const struct member *own, const struct record_fields *fields) {
    return memcmp(&fields->address, &own->record->address, sizeof own->record->address) == 0;
}

void self_surpass(struct membership *membership, uint64_t generation) {
    if (!merge_is_sane(membership, generation))
        return; /* nobody else believes it either, and ours could not rise above it */
    if (generation > membership->self.heard_generation)
        membership->self.heard_generation = generation;
}

/* Our name, not below our generation: an old life of ours, or somebody who lives elsewhere. */
static void claimed(struct membership *membership, const struct liveness *heard,
                    const struct record_fields *fields) {
    if (heard->status < HENGE_DEAD && fields != NULL &&
        !is_own_address(self_member(membership), fields))
        claim_ask(membership, &fields->address, heard->generation);
    else
        self_surpass(membership, heard->generation);
}

static bool is_own_content(const struct record *own, const struct update *update) {
    return own->encoded_bytes == update->encoded_bytes &&
           memcmp(own->encoded, update->encoded, own->encoded_bytes) == 0;
}

/* One boot, one payload version, two contents: a process was copied (or half of the cluster holds
 * what a crash made us forget). Others hold the greater content, so ours needs a higher version. */
static void cloned(struct membership *membership, const struct liveness *heard,
                   const struct record_fields *fields) {
    struct self *self = &membership->self;
    membership->counters.conflicts++;
    if (!is_own_address(self_member(membership), fields))
        claim_ask(membership, &fields->address, heard->generation);
    self->heard_payload_version = fields->payload_version + 1;
    self->retry_ns = 0;
}

struct merge_result self_hear(struct membership *membership, const struct update *update,
                              const struct record_fields *fields,
                              const struct packet_source *source) {
    struct self *self = &membership->self;
    const struct member *own = self_member(membership);
    const struct liveness *heard = &update->liveness;
    struct merge_result result = {.outcome = MERGE_SAME, .slot = 0};
    if (!merge_is_sane(membership, heard->generation)) {
        membership->counters.updates_refused++;
        result.outcome = MERGE_REFUSED;
        return result;
    }
    if (heard->generation < member_generation(own)) {
        result.outcome = MERGE_BEHIND;
        return result;
    }
    if (heard->generation == member_generation(own) && heard->status == HENGE_LEFT &&
        update->proof.kind == PROOF_EVICTED)
        return evicted(membership, heard);
    bool is_other_boot =
        fields != NULL && memcmp(fields->boot_id, own->record->boot_id, RECORD_BOOT_BYTES) != 0;
    if (heard->generation > member_generation(own) ||
        (is_other_boot && heard->status < HENGE_DEAD)) {
        if (own->status == HENGE_LEFT)
            return result; /* no concern of this incarnation any more */
        correct(self, &source->address);
        claimed(membership, heard, fields);
        return result;
    }
    if (fields != NULL && fields->payload_version == own->record->payload_version &&
        !is_own_content(own->record, update))
        cloned(membership, heard, fields);
    if (fields != NULL && fields->payload_version > own->record->payload_version &&
        fields->payload_version < UINT32_MAX) {
        self->heard_payload_version = fields->payload_version;
        self->retry_ns = 0;
    }
    /* An equal or higher ALIVE is never answered: two nodes would refute each other for ever. */
    return heard->status == HENGE_ALIVE ? result : accused(membership, update, source);
}

static struct record *record_with(struct membership *membership,
                                  const struct record_fields *changed, uint64_t generation,
                                  uint32_t payload_version) {
    const struct record *old = self_member(membership)->record;
    struct record_fields fields;
    if (changed != NULL)
        fields = *changed;
    else
        record_fields_of(old, &fields);
    if (fields.address.family == 0)
        fields.address = old->address;
    memcpy(fields.boot_id, old->boot_id, RECORD_BOOT_BYTES);
    departure_commitment(membership, generation, fields.leave_commitment);
    fields.generation = generation;
    fields.payload_version = payload_version;
    fields.ring_state = standing_ring_state(membership);
    return record_store_get(membership->store, &fields);
}

bool self_raise_generation(struct membership *membership, uint64_t heard) {
    const struct member *own = self_member(membership);
    if (!merge_is_sane(membership, heard))
        return false;
    bool is_behind = heard > member_generation(own) && !MUTANT(GENERATION_OF_CLOCK);
    uint64_t generation = (is_behind ? heard : member_generation(own)) + 1;
    standing_new_generation(membership);
    struct record *record = record_with(membership, NULL, generation, 0);
    if (record == NULL)
        return false;
    struct self *self = &membership->self;
    self->is_accused = false;
    self->heard_generation = 0;
    self->adopted_ns = membership->now_ns;
    self->has_adopted = true;
    membership->departure.own.kind = PROOF_NONE;
    struct liveness liveness = {generation, 0, HENGE_ALIVE};
    merge_self(membership, &liveness, record);
    if (membership->observer.on_generation != NULL)
        membership->observer.on_generation(membership->observer.context, generation);
    gossip_own_news(membership);
    self->corrections_due = self->corrections_count > 0;
    self->retry_ns = 0;
    return true;
}

void self_version(struct membership *membership, uint64_t generation, uint32_t version) {
    const struct member *own = self_member(membership);
    if (generation != member_generation(own) || version <= own->version)
        return;
    if (version >= VERSION_MAX && membership_can_speak(membership) &&
        self_raise_generation(membership, member_generation(own)))
        return;
    struct liveness liveness = {generation, version, own->status};
    standing_suspected(membership); /* or paused, which is no better */
    merge_self(membership, &liveness, NULL);
    if (membership->self.is_accused && membership->self.accusation.version < version)
        membership->self.is_accused = false;
    membership->self.corrections_due = membership->self.corrections_count > 0;
    membership->self.retry_ns = 0;
    gossip_own_news(membership);
}

static enum henge_status set_payload(struct membership *membership,
                                     const struct record_fields *fields) {
    const struct member *own = self_member(membership);
    if (fields->name_bytes != strlen(own->record->name) ||
        memcmp(fields->name, own->record->name, fields->name_bytes) != 0)
        return HENGE_INVALID;
    struct record_fields checked = *fields;
    if (checked.address.family == 0)
        checked.address = own->record->address;
    if (record_fields_check(&checked) != NULL)
        return HENGE_INVALID;
    /* What fits into no datagram could neither be gossiped nor join. */
    if (record_wire_bytes(&checked) + RECORD_MESSAGE_BYTES > membership->settings.payload_bytes_max)
        return HENGE_FULL;
    uint32_t version = own->record->payload_version;
    if (membership->self.heard_payload_version > version)
        version = membership->self.heard_payload_version;
    if (version >= VERSION_MAX) {
        if (!self_raise_generation(membership, member_generation(own)))
            return HENGE_NO_MEMORY;
        version = 0;
    }
    struct record *record = record_with(membership, &checked, member_generation(own), version + 1);
    if (record == NULL)
        return HENGE_NO_MEMORY;
    membership->self.heard_payload_version = 0;
    struct liveness liveness = {member_generation(own), own->version, own->status};
    merge_self(membership, &liveness, record);
    gossip_own_news(membership);
    return HENGE_OK;
}

/* Another ring state than the present one is the owner's order; the same one leaves a hold alone.
 */
enum henge_status self_set_payload(struct membership *membership,
                                   const struct record_fields *fields) {
    struct standing before = membership->standing;
    if (fields->ring_state != self_member(membership)->record->ring_state)
        standing_want(membership, fields->ring_state);
    enum henge_status status = set_payload(membership, fields);
    if (status != HENGE_OK)
        membership->standing = before;
    return status;
}

enum henge_status self_renew_payload(struct membership *membership) {
    struct record_fields fields;
    record_fields_of(self_member(membership)->record, &fields);
    return set_payload(membership, &fields);
}

static uint64_t adoption_time(const struct membership *membership) {
    const struct self *self = &membership->self;
    if (self->heard_generation == 0)
        return TIME_NEVER;
    return self->has_adopted ? self->adopted_ns + GENERATION_ADOPT_NS : 0;
}

static void send_corrections(struct membership *membership, struct outbox *outbox) {
    struct self *self = &membership->self;
    struct update own = merge_update_of(membership, 0, true);
    while (self->corrections_count > 0) {
        if (!token_bucket_take(&membership->replies, membership->now_ns) ||
            !gossip_tell(membership, &own, &self->corrections[self->corrections_count - 1], outbox))
            return;
        self->corrections_count--;
    }
    self->corrections_due = false;
}

void self_step(struct membership *membership, struct outbox *outbox) {
    struct self *self = &membership->self;
    uint64_t own_generation = member_generation(self_member(membership));
    if (self->heard_generation < own_generation || !membership_can_speak(membership))
        self->heard_generation = 0;
    if (adoption_time(membership) <= membership->now_ns) {
        self->adopted_ns = membership->now_ns; /* without memory: again after a while */
        self->has_adopted = true;
        (void)self_raise_generation(membership, self->heard_generation);
    }
    if (self->heard_payload_version > self_member(membership)->record->payload_version) {
        (void)self_renew_payload(membership);
    }
    if (self->is_accused && membership->observer.on_accused != NULL &&
        membership->observer.on_accused(membership->observer.context, self->accusation.generation,
                                        self->accusation.version)) {
        self->is_accused = false;
        self->passed = self->accusation;
    }
    if (self->corrections_due)
        send_corrections(membership, outbox);
    self->retry_ns = membership->now_ns + RETRY_NS;
}

uint64_t self_deadline(const struct membership *membership) {
    const struct self *self = &membership->self;
    uint64_t deadline = adoption_time(membership);
    bool is_waiting =
        self->is_accused || self->corrections_due ||
        self->heard_payload_version > self_member(membership)->record->payload_version;
    uint64_t retry_ns = self->retry_ns;
    return is_waiting && retry_ns < deadline ? retry_ns : deadline;
}
