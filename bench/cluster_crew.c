/* bench/cluster_crew.c - threads for calls that block; see cluster.h. */
#include "bench/cluster.h"
#include "core/base/clock.h"
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* So many calls are under way at once. */
enum { CREW = 64, STACK_BYTES = 256 * 1024 };

struct crew {
    struct cluster *cluster;
    bool (*job)(struct cluster *cluster, uint32_t slot);
    uint32_t first, count;
    uint64_t begin_ns, step_ns;
    _Atomic uint32_t next, working, failed;
};

static void sleep_until_ns(uint64_t at_ns) {
    struct timespec at = {.tv_sec = (time_t)(at_ns / NS_PER_S),
                          .tv_nsec = (long)(at_ns % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0) {
    }
}

static void *work(void *argument) {
    struct crew *crew = argument;
    uint32_t index;
    while ((index = crew->next++) < crew->count) {
        sleep_until_ns(crew->begin_ns + index * crew->step_ns);
        if (!crew->job(crew->cluster, crew->first + index)) {
            crew->failed++;
        }
    }
    crew->working--;
    return NULL;
}

bool cluster_crew_run(struct cluster *cluster, bool (*job)(struct cluster *cluster, uint32_t slot),
                      uint32_t first, uint32_t count, double over_s) {
    struct crew crew = {.cluster = cluster, .job = job, .first = first, .count = count};
    pthread_t threads[CREW];
    pthread_attr_t attributes;
    uint32_t started = 0;
    crew.begin_ns = clock_monotonic_ns();
    crew.step_ns = count > 0 ? (uint64_t)(over_s * (double)NS_PER_S) / count : 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (started < CREW && started < count) {
        crew.working++;
        if (pthread_create(&threads[started], &attributes, work, &crew) != 0) {
            crew.working--;
            break;
        }
        started++;
    }
    pthread_attr_destroy(&attributes);
    while (crew.working > 0) {
        cluster_turn(cluster);
    }
    for (uint32_t index = 0; index < started; index++) {
        pthread_join(threads[index], NULL);
    }
    return crew.failed == 0 && (started > 0 || count == 0);
}
