/* tools/sim/scenario_settings.c - what a scenario says of the whole run: size, seed, network,
 * settings of the nodes, groups; and writing a scenario so that it can be read again. */
#include "tools/sim/scenario.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool check_group_name(struct scenario *scenario, const char *name) {
    if (scenario_is_host_word(name)) {
        return scenario_fail(scenario, "no group can be called \"%s\"", name);
    }
    if (strlen(name) >= sizeof(scenario->groups[0].name)) {
        return scenario_fail(scenario, "group: a name has at most %zu bytes",
                             sizeof(scenario->groups[0].name) - 1);
    }
    for (uint32_t i = 0; i < scenario->groups_count; i++) {
        if (strcmp(scenario->groups[i].name, name) == 0) {
            return scenario_fail(scenario, "group: %s is there already", name);
        }
    }
    return true;
}

static bool read_group(struct scenario *scenario, char **words, uint32_t count) {
    uint32_t used = 0;
    if (!check_group_name(scenario, words[1])) {
        return false;
    }
    if (scenario->groups_count == SCENARIO_GROUPS_MAX) {
        return scenario_fail(scenario, "group: more than %d groups", SCENARIO_GROUPS_MAX);
    }
    struct scenario_group *group = &scenario->groups[scenario->groups_count];
    scenario->is_drawn = true;
    if (!scenario_hosts(scenario, words + 2, count - 2, &group->hosts, &used)) {
        return false;
    }
    snprintf(group->name, sizeof(group->name), "%s", words[1]);
    scenario->groups_count++;
    return count == used + 2 ||
           scenario_fail(scenario, "group: \"%s\" has no place here", words[used + 2]);
}

/* What the engine gives each node or does in its own way: nothing would come of setting it. */
static const struct {
    const char *key, *instead;
} engine_keys[] = {
    {"name", "hosts are n0, n1, ..."},
    {"bind", "addresses are the engine's"},
    {"advertise", "addresses are the engine's"},
    {"join", "start HOSTS through HOST"},
    {"zone", "zones N"},
    {"data_dir", "restart ... blank forgets what would be in it"},
    {"label", "there is one cluster"},
    {"key_file", "packets are not sealed"},
    {"key", "packets are not sealed"},
    {"ring_salt", "it comes with a key"},
    {"insecure", "packets are not sealed"},
    {"transport", "the network is the engine's"},
    {"threads", "there are none"},
    {"affinity", "there are no threads"},
    {"nodes_max", "nodes N"},
    {"readers_max", "there are none"},
    {"random_seed", "seed S"},
    {"profile", "profile NAME, not set profile"},
};

bool scenario_set_config(struct scenario *scenario, const char *key, const char *value) {
    char reason[HENGE_REASON_BYTES];
    for (size_t i = 0; i < sizeof(engine_keys) / sizeof(engine_keys[0]); i++) {
        if (strcmp(key, engine_keys[i].key) == 0) {
            return scenario_fail(scenario, "set: %s is not for the simulator: %s", key,
                                 engine_keys[i].instead);
        }
    }
    if (henge_config_set(&scenario->settings.config, key, value, reason, sizeof(reason)) ==
        HENGE_OK) {
        return true;
    }
    return scenario_fail(scenario, "set: %.200s", reason);
}

static bool read_count(struct scenario *scenario, const char *what, const char *value, int64_t min,
                       int64_t max, uint32_t *out) {
    int64_t number;
    if (!scenario_number(scenario, value, &number)) {
        return false;
    }
    if (number < min || number > max) {
        return scenario_fail(scenario, "%s: %" PRId64 "..%" PRId64 ", not %s", what, min, max,
                             value);
    }
    *out = (uint32_t)number;
    return true;
}

/* One line of one value: what reads it. Each has the keyword for its message. */

