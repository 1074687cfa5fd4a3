/* tools/sim/scenario.c - see scenario.h: lines, words and variables. */
#include "tools/sim/scenario.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct random scenario_random(uint64_t seed) {
    return random_of_seed(seed ^ UINT64_C(0x7363656e6172696f));
}

void scenario_init(struct scenario *scenario, const struct sim_settings *settings) {
    *scenario = (struct scenario){.settings = *settings};
    scenario->random = scenario_random(settings->seed);
}

void scenario_deinit(struct scenario *scenario) {
    for (uint32_t i = 0; i < scenario->groups_count; i++) {
        free(scenario->groups[i].hosts.numbers);
    }
    free(scenario->actions);
    scenario->actions = NULL;
    scenario->groups_count = 0;
    scenario->count = scenario->capacity = 0;
}

bool scenario_add(struct scenario *scenario, const struct sim_action *action) {
    if (scenario->count == scenario->capacity) {
        size_t capacity = scenario->capacity > 0 ? scenario->capacity * 2 : 64;
        if (capacity > SCENARIO_ACTIONS_MAX) {
            return scenario_fail(scenario, "more than %d actions", SCENARIO_ACTIONS_MAX);
        }
        struct sim_action *actions = realloc(scenario->actions, capacity * sizeof(*actions));
        if (!actions) {
            return scenario_fail(scenario, "out of memory");
        }
        scenario->actions = actions;
        scenario->capacity = capacity;
    }
    struct sim_action *added = &scenario->actions[scenario->count++];
    *added = *action;
    /* One way to say it: written and read back, it is the same action. */
    if (action->kind == SIM_LOSS || action->kind == SIM_DUPLICATE || action->kind == SIM_REPLAY) {
        added->who = (struct sim_hosts){0, scenario->settings.hosts, 1};
    }
    added->who.step = action->who.count > 1 && action->who.step > 0 ? action->who.step : 1;
    added->other.step = action->other.count > 1 && action->other.step > 0 ? action->other.step : 1;
    return true;
}

