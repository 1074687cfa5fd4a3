/* control_connection.h - the bytes of one connection to the control socket: a request in, a reply
 * or a stream of events out, all without blocking and with a limit on each buffer. Only
 * control_server.c uses it. */
#ifndef TOOLS_CONTROL_CONNECTION_H
#define TOOLS_CONTROL_CONNECTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum connection_state {
    CONNECTION_READING = 0, /* the request is not complete */
    CONNECTION_WAITING,     /* the answer will come later */
    CONNECTION_REPLYING,    /* closes when the output is gone */
    CONNECTION_FOLLOWING    /* events until the client closes */
};

struct control_connection {
    int fd; /* -1: a free place */
    enum connection_state state;
    uint64_t number;
    uint64_t deadline_ms; /* closed then; UINT64_MAX = never */
    char *input;
    size_t input_bytes;
    bool is_oversized;
    char *output; /* bytes output_begin .. output_end are unsent */
    size_t output_begin, output_end, output_size;
    uint64_t lost; /* events that found the buffer full, since the last resync line */
};

enum connection_turn { CONNECTION_NOTHING = 0, CONNECTION_REQUEST /* `input` is one request */ };

void control_connection_open(struct control_connection *client, int fd, uint64_t number,
                             uint64_t now_ms);
/* Nothing happens on a free place. */
void control_connection_close(struct control_connection *client);

/* What poll(2) shall look for. */
short control_connection_events(const struct control_connection *client);

/* Reads and writes what can be; closes when the peer is gone or all is said. */
enum connection_turn control_connection_turn(struct control_connection *client, short revents,
                                             uint64_t now_ms);

/* The request has been dealt with: its buffer goes. */
void control_connection_requested(struct control_connection *client);
void control_connection_wait(struct control_connection *client);

/* Takes over `reply`; NULL closes the connection (there was no memory for an answer). */
void control_connection_reply(struct control_connection *client, json_t *reply, bool is_following,
                              uint64_t now_ms);

/* One line for a follower; ignored in other states. */
void control_connection_follow(struct control_connection *client, const char *line, size_t bytes,
                               uint64_t now_ms);

#endif
