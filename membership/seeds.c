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

bool seeds_hint(struct join *join, const struct henge_address *address) {
    struct hints *hints = &join->hints;
    if (hints->count == HINTS_MAX || outcome_of(join, address) != NULL)
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

bool seeds_has_another_answered(const struct join *join, const struct henge_address *than) {
    for (uint32_t i = 0; i < join->seeds_count; i++)
        if (join->outcomes[i] == SEED_ANSWERED && !is_same(&join->seeds[i], than))
            return true;
    for (uint32_t i = 0; i < join->hints.count; i++)
        if (join->hints.outcomes[i] == SEED_ANSWERED && !is_same(&join->hints.addresses[i], than))
            return true;
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

static size_t report_one(const struct henge_address *address, uint8_t outcome, char *text,
                         size_t used, size_t room) {
    char address_text[HENGE_ADDRESS_TEXT_BYTES];
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
        used = report_one(&join->seeds[i], join->outcomes[i], text, used, room);
    for (uint32_t i = 0; i < join->hints.asked; i++)
        used = report_one(&join->hints.addresses[i], join->hints.outcomes[i], text, used, room);
    return used;
}
