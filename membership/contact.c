/* membership/contact.c - see contact.h. */
#include "membership/contact.h"
#include "core/base/mutant.h"
#include "membership/state.h"
#include <math.h>
#include <string.h>

void contact_init(struct contact *contact, struct memory *memory) {
    *contact = (struct contact){.memory = memory, .due_ns = TIME_NEVER};
}

void contact_deinit(struct contact *contact) {
    memory_release(contact->memory, contact->former,
                   contact->former_capacity * sizeof *contact->former, HENGE_MEMORY_MEMBER);
}

static bool has_room(struct contact *contact) {
    if (contact->former_count < contact->former_capacity)
        return true;
    struct henge_address *former =
        memory_grow(contact->memory, contact->former, &contact->former_capacity,
                    FORMER_ADDRESSES_MAX, sizeof *former, HENGE_MEMORY_MEMBER);
    if (former != NULL)
        contact->former = former;
    return former != NULL;
}

void contact_former_add(struct membership *membership, const struct henge_address *address) {
    struct contact *contact = &membership->contact;
    if (address->family == 0)
        return;
    for (uint32_t i = 0; i < contact->former_count; i++)
        if (memcmp(&contact->former[i], address, sizeof *address) == 0)
            return;
    /* Full: any of them gives way, for the latest need not be the most useful. */
    if (has_room(contact))
        contact->former[contact->former_count++] = *address;
    else if (contact->former_count > 0)
        contact->former[random_below(&membership->random, contact->former_count)] = *address;
}

void contact_remember(struct membership *membership, const struct henge_address *addresses,
                      uint32_t count) {
    const struct henge_address *own = &membership->table.members[0].record->address;
    for (uint32_t i = 0; i < count; i++)
        if (memcmp(&addresses[i], own, sizeof *own) != 0)
            contact_former_add(membership, &addresses[i]);
}

struct address_list {
    struct henge_address *all;
    uint32_t count, max;
};

static void list_add(struct address_list *list, const struct henge_address *address) {
    for (uint32_t i = 0; i < list->count; i++)
        if (memcmp(&list->all[i], address, sizeof *address) == 0)
            return;
    if (list->count < list->max && address->family != 0)
        list->all[list->count++] = *address;
}

/* Up to `limit` in all; of more than there is room for evenly chosen ones, so that nodes, whose
 * slots differ, keep different ones. */
static void list_add_members(struct address_list *list, const struct table *table,
                             uint32_t statuses, uint32_t limit) {
    uint64_t room = limit > list->count ? limit - list->count : 0, count = 0, seen = 0;
    for (uint32_t status = HENGE_ALIVE; status <= HENGE_DEAD; status++)
        count += (statuses & 1u << status) != 0 ? table->statuses[status] : 0;
    count -= (statuses & 1u << table->members[0].status) != 0; /* this node itself */
    for (uint32_t slot = 1; slot < table->count; slot++) {
        const struct member *member = &table->members[slot];
        if (member->record == NULL || (statuses & 1u << member->status) == 0)
            continue;
        bool is_chosen = room >= count || (seen + 1) * room / count > seen * room / count;
        seen++;
        if (is_chosen && list->count < limit)
            list_add(list, &member->record->address);
    }
}

static void list_add_stones(struct address_list *list, const struct tombstones *tombstones,
                            uint32_t limit) {
    for (uint32_t i = 0; i < tombstones->reached && list->count < limit; i++)
        if (tombstones->stones[i].is_used && tombstones->stones[i].liveness.status == HENGE_DEAD)
            list_add(list, &tombstones->stones[i].address);
}

/* Half of the room for those who are not here: who is, is found again without a file. */
uint32_t contact_known_addresses(const struct membership *membership,
                                 struct henge_address *addresses_out, uint32_t max) {
    const struct contact *contact = &membership->contact;
    const uint32_t live = 1u << HENGE_ALIVE | 1u << HENGE_SUSPECT;
    struct address_list list = {.all = addresses_out, .max = max};
    list_add_members(&list, &membership->table, 1u << HENGE_DEAD, max / 4);
    list_add_stones(&list, &membership->tombstones, max / 4 + max / 8);
    for (uint32_t i = 0; i < contact->former_count && list.count < max / 2; i++)
        list_add(&list, &contact->former[i]);
    list_add_members(&list, &membership->table, live, max);
    for (uint32_t i = 0; i < contact->former_count; i++)
        list_add(&list, &contact->former[i]);
    list_add_members(&list, &membership->table, 1u << HENGE_DEAD, max);
    return list.count;
}

/* Candidates are numbered: seeds, former peers, table slots, tombstones. */
enum candidate_class { CLASS_SEED, CLASS_FORMER, CLASS_DEAD, CLASS_TOMBSTONE, CANDIDATE_CLASSES };

struct candidate {
    struct henge_address address;
    struct update verdict; /* to be told it; generation 0: none */
};

