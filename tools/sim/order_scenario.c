/* tools/sim/order_scenario.c - what an order of the command line means: its scenario, made whole;
 * and the command that says the same again. */
#include "core/base/clock.h"
#include "tools/sim/catalog.h"
#include "tools/sim/henge_sim.h"
#include "tools/sim/swarm.h"
#include "tools/sim/timeline.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_USUAL = 5 };

/* NULL with errno. *bytes_out: there may be a NUL before the one behind the last. */
static char *read_file(const char *path, size_t *bytes_out) {
    FILE *in = fopen(path, "r");
    char *text = in ? malloc(SCENARIO_BYTES_MAX + 1) : NULL;
    size_t bytes = text ? fread(text, 1, SCENARIO_BYTES_MAX + 1, in) : 0;
    int error = !in || !text || ferror(in) ? errno : bytes > SCENARIO_BYTES_MAX ? EFBIG : 0;
    if (in) {
        fclose(in);
    }
    if (error != 0 || !text) {
        free(text);
        errno = error;
        return NULL;
    }
    text[bytes] = '\0';
    *bytes_out = bytes;
    return text;
}

/* All behind a NUL byte would be left out in silence. */
static bool check_text(struct scenario *scenario, const char *file, const char *text,
                       size_t bytes) {
    size_t good = strlen(text);
    unsigned line = 1;
    for (size_t i = 0; i < good; i++) {
        line += text[i] == '\n';
    }
    return good == bytes || scenario_fail(scenario, "%.60s:%u: a NUL byte", file, line);
}

static bool read_scenario(struct scenario *scenario, const struct order *order) {
    for (const struct catalog_entry *entry = catalog; entry->name; entry++) {
        if (strcmp(entry->name, order->scenario) == 0) {
            return scenario_read(scenario, entry->name, entry->text);
        }
    }
    size_t bytes;
    char *text = read_file(order->scenario, &bytes);
    if (!text) {
        return scenario_fail(scenario, "scenario %s: %s (--list shows the built-in ones)",
                             order->scenario, strerror(errno));
    }
    bool ok = check_text(scenario, order->scenario, text, bytes) &&
              scenario_read(scenario, order->scenario, text);
    free(text);
    return ok;
}

static bool apply_pairs(struct scenario *scenario, const struct order *order, bool are_variables) {
    for (size_t i = 0; i < order->pairs_count; i++) {
        const struct order_pair *pair = &order->pairs[i];
        char name[64];
        const char *value = pair->text + pair->name_bytes + 1;
        if (pair->is_variable != are_variables) {
            continue;
        }
        if (pair->name_bytes >= sizeof(name)) {
            return scenario_fail(scenario, "\"%.40s...\": the name is too long", pair->text);
        }
        memcpy(name, pair->text, pair->name_bytes);
        name[pair->name_bytes] = '\0';
        if (!(are_variables ? scenario_set_variable : scenario_set_config)(scenario, name, value)) {
            return false;
        }
    }
    return true;
}

/* A misspelt --var would measure something else. */
static bool check_variables(struct scenario *scenario) {
    for (uint32_t i = 0; i < scenario->variables_count; i++) {
        if (!scenario->variables[i].is_declared) {
            return scenario_fail(scenario, "--var %s: the scenario has no such variable",
                                 scenario->variables[i].name);
        }
    }
    return true;
}

/* What would prevent the run. */
static bool check_limits(struct scenario *scenario, const struct order *order) {
    const struct sim_settings *settings = &scenario->settings;
    if (settings->config.members_max < settings->hosts) {
        return scenario_fail(scenario, "members_max %" PRIu32 " is too few for %" PRIu32 " nodes",
                             settings->config.members_max, settings->hosts);
    }
    if (order->timeline && settings->hosts > TIMELINE_HOSTS_MAX) {
        return scenario_fail(scenario, "a timeline shows up to %d nodes, not %" PRIu32,
                             TIMELINE_HOSTS_MAX, settings->hosts);
    }
    return sim_settings_are_valid(settings) ||
           scenario_fail(scenario, "the nodes' settings are out of their limits");
}

bool order_prepare(const struct order *order, uint64_t seed, struct scenario *scenario) {
    struct sim_settings settings;
    sim_settings_init(&settings, order->nodes > 0 ? order->nodes : NODES_USUAL, seed);
    settings.profile = order->profile;
    scenario_init(scenario, &settings);
    scenario->fixed = order->fixed;
    scenario->duration_ns = order->duration_ns;
    scenario->is_settling = order->is_settling || order->is_swarm;
    bool ok = apply_pairs(scenario, order, true);
    if (ok && order->is_swarm) {
        ok = swarm_draw(scenario, order->nodes);
    } else if (ok && order->scenario) {
        ok = read_scenario(scenario, order);
    }
    ok = ok && check_variables(scenario) && apply_pairs(scenario, order, false) &&
         check_limits(scenario, order) && scenario_complete(scenario);
    if (scenario->duration_ns == 0) {
        scenario->duration_ns = SCENARIO_DURATION_USUAL_NS;
    }
    return ok;
}

struct words {
    char *text; /* ORDER_REPLAY_BYTES */
    size_t used;
};

static void put(struct words *words, const char *text) {
    static const char more[] = " ...";
    size_t bytes = strlen(text);
    if (words->used + bytes + sizeof(more) <= ORDER_REPLAY_BYTES) {
        memcpy(words->text + words->used, text, bytes + 1);
        words->used += bytes;
    } else {
        memcpy(words->text + words->used, more, sizeof(more)); /* room is left for it */
    }
}

/* As one word of a shell, whatever is in it. */
static void put_quoted(struct words *words, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./=:,+@%-";
    if (*word != '\0' && strspn(word, plain) == strlen(word)) {
        put(words, word);
        return;
    }
    put(words, "'");
    for (const char *at = word; *at != '\0'; at++) {
        char one[2] = {*at, '\0'};
        put(words, *at == '\'' ? "'\\''" : one);
    }
    put(words, "'");
}

static void put_number(struct words *words, const char *option, uint64_t number, const char *unit) {
    char text[64];
    snprintf(text, sizeof(text), " --%s %" PRIu64 "%s", option, number, unit);
    put(words, text);
}

static void put_option(struct words *words, const char *option, const char *value) {
    put(words, " --");
    put(words, option);
    put(words, " ");
    put_quoted(words, value);
}

void order_replay(const struct order *order, uint64_t seed, char text[ORDER_REPLAY_BYTES]) {
    struct words words = {.text = text};
    text[0] = '\0';
    put(&words, "henge sim");
    put_number(&words, "seed", seed, "");
    if (order->nodes > 0) {
        put_number(&words, "nodes", order->nodes, "");
    }
    if (order->duration_ns > 0) {
        put_number(&words, "duration", order->duration_ns, "ns");
    }
    if (order->fixed & SCENARIO_FIXED_PROFILE) {
        put_option(&words, "profile", order->profile->name);
    }
    if (order->scenario) {
        put_option(&words, "scenario", order->scenario);
    }
    put(&words, order->is_swarm ? " --swarm" : "");
    put(&words, order->is_settling ? " --settle" : "");
    put(&words, order->is_unchecked ? " --no-checks" : "");
    for (size_t i = 0; i < order->pairs_count; i++) {
        put_option(&words, order->pairs[i].is_variable ? "var" : "set", order->pairs[i].text);
    }
}
