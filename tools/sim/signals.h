/* tools/sim/signals.h - signals that come to henge-sim: some ask it to end, some end it. */
#ifndef TOOLS_SIM_SIGNALS_H
#define TOOLS_SIM_SIGNALS_H

/* From now on SIGINT and SIGTERM are noted, and whoever runs looks for them; the second one of a
 * kind ends the program. What was ignored at the start (a shell's `&`) stays ignored. */
void signals_note(void);
/* The number of the last one that was noted, 0: none. */
int signals_noted(void);

/* An assertion or a bad address ends the program: this is said on stderr even then. */
void signals_last_words(const char *words);

#endif
