/* core/runtime/resolve.c - see resolve.h. */
#include "core/runtime/resolve.h"
#include "henge/config.h"
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <stdbool.h>
#include <sys/socket.h>

static bool address_of(const struct sockaddr *socket_address, struct henge_address *address) {
    *address = (struct henge_address){0};
    if (socket_address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, socket_address, sizeof(v4));
        memcpy(address->bytes, &v4.sin_addr, 4);
        address->port = ntohs(v4.sin_port);
        address->family = 4;
        return true;
    }
    if (socket_address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, socket_address, sizeof(v6));
        memcpy(address->bytes, &v6.sin6_addr, 16);
        address->port = ntohs(v6.sin6_port);
        address->family = 6;
        return true;
    }
    return false;
}

size_t resolve_endpoint(const char *endpoint, struct henge_address *addresses, size_t room) {
    char host[HENGE_ENDPOINT_BYTES];
    if (room == 0) {
        return 0;
    }
    if (henge_address_parse(endpoint, &addresses[0]) == HENGE_OK) {
        return 1;
    }
    const char *colon = strrchr(endpoint, ':');
    if (!colon || colon == endpoint || (size_t)(colon - endpoint) >= sizeof(host)) {
        return 0;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - endpoint), endpoint);
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return 0;
    }
    size_t count = 0;
    for (struct addrinfo *each = found; each && count < room; each = each->ai_next) {
        if (address_of(each->ai_addr, &addresses[count])) {
            count++;
        }
    }
    freeaddrinfo(found);
    return count;
}
