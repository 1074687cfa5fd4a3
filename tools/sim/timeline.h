/* tools/sim/timeline.h - a run as a picture: a row per host, what the others thought of it over
 * time, and which faults it had. */
#ifndef TOOLS_SIM_TIMELINE_H
#define TOOLS_SIM_TIMELINE_H

#include "tools/sim/sim.h"
#include <stdio.h>

enum { TIMELINE_HOSTS_MAX = 512, TIMELINE_COLUMNS_MAX = 4096 };

/* How most others hold a host in one column of time. */
enum timeline_cell {
    TIMELINE_UNKNOWN = 0, /* down, and known to nobody */
    TIMELINE_ALIVE,
    TIMELINE_SUSPECT, /* by one other at least */
    TIMELINE_DEAD,    /* by one other at least */
    TIMELINE_LEFT
};

struct timeline;

/* NULL: no memory. */
struct timeline *timeline_create(void);
void timeline_destroy(struct timeline *timeline);
/* False: more hosts than a picture can show, or no memory. */
bool timeline_attach(struct timeline *timeline, struct sim *sim);
void timeline_detach(struct timeline *timeline); /* the simulator is about to go */
void timeline_second(struct timeline *timeline);

/* False: could not be written. */
bool timeline_write_svg(const struct timeline *timeline, const char *title, FILE *out);
bool timeline_write_text(const struct timeline *timeline, FILE *out);

#endif
