/* tools/sim/scenario_verbs.c - the verbs of a scenario: words to actions and back.
 *
 *     VERB HOSTS [AMOUNT] [to|from HOSTS] [through HOST] [after TIME] [for TIME]
 *         [elsewhere] [blank]
 *
 * One row of the table says what a verb is and what its amount is. */
#include "membership/limits.h"
#include "tools/sim/scenario.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum amount {
    NO_AMOUNT,
    AMOUNT_SHARE,
    AMOUNT_TIME,
    AMOUNT_HOST,
    AMOUNT_BYTES, /* per second */
    AMOUNT_MS,    /* either way, as far ahead as a generation may be */
    AMOUNT_PPM    /* either way, a half at most */
};

static const struct verb {
    const char *name;
    uint8_t kind; /* enum sim_action_kind */
    uint8_t amount;
    bool has_hosts;
    bool is_fault; /* takes "for TIME" */
} verbs[] = {
    {"start", SIM_START, NO_AMOUNT, true, false},
    {"crash", SIM_CRASH, NO_AMOUNT, true, false},
    {"restart", SIM_RESTART, NO_AMOUNT, true, false},
    {"leave", SIM_LEAVE, NO_AMOUNT, true, false},
    {"join", SIM_JOIN, NO_AMOUNT, true, false},
    {"metadata", SIM_METADATA, NO_AMOUNT, true, false},
    {"evict", SIM_EVICT, AMOUNT_HOST, true, false},
    {"pause", SIM_PAUSE, NO_AMOUNT, true, true},
    {"stall-gossip", SIM_STALL_GOSSIP, NO_AMOUNT, true, true},
    {"stall-detector", SIM_STALL_DETECTOR, NO_AMOUNT, true, true},
    {"deaf", SIM_DEAF, NO_AMOUNT, true, true},
    {"slow", SIM_SLOW, AMOUNT_TIME, true, true},
    {"loss-in", SIM_LOSS_IN, AMOUNT_SHARE, true, true},
    {"loss-out", SIM_LOSS_OUT, AMOUNT_SHARE, true, true},
    {"cut", SIM_CUT, NO_AMOUNT, true, true},
    {"delay", SIM_DELAY, AMOUNT_TIME, true, true},
    {"capacity", SIM_CAPACITY, AMOUNT_BYTES, true, true},
    {"clock-step", SIM_CLOCK_STEP, AMOUNT_MS, true, false},
    {"clock-drift", SIM_CLOCK_DRIFT, AMOUNT_PPM, true, true},
    {"later-version", SIM_LATER_VERSION, NO_AMOUNT, true, true},
    {"duplicate", SIM_DUPLICATE, AMOUNT_SHARE, false, true},
    {"replay", SIM_REPLAY, AMOUNT_SHARE, false, true},
    {"loss", SIM_LOSS, AMOUNT_SHARE, false, true},
    {"heal", SIM_HEAL, NO_AMOUNT, true, false},
};