static bool read_nodes(struct scenario *scenario, const char *key, const char *value) {
    uint32_t hosts = 0;
    if (!read_count(scenario, key, value, 1, SIM_HOSTS_MAX, &hosts)) {
        return false;
    }
    if (scenario->is_drawn) {
        return scenario_fail(scenario, "nodes: say it before hosts are named");
    }
    if (!(scenario->fixed & SCENARIO_FIXED_NODES)) {
        sim_settings_hosts(&scenario->settings, hosts);
    }
    return true;
}

static bool read_seed(struct scenario *scenario, const char *key, const char *value) {
    int64_t seed;
    (void)key;
    if (!scenario_number(scenario, value, &seed)) {
        return false;
    }
    if (seed < 0) {
        return scenario_fail(scenario, "seed: 0..%" PRId64 ", not %s", INT64_MAX, value);
    }
    if (scenario->is_drawn) {
        return scenario_fail(scenario, "seed: say it before hosts are named");
    }
    if (!(scenario->fixed & SCENARIO_FIXED_SEED)) {
        scenario->settings.seed = (uint64_t)seed;
        scenario->random = scenario_random(scenario->settings.seed);
    }
    return true;
}

static bool read_profile(struct scenario *scenario, const char *key, const char *value) {
    const struct profile *profile = profile_of_name(value);
    (void)key;
    if (!profile) {
        return scenario_fail(scenario, "profile is henge, lifeguard or classic, not \"%s\"", value);
    }
    if (!(scenario->fixed & SCENARIO_FIXED_PROFILE)) {
        scenario->settings.profile = profile;
    }
    return true;
}

static bool read_zones(struct scenario *scenario, const char *key, const char *value) {
    return read_count(scenario, key, value, 0, 4096, &scenario->settings.zones);
}

static bool read_inbox(struct scenario *scenario, const char *key, const char *value) {
    return read_count(scenario, key, value, 1, 1 << 20, &scenario->settings.inbox_packets);
}

static bool read_duration(struct scenario *scenario, const char *key, const char *value) {
    uint64_t duration_ns;
    if (!scenario_time(scenario, value, &duration_ns)) {
        return false;
    }
    if (!(scenario->fixed & SCENARIO_FIXED_DURATION)) {
        scenario->duration_ns = duration_ns;
    }
    return duration_ns > 0 || scenario_fail(scenario, "%s: more than 0", key);
}

static bool read_period(struct scenario *scenario, const char *key, const char *value) {
    uint64_t ns;
    char text[24];
    if (!scenario_time(scenario, value, &ns)) {
        return false;
    }
    if (ns % NS_PER_MS != 0) {
        return scenario_fail(scenario, "%s: whole milliseconds, not %s", key, value);
    }
    snprintf(text, sizeof(text), "%" PRIu64, ns / NS_PER_MS);
    return scenario_set_config(scenario, "probe.period_ms", text);
}

static bool read_boot(struct scenario *scenario, const char *key, const char *value) {
    scenario->is_booting = true;
    return strcmp(value, "none") == 0 ||
           scenario_fail(scenario, "%s none, or no such line: not \"%s\"", key, value);
}

static bool read_latency(struct scenario *scenario, const char *key, const char *value) {
    (void)key;
    return scenario_time(scenario, value, &scenario->settings.network.delay_ns);
}

static bool read_jitter(struct scenario *scenario, const char *key, const char *value) {
    (void)key;
    return scenario_time(scenario, value, &scenario->settings.network.delay_random_ns);
}

static bool read_share(struct scenario *scenario, const char *key, const char *value) {
    struct sim_network *network = &scenario->settings.network;
    uint32_t *share = strcmp(key, "loss") == 0        ? &network->loss_ppm
                      : strcmp(key, "duplicate") == 0 ? &network->duplicate_ppm
                                                      : &network->replay_ppm;
    uint64_t ppm;
    if (!scenario_share(scenario, value, &ppm)) {
        return false;
    }
    *share = (uint32_t)ppm;
    return true;
}

static bool read_settle(struct scenario *scenario) {
    scenario->is_settling = true;
    return true;
}

static bool form(struct scenario *scenario, const char *form) {
    return scenario_fail(scenario, "it is: %s", form);
}

