/* bench/cluster_loss.c - a share of all IP packets is lost, datagrams and streams alike; see
 * cluster.h.
 *
 * In a network namespace of this process's own, whose one loopback device and firewall nobody else
 * sees and which are gone with it. */
#include "bench/cluster.h"
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static bool complain(const char *what) {
    fprintf(
        stderr,
        "bench_cluster: --loss: %s: %s (it needs the right to make a network namespace, and nft)\n",
        what, strerror(errno));
    return false;
}

bool cluster_loss_prepare(const struct cluster_options *options) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    if (options->loss_percent <= 0) {
        return true;
    }
    if (unshare(CLONE_NEWNET) != 0) {
        return complain("unshare");
    }
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_up = descriptor >= 0 && ioctl(descriptor, SIOCSIFFLAGS, &request) == 0;
    if (descriptor >= 0) {
        close(descriptor);
    }
    return is_up || complain("lo");
}

/* Each packet is judged once, where it arrives. */
bool cluster_loss_begin(const struct cluster_options *options) {
    char rules[256];
    char program[] = "nft";
    char *const words[] = {program, rules, NULL};
    pid_t nft;
    int result = -1;
    if (options->loss_percent <= 0) {
        return true;
    }
    snprintf(rules, sizeof(rules),
             "add table inet henge_bench; "
             "add chain inet henge_bench in { type filter hook input priority 0; }; "
             "add rule inet henge_bench in numgen random mod 1000 < %u drop",
             (unsigned)(options->loss_percent * 10));
    errno = posix_spawnp(&nft, program, NULL, NULL, words, environ);
    if (errno != 0) {
        return complain(program);
    }
    return (waitpid(nft, &result, 0) == nft && result == 0) || complain(program);
}