static const struct verb *verb_named(const char *name) {
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

/* What a line says, before it is spread over hosts. */
struct line {
    const struct verb *verb;
    struct sim_action action;
    struct host_list who, other;
    bool is_cut_off; /* "from": both ways */
};

static bool read_number(struct scenario *scenario, struct line *line, const char *word) {
    int64_t min = 0;
    int64_t max = 0;
    switch (line->verb->amount) {
    case AMOUNT_HOST:
        max = scenario->settings.hosts - 1;
        break;
    case AMOUNT_BYTES:
        min = 1;
        max = INT64_C(1000000000000);
        break;
    case AMOUNT_MS:
        max = (int64_t)GENERATION_AHEAD_MAX_MS; /* of one that is further all is refused */
        min = -max;
        break;
    default:
        max = SIM_MILLION / 2;
        min = -max;
        break;
    }
    if (!scenario_number(scenario, word, &line->action.amount)) {
        return false;
    }
    return (line->action.amount >= min && line->action.amount <= max) ||
           scenario_fail(scenario, "%s: %" PRId64 "..%" PRId64 ", not %s", line->verb->name, min,
                         max, word);
}

static bool read_amount(struct scenario *scenario, struct line *line, char **words, uint32_t count,
                        uint32_t *at) {
    uint64_t value = 0;
    uint8_t amount = line->verb->amount;
    if (amount == NO_AMOUNT) {
        return true;
    }
    if (*at >= count) {
        return scenario_fail(scenario, "%s: how much?", line->verb->name);
    }
    const char *word = words[(*at)++];
    if (amount != AMOUNT_SHARE && amount != AMOUNT_TIME) {
        return read_number(scenario, line, word);
    }
    bool ok = amount == AMOUNT_SHARE ? scenario_share(scenario, word, &value)
                                     : scenario_time(scenario, word, &value);
    line->action.amount = (int64_t)value;
    return ok;
}

static bool read_through(struct scenario *scenario, struct line *line, const char *word) {
    if (!scenario_number(scenario, word, &line->action.amount)) {
        return false;
    }
    if (line->action.amount < -1 || line->action.amount >= scenario->settings.hosts) {
        return scenario_fail(scenario, "through %s: hosts are 0..%" PRIu32 ", or -1 for none", word,
                             scenario->settings.hosts - 1);
    }
    return true;
}

/* A word that another one, or hosts, must follow. */
static bool wants_more(const struct line *line, const char *word) {
    const struct verb *verb = line->verb;
    bool joins = verb->kind == SIM_START || verb->kind == SIM_RESTART || verb->kind == SIM_JOIN;
    return (strcmp(word, "for") == 0 && verb->is_fault) ||
           (strcmp(word, "after") == 0 && verb->kind == SIM_RESTART) ||
           (strcmp(word, "through") == 0 && joins) ||
           ((strcmp(word, "to") == 0 || strcmp(word, "from") == 0) && verb->kind == SIM_CUT &&
            line->other.count == 0);
}

/* What comes after such a word; *at goes behind it. */
static bool read_more(struct scenario *scenario, struct line *line, char **words, uint32_t count,
                      uint32_t *at) {
    const char *word = words[*at - 1];
    uint32_t used = 1;
    bool ok;
    if (strcmp(word, "through") == 0) {
        ok = read_through(scenario, line, words[*at]);
    } else if (strcmp(word, "to") == 0 || strcmp(word, "from") == 0) {
        line->is_cut_off = strcmp(word, "from") == 0;
        ok = scenario_hosts(scenario, words + *at, count - *at, &line->other, &used);
    } else {
        ok = scenario_time(scenario, words[*at], &line->action.duration_ns);
        if (ok && line->action.duration_ns == 0 && line->verb->is_fault) {
            return scenario_fail(scenario, "for 0: a fault without `for` has no end");
        }
    }
    *at += used;
    return ok;
}

/* What may follow in any order. */
static bool read_rest(struct scenario *scenario, struct line *line, char **words, uint32_t count,
                      uint32_t at) {
    bool is_restart = line->verb->kind == SIM_RESTART;
    while (at < count) {
        const char *word = words[at++];
        if (wants_more(line, word)) {
            if (at == count) {
                return scenario_fail(scenario, "%s: what follows \"%s\"?", line->verb->name, word);
            }
            if (!read_more(scenario, line, words, count, &at)) {
                return false;
            }
        } else if (strcmp(word, "elsewhere") == 0 && is_restart) {
            line->action.flag |= SIM_RESTART_OTHER_ADDRESS;
        } else if (strcmp(word, "blank") == 0 && is_restart) {
            line->action.flag |= SIM_RESTART_FORGETS;
        } else {
            return scenario_fail(scenario, "%s: \"%s\" has no place here", line->verb->name, word);
        }
    }
    return true;
}

/* The longest run with one step from `at` on: hosts of one action. */
static struct sim_hosts run_of(const struct host_list *hosts, uint32_t at) {
    struct sim_hosts run = {.first = hosts->numbers[at], .count = 1, .step = 1};
    if (at + 1 < hosts->count) {
        run.step = hosts->numbers[at + 1] - hosts->numbers[at];
        while (at + run.count < hosts->count &&
               hosts->numbers[at + run.count] == run.first + run.count * run.step) {
            run.count++;
        }
    }
    return run;
}

static bool spread(struct scenario *scenario, struct line *line) {
    struct sim_action action = line->action;
    if (!line->verb->has_hosts) {
        action.who = (struct sim_hosts){.first = 0, .count = scenario->settings.hosts, .step = 1};
        return scenario_add(scenario, &action);
    }
    for (uint32_t at = 0; at < line->who.count; at += action.who.count) {
        action.who = run_of(&line->who, at);
        if (line->verb->kind != SIM_CUT) {
            if (!scenario_add(scenario, &action)) {
                return false;
            }
            continue;
        }
        for (uint32_t i = 0; i < line->other.count; i += action.other.count) {
            struct sim_action back = action;
            action.other = run_of(&line->other, i);
            back.who = action.other;
            back.other = action.who;
            if (!scenario_add(scenario, &action) ||
                (line->is_cut_off && !scenario_add(scenario, &back))) {
                return false;
            }
        }
    }
    return true;
}

static bool read_line(struct scenario *scenario, struct line *line, char **words, uint32_t count) {
    uint32_t at = 1;
    uint32_t used = 0;
    if (line->verb->kind == SIM_HEAL && count == 1) {
        static char all[] = "all";
        char *everyone[] = {all};
        return scenario_hosts(scenario, everyone, 1, &line->who, &used);
    }
    if (line->verb->has_hosts) {
        if (!scenario_hosts(scenario, words + at, count - at, &line->who, &used)) {
            return false;
        }
        at += used;
    }
    if (!read_amount(scenario, line, words, count, &at) ||
        !read_rest(scenario, line, words, count, at)) {
        return false;
    }
    if (line->verb->kind == SIM_CUT && line->other.count == 0) {
        return scenario_fail(scenario, "%s: to which hosts, or from which?", line->verb->name);
    }
    return true;
}

bool scenario_verb(struct scenario *scenario, uint64_t at_ns, char **words, uint32_t count) {
    struct line line = {.verb = verb_named(words[0])};
    if (!line.verb) {
        return scenario_fail(scenario, "\"%s\" is no verb", words[0]);
    }
    line.action = (struct sim_action){.at_ns = at_ns, .kind = line.verb->kind};
    bool ok = read_line(scenario, &line, words, count) && spread(scenario, &line);
    if (at_ns >= scenario->last_ns) {
        scenario->last_ns = at_ns;
        scenario->last_line = scenario->line;
    }
    free(line.who.numbers);
    free(line.other.numbers);
    scenario->is_booting |= line.verb->kind == SIM_START && at_ns == 0;
    return ok;
}

static void write_hosts(const struct sim_hosts *hosts, FILE *out) {
    uint32_t step = hosts->step > 0 ? hosts->step : 1;
    if (hosts->count == 1) {
        fprintf(out, " %u", hosts->first);
    } else {
        fprintf(out, " %u..%u", hosts->first, hosts->first + (hosts->count - 1) * step);
        if (step > 1) {
            fprintf(out, "/%u", step);
        }
    }
}

static void write_amount(const struct verb *verb, const struct sim_action *action, FILE *out) {
    if (verb->amount == AMOUNT_SHARE) {
        fprintf(out, " %" PRId64 "ppm", action->amount);
    } else if (verb->amount == AMOUNT_TIME) {
        fprintf(out, " %" PRId64 "ns", action->amount);
    } else if (verb->amount != NO_AMOUNT) {
        fprintf(out, " %" PRId64, action->amount);
    }
}

void scenario_verb_write(const struct sim_action *action, FILE *out) {
    const struct verb *verb = verbs;
    while (verb->kind != action->kind) {
        verb++;
    }
    fprintf(out, "at %" PRIu64 "ns %s", action->at_ns, verb->name);
    if (verb->has_hosts) {
        write_hosts(&action->who, out);
    }
    write_amount(verb, action, out);
    if (verb->kind == SIM_CUT) {
        fputs(" to", out);
        write_hosts(&action->other, out);
    }
    if (verb->kind == SIM_START || verb->kind == SIM_RESTART || verb->kind == SIM_JOIN) {
        fprintf(out, " through %" PRId64, action->amount);
    }
    if (verb->kind == SIM_RESTART) {
        fprintf(out, " after %" PRIu64 "ns%s%s", action->duration_ns,
                action->flag & SIM_RESTART_OTHER_ADDRESS ? " elsewhere" : "",
                action->flag & SIM_RESTART_FORGETS ? " blank" : "");
    } else if (verb->is_fault && action->duration_ns > 0) {
        fprintf(out, " for %" PRIu64 "ns", action->duration_ns);
    }
    fputc('\n', out);
}