bool scenario_setting(struct scenario *scenario, char **words, uint32_t count) {
    static const struct {
        const char *key, *form;
        bool (*read)(struct scenario *scenario, const char *key, const char *value);
    } settings[] = {
        {"nodes", "nodes N", read_nodes},
        {"seed", "seed S", read_seed},
        {"profile", "profile NAME", read_profile},
        {"zones", "zones N", read_zones},
        {"inbox", "inbox N", read_inbox},
        {"duration", "duration TIME", read_duration},
        {"period", "period TIME", read_period},
        {"latency", "latency TIME", read_latency},
        {"jitter", "jitter TIME", read_jitter},
        {"loss", "loss SHARE", read_share},
        {"duplicate", "duplicate SHARE", read_share},
        {"replay", "replay SHARE", read_share},
        {"boot", "boot none", read_boot},
    };
    const char *key = words[0];
    if (strcmp(key, "set") == 0) {
        return count == 3 ? scenario_set_config(scenario, words[1], words[2])
                          : form(scenario, "set KEY VALUE");
    }
    if (strcmp(key, "var") == 0) {
        return count == 3 ? scenario_declare_variable(scenario, words[1], words[2])
                          : form(scenario, "var NAME VALUE");
    }
    if (strcmp(key, "group") == 0) {
        return count >= 3 ? read_group(scenario, words, count) : form(scenario, "group NAME HOSTS");
    }
    if (strcmp(key, "settle") == 0) {
        return count == 1 ? read_settle(scenario) : form(scenario, "settle, and no more");
    }
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (strcmp(key, settings[i].key) == 0) {
            return count == 2 ? settings[i].read(scenario, key, words[1])
                              : form(scenario, settings[i].form);
        }
    }
    return scenario_fail(scenario, "\"%s\" is no setting; what happens begins with \"at\"", key);
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

static void write_network(const struct sim_settings *settings, FILE *out) {
    struct sim_settings fresh;
    const struct sim_network *network = &settings->network;
    sim_settings_init(&fresh, settings->hosts, settings->seed);
    const struct sim_network *usual = &fresh.network;
    if (network->delay_ns != usual->delay_ns) {
        fprintf(out, "latency %" PRIu64 "ns\n", network->delay_ns);
    }
    if (network->delay_random_ns != usual->delay_random_ns) {
        fprintf(out, "jitter %" PRIu64 "ns\n", network->delay_random_ns);
    }
    if (network->loss_ppm != usual->loss_ppm) {
        fprintf(out, "loss %" PRIu32 "ppm\n", network->loss_ppm);
    }
    if (network->duplicate_ppm != usual->duplicate_ppm) {
        fprintf(out, "duplicate %" PRIu32 "ppm\n", network->duplicate_ppm);
    }
    if (network->replay_ppm != usual->replay_ppm) {
        fprintf(out, "replay %" PRIu32 "ppm\n", network->replay_ppm);
    }
    if (settings->inbox_packets != fresh.inbox_packets) {
        fprintf(out, "inbox %" PRIu32 "\n", settings->inbox_packets);
    }
    if (settings->zones != fresh.zones) {
        fprintf(out, "zones %" PRIu32 "\n", settings->zones);
    }
}

void scenario_write(const struct scenario *scenario, FILE *out) {
    const struct sim_settings *settings = &scenario->settings;
    fprintf(out, "nodes %" PRIu32 "\nseed %" PRIu64 "\nprofile %s\n", settings->hosts,
            settings->seed, settings->profile->name);
    fprintf(out, "duration %" PRIu64 "ns\nboot none\n%s", scenario->duration_ns,
            scenario->is_settling ? "settle\n" : "");
    write_network(settings, out);
    write_config(scenario, out);
    if (scenario->mark_ns > 0) {
        fprintf(out, "at %" PRIu64 "ns mark\n", scenario->mark_ns);
    }
    for (size_t i = 0; i < scenario->count; i++) {
        if (scenario->actions[i].at_ns < scenario->duration_ns) {
            scenario_verb_write(&scenario->actions[i], out);
        }
    }
}
