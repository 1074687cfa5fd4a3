/* membership/targets.c - see targets.h. */
#include "membership/targets.h"
#include "core/base/assert.h"
#include "membership/state.h"
#include <string.h>

/* Three of four copies stay in the zone. */
enum { NEAR_SHARE = 3, NEAR_OF = 4 };

void targets_init(struct targets *targets) {
    *targets = (struct targets){.dead_due_ns = 0};
}

static uint64_t distance_of(const struct membership *membership, uint32_t slot) {
    return membership->table.members[slot].record->name_hash - membership->name_hash;
}

static void find_farthest(const struct membership *membership, struct successors *list) {
    list->farthest = list->count > 0 ? distance_of(membership, list->slots[list->count - 1]) : 0;
}

static void insert(const struct membership *membership, struct successors *list, uint32_t slot,
                   uint64_t distance) {
    if (list->count == SUCCESSORS_MAX) {
        if (distance > list->farthest)
            return;
        list->count--;
    }
    uint32_t at = list->count++;
    for (; at > 0 && distance_of(membership, list->slots[at - 1]) > distance; at--)
        list->slots[at] = list->slots[at - 1];
    list->slots[at] = (uint16_t)slot;
    find_farthest(membership, list);
}

static uint32_t population(const struct membership *membership, bool is_near) {
    const struct table *table = &membership->table;
    return is_near ? table->near_count : table->live_count - table->near_count;
}

void targets_add(struct membership *membership, uint32_t slot) {
    if (slot == 0)
        return;
    bool is_near = table_is_near(&membership->table, slot);
    struct successors *list = is_near ? &membership->targets.near : &membership->targets.far;
    uint64_t distance = distance_of(membership, slot);
    bool was_whole = list->count + 1U == population(membership, is_near);
    /* Behind the last one known there may be others that are not. */
    if (was_whole || (list->count > 0 && distance < list->farthest))
        insert(membership, list, slot, distance);
}

static void remove_from(const struct membership *membership, struct successors *list,
                        uint32_t slot) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->slots[i] != slot)
            continue;
        list->count--;
        memmove(&list->slots[i], &list->slots[i + 1], (list->count - i) * sizeof list->slots[0]);
        find_farthest(membership, list);
        return;
    }
}

void targets_remove(struct membership *membership, uint32_t slot) {
    remove_from(membership, &membership->targets.near, slot);
    remove_from(membership, &membership->targets.far, slot);
}

void targets_rezone(struct membership *membership) {
    table_rezone(&membership->table);
    membership->targets.near.count = membership->targets.far.count = 0;
}

/* The list with at least `wanted` successors, or all that there are. */
static const struct successors *list_of(struct membership *membership, bool is_near,
                                        uint32_t wanted) {
    struct successors *list = is_near ? &membership->targets.near : &membership->targets.far;
    const struct table *table = &membership->table;
    uint32_t all = population(membership, is_near);
    wanted = wanted > SUCCESSORS_MAX ? SUCCESSORS_MAX : wanted;
    if (list->count >= (wanted < all ? wanted : all))
        return list;
    list->count = 0;
    uint32_t first = is_near ? 0 : table->near_count;
    for (uint32_t i = first; i < first + all; i++)
        insert(membership, list, table->live[i], distance_of(membership, table->live[i]));
    return list;
}

/* How many of `count` copies leave the zone: a quarter, at least one, but on the whole no more than
 * if targets were drawn from all members. A zone too small for its share lets the rest go. */
static uint32_t crossing(struct membership *membership, uint32_t count) {
    const struct table *table = &membership->table;
    uint32_t far = table->live_count - table->near_count;
    if (far == 0 || count == 0)
        return 0;
    uint32_t wanted = count - count * NEAR_SHARE / NEAR_OF;
    uint64_t fair = (uint64_t)count * far; /* in 1 / live_count */
    if (fair < (uint64_t)wanted * table->live_count)
        wanted = (uint32_t)((fair + random_below(&membership->random, table->live_count)) /
                            table->live_count);
    if (count - wanted > table->near_count)
        wanted = count - table->near_count;
    return wanted > far ? far : wanted;
}

uint32_t targets_random(struct membership *membership, uint32_t count, uint32_t *slots_out) {
    struct table *table = &membership->table;
    uint32_t cross = crossing(membership, count);
    uint32_t near = table_pick_near(table, &membership->random, slots_out, count - cross);
    return near + table_pick_far(table, &membership->random, slots_out + near, cross);
}

static uint32_t take(const struct successors *list, uint32_t all, uint32_t offset, uint32_t count,
                     uint32_t *slots_out) {
    uint32_t known = list->count;
    count = count > known ? known : count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = offset + i;
        /* Round the circle when these are all; else from the start again. */
        slots_out[i] = list->slots[at % (known < all ? known : all)];
    }
    return count;
}

uint32_t targets_successors(struct membership *membership, uint32_t sent, uint32_t count,
                            uint32_t *slots_out) {
    uint32_t cross = crossing(membership, count), near = count - cross;
    bool has_zones = membership->table.near_count < membership->table.live_count;
    uint32_t near_sent = has_zones ? sent * NEAR_SHARE / NEAR_OF : sent;
    uint32_t far_sent = sent - near_sent;
    near = take(list_of(membership, true, near_sent + near), population(membership, true),
                near_sent, near, slots_out);
    if (cross == 0)
        return near;
    return near + take(list_of(membership, false, far_sent + cross), population(membership, false),
                       far_sent, cross, slots_out + near);
}

/* Those of a list that come before `distance`; the whole of it is known so far. */
static uint32_t count_before(const struct membership *membership, const struct successors *list,
                             uint64_t distance) {
    uint32_t count = 0;
    while (count < list->count && distance_of(membership, list->slots[count]) < distance)
        count++;
    return count;
}

bool targets_is_predecessor(struct membership *membership, uint32_t slot, uint32_t count) {
    ASSERT(count <= SUCCESSORS_MAX && slot != 0);
    uint64_t distance = distance_of(membership, slot);
    return count_before(membership, list_of(membership, true, count), distance) +
               count_before(membership, list_of(membership, false, count), distance) <
           count;
}

uint32_t targets_dead(struct membership *membership) {
    const struct table *table = &membership->table;
    struct targets *targets = &membership->targets;
    uint32_t dead = table->statuses[HENGE_DEAD];
    if (dead == 0 || targets->dead_due_ns > membership->now_ns ||
        random_below(&membership->random, table->live_count + dead) >= dead)
        return NO_SLOT;
    targets->dead_due_ns = membership->now_ns + membership->settings.probe_period_ns;
    uint64_t number = random_below(&membership->random, dead);
    for (uint32_t slot = 1; slot < table->count; slot++) {
        const struct member *member = &table->members[slot];
        if (member->record != NULL && member->status == HENGE_DEAD && number-- == 0)
            return slot;
    }
    return NO_SLOT;
}
