/* cluster_process.c - the daemons of a local cluster as processes; see cluster.h. */
#include "tools/cluster.h"
#include "tools/clock_ms.h"
#include "tools/json_tools.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_FIELD = 22,
    READY_FD = 3,
    OWN_FLAGS_MAX = 24,
    GONE_POLL_MS = 20,
    KILL_PATIENCE_MS = 10000
};

/* State and start time of a process; false if there is none. */
static bool process_look(pid_t pid, char *state_out, uint64_t *start_ticks_out) {
    char path[64];
    char text[1024];
    snprintf(path, sizeof(path), "/proc/%jd/stat", (intmax_t)pid);
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        return false;
    }
    size_t bytes = fread(text, 1, sizeof(text) - 1, in);
    fclose(in);
    text[bytes] = '\0';
    /* Field 2 is the name in parentheses and may hold anything; 3 is the state, 22 the start. */
    const char *at = strrchr(text, ')');
    for (int field = 3; field <= START_FIELD && at != NULL; field++) {
        at = strchr(at + 1, ' ');
        if (at != NULL && field == 3) {
            *state_out = at[1];
        }
    }
    if (at == NULL) {
        return false;
    }
    *start_ticks_out = strtoull(at + 1, NULL, 10);
    return true;
}

bool cluster_is_running(const struct cluster_daemon *daemon) {
    char state = '?';
    uint64_t start = 0;
    if (daemon->pid <= 1) {
        return false;
    }
    (void)waitpid(daemon->pid, NULL, WNOHANG); /* ours, if we are its parent still */
    return process_look(daemon->pid, &state, &start) && start == daemon->start_ticks &&
           state != 'Z' && state != 'X';
}

size_t cluster_running_count(const struct cluster *cluster) {
    size_t count = 0;
    for (size_t i = 0; i < cluster->count; i++) {
        count += cluster_is_running(&cluster->daemons[i]);
    }
    return count;
}

void cluster_find_henged(char path_out[PATH_MAX]) {
    char self[PATH_MAX];
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - sizeof("henged"));
    if (bytes > 0) {
        self[bytes] = '\0';
        char *slash = strrchr(self, '/');
        if (slash != NULL) {
            memcpy(slash + 1, "henged", sizeof("henged"));
            if (access(self, X_OK) == 0) {
                snprintf(path_out, PATH_MAX, "%s", self);
                return;
            }
        }
    }
    snprintf(path_out, PATH_MAX, "henged"); /* execvp looks along PATH */
}

/* Becomes henged. Only calls that are safe between fork and exec of a one-threaded program. */
static _Noreturn void child_run(const char *log_path, int ready_fd, char **arguments) {
    int null_fd = open("/dev/null", O_RDONLY);
    int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (null_fd < 0 || log_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
        dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0) {
        _exit(126);
    }
    if (ready_fd == READY_FD) {
        (void)fcntl(ready_fd, F_SETFD, 0);
    } else if (dup2(ready_fd, READY_FD) < 0) {
        _exit(126);
    }
    (void)close_range(READY_FD + 1, ~0u, 0);
    (void)setsid();
    (void)unsetenv("NOTIFY_SOCKET"); /* meant for whoever started us */
    execvp(arguments[0], arguments);
    fprintf(stderr, "henge: cannot run %s: %s\n", arguments[0], strerror(errno));
    fflush(stderr);
    _exit(127);
}

static bool pid_write(const struct cluster *cluster, const struct cluster_daemon *daemon) {
    char path[CLUSTER_FILE_BYTES];
    FILE *out = fopen(cluster_file(cluster, daemon->name, "pid", path), "we");
    if (out == NULL) {
        return false;
    }
    fprintf(out, "%jd %" PRIu64 "\n", (intmax_t)daemon->pid, daemon->start_ticks);
    return fclose(out) == 0;
}

static bool fork_daemon(struct cluster *cluster, struct cluster_daemon *daemon, char **arguments,
                        char *reason_out) {
    char log_path[CLUSTER_FILE_BYTES];
    int ready[2];
    char state;
    cluster_file(cluster, daemon->name, "log", log_path);
    if (pipe2(ready, O_CLOEXEC) != 0) {
        snprintf(reason_out, CLUSTER_REASON_BYTES, "pipe: %s", strerror(errno));
        return false;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        child_run(log_path, ready[1], arguments);
    }
    close(ready[1]);
    if (pid < 0) {
        snprintf(reason_out, CLUSTER_REASON_BYTES, "fork: %s", strerror(errno));
        close(ready[0]);
        return false;
    }
    daemon->pid = pid;
    daemon->ready_fd = ready[0];
    if (!process_look(pid, &state, &daemon->start_ticks) || !pid_write(cluster, daemon)) {
        snprintf(reason_out, CLUSTER_REASON_BYTES, "cannot note the pid of %s", daemon->name);
        (void)kill(pid, SIGKILL);
        return false;
    }
    return true;
}

