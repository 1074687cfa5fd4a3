/* henged.c - the daemon: one node, its control socket, and a poll loop. The main thread never
 * blocks on the library (worker.h does) except while it starts and stops. */
#include "tools/daemon.h"
#include "tools/clock_ms.h"
#include "tools/descriptors.h"
#include "tools/henged_log.h"
#include "tools/readiness.h"
#include "tools/worker.h"

#ifdef HENGED_JEMALLOC
#include <henge/jemalloc.h>
#endif

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EVENTS_CAPACITY = 8192, STOP_LEAVE_MS = 5000 };

/* Control connections, sockets, timers, and a few streams. */
enum { DESCRIPTORS_MIN = CONTROL_POLL_MAX + 31 };

static bool allocator_open(struct daemon *daemon) {
#ifdef HENGED_JEMALLOC
    if (henge_jemalloc_create(&daemon->allocator) != HENGE_OK) {
        henged_log(HENGE_LOG_ERROR, "jemalloc gives no arena");
        return false;
    }
    daemon->allocator_used = &daemon->allocator;
#else
    (void)daemon; /* sanitizers see more with the plain allocator */
#endif
    return true;
}

static void allocator_close(struct daemon *daemon) {
#ifdef HENGED_JEMALLOC
    if (daemon->allocator_used != NULL) {
        henge_jemalloc_destroy(&daemon->allocator);
    }
#else
    (void)daemon;
#endif
}

static bool signals_open(struct daemon *daemon) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP); /* the terminal is gone: leave in order */
    /* Before any thread starts, so that all have them blocked. */
    if (sigprocmask(SIG_BLOCK, &signals, NULL) == 0) {
        daemon->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    if (daemon->signal_fd < 0) {
        henged_log(HENGE_LOG_ERROR, "signalfd: %s", strerror(errno));
    }
    return daemon->signal_fd >= 0;
}

static bool control_open(struct daemon *daemon) {
    char reason[512];
    const char *path = daemon->options->control;
    if (daemon->options->is_control_default && strncmp(path, "/tmp/", 5) == 0) {
        char copy[CONTROL_PATH_BYTES];
        memcpy(copy, path, sizeof(copy));
        if (!private_dir_ensure(dirname(copy), reason, sizeof(reason))) {
            henged_log(HENGE_LOG_ERROR, "%s", reason);
            return false;
        }
    }
    const struct control_handler handler = {.context = daemon, .handle = control_verbs_handle};
    daemon->server = control_server_open(path, &handler, reason, sizeof(reason));
    if (daemon->server == NULL) {
        henged_log(HENGE_LOG_ERROR, "%s", reason);
    }
    return daemon->server != NULL;
}

static int failed(const char *what, enum henge_status status, const char *reason) {
    henged_log(HENGE_LOG_ERROR, "%s: %s%s%s", what, henge_status_text(status),
               reason[0] != '\0' ? ": " : "", reason);
    return status == HENGE_INVALID ? HENGED_EXIT_USAGE : HENGED_EXIT_FAILURE;
}

/* Runtime, node, reader, subscription, worker. HENGED_GO_ON or an exit code. */
static int node_open(struct daemon *daemon) {
    const struct henge_config *config = &daemon->options->config;
    char reason[HENGE_REASON_BYTES] = "";
    const struct henge_log log = {
        .size_bytes = sizeof(log), .level = daemon->options->log_level, .write = henged_log_hook};
    const struct henge_runtime_options options = {
        .size_bytes = sizeof(options), .allocator = daemon->allocator_used, .log = &log};
    enum henge_status status =
        henge_runtime_create(config, &options, &daemon->runtime, reason, sizeof(reason));
    if (status != HENGE_OK) {
        return failed("cannot make the runtime", status, reason);
    }
    status = henge_runtime_start(daemon->runtime);
    if (status != HENGE_OK) {
        return failed("cannot start the runtime", status, "");
    }
    status = henge_node_create(daemon->runtime, config, &daemon->node, reason, sizeof(reason));
    if (status != HENGE_OK) {
        return failed("cannot make the node", status, reason);
    }
    status = henge_reader_create(daemon->node, "henged", &daemon->reader);
    if (status != HENGE_OK) {
        return failed("cannot make a reader", status, "");
    }
    status =
        henge_events_subscribe(daemon->node, HENGE_EVENTS_ALL, EVENTS_CAPACITY, &daemon->events);
    if (status != HENGE_OK) {
        return failed("cannot subscribe to events", status, "");
    }
    daemon->worker = worker_start(daemon->node, config->seeds_count > 0);
    if (daemon->worker == NULL) {
        return failed("cannot start the worker thread", HENGE_SYSTEM, "");
    }
    return HENGED_GO_ON;
}

