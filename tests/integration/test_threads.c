/* The three threads by name and CPU, with every setting of threads and affinity. */
#include "tests/support/daemons.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct threads {
    size_t named;
    size_t pinned;
    bool has_io, has_gossip, has_detect;
};

static struct threads threads_of(pid_t pid) {
    struct threads threads = {.named = 0};
    char path[64], name[32];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *task; tasks && (task = readdir(tasks)) != NULL;) {
        cpu_set_t cpus;
        char file[360];
        snprintf(file, sizeof(file), "%s/%s/comm", path, task->d_name);
        FILE *comm = fopen(file, "re");
        if (!comm || !fgets(name, sizeof(name), comm) || strncmp(name, "henge-", 6) != 0) {
            if (comm) {
                fclose(comm);
            }
            continue;
        }
        fclose(comm);
        threads.named++;
        threads.has_io |= strcmp(name, "henge-io\n") == 0;
        threads.has_gossip |= strcmp(name, "henge-gossip\n") == 0;
        threads.has_detect |= strcmp(name, "henge-detect\n") == 0;
        sched_getaffinity((pid_t)strtol(task->d_name, NULL, 10), sizeof(cpus), &cpus);
        threads.pinned += CPU_COUNT(&cpus) == 1;
    }
    closedir(tasks);
    return threads;
}

static void on_one_cpu(void) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
}

static struct threads run(const char *const *flags, void (*prepare)(void)) {
    struct daemon daemon;
    char directory[128];
    daemons_begin(directory);
    daemon_spawn(&daemon, directory, "n", flags, prepare);
    cr_assert(daemon_wait_up(&daemon));
    struct threads threads = threads_of(daemon.pid);
    daemon_stop(&daemon, SIGKILL);
    daemons_end(directory);
    return threads;
}

Test(threads, three_by_default_each_pinned, .timeout = 120) {
    const char *flags[] = {"--threads", "3", "--affinity", "auto", NULL};
    for (int one_cpu = 0; one_cpu < 2; one_cpu++) {
        struct threads threads = run(flags, one_cpu ? on_one_cpu : NULL);
        cr_assert(threads.has_io && threads.has_gossip && threads.has_detect);
        cr_assert_eq(threads.named, 3);
        cr_assert_eq(threads.pinned, 3);
    }
}

Test(threads, one_and_two, .timeout = 120) {
    const char *one[] = {"--threads", "1", "--affinity", "auto", NULL};
    const char *two[] = {"--threads", "2", "--affinity", "auto", NULL};
    struct threads threads = run(one, NULL);
    cr_assert(threads.named == 1 && threads.has_io && threads.pinned == 1);
    threads = run(two, NULL);
    cr_assert(threads.named == 2 && threads.has_io && threads.has_gossip && threads.pinned == 2);
}

Test(threads, affinity_none_pins_nothing, .timeout = 120) {
    const char *flags[] = {"--threads", "3", "--affinity", "none", NULL};
    struct threads threads = run(flags, NULL);
    cr_assert_eq(threads.named, 3);
    cpu_set_t cpus;
    sched_getaffinity(0, sizeof(cpus), &cpus);
    cr_assert(threads.pinned == 0 || CPU_COUNT(&cpus) == 1);
}
