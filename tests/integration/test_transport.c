/* Which transport a daemon takes: as told, or by itself where the kernel refuses io_uring. */
#include "tests/support/daemons.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* io_uring_setup answers EPERM, as in many containers. */
static void refuse_io_uring(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        fprintf(stderr, "seccomp: %s\n", strerror(errno));
    }
}

/* Containers often refuse it to this program too; what does not need it is then still tested. */
static bool kernel_has_io_uring(void) {
    long result = syscall(SYS_io_uring_setup, 0, NULL);
    bool has = result >= 0 || (errno != EPERM && errno != ENOSYS && errno != EACCES);
    if (!has) {
        fprintf(stderr, "io_uring is refused here: %s\n", strerror(errno));
    }
    return has;
}

Test(transport, as_told, .timeout = 120) {
    static const char *const names[] = {"epoll", "io_uring"};
    char directory[128];
    daemons_begin(directory);
    for (int which = 0; which < (kernel_has_io_uring() ? 2 : 1); which++) {
        struct daemon daemon;
        const char *flags[] = {"--transport", names[which], NULL};
        cr_assert(daemon_start(&daemon, directory, names[which], flags));
        cr_assert_str_eq(daemon_info_text(&daemon, "transport"), names[which]);
        daemon_stop(&daemon, SIGKILL);
    }
    daemons_end(directory);
}

Test(transport, auto_falls_back_and_says_so, .timeout = 120) {
    char directory[128];
    struct daemon first, second;
    const char *flags[] = {"--transport", "auto", NULL};
    daemons_begin(directory);
    daemon_spawn(&first, directory, "first", flags, refuse_io_uring);
    cr_assert(daemon_wait_up(&first));
    cr_assert_str_eq(daemon_info_text(&first, "transport"), "epoll");
    cr_assert(strstr(daemon_info_text(&first, "transport_reason"), "io_uring"));
    const char *joining[] = {"--transport", kernel_has_io_uring() ? "io_uring" : "epoll", "--join",
                             first.address, NULL};
    cr_assert(daemon_start(&second, directory, "second", joining));
    cr_assert(daemon_wait_info(&first, "members_alive", 2));
    cr_assert(daemon_wait_info(&second, "members_alive", 2));
    daemon_stop(&first, SIGKILL);
    daemon_stop(&second, SIGKILL);
    daemons_end(directory);
}

Test(transport, io_uring_refused_is_a_clear_failure, .timeout = 120) {
    char directory[128], command[512], log[4096];
    struct daemon daemon;
    const char *flags[] = {"--transport", "io_uring", NULL};
    daemons_begin(directory);
    daemon_spawn(&daemon, directory, "n", flags, refuse_io_uring);
    cr_assert_eq(daemon_stop(&daemon, 0), 1);
    snprintf(command, sizeof(command), "cat %s/n.log", directory);
    daemon_run(command, log, sizeof(log));
    cr_assert(strstr(log, "io_uring"), "%s", log);
    daemons_end(directory);
}
