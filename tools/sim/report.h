/* tools/sim/report.h - a run's result for people and as JSON. */
#ifndef TOOLS_SIM_REPORT_H
#define TOOLS_SIM_REPORT_H

#include "tools/sim/run.h"
#include <jansson.h>

/* What a result does not know about its run. */
struct report_head {
    const char *scenario; /* "" when none */
    const char *replay;   /* the command that does it again */
    const struct sim_settings *settings;
};

/* NULL: no memory. docs/simulator.md lists the keys. */
json_t *report_json(const struct report_head *head, const struct run_result *result);
/* The whole table. */
void report_text(const struct report_head *head, const struct run_result *result, FILE *out);
/* One line per seed, and its headings. */
void report_line_head(FILE *out);
void report_line(const struct report_head *head, const struct run_result *result, FILE *out);
void report_violations(const struct report_head *head, const struct run_result *result, FILE *out);

#endif
