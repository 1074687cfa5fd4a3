/* henged_log.c - see henged_log.h. */
#include "tools/henged_log.h"
#include "tools/json_tools.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 2048, STAMP_BYTES = 32 };

static enum henge_log_level log_level = HENGE_LOG_INFO;
static bool log_as_json;

static const char *const level_words[] = {"error", "warn", "info", "debug"};

void henged_log_init(enum henge_log_level level, bool as_json) {
    log_level = level;
    log_as_json = as_json;
}

bool henged_log_level_parse(const char *text, enum henge_log_level *level_out) {
    for (size_t i = 0; i < sizeof(level_words) / sizeof(level_words[0]); i++) {
        if (strcmp(text, level_words[i]) == 0) {
            *level_out = (enum henge_log_level)i;
            return true;
        }
    }
    return false;
}

const char *henged_log_level_text(enum henge_log_level level) {
    return (size_t)level < sizeof(level_words) / sizeof(level_words[0]) ? level_words[level] : "?";
}

/* RFC 3339 in UTC with milliseconds. */
static void stamp(char text_out[STAMP_BYTES]) {
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t used = strftime(text_out, STAMP_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text_out + used, STAMP_BYTES - used, ".%03uZ", (unsigned)(now.tv_nsec / 1000000));
}

static void line_write(const char *line, size_t bytes) {
    (void)!write(STDERR_FILENO, line, bytes); /* nowhere else to complain */
}

void henged_log_hook(void *context, enum henge_log_level level, const char *line) {
    (void)context;
    if (level > log_level) {
        return;
    }
    char time_text[STAMP_BYTES];
    stamp(time_text);
    if (!log_as_json) {
        char text[LINE_BYTES_MAX];
        int bytes = snprintf(text, sizeof(text) - 1, "%s %-5s %s", time_text,
                             henged_log_level_text(level), line);
        size_t used = bytes < 0 ? 0 : (size_t)bytes;
        used = used > sizeof(text) - 2 ? sizeof(text) - 2 : used;
        text[used++] = '\n';
        line_write(text, used);
        return;
    }
    json_t *object = json_object();
    json_put_text(object, "time", time_text);
    json_put_text(object, "level", henged_log_level_text(level));
    json_put_text(object, "message", line);
    size_t bytes = 0;
    char *text = json_line(object, &bytes);
    if (text != NULL) {
        line_write(text, bytes);
    }
    free(text);
    json_decref(object);
}

void henged_log(enum henge_log_level level, const char *format, ...) {
    char line[LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    henged_log_hook(NULL, level, line);
}
