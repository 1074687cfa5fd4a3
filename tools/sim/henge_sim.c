/* tools/sim/henge_sim.c - the program henge-sim, called as `henge sim`: options, and what to do. */
#include "tools/sim/henge_sim.h"
#include "tools/sim/catalog.h"
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OPTION_PROFILE = 256,
    OPTION_SCENARIO,
    OPTION_SWARM,
    OPTION_JSON,
    OPTION_TIMELINE,
    OPTION_SET,
    OPTION_VAR,
    OPTION_SEEDS,
    OPTION_LIST,
    OPTION_ACTIONS,
    OPTION_SETTLE,
    OPTION_SHRINK,
    OPTION_NO_CHECKS
};

static const struct argp_option options[] = {
    {"nodes", 'n', "N", 0, "1..16384 nodes (the scenario's, else 5)", 0},
    {"seed", 's', "S", 0, "what chance is drawn from (1)", 0},
    {"duration", 'd', "TIME", 0, "virtual time: 60, 90s, 5m, 48h (the scenario's, else 60)", 0},
    {"profile", OPTION_PROFILE, "NAME", 0, "henge, lifeguard or classic", 0},
    {"scenario", OPTION_SCENARIO, "NAME|FILE", 0, "what happens; --list shows the built-in ones",
     0},
    {"swarm", OPTION_SWARM, NULL, 0,
     "size, network and faults drawn from the seed; then heal, and demand agreement", 0},
    {"settle", OPTION_SETTLE, NULL, 0, "after a scenario: heal, and demand agreement in time", 0},
    {"seeds", OPTION_SEEDS, "K", 0, "K runs with seeds S, S + 1, ...", 0},
    {"set", OPTION_SET, "KEY=VALUE", 0, "a setting of every node, as in henged's files", 0},
    {"var", OPTION_VAR, "NAME=VALUE", 0, "a variable of the scenario", 0},
    {"shrink", OPTION_SHRINK, "SECONDS", 0,
     "how long to make a failing run smaller (20; 0: not at all)", 0},
    {"no-checks", OPTION_NO_CHECKS, NULL, 0, "measure only; invariants are not judged", 0},
    {"json", OPTION_JSON, NULL, 0, "one JSON object per run", 0},
    {"timeline", OPTION_TIMELINE, "FILE.svg", 0, "draw the run; - for text on standard output", 0},
    {"list", OPTION_LIST, NULL, 0, "name the built-in scenarios", 0},
    {"actions", OPTION_ACTIONS, NULL, 0,
     "print the scenario as single actions, chance drawn, and do not run it", 0},
    {0},
};

static const char doc[] =
    "Runs whole henge nodes in virtual time: one seed, one run, every invariant checked.\v"
    "Examples:\n"
    "  henge sim --nodes 100 --seed 7 --duration 60\n"
    "  henge sim --scenario ten-crashes --nodes 1000 --profile lifeguard\n"
    "  henge sim --scenario my.sim --var C=8 --json\n"
    "  henge sim --swarm --seeds 200\n"
    "  henge sim --scenario flip-flop --nodes 60 --timeline flip.svg\n\n"
    "Exit codes: 0 no violation, 1 a violation (the seed and the command that replays it come first),"
    " 2 bad usage, bad scenario, no memory; 130 and 143: SIGINT, SIGTERM, with what there was.";

static uint64_t parse_number(struct argp_state *state, const char *what, const char *text,
                             uint64_t min, uint64_t max) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || number < min || number > max) {
        argp_error(state, "%s must be %" PRIu64 "..%" PRIu64 ", not \"%s\"", what, min, max, text);
    }
    return number;
}

static void add_pair(struct argp_state *state, struct order *order, const char *argument,
                     bool is_variable) {
    const char *equals = strchr(argument, '=');
    if (!equals || equals == argument) {
        argp_error(state, "\"%s\" is not NAME=VALUE", argument);
        return;
    }
    if (order->pairs_count == ORDER_PAIRS_MAX) {
        argp_error(state, "more than %d --set and --var", ORDER_PAIRS_MAX);
        return;
    }
    struct order_pair *pair = &order->pairs[order->pairs_count++];
    pair->is_variable = is_variable;
    pair->text = argument;
    pair->name_bytes = (size_t)(equals - argument);
}

