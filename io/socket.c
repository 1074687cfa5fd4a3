/* io/socket.c - see socket.h. */
#include "io/socket.h"
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LISTEN_BACKLOG = 128,
    /* Asked for, best effort: a turn of some ms at 100 000 packets/s must fit, also when the
     * scheduler is late. The kernel cuts it to net.core.rmem_max. */
    RECEIVE_QUEUE_BYTES = 4 << 20,
    /* UDP's free port may be taken for TCP; each try is an independent draw. */
    FREE_PORT_TRIES = 64,
    BUSY_PORT_TRIES = 50,
    BUSY_PORT_WAIT_NS = 20 * 1000 * 1000,
    DISCARDS_MAX = 512,       /* 8 MiB: more than Linux keeps for a socket by default */
    DISCARD_BYTES = 16 * 1024 /* never written to, but a sanitizer wants it to be there */
};

/* What went wrong last, for the reason text. */
struct failure {
    const char *step;
    int error;
};

socklen_t sockaddr_of_address(const struct henge_address *address,
                              struct sockaddr_storage *socket_address_out) {
    memset(socket_address_out, 0, sizeof(*socket_address_out));
    if (address->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)socket_address_out;
        in->sin_family = AF_INET;
        in->sin_port = htons(address->port);
        memcpy(&in->sin_addr, address->bytes, 4);
        return sizeof(*in);
    }
    if (address->family == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)socket_address_out;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(address->port);
        memcpy(&in6->sin6_addr, address->bytes, 16);
        return sizeof(*in6);
    }
    return 0;
}

bool address_of_sockaddr(const struct sockaddr_storage *socket_address,
                         struct henge_address *address_out) {
    memset(address_out, 0, sizeof(*address_out));
    if (socket_address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)socket_address;
        address_out->family = 4;
        address_out->port = ntohs(in->sin_port);
        memcpy(address_out->bytes, &in->sin_addr, 4);
        return true;
    }
    if (socket_address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)socket_address;
        address_out->family = 6;
        address_out->port = ntohs(in6->sin6_port);
        memcpy(address_out->bytes, &in6->sin6_addr, 16);
        return true;
    }
    return false;
}

static bool fail(struct failure *failure, const char *step) {
    *failure = (struct failure){.step = step, .error = errno};
    return false;
}

const char *socket_error_text(int error) {
    const char *text = strerrordesc_np(error);
    return text != NULL ? text : "unknown error";
}

static void close_if_open(int *descriptor) {
    if (*descriptor >= 0) {
        close(*descriptor);
    }
    *descriptor = -1;
}

