/* tools/sim/timeline.h - a run as a picture: a row per host, what the others thought of it over
 * time, which faults it had, what happened to it.
 *
 * Gathered once per virtual second; a long run has fewer, wider columns. */
#ifndef TOOLS_SIM_TIMELINE_H
#define TOOLS_SIM_TIMELINE_H

#include "tools/sim/sim.h"
#include <stdio.h>

enum { TIMELINE_HOSTS_MAX = 512, TIMELINE_COLUMNS_MAX = 2048, TIMELINE_BARS_MAX = 1 << 15 };

struct timeline;

struct timeline *timeline_create(void);
void timeline_destroy(struct timeline *timeline);
/* Before the first action. False: more hosts than a picture can show. */
bool timeline_attach(struct timeline *timeline, struct sim *sim);
/* The simulator is about to go: what was gathered stays. */
void timeline_detach(struct timeline *timeline);
void timeline_second(struct timeline *timeline);

/* Whole in itself: no script, no outside picture or style. False: could not be written. */
bool timeline_write_svg(const struct timeline *timeline, const char *title, FILE *out);
/* For a terminal, 100 columns of time. */
bool timeline_write_text(const struct timeline *timeline, FILE *out);

#endif
