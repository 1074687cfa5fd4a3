/* tools/sim/scenario.c - see scenario.h: lines, variables, settings; and writing it all back. */
#include "tools/sim/scenario.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 32, REPEATS_MAX = 100000 };

void scenario_init(struct scenario *scenario, const struct sim_settings *settings) {
    *scenario = (struct scenario){.settings = *settings};
    scenario->random = random_of_seed(settings->seed ^ UINT64_C(0x7363656e6172696f));
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
        struct sim_action *actions = capacity > SCENARIO_ACTIONS_MAX
                                         ? NULL
                                         : realloc(scenario->actions, capacity * sizeof(*actions));
        if (!actions) {
            return scenario_fail(scenario, "more than %d actions, or no memory",
                                 SCENARIO_ACTIONS_MAX);
        }
        scenario->actions = actions;
        scenario->capacity = capacity;
    }
    scenario->actions[scenario->count++] = *action;
    return true;
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

bool scenario_set_variable(struct scenario *scenario, const char *name, const char *value) {
    struct scenario_pair *pair = variable_named(scenario, name, strlen(name));
    if (pair) {
        return true; /* said before: the first word counts */
    }
    if (scenario->variables_count == SCENARIO_VARIABLES_MAX || strlen(name) >= sizeof(pair->name) ||
        strlen(value) >= sizeof(pair->value)) {
        return scenario_fail(scenario, "too many variables, or too long: %s", name);
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
            size_t length = 0;
            while (at + 1 + length < bytes &&
                   (from[1 + length] == '_' ||
                    (from[1 + length] >= 'a' && from[1 + length] <= 'z') ||
                    (from[1 + length] >= 'A' && from[1 + length] <= 'Z'))) {
                length++;
            }
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
            return scenario_fail(scenario, "the line is too long");
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
        if (count == WORDS_MAX) {
            return WORDS_MAX + 1;
        }
        words[count++] = at;
        at += strcspn(at, " \t\r");
        if (*at != '\0') {
            *at++ = '\0';
        }
    }
}

/* at TIME roll HOSTS gap TIME VERB [what follows the hosts]: one host after another. */
static bool read_roll(struct scenario *scenario, uint64_t at_ns, char **words, uint32_t count) {
    struct host_list hosts;
    uint32_t used;
    uint64_t gap_ns;
    char *line[WORDS_MAX];
    char number[16];
    if (!scenario_hosts(scenario, words, count, &hosts, &used)) {
        return false;
    }
    bool ok = count >= used + 3 && strcmp(words[used], "gap") == 0;
    ok = ok ? scenario_time(scenario, words[used + 1], &gap_ns)
            : scenario_fail(scenario, "at TIME roll HOSTS gap TIME VERB ...");
    for (uint32_t i = 0; ok && i < hosts.count; i++) {
        snprintf(number, sizeof(number), "%" PRIu32, hosts.numbers[i]);
        line[0] = words[used + 2];
        line[1] = number;
        memcpy(line + 2, words + used + 3, (count - used - 3) * sizeof(*line));
        ok = scenario_verb(scenario, at_ns + i * gap_ns, line, count - used - 1);
    }
    free(hosts.numbers);
    return ok;
}

