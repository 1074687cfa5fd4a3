/* membership/hearsay.c - see hearsay.h. */
#include "membership/hearsay.h"
#include "membership/state.h"
#include <string.h>

void hearsay_init(struct hearsay *hearsay, struct memory *memory) {
    *hearsay = (struct hearsay){.memory = memory, .next_ns = TIME_NEVER};
}

void hearsay_deinit(struct hearsay *hearsay) {
    memory_release(hearsay->memory, hearsay->questions,
                   hearsay->capacity * sizeof *hearsay->questions, HENGE_MEMORY_MEMBER);
}

static bool is_remembered(const struct membership *membership, uint64_t name_hash) {
    return table_find(&membership->table, name_hash) != NO_SLOT ||
           tombstones_find(&membership->tombstones, name_hash) != NULL;
}

/* A node younger than tombstones live has forgotten none. */
static bool may_have_forgotten(const struct membership *membership) {
    return membership->now_ns - membership->created_ns > membership->settings.tombstone_ns &&
           membership->join.state != JOIN_UNDER_WAY;
}

static bool is_stranger(const struct membership *membership, uint64_t name_hash) {
    uint32_t slot = table_find(&membership->table, name_hash);
    if (slot == NO_SLOT)
        return tombstones_find(&membership->tombstones, name_hash) == NULL;
    const struct member *member = &membership->table.members[slot];
    return membership->now_ns - member_status_since_ns(member, membership->now_ns) < STRANGER_NS;
}

/* NULL: it is asked already, or there is no room. */
static struct hearsay_question *room_for(struct hearsay *hearsay, uint64_t name_hash) {
    struct hearsay_question *room = NULL;
    for (uint32_t i = 0; i < hearsay->capacity; i++) {
        struct hearsay_question *question = &hearsay->questions[i];
        if (question->name_hash == name_hash)
            return NULL;
        if (question->name_hash == 0)
            room = question;
    }
    if (room != NULL)
        return room;
    uint32_t first = hearsay->capacity;
    struct hearsay_question *questions =
        memory_grow(hearsay->memory, hearsay->questions, &hearsay->capacity, HEARSAY_MAX,
                    sizeof *questions, HENGE_MEMORY_MEMBER);
    if (questions == NULL)
        return NULL;
    hearsay->questions = questions;
    return &questions[first];
}

static void ask(struct membership *membership, uint64_t name_hash,
                const struct henge_address *address) {
    struct hearsay *hearsay = &membership->hearsay;
    struct hearsay_question *room = room_for(hearsay, name_hash);
    if (room == NULL)
        return;
    *room = (struct hearsay_question){.name_hash = name_hash,
                                      .nonce = random_u64(&membership->random),
                                      .next_ns = membership->now_ns,
                                      .address = *address};
    hearsay->count++;
    hearsay->next_ns = membership->now_ns;
    membership->counters.hearsay_asked++;
}

bool hearsay_holds_back(struct membership *membership, const struct update *update,
                        const struct record_fields *fields, const struct delivery *delivery) {
    if (fields == NULL || update->liveness.status >= HENGE_DEAD ||
        update->name_hash == delivery->head.source_name_hash || !may_have_forgotten(membership) ||
        is_remembered(membership, update->name_hash) ||
        !is_stranger(membership, delivery->head.source_name_hash))
        return false;
    ask(membership, update->name_hash, &fields->address);
    return true;
}

static void answered(struct hearsay *hearsay, struct hearsay_question *question) {
    *question = (struct hearsay_question){.name_hash = 0};
    hearsay->count--;
}

bool hearsay_is_answer(struct membership *membership, const struct wire_here *here,
                       const struct update *update, const struct delivery *delivery) {
    struct hearsay *hearsay = &membership->hearsay;
    for (uint32_t i = 0; i < hearsay->capacity && hearsay->count > 0; i++) {
        struct hearsay_question *question = &hearsay->questions[i];
        if (question->name_hash != update->name_hash || question->name_hash == 0 ||
            question->nonce != here->nonce ||
            memcmp(&question->address, &delivery->source->address, sizeof question->address) != 0)
            continue;
        answered(hearsay, question);
        return true;
    }
    return false;
}

/* False when the outbox has no room. */
static bool ask_again(struct membership *membership, struct hearsay_question *question,
                      struct outbox *outbox) {
    if (question->asked == WHO_TRIES) {
        answered(&membership->hearsay, question); /* by silence */
        return true;
    }
    if (!token_bucket_take(&membership->replies, membership->now_ns) ||
        !who_send(membership, &question->address, question->name_hash, question->nonce, outbox))
        return false;
    question->asked++;
    question->next_ns = membership->now_ns + membership->settings.probe_period_ns / 2;
    return true;
}

void hearsay_step(struct membership *membership, struct outbox *outbox) {
    struct hearsay *hearsay = &membership->hearsay;
    if (hearsay->next_ns > membership->now_ns)
        return;
    bool has_room = true;
    hearsay->next_ns = TIME_NEVER;
    for (uint32_t i = 0; i < hearsay->capacity && hearsay->count > 0; i++) {
        struct hearsay_question *question = &hearsay->questions[i];
        if (question->name_hash == 0)
            continue;
        if (question->next_ns <= membership->now_ns && has_room)
            has_room = ask_again(membership, question, outbox);
        if (question->name_hash != 0 && question->next_ns < hearsay->next_ns)
            hearsay->next_ns = question->next_ns;
    }
    if (!has_room && hearsay->next_ns < membership->now_ns + RETRY_NS)
        hearsay->next_ns = membership->now_ns + RETRY_NS;
}
