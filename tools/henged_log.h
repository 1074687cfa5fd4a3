/* henged_log.h - henged's log: lines on standard error, as text or JSON, one write(2) per line.
 *
 * The one piece of global state of the daemon: set once by main before any thread starts. */
#ifndef TOOLS_HENGED_LOG_H
#define TOOLS_HENGED_LOG_H

#include <henge/runtime.h>
#include <stdbool.h>

void henged_log_init(enum henge_log_level level, bool as_json);

/* A line of the daemon's own. Any thread. */
__attribute__((format(printf, 2, 3))) void henged_log(enum henge_log_level level,
                                                      const char *format, ...);

/* The library's log hook (context unused). */
void henged_log_hook(void *context, enum henge_log_level level, const char *line);

/* "error", "warn", "info", "debug". False if it is none of them. */
bool henged_log_level_parse(const char *text, enum henge_log_level *level_out);
const char *henged_log_level_text(enum henge_log_level level);

#endif
