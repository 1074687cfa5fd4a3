/* control_client.h - asking a daemon over its control socket (protocol: control_server.h). */
#ifndef TOOLS_CONTROL_CLIENT_H
#define TOOLS_CONTROL_CLIENT_H

#include <jansson.h>
#include <stddef.h>

struct control_client; /* one connection */

/* Connects and sends the request. The deadline holds for this and for each line that is waited
 * for; 0 = none. NULL with the reason, which names the path. */
struct control_client *control_client_open(const char *path, const json_t *request,
                                           unsigned timeout_ms, char *reason_out,
                                           size_t reason_bytes);
void control_client_close(struct control_client *client);

/* The descriptor, for poll(2); lines may also wait in the buffer: read until NULL first. */
int control_client_fd(const struct control_client *client);

/* No deadline for the lines to come: a stream of events may be silent for long. */
void control_client_wait_forever(struct control_client *client);

/* The next line as a new reference. NULL at the end or with the reason in `reason_out` (empty at a
 * clean end). */
json_t *control_client_next(struct control_client *client, char *reason_out, size_t reason_bytes);

/* One request, one reply, whether good or an {"error"}. NULL with the reason when there was none.
 */
json_t *control_client_ask(const char *path, const json_t *request, unsigned timeout_ms,
                           char *reason_out, size_t reason_bytes);

#endif
