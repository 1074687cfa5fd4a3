/* tools/sim/order.c - carrying out an order of the command line: scenario, runs, report. */
#include "core/base/clock.h"
#include "tools/sim/catalog.h"
#include "tools/sim/henge_sim.h"
#include "tools/sim/report.h"
#include "tools/sim/shrink.h"
#include "tools/sim/swarm.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NODES_USUAL = 5, REPLAY_BYTES = 1024 };
#define DURATION_USUAL_NS (60 * NS_PER_S)
#define PROGRESS_NS (200 * NS_PER_MS)

__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...) {
    va_list arguments;
    fputs("henge-sim: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return SIM_EXIT_USAGE;
}

/* A progress line on a terminal, so that a long run is seen to live. */
struct progress {
    bool is_shown;
    uint64_t last_ns;
    uint64_t seed;
};

static bool on_progress(void *context, const struct sim *sim, uint64_t until_ns) {
    struct progress *progress = context;
    uint64_t now_ns = clock_monotonic_ns();
    if (progress->is_shown && now_ns - progress->last_ns > PROGRESS_NS) {
        progress->last_ns = now_ns;
        fprintf(stderr, "\rseed %" PRIu64 "  %" PRIu64 " of %" PRIu64 " s  %" PRIu64 " events ",
                progress->seed, sim_now_ns(sim) / NS_PER_S, until_ns / NS_PER_S, sim_events(sim));
    }
    return true;
}

static void progress_clear(const struct progress *progress) {
    if (progress->is_shown && progress->last_ns > 0) {
        fputs("\r\033[K", stderr);
    }
}

static char *read_file(const char *path) {
    FILE *in = fopen(path, "r");
    char *text = malloc(SCENARIO_BYTES_MAX + 1);
    if (!in || !text) {
        if (in) {
            fclose(in);
        }
        free(text);
        return NULL;
    }
    size_t bytes = fread(text, 1, SCENARIO_BYTES_MAX, in);
    text[bytes] = '\0';
    fclose(in);
    return text;
}

static bool read_scenario(struct scenario *scenario, const struct order *order) {
    for (const struct catalog_entry *entry = catalog; entry->name; entry++) {
        if (strcmp(entry->name, order->scenario) == 0) {
            return scenario_read(scenario, entry->name, entry->text, order->nodes > 0);
        }
    }
    char *text = read_file(order->scenario);
    if (!text) {
        return scenario_fail(scenario, "scenario %s: %s (--list shows the built-in ones)",
                             order->scenario, strerror(errno));
    }
    bool ok = scenario_read(scenario, order->scenario, text, order->nodes > 0);
    free(text);
    return ok;
}

static bool apply_pairs(struct scenario *scenario, const struct order *order, bool are_variables) {
    for (size_t i = 0; i < order->pairs_count; i++) {
        const struct order_pair *pair = &order->pairs[i];
        char name[64];
        char reason[HENGE_REASON_BYTES];
        const char *value = pair->text + pair->name_bytes + 1;
        if (pair->is_variable != are_variables) {
            continue;
        }
        if (pair->name_bytes >= sizeof(name)) {
            return scenario_fail(scenario, "\"%.40s...\": the name is too long", pair->text);
        }
        memcpy(name, pair->text, pair->name_bytes);
        name[pair->name_bytes] = '\0';
        if (are_variables) {
            if (!scenario_set_variable(scenario, name, value)) {
                return false;
            }
        } else if (henge_config_set(&scenario->settings.config, name, value, reason,
                                    sizeof(reason)) != HENGE_OK) {
            return scenario_fail(scenario, "--set: %.200s", reason);
        }
    }
    return true;
}

static bool prepare(struct scenario *scenario, const struct order *order, uint64_t seed) {
    struct sim_settings settings;
    sim_settings_init(&settings, order->nodes > 0 ? order->nodes : NODES_USUAL, seed);
    settings.profile = order->profile;
    scenario_init(scenario, &settings);
    bool ok = apply_pairs(scenario, order, true);
    if (ok && order->is_swarm) {
        ok = swarm_draw(scenario, order->nodes);
    } else if (ok && order->scenario) {
        ok = read_scenario(scenario, order);
    }
    ok = ok && apply_pairs(scenario, order, false) && scenario_complete(scenario);
    if (order->duration_ns > 0) {
        scenario->duration_ns = order->duration_ns;
    } else if (scenario->duration_ns == 0) {
        scenario->duration_ns = DURATION_USUAL_NS;
    }
    return ok;
}

static void put(char *text, size_t *used, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put(char *text, size_t *used, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(text + *used, REPLAY_BYTES - *used, format, arguments);
    va_end(arguments);
    *used += bytes > 0 ? (size_t)bytes : 0;
    *used = *used < REPLAY_BYTES ? *used : REPLAY_BYTES - 1;
}

static void replay_command(const struct order *order, uint64_t seed, char *text) {
    size_t used = 0;
    put(text, &used, "henge sim --seed %" PRIu64, seed);
    if (order->nodes > 0) {
        put(text, &used, " --nodes %" PRIu32, order->nodes);
    }
    if (order->duration_ns > 0) {
        put(text, &used, " --duration %" PRIu64 "ns", order->duration_ns);
    }
    if (order->profile != &profile_henge) {
        put(text, &used, " --profile %s", order->profile->name);
    }
    if (order->scenario) {
        put(text, &used, " --scenario %s", order->scenario);
    }
    if (order->is_swarm) {
        put(text, &used, " --swarm");
    }
    if (order->is_settling) {
        put(text, &used, " --settle");
    }
    for (size_t i = 0; i < order->pairs_count; i++) {
        put(text, &used, " --%s %s", order->pairs[i].is_variable ? "var" : "set",
            order->pairs[i].text);
    }
}

static bool draw_timeline(const struct order *order, const struct timeline *timeline,
                          const char *title) {
    if (strcmp(order->timeline, "-") == 0) {
        return timeline_write_text(timeline, stdout);
    }
    FILE *out = fopen(order->timeline, "w");
    if (!out) {
        return false;
    }
    bool ok = timeline_write_svg(timeline, title, out);
    return fclose(out) == 0 && ok;
}

/* The smallest run that fails the same way, as a scenario that can be read again. */
static void shrink(const struct order *order, struct scenario *scenario,
                   const struct run_options *options, const struct run_result *result) {
    struct run_result *smallest = malloc(sizeof(*smallest));
    if (!smallest || order->shrink_ms == 0) {
        free(smallest);
        return;
    }
    uint8_t invariant = result->violations[0].invariant;
    shrink_scenario(scenario, options, invariant, order->shrink_ms, smallest);
    fprintf(stderr, "# smaller, still fails %s: henge sim --seed %" PRIu64 "%s --scenario FILE\n",
            checkers_invariants[invariant - 1].name, scenario->settings.seed,
            options->is_settling ? " --settle" : "");
    scenario_write(scenario, stderr);
    free(smallest);
}

static int report(const struct order *order, const struct report_head *head,
                  const struct run_result *result) {
    if (order->is_json) {
        json_t *object = report_json(head, result);
        bool ok = object && json_dumpf(object, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
        json_decref(object);
        fflush(stdout);
        if (!ok) {
            return fail("the report could not be written");
        }
    } else if (order->seeds > 1) {
        if (result->violations_count > 0) {
            report_violations(head, result, stdout);
        }
        report_line(head, result, stdout);
        fflush(stdout);
    } else {
        report_text(head, result, stdout);
    }
    return result->violations_count > 0 ? SIM_EXIT_VIOLATION : SIM_EXIT_OK;
}

static int run_seed(const struct order *order, uint64_t seed, struct run_result *result,
                    struct scenario *scenario) {
    char replay[REPLAY_BYTES];
    struct progress progress = {.is_shown = isatty(STDERR_FILENO) == 1, .seed = seed};
    struct run_options options = {.mask = order->is_unchecked ? 0 : CHECKERS_ALL,
                                  .is_settling = order->is_swarm || order->is_settling,
                                  .on_progress = on_progress,
                                  .context = &progress};
    if (!prepare(scenario, order, seed)) {
        return fail("%s", scenario->reason);
    }
    if (order->is_showing) {
        scenario_write(scenario, stdout);
        return SIM_EXIT_OK;
    }
    if (order->timeline) {
        options.timeline = timeline_create();
    }
    run_scenario(scenario, &options, result);
    progress_clear(&progress);
    if (!result->is_done) {
        timeline_destroy(options.timeline);
        return fail("the run could not be made: no memory, settings out of their limits, or more "
                    "nodes than a timeline shows");
    }
    replay_command(order, seed, replay);
    struct report_head head = {.scenario = order->is_swarm   ? "swarm"
                                           : order->scenario ? order->scenario
                                                             : "",
                               .replay = replay,
                               .settings = &scenario->settings};
    int code = report(order, &head, result);
    if (options.timeline && !draw_timeline(order, options.timeline, replay)) {
        code = fail("%s: %s", order->timeline, strerror(errno));
    }
    timeline_destroy(options.timeline);
    options.timeline = NULL;
    options.on_progress = NULL;
    if (code == SIM_EXIT_VIOLATION) {
        shrink(order, scenario, &options, result);
    }
    return code;
}

int order_carry_out(const struct order *order) {
    struct run_result *result = malloc(sizeof(*result));
    struct scenario *scenario = malloc(sizeof(*scenario));
    int worst = result && scenario ? SIM_EXIT_OK : fail("no memory");
    uint64_t failed = 0;
    if (worst == SIM_EXIT_OK && order->seeds > 1 && !order->is_json && !order->is_showing) {
        report_line_head(stdout);
    }
    for (uint64_t i = 0; i < order->seeds && worst != SIM_EXIT_USAGE; i++) {
        int code = run_seed(order, order->seed + i, result, scenario);
        scenario_deinit(scenario);
        failed += code == SIM_EXIT_VIOLATION;
        worst = code > worst ? code : worst;
    }
    if (order->seeds > 1 && !order->is_json && !order->is_showing && worst != SIM_EXIT_USAGE) {
        printf("%" PRIu64 " seeds, %" PRIu64 " with violations\n", order->seeds, failed);
    }
    free(result);
    free(scenario);
    return worst;
}
