/* core/runtime/affinity.c - see affinity.h. */
#include "core/runtime/affinity.h"
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CPUS_FOR_ONE_EACH = 4 };

static int nth_cpu(const cpu_set_t *allowed, uint32_t index) {
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET((size_t)cpu, allowed) && index-- == 0) {
            return cpu;
        }
    }
    return -1;
}

static void choose_auto(const cpu_set_t *allowed, uint32_t count, int *cpus) {
    uint32_t usable = (uint32_t)CPU_COUNT(allowed);
    uint32_t first = usable > 0 ? (uint32_t)getpid() % usable : 0;
    for (uint32_t index = 0; index < count; index++) {
        uint32_t step = usable >= CPUS_FOR_ONE_EACH ? index : 0;
        cpus[index] = usable > 0 ? nth_cpu(allowed, (first + step) % usable) : -1;
    }
}

static bool choose_listed(const char *setting, const cpu_set_t *allowed, uint32_t count,
                          int *cpus) {
    const char *at = setting;
    for (uint32_t index = 0; index < count; index++) {
        char *end;
        long cpu = strtol(at, &end, 10);
        if (end == at || cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, allowed)) {
            return false;
        }
        cpus[index] = (int)cpu;
        at = *end == ',' ? end + 1 : at;
    }
    return true;
}

static bool is_auto(const char *setting) {
    return setting[0] == '\0' || strcmp(setting, "auto") == 0;
}

bool affinity_choose(const char *setting, uint32_t count, int *cpus) {
    cpu_set_t allowed;
    for (uint32_t index = 0; index < count; index++) {
        cpus[index] = -1;
    }
    if (strcmp(setting, "none") == 0) {
        return true;
    }
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        return strcmp(setting, "auto") == 0;
    }
    if (is_auto(setting)) {
        choose_auto(&allowed, count, cpus);
        return true;
    }
    return choose_listed(setting, &allowed, count, cpus);
}

bool affinity_is_shared(const char *setting, uint32_t count) {
    cpu_set_t allowed;
    return count > 1 && is_auto(setting) && sched_getaffinity(0, sizeof(allowed), &allowed) == 0 &&
           CPU_COUNT(&allowed) > 1 && CPU_COUNT(&allowed) < CPUS_FOR_ONE_EACH;
}

bool affinity_widen(const cpu_set_t *cpus) {
    return pthread_setaffinity_np(pthread_self(), sizeof(*cpus), cpus) == 0;
}

bool affinity_pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
}