/* at TIME [every TIME until TIME] [mark | roll ... | VERB ...] */
static bool read_at(struct scenario *scenario, char **words, uint32_t count) {
    uint64_t at_ns;
    uint64_t every_ns = 0;
    uint64_t until_ns = 0;
    uint32_t used = 2;
    if (count < 3) {
        return scenario_fail(scenario, "at TIME what?");
    }
    if (!scenario_time(scenario, words[1], &at_ns)) {
        return false;
    }
    if (strcmp(words[2], "every") == 0) {
        if (count < 7 || strcmp(words[4], "until") != 0) {
            return scenario_fail(scenario, "at TIME every TIME until TIME VERB ...");
        }
        if (!scenario_time(scenario, words[3], &every_ns) ||
            !scenario_time(scenario, words[5], &until_ns)) {
            return false;
        }
        if (every_ns == 0 || until_ns < at_ns || (until_ns - at_ns) / every_ns > REPEATS_MAX) {
            return scenario_fail(scenario, "every %s until %s: never ends, or never begins",
                                 words[3], words[5]);
        }
        used = 6;
    }
    if (strcmp(words[2], "roll") == 0) {
        return read_roll(scenario, at_ns, words + 3, count - 3);
    }
    if (strcmp(words[used], "mark") == 0 && count == used + 1) {
        scenario->mark_ns = at_ns;
        return true;
    }
    do {
        if (!scenario_verb(scenario, at_ns, words + used, count - used)) {
            return false;
        }
        at_ns += every_ns;
    } while (every_ns > 0 && at_ns <= until_ns);
    return true;
}

static bool read_group(struct scenario *scenario, char **words, uint32_t count) {
    uint32_t used = 0;
    if (count < 3 || scenario->groups_count == SCENARIO_GROUPS_MAX ||
        strlen(words[1]) >= sizeof(scenario->groups[0].name)) {
        return scenario_fail(scenario, "group NAME HOSTS; at most %d", SCENARIO_GROUPS_MAX);
    }
    struct scenario_group *group = &scenario->groups[scenario->groups_count];
    if (!scenario_hosts(scenario, words + 2, count - 2, &group->hosts, &used)) {
        return false;
    }
    snprintf(group->name, sizeof(group->name), "%s", words[1]);
    scenario->groups_count++;
    return count == used + 2 || scenario_fail(scenario, "group: \"%s\"?", words[used + 2]);
}

static bool read_config(struct scenario *scenario, const char *key, const char *value) {
    char reason[HENGE_REASON_BYTES];
    if (henge_config_set(&scenario->settings.config, key, value, reason, sizeof(reason)) ==
        HENGE_OK) {
        return true;
    }
    return scenario_fail(scenario, "set: %.200s", reason);
}

static bool read_network(struct scenario *scenario, const char *key, const char *value) {
    struct sim_network *network = &scenario->settings.network;
    uint64_t ppm;
    if (strcmp(key, "latency") == 0) {
        return scenario_time(scenario, value, &network->delay_ns);
    }
    if (strcmp(key, "jitter") == 0) {
        return scenario_time(scenario, value, &network->delay_random_ns);
    }
    uint32_t *share = strcmp(key, "loss") == 0        ? &network->loss_ppm
                      : strcmp(key, "duplicate") == 0 ? &network->duplicate_ppm
                                                      : &network->replay_ppm;
    if (!scenario_share(scenario, value, &ppm)) {
        return false;
    }
    *share = (uint32_t)ppm;
    return true;
}

static bool read_count(struct scenario *scenario, const char *what, const char *value, int64_t min,
                       int64_t max, uint32_t *out) {
    int64_t number;
    if (!scenario_number(scenario, value, &number)) {
        return false;
    }
    if (number < min || number > max) {
        return scenario_fail(scenario, "%s: %" PRId64 "..%" PRId64, what, min, max);
    }
    *out = (uint32_t)number;
    return true;
}

static bool read_setting(struct scenario *scenario, char **words, uint32_t count,
                         bool hosts_fixed) {
    struct sim_settings *settings = &scenario->settings;
    const char *key = words[0];
    if (strcmp(key, "set") == 0 && count == 3) {
        return read_config(scenario, words[1], words[2]);
    }
    if (strcmp(key, "var") == 0 && count == 3) {
        return scenario_set_variable(scenario, words[1], words[2]);
    }
    if (strcmp(key, "group") == 0) {
        return read_group(scenario, words, count);
    }
    if (count != 2) {
        return scenario_fail(scenario, "\"%s\" is no setting, or has not one value", key);
    }
    if (strcmp(key, "nodes") == 0) {
        uint32_t hosts = 0;
        if (!read_count(scenario, key, words[1], 1, SIM_HOSTS_MAX, &hosts)) {
            return false;
        }
        if (!hosts_fixed) {
            sim_settings_hosts(settings, hosts);
        }
        return true;
    }
    if (strcmp(key, "zones") == 0) {
        return read_count(scenario, key, words[1], 0, 4096, &settings->zones);
    }
    if (strcmp(key, "inbox") == 0) {
        return read_count(scenario, key, words[1], 1, 1 << 20, &settings->inbox_packets);
    }
    if (strcmp(key, "duration") == 0) {
        return scenario_time(scenario, words[1], &scenario->duration_ns);
    }
    const char *shares[] = {"latency", "jitter", "loss", "duplicate", "replay"};
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        if (strcmp(key, shares[i]) == 0) {
            return read_network(scenario, key, words[1]);
        }
    }
    return scenario_fail(scenario, "\"%s\" is no setting", key);
}