/* Leaves the cluster, unless a `leave` has been asked for already, and takes everything down. */
static void node_close(struct daemon *daemon, bool with_leave) {
    bool has_left = daemon->worker != NULL && worker_stop(daemon->worker);
    if (daemon->node != NULL && with_leave && !has_left) {
        enum henge_status status = henge_node_leave(daemon->node, STOP_LEAVE_MS);
        henged_log(status == HENGE_OK ? HENGE_LOG_INFO : HENGE_LOG_WARN, "leave: %s",
                   henge_status_text(status));
    }
    if (daemon->events != NULL) {
        henge_events_unsubscribe(daemon->events);
    }
    if (daemon->reader != NULL) {
        henge_reader_destroy(daemon->reader);
    }
    if (daemon->node != NULL) {
        henge_node_destroy(daemon->node);
    }
    if (daemon->runtime != NULL) {
        henge_runtime_destroy(daemon->runtime);
    }
}

static void announce(const struct daemon *daemon) {
    char address[HENGE_ADDRESS_TEXT_BYTES];
    struct henge_address bound = henge_node_address(daemon->node);
    char text[256];
    snprintf(text, sizeof(text), "%s on %s (%s), control %s", henge_node_name(daemon->node),
             henge_address_format(&bound, address), henge_runtime_transport(daemon->runtime),
             daemon->options->control);
    henged_log(HENGE_LOG_INFO, "up: %s", text);
    if (daemon->options->config.insecure != 0) {
        henged_log(HENGE_LOG_WARN, "insecure: packets are neither sealed nor authenticated");
    }
    readiness_announce(daemon->options->ready_fd, text);
}

static void replies_forward(struct daemon *daemon, uint64_t now_ms) {
    uint64_t client;
    json_t *reply;
    while (worker_next(daemon->worker, &client, &reply)) {
        control_server_answer(daemon->server, client, reply, now_ms);
    }
}

/* Until a signal. HENGED_EXIT_OK or _FAILURE. */
static int loop_run(struct daemon *daemon) {
    enum { SIGNALS = 0, EVENTS, REPLIES, CONTROL };
    struct pollfd fds[CONTROL + CONTROL_POLL_MAX];
    fds[SIGNALS] = (struct pollfd){.fd = daemon->signal_fd, .events = POLLIN};
    fds[EVENTS] = (struct pollfd){.fd = henge_events_fd(daemon->events), .events = POLLIN};
    fds[REPLIES] = (struct pollfd){.fd = worker_fd(daemon->worker), .events = POLLIN};
    for (;;) {
        int timeout_ms;
        size_t count =
            control_server_prepare(daemon->server, clock_ms(), &fds[CONTROL], &timeout_ms);
        int ready = poll(fds, CONTROL + count, timeout_ms);
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready < 0) {
            henged_log(HENGE_LOG_ERROR, "poll: %s", strerror(errno));
            return HENGED_EXIT_FAILURE;
        }
        uint64_t now_ms = clock_ms();
        if (fds[SIGNALS].revents != 0) {
            struct signalfd_siginfo info;
            if (read(daemon->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
                henged_log(HENGE_LOG_INFO, "signal %u: leaving", info.ssi_signo);
                return HENGED_EXIT_OK;
            }
        }
        if (fds[EVENTS].revents != 0) {
            event_feed_turn(daemon, now_ms);
        }
        if (daemon->has_name_conflict) {
            henged_log(HENGE_LOG_ERROR, "this node stops: give each process a name of its own");
            return HENGED_EXIT_FAILURE;
        }
        if (fds[REPLIES].revents != 0) {
            replies_forward(daemon, now_ms);
        }
        control_server_turn(daemon->server, now_ms, &fds[CONTROL], count);
    }
}

static int daemon_run(struct daemon *daemon) {
    if (!descriptors_ensure(DESCRIPTORS_MIN) || !signals_open(daemon) || !control_open(daemon) ||
        !allocator_open(daemon)) {
        return HENGED_EXIT_FAILURE;
    }
    int code = node_open(daemon);
    if (code != HENGED_GO_ON) {
        node_close(daemon, false);
        return code;
    }
    announce(daemon);
    code = loop_run(daemon);
    readiness_stopping();
    node_close(daemon, code == HENGED_EXIT_OK);
    return code;
}

int main(int argc, char **argv) {
    static struct henged_options options;
    static struct daemon daemon;
    int code = henged_options_parse(argc, argv, &options);
    if (code != HENGED_GO_ON) {
        return code;
    }
    if (options.print_config) {
        henged_options_print(&options, stdout);
        return fflush(stdout) == 0 ? HENGED_EXIT_OK : HENGED_EXIT_FAILURE;
    }
    henged_log_init(options.log_level, options.log_as_json);
    daemon.options = &options;
    daemon.signal_fd = -1;
    code = daemon_run(&daemon);
    control_server_close(daemon.server);
    allocator_close(&daemon);
    if (daemon.signal_fd >= 0) {
        close(daemon.signal_fd);
    }
    return code;
}
