/* tools/sim/order.c - carrying out an order of the command line: runs, reports, what fails made
 * smaller. */
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "tools/sim/henge_sim.h"
#include "tools/sim/report.h"
#include "tools/sim/shrink.h"
#include "tools/sim/signals.h"
#include "tools/sim/summary.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_NS (200 * NS_PER_MS)

__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...) {
    va_list arguments;
    fputs("henge-sim: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return SIM_EXIT_ERROR;
}

/* A progress line on a terminal, so that a long run is seen to live. */
struct progress {
    bool is_shown;    /* is there a terminal? */
    bool is_there;    /* a line to be cleared */
    uint64_t last_ns; /* when it was shown, else the beginning */
    uint64_t seed;
};

static bool on_progress(void *context, const struct sim *sim, uint64_t until_ns) {
    struct progress *progress = context;
    uint64_t now_ns = progress->is_shown ? clock_monotonic_ns() : 0;
    if (progress->is_shown && now_ns - progress->last_ns > PROGRESS_NS) {
        progress->last_ns = now_ns;
        progress->is_there = true;
        fprintf(stderr, "\rseed %" PRIu64 "  %" PRIu64 " of %" PRIu64 " s  %" PRIu64 " events ",
                progress->seed, sim_now_ns(sim) / NS_PER_S, until_ns / NS_PER_S, sim_events(sim));
    }
    return signals_noted() == 0;
}

static void progress_clear(const struct progress *progress) {
    if (progress->is_there) {
        fputs("\r\033[K", stderr);
    }
}

/* Where the timeline goes. NULL: errno says why not; asked for before the run, which may take long.
 */
static FILE *open_timeline(const char *path) {
    return strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
}

static bool draw_timeline(const struct timeline *timeline, const char *title, FILE *out) {
    if (out == stdout) {
        return timeline_write_text(timeline, out);
    }
    bool ok = timeline_write_svg(timeline, title, out);
    return fclose(out) == 0 && ok;
}

/* The smallest run that fails the same way, as a scenario that can be read again. */
static void shrink(const struct order *order, struct scenario *scenario,
                   const struct run_options *options, const struct run_result *result) {
    struct run_result *smallest = malloc(sizeof(*smallest));
    uint8_t invariant = result->violations[0].invariant;
    if (!smallest || order->shrink_ms == 0) {
        free(smallest);
        return;
    }
    if (isatty(STDERR_FILENO) == 1) {
        fprintf(stderr, "making it smaller ...\n");
    }
    *smallest = *result;
    shrink_scenario(scenario, options, invariant, order->shrink_ms, smallest);
    /* Beside JSON, which stands alone on standard output. */
    FILE *out = order->is_json ? stderr : stdout;
    fprintf(out, "# Smaller, still fails %s. Saved as FILE: henge sim --scenario FILE\n",
            checkers_invariants[invariant - 1].name);
    scenario_write(scenario, out);
    fputs("# End.\n", out);
    fflush(out);
    free(smallest);
}

static int report(const struct order *order, const struct report_head *head,
                  const struct run_result *result) {
    if (order->is_json) {
        json_t *object = report_json(head, result);
        bool ok = object &&
                  json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12)) == 0 &&
                  putchar('\n') != EOF;
        json_decref(object);
        fflush(stdout);
        if (!ok) {
            return fail("the report could not be written");
        }
    } else if (order->seeds > 1) {
        if (result->violations_count > 0) {
            report_violations(head, result, stdout);
        }
        if (result->is_done) {
            report_line(head, result, stdout);
        }
        fflush(stdout);
    } else {
        report_text(head, result, stdout);
    }
    return result->violations_count > 0 ? SIM_EXIT_VIOLATION : SIM_EXIT_OK;
}

/* Said should an assertion end the program. */
static void prepare_last_words(const struct order *order, uint64_t seed) {
    char replay[ORDER_REPLAY_BYTES];
    static char words[ORDER_REPLAY_BYTES + 64];
    order_replay(order, seed, replay);
    snprintf(words, sizeof(words), "\nseed %" PRIu64 " FAILS: %s\n", seed, replay);
    signals_last_words(words);
}

