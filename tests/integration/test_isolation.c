/* Who does not belong stays out: other labels, other keys, damaged datagrams, garbage. */
#include "tests/support/daemons.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STRANGERS_MS = 5000, GARBAGE_PACKETS = 300 };

/* Whatever their status: on a loaded machine a healthy member may be suspected for a moment. */
static uint64_t members_known(const struct daemon *daemon) {
    return daemon_info(daemon, "members_alive") + daemon_info(daemon, "members_suspect") +
           daemon_info(daemon, "members_dead") + daemon_info(daemon, "members_left");
}

static void strangers_never_meet(const char *const *their_flags, const char *their_directory) {
    char directory[128];
    struct daemon ours[2], theirs[2];
    daemons_begin(directory);
    cr_assert(daemons_cluster(ours, 2, directory, NULL));
    const char *flags[DAEMON_FLAGS_MAX] = {NULL};
    size_t used = 0;
    for (; *their_flags; their_flags++) {
        flags[used++] = *their_flags;
    }
    cr_assert(daemon_start(&theirs[0], their_directory ? their_directory : directory, "t1", flags));
    char seeds[160];
    snprintf(seeds, sizeof(seeds), "%s,%s", ours[0].address, theirs[0].address);
    flags[used] = "--join";
    flags[used + 1] = seeds;
    cr_assert(daemon_start(&theirs[1], their_directory ? their_directory : directory, "t2", flags));
    cr_assert(daemon_wait_info(&theirs[0], "members_alive", 2));
    uint64_t until_ms = daemon_now_ms() + STRANGERS_MS;
    while (daemon_now_ms() < until_ms) {
        for (int index = 0; index < 2; index++) {
            cr_assert_eq(members_known(&ours[index]), 2);
            cr_assert_eq(members_known(&theirs[index]), 2);
        }
        daemon_sleep_ms(100);
    }
    cr_assert_gt(daemon_info(&ours[0], "packets_forged"), 0);
    for (int index = 0; index < 2; index++) {
        daemon_stop(&ours[index], SIGKILL);
        daemon_stop(&theirs[index], SIGKILL);
    }
    daemons_end(directory);
}

Test(isolation, another_label, .timeout = 120) {
    const char *flags[] = {"--label", "other", NULL};
    strangers_never_meet(flags, NULL);
}

Test(isolation, another_key, .timeout = 120) {
    char other[128];
    const char *flags[] = {NULL};
    daemons_begin(other);
    strangers_never_meet(flags, other);
    daemons_end(other);
}

Test(isolation, without_a_key, .timeout = 120) {
    const char *flags[] = {"--insecure", "yes", NULL};
    strangers_never_meet(flags, NULL);
}

static struct sockaddr_in socket_address(const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    snprintf(host, sizeof(host), "%s", text);
    char *colon = strrchr(host, ':');
    *colon = '\0';
    inet_pton(AF_INET, host, &address.sin_addr);
    address.sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10));
    return address;
}

/* Passes datagrams for `advertised` on to the daemon, every tenth with one bit flipped. Answers to
 * the sender come from the daemon itself. Ends after `ms`; how many were damaged. */
static uint64_t relay(int listener, const struct sockaddr_in *daemon, unsigned ms) {
    uint64_t damaged = 0;
    uint64_t passed = 0;
    int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (uint64_t until_ms = daemon_now_ms() + ms; daemon_now_ms() < until_ms;) {
        struct pollfd poller = {.fd = listener, .events = POLLIN};
        uint8_t bytes[2048];
        if (poll(&poller, 1, 50) <= 0) {
            continue;
        }
        ssize_t size = recv(listener, bytes, sizeof(bytes), 0);
        if (size <= 0) {
            continue;
        }
        if (passed++ % 10 == 0) {
            bytes[passed % (size_t)size] ^= (uint8_t)(1u << (passed % 8));
            damaged++;
        }
        sendto(out, bytes, (size_t)size, 0, (const struct sockaddr *)daemon, sizeof(*daemon));
    }
    close(out);
    return damaged;
}

