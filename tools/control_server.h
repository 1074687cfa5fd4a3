/* control_server.h - the daemon's control socket.
 *
 * A Unix stream socket, mode 0600. One request per connection: one line of JSON,
 *
 *     {"verb":"lookup","key":"user:17","count":3}\n
 *
 * and one line of JSON back,
 *
 *     {"ok":true,"key":"user:17",...}\n      or      {"error":"what is wrong","status":"not
 * found"}\n
 *
 * after which the daemon closes the connection. Verbs (required arguments; [optional]):
 *
 *     members                               everything `henge members --json` prints
 *     info
 *     lookup    key, [count 1..8]
 *     ring      [ranges true], [saved true] saved: what henge_ring_save writes, as hexadecimal
 *                                           digits; missing if that is too much for a reply
 *     plan      [count], [add], [remove], [weights]: ring_plan.h
 *     events    [follow true]               follow: {"ok":true,"following":true}\n, then one event
 *                                           per line until the client closes
 *     join      addresses ["host:port"..], [timeout_ms]
 *     leave     [timeout_ms]
 *     set-meta  pairs {"key":"value" or null to remove}
 *     set-weight weight 0..100
 *     evict     name
 *     drain
 *     activate
 *
 * Limits, all ordinary results: CONTROL_CLIENTS_MAX connections (further ones wait in the backlog),
 * CONTROL_REQUEST_BYTES_MAX per request, CONTROL_REPLY_BYTES_MAX per reply, CONTROL_IDLE_MS to send
 * a request or take a reply. Nothing here blocks: sockets are non-blocking and output waits in
 * bounded buffers. A follower whose buffer is full loses events; as soon as it reads again it gets
 * {"event":"resync","lost":n}, and one that lost CONTROL_LOST_MAX is dropped.
 *
 * Owned by one thread, which calls prepare, poll(2), turn. */
#ifndef TOOLS_CONTROL_SERVER_H
#define TOOLS_CONTROL_SERVER_H

#include <jansson.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONTROL_CLIENTS_MAX = 32,
    CONTROL_POLL_MAX = CONTROL_CLIENTS_MAX + 1, /* and the listener */
    CONTROL_REQUEST_BYTES_MAX = 64 * 1024,
    CONTROL_REPLY_BYTES_MAX = 64 * 1024 * 1024,
    CONTROL_FOLLOW_BYTES_MAX = 256 * 1024,
    CONTROL_LOST_MAX = 65536,
    CONTROL_IDLE_MS = 10000
};

struct control_server;

/* What became of a request. */
enum control_next {
    CONTROL_ANSWER, /* *reply_out is the answer */
    CONTROL_LATER,  /* control_server_answer will be called with this client's number */
    CONTROL_FOLLOW  /* *reply_out, then what control_server_publish says */
};

struct control_handler {
    void *context;
    enum control_next (*handle)(void *context, uint64_t client, const json_t *request,
                                json_t **reply_out);
};

/* Binds and listens; a socket file that nobody listens on is replaced. NULL with the reason. */
struct control_server *control_server_open(const char *path, const struct control_handler *handler,
                                           char *reason_out, size_t reason_bytes);
/* Closes all connections and removes the socket file. */
void control_server_close(struct control_server *server);

/* Fills `fds` (room for CONTROL_POLL_MAX) and the time until the next deadline, -1 for none.
 * Returns how many are filled. */
size_t control_server_prepare(struct control_server *server, uint64_t now_ms, struct pollfd *fds,
                              int *timeout_ms_out);
/* Acts on what poll(2) found in those same entries. */
void control_server_turn(struct control_server *server, uint64_t now_ms, const struct pollfd *fds,
                         size_t count);

/* Answers a request that was put off; a client that is gone meanwhile is no error. Takes over
 * `reply`. */
void control_server_answer(struct control_server *server, uint64_t client, json_t *reply,
                           uint64_t now_ms);

/* Sends one line, with its '\n', to every follower. */
void control_server_publish(struct control_server *server, const char *line, size_t bytes,
                            uint64_t now_ms);

/* {"error": message, "status": status} */
json_t *control_error(const char *status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
