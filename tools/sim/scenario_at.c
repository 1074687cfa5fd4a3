/* tools/sim/scenario_at.c - when things happen: once, again and again, to one host after another.
 *
 *     at TIME [every TIME until TIME] [roll HOSTS gap|over TIME] VERB ... */
#include "tools/sim/scenario.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS_MAX = 100000 };

/* roll HOSTS gap|over TIME VERB [what follows the hosts]: one host after another. */
static bool read_roll(struct scenario *scenario, uint64_t at_ns, char **words, uint32_t count,
                      struct host_list *hosts) {
    uint32_t used;
    uint64_t time_ns;
    char *line[SCENARIO_WORDS_MAX];
    char number[16];
    if (!scenario_hosts(scenario, words, count, hosts, &used)) {
        return false;
    }
    bool is_over = count > used && strcmp(words[used], "over") == 0;
    if (count < used + 3 || !(is_over || strcmp(words[used], "gap") == 0)) {
        return scenario_fail(scenario, "it is: at TIME roll HOSTS gap|over TIME VERB ...");
    }
    if (!scenario_time(scenario, words[used + 1], &time_ns)) {
        return false;
    }
    uint32_t rest = count - used - 3;
    for (uint32_t i = 0; i < hosts->count; i++) {
        uint64_t after_ns = is_over ? time_ns / hosts->count * i : time_ns * i;
        snprintf(number, sizeof(number), "%" PRIu32, hosts->numbers[i]);
        line[0] = words[used + 2];
        line[1] = number;
        memcpy(line + 2, words + used + 3, rest * sizeof(*line));
        if (!scenario_verb(scenario, at_ns + after_ns, line, rest + 2)) {
            return false;
        }
    }
    return true;
}

static bool read_what(struct scenario *scenario, uint64_t at_ns, char **words, uint32_t count) {
    if (strcmp(words[0], "roll") == 0) {
        struct host_list hosts = {0};
        bool ok = read_roll(scenario, at_ns, words + 1, count - 1, &hosts);
        free(hosts.numbers);
        return ok;
    }
    return scenario_verb(scenario, at_ns, words, count);
}

static bool read_every(struct scenario *scenario, uint64_t at_ns, char **words, uint32_t count) {
    uint64_t every_ns;
    uint64_t until_ns;
    if (count < 5 || strcmp(words[2], "until") != 0) {
        return scenario_fail(scenario, "it is: at TIME every TIME until TIME VERB ...");
    }
    if (!scenario_time(scenario, words[1], &every_ns) ||
        !scenario_time(scenario, words[3], &until_ns)) {
        return false;
    }
    if (every_ns == 0) {
        return scenario_fail(scenario, "every 0 has no end");
    }
    if (until_ns < at_ns) {
        return scenario_fail(scenario, "until %s is before it begins", words[3]);
    }
    if ((until_ns - at_ns) / every_ns > REPEATS_MAX) {
        return scenario_fail(scenario, "every %s until %s: more than %d times", words[1], words[3],
                             REPEATS_MAX);
    }
    for (; at_ns <= until_ns; at_ns += every_ns) {
        if (!read_what(scenario, at_ns, words + 4, count - 4)) {
            return false;
        }
    }
    return true;
}

bool scenario_at(struct scenario *scenario, char **words, uint32_t count) {
    uint64_t at_ns;
    if (count < 3) {
        return scenario_fail(scenario, "it is: at TIME VERB ..., or at TIME mark");
    }
    if (!scenario_time(scenario, words[1], &at_ns)) {
        return false;
    }
    if (strcmp(words[2], "mark") == 0 && count == 3) {
        if (scenario->mark_line > 0) {
            return scenario_fail(scenario, "a second mark; the first is in line %" PRIu32,
                                 scenario->mark_line);
        }
        scenario->mark_ns = at_ns;
        scenario->mark_line = scenario->line;
        return true;
    }
    scenario->is_drawn = true;
    if (strcmp(words[2], "every") == 0) {
        return read_every(scenario, at_ns, words + 2, count - 2);
    }
    return read_what(scenario, at_ns, words + 2, count - 2);
}