Test(isolation, a_flipped_bit_is_dropped_and_counted, .timeout = 120) {
    char directory[128], advertise[64];
    struct daemon daemons[2];
    struct sockaddr_in own = {.sin_family = AF_INET};
    socklen_t length = sizeof(own);
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&own, sizeof(own)), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&own, &length), 0);
    snprintf(advertise, sizeof(advertise), "127.0.0.1:%u", ntohs(own.sin_port));
    daemons_begin(directory);
    /* n2 binds a port of its own, found by asking for one first. */
    cr_assert(daemon_start(&daemons[0], directory, "n1", NULL));
    struct daemon probe;
    cr_assert(daemon_start(&probe, directory, "probe", NULL));
    char bound[64];
    snprintf(bound, sizeof(bound), "%s", probe.address);
    daemon_stop(&probe, SIGKILL);
    const char *flags[] = {"--bind",           bound, "--advertise", advertise, "--join",
                           daemons[0].address, NULL};
    cr_assert(daemon_start(&daemons[1], directory, "n2", flags));
    struct sockaddr_in target = socket_address(bound);
    uint64_t damaged = relay(listener, &target, 8000);
    cr_assert_gt(damaged, 0);
    uint64_t forged = daemon_info(&daemons[1], "packets_forged");
    cr_assert_eq(forged, damaged, "%llu forged, %llu damaged", (unsigned long long)forged,
                 (unsigned long long)damaged);
    cr_assert_str_eq(daemon_status_of(&daemons[1], "n1"), "ALIVE");
    cr_assert_eq(daemon_info(&daemons[1], "packets_malformed"), 0);
    close(listener);
    for (int index = 0; index < 2; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}

static void throw_garbage(const char *address) {
    struct sockaddr_in target = socket_address(address);
    uint8_t bytes[4096];
    int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unsigned seed = 1;
    for (int packet = 0; packet < GARBAGE_PACKETS; packet++) {
        size_t size = packet % 5 == 0 ? 0 : (size_t)(packet * 37) % sizeof(bytes);
        for (size_t at = 0; at < size; at++) {
            seed = seed * 1103515245 + 12345;
            bytes[at] = (uint8_t)(seed >> 16);
        }
        if (packet % 2 == 0) {
            bytes[0] = 1; /* the right version: it is looked at further */
        }
        sendto(datagrams, bytes, size, 0, (struct sockaddr *)&target, sizeof(target));
        if (packet % 10 == 0) {
            int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (connect(stream, (struct sockaddr *)&target, sizeof(target)) == 0) {
                send(stream, bytes, size, MSG_NOSIGNAL);
            }
            close(stream);
        }
    }
    close(datagrams);
}

Test(isolation, garbage_on_both_ports_changes_nothing, .timeout = 120) {
    char directory[128];
    struct daemon daemons[3];
    daemons_begin(directory);
    cr_assert(daemons_cluster(daemons, 3, directory, NULL));
    char before[64];
    snprintf(before, sizeof(before), "%s", daemon_info_text(&daemons[0], "fingerprint"));
    uint64_t acks = daemon_info(&daemons[0], "acks_sent");
    throw_garbage(daemons[0].address);
    daemon_sleep_ms(3000);
    cr_assert_gt(daemon_info(&daemons[0], "packets_forged"), 0);
    cr_assert_gt(daemon_info(&daemons[0], "acks_sent"), acks, "it still answers");
    for (int index = 0; index < 3; index++) {
        cr_assert(daemon_wait_info(&daemons[index], "members_alive", 3));
        cr_assert_eq(members_known(&daemons[index]), 3);
        cr_assert_str_eq(daemon_info_text(&daemons[index], "fingerprint"), before);
    }
    for (int index = 0; index < 3; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}