static void list_scenarios(void) {
    for (const struct catalog_entry *entry = catalog; entry->name; entry++) {
        const char *text = entry->text;
        size_t bytes = strcspn(text, "\n");
        printf("%-22s %.*s\n", entry->name, text[0] == '#' ? (int)(bytes - 2) : 0, text + 2);
    }
}

static void parse_duration(struct argp_state *state, struct order *order, const char *argument) {
    struct scenario words = {0};
    if (!scenario_time(&words, argument, &order->duration_ns) || order->duration_ns == 0) {
        argp_error(state, "duration: %s", words.reason);
    }
}

static bool parse_flag(struct order *order, int key) {
    switch (key) {
    case OPTION_SWARM:
        return order->is_swarm = true;
    case OPTION_SETTLE:
        return order->is_settling = true;
    case OPTION_NO_CHECKS:
        return order->is_unchecked = true;
    case OPTION_JSON:
        return order->is_json = true;
    case OPTION_ACTIONS:
        return order->is_showing = true;
    default:
        return false;
    }
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    struct order *order = state->input;
    if (parse_flag(order, key)) {
        return 0;
    }
    switch (key) {
    case 'n':
        order->nodes = (uint32_t)parse_number(state, "nodes", argument, 1, SIM_HOSTS_MAX);
        order->fixed |= SCENARIO_FIXED_NODES;
        return 0;
    case 's':
        order->seed = parse_number(state, "seed", argument, 0, INT64_MAX);
        order->fixed |= SCENARIO_FIXED_SEED;
        return 0;
    case 'd':
        parse_duration(state, order, argument);
        order->fixed |= SCENARIO_FIXED_DURATION;
        return 0;
    case OPTION_PROFILE:
        order->profile = profile_of_name(argument);
        if (!order->profile) {
            argp_error(state, "profile is henge, lifeguard or classic, not \"%s\"", argument);
        }
        order->fixed |= SCENARIO_FIXED_PROFILE;
        return 0;
    case OPTION_SCENARIO:
        order->scenario = argument;
        return 0;
    case OPTION_SEEDS:
        order->fixed |= SCENARIO_FIXED_SEED;
        order->seeds = parse_number(state, "seeds", argument, 1, ORDER_SEEDS_MAX);
        return 0;
    case OPTION_SET:
    case OPTION_VAR:
        add_pair(state, order, argument, key == OPTION_VAR);
        return 0;
    case OPTION_SHRINK:
        order->shrink_ms = parse_number(state, "shrink", argument, 0, 86400) * 1000;
        return 0;
    case OPTION_TIMELINE:
        order->timeline = argument;
        return 0;
    case OPTION_LIST:
        list_scenarios();
        exit(fflush(stdout) == 0 && !ferror(stdout) ? 0 : SIM_EXIT_ERROR);
    case ARGP_KEY_ARG:
        argp_error(state, "what is \"%s\"?", argument);
        return EINVAL;
    case ARGP_KEY_END:
        if (order->is_swarm && order->scenario) {
            argp_error(state, "--swarm draws its own scenario");
        }
        if (order->timeline && order->seeds > 1) {
            argp_error(state, "--timeline draws one run");
        }
        if (order->timeline && order->is_showing) {
            argp_error(state, "--actions runs nothing that --timeline could draw");
        }
        if (order->timeline && order->is_json && strcmp(order->timeline, "-") == 0) {
            argp_error(state, "--json and --timeline - both want standard output");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv) {
    struct order order = {.seed = 1, .seeds = 1, .profile = &profile_henge, .shrink_ms = 20000};
    static const struct argp argp = {.options = options, .parser = parse, .doc = doc};
    argp_program_version = "henge-sim " HENGE_VERSION;
    argp_err_exit_status = SIM_EXIT_ERROR;
    error_t error = argp_parse(&argp, argc, argv, 0, NULL, &order);
    if (error != 0) {
        return SIM_EXIT_ERROR;
    }
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (flags == -1 || (flags & O_ACCMODE) == O_RDONLY) {
        fputs("henge-sim: standard output cannot be written\n", stderr);
        return SIM_EXIT_ERROR;
    }
    int code = order_carry_out(&order);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "henge-sim: cannot write the output: %s\n", strerror(errno));
        return SIM_EXIT_ERROR;
    }
    return code;
}
