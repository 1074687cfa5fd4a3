/* readiness.h - telling whoever started henged that it is up.
 *
 * The protocol of sd_notify(3): a datagram "READY=1" to the Unix socket in $NOTIFY_SOCKET (a path,
 * or an abstract name written with a leading '@'). It is small enough not to need a library. And
 * --ready-fd N: the line "ready\n" on descriptor N, which is then closed. */
#ifndef TOOLS_READINESS_H
#define TOOLS_READINESS_H

/* `ready_fd` -1: none. Failures are logged; the daemon runs on. */
void readiness_announce(int ready_fd, const char *status_text);

/* "STOPPING=1", when the daemon begins to leave. */
void readiness_stopping(void);

#endif