static bool is_letter(char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* How many of these bytes are a variable's name: a letter, then letters and digits. */
static size_t name_bytes(const char *text, size_t bytes) {
    size_t count = 0;
    while (count < bytes &&
           (is_letter(text[count]) || (count > 0 && text[count] >= '0' && text[count] <= '9'))) {
        count++;
    }
    return count;
}

static struct scenario_pair *variable_named(struct scenario *scenario, const char *name,
                                            size_t bytes) {
    for (uint32_t i = 0; i < scenario->variables_count; i++) {
        struct scenario_pair *pair = &scenario->variables[i];
        if (strlen(pair->name) == bytes && memcmp(pair->name, name, bytes) == 0) {
            return pair;
        }
    }
    return NULL;
}

bool scenario_declare_variable(struct scenario *scenario, const char *name, const char *value) {
    size_t bytes = strlen(name);
    const struct scenario_pair *pair = variable_named(scenario, name, bytes);
    if (bytes == 0 || name_bytes(name, bytes) != bytes) {
        return scenario_fail(scenario,
                             "var: a name is a letter or _, then letters, digits and _, "
                             "not \"%.32s\"",
                             name);
    }
    if (pair && pair->is_declared) {
        return scenario_fail(scenario, "var: %s is there already", name);
    }
    bool ok = scenario_set_variable(scenario, name, value);
    if (ok) {
        variable_named(scenario, name, bytes)->is_declared = true;
    }
    return ok;
}

bool scenario_set_variable(struct scenario *scenario, const char *name, const char *value) {
    struct scenario_pair *pair = variable_named(scenario, name, strlen(name));
    if (pair) {
        return true; /* said before: the first word counts */
    }
    if (scenario->variables_count == SCENARIO_VARIABLES_MAX) {
        return scenario_fail(scenario, "var: more than %d variables", SCENARIO_VARIABLES_MAX);
    }
    if (strlen(name) >= sizeof(pair->name) || strlen(value) >= sizeof(pair->value)) {
        return scenario_fail(scenario,
                             "var: the name \"%.32s\" is longer than %zu bytes, or its "
                             "value longer than %zu",
                             name, sizeof(pair->name) - 1, sizeof(pair->value) - 1);
    }
    pair = &scenario->variables[scenario->variables_count++];
    snprintf(pair->name, sizeof(pair->name), "%s", name);
    snprintf(pair->value, sizeof(pair->value), "%s", value);
    return true;
}

/* $NAME becomes its value; a # and what follows goes. */
static bool expand(struct scenario *scenario, const char *line, size_t bytes, char *out,
                   size_t out_bytes) {
    size_t used = 0;
    for (size_t at = 0; at < bytes && line[at] != '#';) {
        const char *from = line + at;
        size_t count = 1;
        if (line[at] == '$') {
            size_t length = name_bytes(from + 1, bytes - at - 1);
            const struct scenario_pair *pair = variable_named(scenario, from + 1, length);
            if (!pair) {
                return scenario_fail(scenario, "no variable $%.*s", (int)length, from + 1);
            }
            at += 1 + length;
            from = pair->value;
            count = strlen(pair->value);
        } else {
            at++;
        }
        if (used + count >= out_bytes) {
            return scenario_fail(scenario, "the line has more than %d bytes",
                                 SCENARIO_LINE_BYTES - 1);
        }
        memcpy(out + used, from, count);
        used += count;
    }
    out[used] = '\0';
    return true;
}

static uint32_t split(char *line, char **words) {
    uint32_t count = 0;
    char *at = line;
    for (;;) {
        at += strspn(at, " \t\r");
        if (*at == '\0') {
            return count;
        }
        if (count == SCENARIO_WORDS_MAX) {
            return SCENARIO_WORDS_MAX + 1;
        }
        words[count++] = at;
        at += strcspn(at, " \t\r");
        if (*at != '\0') {
            *at++ = '\0';
        }
    }
}

static bool read_line(struct scenario *scenario, const char *line, size_t bytes) {
    char text[SCENARIO_LINE_BYTES];
    char *words[SCENARIO_WORDS_MAX];
    if (!expand(scenario, line, bytes, text, sizeof(text))) {
        return false;
    }
    uint32_t count = split(text, words);
    if (count == 0) {
        return true;
    }
    if (count > SCENARIO_WORDS_MAX) {
        return scenario_fail(scenario, "more than %d words", SCENARIO_WORDS_MAX);
    }
    if (strcmp(words[0], "at") == 0) {
        return scenario_at(scenario, words, count);
    }
    return scenario_setting(scenario, words, count);
}

static double seconds(uint64_t ns) {
    return (double)ns / (double)NS_PER_S;
}

/* What begins when the run is over would be left out in silence. Only now is its length known. */
static bool check_end(struct scenario *scenario) {
    uint64_t end_ns =
        scenario->duration_ns > 0 ? scenario->duration_ns : SCENARIO_DURATION_USUAL_NS;
    if (scenario->mark_line > 0 && scenario->mark_ns >= end_ns) {
        scenario->line = scenario->mark_line;
        return scenario_fail(scenario, "the mark at %.9g s is not before the end, at %.9g s",
                             seconds(scenario->mark_ns), seconds(end_ns));
    }
    if (scenario->last_line > 0 && scenario->last_ns >= end_ns &&
        !(scenario->fixed & SCENARIO_FIXED_DURATION)) {
        scenario->line = scenario->last_line;
        return scenario_fail(scenario,
                             "what begins at %.9g s is not before the end, at %.9g s (duration)",
                             seconds(scenario->last_ns), seconds(end_ns));
    }
    return true;
}

static bool read_lines(struct scenario *scenario, const char *text) {
    for (const char *at = text; *at != '\0';) {
        size_t bytes = strcspn(at, "\n");
        scenario->line++;
        if (!read_line(scenario, at, bytes)) {
            return false;
        }
        at += bytes + (at[bytes] == '\n');
    }
    return true;
}

bool scenario_read(struct scenario *scenario, const char *file, const char *text) {
    scenario->line = 0;
    if (read_lines(scenario, text) && check_end(scenario)) {
        return true;
    }
    char reason[SCENARIO_REASON_BYTES];
    snprintf(reason, sizeof(reason), "%s", scenario->reason);
    return scenario_fail(scenario, "%.60s:%u: %.180s", file, scenario->line, reason);
}

bool scenario_complete(struct scenario *scenario) {
    struct sim_action seed = {.kind = SIM_START, .amount = -1, .who = {0, 1, 1}};
    struct sim_action rest = {
        .kind = SIM_START, .amount = 0, .who = {1, scenario->settings.hosts - 1, 1}};
    if (scenario->is_booting) {
        return true;
    }
    /* Before all else, so in front: actions of one instant happen in the order of the list. */
    size_t before = scenario->count;
    if (!scenario_add(scenario, &seed) ||
        (scenario->settings.hosts > 1 && !scenario_add(scenario, &rest))) {
        return false;
    }
    size_t added = scenario->count - before;
    memmove(scenario->actions + added, scenario->actions, before * sizeof(*scenario->actions));
    scenario->actions[0] = seed;
    if (added > 1) {
        scenario->actions[1] = rest;
    }
    scenario->is_booting = true;
    return true;
}
