/* tests/support/daemons.c - see daemons.h. */
#include "tests/support/daemons.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *daemon_bin(void) {
    const char *bin = getenv("HENGE_BIN");
    if (!bin) {
        fprintf(stderr, "HENGE_BIN: where henged and henge are\n");
        abort();
    }
    return bin;
}

uint64_t daemon_now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

void daemon_sleep_ms(unsigned ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000L};
    nanosleep(&time, NULL);
}

int daemon_run(const char *command, char *output, size_t room) {
    FILE *pipe = popen(command, "re");
    size_t used = 0;
    char rest[4096];
    if (!pipe) {
        return -1;
    }
    while (output && used + 1 < room) {
        size_t got = fread(output + used, 1, room - 1 - used, pipe);
        if (got == 0) {
            break;
        }
        used += got;
    }
    if (output) {
        output[used] = '\0';
    }
    while (fread(rest, 1, sizeof(rest), pipe) > 0) {
    }
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

enum { DIRECTORIES_MAX = 4 };
static char open_directories[DIRECTORIES_MAX][128];

/* At exit: what has not been ended belongs to a failed test. */
static void leftovers_show(void) {
    for (size_t index = 0; index < DIRECTORIES_MAX; index++) {
        char command[1200];
        if (open_directories[index][0]) {
            fprintf(stderr, "--- logs in %s\n", open_directories[index]);
            snprintf(command, sizeof(command), "tail -n 15 %s/*.log >&2 2>/dev/null; rm -rf %s",
                     open_directories[index], open_directories[index]);
            daemon_run(command, NULL, 0);
        }
    }
}

static void directory_note(const char *from, const char *to) {
    for (size_t index = 0; index < DIRECTORIES_MAX; index++) {
        if (strcmp(open_directories[index], from) == 0) {
            snprintf(open_directories[index], sizeof(open_directories[index]), "%.127s", to);
            return;
        }
    }
    abort(); /* more at once than DIRECTORIES_MAX, or one that was never begun */
}

void daemons_begin(char directory[128]) {
    static bool is_registered;
    char command[512];
    snprintf(directory, 128, "/tmp/henge-test-XXXXXX");
    if (!mkdtemp(directory) || (!is_registered && atexit(leftovers_show) != 0)) {
        abort();
    }
    is_registered = true;
    directory_note("", directory);
    snprintf(command, sizeof(command), "%s/henge keygen > %s/key", daemon_bin(), directory);
    if (daemon_run(command, NULL, 0) != 0) {
        abort();
    }
}

void daemons_end(const char *directory) {
    char command[256];
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    daemon_run(command, NULL, 0);
    directory_note(directory, "");
}

struct arguments {
    const char *all[DAEMON_FLAGS_MAX];
    size_t count;
};

static void add(struct arguments *arguments, const char *flag, const char *value) {
    if (arguments->count + 3 > DAEMON_FLAGS_MAX) {
        abort();
    }
    arguments->all[arguments->count++] = flag;
    if (value) {
        arguments->all[arguments->count++] = value;
    }
}

static bool has_flag(const char *const *flags, const char *flag) {
    for (; flags && *flags; flags++) {
        if (strcmp(*flags, flag) == 0) {
            return true;
        }
    }
    return false;
}

static void add_default(struct arguments *arguments, const char *const *flags, const char *flag,
                        const char *value) {
    if (value && !has_flag(flags, flag)) {
        add(arguments, flag, value);
    }
}

static void exec_daemon(const char *directory, const char *name, const char *const *flags) {
    char program[512], control[256], log[256], key[256];
    struct arguments arguments = {.count = 0};
    snprintf(program, sizeof(program), "%s/henged", daemon_bin());
    snprintf(control, sizeof(control), "%s/%s.sock", directory, name);
    snprintf(log, sizeof(log), "%s/%s.log", directory, name);
    snprintf(key, sizeof(key), "%s/key", directory);
    add(&arguments, program, NULL);
    add_default(&arguments, flags, "--preset", "local");
    add(&arguments, "--name", name);
    add(&arguments, "--control", control);
    add_default(&arguments, flags, "--bind", "127.0.0.1:0");
    if (!has_flag(flags, "--insecure")) {
        add_default(&arguments, flags, "--key-file", key);
    }
    add_default(&arguments, flags, "--threads", getenv("HENGE_TEST_THREADS"));
    add_default(&arguments, flags, "--affinity", getenv("HENGE_TEST_AFFINITY"));
    add_default(&arguments, flags, "--transport", getenv("HENGE_TEST_TRANSPORT"));
    for (; flags && *flags; flags++) {
        add(&arguments, *flags, NULL);
    }
    arguments.all[arguments.count] = NULL;
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(program, (char *const *)(uintptr_t)arguments.all);
    _exit(127);
}

void daemon_spawn(struct daemon *daemon, const char *directory, const char *name,
                  const char *const *flags, void (*prepare)(void)) {
    *daemon = (struct daemon){.pid = 0};
    snprintf(daemon->name, sizeof(daemon->name), "%s", name);
    snprintf(daemon->directory, sizeof(daemon->directory), "%s", directory);
    fflush(NULL);
    daemon->pid = fork();
    if (daemon->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (prepare) {
            prepare();
        }
        exec_daemon(directory, name, flags);
    }
}

static void log_show(const struct daemon *daemon) {
    char command[512];
    char text[4096];
    snprintf(command, sizeof(command), "tail -n 15 %s/%s.log", daemon->directory, daemon->name);
    daemon_run(command, text, sizeof(text));
    fprintf(stderr, "--- log of %s\n%s", daemon->name, text);
}

bool daemon_wait_up(struct daemon *daemon) {
    uint64_t until_ms = daemon_now_ms() + DAEMON_WAIT_MS;
    while (daemon_now_ms() < until_ms) {
        int status;
        if (waitpid(daemon->pid, &status, WNOHANG) == daemon->pid) {
            daemon->pid = 0;
            log_show(daemon);
            return false;
        }
        const char *address = daemon_info_text(daemon, "address");
        if (address[0]) {
            snprintf(daemon->address, sizeof(daemon->address), "%.63s", address);
            return true;
        }
        daemon_sleep_ms(20);
    }
    log_show(daemon);
    return false;
}

bool daemon_start(struct daemon *daemon, const char *directory, const char *name,
                  const char *const *flags) {
    daemon_spawn(daemon, directory, name, flags, NULL);
    return daemon_wait_up(daemon);
}

int daemon_stop(struct daemon *daemon, int signal) {
    int status = 0;
    if (daemon->pid == 0) {
        return 0;
    }
    kill(daemon->pid, signal);
    for (uint64_t until_ms = daemon_now_ms() + DAEMON_WAIT_MS; daemon_now_ms() < until_ms;) {
        if (waitpid(daemon->pid, &status, WNOHANG) == daemon->pid) {
            daemon->pid = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        }
        daemon_sleep_ms(5);
    }
    kill(daemon->pid, SIGKILL);
    waitpid(daemon->pid, &status, 0);
    daemon->pid = 0;
    return -1000;
}

bool daemons_cluster(struct daemon *daemons, size_t count, const char *directory,
                     const char *const *flags) {
    static const char *const zones[] = {"a", "b", "c"};
    for (size_t index = 0; index < count; index++) {
        const char *all[DAEMON_FLAGS_MAX] = {"--zone", zones[index % 3]};
        size_t used = 2;
        char name[32];
        snprintf(name, sizeof(name), "n%zu", index + 1);
        for (const char *const *flag = flags; flag && *flag; flag++) {
            all[used++] = *flag;
        }
        if (index > 0) {
            all[used++] = "--join";
            all[used++] = daemons[0].address;
        }
        daemon_spawn(&daemons[index], directory, name, all, NULL);
        if (index == 0 && !daemon_wait_up(&daemons[0])) {
            return false;
        }
    }
    for (size_t index = 0; index < count; index++) {
        if (!daemon_wait_up(&daemons[index]) ||
            !daemon_wait_info(&daemons[index], "members_alive", count)) {
            return false;
        }
    }
    return daemons_wait_agreement(daemons, count);
}

/* The text is to be freed; NULL unless the exit code was 0. */
static char *ask_text(const struct daemon *daemon, const char *words) {
    size_t room = 1 << 20;
    char command[2048];
    char *text = malloc(room);
    snprintf(command, sizeof(command), "%s/henge -s %s/%s.sock %s --json 2>/dev/null", daemon_bin(),
             daemon->directory, daemon->name, words);
    if (text && daemon_run(command, text, room) != 0) {
        free(text);
        text = NULL;
    }
    return text;
}

json_t *daemon_ask(const struct daemon *daemon, const char *words) {
    char *text = ask_text(daemon, words);
    json_t *answer = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return answer;
}

static bool is_text(const json_t *object, const char *key, const char *wanted) {
    const char *text = json_string_value(json_object_get(object, key));
    return text && strcmp(text, wanted) == 0;
}

size_t daemon_events_count(const struct daemon *daemon, const char *kind, const char *who) {
    size_t count = 0;
    char *text = ask_text(daemon, "events");
    char *rest = text;
    for (char *line; text && (line = strsep(&rest, "\n")) != NULL;) {
        json_t *event = json_loads(line, 0, NULL);
        count += is_text(event, "event", kind) && is_text(event, "name", who);
        json_decref(event);
    }
    free(text);
    return count;
}

static json_t *member_of(json_t *members, const char *who) {
    size_t index;
    json_t *member;
    json_array_foreach(json_object_get(members, "members"), index, member) {
        if (is_text(member, "name", who)) {
            return member;
        }
    }
    return NULL;
}

static const char *text_of(json_t *object, const char *key, char *buffer, size_t room) {
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(buffer, room, "%s", text ? text : "");
    return buffer;
}

const char *daemon_text_of(const struct daemon *daemon, const char *who, const char *key) {
    static char text[64];
    json_t *members = daemon_ask(daemon, "members");
    text_of(member_of(members, who), key, text, sizeof(text));
    json_decref(members);
    return text;
}

const char *daemon_status_of(const struct daemon *daemon, const char *who) {
    return daemon_text_of(daemon, who, "status");
}

uint64_t daemon_number_of(const struct daemon *daemon, const char *who, const char *key) {
    json_t *members = daemon_ask(daemon, "members");
    json_int_t value = json_integer_value(json_object_get(member_of(members, who), key));
    json_decref(members);
    return (uint64_t)value;
}

uint64_t daemon_info(const struct daemon *daemon, const char *key) {
    json_t *info = daemon_ask(daemon, "info");
    json_int_t value = json_integer_value(json_object_get(info, key));
    json_decref(info);
    return (uint64_t)value;
}

const char *daemon_info_text(const struct daemon *daemon, const char *key) {
    static char text[512];
    json_t *info = daemon_ask(daemon, "info");
    text_of(info, key, text, sizeof(text));
    json_decref(info);
    return text;
}

bool daemon_wait_text(const struct daemon *daemon, const char *who, const char *key,
                      const char *value) {
    for (uint64_t until_ms = daemon_now_ms() + DAEMON_WAIT_MS; daemon_now_ms() < until_ms;) {
        if (strcmp(daemon_text_of(daemon, who, key), value) == 0) {
            return true;
        }
        daemon_sleep_ms(20);
    }
    fprintf(stderr, "%s holds %s %s, not %s\n", daemon->name, who, daemon_text_of(daemon, who, key),
            value);
    return false;
}

bool daemon_wait_status(const struct daemon *daemon, const char *who, const char *status) {
    return daemon_wait_text(daemon, who, "status", status);
}

bool daemon_wait_info(const struct daemon *daemon, const char *key, uint64_t value) {
    for (uint64_t until_ms = daemon_now_ms() + DAEMON_WAIT_MS; daemon_now_ms() < until_ms;) {
        if (daemon_info(daemon, key) == value) {
            return true;
        }
        daemon_sleep_ms(20);
    }
    fprintf(stderr, "%s has %s %llu, not %llu\n", daemon->name, key,
            (unsigned long long)daemon_info(daemon, key), (unsigned long long)value);
    return false;
}

static bool is_agreed(const struct daemon *daemons, size_t count) {
    char first[512] = "";
    for (size_t index = 0; index < count; index++) {
        if (daemons[index].pid == 0) {
            continue;
        }
        const char *fingerprint = daemon_info_text(&daemons[index], "ring_fingerprint");
        if (first[0] == '\0') {
            snprintf(first, sizeof(first), "%s", fingerprint);
        } else if (strcmp(first, fingerprint) != 0) {
            return false;
        }
    }
    return first[0] != '\0';
}

bool daemons_wait_agreement(const struct daemon *daemons, size_t count) {
    for (uint64_t until_ms = daemon_now_ms() + DAEMON_WAIT_MS; daemon_now_ms() < until_ms;) {
        if (is_agreed(daemons, count)) {
            return true;
        }
        daemon_sleep_ms(20);
    }
    fprintf(stderr, "the ring fingerprints differ\n");
    return false;
}
