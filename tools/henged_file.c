/* henged_file.c - henged's own settings out of the configuration file; see henged_options.h. */
#include "tools/henged_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Cuts white space at both ends, in place. */
static char *trim(char *text) {
    static const char blanks[] = " \t\r\n";
    text += strspn(text, blanks);
    size_t bytes = strlen(text);
    while (bytes > 0 && strchr(blanks, text[bytes - 1]) != NULL) {
        text[--bytes] = '\0';
    }
    return text;
}

/* True if the line is one of ours and has been taken. `line` is a copy that may be changed. */
static bool line_take(char *line, unsigned number, const struct henged_file_hook *hook) {
    char *comment = strchr(line, '#');
    if (comment != NULL) {
        *comment = '\0';
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return false;
    }
    *equals = '\0';
    char *key = trim(line);
    if (!hook->is_ours(hook->context, key)) {
        return false;
    }
    hook->take(hook->context, key, trim(equals + 1), number);
    return true;
}

static bool lines_copy(FILE *in, FILE *out, const struct henged_file_hook *hook) {
    char *line = NULL;
    size_t size = 0;
    bool is_good = true;
    for (unsigned number = 1; getline(&line, &size, in) >= 0; number++) {
        char *copy = strdup(line);
        if (copy == NULL) {
            is_good = false;
            break;
        }
        /* An empty line in its place keeps the numbers of the others right. */
        fputs(line_take(copy, number, hook) ? "\n" : line, out);
        free(copy);
    }
    free(line);
    return is_good && !ferror(in) && fflush(out) == 0;
}

int henged_file_split(const char *path, const struct henged_file_hook *hook, char *reason_out,
                      size_t reason_bytes) {
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        snprintf(reason_out, reason_bytes, "%s", strerror(errno));
        return -1;
    }
    int fd = memfd_create("henged-config", MFD_CLOEXEC);
    int copy_fd = fd >= 0 ? dup(fd) : -1;
    FILE *out = copy_fd >= 0 ? fdopen(copy_fd, "w") : NULL;
    bool is_good = out != NULL && lines_copy(in, out, hook);
    if (!is_good) {
        snprintf(reason_out, reason_bytes, "cannot read it: %s", strerror(errno));
    }
    if (out != NULL) {
        fclose(out);
    } else if (copy_fd >= 0) {
        close(copy_fd);
    }
    fclose(in);
    if (!is_good && fd >= 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}
