/* control_client.c - see control_client.h. */
#include "tools/control_client.h"
#include "tools/control_server.h"
#include "tools/json_tools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, LINE_BYTES_MAX = CONTROL_REPLY_BYTES_MAX + 1 };

struct control_client {
    int fd;
    char *buffer; /* bytes begin .. end are not yet given out */
    size_t begin, end, size;
};

static void timeouts_set(int fd, unsigned timeout_ms) {
    struct timeval timeout = {.tv_sec = timeout_ms / 1000,
                              .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

static bool send_all(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        count -= (size_t)sent;
    }
    return true;
}

static int connect_to(const char *path, unsigned timeout_ms, char *reason_out,
                      size_t reason_bytes) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        snprintf(reason_out, reason_bytes, "the socket's path is longer than %zu bytes: %s",
                 sizeof(address.sun_path) - 1, path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        timeouts_set(fd, timeout_ms);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
            return fd;
        }
    }
    snprintf(reason_out, reason_bytes, "no daemon answers at %s: %s", path, strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

struct control_client *control_client_open(const char *path, const json_t *request,
                                           unsigned timeout_ms, char *reason_out,
                                           size_t reason_bytes) {
    struct control_client *client = calloc(1, sizeof(*client));
    size_t bytes = 0;
    char *line = json_line(request, &bytes);
    if (client == NULL || line == NULL) {
        snprintf(reason_out, reason_bytes, "out of memory");
        free(line);
        free(client);
        return NULL;
    }
    client->fd = connect_to(path, timeout_ms, reason_out, reason_bytes);
    if (client->fd >= 0 && !send_all(client->fd, line, bytes)) {
        snprintf(reason_out, reason_bytes, "the daemon at %s takes no request: %s", path,
                 strerror(errno));
        close(client->fd);
        client->fd = -1;
    }
    free(line);
    if (client->fd < 0) {
        free(client);
        return NULL;
    }
    return client;
}

void control_client_close(struct control_client *client) {
    if (client == NULL) {
        return;
    }
    close(client->fd);
    free(client->buffer);
    free(client);
}

int control_client_fd(const struct control_client *client) {
    return client->fd;
}

void control_client_wait_forever(struct control_client *client) {
    timeouts_set(client->fd, 0);
}

/* Reads more; 1 = got some, 0 = end, -1 = error with the reason. */
static int more_read(struct control_client *client, char *reason_out, size_t reason_bytes) {
    if (client->begin > 0) {
        memmove(client->buffer, client->buffer + client->begin, client->end - client->begin);
        client->end -= client->begin;
        client->begin = 0;
    }
    if (client->size - client->end < READ_BYTES) {
        size_t size = client->size == 0 ? READ_BYTES : client->size * 2;
        char *buffer = client->size < LINE_BYTES_MAX ? realloc(client->buffer, size) : NULL;
        if (buffer == NULL) {
            snprintf(reason_out, reason_bytes, "the reply is too long");
            return -1;
        }
        client->buffer = buffer;
        client->size = size;
    }
    ssize_t got = recv(client->fd, client->buffer + client->end, client->size - client->end, 0);
    if (got < 0) { /* EINTR too: a signal ends the command */
        snprintf(reason_out, reason_bytes, "the daemon does not answer: %s",
                 errno == EAGAIN ? "time is up" : strerror(errno));
        return -1;
    }
    client->end += (size_t)got;
    return got > 0;
}

json_t *control_client_next(struct control_client *client, char *reason_out, size_t reason_bytes) {
    size_t searched = 0;
    reason_out[0] = '\0';
    for (;;) {
        char *from = client->buffer != NULL ? client->buffer + client->begin : NULL;
        size_t waiting = client->end - client->begin;
        char *newline = from != NULL && waiting > searched
                            ? memchr(from + searched, '\n', waiting - searched)
                            : NULL;
        if (newline != NULL) {
            json_error_t error;
            json_t *document = json_loadb(from, (size_t)(newline - from), 0, &error);
            client->begin += (size_t)(newline - from) + 1;
            if (document == NULL) {
                snprintf(reason_out, reason_bytes, "the daemon's answer is not JSON: %s",
                         error.text);
            }
            return document;
        }
        searched = waiting;
        int got = more_read(client, reason_out, reason_bytes);
        if (got == 0 && waiting > 0) {
            snprintf(reason_out, reason_bytes, "the daemon's answer is cut off");
        }
        if (got <= 0) {
            return NULL;
        }
    }
}

json_t *control_client_ask(const char *path, const json_t *request, unsigned timeout_ms,
                           char *reason_out, size_t reason_bytes) {
    struct control_client *client =
        control_client_open(path, request, timeout_ms, reason_out, reason_bytes);
    if (client == NULL) {
        return NULL;
    }
    json_t *reply = control_client_next(client, reason_out, reason_bytes);
    if (reply == NULL && reason_out[0] == '\0') {
        snprintf(reason_out, reason_bytes, "the daemon at %s closed without an answer", path);
    }
    control_client_close(client);
    return reply;
}