bool cluster_spawn(struct cluster *cluster, struct cluster_daemon *daemon, const char *join,
                   char *reason_out) {
    char control[CLUSTER_FILE_BYTES];
    char data[CLUSTER_FILE_BYTES];
    char key[CLUSTER_FILE_BYTES];
    size_t extra = json_array_size(cluster->flags);
    char **arguments = calloc(OWN_FLAGS_MAX + extra + 1, sizeof(*arguments));
    if (arguments == NULL) {
        snprintf(reason_out, CLUSTER_REASON_BYTES, "out of memory");
        return false;
    }
    cluster_file(cluster, daemon->name, "sock", control);
    cluster_file(cluster, daemon->name, "data", data);
    snprintf(key, sizeof(key), "%s/key", cluster->dir);
    (void)mkdir(data, 0700); /* henged says so if it cannot use it */
    const char *own[OWN_FLAGS_MAX] = {cluster->henged,
                                      "--name",
                                      daemon->name,
                                      "--bind",
                                      "127.0.0.1:0",
                                      "--control",
                                      control,
                                      "--key-file",
                                      key,
                                      "--data-dir",
                                      data,
                                      "--ready-fd",
                                      "3",
                                      "--log-level",
                                      "info"};
    size_t used = 15;
    if (daemon->zone[0] != '\0') {
        own[used++] = "--zone";
        own[used++] = daemon->zone;
    }
    if (join[0] != '\0') {
        own[used++] = "--join";
        own[used++] = join;
    }
    for (size_t i = 0; i < used; i++) {
        arguments[i] = (char *)(uintptr_t)own[i]; /* exec promises not to write to them */
    }
    for (size_t i = 0; i < extra; i++) {
        arguments[used + i] =
            (char *)(uintptr_t)json_string_value(json_array_get(cluster->flags, i));
    }
    bool is_started = fork_daemon(cluster, daemon, arguments, reason_out);
    free(arguments);
    return is_started;
}

/* Reads a readiness pipe that polls readable; false when the daemon ended without a word. */
static bool ready_read(struct cluster_daemon *daemon) {
    char word[16];
    ssize_t bytes = read(daemon->ready_fd, word, sizeof(word));
    if (bytes < 0 && errno == EINTR) {
        return true;
    }
    close(daemon->ready_fd);
    daemon->ready_fd = -1;
    return bytes >= 5 && memcmp(word, "ready", 5) == 0;
}

bool cluster_wait_ready(struct cluster *cluster, uint64_t deadline_ms, char *reason_out) {
    static struct pollfd fds[CLUSTER_DAEMONS_MAX];
    while (!cluster_is_interrupted) {
        size_t waiting = 0;
        for (size_t i = 0; i < cluster->count; i++) {
            fds[i] = (struct pollfd){.fd = cluster->daemons[i].ready_fd, .events = POLLIN};
            waiting += fds[i].fd >= 0;
        }
        uint64_t now_ms = clock_ms();
        if (waiting == 0) {
            return true;
        }
        if (now_ms >= deadline_ms) {
            snprintf(reason_out, CLUSTER_REASON_BYTES, "%zu daemons were not up in time", waiting);
            return false;
        }
        if (poll(fds, (nfds_t)cluster->count, (int)(deadline_ms - now_ms)) <= 0) {
            continue;
        }
        for (size_t i = 0; i < cluster->count; i++) {
            if (fds[i].revents != 0 && !ready_read(&cluster->daemons[i])) {
                snprintf(reason_out, CLUSTER_REASON_BYTES, "%s did not come up",
                         cluster->daemons[i].name);
                cluster_log_tail(cluster, &cluster->daemons[i], stderr);
                return false;
            }
        }
    }
    snprintf(reason_out, CLUSTER_REASON_BYTES, "interrupted");
    return false;
}

bool cluster_wait_gone(const struct cluster_daemon *daemon, uint64_t deadline_ms) {
    while (cluster_is_running(daemon)) {
        if (clock_ms() >= deadline_ms) {
            return false;
        }
        sleep_ms(GONE_POLL_MS);
    }
    return true;
}

static void signal_all(const struct cluster *cluster, int signal) {
    for (size_t i = 0; i < cluster->count; i++) {
        if (cluster_is_running(&cluster->daemons[i])) {
            (void)kill(cluster->daemons[i].pid, signal);
            (void)kill(cluster->daemons[i].pid, SIGCONT); /* a stopped one could not obey */
        }
    }
}

void cluster_stop_all(struct cluster *cluster, unsigned patience_ms) {
    signal_all(cluster, SIGTERM);
    uint64_t deadline_ms = clock_ms() + patience_ms;
    bool are_gone = true;
    for (size_t i = 0; i < cluster->count; i++) {
        are_gone = cluster_wait_gone(&cluster->daemons[i], deadline_ms) && are_gone;
    }
    if (are_gone) {
        return;
    }
    signal_all(cluster, SIGKILL);
    deadline_ms = clock_ms() + KILL_PATIENCE_MS;
    for (size_t i = 0; i < cluster->count; i++) {
        (void)cluster_wait_gone(&cluster->daemons[i], deadline_ms);
    }
}
