/* tools/sim/scenario.h - what happens in a run, as text that a user can write: docs/simulator.md is
 * the manual of the language, tests/sim/scenarios the examples.
 *
 * A scenario becomes settings and a list of plain actions. Whatever it leaves to chance ("10
 * random") is drawn from the seed while it is read, so that the list is the whole truth about the
 * run. */
#ifndef TOOLS_SIM_SCENARIO_H
#define TOOLS_SIM_SCENARIO_H

#include "core/base/clock.h"
#include "core/base/random.h"
#include "tools/sim/sim.h"
#include <stdio.h>

enum {
    SCENARIO_WORDS_MAX = 32,
    SCENARIO_LINE_BYTES = 512,
    SCENARIO_REASON_BYTES = 256,
    SCENARIO_VARIABLES_MAX = 32,
    SCENARIO_GROUPS_MAX = 16,
    SCENARIO_ACTIONS_MAX = 1 << 20,
    SCENARIO_BYTES_MAX = 1 << 20
};

/* Of a run, unless somebody says how long. */
#define SCENARIO_DURATION_USUAL_NS (60 * NS_PER_S)
#define SCENARIO_TIME_MAX_NS (UINT64_C(10) * 365 * 86400 * NS_PER_S)

/* Some hosts, in rising order. */
struct host_list {
    uint32_t *numbers;
    uint32_t count;
};

struct scenario_pair {
    char name[32];
    char value[64];
    bool is_declared; /* by a line of the scenario, not only by the command */
};

/* What the command line has said. */
enum scenario_fixed {
    SCENARIO_FIXED_NODES = 1,
    SCENARIO_FIXED_SEED = 2,
    SCENARIO_FIXED_PROFILE = 4,
    SCENARIO_FIXED_DURATION = 8
};

struct scenario {
    struct sim_settings settings;
    uint64_t duration_ns; /* 0: not said */
    uint64_t mark_ns;     /* figures are about what comes after */
    bool is_settling;     /* at the end: everything is healed, liveness is demanded in time */
    bool is_booting; /* nobody is started but by actions; else all join through host 0 at once */
    struct sim_action *actions;
    size_t count, capacity;
    /* While it is read. */
    uint32_t fixed;     /* enum scenario_fixed: what the text does not decide any more */
    bool is_drawn;      /* hosts have been named or drawn: their number and the seed stand */
    uint32_t line;      /* the one that is being read */
    uint32_t mark_line; /* 0: no mark yet */
    uint64_t last_ns;   /* when the last action begins */
    uint32_t last_line; /* which is in this line */
    struct random random;
    struct scenario_pair variables[SCENARIO_VARIABLES_MAX];
    uint32_t variables_count;
    struct scenario_group {
        char name[32];
        struct host_list hosts;
    } groups[SCENARIO_GROUPS_MAX];
    uint32_t groups_count;
    char reason[SCENARIO_REASON_BYTES]; /* of a failure: "file:line: what is wrong" */
};

/* `settings` are the beginning: hosts, seed and profile from the command line. */
void scenario_init(struct scenario *scenario, const struct sim_settings *settings);
void scenario_deinit(struct scenario *scenario);
/* What a scenario draws from; another sequence than the run's own. */
struct random scenario_random(uint64_t seed);
/* A value that the scenario's own `var` does not replace. False: too many, too long. */
bool scenario_set_variable(struct scenario *scenario, const char *name, const char *value);
/* A line `var NAME VALUE`: once for each name. */
bool scenario_declare_variable(struct scenario *scenario, const char *name, const char *value);
/* Reads a whole text; false with scenario->reason. An action that would begin at or after the end
 * is wrong, unless SCENARIO_FIXED_DURATION has made the run shorter; so is such a mark, always. */
bool scenario_read(struct scenario *scenario, const char *file, const char *text);
/* An action more; false: too many, or no memory. */
bool scenario_add(struct scenario *scenario, const struct sim_action *action);
/* Everything joins through host 0 at once, unless the scenario boots by itself. */
bool scenario_complete(struct scenario *scenario);

/* scenario_settings.c: one line that is no "at". */
bool scenario_setting(struct scenario *scenario, char **words, uint32_t count);
/* A setting of every node. False: no such key or value, or one that is the engine's. */
bool scenario_set_config(struct scenario *scenario, const char *key, const char *value);
/* Writes settings and the actions before the end so that scenario_read gives the same again. */
void scenario_write(const struct scenario *scenario, FILE *out);

/* scenario_at.c: at TIME ... */
bool scenario_at(struct scenario *scenario, char **words, uint32_t count);

/* scenario_words.c: the words of a line. Each gives false and says why. */
bool scenario_fail(struct scenario *scenario, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "30", "0.5", "200ms", "5us", "2m", "48h", "8+500ms": seconds without a unit. */
bool scenario_time(struct scenario *scenario, const char *word, uint64_t *ns_out);
/* "10%", "0.5%", "1200ppm". */
bool scenario_share(struct scenario *scenario, const char *word, uint64_t *ppm_out);
bool scenario_number(struct scenario *scenario, const char *word, int64_t *number_out);
/* "7", "0..49", "0..98/2", "all", "rest", "lower", "upper", a group's name; or two words: "10
 * random", "1% random" of all but host 0. *words_out: how many words it took. */
bool scenario_hosts(struct scenario *scenario, char **words, uint32_t count,
                    struct host_list *hosts_out, uint32_t *words_out);

/* No group may have this name. */
bool scenario_is_host_word(const char *word);

/* scenario_verbs.c: one line of what happens, its "at" read already. */
bool scenario_verb(struct scenario *scenario, uint64_t at_ns, char **words, uint32_t count);
/* The verb of an action, with its amount in the form that is read back. */
void scenario_verb_write(const struct sim_action *action, FILE *out);

#endif
