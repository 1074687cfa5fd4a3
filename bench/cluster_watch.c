/* bench/cluster_watch.c - what the main thread does all the time: it sleeps, hears events, takes a
 * sample of the whole a few times a second, and shows it; see cluster.h.
 *
 * Events carry the time they were made at, so it does not matter when they are heard. */
#include "bench/cluster.h"
#include "core/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    TURN_MS = 2,  /* where a moment is looked for */
    REST_MS = 50, /* where time passes, or events tell the moment */
    HEAR_MS = 250,
    SAMPLE_MS = 250,
    REST_SAMPLE_MS = 1000, /* looking at a thousand nodes disturbs them */
    EVENTS_CAPACITY = 128
};

double cluster_now_s(const struct cluster *cluster) {
    return (double)(clock_monotonic_ns() - cluster->begin_ns) / (double)NS_PER_S;
}

static bool subscribe(struct cluster *cluster, uint32_t slot) {
    struct cluster_node *self = &cluster->nodes[slot];
    struct henge_events *events = NULL;
    enum henge_status status = HENGE_OK;
    pthread_mutex_lock(&self->lock);
    if (self->node) {
        status = henge_events_subscribe(self->node, cluster->listen_mask, EVENTS_CAPACITY, &events);
        self->events = events;
    }
    pthread_mutex_unlock(&self->lock);
    return status == HENGE_OK;
}

static bool unsubscribe(struct cluster *cluster, uint32_t slot) {
    struct cluster_node *self = &cluster->nodes[slot];
    pthread_mutex_lock(&self->lock);
    if (self->events) {
        henge_events_unsubscribe(self->events);
        self->events = NULL;
    }
    pthread_mutex_unlock(&self->lock);
    return true;
}

void cluster_listen(struct cluster *cluster, uint32_t mask, struct cluster_listener listener) {
    cluster->listener = listener;
    cluster->listen_mask = mask;
    if (!cluster_crew_run(cluster, subscribe, 0, cluster->slots, 0)) {
        fprintf(stderr, "bench_cluster: not every node takes a subscription\n");
        cluster->has_failed = true;
    }
}

void cluster_deafen(struct cluster *cluster) {
    (void)cluster_crew_run(cluster, unsubscribe, 0, cluster->slots, 0);
    cluster->listener.hear = NULL;
}

static void hear(struct cluster *cluster) {
    struct henge_event event;
    for (uint32_t slot = 0; slot < cluster->slots; slot++) {
        struct cluster_node *self = &cluster->nodes[slot];
        if (pthread_mutex_trylock(&self->lock) != 0) {
            continue;
        }
        while (self->events && henge_events_next(self->events, &event) == HENGE_OK) {
            cluster->events_lost += event.type == HENGE_RESYNC ? event.lost : 0;
            cluster->listener.hear(cluster->listener.context, slot, &event);
        }
        pthread_mutex_unlock(&self->lock);
    }
}

static void sample_keep(struct cluster *cluster, const struct cluster_sample *sample) {
    if (cluster->samples_count == cluster->samples_room) {
        size_t room = cluster->samples_room == 0 ? 1024 : 2 * cluster->samples_room;
        struct cluster_sample *more = realloc(cluster->samples, room * sizeof(*more));
        if (!more) {
            return; /* the timeline ends here */
        }
        cluster->samples = more;
        cluster->samples_room = room;
    }
    cluster->samples[cluster->samples_count++] = *sample;
}

static void sample_take(struct cluster *cluster, uint64_t now_ns) {
    uint64_t cpu_ns = cluster_cpu_ns();
    cpu_ns = cpu_ns > cluster->sampled_cpu_ns ? cpu_ns : cluster->sampled_cpu_ns; /* two clocks */
    struct cluster_sample sample = {.at_s = cluster_now_s(cluster),
                                    .agreed = cluster_agreed_share(cluster),
                                    .cpu = (double)(cpu_ns - cluster->sampled_cpu_ns) /
                                           (double)(now_ns - cluster->sampled_ns),
                                    .up = cluster->up,
                                    .phase = cluster->phases_count - 1};
    cluster->sampled_ns = now_ns;
    cluster->sampled_cpu_ns = cpu_ns;
    sample_keep(cluster, &sample);
    if (cluster->is_terminal) {
        fprintf(stderr, "\r%7.1f s  %-12s %4u up, %5.1f %% agree, CPU %3.0f %% \033[K", sample.at_s,
                cluster->phase_names[sample.phase], sample.up, sample.agreed * 100,
                sample.cpu * 100);
    }
}

static void turn(struct cluster *cluster, long pause_ms, uint64_t sample_ms) {
    const struct timespec pause = {.tv_nsec = pause_ms * (long)NS_PER_MS};
    nanosleep(&pause, NULL);
    uint64_t now_ns = clock_monotonic_ns();
    if (cluster->listener.hear && now_ns - cluster->heard_ns >= HEAR_MS * NS_PER_MS) {
        cluster->heard_ns = now_ns;
        hear(cluster);
    }
    if (now_ns - cluster->sampled_ns >= sample_ms * NS_PER_MS) {
        sample_take(cluster, now_ns);
    }
}

void cluster_turn(struct cluster *cluster) {
    turn(cluster, TURN_MS, SAMPLE_MS);
}

void cluster_rest(struct cluster *cluster) {
    turn(cluster, REST_MS, REST_SAMPLE_MS);
}

void cluster_phase_begin(struct cluster *cluster, const char *name) {
    cluster->phase_begins_s[cluster->phases_count] = cluster_now_s(cluster);
    cluster->phase_names[cluster->phases_count++] = name;
    if (cluster->is_terminal) {
        fputs("\r\033[K", stderr);
    }
    fprintf(stderr, "%7.1f s  %s\n", cluster_now_s(cluster), name);
}

void cluster_wait_s(struct cluster *cluster, double seconds) {
    double until_s = cluster_now_s(cluster) + seconds;
    while (cluster_now_s(cluster) < until_s) {
        cluster_rest(cluster);
    }
}

bool cluster_wait_agreed(struct cluster *cluster, const char *what, enum cluster_agreement on) {
    double until_s = cluster_now_s(cluster) + cluster->options.limit_s;
    while (!cluster_is_agreed(cluster, on)) {
        if (cluster_now_s(cluster) > until_s) {
            fprintf(stderr, "bench_cluster: %s: not all agree after %u s, only %.1f %%\n", what,
                    cluster->options.limit_s, cluster_agreed_share(cluster) * 100);
            cluster->has_failed = true;
            return false;
        }
        cluster_turn(cluster);
    }
    return true;
}

void cluster_row_samples(struct cluster *cluster, const char *name, double *samples, size_t count,
                         const char *unit, double goal) {
    if (count == 0 || cluster->rows_count == CLUSTER_ROWS_MAX) {
        return;
    }
    struct report_row *row = &cluster->rows[cluster->rows_count++];
    *row =
        (struct report_row){.name = name, .n = cluster->options.nodes, .unit = unit, .goal = goal};
    report_set_samples(row, samples, count);
}

void cluster_row(struct cluster *cluster, const char *name, double value, const char *unit,
                 double goal) {
    cluster_row_samples(cluster, name, &value, 1, unit, goal);
}