static bool read_line(struct scenario *scenario, const char *line, size_t bytes, bool hosts_fixed) {
    char text[SCENARIO_LINE_BYTES];
    char *words[WORDS_MAX];
    if (!expand(scenario, line, bytes, text, sizeof(text))) {
        return false;
    }
    uint32_t count = split(text, words);
    if (count == 0) {
        return true;
    }
    if (count > WORDS_MAX) {
        return scenario_fail(scenario, "more than %d words", WORDS_MAX);
    }
    if (strcmp(words[0], "at") == 0) {
        return read_at(scenario, words, count);
    }
    return read_setting(scenario, words, count, hosts_fixed);
}

bool scenario_read(struct scenario *scenario, const char *file, const char *text,
                   bool hosts_fixed) {
    uint32_t number = 0;
    for (const char *at = text; *at != '\0';) {
        size_t bytes = strcspn(at, "\n");
        number++;
        if (!read_line(scenario, at, bytes, hosts_fixed)) {
            char reason[SCENARIO_REASON_BYTES];
            snprintf(reason, sizeof(reason), "%s", scenario->reason);
            return scenario_fail(scenario, "%.60s:%u: %.180s", file, number, reason);
        }
        at += bytes + (at[bytes] == '\n');
    }
    return true;
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

/* What differs from the defaults; names, addresses and seeds are the engine's. */
static void write_config(const struct scenario *scenario, FILE *out) {
    struct sim_settings fresh;
    char value[HENGE_METADATA_BYTES + 1];
    char usual[HENGE_METADATA_BYTES + 1];
    const struct henge_config_key *key;
    sim_settings_init(&fresh, scenario->settings.hosts, scenario->settings.seed);
    for (size_t i = 0; (key = henge_config_describe(i)) != NULL; i++) {
        if (henge_config_get(&scenario->settings.config, key->key, value, sizeof(value)) ==
                HENGE_OK &&
            henge_config_get(&fresh.config, key->key, usual, sizeof(usual)) == HENGE_OK &&
            strcmp(value, usual) != 0) {
            fprintf(out, "set %s %s\n", key->key, value);
        }
    }
}

void scenario_write(const struct scenario *scenario, FILE *out) {
    const struct sim_settings *settings = &scenario->settings;
    const struct sim_network *network = &settings->network;
    fprintf(out, "nodes %u\nzones %u\ninbox %u\n", settings->hosts, settings->zones,
            settings->inbox_packets);
    fprintf(out, "duration %" PRIu64 "ns\n", scenario->duration_ns);
    fprintf(out, "latency %" PRIu64 "ns\njitter %" PRIu64 "ns\n", network->delay_ns,
            network->delay_random_ns);
    fprintf(out, "loss %uppm\nduplicate %uppm\nreplay %uppm\n", network->loss_ppm,
            network->duplicate_ppm, network->replay_ppm);
    write_config(scenario, out);
    if (scenario->mark_ns > 0) {
        fprintf(out, "at %" PRIu64 "ns mark\n", scenario->mark_ns);
    }
    for (size_t i = 0; i < scenario->count; i++) {
        scenario_verb_write(&scenario->actions[i], out);
    }
}