/* A bound socket of `type`; address->port becomes the one that was taken. */
static bool open_bound(struct henge_address *address, int type, int *descriptor_out,
                       struct failure *failure) {
    struct sockaddr_storage wanted;
    socklen_t wanted_bytes = sockaddr_of_address(address, &wanted);
    const int one = 1;
    int descriptor = socket(wanted.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *descriptor_out = descriptor;
    if (descriptor < 0) {
        return fail(failure, "socket");
    }
    /* Without it an IPv6 wildcard would take the port on IPv4 as well. */
    if (address->family == 6 &&
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) {
        return fail(failure, "setsockopt IPV6_V6ONLY");
    }
    /* TCP: a restarted node takes its port again in spite of connections in TIME_WAIT. Not UDP:
     * there it would let two nodes share a port, and each hear half. */
    if (type == SOCK_STREAM &&
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0) {
        return fail(failure, "setsockopt SO_REUSEADDR");
    }
    if (bind(descriptor, (const struct sockaddr *)&wanted, wanted_bytes) != 0) {
        return fail(failure, type == SOCK_STREAM ? "bind TCP" : "bind UDP");
    }
    struct sockaddr_storage taken = {0};
    socklen_t taken_bytes = sizeof(taken);
    struct henge_address taken_address;
    if (getsockname(descriptor, (struct sockaddr *)&taken, &taken_bytes) != 0 ||
        !address_of_sockaddr(&taken, &taken_address)) {
        return fail(failure, "getsockname");
    }
    address->port = taken_address.port;
    return true;
}

/* Both sockets on address->port, or on the port that UDP is given when that is 0. */
static bool open_pair(struct henge_address *address, int *udp_out, int *tcp_out,
                      struct failure *failure) {
    *tcp_out = -1;
    if (!open_bound(address, SOCK_DGRAM, udp_out, failure) ||
        !open_bound(address, SOCK_STREAM, tcp_out, failure)) {
        return false;
    }
    if (listen(*tcp_out, LISTEN_BACKLOG) != 0) {
        return fail(failure, "listen");
    }
    const int one = 1;
    /* ICMP errors go to the error queue, with the peer's address; best effort. */
    (void)setsockopt(*udp_out, address->family == 6 ? IPPROTO_IPV6 : IPPROTO_IP,
                     address->family == 6 ? IPV6_RECVERR : IP_RECVERR, &one, sizeof(one));
    const int queue_bytes = RECEIVE_QUEUE_BYTES;
    (void)setsockopt(*udp_out, SOL_SOCKET, SO_RCVBUF, &queue_bytes, sizeof(queue_bytes));
    return true;
}

/* A process that was killed with an io_uring lets go of its sockets only when the kernel has taken
 * the ring apart, some time after the process is gone: its successor at the same port has to wait.
 */
static void busy_port_wait(void) {
    const struct timespec pause = {.tv_nsec = BUSY_PORT_WAIT_NS};
    nanosleep(&pause, NULL);
}

enum henge_status sockets_open(const struct henge_address *bind, int *udp_out, int *tcp_out,
                               struct henge_address *bound_out, char *reason, size_t reason_bytes) {
    char text[HENGE_ADDRESS_TEXT_BYTES];
    struct failure failure = {.step = "socket", .error = EAFNOSUPPORT};
    bool is_any_port = bind->port == 0;
    int tries = is_any_port ? FREE_PORT_TRIES : BUSY_PORT_TRIES;
    for (int i = 0; i < tries && (bind->family == 4 || bind->family == 6); i++) {
        struct henge_address address = *bind;
        int udp = -1, tcp = -1;
        if (open_pair(&address, &udp, &tcp, &failure)) {
            *udp_out = udp;
            *tcp_out = tcp;
            *bound_out = address;
            return HENGE_OK;
        }
        close_if_open(&udp);
        close_if_open(&tcp);
        if (failure.error != EADDRINUSE) {
            break;
        }
        if (!is_any_port) {
            busy_port_wait();
        }
    }
    if (reason != NULL && reason_bytes > 0) {
        (void)snprintf(reason, reason_bytes, "%s: %s: %s%s", henge_address_format(bind, text),
                       failure.step, socket_error_text(failure.error),
                       is_any_port && failure.error == EADDRINUSE ? " (no port free for both)"
                                                                  : "");
    }
    return failure.error == EAFNOSUPPORT ? HENGE_INVALID : HENGE_SYSTEM;
}

/* Whether the kernel's extended error is an ICMP "port unreachable". */
static bool is_refusal(struct msghdr *message) {
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at)) {
        bool is_error = (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR) ||
                        (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR);
        struct sock_extended_err error;
        if (is_error && at->cmsg_len >= CMSG_LEN(sizeof(error))) {
            memcpy(&error, CMSG_DATA(at), sizeof(error));
            return error.ee_errno == ECONNREFUSED && error.ee_origin != SO_EE_ORIGIN_LOCAL;
        }
    }
    return false;
}

uint32_t socket_refusals(int descriptor, struct henge_address *peers_out, uint32_t max) {
    uint32_t count = 0;
    while (count < max) {
        uint8_t nowhere;
        _Alignas(struct cmsghdr) uint8_t control[512];
        struct sockaddr_storage name = {0};
        struct iovec vector = {.iov_base = &nowhere, .iov_len = sizeof(nowhere)};
        struct msghdr message = {.msg_name = &name,
                                 .msg_namelen = sizeof(name),
                                 .msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof(control)};
        if (recvmsg(descriptor, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
            break;
        }
        if (is_refusal(&message) && address_of_sockaddr(&name, &peers_out[count])) {
            count++;
        }
    }
    return count;
}

uint32_t socket_drops(int descriptor) {
    uint32_t values[SK_MEMINFO_VARS] = {0};
    socklen_t bytes = sizeof(values);
    if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, values, &bytes) != 0) {
        return 0;
    }
    return values[SK_MEMINFO_DROPS];
}

void socket_send_at_once(int descriptor) {
    const int one = 1;
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void socket_discard_input(int descriptor) {
    uint8_t nowhere[DISCARD_BYTES]; /* TCP with MSG_TRUNC drops the bytes without copying them */
    for (int i = 0; i < DISCARDS_MAX; i++) {
        if (recv(descriptor, nowhere, sizeof(nowhere), MSG_TRUNC | MSG_DONTWAIT) <= 0) {
            break;
        }
    }
}
