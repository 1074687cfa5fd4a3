/* tests/unit/sim_runs/reading.h - a scenario's text, read. */
#ifndef TESTS_UNIT_SIM_RUNS_READING_H
#define TESTS_UNIT_SIM_RUNS_READING_H

#include "tools/sim/scenario.h"

/* The scenario of the test; released by reading_close. */
extern struct scenario reading;

/* Five hosts, seed 1, unless the text says otherwise. */
bool reading_open(const char *text);
/* Likewise, and made whole; it must be right. */
void reading_whole(const char *text);
void reading_close(void);
/* As scenario_write gives it, to be freed. */
char *reading_written(void);

#endif
