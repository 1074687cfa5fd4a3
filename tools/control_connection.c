/* control_connection.c - see control_connection.h. */
#include "tools/control_connection.h"
#include "tools/control_server.h"
#include "tools/json_tools.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void control_connection_open(struct control_connection *client, int fd, uint64_t number,
                             uint64_t now_ms) {
    *client = (struct control_connection){
        .fd = fd, .number = number, .deadline_ms = now_ms + CONTROL_IDLE_MS};
}

void control_connection_close(struct control_connection *client) {
    if (client->fd < 0) {
        return;
    }
    close(client->fd);
    free(client->input);
    free(client->output);
    *client = (struct control_connection){.fd = -1};
}

short control_connection_events(const struct control_connection *client) {
    short events = 0; /* POLLHUP and POLLERR always come */
    if (client->state == CONNECTION_READING) {
        events |= POLLIN;
    }
    if (client->output_begin < client->output_end) {
        events |= POLLOUT;
    }
    return events;
}

/* Room for `bytes` more behind output_end, within `limit` unsent bytes. */
static bool output_reserve(struct control_connection *client, size_t bytes, size_t limit) {
    size_t unsent = client->output_end - client->output_begin;
    if (bytes > limit || unsent > limit - bytes) {
        return false;
    }
    if (client->output_begin > 0) {
        memmove(client->output, client->output + client->output_begin, unsent);
        client->output_begin = 0;
        client->output_end = unsent;
    }
    if (client->output_size - client->output_end >= bytes) {
        return true;
    }
    size_t size = client->output_end + bytes;
    size = size < 4096 ? 4096 : size;
    char *output = realloc(client->output, size);
    if (output == NULL) {
        return false;
    }
    client->output = output;
    client->output_size = size;
    return true;
}

static bool output_append(struct control_connection *client, const char *bytes, size_t count,
                          size_t limit) {
    if (!output_reserve(client, count, limit)) {
        return false;
    }
    memcpy(client->output + client->output_end, bytes, count);
    client->output_end += count;
    return true;
}

/* A follower that reads again after a gap is told how large the gap was. */
static void resync_append(struct control_connection *client) {
    size_t unsent = client->output_end - client->output_begin;
    if (client->lost == 0 || unsent > CONTROL_FOLLOW_BYTES_MAX / 2) {
        return;
    }
    char line[64];
    int bytes = snprintf(line, sizeof(line), "{\"event\": \"resync\", \"lost\": %" PRIu64 "}\n",
                         client->lost);
    if (output_append(client, line, (size_t)bytes, CONTROL_FOLLOW_BYTES_MAX)) {
        client->lost = 0;
    }
}

/* Sends what the socket takes. Closes on an error, and at the end of a reply. */
static void output_send(struct control_connection *client, uint64_t now_ms) {
    while (client->output_begin < client->output_end) {
        ssize_t sent = send(client->fd, client->output + client->output_begin,
                            client->output_end - client->output_begin, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno == EAGAIN) {
            return;
        }
        if (sent <= 0) {
            control_connection_close(client);
            return;
        }
        client->output_begin += (size_t)sent;
        if (client->state == CONNECTION_REPLYING) {
            client->deadline_ms = now_ms + CONTROL_IDLE_MS; /* it moves: give it more time */
        } else {
            resync_append(client);
        }
    }
    if (client->state == CONNECTION_REPLYING) {
        control_connection_close(client);
    }
}

/* One recv; true when the request is complete (a newline, or the end of the peer's writing). */
static bool input_read(struct control_connection *client) {
    if (client->input == NULL) {
        client->input = malloc(CONTROL_REQUEST_BYTES_MAX);
        if (client->input == NULL) {
            control_connection_close(client);
            return false;
        }
    }
    size_t room = CONTROL_REQUEST_BYTES_MAX - client->input_bytes;
    char *at = client->input + client->input_bytes;
    ssize_t got = recv(client->fd, at, room, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got < 0 || (got == 0 && client->input_bytes == 0)) {
        control_connection_close(client);
        return false;
    }
    const char *newline = got > 0 ? memchr(at, '\n', (size_t)got) : NULL;
    if (newline != NULL) {
        client->input_bytes = (size_t)(newline - client->input);
        return true;
    }
    client->input_bytes += (size_t)got;
    client->is_oversized = client->input_bytes == CONTROL_REQUEST_BYTES_MAX;
    return got == 0 || client->is_oversized;
}

enum connection_turn control_connection_turn(struct control_connection *client, short revents,
                                             uint64_t now_ms) {
    if (client->state == CONNECTION_READING && (revents & (POLLIN | POLLHUP)) != 0) {
        return input_read(client) ? CONNECTION_REQUEST : CONNECTION_NOTHING;
    }
    if ((revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
        control_connection_close(client);
    } else if ((revents & POLLOUT) != 0) {
        output_send(client, now_ms);
    }
    return CONNECTION_NOTHING;
}

void control_connection_requested(struct control_connection *client) {
    free(client->input);
    client->input = NULL;
    client->input_bytes = 0;
}

void control_connection_wait(struct control_connection *client) {
    client->state = CONNECTION_WAITING;
    client->deadline_ms = UINT64_MAX; /* the work has its own deadline */
}

void control_connection_reply(struct control_connection *client, json_t *reply, bool is_following,
                              uint64_t now_ms) {
    size_t bytes = 0;
    char *line = reply != NULL ? json_line(reply, &bytes) : NULL;
    json_decref(reply);
    if (bytes > CONTROL_REPLY_BYTES_MAX) {
        free(line);
        json_t *error = control_error("a named limit is reached",
                                      "the reply is longer than %d bytes", CONTROL_REPLY_BYTES_MAX);
        line = json_line(error, &bytes);
        json_decref(error);
    }
    if (line == NULL) {
        control_connection_close(client);
        return;
    }
    client->state = is_following ? CONNECTION_FOLLOWING : CONNECTION_REPLYING;
    client->deadline_ms = is_following ? UINT64_MAX : now_ms + CONTROL_IDLE_MS;
    bool has_room = output_append(client, line, bytes, CONTROL_REPLY_BYTES_MAX);
    free(line);
    if (!has_room) {
        control_connection_close(client);
        return;
    }
    output_send(client, now_ms);
}

void control_connection_follow(struct control_connection *client, const char *line, size_t bytes,
                               uint64_t now_ms) {
    if (client->state != CONNECTION_FOLLOWING) {
        return;
    }
    resync_append(client);
    /* Once one is lost, the next ones are too, until the gap has been told. */
    if (client->lost > 0 || !output_append(client, line, bytes, CONTROL_FOLLOW_BYTES_MAX)) {
        client->lost++;
        if (client->lost > CONTROL_LOST_MAX) {
            control_connection_close(client);
        }
        return;
    }
    output_send(client, now_ms);
}
