/* bench/cluster_options.c - the command line of bench_cluster; see cluster.h. */
#include "bench/cluster.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400, WORDS_MAX = 32, FIRST_NUMBER = 256 };

/* The same key in every run: nobody else is on this cluster. */
static const char key[] = "6b6579206f6620612062656e63682c2074686174206973206e6f207365637265";
static const char salt[] = "000102030405060708090a0b0c0d0e0f";

static const char *const phase_names[CLUSTER_PHASES] = {"idle",    "update", "crash", "join",
                                                        "restart", "kill",   "churn"};

static const char help[] =
    "usage: bench_cluster [OPTIONS]\n"
    "\n"
    "N full nodes in this process, over loopback: what they cost, how fast they find out. How\n"
    "to read it: the head of bench/cluster.c.\n"
    "\n"
    "  --nodes N        how many, 2..4096 (100)\n"
    "  --threads N      of each runtime, 1..3 (3)\n"
    "  --runtimes R     the nodes are spread over so many, 1..64 (1)\n"
    "  --phases LIST    of idle,update,crash,join,restart,kill,churn (all), after the bootstrap\n"
    "  --idle S         seconds that the idle phase measures (30)\n"
    "  --updates N      of the update phase, 1..1000 (10)\n"
    "  --crashes N      of the crash phase, 1..16 (3)\n"
    "  --changes N      joins and leaves of the join phase, 1..16 (3)\n"
    "  --restart-s S    all are restarted within S seconds (60)\n"
    "  --churn R        joins and leaves per second of the churn phase (0: none)\n"
    "  --duration S     seconds of churn (60)\n"
    "  --loss P         per cent of all IP packets that are lost, 0..50 (0)\n"
    "  --limit S        longest that anything is waited for (120)\n"
    "  --no-readers     nobody reads: nodes without views and rings\n"
    "  --set KEY=VALUE  any setting of henge, for all nodes and runtimes\n"
    "  --svg FILE       a picture of the run: who agreed, and the CPU, over time\n"
    "  --json           one JSON object instead of the table\n"
    "  --help           this text\n";

struct number {
    const char *name;
    uint32_t *value;
    uint32_t low, high;
};

static bool complain(const char *word, const char *text) {
    fprintf(stderr, "bench_cluster: --%s: '%s' is not one of its values; see --help\n", word, text);
    return false;
}

static bool number_take(const struct number *number, const char *text) {
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < number->low || value > number->high) {
        return complain(number->name, text);
    }
    *number->value = (uint32_t)value;
    return true;
}

static bool decimal_take(double *value, const char *word, const char *text, double high) {
    char *end = NULL;
    *value = strtod(text, &end);
    return (end != text && *end == '\0' && *value >= 0 && *value <= high) || complain(word, text);
}

static bool setting_take(struct cluster_options *options, const char *name, const char *value) {
    char reason[HENGE_REASON_BYTES];
    if (henge_config_set(&options->config, name, value, reason, sizeof(reason)) == HENGE_OK) {
        return true;
    }
    fprintf(stderr, "bench_cluster: %s\n", reason);
    return false;
}

static bool pair_take(struct cluster_options *options, const char *pair) {
    char name[64];
    const char *value = strchr(pair, '=');
    if (!value || (size_t)(value - pair) >= sizeof(name)) {
        return complain("set", pair);
    }
    snprintf(name, sizeof(name), "%.*s", (int)(value - pair), pair);
    return setting_take(options, name, value + 1);
}

static bool phases_take(struct cluster_options *options, const char *list) {
    memset(options->has_phase, 0, sizeof(options->has_phase));
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        size_t length = strcspn(at, ","), phase = 0;
        while (phase < CLUSTER_PHASES && (strlen(phase_names[phase]) != length ||
                                          strncmp(at, phase_names[phase], length) != 0)) {
            phase++;
        }
        if (phase == CLUSTER_PHASES) {
            return complain("phases", list);
        }
        options->has_phase[phase] = true;
    }
    return true;
}

static bool options_init(struct cluster_options *options) {
    *options = (struct cluster_options){.nodes = 100,
                                        .runtimes = 1,
                                        .idle_s = 30,
                                        .limit_s = 120,
                                        .updates = 10,
                                        .crashes = 3,
                                        .changes = 3,
                                        .restart_s = 60,
                                        .churn_s = 60,
                                        .has_readers = true};
    memset(options->has_phase, true, sizeof(options->has_phase));
    henge_config_init(&options->config, HENGE_PRESET_LAN);
    return setting_take(options, "key", key) && setting_take(options, "ring_salt", salt) &&
           setting_take(options, "label", "bench");
}

static bool word_take(struct cluster_options *options, int word, const char *text) {
    switch (word) {
    case 't':
        return setting_take(options, "threads", text);
    case 'p':
        return phases_take(options, text);
    case 'c':
        return decimal_take(&options->churn_per_s, "churn", text, 1000);
    case 'l':
        return decimal_take(&options->loss_percent, "loss", text, 50);
    case 'v':
        options->svg = text;
        return true;
    case 's':
        return pair_take(options, text);
    case 'b':
        options->has_readers = false;
        return true;
    case 'j':
        options->is_json = true;
        return true;
    default:
        return false;
    }
}

int cluster_options_parse(struct cluster_options *options, int count, char **arguments) {
    const struct number numbers[] = {{"nodes", &options->nodes, 2, CLUSTER_NODES_MAX},
                                     {"runtimes", &options->runtimes, 1, CLUSTER_RUNTIMES_MAX},
                                     {"idle", &options->idle_s, 1, DAY_S},
                                     {"updates", &options->updates, 1, 1000},
                                     {"crashes", &options->crashes, 1, CLUSTER_TURNS_MAX},
                                     {"changes", &options->changes, 1, CLUSTER_TURNS_MAX},
                                     {"restart-s", &options->restart_s, 0, DAY_S},
                                     {"duration", &options->churn_s, 1, DAY_S},
                                     {"limit", &options->limit_s, 1, DAY_S}};
    enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
    struct option words[WORDS_MAX] = {
        {"threads", required_argument, NULL, 't'}, {"phases", required_argument, NULL, 'p'},
        {"churn", required_argument, NULL, 'c'},   {"loss", required_argument, NULL, 'l'},
        {"set", required_argument, NULL, 's'},     {"no-readers", no_argument, NULL, 'b'},
        {"svg", required_argument, NULL, 'v'},     {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'}};
    enum { WORDS = 9 };
    int word;
    for (int i = 0; i < NUMBERS; i++) {
        words[WORDS + i] =
            (struct option){numbers[i].name, required_argument, NULL, FIRST_NUMBER + i};
    }
    if (!options_init(options)) {
        return 2;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
    while ((word = getopt_long(count, arguments, "", words, NULL)) != -1) {
        if (word == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (word >= FIRST_NUMBER ? !number_take(&numbers[word - FIRST_NUMBER], optarg)
                                 : !word_take(options, word, optarg)) {
            return 2;
        }
    }
    return optind < count ? (fputs(help, stderr), 2) : -1;
}
