/* control_server.c - listener and connections; see control_server.h. The bytes of one connection
 * are in control_connection.c. */
#include "tools/control_server.h"
#include "tools/control_connection.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 64, ACCEPT_PAUSE_MS = 500 };

struct control_server {
    int listener;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    dev_t path_device; /* of our socket file: another daemon may have replaced it */
    ino_t path_inode;
    struct control_handler handler;
    uint64_t next_client;     /* numbers are never used twice */
    uint64_t accept_again_ms; /* out of descriptors: rest instead of spinning */
    struct control_connection clients[CONTROL_CLIENTS_MAX];
};

json_t *control_error(const char *status, const char *format, ...) {
    char message[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    json_t *document = json_object();
    json_t *text = json_string(message);
    (void)json_object_set_new(document, "error", text != NULL ? text : json_string("error"));
    (void)json_object_set_new(document, "status", json_string(status));
    return document;
}

/* True if a daemon answers at this address. */
static bool is_listening(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return true; /* unknown: better not to remove the file */
    }
    int result = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    bool is_refused = result != 0 && (errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
    return !is_refused;
}

static int bind_listener(const struct sockaddr_un *address, char *reason_out, size_t reason_bytes) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Linux makes the file with the mode of the socket: never a moment with a wider one. */
    if (fd < 0 || fchmod(fd, 0600) != 0) {
        goto failed;
    }
    int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    if (result != 0 && errno == EADDRINUSE) {
        struct stat info;
        if (lstat(address->sun_path, &info) == 0 && !S_ISSOCK(info.st_mode)) {
            snprintf(reason_out, reason_bytes, "%s exists and is not a socket", address->sun_path);
            goto close_it;
        }
        if (is_listening(address)) {
            snprintf(reason_out, reason_bytes, "another daemon listens on %s", address->sun_path);
            goto close_it;
        }
        (void)unlink(address->sun_path);
        result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    }
    if (result == 0 && listen(fd, LISTEN_BACKLOG) == 0) {
        return fd;
    }
failed:
    snprintf(reason_out, reason_bytes, "cannot listen on %s: %s", address->sun_path,
             strerror(errno));
close_it:
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

struct control_server *control_server_open(const char *path, const struct control_handler *handler,
                                           char *reason_out, size_t reason_bytes) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        snprintf(reason_out, reason_bytes, "control path is longer than %zu bytes: %s",
                 sizeof(address.sun_path) - 1, path);
        return NULL;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    struct control_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        snprintf(reason_out, reason_bytes, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        server->clients[i].fd = -1;
    }
    memcpy(server->path, address.sun_path, sizeof(server->path));
    server->handler = *handler;
    server->next_client = 1;
    server->listener = bind_listener(&address, reason_out, reason_bytes);
    if (server->listener < 0) {
        free(server);
        return NULL;
    }
    struct stat info;
    if (lstat(server->path, &info) == 0) {
        server->path_device = info.st_dev;
        server->path_inode = info.st_ino;
    }
    return server;
}

void control_server_close(struct control_server *server) {
    if (server == NULL) {
        return;
    }
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        control_connection_close(&server->clients[i]);
    }
    struct stat info;
    if (lstat(server->path, &info) == 0 && info.st_dev == server->path_device &&
        info.st_ino == server->path_inode) {
        (void)unlink(server->path);
    }
    close(server->listener);
    free(server);
}

static struct control_connection *free_place(struct control_server *server) {
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (server->clients[i].fd < 0) {
            return &server->clients[i];
        }
    }
    return NULL;
}

static void accept_all(struct control_server *server, uint64_t now_ms) {
    struct control_connection *client;
    while ((client = free_place(server)) != NULL) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
                server->accept_again_ms = now_ms + ACCEPT_PAUSE_MS;
            }
            return;
        }
        control_connection_open(client, fd, server->next_client++, now_ms);
    }
}

size_t control_server_prepare(struct control_server *server, uint64_t now_ms, struct pollfd *fds,
                              int *timeout_ms_out) {
    uint64_t deadline = UINT64_MAX;
    bool is_resting = now_ms < server->accept_again_ms;
    bool has_place = free_place(server) != NULL && !is_resting;
    fds[0] = (struct pollfd){.fd = has_place ? server->listener : -1, .events = POLLIN};
    if (is_resting) {
        deadline = server->accept_again_ms;
    }
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        const struct control_connection *client = &server->clients[i];
        fds[i + 1] = (struct pollfd){.fd = client->fd, .events = control_connection_events(client)};
        if (client->fd >= 0 && client->deadline_ms < deadline) {
            deadline = client->deadline_ms;
        }
    }
    *timeout_ms_out = deadline == UINT64_MAX ? -1
                      : deadline <= now_ms   ? 0
                                             : (int)(deadline - now_ms);
    return CONTROL_POLL_MAX;
}

static void request_handle(struct control_server *server, struct control_connection *client,
                           uint64_t now_ms) {
    json_error_t error;
    json_t *request =
        json_loadb(client->input, client->input_bytes, JSON_REJECT_DUPLICATES, &error);
    json_t *reply = NULL;
    enum control_next next = CONTROL_ANSWER;
    if (client->is_oversized) {
        reply = control_error("a named limit is reached", "the request is longer than %d bytes",
                              CONTROL_REQUEST_BYTES_MAX);
    } else if (!json_is_object(request)) {
        reply = control_error("invalid", "the request is not a JSON object: %s",
                              request == NULL ? error.text : "another type");
    } else {
        next = server->handler.handle(server->handler.context, client->number, request, &reply);
    }
    json_decref(request);
    control_connection_requested(client);
    if (next == CONTROL_LATER) {
        control_connection_wait(client);
        return;
    }
    control_connection_reply(client, reply, next == CONTROL_FOLLOW, now_ms);
}

void control_server_turn(struct control_server *server, uint64_t now_ms, const struct pollfd *fds,
                         size_t count) {
    for (size_t i = 1; i < count && i <= CONTROL_CLIENTS_MAX; i++) {
        struct control_connection *client = &server->clients[i - 1];
        if (client->fd < 0 || client->fd != fds[i].fd) {
            continue;
        }
        if (fds[i].revents != 0 &&
            control_connection_turn(client, fds[i].revents, now_ms) == CONNECTION_REQUEST) {
            request_handle(server, client, now_ms);
        }
        if (client->fd >= 0 && now_ms >= client->deadline_ms) {
            control_connection_close(client);
        }
    }
    if (fds[0].revents != 0 || now_ms >= server->accept_again_ms) {
        accept_all(server, now_ms);
    }
}

void control_server_answer(struct control_server *server, uint64_t client, json_t *reply,
                           uint64_t now_ms) {
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (server->clients[i].fd >= 0 && server->clients[i].number == client) {
            control_connection_reply(&server->clients[i], reply, false, now_ms);
            return;
        }
    }
    json_decref(reply);
}

void control_server_publish(struct control_server *server, const char *line, size_t bytes,
                            uint64_t now_ms) {
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (server->clients[i].fd >= 0) {
            control_connection_follow(&server->clients[i], line, bytes, now_ms);
        }
    }
}
