/* membership/seeds.c - see seeds.h. */
#include "membership/seeds.h"
#include "membership/join.h"
#include <stdio.h>
#include <string.h>

static bool is_same(const struct henge_address *left, const struct henge_address *right) {
    return memcmp(left, right, sizeof *left) == 0;
}

static uint8_t *outcome_of(struct join *join, const struct henge_address *address) {
    for (uint32_t i = 0; i < join->seeds_count; i++)
        if (is_same(&join->seeds[i], address))
            return &join->outcomes[i];
    for (uint32_t i = 0; i < join->hints.count; i++)
        if (is_same(&join->hints.addresses[i], address))
            return &join->hints.outcomes[i];
    return NULL;
}

static const enum henge_memory_tag TAG = HENGE_MEMORY_MEMBER;

void seeds_deinit(struct join *join) {
    struct hints *hints = &join->hints;
    struct failed *failed = &join->failed;
    memory_release(join->memory, hints->addresses, hints->capacity * sizeof *hints->addresses, TAG);
    memory_release(join->memory, failed->addresses, failed->capacity * sizeof *failed->addresses,
                   TAG);
}

/* Room for one more behind the `count` that there are. */
static bool has_room(struct join *join, struct henge_address **addresses, uint32_t *capacity,
                     uint32_t count, uint32_t max) {
    if (count < *capacity)
        return true;
    struct henge_address *grown =
        memory_grow(join->memory, *addresses, capacity, max, sizeof *grown, TAG);
    if (grown != NULL)
        *addresses = grown;
    return grown != NULL;
}

bool seeds_hint(struct join *join, const struct henge_address *address) {
    struct hints *hints = &join->hints;
    if (outcome_of(join, address) != NULL ||
        !has_room(join, &hints->addresses, &hints->capacity, hints->count, HINTS_MAX))
        return false;
    hints->outcomes[hints->count] = SEED_SILENT;
    hints->addresses[hints->count++] = *address;
    return true;
}

void seeds_note(struct join *join, const struct henge_address *address, enum seed_outcome outcome) {
    uint8_t *noted = outcome_of(join, address);
    if (noted != NULL)
        *noted = (uint8_t)outcome;
}

bool seeds_have_all_refused(const struct join *join) {
    for (uint32_t i = 0; i < join->seeds_count; i++)
        if (join->outcomes[i] != SEED_REFUSED_RING && join->outcomes[i] != SEED_REFUSED_FULL &&
            join->outcomes[i] != SEED_REFUSED)
            return false;
    return true;
}

/* failed->count: it is not among them. */
static uint32_t place_of(const struct failed *failed, const struct henge_address *address) {
    uint32_t place = 0;
    while (place < failed->count && !is_same(&failed->addresses[place], address))
        place++;
    return place;
}

/* The one at this place becomes the last. */
static void move_to_end(struct failed *failed, uint32_t place) {
    struct henge_address address = failed->addresses[place];
    memmove(&failed->addresses[place], &failed->addresses[place + 1],
            (failed->count - place - 1) * sizeof address);
    failed->addresses[failed->count - 1] = address;
}

void seeds_failed(struct join *join, const struct henge_address *address) {
    struct failed *failed = &join->failed;
    uint32_t place = place_of(failed, address);
    seeds_note(join, address, SEED_STREAM_FAILED);
    if (place == failed->count) {
        if (has_room(join, &failed->addresses, &failed->capacity, failed->count, FAILED_MAX))
            failed->count++;
        else if (failed->count > 0)
            place = 0; /* full: the oldest gives way */
        else
            return;
    }
    failed->addresses[place] = *address;
    move_to_end(failed, place);
}

bool seeds_has_failed(const struct join *join, const struct henge_address *address) {
    return place_of(&join->failed, address) < join->failed.count;
}

bool seeds_failed_turn(struct join *join, struct henge_address *address_out) {
    struct failed *failed = &join->failed;
    for (uint32_t place = 0; place < failed->count; place++) {
        if (outcome_of(join, &failed->addresses[place]) == NULL)
            continue; /* neither seed nor hint any more */
        *address_out = failed->addresses[place];
        move_to_end(failed, place);
        return true;
    }
    return false;
}

void seeds_forget_outcomes(struct join *join) {
    memset(join->outcomes, SEED_SILENT, sizeof join->outcomes);
    join->hints.count = 0;
    join->hints.asked = 0;
}

static const char *text_of(uint8_t outcome) {
    static const char *const texts[] = {
        [SEED_SILENT] = "no answer",
        [SEED_BUSY] = "busy",
        [SEED_REFUSED_RING] = "refused, ring parameters differ",
        [SEED_REFUSED_FULL] = "refused, no room or generation not believed",
        [SEED_REFUSED] = "refused",
        [SEED_STREAM_FAILED] = "answered, but its members could not be fetched",
        [SEED_ANSWERED] = "answered",
    };
    return texts[outcome];
}

static size_t report_one(const struct join *join, const struct henge_address *address,
                         uint8_t outcome, char *text, size_t used, size_t room) {
    char address_text[HENGE_ADDRESS_TEXT_BYTES];
    if (outcome == SEED_SILENT && seeds_has_failed(join, address))
        outcome = SEED_STREAM_FAILED; /* it waits for its turn */
    int bytes = snprintf(text + used, room - used, "%s%s: %s", used > 0 ? "; " : "",
                         henge_address_format(address, address_text), text_of(outcome));
    if (bytes < 0 || (size_t)bytes >= room - used) {
        text[used] = '\0'; /* whole ones only */
        return used;
    }
    return used + (size_t)bytes;
}

size_t seeds_report(const struct join *join, char *text, size_t room) {
    size_t used = 0;
    if (room == 0)
        return 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < join->seeds_count; i++)
        used = report_one(join, &join->seeds[i], join->outcomes[i], text, used, room);
    for (uint32_t i = 0; i < join->hints.asked; i++)
        used =
            report_one(join, &join->hints.addresses[i], join->hints.outcomes[i], text, used, room);
    return used;
}
