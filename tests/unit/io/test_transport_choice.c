/* tests/unit/io/test_transport_choice.c - which transport one gets, what creating costs when memory
 * fails, bad settings; and what only io_uring has: the kernel's refusal, an overflowing queue. */
#include "io/kernel_probe.h"
#include "tests/unit/io/transport_cases.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From here on io_uring_setup answers `error`, in this process (Criterion's child). */
static void refuse_io_uring(uint32_t error) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
    cr_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    cr_assert(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

static enum henge_status create_and_name(enum henge_transport kind, char name_out[16], char *reason,
                                         size_t reason_bytes) {
    const struct transport_settings settings = world_settings(kind);
    struct memory memory;
    memory_init(&memory, NULL);
    struct transport *transport = NULL;
    const enum henge_status status =
        transport_create(&settings, &memory, &transport, reason, reason_bytes);
    name_out[0] = '\0';
    if (status == HENGE_OK) {
        (void)strncpy(name_out, transport_name(transport), 15);
        name_out[15] = '\0';
        transport_destroy(transport);
    }
    cr_assert(atomic_load(&memory.held_bytes[HENGE_MEMORY_NET]) == 0);
    return status;
}

Test(transport_choice, each_by_name, .timeout = CASE_LIMIT_S) {
    char name[16];
    char reason[200];
    cr_assert(create_and_name(HENGE_TRANSPORT_IO_URING, name, reason, sizeof reason) == HENGE_OK);
    cr_assert(strcmp(name, "io_uring") == 0 && reason[0] == '\0');
    cr_assert(create_and_name(HENGE_TRANSPORT_EPOLL, name, reason, sizeof reason) == HENGE_OK);
    cr_assert(strcmp(name, "epoll") == 0 && reason[0] == '\0');
    cr_assert(create_and_name(HENGE_TRANSPORT_MEMORY, name, reason, sizeof reason) == HENGE_OK);
    cr_assert(strcmp(name, "memory") == 0 && reason[0] == '\0');
    cr_assert(create_and_name(HENGE_TRANSPORT_AUTO, name, reason, sizeof reason) == HENGE_OK);
    cr_assert(strcmp(name, "io_uring") == 0 && reason[0] == '\0');
}

Test(transport_choice, io_uring_refused_by_the_kernel, .timeout = CASE_LIMIT_S) {
    refuse_io_uring(EPERM);
    char name[16];
    char reason[200] = "";
    cr_assert(create_and_name(HENGE_TRANSPORT_IO_URING, name, reason, sizeof reason) ==
              HENGE_UNSUPPORTED);
    cr_assert(strcmp(reason, "io_uring_setup: Operation not permitted (seccomp, container or "
                             "sysctl kernel.io_uring_disabled)") == 0,
              "%s", reason);
    cr_assert(create_and_name(HENGE_TRANSPORT_AUTO, name, reason, sizeof reason) == HENGE_OK);
    cr_assert(strcmp(name, "epoll") == 0);
    cr_assert(strstr(reason, "Operation not permitted") != NULL);
    /* A reason that is not wanted, or has no room, is left. */
    cr_assert(create_and_name(HENGE_TRANSPORT_IO_URING, name, NULL, 0) == HENGE_UNSUPPORTED);
    char small[8];
    cr_assert(create_and_name(HENGE_TRANSPORT_IO_URING, name, small, sizeof small) ==
              HENGE_UNSUPPORTED);
    cr_assert(strcmp(small, "io_urin") == 0);
}

Test(transport_choice, kernel_without_io_uring, .timeout = CASE_LIMIT_S) {
    refuse_io_uring(ENOSYS);
    char name[16];
    char reason[200] = "";
    cr_assert(create_and_name(HENGE_TRANSPORT_AUTO, name, reason, sizeof reason) == HENGE_OK);
    cr_assert(strcmp(name, "epoll") == 0);
    cr_assert(strstr(reason, "kernel without io_uring") != NULL, "%s", reason);
}

Test(transport_choice, bad_settings, .timeout = CASE_LIMIT_S) {
    struct transport_settings bad[6];
    for (size_t i = 0; i < 6; i++) {
        bad[i] = world_settings(HENGE_TRANSPORT_AUTO);
    }
    bad[0].receive_buffers = 48;
    bad[1].receive_buffers = 65536;
    bad[2].endpoints_max = 0;
    bad[3].streams_max = 65536;
    bad[4].sends_max = 0;
    bad[5].kind = (enum henge_transport)17;
    for (size_t i = 0; i < 6; i++) {
        struct memory memory;
        memory_init(&memory, NULL);
        struct transport *transport = NULL;
        char reason[200] = "";
        cr_assert(transport_create(&bad[i], &memory, &transport, reason, sizeof reason) ==
                  HENGE_INVALID);
        cr_assert(strlen(reason) > 0);
    }
}

/* Each allocation fails once: an ordinary answer, and nothing is left behind. */
CASE(create_without_memory) {
    const uint32_t descriptors = open_descriptors();
    const struct transport_settings settings = world_settings(kind);
    uint32_t failures = 0;
    for (int64_t nth = 0;; nth++) {
        struct memory memory;
        memory_init(&memory, NULL);
        memory_fail_after(&memory, nth);
        struct transport *transport = NULL;
        char reason[200] = "";
        const enum henge_status status =
            transport_create(&settings, &memory, &transport, reason, sizeof reason);
        if (status == HENGE_OK) {
            transport_destroy(transport);
        } else {
            cr_assert(status == HENGE_NO_MEMORY, "%d: %s", (int)status, reason);
            cr_assert(strlen(reason) > 0);
            failures++;
        }
        cr_assert(atomic_load(&memory.held_bytes[HENGE_MEMORY_NET]) == 0);
        if (status == HENGE_OK) {
            break;
        }
        cr_assert(nth < 100);
    }
    cr_assert(failures >= 2);
    cr_assert(open_descriptors() == descriptors);
}

/* No descriptor for accept: the endpoint tries again by and by instead of spinning, and works when
 * there are descriptors again. */
SOCKET_CASE(out_of_descriptors) {
    enum { DESCRIPTORS = 100 };
    /* First: a multishot accept keeps the limit that it was begun with. */
    const struct rlimit limit = {.rlim_cur = DESCRIPTORS, .rlim_max = DESCRIPTORS};
    cr_assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    struct transport_settings settings = world_settings(kind);
    struct world *world = world_create(&settings);
    struct henge_address bound;
    const uint32_t a = world_endpoint(world, world_loopback(), &bound);
    world_settle(world);
    world->reads_streams = true;
    const uint32_t id = world_connect(world, a, &bound);
    int taken[DESCRIPTORS];
    uint32_t taken_count = 0;
    while ((taken[taken_count] = dup(STDERR_FILENO)) >= 0) {
        taken_count++;
    }
    cr_assert(world_stream(world, id)->connect_error == 0);
    const uint64_t end = clock_monotonic_ns() + 300 * NS_PER_MS;
    uint32_t turns = 0;
    while (clock_monotonic_ns() < end) {
        (void)world_turn(world, 20 * NS_PER_MS);
        turns++;
    }
    cr_assert(turns < 100, "%u turns", turns);
    cr_assert(world->accepted_count == 0);
    const uint32_t refused = world_connect(world, a, &bound);
    cr_assert(refused != TRANSPORT_NO_STREAM);
    WORLD_UNTIL(world, world_stream(world, refused)->is_connect_over);
    cr_assert(world_stream(world, refused)->connect_error == EMFILE);
    while (taken_count > 0) {
        (void)close(taken[--taken_count]);
    }
    WORLD_UNTIL(world, world->accepted_count == 1);
    world_destroy(world);
}

/* More arrives between two turns than a completion queue holds (for certain in test_io_small): the
 * kernel keeps the rest and ends receives; they are started again, and nothing is lost. */
SOCKET_CASE(more_than_the_completion_queue_holds) {
    enum { ENDPOINTS = 100, EACH = 150 };
    struct transport_settings settings = world_settings(kind);
    settings.endpoints_max = ENDPOINTS;
    settings.receive_buffers = 32768;
    struct world *world = world_create(&settings);
    static struct henge_address bound[ENDPOINTS];
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        (void)world_endpoint(world, world_loopback(), &bound[i]);
    }
    world_settle(world);
    for (uint32_t round = 1; round <= 2; round++) {
        for (uint32_t i = 0; i < ENDPOINTS; i++) {
            const int outside = foreign_socket(&bound[i]);
            for (uint32_t j = 0; j < EACH; j++) {
                cr_assert(send(outside, "ab", 2, 0) == 2);
            }
            (void)close(outside);
        }
        WORLD_UNTIL(world, world->arrivals_count == round * ENDPOINTS * EACH);
    }
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        cr_assert(world_arrivals_of(world, i) == 2 * EACH);
    }
    world_destroy(world);
}
