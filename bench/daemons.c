/* bench/daemons.c - how fast do real daemons on this machine find out, and what do they cost at
 * rest?
 *
 * How to read it. Real henged processes on 127.0.0.1, asked through the henge command every few
 * milliseconds; one run per row, so the figures are those of one run, not medians. `nodes` is the
 * size of the cluster.
 *
 * - crash, first / last: kill -9 of one; seconds until the first and the last survivor has it DEAD
 * - leave: SIGTERM of one; seconds until every other holds it LEFT
 * - pause: SIGSTOP for 20 s, DEAD at all others, SIGCONT; seconds until it is ALIVE at all again
 * - join: fifty started at once through one seed; seconds until all see all and every ring
 *   fingerprint is equal, starting of the processes included
 * - idle CPU, packets: five at rest for 30 s; per cent of a core per daemon (mean), from
 *   /proc/PID/schedstat of all threads, and packets sent per second per node
 *
 * LAN and LOCAL are the presets (probe period 1 s and 200 ms). Options: --only WORD runs the rows
 * whose name begins so, --transport NAME and --threads N go to every daemon, --json. HENGE_BIN
 * names the directory of the programs (default: ../tools beside this one). Exit codes: 0 printed, 1
 * something did not happen within a minute, 2 usage. */
#include "bench/report.h"
#include "tests/support/daemons.h"
#include <dirent.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIVE = 5, FIFTY = 50, ROWS_MAX = 16, PAUSE_MS = 20000, IDLE_MS = 30000, SETTLE_MS = 3000 };

static struct report_row rows[ROWS_MAX];
static size_t rows_count;
static const char *only = "";
static struct daemon daemons[FIFTY];
static char directory[128];

static void row_add(const char *name, uint64_t nodes, double value, const char *unit, double goal) {
    rows[rows_count++] = (struct report_row){.name = name,
                                             .n = nodes,
                                             .value = value,
                                             .low = value,
                                             .high = value,
                                             .unit = unit,
                                             .goal = goal};
}

static bool is_wanted(const char *name) {
    return strncmp(name, only, strlen(only)) == 0;
}

static void require(bool is_good, const char *what) {
    if (!is_good) {
        fprintf(stderr, "bench_daemons: %s\n", what);
        exit(1);
    }
}

static void up(size_t count, const char *preset) {
    const char *flags[] = {"--preset", preset, NULL};
    fprintf(stderr, "%zu daemons, preset %s ...\n", count, preset);
    daemons_begin(directory);
    require(daemons_cluster(daemons, count, directory, flags), "the cluster did not come up");
}

static void down(size_t count) {
    for (size_t index = 0; index < count; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}

/* Seconds from now until the first and the last of the others hold daemons[which] in `status`. */
static void watch(size_t count, size_t which, const char *status, double *first, double *last) {
    bool is_told[FIFTY] = {false};
    uint64_t begin_ms = daemon_now_ms();
    size_t told = 0;
    *first = 0;
    while (told < count - 1 && daemon_now_ms() - begin_ms < DAEMON_WAIT_MS) {
        for (size_t index = 0; index < count; index++) {
            if (index != which && !is_told[index] &&
                strcmp(daemon_status_of(&daemons[index], daemons[which].name), status) == 0) {
                is_told[index] = true;
                *last = (double)(daemon_now_ms() - begin_ms) / 1000;
                *first = told++ == 0 ? *last : *first;
            }
        }
    }
    require(told == count - 1, "not everybody was told");
}

static void crash(const char *preset, const char *first_name, const char *last_name) {
    double first, last;
    if (!is_wanted(first_name)) {
        return;
    }
    up(FIVE, preset);
    daemon_sleep_ms(SETTLE_MS);
    daemon_stop(&daemons[2], SIGKILL);
    watch(FIVE, 2, "DEAD", &first, &last);
    row_add(first_name, FIVE, first, "s", 0);
    row_add(last_name, FIVE, last, "s", 0);
    down(FIVE);
}

static void leave(void) {
    double first, last;
    if (!is_wanted("leave")) {
        return;
    }
    up(FIVE, "lan");
    daemon_sleep_ms(SETTLE_MS);
    kill(daemons[4].pid, SIGTERM);
    watch(FIVE, 4, "LEFT", &first, &last);
    row_add("leave known to all, LAN", FIVE, last, "s", 1);
    down(FIVE);
}

static void pause_one(void) {
    double first, last;
    if (!is_wanted("pause")) {
        return;
    }
    up(FIVE, "lan");
    daemon_sleep_ms(SETTLE_MS);
    kill(daemons[3].pid, SIGSTOP);
    daemon_sleep_ms(PAUSE_MS);
    watch(FIVE, 3, "DEAD", &first, &last); /* or there would be nothing to come back from */
    kill(daemons[3].pid, SIGCONT);
    watch(FIVE, 3, "ALIVE", &first, &last);
    row_add("pause of 20 s, back everywhere, LAN", FIVE, last, "s", 5);
    down(FIVE);
}

static void join(void) {
    if (!is_wanted("join")) {
        return;
    }
    uint64_t begin_ms = daemon_now_ms();
    up(FIFTY, "lan");
    row_add("join through one seed, all agree, LAN", FIFTY,
            (double)(daemon_now_ms() - begin_ms) / 1000, "s", 0);
    down(FIFTY);
}

/* CPU of all threads of a process. */
static uint64_t cpu_ns(pid_t pid) {
    char path[64], file[400];
    uint64_t sum = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *task; tasks && (task = readdir(tasks)) != NULL;) {
        char run_ns[32];
        snprintf(file, sizeof(file), "%s/%s/schedstat", path, task->d_name);
        FILE *stat = fopen(file, "re");
        if (stat && fgets(run_ns, sizeof(run_ns), stat)) {
            sum += strtoull(run_ns, NULL, 10);
        }
        if (stat) {
            fclose(stat);
        }
    }
    if (tasks) {
        closedir(tasks);
    }
    return sum;
}

