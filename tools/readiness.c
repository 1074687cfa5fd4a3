/* readiness.c - see readiness.h. */
#include "tools/readiness.h"
#include "tools/henged_log.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void notify(const char *message) {
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || path[0] == '\0') {
        return;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t path_bytes = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || path_bytes >= sizeof(address.sun_path)) {
        henged_log(HENGE_LOG_WARN, "NOTIFY_SOCKET is not a usable address: %s", path);
        return;
    }
    memcpy(address.sun_path, path, path_bytes);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_bytes);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT,
                         (const struct sockaddr *)&address, bytes) < 0) {
        henged_log(HENGE_LOG_WARN, "cannot notify %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}

void readiness_announce(int ready_fd, const char *status_text) {
    char message[256];
    snprintf(message, sizeof(message), "READY=1\nSTATUS=%s\n", status_text);
    notify(message);
    if (ready_fd >= 0) {
        static const char line[] = "ready\n";
        if (write(ready_fd, line, sizeof(line) - 1) != (ssize_t)(sizeof(line) - 1)) {
            henged_log(HENGE_LOG_WARN, "cannot write to the ready descriptor: %s", strerror(errno));
        }
        close(ready_fd);
    }
}

void readiness_stopping(void) {
    notify("STOPPING=1\n");
}
