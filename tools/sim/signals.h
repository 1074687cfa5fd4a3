/* tools/sim/signals.h - signals that come to henge-sim: some ask it to end, some end it. */
#ifndef TOOLS_SIM_SIGNALS_H
#define TOOLS_SIM_SIGNALS_H

/* From now on SIGINT and SIGTERM are noted, and whoever runs looks for them; another one, more
 * than a second later, ends the program. What was ignored at the start (a shell's `&`) stays
 * ignored. */
void signals_note(void);
/* The number of the first one, 0: none. */
int signals_noted(void);

/* Said on stderr when an assertion or a bad address ends the program. `words` must stay. */
void signals_last_words(const char *words);

#endif