static void idle(const char *preset, const char *cpu_name, const char *packets_name, double goal) {
    uint64_t packets[FIVE], times[FIVE];
    double cpu_sum = 0, packets_sum = 0;
    if (!is_wanted(cpu_name)) {
        return;
    }
    up(FIVE, preset);
    daemon_sleep_ms(SETTLE_MS);
    for (int index = 0; index < FIVE; index++) {
        packets[index] = daemon_info(&daemons[index], "packets_sent");
        times[index] = cpu_ns(daemons[index].pid);
    }
    daemon_sleep_ms(IDLE_MS);
    for (int index = 0; index < FIVE; index++) {
        cpu_sum += (double)(cpu_ns(daemons[index].pid) - times[index]);
        packets_sum += (double)(daemon_info(&daemons[index], "packets_sent") - packets[index]);
    }
    row_add(cpu_name, FIVE, cpu_sum / FIVE / IDLE_MS / 1e6 * 100, "% of a core", goal);
    row_add(packets_name, FIVE, packets_sum / FIVE / IDLE_MS * 1e3, "packets/s", 0);
    down(FIVE);
}

static int usage(void) {
    fprintf(stderr, "usage: bench_daemons [--only crash|leave|pause|join|idle] [--transport NAME]\n"
                    "                     [--threads N] [--json]\n"
                    "The head of bench/daemons.c says how to read the table.\n");
    return 2;
}

static void find_programs(const char *self) {
    char beside[512];
    const char *slash = strrchr(self, '/');
    snprintf(beside, sizeof(beside), "%.*s/../tools", slash ? (int)(slash - self) : 1,
             slash ? self : ".");
    setenv("HENGE_BIN", beside, 0);
}

int main(int count, char **arguments) {
    static const struct option words[] = {
        {"only", required_argument, NULL, 'o'},    {"transport", required_argument, NULL, 't'},
        {"threads", required_argument, NULL, 'n'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    bool is_json = false;
    int word;
    while ((word = getopt_long(count, arguments, "", words, NULL)) != -1) {
        if (word == 'o') {
            only = optarg;
        } else if (word == 't') {
            setenv("HENGE_TEST_TRANSPORT", optarg, 1);
        } else if (word == 'n') {
            setenv("HENGE_TEST_THREADS", optarg, 1);
        } else if (word == 'j') {
            is_json = true;
        } else {
            return word == 'h' ? (usage(), 0) : usage();
        }
    }
    find_programs(arguments[0]);
    crash("lan", "crash, first DEAD, LAN", "crash, last DEAD, LAN");
    crash("local", "crash, first DEAD, LOCAL", "crash, last DEAD, LOCAL");
    leave();
    pause_one();
    join();
    idle("lan", "idle CPU per daemon, LAN", "idle packets sent per node, LAN", 0.3);
    idle("local", "idle CPU per daemon, LOCAL", "idle packets sent per node, LOCAL", 0);
    if (rows_count == 0) {
        return usage();
    }
    report_print("daemons", "nodes", rows, rows_count, is_json);
    return 0;
}
