/* core/base/log.c - see log.h. */
#include "core/base/log.h"
#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 512 };

void log_write(const struct henge_log *log, enum henge_log_level level, const char *format, ...) {
    if (log == NULL || log->write == NULL || level > log->level) {
        return;
    }
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length < 0) {
        return;
    }
    for (char *at = line; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\r') {
            *at = ' '; /* the hook is promised one line */
        }
    }
    log->write(log->context, level, line);
}
