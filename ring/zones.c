/* ring/zones.c - who is in which zone, after a change.
 *
 * A zone goes by the lowest slot in it, and its text stands in the record of any member that has
 * not changed; so nothing but slots is kept in a ring. Owners that are the same in name and zone
 * stay where they are. All others leave first, and then those of them that own points enter again:
 * no zone is told by who is about to leave it. */
#include "ring/change.h"
#include <string.h>

static bool is_in_zone(const struct change *change, size_t slot, uint16_t zone) {
    return change->arrays.hashes[slot] != 0 && change->arrays.zone_of_slot[slot] == zone;
}

/* The zone's text, as one of its members that have not changed tells it; NULL if there is none. */
static const char *text_of_zone(const struct change *change, uint16_t zone) {
    for (size_t slot = zone; slot < change->slots_count; slot++) {
        if (change->differs[slot] == 0 && is_in_zone(change, slot, zone)) {
            return change_owner(change, slot)->zone;
        }
    }
    return NULL;
}

/* False too where nobody is left to tell: it is then treated as another. */
static bool is_same_but_for_points(const struct change *change, uint16_t slot) {
    const struct ring_member *member = change_owner(change, slot);
    if (member == NULL || strcmp(member->name, ring_name(change->ring, slot)) != 0) {
        return false;
    }
    const char *zone = text_of_zone(change, change->arrays.zone_of_slot[slot]);
    return zone != NULL && strcmp(zone, member->zone) == 0;
}

static char *name_at(const struct change *change, uint16_t slot) {
    return change->arrays.names + (size_t)slot * HENGE_NAME_BYTES;
}

/* The members of a zone, none of which stands before `first`. */
static void renumber(const struct change *change, uint16_t zone, size_t first, uint16_t number) {
    for (size_t slot = first; slot < change->slots_count; slot++) {
        if (is_in_zone(change, slot, zone)) {
            change->arrays.zone_of_slot[slot] = number;
        }
    }
}

static void leave(struct change *change, uint16_t slot) {
    const uint16_t zone = change->arrays.zone_of_slot[slot];
    change->arrays.hashes[slot] = 0;
    change->arrays.zone_of_slot[slot] = 0;
    memset(name_at(change, slot), 0, HENGE_NAME_BYTES);
    change->ring->members_count--;
    if (zone != slot) {
        return;
    }
    for (size_t next = (size_t)slot + 1; next < change->slots_count; next++) {
        if (is_in_zone(change, next, zone)) {
            renumber(change, zone, next, (uint16_t)next);
            return;
        }
    }
    change->ring->zones_count--;
}

static void enter(struct change *change, uint16_t slot, const struct ring_member *member) {
    uint16_t *zone = &change->arrays.zone_of_slot[slot];
    *zone = slot;
    for (size_t other = 0; other < change->slots_count; other++) {
        if (is_in_zone(change, other, (uint16_t)other) &&
            strcmp(change_owner(change, other)->zone, member->zone) == 0) {
            if (other < slot) {
                *zone = (uint16_t)other;
            } else {
                renumber(change, (uint16_t)other, other, slot);
            }
            change->ring->zones_count--; /* it is not one of its own */
            break;
        }
    }
    change->ring->zones_count++;
    change->ring->members_count++;
    change->arrays.hashes[slot] = owner_hash(member);
    memcpy(name_at(change, slot), member->name, strlen(member->name));
}

void change_zones(struct change *change) {
    for (size_t i = 0; i < change->changed_count; i++) {
        const uint16_t slot = change->changed[i];
        if (change->arrays.hashes[slot] != 0 && is_same_but_for_points(change, slot)) {
            change->arrays.hashes[slot] = owner_hash(change_owner(change, slot));
            change->differs[slot] = DIFFERS_IN_POINTS;
        }
    }
    for (size_t i = 0; i < change->changed_count; i++) {
        const uint16_t slot = change->changed[i];
        if (change->differs[slot] == DIFFERS_ALL && change->arrays.hashes[slot] != 0) {
            leave(change, slot);
        }
    }
    for (size_t i = 0; i < change->changed_count; i++) {
        const uint16_t slot = change->changed[i];
        const struct ring_member *member = change_owner(change, slot);
        if (change->differs[slot] == DIFFERS_ALL && member != NULL) {
            enter(change, slot, member);
        }
    }
}