/* One seed, its scenario prepared. */
static int run_seed(const struct order *order, struct scenario *scenario,
                    struct run_result *result) {
    char replay[ORDER_REPLAY_BYTES];
    struct progress progress = {.is_shown = isatty(STDERR_FILENO) == 1,
                                .last_ns = clock_monotonic_ns(),
                                .seed = scenario->settings.seed};
    struct run_options options = {.mask = order->is_unchecked ? 0 : CHECKERS_ALL,
                                  .timeline = order->timeline ? timeline_create() : NULL,
                                  .on_progress = on_progress,
                                  .context = &progress};
    FILE *picture = order->timeline ? open_timeline(order->timeline) : NULL;
    if (order->timeline && !picture) {
        timeline_destroy(options.timeline);
        return fail("%s: %s", order->timeline, strerror(errno));
    }
    order_replay(order, scenario->settings.seed, replay);
    run_scenario(scenario, &options, result);
    progress_clear(&progress);
    /* What else would prevent it order_prepare has looked at. */
    ASSERT(result->is_done || result->is_interrupted);
    struct report_head head = {.scenario = order->is_swarm   ? "swarm"
                                           : order->scenario ? order->scenario
                                                             : "",
                               .replay = replay,
                               .settings = &scenario->settings};
    int code = report(order, &head, result);
    bool is_drawn = !picture || draw_timeline(options.timeline, replay, picture);
    timeline_destroy(options.timeline);
    if (!is_drawn) {
        return fail("%s: %s", order->timeline, strerror(errno));
    }
    if (code == SIM_EXIT_VIOLATION && result->is_done) {
        progress.is_shown = false;
        options.timeline = NULL;
        shrink(order, scenario, &options, result);
    }
    return code;
}

static int show_actions(const struct scenario *scenario) {
    scenario_write(scenario, stdout);
    return SIM_EXIT_OK;
}

/* All seeds; what is summed up goes to `summary`. */
static int run_seeds(const struct order *order, struct scenario *scenario,
                     struct run_result *result, struct summary *summary) {
    int worst = SIM_EXIT_OK;
    bool has_lines = order->seeds > 1 && !order->is_json && !order->is_showing;
    if (has_lines) {
        report_line_head(stdout);
    }
    for (uint64_t i = 0; i < order->seeds && worst != SIM_EXIT_ERROR && signals_noted() == 0; i++) {
        int code = SIM_EXIT_OK;
        prepare_last_words(order, order->seed + i);
        if (!order_prepare(order, order->seed + i, scenario)) {
            code = fail("%s", scenario->reason);
        } else if (order->is_showing) {
            code = show_actions(scenario);
        } else {
            code = run_seed(order, scenario, result);
        }
        if (!order->is_showing && code != SIM_EXIT_ERROR) {
            summary_add(summary, scenario->settings.seed, result);
        }
        scenario_deinit(scenario);
        worst = code > worst ? code : worst;
    }
    if (has_lines && worst != SIM_EXIT_ERROR) {
        char replay[ORDER_REPLAY_BYTES] = "";
        if (summary->failed > 0) {
            order_replay(order, summary->first_failed_seed, replay);
        }
        if (signals_noted() != 0) {
            printf("\ninterrupted after %" PRIu64 " of %" PRIu64 " seeds\n", summary->runs,
                   order->seeds);
        }
        summary_print(summary, replay, stdout);
    }
    return worst == SIM_EXIT_ERROR || signals_noted() == 0 ? worst
                                                           : SIM_EXIT_SIGNAL + signals_noted();
}

int order_carry_out(const struct order *order) {
    struct run_result *result = malloc(sizeof(*result));
    struct scenario *scenario = malloc(sizeof(*scenario));
    struct summary summary;
    signals_note();
    bool has_summary = summary_init(&summary, order->seeds);
    int code = result && scenario && has_summary ? run_seeds(order, scenario, result, &summary)
                                                 : fail("out of memory");
    summary_deinit(&summary);
    free(result);
    free(scenario);
    return code;
}