static uint32_t candidates_max(const struct membership *membership) {
    return membership->join.seeds_count + membership->contact.former_count +
           membership->table.count + membership->tombstones.reached;
}

/* False when number `index` is nobody to contact. */
static bool candidate_at(const struct membership *membership, uint32_t index,
                         struct candidate *out) {
    const struct join *join = &membership->join;
    const struct contact *contact = &membership->contact;
    *out = (struct candidate){.verdict = {.name_hash = 0}};
    if (index < join->seeds_count) {
        out->address = join->seeds[index];
        return !table_is_live_address(&membership->table, &out->address);
    }
    index -= join->seeds_count;
    if (index < contact->former_count) {
        out->address = contact->former[index];
        return !table_is_live_address(&membership->table, &out->address);
    }
    index -= contact->former_count;
    if (index < membership->table.count) {
        const struct member *member = &membership->table.members[index];
        if (member->record == NULL || member->status != HENGE_DEAD)
            return false;
        out->address = member->record->address;
        out->verdict = merge_update_of(membership, index, false);
        return true;
    }
    index -= membership->table.count;
    const struct tombstone *stone = &membership->tombstones.stones[index];
    if (!stone->is_used || stone->liveness.status != HENGE_DEAD || stone->address.family == 0)
        return false;
    out->address = stone->address;
    out->verdict = tombstone_update(stone);
    return true;
}

static enum candidate_class class_of(const struct membership *membership, uint32_t index) {
    uint32_t end = membership->join.seeds_count;
    if (index < end)
        return CLASS_SEED;
    end += membership->contact.former_count;
    if (index < end)
        return CLASS_FORMER;
    return index < end + membership->table.count ? CLASS_DEAD : CLASS_TOMBSTONE;
}

/* Each class that has any is equally likely, and within it each candidate: a thousand that are dead
 * for good must not keep the seeds waiting. One pass, with a reservoir of one for each class. */
static bool choose(struct membership *membership, struct candidate *out) {
    struct candidate chosen[CANDIDATE_CLASSES];
    uint64_t seen[CANDIDATE_CLASSES] = {0};
    uint32_t count = candidates_max(membership), classes = 0;
    for (uint32_t index = 0; index < count; index++) {
        struct candidate candidate;
        enum candidate_class class = class_of(membership, index);
        if (candidate_at(membership, index, &candidate) &&
            random_below(&membership->random, ++seen[class]) == 0)
            chosen[class] = candidate;
    }
    for (uint32_t class = 0; class < CANDIDATE_CLASSES; class ++)
        if (seen[class] > 0 && random_below(&membership->random, ++classes) == 0)
            *out = chosen[class];
    return classes > 0;
}

/* Cheap: may say yes where choose then finds nobody. */
static bool has_candidates(const struct membership *membership) {
    return membership->join.seeds_count > 0 || membership->contact.former_count > 0 ||
           membership->table.statuses[HENGE_DEAD] > 0 || membership->tombstones.count > 0;
}

static uint64_t draw_interval(struct membership *membership) {
    uint32_t size = MUTANT(CONTACT_BY_EVERYBODY) ? 1 : table_size(&membership->table);
    double share = ((double)random_below(&membership->random, 1u << 30) + 1) / (1u << 30);
    double interval_ns = -log(share) * (double)(size == 0 ? 1 : size) * (double)NS_PER_S;
    if (size <= 1 && interval_ns > (double)CONTACT_ALONE_MAX_NS)
        return CONTACT_ALONE_MAX_NS;
    return (uint64_t)interval_ns;
}

void contact_step(struct membership *membership, struct outbox *outbox) {
    struct contact *contact = &membership->contact;
    bool is_gone = membership->table.members[0].status == HENGE_LEFT;
    if (is_gone || !has_candidates(membership) || MUTANT(CONTACT_NEVER)) {
        contact->due_ns = TIME_NEVER;
        return;
    }
    /* The exponential distribution has no memory, so drawing anew at a change of size is fair. */
    uint32_t size = table_size(&membership->table);
    bool is_outdated = size > 2 * contact->size_drawn || 2 * size < contact->size_drawn;
    if (contact->due_ns == TIME_NEVER || is_outdated) {
        contact->due_ns = membership->now_ns + draw_interval(membership);
        contact->size_drawn = size;
    }
    if (contact->due_ns > membership->now_ns)
        return;
    contact->due_ns = membership->now_ns + draw_interval(membership);
    struct candidate candidate = {.verdict = {.name_hash = 0}};
    if (!choose(membership, &candidate))
        return;
    if (candidate.verdict.liveness.generation != 0)
        (void)gossip_tell(membership, &candidate.verdict, &candidate.address, outbox);
    (void)sync_send(membership, &candidate.address, 0, 0, outbox);
}

uint64_t contact_deadline(const struct membership *membership) {
    return membership->contact.due_ns;
}
