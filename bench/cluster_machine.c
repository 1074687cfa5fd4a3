/* bench/cluster_machine.c - what /proc says of this process and of the machine; see cluster.h. */
#include "bench/cluster.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { KIB = 1024 };

/* The numbers at the begin of a file's first line, behind a word if there is one; 0 for those that
 * are missing. */
static void numbers_read(const char *path, uint64_t *numbers, size_t count) {
    char line[256] = "";
    FILE *file = fopen(path, "re");
    if (file) {
        if (!fgets(line, sizeof(line), file)) {
            line[0] = '\0';
        }
        fclose(file);
    }
    char *at = line + strspn(line, "abcdefghijklmnopqrstuvwxyz");
    for (size_t i = 0; i < count; i++) {
        numbers[i] = strtoull(at, &at, 10);
    }
}

double cluster_resident_kib(void) {
    uint64_t pages[2]; /* of the process's size, resident */
    numbers_read("/proc/self/statm", pages, 2);
    return (double)pages[1] * (double)sysconf(_SC_PAGESIZE) / KIB;
}

double cluster_resident_most_kib(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss : 0;
}

double cluster_machine_busy_s(void) {
    enum { USER, NICE, SYSTEM, IDLE, WAIT, IRQ, SOFT_IRQ, COUNT };
    uint64_t ticks[COUNT];
    numbers_read("/proc/stat", ticks, COUNT);
    uint64_t busy = ticks[USER] + ticks[NICE] + ticks[SYSTEM] + ticks[IRQ] + ticks[SOFT_IRQ];
    return (double)busy / (double)sysconf(_SC_CLK_TCK);
}
